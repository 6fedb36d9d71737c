"""What a gate sees: instruments and measurements.

Values are deviations: larger is worse, 0 is the enrolled picture. JSON forms never contain NaN.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias, TypeVar

from continuity.errors import UnknownKey, UsageError
from continuity.records.shapes import Box, Point, Shape

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


class Status(StrEnum):
    """Whether there is a value at all."""

    MEASURED = "measured"
    NOT_MEASURABLE = "not_measurable"  # a face too small, a model that failed on this frame
    ABSENT = "absent"  # another instrument shows that there is nothing to judge
    SKIPPED = "skipped"  # an earlier failure settled the verdict


class Verdict(StrEnum):
    """The machine's word. ``fail`` outranks ``inconclusive`` outranks ``pass``."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"

    @property
    def rank(self) -> int:
        """0 for pass, 1 for inconclusive, 2 for fail: the verdict of an AND is the highest rank."""
        return list(Verdict).index(self)

    @property
    def exit_code(self) -> int:
        """What a command ends with: 0 pass, 1 fail, 3 inconclusive."""
        return {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 3}[self]


class Expect(StrEnum):
    """What a shot expects of the subject of a metric."""

    REQUIRED = "required"
    IF_PRESENT = "if_present"
    IF_MEASURABLE = "if_measurable"  # as if_present; what cannot be measured is not checked, and the report says so
    NOT_EXPECTED = "not_expected"


def expectation(key: str, word: str) -> Expect:
    """What a shot expects of the subject of a metric, from the word for it.

    Raises:
        UsageError: there is no such word.
    """
    try:
        return Expect(word)
    except ValueError:
        raise UsageError(f"{key}: expect is one of {', '.join(Expect)}; got {word!r}") from None


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face: ``points`` (x, y) in pixels in the detector's order, ``score`` its confidence in [0, 1]."""

    box: Box
    score: float
    points: tuple[tuple[float, float], ...] = ()

    @property
    def size(self) -> float:
        """The shorter side of the box in pixels."""
        return min(self.box.width, self.box.height)


@dataclass(frozen=True, slots=True)
class Hand:
    """A detected hand: 21 ``points`` (x, y) in pixels in MediaPipe's order, ``side`` as it appears, score in [0, 1].

    ``depths`` (21) are relative to the wrist, in pixels, smaller is nearer; the model guesses them.
    """

    points: tuple[Point, ...]
    depths: tuple[float, ...]
    side: str
    score: float


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model file that took part: what it is for, its sha256, and what its licence allows."""

    role: str
    name: str
    digest: str
    licence: str
    commercial: bool
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """All that changes the numbers of a metric: its version, its models, its rules. Not the machine it runs on."""

    metric: str
    version: int
    models: tuple[ModelCard, ...] = ()
    detector: str = ""
    join: str = ""
    sampling: str = ""
    precision: str = "fp32"
    preview: bool = False

    @property
    def digest(self) -> str:
        """16 hexadecimal digits over everything that changes numbers (a model counts by its sha256, not its name)."""
        parts = [
            self.metric,
            self.version,
            sorted([m.role, m.digest] for m in self.models),
            self.detector,
            self.join,
            self.sampling,
            self.precision,
            self.preview,
        ]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()

    @property
    def name(self) -> str:
        """Such as ``FaceDistance/1 (face-embedding 55533b28) 0f3a...``: for people, and for error messages."""
        models = ", ".join(f"{m.role} {m.digest[:8]}" for m in self.models)
        return f"{self.metric}/{self.version}{f' ({models})' if models else ''} [{self.digest}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMeasurement:
    """One metric on one frame. ``value`` is finite when measured, else None; ``note`` says why there is none."""

    status: Status
    value: float | None = None
    note: str = ""
    evidence: Mapping[str, Json] = field(default_factory=dict)
    shapes: tuple[Shape, ...] = ()  # for drawing
    index: int = 0
    seconds: float | None = None

    def __post_init__(self) -> None:
        _settle(self)
        measured = self.status is Status.MEASURED
        if measured and (self.value is None or not math.isfinite(self.value)):
            raise ValueError(f"a measured frame needs a finite value, got {self.value}: report it as not measurable")
        if not measured and self.value is not None:
            raise ValueError(f"a frame that is {self.status} has no value, got {self.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One metric on one candidate: its frames joined by the rule that the instrument names."""

    key: str
    unit: str
    expect: Expect
    status: Status
    value: float | None = None
    note: str = ""
    evidence: Mapping[str, Json] = field(default_factory=dict)
    shapes: tuple[Shape, ...] = ()
    frames: tuple[FrameMeasurement, ...] = ()
    worst_frame: int | None = None  # index of the frame in the source that carries ``value``
    coverage: float | None = None  # measured share of the frames where the subject is present
    left_out: tuple[
        tuple[int, int], ...
    ] = ()  # first and last frame of shots that need not be measurable, and were not
    instrument: Instrument | None = None  # attached by the gate
    seconds: float = 0.0

    def __post_init__(self) -> None:
        _settle(self)
        object.__setattr__(self, "expect", Expect(self.expect))
        measured = self.status is Status.MEASURED
        if measured != (self.value is not None) or (self.value is not None and not math.isfinite(self.value)):
            raise ValueError(f"{self.key}: status {self.status} does not go with value {self.value}")

    @property
    def shots_left_out(self) -> tuple[tuple[FrameMeasurement, ...], ...]:
        """The frames of each shot that does not count since it could not be measured and need not be."""
        shots = (tuple(f for f in self.frames if first <= f.index <= last) for first, last in self.left_out)
        return tuple(shot for shot in shots if shot)


