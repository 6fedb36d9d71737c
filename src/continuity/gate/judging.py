"""Measurements and limits make a verdict."""

from __future__ import annotations

from continuity.errors import ToleranceError
from continuity.joining import broke
from continuity.records import (
    Expect,
    Finding,
    Instrument,
    Measurement,
    Measurements,
    Report,
    Status,
    Tolerance,
    Verdict,
)
from continuity.tolerances import Given, resolve


def judge(measurements: Measurements, tolerances: Given, *, stream: str = "") -> Report:
    """Judges measurements that were taken before, under any tolerances that belong to their instruments.

    Raises:
        UnknownKey: a limit for a metric that was not measured.
        ToleranceError: no limit for a metric that was, or one that cannot be used.
        InstrumentMismatch: a limit that was tuned on another instrument.
    """
    instruments: dict[str, Instrument] = {}
    for item in measurements:
        if item.instrument is None:
            raise ToleranceError(f"{item.key}: its instrument is not recorded, so no limit can be matched to it")
        instruments[item.key] = item.instrument
    expects = {item.key: str(item.expect) for item in measurements}
    chosen, warnings = resolve(tolerances, instruments, measurements.identity, stream, expects)
    findings = []
    for item in measurements:
        verdict, reason = verdict_of(item, chosen[item.key])
        findings.append(Finding(measurement=item, verdict=verdict, tolerance=chosen[item.key], reason=reason))
    verdict = max((f.verdict for f in findings), key=lambda v: v.rank, default=Verdict.INCONCLUSIVE)
    if verdict is Verdict.PASS and all(f.status is Status.NOT_MEASURABLE for f in findings):
        verdict = Verdict.INCONCLUSIVE  # nothing was checked: no pass; regating and calibration say the same
    return Report(
        verdict=verdict,
        findings=tuple(findings),
        measurements=measurements,
        warnings=warnings,
    )


def verdict_of(item: Measurement, tolerance: Tolerance) -> tuple[Verdict, str]:
    """The verdict on one measurement, and a reason in words where the value alone does not say it."""
    if item.status is Status.SKIPPED:
        return Verdict.INCONCLUSIVE, "skipped: an earlier failure settled it"
    nearest = min((f.value for f in item.frames if f.value is not None), default=item.value)
    if item.status is Status.NOT_MEASURABLE or (item.status is Status.MEASURED and item.value is None):
        there = nearest is not None and nearest <= tolerance.limit
        if item.expect is Expect.NOT_EXPECTED and there and not broke(item):
            return Verdict.FAIL, "not expected, but it is there"  # one frame is enough, whatever the others hide
        if item.expect is not Expect.IF_MEASURABLE or item.status is Status.MEASURED or broke(item):
            return Verdict.INCONCLUSIVE, item.note or "it could not be measured"
        worst = seen_worst(item)
        if worst is not None and worst > tolerance.limit:
            return Verdict.INCONCLUSIVE, f"a frame is above the limit ({worst:.3g}), and {item.note}"
        return Verdict.PASS, f"not checked: {item.note}".rstrip(": ")
    if item.status is Status.ABSENT:
        if item.expect is Expect.REQUIRED:
            return Verdict.FAIL, f"required but absent: {item.note}".rstrip(": ")
        return Verdict.PASS, f"absent: {item.note}".rstrip(": ")
    within = item.value is not None and item.value <= tolerance.limit
    if item.expect is Expect.NOT_EXPECTED:
        if nearest is None or nearest <= tolerance.limit:
            return Verdict.FAIL, "not expected, but it is there"
        if nearest <= tolerance.limit + tolerance.scale:
            return Verdict.INCONCLUSIVE, "not expected, and what is there comes close to it"
        return Verdict.PASS, "not expected, and what is there is something else"
    return (Verdict.PASS, "") if within else (Verdict.FAIL, "")


def seen_worst(item: Measurement) -> float | None:
    """The largest value of a frame that could be measured, where too many could not; None without one."""
    return max((f.value for f in item.frames if f.value is not None), default=None)
