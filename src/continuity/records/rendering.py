"""What the loop passes around: recipes, costs, tickets, trials, budgets, decisions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum

from continuity.errors import UsageError
from continuity.media import Clip, Image, Media
from continuity.records.measuring import Json

MOST = 1e15  # what is more is no budget of this world
KINDS = ("render", "decode", "preview", "score", "repair")  # of seconds


class State(StrEnum):
    """The named state in which every candidate ends, ``asked`` while it runs."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    INCONCLUSIVE = "inconclusive"
    ABORTED = "aborted"
    FAILED = "failed"
    LOST = "lost"  # its lease is dead: the worker that asked is gone


class Origin(StrEnum):
    """Where a proposal came from; a promise about random candidates does not cover learned ones."""

    RANDOM = "random"
    LEARNED = "learned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds by kind, on which device, and how far the render came. Money is derived, never stored alone.

    What was spent on other devices, such as by a repair, is in ``elsewhere``, one cost per device; the seconds named
    here are those on ``device``. All sums are over all devices.
    """

    render: float = 0.0
    decode: float = 0.0
    preview: float = 0.0
    score: float = 0.0
    repair: float = 0.0
    device: str = "cpu"  # such as cpu, cuda:NVIDIA H100
    steps_run: int | None = None
    steps_planned: int | None = None
    elsewhere: tuple[Cost, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.device, str):
            raise UsageError(f"the device of a cost is text such as cpu or cuda:NVIDIA H100, got {self.device!r}")
        for kind in KINDS:
            seconds = getattr(self, kind)
            if not (math.isfinite(seconds) and seconds >= 0):
                raise UsageError(f"a cost counts seconds from 0 up, got {kind} = {seconds}")

    @property
    def by_device(self) -> Mapping[str, Mapping[str, float]]:
        """Seconds by kind of each device, its own first."""
        return {one.device: {kind: getattr(one, kind) for kind in KINDS} for one in (self, *self.elsewhere)}

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds by kind."""
        return {kind: sum(getattr(one, kind) for one in (self, *self.elsewhere)) for kind in KINDS}

    @property
    def total(self) -> float:
        """All seconds."""
        return sum(self.seconds.values())

    @property
    def gpu_seconds(self) -> float:
        """Seconds that a CUDA device was held: all but scoring, which may run elsewhere."""
        held = [kinds for device, kinds in self.by_device.items() if device.startswith("cuda")]
        return sum(seconds for kinds in held for kind, seconds in kinds.items() if kind != "score")

    @property
    def render_equivalents(self) -> float:
        """1 for a full render; an aborted one counts the share of the steps it ran."""
        if self.steps_run is None or not self.steps_planned:
            return 1.0
        return min(1.0, self.steps_run / self.steps_planned)

    def __add__(self, other: Cost) -> Cost:
        """The seconds of both, each on its device; device and steps are of the first."""
        sums = {device: dict(kinds) for device, kinds in self.by_device.items()}
        for device, kinds in other.by_device.items():
            of_device = sums.setdefault(device, dict.fromkeys(KINDS, 0.0))
            for kind, seconds in kinds.items():
                of_device[kind] += seconds
        own = sums.pop(self.device)
        others = [replace(Cost(device=device), **kinds) for device, kinds in sums.items() if any(kinds.values())]  # type: ignore[arg-type]
        return replace(self, elsewhere=tuple(others), **own)  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Json]:
        """A plain mapping, without the fields that were not recorded."""
        own = {k: v for k, v in asdict(replace(self, elsewhere=())).items() if v is not None and k != "elsewhere"}
        return {**own, "elsewhere": [one.to_json() for one in self.elsewhere]} if self.elsewhere else own


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Prices per device-second by device prefix (``cuda``, ``cpu``), in one ISO 4217 currency."""

    currency: str = "EUR"
    per_second: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.currency) != 3 or not self.currency.isalpha() or not self.currency.isupper():
            raise UsageError(f"a currency is an ISO 4217 code such as EUR, got {self.currency!r}")
        for device, price in self.per_second.items():
            if not (isinstance(price, int | float) and math.isfinite(price) and price >= 0):
                raise UsageError(f"the rate of {device} is a price per second from 0 up, got {price}")

    def price(self, device: str) -> float:
        """The price of one second on ``device``: its longest matching prefix, 0 where none matches."""
        matching = [d for d in self.per_second if device.startswith(d)]
        return self.per_second[max(matching, key=len)] if matching else 0.0

    def unpriced(self, devices: Iterable[str]) -> list[str]:
        """Those of the devices that no rate is given for, sorted: their seconds count as free of charge."""
        return sorted({d for d in devices if not any(d.startswith(prefix) for prefix in self.per_second)})

    @property
    def priced(self) -> bool:
        """Whether anything has a price."""
        return any(self.per_second.values())

    def money(self, amount: float) -> str:
        """An amount with its currency, or a dash where nothing has a price."""
        return f"{amount:,.2f} {self.currency}" if self.priced else "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of a shot over all runs and workers; the first one reached stops it. None is no limit.

    ``cost`` is in the currency of ``rates``.
    """

    candidates: int | None = None
    seconds: float | None = None
    gpu_seconds: float | None = None
    cost: float | None = None
    rates: Rates = field(default_factory=Rates)

    def __post_init__(self) -> None:
        if self.candidates is not None and (type(self.candidates) is not int or not 1 <= self.candidates <= MOST):
            raise UsageError(f"budget: candidates is a whole number above 0 or left out, got {self.candidates!r}")
        for name in ("seconds", "gpu_seconds", "cost"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (number and 0 < value <= MOST):  # nan is neither
                raise UsageError(f"budget: {name} is a number above 0 or left out, got {value!r}")
        if self.cost is not None and not any(self.rates.per_second.values()):
            raise UsageError("budget: a cost limit needs rates with a price per device-second, got none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that is needed to render a candidate again.

    The shot fills ``prompt``, ``seed`` and ``changes`` (what the proposer changed); the generator completes it with
    ``details`` (model, scheduler, versions; truth, for a simulator) and ``inputs`` (role -> digest of an input medium).
    """

    prompt: str = ""
    seed: int = 0
    changes: Mapping[str, Json] = field(default_factory=dict)
    details: Mapping[str, Json] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """A plain mapping. Its values are not copied: details are long, and a recipe is written twice a candidate."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What a generator gives back: the media, what they cost, and the recipe completed."""

    media: Media
    cost: Cost
    recipe: Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What to change in the next recipe, and where the idea came from."""

    changes: Mapping[str, Json] = field(default_factory=dict)
    origin: Origin = Origin.RANDOM


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a proposer may know of an earlier candidate of the same shot."""

    index: int
    seed: int
    changes: Mapping[str, Json]
    state: State
    worst_excess: float | None  # normalised


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A candidate that was asked for and not yet told. ``measure_fully`` is the coin thrown for it."""

    candidate: int
    shot: str
    revision: int
    index: int
    recipe: Recipe
    origin: Origin
    measure_fully: bool

    @property
    def seed(self) -> int:
        """The seed to render with: 32 bits, unique within the shot."""
        return self.recipe.seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """Media that a repair has changed, what it cost, and the settings it used.

    All seconds of ``cost`` are counted as repair, on its device.
    """

    media: Media
    cost: Cost
    settings: Mapping[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.media, Image | Clip):
            raise UsageError(f"a repair gives an Image or a Clip, got {type(self.media).__name__}")
        if not isinstance(self.cost, Cost):
            raise UsageError(f"a repair says what it cost as Cost(repair=seconds), got {self.cost!r}")
        if not isinstance(self.settings, Mapping) or not all(isinstance(key, str) for key in self.settings):
            raise UsageError(f"the settings of a repair are a mapping with text as keys, got {self.settings!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """A repair that would not do; the reason is for people."""

    reason: str

    def __post_init__(self) -> None:
        if not isinstance(self.reason, str) or not self.reason.strip():
            raise UsageError(f"a repair that declines says why in words, got {self.reason!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A person's word on a candidate, kept apart from the machine's verdict and outranking it."""

    candidate: int
    accept: bool
    who: str = ""
    role: str = ""
    round: int = 1
    reason: str = ""
    when: str = ""  # UTC with offset, ISO 8601; filled by the ledger
