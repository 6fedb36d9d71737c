"""The grades of the repair benchmark: cases drawn alike each time, kept and gone on from, and what the rows say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import continuity as ct
from continuity.vision.cdl import CDL
from repair_grades import METHODS, best_cdl, by_clips, drawn, grades, read, table

LOOKS = {"cold": ImageFilter.Color3DLUT.generate(17, lambda r, g, b: (0.7 * r, 0.95 * g, min(1.0, 1.1 * b + 0.05)))}


def test_the_same_cases_are_drawn_each_time_and_others_of_another_clip() -> None:
    looks = [f"look {n}" for n in range(6)]
    first = drawn("a/1.mp4", 2, looks, 8, 0)
    assert first == drawn("a/1.mp4", 2, looks, 8, 0) == sorted(first) and len(set(first)) == 8
    assert first != drawn("a/2.mp4", 2, looks, 8, 0) and first != drawn("a/1.mp4", 2, looks, 8, 1)
    assert len(drawn("a/1.mp4", 2, looks, 0, 0)) == len(drawn("a/1.mp4", 2, looks, 99, 0)) == 24


def test_a_line_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    assert read(kept) == read(None) == {}
    kept.write_text(json.dumps({"clip": "a", "number": 0, "look": "x"}) + '\n{"clip": "a", "num')
    assert list(read(kept)) == [("a", 0, "x")]


def test_intervals_draw_whole_clips() -> None:
    clips = ["a"] * 50 + ["b"] * 50
    assert by_clips(clips, np.array([0.0] * 50 + [1.0] * 50)) == (0.0, 1.0)
    low, high = by_clips(["a"] * 10, np.ones(10))
    assert low == pytest.approx(0.025**0.1) and high == 1.0
    assert by_clips(["a"] * 3, np.array([1.0, 2.0, 3.0])) == (None, None)


def test_the_best_cdl_undoes_a_cdl() -> None:
    true = np.random.default_rng(0).integers(40, 200, (40, 40, 3), dtype=np.uint8)
    graded = CDL(slope=(0.8, 0.9, 1.1), offset=(0.02, 0.0, 0.03), saturation=0.8).of_pixels(true)
    again = best_cdl(graded, true).of_pixels(graded)
    assert np.abs(again.astype(int) - true).mean() < 1.5 < 8 < np.abs(graded.astype(int) - true).mean()


def test_a_run_goes_on_where_it_was_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from skimage import data

    picture = np.asarray(Image.fromarray(data.coffee()).resize((240, 160)))
    ct.Clip.from_arrays([np.roll(picture, n, axis=1) for n in range(3)], 24).save(tmp_path / "coffee.mkv")
    kept, given = tmp_path / "kept.jsonl", {"most": 0, "seed": 0, "kept": tmp_path / "kept.jsonl"}
    rows = grades([tmp_path / "coffee.mkv"], LOOKS, 1, ct.LocalBackends(), **given)
    cases = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [case["number"] for case in cases] == [0, 1] and cases[0]["failed"]
    whole = {row["by"]: row for row in rows if row["what"] == "whole"}
    assert list(whole) == list(METHODS)
    assert whole["repair"]["back"] == 1 and whole["repair"]["dE00_after"] < 0.5 * whole["repair"]["dE00_before"]
    monkeypatch.setattr("repair_grades.spread", lambda *given: pytest.fail("it was done already"))
    assert grades([tmp_path / "coffee.mkv"], LOOKS, 1, ct.LocalBackends(), **given) == rows


def test_rows_count_what_declines_as_not_back() -> None:
    case = {"clip": "a", "look": "cold", "framing": "whole", "content": 1.0, "limit": 2.5, "before": 9.0, "own": 0.1}
    for method in METHODS:
        case |= {f"{method} drift": 1.0, f"{method} after": 2.0, f"{method} face": None}
    declined = case | {"repair declined": "no CDL", "repair drift": 8.0, "repair after": 9.0}
    rows = table([case | {"repair declined": ""}, declined])
    first = next(row for row in rows if row["what"] == "all" and row["by"] == "repair")
    assert (first["n"], first["back"], first["declined"], first["dE00_after"]) == (2, 0.5, 0.5, 5.5)
    assert next(row for row in rows if row["what"] == "mended")["n"] == 1