def span(shot: Sequence[FrameMeasurement]) -> str:
    """The sampled frames of a shot in words: ``frames 40 to 79, 1.6 to 3.2 s``."""
    first, last = shot[0], shot[-1]
    if first is last:
        return f"frame {first.index}" + ("" if first.seconds is None else f", {first.seconds:.1f} s")
    times = [one.seconds for one in (first, last) if one.seconds is not None]
    return f"frames {first.index} to {last.index}" + (f", {times[0]:.1f} to {times[1]:.1f} s" if times[1:] else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """All metrics on one candidate, before anything is judged."""

    items: tuple[Measurement, ...]
    media: str  # digest of the measured media
    path: str = ""
    identity: str = ""  # digest
    identity_name: str = ""
    warnings: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    frames: int = 1  # frames sampled
    frame_count: int = 1
    cuts: tuple[int, ...] = ()  # numbers of the frames that a new shot begins with, inside a clip
    seconds: float = 0.0

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self.items)

    def __getitem__(self, key: str) -> Measurement:
        return pick(self.items, key)


def _settle(measured: FrameMeasurement | Measurement) -> None:
    """Plugins hand over words and array scalars: a status is a Status, a value is a float."""
    object.__setattr__(measured, "status", Status(measured.status))
    if measured.value is not None:
        object.__setattr__(measured, "value", float(measured.value))


class Keyed(Protocol):
    """Anything with a metric key."""

    @property
    def key(self) -> str:
        """Aspect, or ``aspect:name``."""


K = TypeVar("K", bound=Keyed)


def pick(items: Sequence[K], key: str) -> K:
    """The one item whose ``key`` is ``key``, or starts with ``key:`` while that is unambiguous.

    Raises:
        UnknownKey: there is none, or there are several.
    """
    exact = [i for i in items if i.key == key]
    found = exact or [i for i in items if i.key.split(":", 1)[0] == key]
    if len(found) == 1:
        return found[0]
    known = ", ".join(i.key for i in items) or "none"
    what = "no metric answers to" if not found else "several metrics answer to"
    raise UnknownKey(f"{what} {key!r}; there are: {known}")
