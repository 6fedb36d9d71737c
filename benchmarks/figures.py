"""What the accuracy benchmarks share: areas under curves with intervals that respect clusters, tables, rows as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import beta, rankdata

Floats = NDArray[np.float64]
Row = dict[str, str | int | float | None]

DRAWS = 2000
CONFIDENCE = 0.95
PICTURES = {".jpg", ".jpeg", ".png", ".webp"}


def auc(own: Floats, other: Floats) -> float:
    """How often one of ``other`` is larger than one of ``own``, ties by half (Mann-Whitney); NaN where one is empty."""
    if not len(own) or not len(other):
        return float("nan")
    ranks = rankdata(np.concatenate([own, other]))[len(own) :]
    return float((ranks.sum() - len(other) * (len(other) + 1) / 2) / (len(own) * len(other)))


def clustered_auc(own: Mapping[str, Floats], other: Mapping[str, Floats], seed: int = 0) -> tuple[float, float, float]:
    """The area over all pairs, and its 95 % interval by drawing whole clusters (percentile bootstrap, 2,000 draws).

    ``own`` and ``other`` hold the values of each cluster, such as a clip, under the same names. One cluster tells
    nothing of others: its interval is 0 to 1.
    """
    names = sorted(own)
    pairs = [[(own[a], other[b]) for b in names] for a in names]
    wins = np.array([[auc(a, b) * len(a) * len(b) if len(a) and len(b) else 0.0 for a, b in row] for row in pairs])
    few, many = np.array([len(own[n]) for n in names]), np.array([len(other[n]) for n in names])
    whole = float(wins.sum() / (few.sum() * many.sum()))
    if len(names) < 2:
        return whole, 0.0, 1.0
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    compared = (drawn @ few) * (drawn @ many)
    areas = np.einsum("na,ab,nb->n", drawn, wins, drawn)[compared > 0] / compared[compared > 0]
    tail = (1 - CONFIDENCE) / 2
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
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in (row.get(name, "") for name in names)))
    Console(width=140).print(table)


def save(path: Path | None, rows: Sequence[Row]) -> None:
    """Writes rows as a JSON list, where a file was asked for."""
    if path is not None:
        path.write_text(json.dumps(list(rows), indent=1) + "\n", encoding="utf-8")


def pictures_of(folder: Path, least: int) -> dict[str, list[Path]]:
    """The pictures of each folder in a folder that has two or more, by its name.

    Raises:
        ValueError: fewer than ``least`` folders have; a sentence.
    """
    every = {
        f.name: [p for p in sorted(f.rglob("*")) if p.suffix.lower() in PICTURES]
        for f in sorted(folder.iterdir() if folder.is_dir() else [])
        if f.is_dir()
    }
    found = {name: paths for name, paths in every.items() if len(paths) > 1}
    if len(found) < least:
        raise ValueError(f"{least} folders of at least two pictures were wanted in {folder}, got {len(found)}")
    return found
