"""The pose of a mark to a fraction of a pixel: the artwork, drawn as it should look there, against the picture.

Edges find a mark whatever its colours are, but where strokes are thin or the plate is restless they place it no better
than 2 to 5 px. Lightness and colour tell more: Gauss-Newton on all of them, robustly, as Baker and Matthews (2004, IJCV
56:221) have it, with the plate standing still while the mark moves over it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from continuity.vision.colour import lab_of
from continuity.vision.edges import smooth
from continuity.vision.homography import Matrix, plausible, warp
from continuity.vision.mark_light import Drawn, apart, drawn, own_colours
from continuity.vision.mark_pose import COARSE, Aligner, Found, seen_at
from continuity.vision.marks import Mark, Pyramid, corners, extent

Floats = NDArray[np.float32]

SIDE, SMALLEST = 56, 28  # px of the longer side of the patch
STEPS = (4, 6, 8, 8, 8)  # parameters that each step moves
STILL = 0.1  # px of the patch: a step that is smaller is the last
SOFT = 0.7  # px of the patch: a first guess of the blur
BLUR, WORSE = 2.0, 0.05  # of the edges, and by how much less they may correlate
OUTLIER = 8.0  # CIELAB units from which a place loses its say, at least


def registered(pyramid: Pyramid, mark: Mark, found: Found) -> Found:
    """The place with the pose under which the artwork explains the picture best; as it was where no pose near is
    better, or edges deny it."""
    box = corners(mark, found.pose)
    long = float(np.linalg.norm(box - np.roll(box, 1, axis=0), axis=1).max())
    size = int(np.clip(long, SMALLEST, extent(mark, SIDE)))
    art = mark.patch(size)
    colours = own_colours(mark, size)
    alpha = art[..., 3]
    cover = np.clip(smooth(alpha, max(1.0, size / 40)) * 2, 0, 1)
    pose, best, least, reach = found.pose, found.pose, np.inf, 0.0
    known: tuple[float, float] | None = SOFT, SOFT
    for number, count in enumerate((*STEPS, 0)):
        patch = lab_of(pyramid.rectified(mark, pose, size).astype(np.float32) / np.float32(255))
        seen = drawn(colours, alpha, patch, size, size / long, known=None if number == 1 else known)
        known = seen.blur, seen.smear
        off = apart(seen.model, patch)
        if number == 0:
            reach = max(OUTLIER, 2 * _median(off, cover))
        wrong = float((cover * off**2 / (1 + (off / reach) ** 2)).sum())
        if wrong < least:
            best, least = pose, wrong
        if not count:
            break
        trust = cover / (1 + (off / reach) ** 2) ** 2
        move = _move(seen, patch, trust, size, count)
        before, ahead = pose, pose @ np.linalg.inv(warp(move))
        ahead = ahead / ahead[2, 2]
        if not plausible(found.pose, ahead):
            break
        pose = ahead
        if count == 8 and np.abs(move).max() * size / 2 < STILL:
            best = pose if best is before else best
            break
    return replace(found, pose=best) if _edges_agree(pyramid, mark, found.pose, best) else found


def _edges_agree(pyramid: Pyramid, mark: Mark, before: Matrix, after: Matrix) -> bool:
    """Whether edges fit there about as before: a mark in other colours pulls the pose to where its own are."""
    size = extent(mark, COARSE)
    first, then = Aligner.of(mark, size, BLUR).correlation(seen_at(pyramid, mark, [before, after], size, BLUR))
    return bool(then >= first - WORSE)


def _move(seen: Drawn, patch: Floats, trust: Floats, size: int, count: int) -> Matrix:
    """The step of Gauss-Newton: 8 parameters of a warp, those from ``count`` on 0."""
    off = patch - seen.model
    height, width = trust.shape
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    x, y = ((xs + 0.5 - width / 2) / (size / 2))[..., None], ((ys + 0.5 - height / 2) / (size / 2))[..., None]
    down, right = (
        (a - seen.plate * b) * np.float32(size / 2)
        for a, b in zip(np.gradient(seen.over, axis=(0, 1)), np.gradient(seen.shown, axis=(0, 1)), strict=True)
    )
    rows = [right, down, right * x + down * y, down * x - right * y, right * x - down * y, right * y + down * x]
    rows += [-(right * x + down * y) * x, -(right * x + down * y) * y]
    weight = trust[..., None] * np.array([0.25, 1, 1], np.float32)  # as apart() weighs them
    steepest = np.stack([r.ravel() for r in rows[:count]])
    weighted = steepest * weight.ravel()
    normal = np.einsum("ik,jk->ij", weighted, steepest).astype(np.float64)  # no BLAS: no threads
    if not np.diag(normal).min() > 0:  # no ink that stands out: the picture says nothing of the pose
        return np.zeros(8)
    normal += np.diag(np.diag(normal)) * 1e-3 + np.eye(count) * (1e-4 * np.trace(normal) / count)
    move = np.zeros(8)
    move[:count] = np.linalg.solve(normal, np.einsum("ik,k->i", weighted, off.ravel()).astype(np.float64))
    return np.asarray(np.clip(move, -0.15, 0.15), np.float64)


def _median(values: Floats, weight: Floats) -> float:
    inside = values[weight > 0.5]
    return float(np.median(inside)) if len(inside) else 0.0
