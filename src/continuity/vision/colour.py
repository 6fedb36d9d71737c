"""Colour of a picture as arrays: CIELAB, its distribution per channel, and how far two distributions are apart.

CIELAB is taken under D65 with the 2 degree observer from sRGB (IEC 61966-2-1), as ``skimage.color.rgb2lab`` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from continuity.errors import UsageError

BINS = 256
SIDE = 256

TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]], np.float64
)
_FROM_XYZ = np.linalg.inv(TO_XYZ).T
WHITE = np.array([0.95047, 1.0, 1.08883], np.float64)  # D65, 2 degree observer
_TO_RELATIVE_XYZ = (TO_XYZ / WHITE[:, None]).astype(np.float32)
_DARK = np.float32(216 / 24389)  # below it CIELAB is a straight line
_SLOPE = np.float32(24389 / 27 / 116)
_OFFSET = np.float32(16 / 116)


def _linear(coded: NDArray[np.floating]) -> NDArray[np.float32]:
    curve = np.where(coded > 0.04045, ((coded + 0.055) / 1.055) ** 2.4, coded / 12.92)
    return curve.astype(np.float32)


_LINEAR = _linear(np.arange(256) / 255)


def lab_of(rgb: NDArray[Any]) -> NDArray[np.float32]:
    """CIELAB (D65, 2 degrees) of sRGB colours.

    ``rgb`` is (..., 3), uint8 or floating in [0, 1]. Returns float32 (..., 3): L* in [0, 100], a* and b* about -110 to
    110. Agrees with ``skimage.color.rgb2lab`` within 0.01 dE.

    Raises:
        UsageError: another shape or type, or a floating value outside [0, 1] (NaN among them).
    """
    if rgb.ndim < 1 or rgb.shape[-1] != 3:
        raise UsageError(f"sRGB colours in a last axis of 3 were wanted, got shape {rgb.shape}: convert to RGB first")
    if rgb.dtype == np.uint8:
        linear = np.take(_LINEAR, np.moveaxis(rgb, -1, 0))
    elif np.issubdtype(rgb.dtype, np.floating):
        if rgb.size and not (rgb.min() >= 0 and rgb.max() <= 1):  # NaN fails both
            raise UsageError(f"sRGB in [0, 1] was wanted, got {rgb.min()} to {rgb.max()}: scale or clip it first")
        linear = _linear(np.moveaxis(rgb, -1, 0))
    else:
        raise UsageError(f"sRGB as uint8 or floating in [0, 1] was wanted, got {rgb.dtype}: convert it first")
    # Sums in place of matrix products: those start BLAS threads, which cost more than they save beside other workers.
    red, green, blue = linear
    x, y, z = (_f(red * row[0] + green * row[1] + blue * row[2]) for row in _TO_RELATIVE_XYZ)
    lab = np.empty(rgb.shape, np.float32)
    lab[..., 0] = 116 * y - 16
    lab[..., 1] = 500 * (x - y)
    lab[..., 2] = 200 * (y - z)
    return lab


def _f(relative: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(relative > _DARK, np.cbrt(relative), relative * _SLOPE + _OFFSET)


def xyz_of(lab: ArrayLike) -> NDArray[np.float64]:
    """CIE XYZ (..., 3) of CIELAB (..., 3), under D65, Y = 1 for white; a lightness below 0 is black."""
    light, a, b = np.moveaxis(np.asarray(lab, np.float64), -1, 0)
    middle = (np.maximum(light, 0) + 16) / 116
    f = np.stack([middle + a / 500, middle, middle - b / 200], axis=-1)
    relative = np.where(f > 6 / 29, f**3, (f - _OFFSET) / _SLOPE)
    return np.asarray(np.maximum(relative, 0) * WHITE)


def srgb_of(lab: ArrayLike) -> NDArray[np.float64]:
    """sRGB in [0, 1] of CIELAB (..., 3); colours that sRGB does not have are clipped."""
    linear = np.clip(xyz_of(lab) @ _FROM_XYZ, 0, 1)
    return np.asarray(np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear))


def reduced_lab(pixels: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.float32]:
    """CIELAB of a picture, area-averaged to at most ``side`` pixels on its longer side; never enlarged.

    ``pixels`` is H x W x 3, uint8, sRGB. Returns h x w x 3, float32. The average is of coded sRGB, as an editor's
    viewer shows a picture made smaller.

    Raises:
        UsageError: another shape or type, an empty picture, a side below 1.
    """
    return lab_of(reduced(pixels, side))


def reduced(pixels: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """The picture that :func:`reduced_lab` takes the colours of, as uint8 sRGB: h x w x 3.

    Raises:
        UsageError: as :func:`reduced_lab`.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise UsageError(
            f"a picture H x W x 3 of uint8 was wanted, got {pixels.dtype} {pixels.shape}: convert it first"
        )
    if side < 1:
        raise UsageError(f"a side of at least 1 px was wanted, got {side}")
    height, width = pixels.shape[:2]
    longer = max(height, width)
    if longer > side:
        size = (max(1, round(width * side / longer)), max(1, round(height * side / longer)))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    return pixels


def quantiles(lab: NDArray[np.floating]) -> NDArray[np.float32]:
    """The distribution of each channel: the means of :data:`BINS` equal shares of its values, from smallest to largest.

    ``lab`` is (..., 3) with at least one colour. Returns float32, 3 x BINS: the quantile function averaged over each
    share, so that means are kept exactly.
    """
    ordered = np.sort(lab.reshape(-1, 3).T, axis=1)
    count = ordered.shape[1]
    total = np.zeros((3, count + 1), np.float64)
    np.cumsum(ordered, axis=1, dtype=np.float64, out=total[:, 1:])
    edges = np.arange(BINS + 1) * (count / BINS)
    whole = np.minimum(edges.astype(np.intp), count - 1)
    below = total[:, whole] + ordered[:, whole] * (edges - whole)
    shares: NDArray[np.float32] = (np.diff(below, axis=1) * (BINS / count)).astype(np.float32)
    return shares


def wasserstein(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Wasserstein-1 distance between distributions given by their :func:`quantiles`, in the unit of the channel.

    ``a`` and ``b`` are (..., BINS) and broadcast; returns (...). It is the mean distance of the quantile functions
    (Vallender 1974, Theory of Probability and its Applications 18:784), at most the exact one, and short of it
    only by what crosses inside a share of 1 / BINS.
    """
    apart: NDArray[np.float64] = np.abs(np.subtract(a, b, dtype=np.float64)).mean(axis=-1)
    return apart


def skin_distance(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Distance of skin colours (..., 3) in CIELAB units, lightness at half weight: light on a face moves the most."""
    step = np.subtract(a, b, dtype=np.float64) * (0.5, 1.0, 1.0)
    apart: NDArray[np.float64] = np.sqrt(np.square(step).sum(axis=-1))
    return apart
