"""A mark and a picture, and the geometry between them.

Coordinates are (x, y) in pixels, a pixel covers [i, i + 1). Poses map the mark's own plane (its middle is (0, 0), its
longer side reaches from -1 to 1) to pixels of the picture. Found is a mark in :mod:`continuity.vision.mark_pose`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from continuity.vision.edges import premultiplied
from continuity.vision.homography import Matrix, projected

T = TypeVar("T")
MARGIN = 1.16  # of a rectified patch over the mark


@dataclass(slots=True)
class Mark:
    """Artwork made ready: ``rgba`` is H x W x 4 float32 in [0, 255], straight alpha, sRGB."""

    rgba: NDArray[np.float32]
    made: dict[Any, Any] = field(default_factory=dict, repr=False)  # what is derived from it once: patches, spectra

    @property
    def half(self) -> tuple[float, float]:
        """Half width and half height of the mark in its own plane: the longer is 1."""
        height, width = self.rgba.shape[:2]
        longer = max(height, width)
        return width / longer, height / longer

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """What ``make`` gives, made at the first call with this key."""
        if key not in self.made:
            self.made[key] = make()
        kept: T = self.made[key]
        return kept

    def patch(self, size: int) -> NDArray[np.float32]:
        """Premultiplied RGBA (0 to 1) of the mark in a patch of :func:`shape_of` ``size``."""
        return self.once(
            ("patch", size), lambda: premultiplied(self.rgba, plane_to_patch(self, size), shape_of(self, size))
        )


def shape_of(mark: Mark, size: int) -> tuple[int, int]:
    """Rows and columns of a rectified patch whose mark has a longer side of ``size`` pixels; a margin is around it."""
    half_x, half_y = mark.half
    pad = (MARGIN - 1) * size
    return round(half_y * size + pad), round(half_x * size + pad)


def extent(mark: Mark, side: int) -> int:
    """Longer side of a patch that shows about as much of the mark as a square one of ``side`` does; at most double."""
    half_x, half_y = mark.half
    return round(side * min(2.0, 1 / float(np.sqrt(half_x * half_y))))


def plane_to_patch(mark: Mark, size: int) -> Matrix:
    """From the mark's plane to pixels of the rectified patch."""
    height, width = shape_of(mark, size)
    return np.array([[size / 2, 0, width / 2], [0, size / 2, height / 2], [0, 0, 1]], np.float64)


def corners(mark: Mark, pose: Matrix) -> NDArray[np.float64]:
    """The four corners (4 x 2) in the picture: top left, top right, bottom right, bottom left."""
    half_x, half_y = mark.half
    plane = np.array([[-half_x, -half_y], [half_x, -half_y], [half_x, half_y], [-half_x, half_y]])
    return projected(pose, plane)


class Pyramid:
    """A picture (H x W x 3 uint8 sRGB) at halves of its size, each made once."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.levels: dict[int, Image.Image] = {1: Image.fromarray(np.ascontiguousarray(pixels))}

    def reduced(self, factor: int) -> Image.Image:
        """The picture at 1 / ``factor``: of its half, where that goes into it."""
        if factor not in self.levels:
            even = factor % 2 == 0
            self.levels[factor] = self.reduced(factor // 2).reduce(2) if even else self.levels[1].reduce(factor)
        return self.levels[factor]

    def rectified(self, mark: Mark, pose: Matrix, size: int) -> NDArray[np.uint8]:
        """The picture as the mark's patch of ``size``: h x w x 3; black outside the picture."""
        height, width = shape_of(mark, size)
        into = pose @ np.linalg.inv(plane_to_patch(mark, size))
        box = corners(mark, pose)
        long = np.linalg.norm(box - np.roll(box, 1, axis=0), axis=1).max()
        factor = int(np.clip(long // (size * 1.0), 1, 16))
        picture = self.reduced(factor)
        into = np.diag([1 / factor, 1 / factor, 1]) @ into
        into = into / into[2, 2]
        return np.asarray(
            picture.transform(
                (width, height), Image.Transform.PERSPECTIVE, tuple(into.ravel()[:8]), Image.Resampling.BILINEAR
            )
        )
