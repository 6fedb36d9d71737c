"""Pictures of 16 bits a channel, of which Pillow gives the upper byte only.

Decoding the same tiles in the opposite byte order gives the lower bytes, through the same decoders and for every
compression that Pillow reads; together they are the 16 bits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile, _Tile

_SWAPPED = ";16B" if sys.byteorder == "little" else ";16L"
_OTHER_BYTE = {
    layout + order: layout + opposite
    for layout in ("RGB", "RGBX", "RGBA", "CMYK")
    for order, opposite in ((";16L", ";16B"), (";16B", ";16L"), (";16N", _SWAPPED))
}
_GREY_ALPHA = "LA;16B"  # a PNG of grey and alpha, two bytes each: taken as the four bytes that they are
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0


def sixteen_bits(image: ImageFile, reopen: Callable[[], ImageFile]) -> NDArray[np.uint16] | None:
    """Return a picture of 16 bits a channel as HxWxC uint16, alpha last; None for any other.

    Args:
        image: opened and not yet loaded; loaded on return if it has 16 bits.
        reopen: opens the same file once more.
    """
    if image.mode.startswith("I;16"):
        deep: NDArray[np.uint16] = np.asarray(image).astype(np.uint16)[..., None]
        if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:  # Pillow inverts 8 bits, but not 16
            np.invert(deep, out=deep)
    else:
        layouts = {_layout(tile) for tile in image.tile}
        if layouts == {_GREY_ALPHA}:
            image.tile = _relabelled(image, {_GREY_ALPHA: "RGBA"})
            quads = np.asarray(image).astype(np.uint16)
            deep = np.left_shift(quads[..., 0::2], 8) | quads[..., 1::2]
        elif layouts and layouts <= _OTHER_BYTE.keys():
            lower = reopen()
            lower.tile = _relabelled(lower, _OTHER_BYTE)
            deep = np.left_shift(np.asarray(image).astype(np.uint16), 8) | np.asarray(lower)
        else:
            return None
    hidden = image.info.get("transparency")
    if hidden is not None and deep.shape[2] in (1, 3):  # the one colour that a PNG calls transparent, in 16 bits
        seen = (deep != np.asarray(hidden)).any(axis=2, keepdims=True)
        deep = np.concatenate([deep, seen * np.uint16(65535)], axis=2)
    return deep


def rounded(deep: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return v / 257 rounded to the nearest, by v = 256 high + low = 257 high + (low - high)."""
    high = (deep >> 8).astype(np.int16)
    rest = (deep & 255).astype(np.int16) - high
    return (high + (rest > 128) - (rest < -128)).astype(np.uint8)


def png(deep: NDArray[np.uint16]) -> bytes:
    """Return HxWx3 uint16 as a PNG of 16 bits a channel, which Pillow does not write."""
    import av

    codec = av.CodecContext.create("png", "w")
    codec.height, codec.width = deep.shape[:2]
    codec.pix_fmt, codec.time_base = "rgb48be", Fraction(1, 1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(deep), format="rgb48le").reformat(format="rgb48be")
    return b"".join(bytes(packet) for one in (frame, None) for packet in codec.encode(one))


def _relabelled(image: ImageFile, layouts: Mapping[str, str]) -> list[_Tile]:
    """Return the tiles with another reading of their bytes."""
    return [tile._replace(args=_with_layout(tile.args, layouts[_layout(tile)])) for tile in image.tile]


def _layout(tile: _Tile) -> str:
    """Return the byte layout that a tile is read with; Pillow gives it alone or before other arguments."""
    return tile.args if isinstance(tile.args, str) else str((tile.args or ("",))[0])


def _with_layout(args: tuple[Any, ...] | str | None, layout: str) -> tuple[Any, ...] | str:
    return (layout, *args[1:]) if isinstance(args, tuple) else layout
