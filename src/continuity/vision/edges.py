"""Directions of edges, whatever their colours are: the field on which marks are found and aligned.

The structure tensor of three opponent channels at each pixel (Bigun and Granlund 1987, ICCV), as one complex number
whose angle is twice that of the gradient and whose length saturates with contrast. It is the same for a light mark on
dark and a dark one on light, on any plate and in any colour.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from continuity.vision.homography import Matrix

Field = NDArray[np.complex64]  # ... x h x w
Planes = NDArray[np.float32]  # c x ... x h x w
WIDE = 2.5  # px: sigma from which a blur is made of boxes
EDGE = 6.0  # units of lightness (0 to 100) a pixel at which an edge counts half


def planes_of(rgb: NDArray[Any]) -> Planes:
    """Lightness and two opponent colours (3 x ... x h x w) of ... x h x w x 3 sRGB in [0, 255], about as CIELAB."""
    red, green, blue = (np.ascontiguousarray(rgb[..., c], np.float32) for c in range(3))
    light = red * 0.117
    light += green * 0.235
    light += blue * 0.039
    across = (red - green) * 0.33
    return np.stack([light, across, ((red + green) * 0.5 - blue) * 0.33])


def field_of(planes: Planes, blur: float) -> Field:
    """Directions of edges of c x ... x h x w planes: double-angle structure tensor of saturating length, blurred."""
    out = np.empty(planes.shape[1:], np.complex64)
    out.real, out.imag = parts_of(planes, blur)
    return out


def parts_of(planes: Planes, blur: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Real and imaginary part of :func:`field_of`; a place depends on no place farther than :func:`reach_of` it."""
    shape = planes.shape[1:]
    real, imaginary = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for plane in planes:
        right, down = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        np.subtract(plane[..., 2:], plane[..., :-2], out=right[..., 1:-1])
        np.subtract(plane[..., 2:, :], plane[..., :-2, :], out=down[..., 1:-1, :])
        real += (right - down) * (right + down)
        right *= down
        imaginary += right
    imaginary *= 2
    length = np.sqrt(np.sqrt(real * real + imaginary * imaginary))
    weight = 1 / ((length + 1e-6) * (length + np.float32(2 * EDGE)))
    real *= weight
    imaginary *= weight
    return smooth(real, blur), smooth(imaginary, blur)


def reach_of(blur: float) -> int:
    """How far, in pixels, an edge has a say in the field; for a blur below :data:`WIDE`."""
    return 1 + len(_kernel(blur)) // 2


def smooth(a: NDArray[np.floating[Any]], sigma: float) -> NDArray[np.float32]:
    """Blurs ... x h x w by about ``sigma`` pixels: a Gaussian, or two boxes of its variance where it is wide."""
    plane = np.asarray(a, np.float32)
    if sigma < WIDE:
        if sigma <= 0:
            return plane
        kernel = _kernel(float(sigma))
        once = ndimage.correlate1d(plane, kernel, -2, mode="nearest")
        return np.asarray(ndimage.correlate1d(once, kernel, -1, mode="nearest"), np.float32)
    width = max(3, round(np.sqrt(6 * sigma**2 + 1)) | 1)
    for axis in (-2, -1, -2, -1):
        plane = ndimage.uniform_filter1d(plane, width, axis, mode="nearest")
    return plane


@lru_cache(maxsize=256)
def _kernel(sigma: float) -> NDArray[np.float64]:
    """A sampled Gaussian up to 2.5 sigma, of sum 1."""
    reach = int(2.5 * sigma + 0.5)
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(weight / weight.sum(), np.float64)


def channels(patch: NDArray[np.float32]) -> Planes:
    """Planes and coverage (4 x h x w) of premultiplied RGBA: the outline is an edge whatever the plate is."""
    alpha = patch[..., 3:]
    total = float(alpha.sum())
    mean = patch[..., :3].sum(axis=(0, 1)) / max(total, 1e-6)
    colours = np.clip(patch[..., :3] + (1 - alpha) * mean, 0, 1) * 255
    return np.concatenate([planes_of(colours), 30 * alpha[None, ..., 0]]).astype(np.float32)


def premultiplied(rgba: NDArray[np.float32], into: Matrix, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Premultiplied RGBA in [0, 1], drawn by ``into`` (plane to patch) with area averaging."""
    height, width = rgba.shape[:2]
    over = 2
    longer = max(height, width)
    to_plane = np.array([[2 / longer, 0, -width / longer], [0, 2 / longer, -height / longer], [0, 0, 1]])
    scale = np.diag([over, over, 1.0])
    back = np.linalg.inv(scale @ into @ to_plane)
    alpha = rgba[..., 3:] / 255
    source = np.concatenate([rgba[..., :3] / 255 * alpha, alpha], axis=-1).astype(np.float32)
    factor = min(max(1, int(np.hypot(back[0, 0], back[1, 0]))), longer)  # of a pose that shrinks it to nothing too
    planes = []
    for channel in range(4):
        plane = Image.fromarray(np.ascontiguousarray(np.pad(source[..., channel], factor)))
        plane = plane.reduce(factor) if factor > 1 else plane
        shifted = np.diag([1 / factor, 1 / factor, 1.0]) @ np.array([[1, 0, factor], [0, 1, factor], [0, 0, 1]]) @ back
        drawn = plane.transform(
            (shape[1] * over, shape[0] * over),
            Image.Transform.PERSPECTIVE,
            tuple((shifted / shifted[2, 2]).ravel()[:8]),
            Image.Resampling.BILINEAR,
        )
        planes.append(np.asarray(drawn.reduce(over)))
    return np.stack(planes, axis=-1)
