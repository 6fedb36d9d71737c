"""What the accuracy benchmarks share: the pictures of a folder, areas with intervals that respect clusters, rows."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from rich.console import Console
from rich.table import Table
from scipy.stats import beta, rankdata

import continuity as ct
from continuity.errors import ContinuityError

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Row = dict[str, str | int | float | None]

DRAWS = 2000
CONFIDENCE = 0.95
PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".pgm", ".ppm"}
CLIPS = {".mp4", ".mov", ".m4v", ".webm", ".mkv", ".gif"}
PLAIN = (b"BM", b"P5", b"P6")  # bitmaps and portable pixmaps: data sets have them, the package does not read them


def auc(own: Floats, other: Floats) -> float:
    """How often one of ``other`` is larger than one of ``own``, ties by half (Mann-Whitney); NaN where one is empty."""
    if not len(own) or not len(other):
        return float("nan")
    ranks = rankdata(np.concatenate([own, other]))[len(own) :]
    return float((ranks.sum() - len(other) * (len(other) + 1) / 2) / (len(own) * len(other)))


def clustered_auc(own: Mapping[str, Floats], other: Mapping[str, Floats], seed: int = 0) -> tuple[float, float, float]:
    """The area over all pairs, and its 95 % interval by drawing whole clusters (percentile bootstrap, 2,000 draws).

    ``own`` and ``other`` hold the values of each cluster, such as a clip, under the same names. One cluster tells
    nothing of others: its interval is 0 to 1. Where all are apart it is the exact bound of so many clusters (Clopper
    and Pearson); the area is NaN where one kind has no value at all.
    """
    names = sorted(own)
    pairs = [[(own[a], other[b]) for b in names] for a in names]
    wins = np.array([[auc(a, b) * len(a) * len(b) if len(a) and len(b) else 0.0 for a, b in row] for row in pairs])
    few, many = np.array([len(own[n]) for n in names]), np.array([len(other[n]) for n in names])
    if not few.sum() or not many.sum():
        return float("nan"), 0.0, 1.0
    whole = float(wins.sum() / (few.sum() * many.sum()))
    if len(names) < 2:
        return whole, 0.0, 1.0
    tail = (1 - CONFIDENCE) / 2
    if whole in (0.0, 1.0):  # every draw says the same, so the exact bound of so many clusters stands in for it
        bound = tail ** (1 / int((few > 0).sum()))
        return (whole, bound, 1.0) if whole else (whole, 0.0, 1 - bound)
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    compared = (drawn @ few) * (drawn @ many)
    areas = np.einsum("na,ab,nb->n", drawn, wins, drawn)[compared > 0] / compared[compared > 0]
    low, high = np.quantile(areas, [tail, 1 - tail])
    return whole, float(low), float(high)


def exact(count: int, of: int) -> tuple[float, float]:
    """Clopper and Pearson's exact 95 % interval of a share; 0 to 1 where there is nothing to share."""
    tail = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, count, of - count + 1)) if count else 0.0
    high = float(beta.ppf(1 - tail, count + 1, of - count)) if count < of else 1.0
    return low, high


def show(title: str, rows: Sequence[Row]) -> None:
    """Prints rows as a table, with a column for whatever one of them has."""
    table = Table(title=title)
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(cell(row.get(name)) for name in names))
    Console(width=140).print(table)


def cell(value: str | int | float | None) -> str:
    """A figure of a table; a dash where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def save(path: Path | None, rows: Iterable[Mapping[str, object]]) -> None:
    """Writes rows as a JSON list, where a file was asked for; a figure that there is none of is null."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        known = [{k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in r.items()} for r in rows]
        path.write_text(json.dumps(known, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def visible(folder: Path, suffixes: set[str]) -> list[Path]:
    """The files below a folder that have one of some suffixes, in order, without those that systems hide there."""
    found = (p for p in folder.rglob("*") if p.suffix.lower() in suffixes and p.is_file())
    return sorted(p for p in found if not any(part.startswith((".", "__MACOSX")) for part in inside(p, folder)))


def inside(path: Path, folder: Path) -> tuple[str, ...]:
    return path.relative_to(folder).parts


def picture(path: Path) -> Pixels:
    """H x W x 3 sRGB, upright, as the package reads it; and bitmaps and portable pixmaps, which it does not.

    Raises:
        MediaError: no picture that can be read; a sentence.
    """
    try:
        with path.open("rb") as file:
            plain = file.read(2) in PLAIN
        if plain:
            with Image.open(path) as image:
                return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError) as cause:
        raise ct.MediaError(f"cannot read '{path}': {cause.__class__.__name__}: {cause}") from cause
    return ct.Image.open(path).pixels


def readable(paths: Iterable[Path]) -> Iterator[tuple[Path, Pixels]]:
    """The pictures of some files; what cannot be read is left out with a sentence."""
    for path in paths:
        try:
            yield path, picture(path)
        except ContinuityError as cause:
            print(f"{path} left out: {cause}", file=sys.stderr)


def pictures_of(folder: Path, least: int) -> dict[str, list[Path]]:
    """The pictures of each folder in a folder that has two or more, by its name.

    Raises:
        ValueError: fewer than ``least`` folders have; a sentence.
    """
    folders = sorted(f for f in (folder.iterdir() if folder.is_dir() else []) if f.is_dir())
    every = {f.name: visible(f, PICTURES) for f in folders if not f.name.startswith(".")}
    found = {name: paths for name, paths in every.items() if len(paths) > 1}
    if len(found) < least:
        raise ValueError(f"{least} folders of at least two pictures were wanted in {folder}, got {len(found)}")
    return found
