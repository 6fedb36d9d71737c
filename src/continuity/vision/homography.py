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


def of_points(source: NDArray[np.float64], target: NDArray[np.float64]) -> Matrix:
    """The homography that takes four points (4 x 2), no three of them on a line, to four others."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    solved = np.linalg.solve(np.array(rows, np.float64), np.asarray(target, np.float64).ravel())
    return np.append(solved, 1.0).reshape(3, 3)


def axes_of(pose: Matrix) -> tuple[float, float]:
    """How long the longest and the shortest unit vector at the middle become."""
    long, short = np.linalg.svd(pose[:2, :2] - np.outer(pose[:2, 2], pose[2, :2]), compute_uv=False)
    return float(long), float(max(short, 1e-9))


def unstretched(pose: Matrix) -> Matrix:
    """The pose with both axes of the same length, of the same area, turn, place and perspective."""
    local = pose[:2, :2] - np.outer(pose[:2, 2], pose[2, :2])
    left, axes, right = np.linalg.svd(local)
    even = pose.copy()
    even[:2, :2] = left @ right * np.sqrt(axes.prod()) + np.outer(pose[:2, 2], pose[2, :2])
    return even
