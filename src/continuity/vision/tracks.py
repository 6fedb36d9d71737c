"""Faces followed through a clip by where they are: who took whose place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from continuity.records import Box

REACH = 0.5  # of the larger side: how far apart the middles of one place lie; heads move less between sampled frames


def who_stands_there(frames: Sequence[Sequence[Box]]) -> tuple[int, ...]:
    """For each frame, which of its boxes holds the place of the one that is followed; 0 is the one recognised as such.

    ``frames`` has the boxes of each frame in order of time, the recognised one first. Where two places have exchanged
    what they hold from one frame to the next, faces were swapped: from there on the place is followed, until they are
    swapped back or the place is empty. Whoever moves, leaves or comes in is followed by recognition.
    """
    chosen = [0] * min(1, len(frames))
    for before, now in pairwise(frames):
        taken = _exchanged(before, now)
        if taken is not None:
            chosen.append(0 if chosen[-1] else taken)  # a second exchange undoes the first
        else:
            chosen.append((_at(before[chosen[-1]], now) or 0) if chosen[-1] else 0)
    return tuple(chosen)


def _exchanged(before: Sequence[Box], now: Sequence[Box]) -> int | None:
    """Which box of ``now`` stands where the recognised one stood, if that one stands where another stood."""
    if _at(before[0], now[:1]) is not None:
        return None
    there = _at(before[0], now)
    came = _at(now[0], before)
    return there if there and came else None


def _at(place: Box, boxes: Sequence[Box]) -> int | None:
    """The box whose middle is nearest to that of a place, None where none is within :data:`REACH`."""
    apart = [math.dist(place.centre, b.centre) / max(place.width, place.height, b.width, b.height) for b in boxes]
    best = min(range(len(apart)), key=apart.__getitem__, default=None)
    return best if best is not None and apart[best] <= REACH else None
