"""A still picture: the source bytes as they are, and a measuring copy of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from continuity.errors import MediaError
from continuity.media import stills
from continuity.media.files import SourceFile, path_of, shown, write_atomic
from continuity.media.formats import Format, require_suffix, suffix_of
from continuity.media.frames import Frame, Sampling, checked, digest_of_pixels
from continuity.media.sixteen import png, rounded
from continuity.media.spaces import Space


class Image:
    """A picture from a file (``Image.open``) or an array (``Image.from_array``).

    The file is decoded when ``pixels``, ``size`` or ``notes`` is first asked for, and the result kept. ``save`` and
    ``source_bytes`` give the source untouched, never the measuring copy; a file that changed meanwhile is refused.
    """

    def __init__(
        self,
        source: tuple[SourceFile, Format] | None,
        pixels: NDArray[np.uint8] | None = None,
        notes: tuple[str, ...] = (),
        space: Space | None = None,
    ) -> None:
        self._source = source
        self._space = space
        self._pixels = pixels
        self._notes = notes
        self._deep: NDArray[np.uint16] | None = None
        self._png: bytes | None = None
        self._digest: str | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, colorspace: str | None = None) -> Image:
        """Open a picture file; its header is read, its pixels are not.

        Args:
            path: the file.
            colorspace: that of an OpenEXR picture, by a name of OpenColorIO; it overrules what the file says.

        Raises:
            MediaError: missing, not readable, empty, damaged, too large, a clip, of a format that is not read, or an
                OpenEXR picture whose colour space nobody says.
            UsageError: no path.
            MissingDependency: what reads OpenEXR is not installed.
        """
        source = SourceFile(path_of(path, "a picture"))
        kind, header = stills.examine(source, colorspace)
        if header is None or header.frames > 1:
            raise MediaError(f"cannot read {shown(path)} as a picture: it is a clip; open it with open_media")
        return cls((source, kind), space=header.space, notes=not_applied(colorspace, header.space, kind))

    @classmethod
    def from_array(cls, array: NDArray[np.uint8], *, notes: tuple[str, ...] = ()) -> Image:
        """Make a picture from HxWx3 uint8 sRGB. The array is copied; the source is a PNG, made when first needed.

        Raises:
            MediaError: another type, dtype or shape, or no pixels.
        """
        return cls(None, checked(array), tuple(notes))

    @classmethod
    def from_deep(cls, array: NDArray[np.uint16], *, notes: tuple[str, ...] = ()) -> Image:
        """Make a picture from HxWx3 uint16 sRGB. The array is copied; the source is a PNG of 16 bits a channel.

        Raises:
            MediaError: another type or shape, or no pixels.
        """
        if array.dtype != np.uint16:
            raise MediaError(f"a picture of 16 bits a channel has to be uint16, not {array.dtype}")
        image = cls.from_array(rounded(array), notes=(*notes, "16 bits a channel, reduced to 8 for measuring"))
        image._deep = array.copy()
        return image

    @property
    def deep(self) -> NDArray[np.uint16] | None:
        """The 16 bits of a picture that has so many and is sRGB as it is: HxWx3, oriented; None for any other.

        Raises:
            MediaError: the file is damaged, cut short or changed.
        """
        if self._source:
            source, kind = self._source
            return stills.deep(source.read(), kind, source.path)
        return self._deep

    @property
    def path(self) -> Path | None:
        """The source file, or None for an array."""
        return self._source[0].path if self._source else None

    @property
    def suffix(self) -> str:
        """The suffix that a saved copy has to have, such as ``.png``; told by the content, not by the name."""
        return suffix_of(self._source[1], self._source[0].path) if self._source else ".png"

    @property
    def digest(self) -> str:
        """``b2-<hex>`` over the bytes of a file, ``px-<hex>`` over shape, dtype and bytes of an array.

        Where an OpenEXR file does not say its colour space itself, the one it is read in is part of the digest.
        """
        if self._source:
            return self._space.digest(self._source[0].digest) if self._space else self._source[0].digest
        if self._digest is None:
            self._digest = digest_of_pixels([self.pixels if self._deep is None else self._deep])
        return self._digest

    @property
    def file_digest(self) -> str:
        """``b2-<hex>`` over the bytes of the file, whatever colour space it is read in; of an array, ``digest``."""
        return self._source[0].digest if self._source else self.digest

    @property
    def told(self) -> Mapping[str, str]:
        """What ``open_media`` has to be told to open a saved copy as this very picture: ``colorspace``, or nothing."""
        return {"colorspace": self._space.name} if self._space and self._space.told else {}

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The measuring copy: HxWx3 uint8, sRGB, oriented as displayed, C-contiguous, read-only.

        Raises:
            MediaError: the file is damaged, cut short or changed.
        """
        if self._pixels is None:
            assert self._source is not None  # noqa: S101  (an array brings its pixels)
            source, kind = self._source
            self._pixels, said = stills.decode(source.read(), kind, source.path, self._space)
            self._notes += said
            if source.path.suffix.lower() not in kind.value:
                self._notes += (f"the name says {source.path.suffix or 'nothing'}, the content is {kind.name}",)
        return self._pixels

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as displayed."""
        height, width = self.pixels.shape[:2]
        return width, height

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed or reduced to get the measuring copy; empty for an ordinary picture."""
        self.pixels  # noqa: B018  (decoding is what finds the surprises)
        return self._notes

    @property
    def frame_count(self) -> int:
        """1: a still is a clip of one frame."""
        return 1

    def frames(self, sampling: Sampling | None = None) -> Iterator[Frame]:
        """Yield the picture as the one frame that it is, whatever the sampling."""
        yield Frame(0, None, self.pixels)

    def source_bytes(self) -> bytes:
        """Return the untouched bytes of the file; of an array, a PNG.

        Raises:
            MediaError: the file is gone or changed since it was first opened.
        """
        if self._source:
            return self._source[0].read()
        if self._png is None and self._deep is not None:
            self._png = png(self._deep)
        if self._png is None:
            from PIL import Image as Pillow

            sink = BytesIO()
            Pillow.fromarray(self.pixels).save(sink, "PNG", compress_level=1)
            self._png = sink.getvalue()
        return self._png

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the untouched source to ``path``, atomically; its suffix has to be that of the source.

        Raises:
            MediaError: another suffix, a folder that is not there or not writable, a full disk, a changed source.
        """
        target = require_suffix(path, self.suffix)
        if self._source:
            self._source[0].copy(target)
        else:
            write_atomic(target, self.source_bytes())

    def __repr__(self) -> str:
        return f"Image({shown(self.path)})" if self.path else f"Image.from_array({self.size[0]}x{self.size[1]})"


def not_applied(colorspace: str | None, space: Space | None, kind: Format) -> tuple[str, ...]:
    """A note where a colour space was given to a picture that is no OpenEXR."""
    if not colorspace or space:
        return ()
    return (f"colour space {colorspace} not applied: the content is {kind.name}, read by its own tags",)


def thumbnail(pixels: NDArray[np.uint8], side: int = 256) -> bytes:
    """Return a JPEG of HxWx3 uint8 sRGB, its longer side at most ``side`` pixels; smaller pictures keep their size.

    Raises:
        MediaError: not such an array.
    """
    from PIL import Image as Pillow

    picture = Pillow.fromarray(checked(pixels, "a thumbnail's source"))
    picture.thumbnail((side, side), Pillow.Resampling.LANCZOS)
    sink = BytesIO()
    picture.save(sink, "JPEG", quality=85)
    return sink.getvalue()
