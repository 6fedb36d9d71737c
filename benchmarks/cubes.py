"""Look-up tables (.cube) as graders hand them over: 1D and 3D, of any size and domain, with a shaper before them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFilter
from scipy.ndimage import map_coordinates

import continuity as ct

Floats = NDArray[np.float64]

LARGEST = 65  # nodes a side that Pillow takes; what is no plain 3D table is sampled at as many


@dataclass(frozen=True, slots=True)
class Table:
    """A table and the range of its input.

    Attributes:
        values: n x 3 of a 1D table, n x n x n x 3 by blue, green and red of a 3D one.
        low, high: what its first and last entry stand for, a channel.
    """

    values: Floats
    low: Floats
    high: Floats

    @property
    def plain(self) -> bool:
        """Whether Pillow takes it as it is."""
        return (
            self.values.ndim == 4
            and len(self.values) <= LARGEST
            and not self.low.any()
            and bool(np.all(self.high == 1))
        )

    def at(self, colours: Floats) -> Floats:
        """The colours (n x 3) that it makes of others, interpolated linearly, clamped to its range."""
        places = (colours - self.low) / (self.high - self.low) * (len(self.values) - 1)
        if self.values.ndim == 2:
            steps = np.arange(len(self.values))
            return np.stack([np.interp(places[:, c], steps, self.values[:, c]) for c in range(3)], axis=1)
        at = places[:, ::-1].T
        return np.stack([map_coordinates(self.values[..., c], at, order=1, mode="nearest") for c in range(3)], axis=1)


def cubes(paths: Iterable[Path]) -> dict[str, ImageFilter.Color3DLUT]:
    """The tables of some files by their names; what cannot be read is left out with a sentence.

    Files of one name in several folders go by their paths.
    """
    found: dict[Path, ImageFilter.Color3DLUT] = {}
    for path in paths:
        try:
            found[path] = cube(path)
        except ct.MediaError as cause:
            print(f"left out: {cause}", file=sys.stderr)
    stems = [path.stem for path in found]
    return {path.stem if stems.count(path.stem) == 1 else str(path): table for path, table in found.items()}


def cube(path: Path) -> ImageFilter.Color3DLUT:
    """A look-up table, interpolated trilinearly (Adobe, Cube LUT Specification 1.0, and Resolve's 1D before 3D).

    Raises:
        MediaError: no such table; a sentence.
    """
    try:
        tables = parsed(path.read_text(encoding="utf-8-sig", errors="replace"))
    except (OSError, ValueError) as cause:
        raise ct.MediaError(f"{path}: a look-up table (.cube) was wanted: {cause}") from cause
    if len(tables) == 1 and tables[0].plain:
        return ImageFilter.Color3DLUT(len(tables[0].values), tables[0].values.ravel())
    steps = np.linspace(0, 1, LARGEST)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    colours = np.stack([red, green, blue], axis=-1).reshape(-1, 3)
    for table in tables:
        colours = table.at(colours)
    return ImageFilter.Color3DLUT(LARGEST, colours.ravel())


def parsed(text: str) -> list[Table]:
    """The tables in the order in which they apply.

    Raises:
        ValueError: it has none, or not as many colours as it says.
    """
    sizes: dict[str, int] = {}
    ranges: dict[str, list[float]] = {"DOMAIN_MIN": [0.0] * 3, "DOMAIN_MAX": [1.0] * 3}
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words or words[0] == "TITLE":
            continue
        try:
            if words[0] in ("LUT_1D_SIZE", "LUT_3D_SIZE"):
                sizes[words[0][4:6]] = int(words[1])
            elif words[0][0].isalpha() and words[0].lower() not in ("nan", "inf"):
                ranges[words[0]] = [float(w) for w in words[1:4]]
            else:
                red, green, blue = (float(w) for w in words)
                rows.append([red, green, blue])
        except (ValueError, IndexError) as cause:
            raise ValueError(f"line {number} is {line.strip()[:40]!r}") from cause
    wanted = sum(size ** (3 if kind == "3D" else 1) for kind, size in sizes.items())
    if not sizes or min(sizes.values()) < 2 or len(rows) != wanted:
        raise ValueError(f"{wanted} colours of {sizes or 'no LUT_1D_SIZE or LUT_3D_SIZE'}, got {len(rows)}")
    values, tables = np.array(rows), []
    if not np.isfinite(values).all():
        raise ValueError("a colour is no finite number")
    for kind in sorted(sizes):  # 1D before 3D, in the file and on the picture
        low, high = (np.array(ranges[f"DOMAIN_{end}"], float) for end in ("MIN", "MAX"))
        if f"LUT_{kind}_INPUT_RANGE" in ranges:
            low, high = (np.full(3, end) for end in ranges[f"LUT_{kind}_INPUT_RANGE"])
        if not (high > low).all():
            raise ValueError(f"its domain is {low.tolist()} to {high.tolist()}")
        count = sizes[kind] ** (3 if kind == "3D" else 1)
        part, values = values[:count], values[count:]
        tables.append(Table(part.reshape(*(sizes[kind],) * (3 if kind == "3D" else 1), 3), low, high))
    return tables
