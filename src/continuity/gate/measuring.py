"""What metrics say of frames and of a clip, whatever goes wrong in them: what fails is not measurable, and says why."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from continuity.errors import EnrolmentError, MediaError, MissingPiece, UsageError
from continuity.identity import Identity
from continuity.interfaces import Metric
from continuity.joining import FAILED, MIN_COVERAGE, UNSEEN, broke, by_shot
from continuity.observed import FrameFeatures, ObservedFrame
from continuity.records import FrameMeasurement, Instrument, Measurement, Status

log = logging.getLogger(__name__)


def on_frame(metric: Metric, seen: ObservedFrame, identity: Identity) -> list[FrameMeasurement]:
    """One metric on one frame, once for each time that it is sampled.

    A metric that fails is not measurable; what a person must mend is raised.
    """
    try:
        found = metric.frame(seen, identity)
        if not isinstance(found, FrameMeasurement):
            raise TypeError(f"a FrameMeasurement was wanted, got {type(found).__name__}")
    except (MissingPiece, EnrolmentError, UsageError, MediaError):
        raise
    except Exception as cause:  # a plugin may raise anything, and a broken metric must not pass or end the night
        log.warning("%s failed on frame %d", metric.key, seen.index, exc_info=True)
        found = FrameMeasurement(status=Status.NOT_MEASURABLE, note=f"{FAILED} on it: {type(cause).__name__}: {cause}")
    return _each_time(found, seen)


def _each_time(found: FrameMeasurement, seen: ObservedFrame) -> list[FrameMeasurement]:
    return [replace(found, index=seen.index, seconds=at) for at in (seen.seconds, *seen.held)]


def completed(seen: ObservedFrame) -> FrameFeatures:
    """What models said of a frame. What they fail on, or what no metric needs and is not installed, is left out."""
    try:
        seen.complete()
    except Exception:  # the candidate is measured already
        log.debug("the features of frame %d are not complete", seen.index, exc_info=True)
    return seen.features


def recalled(metric: Metric, frames: Sequence[ObservedFrame], identity: Identity) -> list[FrameMeasurement] | None:
    """One metric on recalled frames; None where it asks for more than was kept, or what was kept does not fit it."""
    try:
        return [one for seen in frames for one in _each_time(metric.frame(seen, identity), seen)]
    except (MissingPiece, EnrolmentError):
        raise
    except Exception as cause:  # pixels that are not there, an embedding of another length: the media settle it
        log.debug("%s is not measured on stored features: %s", metric.key, cause)
        return None


def joined(
    metric: Metric, frames: Sequence[FrameMeasurement], instrument: Instrument, begins: Sequence[int] = ()
) -> Measurement:
    """The frames of one metric as one, each shot by itself; a rule that fails is not measurable."""
    try:
        joined = by_shot(metric, frames, begins)
        if not isinstance(joined, Measurement) or joined.key != metric.key:
            raise TypeError(f"a Measurement with key {metric.key!r} was wanted, got {joined!r}")
    except Exception as cause:  # as above: a plugin may raise anything
        log.warning("%s failed to join its frames", metric.key, exc_info=True)
        joined = Measurement(
            key=metric.key,
            unit=metric.unit,
            expect=metric.expect,
            status=Status.NOT_MEASURABLE,
            note=f"{FAILED} to join its frames: {type(cause).__name__}: {cause}",
            frames=tuple(frames) if len(frames) > 1 else (),
        )
    if joined.status is Status.NOT_MEASURABLE and not broke(joined):  # a rule of its own may drop the note
        raised = next((frame for frame in frames if FAILED in frame.note), None)
        joined = replace(joined, note=raised.note) if raised else joined
    return replace(joined, instrument=instrument, expect=metric.expect)


def not_sampled(begins: Sequence[int], sampled: Sequence[int]) -> list[str]:
    """What to say of shots between cuts that lie between two sampled frames."""
    unseen = sum(1 for first, after in pairwise(begins) if not any(first <= index < after for index in sampled))
    return [f"{unseen} of {len(begins) + 1} shots are too short for the sampling: not looked at"] if unseen else []


def whole(item: Measurement, frame_count: int, missing: int) -> Measurement:
    """The measurement of a clip, unless too many of its frames are not there: they were never looked at."""
    there = frame_count / (frame_count + missing)
    if there >= MIN_COVERAGE or item.status not in (Status.MEASURED, Status.ABSENT, Status.NOT_MEASURABLE):
        return item
    note = f"{missing} of {missing + frame_count} {UNSEEN}: render them first"
    return replace(item, status=Status.NOT_MEASURABLE, value=None, note=note, coverage=there)


def skipped(metric: Metric) -> Measurement:
    """A metric that was not asked."""
    return Measurement(key=metric.key, unit=metric.unit, expect=metric.expect, status=Status.SKIPPED)
