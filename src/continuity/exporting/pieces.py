"""The files of one shot as they wait, and whether what lies in the folder is the same."""

from __future__ import annotations

import filecmp
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from continuity.exporting.fields import fields_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file of a shot as it waits: what follows the name, where it lies, and what it was made of."""

    tail: str
    path: Path
    source: Path | None = None
    frame: bool = False

    def under(self, name: str) -> str:
        """Its path in the folder: a frame lies in a folder of its sequence."""
        return f"{name}/{PurePosixPath(name).name}{self.tail}" if self.frame else name + self.tail

    def told(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What it says besides its picture, and what its source said that it does not."""
        left = fields_of(self.path)
        before = fields_of(self.source) if self.source else {}
        return left, {key: value for key, value in before.items() if left.get(key) != value}


def same(place: Path, path: Path) -> bool:
    """Whether the very same bytes are there."""
    return place.is_file() and not place.is_symlink() and filecmp.cmp(place, path, shallow=False)
