"""Homographies of the plane: 3 x 3 float64 matrices on (x, y, 1), the last number 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]  # 3 x 3


def projected(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (n x 2) through a homography."""
    through = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(through[:, :2] / through[:, 2:], np.float64)


def scale_of(pose: Matrix) -> float:
    """By how much lengths grow around the middle."""
    return float(np.sqrt(abs(np.linalg.det(pose[:2, :2]))))


def warp(p: NDArray[np.float64]) -> Matrix:
    """The warp of the mark's plane with parameters: shift, growth, turn, stretch, shear, perspective."""
    return np.array(
        [[1 + p[2] + p[4], -p[3] + p[5], p[0]], [p[3] + p[5], 1 + p[2] - p[4], p[1]], [p[6], p[7], 1]], np.float64
    )


def plausible(start: Matrix, pose: Matrix) -> bool:
    """Whether a pose is still near the one that was refined, neither mirrored nor flat."""
    if not np.isfinite(pose).all() or np.linalg.det(pose[:2, :2]) <= 0:
        return False
    ratio = scale_of(pose) / scale_of(start)
    wide, narrow = np.linalg.svd(pose[:2, :2], compute_uv=False)
    return 0.5 < ratio < 2 and wide < 2 * narrow and np.abs(pose[2, :2]).max() < 0.5
