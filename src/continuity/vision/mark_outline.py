"""Where the outline of artwork lies in a picture whose inside is something else: a replaced mark.

Neither what is inside nor the plate is known, only that they differ. So the contrast across the outline is looked at,
in the direction of its normal and nowhere else, at every place and size near the one that the layout has (a framing
moves a mark and changes its size, it does not deform it). What the frame cuts off is left out: the other sides tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from continuity.vision.homography import Matrix, projected
from continuity.vision.marks import Mark, extent, plane_to_patch

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

SIDE = 96  # px of the patch that the outline is taken from
SHIFT, SIZES = 0.12, np.arange(0.96, 1.085, 0.02)  # of the longer side either way; of the place
CLEAR = 4.0  # CIELAB units a pixel: contrast that counts half
SOFT = 1.0  # px (sigma)
LARGE = 200  # px: from half as much again on it is looked for in a smaller picture
POINTS = 160  # of the outline that are looked at
WHOLE = 0.6  # share of the outline that has to lie in the picture


@dataclass(frozen=True, slots=True)
class Outlined:
    """The pose, the share of the outline across which something changes, and whether the size is nearest an end of
    those looked at: then it is where the search ended, and the outline may be another one, as a halo has."""

    pose: Matrix
    share: float
    ended: bool


def outlined(lab: Floats, mark: Mark, pose: Matrix) -> Outlined | None:
    """The best place near a pose; None where too much of the outline is beyond the picture everywhere, and where the
    artwork is too thin to have one or the picture too small to look for it.

    Args:
        lab: CIELAB of the picture, H x W x 3.
        mark: the artwork.
        pose: where the layout has it.
    """
    points, normals = outline_of(mark, pose)
    if not len(points):
        return None
    middle, long = points.mean(axis=0), float(np.ptp(points, axis=0).max())
    reduced = max(1, round(long / LARGE))  # a large one is looked for in a smaller picture: time goes with its area
    if min(lab.shape[:2]) < 2 * reduced:
        return None
    slopes = _slopes(lab)

    def score(move: Doubles) -> float:
        """At a shift (x, y) and a length in pixels, between pixels; nothing beyond what was looked at."""
        if not SIZES[0] - 0.02 <= move[2] / long <= SIZES[-1] + 0.02 or np.abs(move[:2]).max() > SHIFT * long + 2:
            return 0.0
        at = (points - middle) * (move[2] / long) + middle + move[:2] - 0.5
        return float(_share(slopes, at[None], normals, order=1)[0])

    coarse = slopes if reduced == 1 else _slopes(_reduced(lab, reduced))
    far = int(np.ceil(SHIFT * long / reduced))
    steps = np.arange(-far, far + 1)
    shifts = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 1, 2)
    places = (((points - middle) * size + middle) / reduced - 0.5 + shifts for size in SIZES)
    found = np.stack([_share(coarse, at, normals, order=0) for at in places])
    k, i = np.unravel_index(int(found.argmax()), found.shape)
    if not found[k, i]:
        return None
    start = np.array([*(shifts[i, 0] * reduced), SIZES[k] * long], np.float64)
    simplex = start + np.vstack([np.zeros(3), 0.7 * reduced * np.eye(3)])
    options = {"maxfev": 80, "xatol": 0.05, "fatol": 1e-4, "initial_simplex": simplex}
    best = optimize.minimize(lambda p: -score(p), start, method="Nelder-Mead", options=options).x
    x, y, length = best if score(best) > score(start) else start
    size = length / long
    move = np.array([[size, 0, middle[0] * (1 - size) + x], [0, size, middle[1] * (1 - size) + y], [0, 0, 1]])
    ended = not np.mean(SIZES[:2]) <= size <= np.mean(SIZES[-2:])
    return Outlined(move @ pose, score(np.array([x, y, length])), bool(ended))


def outline_of(mark: Mark, pose: Matrix) -> tuple[Doubles, Doubles]:
    """Points of the outer outline at a pose, in pixels, and their normals, which point inwards (n x 2 each)."""
    points, normals = mark.once(("outline", SIDE), lambda: _outline(mark))
    points, tips = projected(pose, points), projected(pose, points + 0.02 * normals)
    return points, (tips - points) / np.linalg.norm(tips - points, axis=1, keepdims=True)


def _reduced(lab: Floats, by: int) -> Floats:
    """The picture at one ``by``-th of its size."""
    height, width = (side // by * by for side in lab.shape[:2])
    return np.asarray(lab[:height, :width].reshape(height // by, by, width // by, by, 3).mean(axis=(1, 3)), np.float32)


def _slopes(lab: Floats) -> Floats:
    """Change of CIELAB a pixel: 2 (across, down) x 3 x H x W."""
    soft = ndimage.gaussian_filter(lab, (SOFT, SOFT, 0))
    down, across = np.gradient(np.moveaxis(soft, -1, 0), axis=(1, 2))
    return np.stack([across, down])


def _share(slopes: Floats, at: Doubles, normals: Doubles, order: int) -> Doubles:
    """Share of the outline with clear contrast across it, for points at k places (k x n x 2, in pixel centres); 0 where
    too little of it is in the picture."""
    height, width = slopes.shape[2:]
    inside = ((at >= 1) & (at <= (width - 2, height - 2))).all(axis=-1)
    x, y = np.clip(at[..., 0], 0, width - 1), np.clip(at[..., 1], 0, height - 1)
    if order:
        seen = np.stack([[ndimage.map_coordinates(c, (y, x), order=1) for c in one] for one in slopes])
    else:
        seen = slopes[:, :, np.rint(y).astype(np.intp), np.rint(x).astype(np.intp)]
    steep = np.square(seen[0] * normals[:, 0] + seen[1] * normals[:, 1]).sum(axis=0)
    share = (steep / (steep + CLEAR**2) * inside).sum(axis=-1) / np.maximum(inside.sum(axis=-1), 1)
    return np.asarray(share * (inside.mean(axis=-1) >= WHOLE), np.float64)


def _outline(mark: Mark) -> tuple[Doubles, Doubles]:
    """Points of the outer outline and their normals (n x 2 each) in the mark's plane."""
    side = extent(mark, SIDE)
    solid = ndimage.binary_fill_holes(mark.patch(side)[..., 3] > 0.5).astype(np.float64)
    soft = ndimage.gaussian_filter(solid, 1.0)
    ys, xs = np.nonzero(np.abs(soft - 0.5) < 0.2)
    few = np.linspace(0, len(ys) - 1, min(len(ys), POINTS)).astype(int)
    ys, xs = ys[few], xs[few]
    down, across = np.gradient(soft)
    normal = np.stack([across[ys, xs], down[ys, xs]], axis=1)
    into = np.asarray(np.linalg.inv(plane_to_patch(mark, side)), np.float64)
    return projected(into, np.stack([xs + 0.5, ys + 0.5], axis=1).astype(np.float64)), normal / np.linalg.norm(
        normal, axis=1, keepdims=True
    )
