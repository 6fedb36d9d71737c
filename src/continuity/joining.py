"""How the frames of a clip become one number.

The default rule is the upper 95 % quantile without interpolation: a value that really occurred, whose frame can be
shown, and that a handful of good frames cannot hide. Frames where the subject is absent do not count; frames that
could not be measured do, as missing coverage: dropping them silently is how a clip with a hidden face would pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from continuity.interfaces import Metric
from continuity.records import FrameMeasurement, Measurement, Status

QUANTILE = 0.95
MIN_COVERAGE = 0.8
RULE = "q95>=80%"  # the name of the default rule, part of an instrument


def quantile(metric: Metric, frames: Sequence[FrameMeasurement]) -> Measurement:
    """Joins frames by the upper 95 % quantile (no interpolation), the frame that carries it named as the worst.

    Absent in every frame is absent. Coverage (measured frames over frames where the subject is present) under 80 %
    is not measurable.
    """
    measured = [f for f in frames if f.status is Status.MEASURED]
    blind = [f for f in frames if f.status not in (Status.MEASURED, Status.ABSENT)]
    present = len(measured) + len(blind)
    series = tuple(frames) if len(frames) > 1 else ()
    if not present:
        absent = next((f for f in frames if f.status is Status.ABSENT), None)
        status = Status.ABSENT if absent else Status.NOT_MEASURABLE
        note = absent.note if absent else "there was no frame to measure"
        return Measurement(
            key=metric.key, unit=metric.unit, expect=metric.expect, status=status, note=note, frames=series
        )
    coverage = len(measured) / present
    if coverage < MIN_COVERAGE:
        why = blind[0]
        note = why.note
        if len(frames) > 1:
            note = (
                f"measured in {len(measured)} of the {present} frames where it is present, "
                f"at least {MIN_COVERAGE:.0%} are wanted; frame {why.index}: {why.note}"
            )
        return Measurement(
            key=metric.key,
            unit=metric.unit,
            expect=metric.expect,
            status=Status.NOT_MEASURABLE,
            note=note,
            evidence=why.evidence,
            shapes=why.shapes,
            frames=series,
            worst_frame=why.index,
            coverage=coverage,
        )
    ordered = sorted(measured, key=_value)
    worst = ordered[math.ceil(QUANTILE * (len(ordered) - 1))]
    return Measurement(
        key=metric.key,
        unit=metric.unit,
        expect=metric.expect,
        status=Status.MEASURED,
        value=_value(worst),
        note=worst.note,
        evidence=worst.evidence,
        shapes=worst.shapes,
        frames=series,
        worst_frame=worst.index,
        coverage=coverage,
    )


def _value(frame: FrameMeasurement) -> float:
    return frame.value if frame.value is not None else -math.inf
