"""How the frames of a clip become one number.

The default rule is the upper 95 % quantile without interpolation: a value that really occurred, whose frame can be
shown, and that a handful of good frames cannot hide. In up to 20 frames it is the largest value. In a long clip 5 %
are seconds, so what holds without a break for about a second counts too. Frames where the subject is absent do not
count; frames that could not be measured do, as missing coverage: dropping them silently is how a clip with a hidden
face would pass. Between cuts each shot is joined as a clip of its own, and the worst one decides.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from continuity.interfaces import Metric
from continuity.records import Expect, FrameMeasurement, Measurement, Status, span

QUANTILE = 0.95
# Seconds: three frames of the default sampling, rounded to pictures of 6 a second and more. Two would double the false
# alarms of long clips.
RUN = 0.75
SLACK = 1e-6  # seconds: times are floats
MIN_COVERAGE = 0.8
RULE = "q95,run.75s>=80%"  # the name of the default rule, part of an instrument
# In the note of what is not measurable because nobody knows, and not because it cannot be seen: that excuses nothing.
FAILED, UNSEEN = "the metric failed", "numbered frames are missing"
_WORST_LAST = (Status.ABSENT, Status.MEASURED, Status.SKIPPED, Status.NOT_MEASURABLE)


def quantile(metric: Metric, frames: Sequence[FrameMeasurement]) -> Measurement:
    """Joins frames by the upper 95 % quantile (no interpolation), the frame that carries it named as the worst.

    A run of frames that spans :data:`RUN` seconds counts with its smallest value where that is larger: a second of a
    wrong face is none the better for a minute of the right one. Frames that could not be measured do not end a run,
    absent ones do. Absent in every frame is absent. Coverage (measured frames over frames where the subject is
    present) under 80 % is not measurable.
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
    run = max(_runs(frames), key=_lowest, default=())
    note = worst.note
    if run and _lowest(run) > _value(worst):
        worst = min(run, key=_value)
        unseen = any(run[0].index < frame.index < run[-1].index for frame in blind)
        how = "wherever they could be measured" if unseen else "without a break"
        lasting = f"frames {run[0].index} to {run[-1].index} have it or more, {how}"
        if run[0].index == run[-1].index:
            lasting = f"it stands for {_lasts(run[0], run[-1]):.1f} s or more"
        note = f"{worst.note}; {lasting}" if worst.note else lasting
    return Measurement(
        key=metric.key,
        unit=metric.unit,
        expect=metric.expect,
        status=Status.MEASURED,
        value=_value(worst),
        note=note,
        evidence=worst.evidence,
        shapes=worst.shapes,
        frames=series,
        worst_frame=worst.index,
        coverage=coverage,
    )


def by_shot(metric: Metric, frames: Sequence[FrameMeasurement], cuts: Sequence[int]) -> Measurement:
    """Joins each shot of a clip by the rule of the metric, as if it was a clip of its own; the worst one decides.

    ``cuts`` are the numbers of the frames that a new shot begins with, ascending. Without one between the frames this
    is ``metric.join(frames)``. Not measurable in a shot is not measurable: other shots do not excuse it, except under
    ``if_measurable``, where the shots that were measured decide and ``left_out`` has the rest, unless a frame of that
    is worse. Else the largest value decides. Absent shots do not count beside others. Coverage is that of all shots.

    Of what is not expected the worst frame is the one that comes nearest to it: its shot decides, its value counts.
    """
    shots = [tuple(shot) for _, shot in groupby(frames, key=lambda frame: bisect_right(cuts, frame.index))]
    if len(shots) < 2:
        return _nearest(metric.join(frames))
    joined = [_nearest(metric.join(shot)) for shot in shots]
    left_out = _excused(joined, shots) if metric.expect == Expect.IF_MEASURABLE else []
    place = max((n for n in range(len(shots)) if n not in left_out), key=lambda n: _rank(joined[n]))
    worst = joined[place]
    said = [f"shot {place + 1} of {len(shots)} is the worst: {span(shots[place])}"]
    if worst.status is Status.NOT_MEASURABLE:
        said = [f"not measurable in shot {place + 1} of {len(shots)}, {span(shots[place])}"]
    elif worst.status is Status.ABSENT:
        said = []
    said += [worst.note] if worst.note else []
    said += [f"not measurable in shot {n + 1}, {span(shots[n])}" for n in left_out]
    every = tuple(frame for one, shot in zip(joined, shots, strict=True) for frame in one.frames or shot)
    present = [frame.status is Status.MEASURED for frame in every if frame.status is not Status.ABSENT]
    whole = replace(
        worst,
        note="; ".join(said),
        evidence={**worst.evidence, "shot": place + 1, "shots": len(shots)},
        frames=every,
        coverage=None if worst.coverage is None and not left_out else sum(present) / len(present),
        left_out=tuple((shots[n][0].index, shots[n][-1].index) for n in left_out),
    )
    return whole if worst.status is Status.MEASURED else _nearest(whole)


