"""OpenEXR pictures through OpenImageIO: float pixels of a stated colour space to HxWx3 uint8 sRGB.

OpenImageIO rather than the package OpenEXR: it says what is wrong with a damaged file instead of printing it, and never
returns a picture that lacks a part.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.errors import MediaError
from continuity.installs import require
from continuity.media.files import shown, translated
from continuity.media.formats import require_clip_size
from continuity.media.frames import MATTE, TRANSPARENT
from continuity.media.spaces import EXTRA, Space, to_srgb

_AGAIN = "render or copy it again"
MAX_BROKEN = 0.01  # of the pixels; more than a few fireflies is a broken render
_FLOATS = ("half", "float")
_SAID = ("colorInteropID", "oiio:ColorSpace", "acesImageContainerFlag", "chromaticities")
_MAX_PARTS = 256
_TINY = 0.5 / 255  # what rounding hides anyway


@dataclass(frozen=True, slots=True)
class Layout:
    """What the header of an OpenEXR file says of the part that is measured.

    Attributes:
        part: its position in the file, and ``parts`` how many there are.
        size: width and height of the display window.
        window: left, top, width and height of the data window, relative to the display window.
        channels: positions of red, green and blue, or of luminance alone.
        alpha: position of alpha, if it has one.
        rate: frames a second, if it says so.
        aspect: width of a pixel by its height.
        attributes: those that say the colour space.
    """

    part: int
    parts: int
    size: tuple[int, int]
    window: tuple[int, int, int, int]
    channels: tuple[int, ...]
    alpha: int | None
    rate: Fraction | None
    aspect: float
    attributes: Mapping[str, object]


def layout(file: int, path: str | os.PathLike[str]) -> Layout:
    """Read the header of an OpenEXR file, given by a descriptor that stays open.

    Raises:
        MediaError: damaged, too large, deep, or without float channels R, G and B, or Y.
        MissingDependency: OpenImageIO is not installed.
    """
    with _opened(file, path) as picture:
        return _layout(picture, path)


def decode(content: bytes, space: Space, path: str | os.PathLike[str]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return the display window of an OpenEXR picture as HxWx3 uint8 sRGB, and what was assumed or reduced.

    Values outside of sRGB are clipped, and values that are no numbers taken as 0; both are noted with their share.

    Raises:
        MediaError: damaged, cut short, or broken: more than 1 % of its pixels are no numbers.
    """
    descriptor = os.memfd_create("picture.exr")
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        with _opened(descriptor, path) as picture:
            found = _layout(picture, path)
            data = _pixels(picture, found, path)
    finally:
        os.close(descriptor)
    notes = [space.note, *space.notes]
    if found.parts > 1:
        notes.append(f"{found.parts} parts: the first that has colours is measured")
    if abs(found.aspect - 1) > 1e-4:
        notes.append(f"pixels are not square ({found.aspect:.4g}:1): measured as stored")
    canvas, said = _displayed(data, found)
    notes += said
    broken = ~np.isfinite(canvas).all(axis=2)
    if broken.any():
        count, share = int(broken.sum()), float(broken.mean())
        if share > MAX_BROKEN:
            raise MediaError(
                f"cannot read {shown(path)}: {share:.1%} of its pixels are no numbers (NaN, infinite); render it again"
            )
        canvas[broken] = 0
        notes.append(f"{count} pixels are no numbers (NaN or infinite), measured as 0: look at them before delivery")
    colours = canvas[..., :3] if len(found.channels) == 3 else canvas[..., :1].repeat(3, axis=2)
    alpha = None
    if found.alpha is not None:
        alpha = np.clip(canvas[..., -1], 0, 1)
        if alpha.min() < 1:
            notes.append(TRANSPARENT)
        else:
            alpha = None
    encoded = to_srgb(colours, alpha, space, MATTE)
    outside = float(((encoded < -_TINY) | (encoded > 1 + _TINY)).any(axis=2).mean())
    if outside:
        notes.append(f"{outside:.1%} of the pixels lie outside of sRGB and are clipped")
    np.clip(encoded, 0, 1, out=encoded)
    return np.rint(encoded * 255).astype(np.uint8), tuple(notes)


@contextmanager
def _opened(file: int, path: str | os.PathLike[str]) -> Iterator[Any]:
    oiio = _oiio()
    with translated("read", path, _AGAIN):  # names that are no UTF-8 raise wherever they are asked for
        picture = oiio.ImageInput.open(f"/proc/self/fd/{file}")
        if picture is None or picture.format_name() != "openexr":
            oiio.geterror()  # it names the descriptor, which nobody knows; unasked for, it is printed at exit
            raise _damaged(path, "its header is damaged or cut short")
        try:
            yield picture
        finally:
            picture.close()


