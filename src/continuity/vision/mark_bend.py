"""Local displacement of a mark against its artwork, left after the pose: how it is bent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from continuity.vision.edges import Field, field_of, planes_of, smooth
from continuity.vision.homography import Matrix, warp
from continuity.vision.mark_pose import Aligner
from continuity.vision.marks import Mark

T = TypeVar("T", np.float32, np.complex64)
TIED = 0.01  # how strongly a warp is tied to none, of what each parameter tells


def displacement(mark: Mark, seen: NDArray[np.float32], size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smooth local displacement (2 x h x w: x, y in pixels of the patch) and how much each place can tell.

    Dense Lucas-Kanade on the field of edges, windows of a tenth of the mark, three rounds.
    """
    blur = max(0.8, size / 70)
    own = mark.once(("bend", size), lambda: _Own.of(Aligner.of(mark, size, blur), size / 10))
    template, mask = own.aligner.template, own.aligner.mask
    field = field_of(planes_of(seen * 255), blur)
    shift = np.zeros((2, *field.shape), np.float32)
    for _ in range(3):
        moved = sampled(field, shift)
        moved *= mask
        gain = float((np.conj(template) * moved).real.sum()) / max(float((np.abs(moved) ** 2).sum()), 1e-6)
        off = template - np.float32(np.clip(gain, 0.3, 3)) * moved
        bx, by = (smooth((slope.real * off.real + slope.imag * off.imag), size / 10) for slope in (own.right, own.down))
        step = np.stack([own.yy * bx - own.xy * by, own.xx * by - own.xy * bx]) / own.determinant
        shift = np.clip(shift + np.clip(step, -0.03 * size, 0.03 * size), -0.08 * size, 0.08 * size)
    return shift.astype(np.float32), own.trust


def posed(shift: NDArray[np.float32], trust: NDArray[np.float32], size: int) -> tuple[Matrix, NDArray[np.float32]]:
    """The warp of the mark's plane that comes nearest to a displacement, and what it leaves of it.

    A pose that is off by two pixels displaces every place: that is no bending. To first order, least squares.
    """
    height, width = trust.shape
    half = np.float32(size / 2)
    y, x = (np.mgrid[:height, :width].astype(np.float32) + 0.5 - np.array([height, width]).reshape(2, 1, 1) / 2) / half
    one, none = np.ones_like(x), np.zeros_like(x)
    right = [one, none, x, -y, x, y, -x * x, -x * y]
    down = [none, one, y, x, -y, x, -x * y, -y * y]
    moves = np.stack([right, down], axis=1, dtype=np.float32).reshape(8, -1)
    weighted = moves * np.tile(trust.ravel(), 2)
    normal = np.einsum("ik,jk->ij", weighted, moves).astype(np.float64)  # no BLAS: no threads
    wanted = np.einsum("ik,k->i", weighted, shift.ravel()).astype(np.float64)
    move = np.linalg.solve(normal + np.diag(np.diag(normal)) * TIED + np.eye(8) * 1e-9, wanted)
    moved = np.einsum("i,ik->k", move.astype(np.float32), moves).reshape(shift.shape)
    return warp(move / half), np.asarray(shift - moved, np.float32)


@dataclass(frozen=True, slots=True)
class _Own:
    """What the artwork alone tells: its slopes, and the sums over windows of their products, floored."""

    aligner: Aligner
    right: Field
    down: Field
    xx: NDArray[np.float32]
    yy: NDArray[np.float32]
    xy: NDArray[np.float32]
    determinant: NDArray[np.float32]
    trust: NDArray[np.float32]

    @classmethod
    def of(cls, aligner: Aligner, wide: float) -> _Own:
        down, right = (np.asarray(slope, np.complex64) for slope in np.gradient(aligner.template))
        xx, yy = smooth(np.abs(right) ** 2, wide), smooth(np.abs(down) ** 2, wide)
        xy = smooth((np.conj(right) * down).real, wide)
        floor = np.float32(0.08 * float((xx + yy).max()))
        trust = (xx + yy) / (xx + yy + floor) * (aligner.mask > 0.5)
        xx, yy = xx + floor, yy + floor
        return cls(aligner, right, down, xx, yy, xy, xx * yy - xy**2, trust.astype(np.float32))


def sampled(picture: NDArray[T], shift: NDArray[np.float32]) -> NDArray[T]:
    """An h x w (x channels) picture where each place shows what is ``shift`` (2 x h x w: x, y) from it, bilinearly.

    Beyond its edge a picture is as at its edge.
    """
    height, width = picture.shape[:2]
    flat = picture.reshape(height * width, -1)
    x = np.clip(np.arange(width, dtype=np.float32) + shift[0], 0, width - 1)
    y = np.clip(np.arange(height, dtype=np.float32)[:, None] + shift[1], 0, height - 1)
    left, top = np.minimum(x.astype(np.intp), max(0, width - 2)), np.minimum(y.astype(np.intp), max(0, height - 2))
    x, y = ((to - low).astype(np.float32).reshape(-1, 1) for to, low in ((x, left), (y, top)))
    at = (top * width + left).ravel()
    right, below = min(1, width - 1), min(1, height - 1) * width
    upper = flat[at] * (1 - x) + flat[at + right] * x
    lower = flat[at + below] * (1 - x) + flat[at + below + right] * x
    return np.asarray(upper * (1 - y) + lower * y, picture.dtype).reshape(picture.shape)
