"""Pictures through Pillow: any mode, depth, profile and orientation to HxWx3 uint8 sRGB; OpenEXR through exr.py."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from continuity.errors import MediaError
from continuity.media import exr
from continuity.media.files import SourceFile, shown, translated
from continuity.media.formats import Format, sniff
from continuity.media.frames import TRANSPARENT, frozen, over_matte
from continuity.media.icc import needs_no_profile, to_srgb
from continuity.media.pillow import open_pillow, strict_pillow
from continuity.media.sixteen import rounded, sixteen_bits
from continuity.media.spaces import Space, space_of

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

AGAIN = "render, copy or export it again"

_ORIENTATION = 0x0112
_SRGB_GAMMA = 0.45455  # what a PNG of sRGB pixels says in gAMA


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture's header says, before any pixel is decoded.

    Attributes:
        size: width and height as stored, before any orientation; of OpenEXR, of the display window.
        frames: how many it shows.
        space: the colour space of an OpenEXR picture, None for others: they are sRGB or have a profile.
        rate: frames a second, where a single frame says so.
    """

    size: tuple[int, int]
    frames: int
    space: Space | None = None
    rate: Fraction | None = None


def header(file: IO[bytes], kind: Format, path: str | os.PathLike[str], colorspace: str | None = None) -> Header:
    """Return what the header of an open picture file says; ``colorspace`` is that of an OpenEXR picture, if given."""
    if kind is Format.EXR:
        said = exr.layout(file.fileno(), path)
        return Header(said.size, 1, space_of(said.attributes, colorspace, path), said.rate)
    with translated("read", path, AGAIN), strict_pillow():
        image = open_pillow(file, kind, path)
        frames = 1 if kind in (Format.TIFF, Format.JPEG) else getattr(image, "n_frames", 1)
        return Header(image.size, frames - bool(getattr(image, "default_image", False)))


def examine(source: SourceFile, colorspace: str | None = None) -> tuple[Format, Header | None]:
    """Return the format of a file and its header; no header of a movie.

    Raises:
        MediaError: missing, not readable, empty, damaged, too large, of a format that is not read, or an OpenEXR
            picture whose colour space nobody says.
        MissingDependency: what reads OpenEXR is not installed.
    """
    kind = sniff(source)
    if kind.is_movie:
        return kind, None
    with source.open() as file:
        return kind, header(file, kind, source.path, colorspace)


def decode(
    content: bytes, kind: Format, path: str | os.PathLike[str], space: Space | None = None
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return the measuring copy of a picture, HxWx3 uint8 sRGB, with what was assumed or reduced on the way.

    Raises:
        MediaError: damaged, truncated, too large, or of a kind that has no plain colours (floating point TIFF, Lab).
    """
    if kind is Format.EXR:
        assert space is not None  # noqa: S101  (a header without one is an error)
        pixels, said = exr.decode(content, space, path)
        return frozen(pixels), said
    with translated("read", path, AGAIN), strict_pillow():
        image = open_pillow(BytesIO(content), kind, path)
        notes = []
        pages = getattr(image, "n_frames", 1) if kind is Format.TIFF else 1
        if pages > 1:
            notes.append(f"{pages} pages: the first is measured")
        deep = sixteen_bits(image, lambda: open_pillow(BytesIO(content), kind, path))
        gamma = image.info.get("gamma", _SRGB_GAMMA)
        if abs(gamma - _SRGB_GAMMA) > 0.01 and not image.info.keys() & {"icc_profile", "srgb"}:
            notes.append(f"PNG gamma {gamma:g} is not applied: read as sRGB")
        if deep is None:
            pixels, said = convert(image, path)
        else:
            notes.append("16 bits a channel, reduced to 8 for measuring")
            pixels, said = _from_eight_bits(rounded(deep), image, path)
        # Pillow turns TIFF itself while loading; the others are turned here.
        orientation = 1 if kind is Format.TIFF else image.getexif().get(_ORIENTATION, 1)
        return frozen(oriented(pixels, orientation)), (*notes, *said)


def deep(content: bytes, kind: Format, path: str | os.PathLike[str]) -> NDArray[np.uint16] | None:
    """Return the 16 bits of a picture that is sRGB as it is, HxWx3 and oriented; None for any other.

    That is one of 8 bits, with transparency, of inks, or with an ICC profile that its colours have to go through.

    Raises:
        MediaError: as ``decode``.
    """
    with translated("read", path, AGAIN), strict_pillow():
        image = open_pillow(BytesIO(content), kind, path)
        found = sixteen_bits(image, lambda: open_pillow(BytesIO(content), kind, path))
        if found is None or image.mode == "CMYK" or found.shape[2] not in (1, 3):
            return None
        if not needs_no_profile(image.info.get("icc_profile"), "RGB" if found.shape[2] == 3 else "L"):
            return None
        orientation = 1 if kind is Format.TIFF else image.getexif().get(_ORIENTATION, 1)
        return np.ascontiguousarray(oriented(np.broadcast_to(found, (*found.shape[:2], 3)), orientation))


def convert(image: ImageFile, path: str | os.PathLike[str]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return the pixels of a loaded 8 bit picture of any mode as HxWx3 sRGB, not yet oriented, and notes."""
    image.load()
    if image.has_transparency_data:
        rgba = image.convert("LA" if image.mode in ("1", "L", "LA") else "RGBA")
        return _from_eight_bits(np.asarray(rgba), image, path)
    if image.mode in ("1", "L"):
        colours = image.convert("L")
    elif image.mode in ("P", "RGB", "RGBX", "YCbCr"):
        colours = image.convert("RGB")
    elif image.mode == "CMYK":
        colours = image.copy()
    else:
        raise MediaError(
            f"cannot read {shown(path)}: its pixels are {_MODES.get(image.mode, image.mode)}, which are not plain "
            "colours; export it as PNG or TIFF with 8 or 16 bits a channel"
        )
    converted, notes = to_srgb(colours, image.info.get("icc_profile"))
    return np.asarray(converted), notes


_MODES = {"F": "floating point", "I": "32 bit integers", "LAB": "CIELAB", "HSV": "HSV"}


def _from_eight_bits(
    array: NDArray[np.uint8], image: ImageFile, path: str | os.PathLike[str]
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return HxWx3 sRGB from HxWxC with C of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA, or CMYK by the mode)."""
    from PIL import Image

    channels = array.shape[2]
    has_alpha = channels == 2 or (channels == 4 and image.mode != "CMYK")
    plain = array[..., : channels - has_alpha]
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[plain.shape[2]]
    height, width = plain.shape[:2]
    colours = Image.frombytes(mode, (width, height), np.ascontiguousarray(plain).tobytes())
    converted, notes = to_srgb(colours, image.info.get("icc_profile"))
    rgb = np.asarray(converted)
    if has_alpha:
        rgb, transparent = over_matte(np.concatenate([rgb, array[..., -1:]], axis=2))
        if transparent:
            notes = (*notes, TRANSPARENT)
    return rgb, notes


def oriented(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and mirror pixels as EXIF orientation 1 to 8 says (Exif 2.32, tag 0x0112); anything else is 1."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
