"""Square windows on a picture: cut one out for a model, and bring what the model says back to the picture.

Coordinates are (x, y) in pixels, x to the right, y down; a pixel covers [i, i + 1). Angles are in radians, clockwise on
the screen. Everything a small vision model looks at here is a :class:`Window`: the whole picture letterboxed, a tile of
it, or a face or body that is upright in the window though not in the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from continuity.records import Box

_FINE = 8  # a window is shrunk by skipping pixels only as far as at least this many a side are still averaged


@dataclass(frozen=True, slots=True)
class Window:
    """A square on a picture: its middle, the length of its side, and how far it is turned."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    @classmethod
    def letterbox(cls, height: int, width: int) -> Window:
        """The smallest upright square around a whole picture of that shape, with the same middle."""
        return cls(width / 2, height / 2, float(max(height, width)))

    def to_picture(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """Points (... x 2) in units of the window ([0, 1] inside) as pixels of the picture."""
        across = (np.asarray(points, np.float64) - 0.5) * self.side
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        turned = across @ np.array([[cos, sin], [-sin, cos]])
        return np.asarray(turned + np.array([self.x, self.y]), np.float32)


def cut(pixels: NDArray[np.uint8], window: Window, size: int) -> NDArray[np.uint8]:
    """What is in ``window``, as ``size`` x ``size`` x 3 uint8 of the same colour space; black outside the picture.

    Averages over boxes where the window shrinks to half or less, then interpolates bilinearly.
    """
    from PIL import Image

    height, width = pixels.shape[:2]
    reach = window.side * (abs(math.cos(window.angle)) + abs(math.sin(window.angle))) / 2
    left, top = max(0, math.floor(window.x - reach)), max(0, math.floor(window.y - reach))
    right, bottom = min(width, math.ceil(window.x + reach)), min(height, math.ceil(window.y + reach))
    if right <= left or bottom <= top or window.side <= 0:
        return np.zeros((size, size, 3), np.uint8)
    shrink = max(1, int(window.side / size))
    skip = max(1, shrink // _FINE)
    part = Image.fromarray(np.ascontiguousarray(pixels[top:bottom:skip, left:right:skip]))
    factor = skip
    if shrink // skip > 1:
        part = part.reduce(shrink // skip)
        factor = skip * (shrink // skip)
    step = window.side / size / factor
    cos, sin = math.cos(window.angle) * step, math.sin(window.angle) * step
    middle_x, middle_y = (window.x - left) / factor, (window.y - top) / factor
    across = (
        cos,
        -sin,
        middle_x - (cos - sin) * size / 2,
        sin,
        cos,
        middle_y - (sin + cos) * size / 2,
    )
    turned = part.transform((size, size), Image.Transform.AFFINE, across, resample=Image.Resampling.BILINEAR)
    return np.asarray(turned)


def shrunk(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """The picture at 1 / ``factor`` of its sides, each pixel the mean of a square; the same array for a factor of 1."""
    from PIL import Image

    return pixels if factor == 1 else np.asarray(Image.fromarray(pixels).reduce(factor))


def moved(box: Box, *, scale: float, down: float) -> Box:
    """The box as a square: longer side times ``scale``, middle moved ``down`` by a share of that longer side."""
    longer = max(box.width, box.height)
    x, y = box.centre
    half = longer * scale / 2
    y += longer * down
    return Box(x - half, y - half, x + half, y + half)


def angle_of(start: tuple[float, float], end: tuple[float, float]) -> float:
    """Direction from ``start`` to ``end`` in radians: 0 to the right, clockwise on the screen."""
    return math.atan2(end[1] - start[1], end[0] - start[0])


def overlap(box: NDArray[np.floating], boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of one box with each of ``boxes`` (n x 4: left, top, right, bottom)."""
    near, far = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:4], boxes[:, 2:4])
    shared = np.prod(np.clip(far - near, 0, None), axis=1, dtype=np.float64)
    areas = np.prod(boxes[:, 2:4] - boxes[:, :2], axis=1, dtype=np.float64)
    union = areas + float((box[2] - box[0]) * (box[3] - box[1])) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))
