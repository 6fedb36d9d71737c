"""How far another colour reaches out from under a mark: what smeared before it was replaced leaves a halo around it.

Just outside the outline a plate has much the colour that it has a little farther out. A halo steps to it: along each
arc of the outline the colour at a distance is compared with that farther out, as a share of the mark's contrast there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from continuity.vision.homography import Matrix
from continuity.vision.mark_outline import outline_of
from continuity.vision.marks import Mark

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

ARCS = 16  # of the outline, by the direction of its normal
ALONG = 0.2  # of the outline: an edge of the plate steps along less of it
LEAST = 6  # points of an arc that have to be in the picture
NEAREST, FARTHEST, EACH = 0.03, 0.11, 0.01  # of the longer side: distances from the outline that are looked at
FARTHER = 0.07  # of it: how much farther out the plate is looked at
STEP = 0.29  # of the contrast of the mark: 36 replaced marks without a halo have .26 at most, 90 % of them .12
GONE = 0.2  # of it: where the halo ends
FAINT = 8.0  # CIELAB units: the least contrast that steps are shares of


def reach_of(lab: Floats, mark: Mark, pose: Matrix) -> float:
    """How far (pixels) another colour reaches beyond the outline of what lies at a place; 0 where none does.

    What the frame cuts off is not looked at. What has no end near the outline is the plate's own: one that steps
    everywhere, or a halo that has one colour for a tenth of the mark.

    Args:
        lab: CIELAB of the picture, H x W x 3.
        mark: the artwork.
        pose: where its outline was found.
    """
    points, normals = outline_of(mark, pose)
    long = float(np.ptp(points, axis=0).max())
    arcs = np.rint(np.arctan2(normals[:, 1], normals[:, 0]) / (2 * np.pi) * ARCS).astype(np.intp) % ARCS
    inside, _ = _at(lab, points + NEAREST * long * normals)
    for out in np.arange(NEAREST, FARTHEST + EACH / 2, EACH):
        here, _ = _at(lab, points - out * long * normals)
        there, seen = _at(lab, points - (out + FARTHER) * long * normals)
        each = [(_step(inside[a], here[a], there[a]), a.sum()) for a in _arcs(arcs, seen)]
        step = _exceeded(each)
        if out == NEAREST and step <= STEP:
            return 0.0
        if out > NEAREST and step <= GONE:
            return float(out * long)
    return 0.0


def _arcs(arcs: NDArray[np.intp], seen: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """The points of each arc that are in the picture, of those that have enough."""
    return [a for a in ((arcs == number) & seen for number in range(ARCS)) if a.sum() >= LEAST]


def _exceeded(each: list[tuple[float, int]]) -> float:
    """The step that is reached along so much of the outline, of the steps and lengths of its arcs."""
    total, upto = sum(length for _, length in each), 0
    for step, length in sorted(each, reverse=True):
        upto += length
        if upto >= ALONG * total:
            return step
    return 0.0


def _step(inside: Floats, here: Floats, there: Floats) -> float:
    """How much of the contrast between inside and farther out is left here, of the mean colours of an arc."""
    far = there.mean(axis=0)
    contrast = max(float(np.linalg.norm(inside.mean(axis=0) - far)), FAINT)
    return float(np.linalg.norm(here.mean(axis=0) - far)) / contrast


def _at(lab: Floats, points: Doubles) -> tuple[Floats, NDArray[np.bool_]]:
    """Colours at points (n x 2: x and y), and which of these are in the picture."""
    height, width = lab.shape[:2]
    x, y = points[:, 0] - 0.5, points[:, 1] - 0.5
    seen = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    colours = [ndimage.map_coordinates(lab[..., c], (y, x), order=1, mode="nearest") for c in range(3)]
    return np.stack(colours, axis=1), seen
