"""What a gate says: tolerances, findings, reports."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from continuity.display import Picture, Shown, View
from continuity.errors import ContinuityError, ToleranceError
from continuity.media import open_media, small
from continuity.records.measuring import Expect, Measurement, Measurements, ModelCard, Status, Verdict, pick, span


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
class Report(Shown):
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
        """What this gate has no metric for, and what its metrics could not measure and need not (if_measurable)."""
        unseen = tuple(
            f"{f.key} (not measurable here)"
            for f in self.findings
            if f.status is Status.NOT_MEASURABLE and f.verdict is Verdict.PASS
        )
        shots = tuple(
            f"{f.key} (not measurable in {span(shot)})" for f in self.findings for shot in f.measurement.shots_left_out
        )
        return (*unseen, *shots, *self.measurements.not_checked)

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
        """Every model that took part, once in each of its roles: one file may serve in two."""
        tools = [f.measurement.instrument for f in self.findings if f.measurement.instrument]
        cards = {(m.role, m.digest): m for tool in tools for m in tool.models}
        return tuple(cards[key] for key in sorted(cards))

    def __repr__(self) -> str:
        return f"<Report {self.summary()}>"

    def _view(self) -> View:
        from continuity.records.showing import view_of

        return view_of(self)

    def _pictures(self) -> Sequence[Picture]:
        """The measured still, where its file is still what was measured; a clip is not read again for this."""
        seen = self.measurements
        try:
            media = open_media(seen.path) if seen.path and seen.frame_count == 1 else None
            jpeg = small(media) if media is not None and media.digest == seen.media else None
        except ContinuityError:
            jpeg = None
        return [Picture(jpeg, "what was measured")] if jpeg else []

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


def _worst_first(finding: Finding) -> float:
    excess = finding.normalised_excess
    return math.inf if excess is None and finding.verdict is Verdict.FAIL else (-math.inf if excess is None else excess)