def _layout(picture: Any, path: str | os.PathLike[str]) -> Layout:
    parts: list[Any] = []
    while picture.seek_subimage(len(parts), 0):
        parts.append(picture.spec())
        if len(parts) == _MAX_PARTS:
            break
    if not parts:
        raise _damaged(path, _error(picture) or "it has no part")
    chosen = next((k for k, part in enumerate(parts) if not part.deep and _colours(part)), None)
    if chosen is None:
        raise _without_colours(parts, path)
    spec = parts[chosen]
    require_clip_size(path, spec.full_width, spec.full_height)
    require_clip_size(path, spec.width, spec.height)
    channels, names = _colours(spec), [str(name) for name in spec.channelnames]
    alpha = names.index("A") if "A" in names else None
    depths = [str(depth) for depth in spec.channelformats] or [str(spec.format)] * len(names)
    for position in (*channels, *(() if alpha is None else (alpha,))):
        if depths[position] not in _FLOATS:
            raise MediaError(
                f"cannot read {shown(path)}: its channel {names[position]} holds whole numbers ({depths[position]}), "
                "which have no stated white; render colours as half or float"
            )
    aspect = spec.getattribute("PixelAspectRatio")
    return Layout(
        part=chosen,
        parts=len(parts),
        size=(spec.full_width, spec.full_height),
        window=(spec.x - spec.full_x, spec.y - spec.full_y, spec.width, spec.height),
        channels=channels,
        alpha=alpha,
        rate=_rate(spec.getattribute("framesPerSecond")),
        aspect=float(aspect) if isinstance(aspect, int | float) and aspect > 0 else 1.0,
        attributes={name: spec.getattribute(name) for name in _SAID if spec.getattribute(name) is not None},
    )


def _colours(spec: Any) -> tuple[int, ...]:
    """Where R, G and B are, or Y alone; nothing for any other set of channels."""
    names = [str(name) for name in spec.channelnames]
    for wanted in (("R", "G", "B"), ("Y",)):
        if all(name in names for name in wanted) and not (wanted == ("Y",) and {"RY", "BY"} & set(names)):
            return tuple(names.index(name) for name in wanted)
    return ()


def _without_colours(parts: list[Any], path: str | os.PathLike[str]) -> MediaError:
    if any(part.deep for part in parts):
        return MediaError(f"cannot read {shown(path)}: it holds deep samples; flatten it to one R, G and B a pixel")
    names = [str(name) for part in parts for name in part.channelnames]
    listed = ", ".join(map(repr, names[:8])) + (" and more" if len(names) > 8 else "")
    if {"RY", "BY"} <= set(names):
        return MediaError(f"cannot read {shown(path)}: its colours are luminance and chroma; export R, G and B")
    return MediaError(
        f"cannot read {shown(path)}: channels R, G and B, or Y, were wanted, it has {listed or 'none'}; "
        "name the layer to look at R, G and B"
    )


def _pixels(picture: Any, found: Layout, path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """The channels of the data window as HxWxC float32: colours, then alpha if there is one."""
    wanted = [*found.channels, *(() if found.alpha is None else (found.alpha,))]
    begin, end = min(wanted), max(wanted) + 1
    data = picture.read_image(found.part, 0, begin, end, "float")
    fault = _error(picture)
    if data is None or fault:
        raise _damaged(path, fault or "its pixels cannot be read")
    return np.ascontiguousarray(data[..., [position - begin for position in wanted]], dtype=np.float32)


def _displayed(data: NDArray[np.float32], found: Layout) -> tuple[NDArray[np.float32], list[str]]:
    """The display window: data beyond it cut off, and zero (with alpha: transparent) where there is no data."""
    (width, height), (left, top, across, down) = found.size, found.window
    if (left, top, across, down) == (0, 0, width, height):
        return data, []
    canvas = np.zeros((height, width, data.shape[2]), dtype=np.float32)
    columns, rows = slice(max(left, 0), max(left + across, 0)), slice(max(top, 0), max(top + down, 0))
    part = data[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)]
    canvas[rows, columns] = part
    notes = []
    if part.shape[:2] != data.shape[:2]:
        notes.append(f"pixels beyond the display window of {width}x{height} are not measured")
    empty = 1 - part.shape[0] * part.shape[1] / (width * height)
    if empty > 0:
        notes.append(
            f"{empty:.1%} of the display window has no pixels: {'black' if found.alpha is None else 'transparent'}"
        )
    return canvas, notes


def _rate(value: object) -> Fraction | None:
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(n, int) and n > 0 for n in value):
        return Fraction(value[0], value[1])
    return None


def _error(picture: Any) -> str:
    try:
        lines = str(picture.geterror()).splitlines()
    except UnicodeDecodeError:  # it quotes the damaged bytes
        return "its pixels are damaged"
    return lines[0].strip().rstrip(".") if lines else ""


def _damaged(path: str | os.PathLike[str], why: str) -> MediaError:
    return MediaError(f"cannot read {shown(path)}: {why}; {_AGAIN}")


def _oiio() -> Any:
    return require("OpenImageIO", EXTRA, "OpenEXR pictures")
