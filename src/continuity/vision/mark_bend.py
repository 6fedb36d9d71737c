"""Local displacement of a mark against its artwork, left after the pose: how it is bent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from continuity.vision.edges import field_of, planes_of, smooth
from continuity.vision.mark_pose import Aligner
from continuity.vision.marks import Mark


def displacement(mark: Mark, seen: NDArray[np.float32], size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smooth local displacement (2 x h x w: x, y in pixels of the patch) and how much each place can tell.

    Dense Lucas-Kanade on the field of edges, windows of a tenth of the mark, three rounds.
    """
    blur = max(0.8, size / 70)
    aligner = Aligner.of(mark, size, blur)
    down, right = np.gradient(aligner.template)
    wide = size / 10

    def window(a: NDArray[Any]) -> NDArray[np.float32]:
        return smooth(a, wide)

    xx, yy = window(np.abs(right) ** 2), window(np.abs(down) ** 2)
    xy = window((np.conj(right) * down).real)
    floor = 0.08 * float((xx + yy).max())
    determinant = (xx + floor) * (yy + floor) - xy**2
    field = field_of(planes_of(seen * 255), blur)
    shift = np.zeros((2, *field.shape), np.float32)
    ys, xs = np.mgrid[: field.shape[0], : field.shape[1]].astype(np.float32)
    for _ in range(3):
        at = ys + shift[1], xs + shift[0]
        moved = ndimage.map_coordinates(field.real, at, order=1, mode="nearest") + 1j * ndimage.map_coordinates(
            field.imag, at, order=1, mode="nearest"
        )
        moved *= aligner.mask
        gain = float((np.conj(aligner.template) * moved).real.sum()) / max(float((np.abs(moved) ** 2).sum()), 1e-6)
        off = aligner.template - np.clip(gain, 0.3, 3) * moved
        bx, by = window((np.conj(right) * off).real), window((np.conj(down) * off).real)
        step = np.stack([((yy + floor) * bx - xy * by), ((xx + floor) * by - xy * bx)]) / determinant
        shift = np.clip(shift + np.clip(step, -0.03 * size, 0.03 * size), -0.08 * size, 0.08 * size)
    trust = (xx + yy) / (xx + yy + floor)
    return shift.astype(np.float32), (trust * (aligner.mask > 0.5)).astype(np.float32)
