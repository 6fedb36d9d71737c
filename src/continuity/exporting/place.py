"""What lies in the folder of a hand-off under one name, whose it is, and how files get there."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Sequence
from pathlib import Path

from continuity.errors import UsageError
from continuity.exporting.pieces import Piece, same
from continuity.media.files import SourceFile, sync_folder
from continuity.media.formats import Format

PICTURES = frozenset(suffix for kind in Format for suffix in kind.value)
SHOT = frozenset((*PICTURES, ".cc", ".cube"))
TIMELINE = frozenset((".otio",))


class Place:
    """The folder of a hand-off. What lies in it is looked up once in each part, so it is made anew for each shot.

    ``tails`` are the suffixes that may follow a name: a timeline and a shot may be called the same.
    """

    def __init__(self, target: Path, tails: frozenset[str] = SHOT) -> None:
        self._target, self._tails = target, tails
        self._lists: dict[Path, tuple[dict[str, list[str]], set[str]]] = {}

    def taken(self, name: str) -> set[Path]:
        """Files that a hand-off wrote under this name, whichever take it was: ``name.suffix`` and its frames."""
        path = self._target / name
        found = {path.with_name(one) for one in self._listed(path.parent)[0].get(path.name, ())}
        if self._tails is SHOT:
            frame = re.compile(re.escape(path.name) + r"\.\d{4,}(?P<suffix>\.[a-z0-9]+)")
            found |= {path / one for one in _names(path) if (m := frame.fullmatch(one)) and m["suffix"] in PICTURES}
        return found

    def holds(self, name: str) -> bool:
        """Whether anything is there under this name, a folder of somebody else's files included."""
        path = self._target / name
        by_stem, names = self._listed(path.parent)
        return path.name in by_stem or (self._tails is SHOT and path.name in names)

    def same(self, name: str, pieces: Sequence[Piece]) -> bool:
        """Whether all that a hand-off wrote under this name is of these pieces, byte for byte; some may be missing."""
        ours = {self._target / piece.under(name): piece.path for piece in pieces}
        taken = self.taken(name)
        if not taken and self.others(name):
            return False
        return taken <= ours.keys() and all(same(place, ours[place]) for place in taken)

    def others(self, name: str) -> list[Path]:
        """What lies in the folder of a sequence and is none of its frames."""
        path = self._target / name
        taken = self.taken(name)
        return sorted(path / one for one in _names(path) if path / one not in taken) if self._tails is SHOT else []

    def put(self, source: Path, place: str) -> None:
        """Moves a file that is clean to where it belongs.

        Raises:
            UsageError: a link leads out of the folder.
            OSError: it cannot be written.
        """
        path = self._target / place
        if not self._inside(path):
            raise UsageError(f"{str(path)!r} leads out of the folder through a link: name another folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.replace(path)
        except OSError as cause:
            if cause.errno != errno.EXDEV:
                raise
            SourceFile(source).copy(path)
            source.unlink()
        sync_folder(path.parent)

    def removed(self, path: Path) -> bool:
        """Removes a plain file in this folder; says whether it did."""
        if path.is_symlink() or not path.is_file() or not self._inside(path):
            return False
        path.unlink()
        with contextlib.suppress(OSError):  # the folder of a sequence goes with its last frame
            if path.parent != self._target:
                path.parent.rmdir()
        return True

    def _inside(self, path: Path) -> bool:
        return path.parent.resolve().is_relative_to(self._target.resolve())

    def _listed(self, folder: Path) -> tuple[dict[str, list[str]], set[str]]:
        """Files of a hand-off in a folder by what comes before their suffix, and all names in it."""
        if folder not in self._lists:
            names, by_stem = _names(folder), dict[str, list[str]]()
            for name in names:
                at = name.rfind(".")
                if at > 0 and name[at:].lower() in self._tails:
                    by_stem.setdefault(name[:at], []).append(name)
            self._lists[folder] = by_stem, set(names)
        return self._lists[folder]


def _names(folder: Path) -> list[str]:
    try:
        return [one.name for one in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
