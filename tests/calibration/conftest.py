"""A stream without models: pictures of one grey level, measured by their brightness."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.testing import FakeBackends, FakeMetric

Stream = Callable[..., Path]


@pytest.fixture
def make_gate(nobody: ct.Identity) -> Callable[..., ct.Gate]:
    """A gate of brightness alone."""

    def gate(limit: float = 200.0, **options: object) -> ct.Gate:
        metric = FakeMetric("bright", **options)  # type: ignore[arg-type]
        return ct.Gate([metric], identity=nobody, tolerances={"bright": limit}, backends=FakeBackends())

    return gate


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    """Writes pictures, and labels of them: darker than ``edge`` is accepted. Returns the file of labels."""

    def write(
        levels: Sequence[float], *, edge: float = 100, shots: Sequence[str] | None = None, name: str = "labels.csv",
        flipped: Sequence[int] = (), **columns: Sequence[str] | str,
    ) -> Path:  # fmt: skip
        rows = []
        for i, level in enumerate(levels):
            # each picture has pixels of its own: the same bytes would be one candidate
            pixels = np.full((4, 40, 3), level, dtype=np.float64)
            pixels[0, 0] = [i % 256, i // 256, 0]
            Pil.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{i}.png")
            row = {"path": f"{i}.png", "shot": shots[i] if shots else f"shot {i}"}
            row["label"] = "accept" if (level < edge) ^ (i in flipped) else "reject"
            for column, value in columns.items():
                row[column] = value if isinstance(value, str) else value[i]
            rows.append(row)
        with (tmp_path / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return tmp_path / name

    return write
