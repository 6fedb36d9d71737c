"""Which copies of a mark are in a picture: found, compared with the artwork, and told from what only looks like it."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from continuity.vision import mark_drift, mark_pose, mark_register, mark_search
from continuity.vision.marks import Mark, Pyramid

# What shows that the mark is there: its model explains the picture, or part of it where its edges fit, or its edges fit
# whatever the colours are.
EXPLAINED, SHAPE, BOTH = 0.4, 0.5, 1.0  # share, a correlation of coarse edges, and their sum
WITNESS, SOUND = 0.7, 0.5  # correlation of edges without which a residual as small as that says nothing
WEAKER, CLEAR = 0.65, 0.9  # or so much, where so much is explained: of places without the mark 2 % reach .75
SURE = 0.65  # share that has to be explained where the likeliest place is not the mark and the next ones are looked at
FIRM = 0.7  # share explained with which edges beyond doubt settle where the mark is
BEYOND_DOUBT = 0.8  # or the correlation of fine edges; what was not the mark had .66 at most
VISIBLE, PARTLY = 0.6, 0.7  # share, with a correlation of the better part of its edges
FITTING, FITTING_SMALL = 0.76, 0.9  # correlation of edges; where the picture shows the coarse ones only

Copy: TypeAlias = tuple[mark_pose.Found, mark_drift.Drift]


def copies(pyramid: Pyramid, mark: Mark) -> tuple[list[Copy], Copy | None]:
    """Each copy of the mark that is there, and the likeliest place, also where none is; None in too small a picture.

    Where the first look settles nothing there is one on a finer grid: only what is settled counts there, with the
    copies beside it that are the mark beyond doubt, and takes the place of what it lies on.
    """
    first, likeliest = _looked(pyramid, mark, mark_search.COARSE)
    if any(_settled(*one) for one in first):
        return first, likeliest
    finer = _looked(pyramid, mark, mark_search.FINE, WEAKER)[0]
    some = any(_settled(*one) for one in finer)  # a drifted copy must not be lost beside an intact one
    finer = [one for one in finer if _settled(*one) or (some and _beyond_doubt(one[0]))]
    others = [one for one in first if not any(_within(mark, found, one[0]) for found, _ in finer)]
    return _sound(finer + others), likeliest


def _looked(
    pyramid: Pyramid, mark: Mark, grid: mark_search.Grid, least: float = -1.0
) -> tuple[list[Copy], Copy | None]:
    """Each copy of the mark that is there, and the likeliest place, also where none is; None in too small a picture.

    Places whose edges correlate by less than ``least`` are passed over. After the first copy only what is the mark
    beyond doubt counts: beside a mark, colours alone fit too easily.
    """
    copies: list[Copy] = []
    likeliest: Copy | None = None
    for place in mark_pose.places(pyramid, mark, grid):
        if any(_within(mark, copy, place) for copy, _ in copies):
            continue
        found = mark_pose.fitted(pyramid, mark, place)
        if any(_within(mark, copy, found) for copy, _ in copies):
            continue
        if found.correlation < least or (copies and not _beyond_doubt(found)):
            continue
        found = mark_register.registered(pyramid, mark, found)
        drift = mark_drift.compare(pyramid, mark, found)
        sure = drift.explained >= SURE or likeliest is None or (found.fine and _beyond_doubt(found))
        if sure and _there(found, drift):
            copies.append((found, drift))
        likeliest = likeliest or (found, drift)
    return _sound(copies), likeliest


def _sound(copies: list[Copy]) -> list[Copy]:
    """Without those that are the mark by little only, where another is beyond doubt."""
    if any(_beyond_doubt(found) for found, _ in copies):
        return [one for one in copies if _beyond_doubt(one[0]) or one[1].explained >= SURE]
    return copies


def _settled(found: mark_pose.Found, drift: mark_drift.Drift) -> bool:
    """Whether edges and colours say together that this is the mark, and where exactly."""
    if found.correlation >= BEYOND_DOUBT:
        return drift.explained >= FIRM
    return drift.explained >= CLEAR and (found.correlation >= WITNESS or drift.kinds.worst[1] < SOUND)


def _within(mark: Mark, copy: mark_pose.Found, other: mark_pose.Found) -> bool:
    """Whether the middle of another place lies on a copy of the mark."""
    x, y, w = np.linalg.solve(copy.pose, other.pose[:, 2])
    return bool(w > 0 and abs(x) <= mark.half[0] * w and abs(y) <= mark.half[1] * w)


def _beyond_doubt(found: mark_pose.Found) -> bool:
    """Whether edges alone say that it is the mark."""
    return found.correlation >= (BEYOND_DOUBT if found.fine else FITTING_SMALL)


def _there(found: mark_pose.Found, drift: mark_drift.Drift) -> bool:
    """Whether the mark is there, intact or not: by its colours, by a part of it, or by its edges alone.

    Nothing is off with it and yet its edges do not fit: that is another thing, which must not pass for it.
    """
    witness = WEAKER if drift.explained >= CLEAR else WITNESS
    if found.correlation < witness and drift.kinds.worst[1] < SOUND:
        return False
    if found.coarse >= SHAPE and drift.explained >= max(EXPLAINED, BOTH - found.coarse):
        return True
    if found.upper >= PARTLY and drift.visible >= VISIBLE:
        return True
    return found.correlation >= (FITTING if found.fine else FITTING_SMALL)