def _nearest(item: Measurement) -> Measurement:
    """Of what is not expected with the frame that comes nearest to it: that one is to be shown, and one is enough."""
    seen = [frame for frame in item.frames if frame.status is Status.MEASURED]
    if item.expect != Expect.NOT_EXPECTED or not seen:
        return item
    frame = min(seen, key=_value)
    shown = replace(item, worst_frame=frame.index, shapes=frame.shapes)
    if item.status is not Status.MEASURED:
        return shown  # what it says is why it could not be measured elsewhere
    return replace(shown, value=frame.value, note=frame.note, evidence=frame.evidence)


def _excused(joined: Sequence[Measurement], shots: Sequence[Sequence[FrameMeasurement]]) -> list[int]:
    """The shots that were not measurable beside others that were; none of their frames is worse than those."""
    most = max((one.value for one in joined if one.value is not None), default=-math.inf)
    blind = (n for n, one in enumerate(joined) if one.status is Status.NOT_MEASURABLE and not broke(one))
    return [n for n in blind if most > -math.inf and all(_value(frame) <= most for frame in shots[n])]


def broke(item: Measurement) -> bool:
    """Whether the metric raised on it or on one of its frames, or too many frames are not there: nothing is known."""
    notes = (item.note, *(frame.note for frame in item.frames))
    return any(why in note for note in notes for why in (FAILED, UNSEEN))


def _rank(item: Measurement) -> tuple[int, float]:
    value = item.value or 0.0
    return _WORST_LAST.index(item.status), -value if item.expect == Expect.NOT_EXPECTED else value


def _runs(frames: Sequence[FrameMeasurement]) -> Iterator[Sequence[FrameMeasurement]]:
    """The shortest runs of measured frames that span :data:`RUN` seconds, one from each frame on."""
    for absent, present in groupby(frames, key=lambda frame: frame.status is Status.ABSENT):
        known = [] if absent else [frame for frame in present if frame.status is Status.MEASURED]
        end = 0
        for start, first in enumerate(known):
            end = max(end, start)
            while end < len(known) and _lasts(first, known[end]) < RUN - SLACK:
                end += 1
            if end == len(known):
                break
            yield known[start : end + 1]


def unbroken(
    frames: Sequence[FrameMeasurement], which: Callable[[FrameMeasurement], bool]
) -> Sequence[FrameMeasurement]:
    """The first run of such frames that spans :data:`RUN` seconds; none where there is no such run."""
    for such, run in groupby(frames, key=which):
        these = list(run) if such else []
        if these and _lasts(these[0], these[-1]) >= RUN - SLACK:
            return these
    return ()


def _lasts(first: FrameMeasurement, last: FrameMeasurement) -> float:
    return 0.0 if first.seconds is None or last.seconds is None else last.seconds - first.seconds


def _lowest(run: Sequence[FrameMeasurement]) -> float:
    return min(map(_value, run), default=-math.inf)


def _value(frame: FrameMeasurement) -> float:
    return frame.value if frame.value is not None else -math.inf
