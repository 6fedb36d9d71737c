"""``score --draw DIR``: the evidence as pictures, under names that never meet."""

from __future__ import annotations

import re
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from continuity.cli.words import path_of, plain
from continuity.errors import UsageError

if TYPE_CHECKING:
    from continuity.media import Media
    from continuity.records import Report

MARK = "continuity evidence of"  # a text in the PNG: only a file that has it, for the same source, is written over


class Drawings:
    """Writes what :func:`continuity.report.draw.pictures` draws into one folder, which is made.

    Raises:
        UsageError: the folder cannot be made.
    """

    def __init__(self, folder: str) -> None:
        self.folder = path_of(folder)
        self._taken: set[str] = set()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as cause:
            why = getattr(cause, "strerror", None) or cause
            raise UsageError(f"a folder for drawings was wanted at {folder!r}, it cannot be made: {why}") from None

    def has(self, file: Path) -> bool:
        """Whether a file is one of the drawings of an earlier run, rather than something to measure."""
        return file.resolve().is_relative_to(self.folder.resolve()) and bool(_source_of(file))

    def write(self, file: Path, media: Media, report: Report) -> list[Path]:
        """Draws one measured file: ``<name>.png``, of a clip ``<name>.<key>.png``; returns what was written.

        Raises:
            MediaError: it cannot be decoded any more, or written.
        """
        from PIL.PngImagePlugin import PngInfo

        from continuity.media import write_atomic
        from continuity.report.draw import pictures

        source = plain(file.resolve())
        made = []
        for key, picture in pictures(media, report):
            name = file.resolve().name if file.is_dir() else file.stem
            key = re.sub(r"[^\w.-]", "-", key)  # a colon is no part of a name everywhere
            target = self._free(f"{name}.{key}" if key else name, source)
            said, sink = PngInfo(), BytesIO()
            said.add_itxt(MARK, source)
            picture.save(sink, "PNG", pnginfo=said, compress_level=4)
            write_atomic(target, sink.getvalue())
            made.append(target)
        return made

    def _free(self, stem: str, source: str) -> Path:
        """A name that this run has not given yet, and where nothing lies but an older drawing of the same source."""
        for number in count(1):
            name = f"{stem}.png" if number == 1 else f"{stem}-{number}.png"
            target = self.folder / name
            if name.casefold() in self._taken or (target.exists() and _source_of(target) != source):
                continue
            self._taken.add(name.casefold())
            return target
        raise AssertionError  # count() has no end


def _source_of(file: Path) -> str:
    """What a PNG is a drawing of; empty for any other file."""
    from PIL import Image

    if file.suffix.lower() != ".png":
        return ""
    try:
        with Image.open(file) as picture:
            return str(picture.info.get(MARK, ""))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""
