"""Rows of the logo benchmark, and what it reads."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import logo
from logo_drifts import DRIFTS

VALUES: dict[str, list[tuple[float | None, str, int]]] = {
    "intact": [(0.1, "intact", 50), (0.2, "intact", 90), (None, "no logo", 41), (0.3, "stretched", 300)],
    **{kind: [(0.9, kind, 60), (0.25, "intact", 60), (None, "no logo", 44)] for kind in DRIFTS},
    "foreign": [(None, "no logo", 0)],
}


def test_all_kinds_have_a_row_of_their_own() -> None:
    row, intact = logo.together(VALUES), logo.row("intact", VALUES)
    count = len(DRIFTS)
    assert (row["n"], row["n_intact"], row["n_drifted"]) == (3 * count, 3, 2 * count)
    assert row["auc"] == pytest.approx((3 + 2) / 6, abs=1e-3)
    assert row["found"] == pytest.approx(2 / 3, abs=1e-3) and row["found_low"] < 0.667 < row["found_high"]
    assert row["named"] == pytest.approx(sum(kind in DRIFTS[kind][1] for kind in DRIFTS) / (2 * count), abs=1e-3)
    assert (intact["found"], intact["named"], intact["auc"]) == (0.75, pytest.approx(2 / 3, abs=1e-3), None)


def test_where_nothing_was_found_there_is_no_share() -> None:
    row = logo.row("foreign", VALUES)
    assert (row["found"], row["named"], row["named_low"], row["named_high"]) == (0.0, None, 0.0, 1.0)
    logo.shown(row)


def test_all_apart_has_an_exact_bound() -> None:
    near, far = np.full(4, 0.1), np.full(4, 0.9)
    bound = round(0.025**0.25, 4)
    assert logo.auc(near, far) == (1.0, bound, 1.0)
    assert logo.auc(far, near) == (0.0, 0.0, pytest.approx(1 - bound))
    assert logo.auc(near, near)[0] == 0.5


def test_marks_of_one_name_in_two_folders_are_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, colour in (
        ("a/x.png", (200, 20, 20, 255)),
        ("b/x.png", (20, 20, 200, 255)),
        ("b/y ü.png", (0, 99, 0, 255)),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        mark = Image.new("RGBA", (64, 64))
        ImageDraw.Draw(mark).ellipse((8, 8, 56, 40), fill=colour)
        mark.save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    assert [name for name, _ in logo.artwork(tmp_path, 0)] == ["a/x.png", "b/x.png", "y ü.png"]
    assert "notes.txt" in (said := capsys.readouterr().err) and ".DS_Store" not in said


def test_plates_of_every_kind_are_read(tmp_path: Path) -> None:
    for suffix in ("png", "tif", "bmp", "gif"):
        Image.new("RGB", (120, 100), (90, 90, 90)).save(tmp_path / f"p.{suffix}")
    (tmp_path / "empty.jpg").write_bytes(b"")
    assert [plate.shape for plate in logo.photographs([tmp_path], 0)] == [(100, 120, 3)] * 4


@pytest.mark.parametrize("arguments", [["--n", "0"], ["--photos", "nowhere"], ["--marks", "nowhere"]])
def test_nothing_to_measure_is_a_sentence(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["logo.py", *arguments])
    with pytest.raises(SystemExit) as stopped:
        logo.main()
    said = f"{stopped.value.code} {capsys.readouterr().err}"
    assert "wanted" in said or "no artwork" in said
