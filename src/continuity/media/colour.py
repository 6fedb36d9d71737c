"""From the decoded planes of a clip to sRGB, by the colour tags of the clip.

Code values are taken as displayed: BT.709 and sRGB share primaries and white, and a graded BT.709 clip is watched on
the same screens as an sRGB picture, so its R'G'B' is used as sRGB without a change of transfer curve, as players do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from continuity.errors import MediaError
from continuity.media.files import shown
from continuity.media.frames import frozen, over_matte

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from av import VideoFrame
    from av.sidedata.sidedata import SideData
    from av.video.reformatter import VideoReformatter

# Numbers of ITU-T H.273 as libav uses them.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # MatrixCoefficients -> swscale's colour space
_BT709, _BT601, _UNSPECIFIED = 1, 5, 2
_LIMITED, _FULL = 1, 2
_WIDE_PRIMARIES = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
_HDR_CURVES = {16: "PQ (HDR10)", 18: "HLG"}

# swscale: bicubic chroma, interpolated at full horizontal resolution, exact rounding, the same bits on every machine.
# Without them 4:2:0 is off by up to 4/255; with them by 1/255.
_EXACT = 0x4 | 0x2000 | 0x40000 | 0x80000


@dataclass(frozen=True, slots=True)
class Colour:
    """How the planes of one clip are read, and what had to be assumed."""

    matrix: int | None
    full_range: bool
    notes: tuple[str, ...]


def colour_of(frame: VideoFrame, path: str | PathLike[str]) -> Colour:
    """Read the colour tags of a decoded frame.

    Untagged matrix: BT.709 from 720 stored lines up, else BT.601. Untagged range: limited, unless the pixel format is
    one of JPEG. Each assumption is a note.

    Raises:
        MediaError: a matrix that cannot be undone here (YCgCo, ICtCp and the like).
    """
    notes = []
    if frame.format.is_rgb:
        matrix, full = None, True
    else:
        matrix, full, assumed = _planes(frame, path)
        notes += assumed
    if frame.color_primaries in _WIDE_PRIMARIES:
        notes.append(f"primaries {_WIDE_PRIMARIES[frame.color_primaries]} are measured as if they were BT.709")
    if frame.color_trc in _HDR_CURVES:
        notes.append(
            f"transfer curve {_HDR_CURVES[frame.color_trc]} is not tone mapped: its code values are measured as sRGB"
        )
    return Colour(matrix, full, tuple(notes))


def _planes(frame: VideoFrame, path: str | PathLike[str]) -> tuple[int, bool, list[str]]:
    tag, lines, assumed = int(frame.colorspace), frame.height, []
    if tag in _MATRICES:
        matrix = _MATRICES[tag]
    elif tag == _UNSPECIFIED:
        matrix = _BT709 if lines >= 720 else _BT601
        assumed.append("BT.709" if matrix == _BT709 else "BT.601")
    else:
        raise MediaError(
            f"cannot read {shown(path)}: its colours use matrix {tag} of ITU-T H.273, which is not read; "
            "export it as BT.709"
        )
    if frame.format.name.startswith("yuvj"):
        full = True
    else:
        full = int(frame.color_range) == _FULL
        if int(frame.color_range) not in (_LIMITED, _FULL):
            assumed.append("limited range")
    notes = [f"untagged colour read as {', '.join(assumed)} ({lines} lines)"] if assumed else []
    return matrix, full, notes


def to_srgb(frame: VideoFrame, colour: Colour, reformatter: VideoReformatter) -> tuple[NDArray[np.uint8], bool]:
    """Return a decoded frame as HxWx3 uint8, not yet turned, and whether any of it was transparent."""
    from av.video.reformatter import ColorRange

    has_alpha = any(component.is_alpha for component in frame.format.components)
    converted = reformatter.reformat(
        frame,
        format="rgba" if has_alpha else "rgb24",
        src_colorspace=colour.matrix,
        src_color_range=None if colour.matrix is None else (_FULL if colour.full_range else _LIMITED),
        dst_color_range=ColorRange.JPEG,
        interpolation=_EXACT,
    )
    pixels: NDArray[np.uint8] = np.asarray(converted.to_ndarray(), dtype=np.uint8)
    return over_matte(pixels) if has_alpha else (pixels, False)


def turned(pixels: NDArray[np.uint8], matrix: tuple[int, ...] | None) -> NDArray[np.uint8]:
    """Apply a display matrix of quarter turns and mirrors (ISO/IEC 14496-12, track header) to HxWx3 pixels."""
    if matrix is not None:
        a, b, _, c, d = matrix[:5]
        if a == d == 0:
            pixels, a, d = pixels.transpose(1, 0, 2), c, b
        if a < 0:
            pixels = pixels[:, ::-1]
        if d < 0:
            pixels = pixels[::-1]
    return frozen(pixels)


def display_matrix(frame: VideoFrame) -> tuple[tuple[int, ...] | None, tuple[str, ...]]:
    """Return the nine numbers of a frame's display matrix if it turns by quarters, and a note if it turns otherwise."""
    from av.sidedata.sidedata import Type

    side_data = cast("Mapping[Type, SideData]", frame.side_data)
    if Type.DISPLAYMATRIX not in side_data:
        return None, ()
    numbers = tuple(int(value) for value in np.frombuffer(bytes(side_data[Type.DISPLAYMATRIX]), "=i4"))
    a, b, _, c, d = numbers[:5]
    if (b == c == 0 and a and d) or (a == d == 0 and b and c):
        return numbers, ()
    return None, ("turned by other than a quarter: measured as stored",)
