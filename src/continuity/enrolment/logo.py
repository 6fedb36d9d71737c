"""Artwork of a logo, and what is kept of it for measuring.

What is transparent does not count. Opaque artwork on white paper loses the paper, as far as it is connected with the
edge; any other opaque edge belongs to the mark, since many marks are a filled rectangle.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from continuity.enrolment import svg
from continuity.errors import EnrolmentError, MediaError
from continuity.media.files import SourceFile, digest_of, reason, shown
from continuity.media.formats import Format, sniff
from continuity.media.pillow import open_pillow, strict_pillow

VERSION = 1
SPACE = f"logo-{VERSION}"
SIDE = 512  # px of the longer side that is kept
SMALLEST = 32  # px of the longer side below which artwork shows too little
PAPER = 244  # level that every channel of white paper reaches
SEEN = 128  # alpha from which a pixel counts as part of the mark
FLAT = 6  # levels within which a mark is one colour
FILLED = 0.98  # share of its own box that a mark without a shape fills

_SUFFIXES = {Format.PNG: ".png", Format.WEBP: ".webp", Format.TIFF: ".tif", Format.JPEG: ".jpg"}


@dataclass(frozen=True, slots=True)
class Artwork:
    """A logo as it was delivered. ``rgba`` is H x W x 4 uint8, straight alpha, sRGB, cut to what is visible."""

    path: Path
    digest: str
    suffix: str
    rgba: NDArray[np.uint8]
    content: bytes

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Artwork:
        """Reads artwork: PNG, WebP, TIFF or JPEG by content, or SVG without text, which is drawn at 512 px.

        Raises:
            EnrolmentError: not readable, nothing visible, one flat colour without a shape, under 32 px, or an SVG
                that refers to anything outside itself.
        """
        source = SourceFile(Path(path))
        try:
            content = source.read()
            kind = Format.PNG if svg.is_svg(content) else sniff(source)
        except MediaError as cause:
            raise EnrolmentError(str(cause)) from None
        if svg.is_svg(content):
            suffix, rgba = ".svg", _decoded(svg.drawn(content, path, SIDE), Format.PNG, path)
        elif kind not in _SUFFIXES:
            raise EnrolmentError(
                f"artwork was wanted as PNG, WebP, TIFF, JPEG or SVG, {shown(path)} is {kind.name}: "
                "export it as PNG with alpha"
            )
        else:
            suffix, rgba = _SUFFIXES[kind], _decoded(content, kind, path)
        return cls(Path(path), digest_of(content), suffix, _visible(_off_paper(rgba), path), content)

    def source_bytes(self) -> bytes:
        """The untouched file, as it was when it was read."""
        return self.content


def features(marks: Mapping[str, Artwork]) -> dict[str, NDArray[np.float32]]:
    """``logo/<name>``: H x W x 4 float32 in [0, 255], straight alpha, sRGB, longer side at most 512 px."""
    return {f"logo/{name}": _reduced(artwork.rgba) for name, artwork in marks.items()}


def _decoded(content: bytes, kind: Format, path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    try:
        with strict_pillow():
            image = open_pillow(io.BytesIO(content), kind, path)
            image.load()
            if image.mode.startswith(("I", "F")):
                raise EnrolmentError(
                    f"artwork with 8 bits a channel was wanted, {shown(path)} has mode {image.mode}: "
                    "export it as 8 bit PNG with alpha"
                )
            if image.mode == "CMYK":
                raise EnrolmentError(
                    f"artwork in sRGB was wanted, {shown(path)} is CMYK, which has no fixed colours on a screen: "
                    "export it as PNG in sRGB"
                )
            return np.asarray(image.convert("RGBA"))
    except (EnrolmentError, MediaError) as cause:
        raise EnrolmentError(str(cause)) from None
    except Exception as cause:  # decoders given damaged input raise whatever comes up
        raise EnrolmentError(
            f"artwork was wanted, {shown(path)} cannot be read: {reason(cause)}; export it again"
        ) from cause


def _off_paper(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Opaque artwork whose whole edge is white paper, without that paper; anything else as it is."""
    from scipy import ndimage

    paper = rgba[..., :3].min(axis=-1) >= PAPER
    edge = np.concatenate([paper[0], paper[-1], paper[:, 0], paper[:, -1]])
    if rgba[..., 3].min() < 255 or not edge.all():
        return rgba
    parts = np.asarray(ndimage.label(paper)[0], np.int32)
    outside = np.isin(parts, np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])))
    alpha = np.where(ndimage.binary_dilation(outside), 0, 255)  # the rim is mixed with paper
    return np.dstack([rgba[..., :3], alpha]).astype(np.uint8)


def _visible(rgba: NDArray[np.uint8], path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """The artwork cut to what is visible, after the checks that can tell that nothing could be measured with it."""
    seen = rgba[..., 3] >= SEEN
    if not seen.any():
        raise EnrolmentError(
            f"artwork with something visible was wanted, {shown(path)} is transparent or white paper all over: "
            "export it with the mark"
        )
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    cut, inside = np.ascontiguousarray(rgba[box]), seen[box]
    height, width = inside.shape
    if max(height, width) < SMALLEST:
        raise EnrolmentError(
            f"a mark of at least {SMALLEST} px was wanted, the one in {shown(path)} is {width} x {height} px: "
            "export it larger, best at 512 px, or as SVG"
        )
    colours = cut[inside][:, :3].astype(np.float32)
    if inside.mean() >= FILLED and colours.std(axis=0).max() < FLAT:
        raise EnrolmentError(
            f"a mark with a shape or an inside was wanted, {shown(path)} is one flat colour: export it with alpha"
        )
    return cut


def _reduced(rgba: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Longer side at most :data:`SIDE`; colours are averaged by what they cover."""
    from PIL import Image

    height, width = rgba.shape[:2]
    longer = max(height, width)
    if longer <= SIDE:
        return rgba.astype(np.float32)
    size = max(1, round(width * SIDE / longer)), max(1, round(height * SIDE / longer))
    return np.asarray(Image.fromarray(rgba).resize(size, Image.Resampling.BOX), np.float32)
