"""Marks laid into pictures at a known pose."""

from __future__ import annotations

import numpy as np

from continuity.vision.edges import premultiplied
from continuity.vision.marks import Mark


def drawn(plate: np.ndarray, mark: Mark, pose: np.ndarray) -> np.ndarray:
    """The plate with the mark at a pose."""
    over = premultiplied(mark.rgba, pose, plate.shape[:2])
    return (over[..., :3] * 255 + plate * (1 - over[..., 3:])).clip(0, 255).round().astype(np.uint8)


def pose_of(x: float, y: float, long: float, degrees: float = 0.0, far: float = 0.0) -> np.ndarray:
    """Its middle at a place, ``long`` px on its longer side, turned, and tilted where ``far`` is not 0."""
    angle = np.radians(degrees)
    cos, sin = np.cos(angle) * long / 2, np.sin(angle) * long / 2
    tilted = np.array([[1, 0, 0], [0, 1, 0], [far, far / 2, 1]])
    return np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]]) @ tilted
