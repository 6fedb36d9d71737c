"""Which local features of two pictures show the same thing: matched, and agreeing on where it lies.

Each match proposes the similarity that its two features (place, size, direction) make, and those that agree with it
vote; the winner is refined to a homography by least squares on its voters. Nothing is drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from continuity.interfaces import Keypoints
from continuity.vision.homography import Matrix, projected

RATIO = 0.85  # of the second best descriptor's distance (Lowe 2004)
NEAR = 0.04  # of the extent of the reference: how far a voter may lie from where the pose has it
GROWN, TURNED = np.log(1.8), np.radians(30)  # how far its size and direction may differ
LEAST = 5  # voters that make a homography


@dataclass(frozen=True, slots=True)
class Agreement:
    """Where the reference lies in the frame (None where too few agree), and the features that say so."""

    pose: Matrix | None
    reference: NDArray[np.intp]  # numbers of the features, in pairs
    frame: NDArray[np.intp]
    matches: int

    @property
    def voters(self) -> int:
        """How many features agree."""
        return len(self.reference)


def matched(reference: Keypoints, frame: Keypoints) -> NDArray[np.intp]:
    """Pairs (n x 2) of features that are each other's nearest, and much nearer than the second."""
    if len(reference.places) < 2 or len(frame.places) < 2:
        return np.zeros((0, 2), np.intp)
    alike = reference.descriptors @ frame.descriptors.T
    order = np.argpartition(-alike, 1, axis=1)[:, :2]
    first, second = (np.sqrt(np.maximum(2 - 2 * np.take_along_axis(alike, order[:, [k]], 1)[:, 0], 0)) for k in (0, 1))
    swap = first > second
    best = np.where(swap, order[:, 1], order[:, 0])
    near, far = np.minimum(first, second), np.maximum(first, second)
    back = alike.argmax(axis=0)
    rows = np.flatnonzero((near < RATIO * far) & (back[best] == np.arange(len(best))))
    return np.column_stack([rows, best[rows]])


def agreed(reference: Keypoints, frame: Keypoints) -> Agreement:
    """The pose that most matches agree on."""
    pairs = matched(reference, frame)
    nothing = Agreement(None, np.zeros(0, np.intp), np.zeros(0, np.intp), len(pairs))
    if len(pairs) < LEAST:
        return nothing
    a, b = reference.places[pairs[:, 0]].astype(np.float64), frame.places[pairs[:, 1]].astype(np.float64)
    growth, turn = np.log(b[:, 2] / a[:, 2]), b[:, 3] - a[:, 3]
    factor = np.exp(growth + 1j * turn)
    from_, to = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    shift = to - factor * from_
    apart = np.abs(factor[:, None] * from_[None] + shift[:, None] - to[None])  # proposals x matches
    extent = max(float(np.ptp(a[:, 0])), float(np.ptp(a[:, 1])), 1.0)
    turned = np.abs(np.angle(np.exp(1j * (turn[None] - turn[:, None]))))
    votes = apart < 2 * NEAR * extent * np.abs(factor)[:, None]
    votes &= (np.abs(growth[None] - growth[:, None]) < GROWN) & (turned < TURNED)
    inside = votes[votes.sum(axis=1).argmax()]
    scale = float(np.abs(factor[votes.sum(axis=1).argmax()]))
    pose: Matrix | None = None
    for _ in range(4):
        if inside.sum() < LEAST:
            return nothing
        fitted = _fitted(a[inside, :2], b[inside, :2], full=bool(inside.sum() >= 12))
        if not np.isfinite(fitted).all():
            return nothing
        pose = fitted
        off = np.linalg.norm(projected(pose, a[:, :2]) - b[:, :2], axis=1)
        inside = (off < NEAR * extent * scale) & (turned[votes.sum(axis=1).argmax()] < 2 * TURNED)
    if inside.sum() < LEAST or pose is None or np.linalg.det(pose[:2, :2]) <= 0:
        return nothing
    return Agreement(pose, pairs[inside, 0], pairs[inside, 1], len(pairs))


def _fitted(a: NDArray[np.float64], b: NDArray[np.float64], *, full: bool) -> Matrix:
    """The affine map, or where ``full`` the homography, that takes ``a`` to ``b`` with the least squares."""
    if not full:
        rows = np.column_stack([a, np.ones(len(a))])
        solved = np.linalg.lstsq(rows, b, rcond=None)[0]
        return np.vstack([solved.T, [0, 0, 1]])
    norm_a, norm_b = _normed(a), _normed(b)
    p, q = projected(norm_a, a), projected(norm_b, b)
    zero, one = np.zeros((len(p), 1)), np.ones((len(p), 1))
    rows = np.vstack(
        [
            np.hstack([p, one, zero, zero, zero, -q[:, :1] * p]),
            np.hstack([zero, zero, zero, p, one, -q[:, 1:] * p]),
        ]
    )
    solved = np.linalg.lstsq(rows, np.concatenate([q[:, 0], q[:, 1]]), rcond=None)[0]
    found = np.linalg.inv(norm_b) @ np.append(solved, 1).reshape(3, 3) @ norm_a
    return np.asarray(found / found[2, 2])


def _normed(points: NDArray[np.float64]) -> Matrix:
    """To a middle of 0 and a mean distance of 1 (Hartley 1997)."""
    middle = points.mean(axis=0)
    reach = max(1e-6, float(np.linalg.norm(points - middle, axis=1).mean()))
    return np.array([[1 / reach, 0, -middle[0] / reach], [0, 1 / reach, -middle[1] / reach], [0, 0, 1]])
