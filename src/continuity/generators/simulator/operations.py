"""What can happen to a picture: pure pixel operations with physical parameters.

Each takes H x W x 3 uint8 sRGB (a mark: H x W x 4, straight alpha) and returns a new array of the same kind. Colour is
changed in coded values, as grading tools and generators do.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from continuity.interfaces import Pixels

Triple: TypeAlias = "tuple[float, float, float] | NDArray[np.float64]"  # R, G, B

REC709 = (0.2126, 0.7152, 0.0722)  # luma weights that the ASC CDL prescribes for its saturation
_DISPLAY_GAMMA = 2.2


def relight(pixels: Pixels, across: float, down: float) -> Pixels:
    """A gain that changes evenly over the picture, as a key light moved or dimmed does.

    Args:
        pixels: H x W x 3, uint8, sRGB.
        across: stops (powers of two of linear light) at the right edge; the left edge gets their opposite.
        down: the same from the top edge to the bottom edge.
    """
    height, width = pixels.shape[:2]
    x = np.exp2(across / _DISPLAY_GAMMA * _span(width))
    y = np.exp2(down / _DISPLAY_GAMMA * _span(height))
    return _rounded(pixels * np.outer(y, x).astype(np.float32)[..., None])


def regrade(
    pixels: Pixels,
    *,
    slope: Triple = (1, 1, 1),
    offset: Triple = (0, 0, 0),
    power: Triple = (1, 1, 1),
    saturation: float = 1.0,
) -> Pixels:
    """ASC CDL (v1.2): ``(in * slope + offset) ** power`` per channel, clamped, then saturation about Rec. 709 luma.

    Args:
        pixels: H x W x 3, uint8, sRGB.
        slope: factors of R, G, B.
        offset: added to R, G, B, where white is 1.
        power: exponents of R, G, B.
        saturation: 0 is grey, 1 leaves it.
    """
    from PIL import Image as Pillow

    codes = np.linspace(0, 1, 256)
    curves = [np.clip(codes * s + o, 0, 1) ** p for s, o, p in zip(slope, offset, power, strict=True)]
    table = [int(value) for curve in curves for value in _rounded(curve * 255)]
    matrix: list[float] = []
    for channel in range(3):
        row = [(1 - saturation) * weight for weight in REC709]
        row[channel] += saturation
        matrix += [*row, 0.0]
    return np.asarray(Pillow.fromarray(pixels).point(table).convert("RGB", tuple(matrix)))


def reframe(pixels: Pixels, zoom: float, right: float, down: float) -> Pixels:
    """The window of another framing, resampled (bicubic) to the size of the picture.

    Args:
        pixels: H x W x 3, uint8, sRGB.
        zoom: 1 is the whole picture, 2 a window of half its width and height.
        right: where the window lies between the left edge (-1) and the right edge (1); 0 is the middle.
        down: the same between the top edge and the bottom edge.
    """
    from PIL import Image as Pillow

    height, width = pixels.shape[:2]
    free_x, free_y = width - width / zoom, height - height / zoom
    left, top = free_x * (1 + right) / 2, free_y * (1 + down) / 2
    window = (left, top, min(width, left + width / zoom), min(height, top + height / zoom))
    return np.asarray(Pillow.fromarray(pixels).resize((width, height), Pillow.Resampling.BICUBIC, window))


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian blur; ``sigma`` is the standard deviation in pixels (three box passes approximate it)."""
    from PIL import Image as Pillow
    from PIL import ImageFilter

    return np.asarray(Pillow.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))


def bend(mark: Pixels, arc: float, stretch: float) -> Pixels:
    """A mark bent into an arc and stretched, on a canvas larger by half the mark's size on every side.

    Args:
        mark: H x W x 4, uint8, sRGB with straight alpha.
        arc: how far the middle rises above the ends, in heights of the mark.
        stretch: factor of its width.
    """
    from scipy.ndimage import map_coordinates

    height, width = mark.shape[:2]
    above, beside = height // 2, width // 2
    y, x = np.mgrid[0 : height + 2 * above, 0 : width + 2 * beside].astype(np.float32)
    along = (x - beside - (width - 1) / 2) / stretch  # from the middle of the mark, unstretched
    rise = arc * height * (0.5 - np.minimum(1, np.abs(2 * along / width)) ** 2)
    where = [y - above + rise, along + (width - 1) / 2]
    alpha = mark[..., 3:].astype(np.float32) / 255
    layers = np.concatenate([mark[..., :3] * alpha, alpha * 255], axis=2)  # premultiplied: edges keep their colour
    moved = np.stack([map_coordinates(layers[..., k], where, order=1, cval=0.0) for k in range(4)], axis=-1)
    cover = np.maximum(moved[..., 3:], 1e-3) / 255
    return _rounded(np.concatenate([moved[..., :3] / cover, moved[..., 3:]], axis=2))


def recolour(mark: Pixels, colour: Triple, share: float) -> Pixels:
    """A mark mixed with a colour (R, G, B in [0, 255]); ``share`` 0 leaves it, 1 makes it plain. Alpha stays."""
    mixed = mark.astype(np.float32)
    mixed[..., :3] += share * (np.asarray(colour, dtype=np.float32) - mixed[..., :3])
    return _rounded(mixed)


def composite(pixels: Pixels, mark: Pixels, left: int, top: int) -> Pixels:
    """The picture with a mark (H x W x 4, straight alpha) laid over it at a corner; what lies outside is cut off."""
    height, width = pixels.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(width, left + mark.shape[1]), min(height, top + mark.shape[0])
    covered = np.array(pixels)
    if x0 < x1 and y0 < y1:
        part = mark[y0 - top : y1 - top, x0 - left : x1 - left].astype(np.float32)
        below = covered[y0:y1, x0:x1].astype(np.float32)
        covered[y0:y1, x0:x1] = _rounded(below + part[..., 3:] / 255 * (part[..., :3] - below))
    return covered


def _span(count: int) -> NDArray[np.float64]:
    """Middles of ``count`` pixels, from -1 to 1 over their edges."""
    return (np.arange(count) * 2 + 1) / count - 1


def _rounded(values: NDArray[np.floating]) -> Pixels:
    values = values + 0.5
    np.clip(values, 0, 255, out=values)
    return values.astype(np.uint8)
