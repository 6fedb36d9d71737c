"""What a gate sees and says: instruments, measurements, tolerances, findings, reports.

Values are deviations: larger is worse, 0 is the enrolled picture. JSON forms never contain NaN.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, TypeVar

from continuity.errors import ToleranceError, UnknownKey
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


class Expect(StrEnum):
    """What a shot expects of the subject of a metric."""

    REQUIRED = "required"
    IF_PRESENT = "if_present"
    NOT_EXPECTED = "not_expected"


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
    instrument: Instrument | None = None  # attached by the gate
    seconds: float = 0.0

    def __post_init__(self) -> None:
        _settle(self)
        object.__setattr__(self, "expect", Expect(self.expect))
        measured = self.status is Status.MEASURED
        if measured != (self.value is not None) or (self.value is not None and not math.isfinite(self.value)):
            raise ValueError(f"{self.key}: status {self.status} does not go with value {self.value}")


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
    seconds: float = 0.0

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self.items)

    def __getitem__(self, key: str) -> Measurement:
        return pick(self.items, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """A limit for one metric key, the instrument it belongs to, and the evidence behind it.

    ``value <= limit`` passes; ``scale`` (> 0, in the metric's unit) makes excesses of different metrics comparable.
    An empty ``instrument`` is a limit typed by hand: it binds to whatever measures, and every report says so.
    """

    key: str
    limit: float
    scale: float
    instrument: str = ""  # digest
    instrument_name: str = ""
    identity: str = ""  # digest of the identity it was tuned on, if on one
    calibrated: bool = False
    evidence: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.limit) and self.limit >= 0):
            raise ToleranceError(f"{self.key}: a limit is a finite number of at least 0, got {self.limit}")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ToleranceError(f"{self.key}: a scale is a finite number above 0, got {self.scale}")
        if self.calibrated and not self.instrument:
            raise ToleranceError(f"{self.key}: a calibrated limit belongs to an instrument, none is named")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One measurement judged."""

    measurement: Measurement
    verdict: Verdict
    tolerance: Tolerance | None = None
    reason: str = ""

    @property
    def key(self) -> str:
        """The metric's key, such as ``face:mara``."""
        return self.measurement.key

    @property
    def value(self) -> float | None:
        """The deviation, in ``unit``; None where nothing could be measured."""
        return self.measurement.value

    @property
    def unit(self) -> str:
        """The unit of value and limit."""
        return self.measurement.unit

    @property
    def status(self) -> Status:
        """Whether there is a value, and if not, why."""
        return self.measurement.status

    @property
    def limit(self) -> float | None:
        """The largest value that passes."""
        return self.tolerance.limit if self.tolerance else None

    @property
    def excess(self) -> float | None:
        """value - limit, in ``unit``; at most 0 passes. None where the subject is not expected: near is no nearly."""
        if self.value is None or self.tolerance is None or self.measurement.expect is Expect.NOT_EXPECTED:
            return None
        return self.value - self.tolerance.limit

    @property
    def normalised_excess(self) -> float | None:
        """excess / scale: the only number in which different metrics meet."""
        if self.excess is None or self.tolerance is None:
            return None
        return self.excess / self.tolerance.scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The verdict on one candidate, finding by finding, with what it rests on and what was not checked."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    measurements: Measurements
    warnings: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Finding:
        return pick(self.findings, key)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    @property
    def not_checked(self) -> tuple[str, ...]:
        """What this gate has no metric for."""
        return self.measurements.not_checked

    @property
    def failing(self) -> tuple[Finding, ...]:
        """Findings with verdict fail, the worst first."""
        return tuple(sorted((f for f in self.findings if f.verdict is Verdict.FAIL), key=_worst_first, reverse=True))

    @property
    def worst(self) -> Finding | None:
        """The finding that decides: highest verdict rank, then largest normalised excess."""
        return max(self.findings, key=lambda f: (f.verdict.rank, _worst_first(f)), default=None)

    @property
    def worst_excess(self) -> float | None:
        """The largest normalised excess of all findings that have one."""
        known = [f.normalised_excess for f in self.findings if f.normalised_excess is not None]
        return max(known, default=None)

    @property
    def models(self) -> tuple[ModelCard, ...]:
        """Every model that took part, once."""
        cards = {
            m.digest: m for f in self.findings if f.measurement.instrument for m in f.measurement.instrument.models
        }
        return tuple(sorted(cards.values(), key=lambda m: m.role))

    def __repr__(self) -> str:
        return f"<Report {self.summary()}>"

    def to_json(self) -> dict[str, Any]:
        """A plain mapping with ``format = 1``; :func:`continuity.report_from_json` reads it back."""
        from continuity.records.wire import report_to_json

        return report_to_json(self)

    def summary(self) -> str:
        """One line: the verdict, and what it rests on."""
        worst = self.worst
        if worst is None:
            return f"{self.verdict}: nothing was measured"
        if worst.value is not None and worst.limit is not None:
            return f"{self.verdict}: {worst.key} {worst.value:.3g}, limit {worst.limit:.3g} {worst.unit}"
        return f"{self.verdict}: {worst.key} {worst.reason or worst.status}"


def _settle(measured: FrameMeasurement | Measurement) -> None:
    """Plugins hand over words and array scalars: a status is a Status, a value is a float."""
    object.__setattr__(measured, "status", Status(measured.status))
    if measured.value is not None:
        object.__setattr__(measured, "value", float(measured.value))


def _worst_first(finding: Finding) -> float:
    excess = finding.normalised_excess
    return math.inf if excess is None and finding.verdict is Verdict.FAIL else (-math.inf if excess is None else excess)


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
