"""A copy of a file without the words in it, compared with the picture it came from before anybody gets it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from continuity.errors import MediaError
from continuity.exporting import movies, stills
from continuity.exporting.exr import exr
from continuity.exporting.tiff import tiff
from continuity.media import Media, Sampling, open_media, write_atomic
from continuity.media.files import SourceFile, shown
from continuity.media.formats import Format, sniff

CLEANERS = {
    Format.JPEG: stills.jpeg,
    Format.WEBP: stills.webp,
    Format.GIF: stills.gif,
    Format.TIFF: tiff,
    Format.EXR: exr,
}
ANY_SPACE = "lin_rec709_scene"  # both are read in it: whether they show the same hangs on no colour space
LOOKED_AT = Sampling(per_second=0, at_least=3)


def cleaned(source: Path, target: Path, words: Mapping[str, str] | None = None) -> None:
    """Writes a copy of ``source`` that shows the same pixels and says nothing else; ``words`` are put into a PNG.

    Raises:
        MediaError: the file is damaged, holds something that cannot be taken out, or shows something else afterwards;
            then there is no copy.
    """
    file = SourceFile(source)
    kind = sniff(file)
    try:
        if kind.is_movie:
            file.copy(target)
            with target.open("r+b") as opened:
                (movies.mp4 if kind is Format.MP4 else movies.matroska)(opened)
                os.fsync(opened.fileno())
        else:
            write_atomic(target, _picture(kind, file.read(), words or {}))
        space = ANY_SPACE if kind is Format.EXR else None
        _compare(open_media(source, colorspace=space), open_media(target, colorspace=space))
    except BaseException as cause:
        target.unlink(missing_ok=True)
        if isinstance(cause, stills.TRANSLATED):
            raise MediaError(f"{shown(source)} cannot be handed over without what is written in it: {cause}") from cause
        raise


def _picture(kind: Format, content: bytes, words: Mapping[str, str]) -> bytes:
    if kind is Format.PNG:
        return stills.png(content, words)
    return CLEANERS[kind](content)


def _compare(source: Media, copy: Media) -> None:
    """Passes if both show the same: a mistake in taking a file apart must not reach an editor."""
    if (source.size, source.frame_count) != (copy.size, copy.frame_count):
        raise stills.Damaged("the copy has another size or length")
    for one, other in zip(source.frames(LOOKED_AT), copy.frames(LOOKED_AT), strict=True):
        if not np.array_equal(one.pixels, other.pixels):
            raise stills.Damaged(f"the copy shows another picture at frame {one.index}")
