"""The grade benchmark on a clip and a folder of frames beside what cannot be read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

import grade

COLD = "LUT_1D_SIZE 2\n0 0 0.1\n0.8 0.9 1\n"


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    (tmp_path / "clips ü" / "frames").mkdir(parents=True)
    picture = Image.fromarray(data.coffee()).resize((300, 200))
    frames = [picture.crop((x, 0, 240 + x, 200)) for x in (0, 20, 40)]
    frames[0].save(tmp_path / "clips ü" / "a b.gif", save_all=True, append_images=frames[1:], duration=200)
    for number, frame in enumerate(frames):
        frame.save(tmp_path / "clips ü" / "frames" / f"x.{number:03}.png")
    for name, content in (("empty.mp4", b""), ("text.mp4", b"hello"), ("._a.gif", b"\0")):
        (tmp_path / "clips ü" / name).write_bytes(content)
    frames[0].save(tmp_path / "clips ü" / "still.gif")
    (tmp_path / "looks").mkdir()
    (tmp_path / "looks" / "cold.CUBE").write_text(COLD)
    (tmp_path / "looks" / "bad.cube").write_text("hello")
    return tmp_path


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["grade.py", *arguments])
    grade.main()


def test_a_row_a_strength(footage: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--clips", str(footage / "clips ü"), "--luts", str(footage / "looks")]
    run([*where, "--json", str(footage / "rows.json"), "--frames", "1"], monkeypatch)
    rows = json.loads((footage / "rows.json").read_text())
    assert [(r["strength"], r["n_same"], r["n_look"]) for r in rows] == [(1.0, 2, 2), (0.5, 2, 2), (0.25, 2, 2)]
    assert rows[0]["auc"] == 1.0 and rows[0]["auc_low"] == pytest.approx(0.025**0.5) and rows[0]["spearman"] == 1.0
    printed = capsys.readouterr()
    assert "2 clips, 1 looks" in printed.out
    assert all(name in printed.err for name in ("empty.mp4", "text.mp4", "still.gif", "bad.cube"))
    assert "._a.gif" not in printed.err


@pytest.mark.parametrize(
    ("clips", "looks", "said"),
    [
        ("nowhere", "looks", "got 0, 1 and 4"),
        ("clips ü", "nowhere", "0 and 4"),
        ("clips ü/still.gif", "looks", "no clip could be measured"),
    ],
)
def test_nothing_to_measure_is_a_sentence(
    clips: str,
    looks: str,
    said: str,
    footage: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(["--clips", str(footage / clips), "--luts", str(footage / looks)], monkeypatch)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_frames_that_nobody_could_measure_leave_no_area() -> None:
    drift = np.full((2, 1, 4), np.nan)
    rows = grade.table({"a": drift, "b": drift}, 3.0)
    assert np.isnan(rows[0]["auc"]) and rows[0]["n_same"] == 0 and rows[0]["same_over_limit"] is None
