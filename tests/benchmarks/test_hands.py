"""The hands benchmark on folders of anything; rows say false alarms, catches and what could not be measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

import hands


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["hands.py", *arguments])
    hands.main()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("normal ü/1.png", "normal ü/in/2.webp", "bad/six/1.jpg", "bad/fused/1.bmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48), (90, 90, 200)).save(tmp_path / name)
    for name, content in (("empty.jpg", b""), ("text.jpg", b"hello"), ("._1.png", b"\0")):
        (tmp_path / "normal ü" / name).write_bytes(content)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "1.jpg").write_bytes(b"hello")
    return tmp_path


def test_pictures_without_a_hand_are_judged_neither_way(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--normal", str(folder / "normal ü"), "--malformed", str(folder / "bad")]
    run([*where, "--json", str(folder / "rows.json")], monkeypatch)
    rows = json.loads((folder / "rows.json").read_text())
    normal, *malformed = rows
    assert (normal["n"], normal["judged"], normal["not_measurable"], normal["false_alarms"]) == (2, 0, 2, 0)
    assert normal["false_alarms_share"] is None and normal["false_alarms_interval"] == [0.0, 1.0]
    assert [(r["kind"], r["n"], r["catches"]) for r in malformed] == [("all", 2, 0), ("fused", 1, 0), ("six", 1, 0)]
    printed = capsys.readouterr()
    assert "false alarms" in printed.out and "catches" in printed.out and "no hand found" in printed.out
    assert "empty.jpg" in printed.err and "text.jpg" in printed.err and "._1.png" not in printed.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--normal", "broken"], "pictures that can be read were wanted"),
        (["--normal", "nowhere"], "pictures were wanted"),
        (["--make-malformed", "made"], "--from"),
        ([], "nothing to do"),
    ],
)
def test_nothing_to_measure_is_a_sentence(
    arguments: list[str],
    said: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as stopped:
        run(arguments, monkeypatch)
    assert said in f"{stopped.value.code}{capsys.readouterr().err}"


def test_a_share_is_of_the_judged_ones() -> None:
    row = hands.row("malformed", "all", [None, 0.1, 0.9, 0.8], 0.5)
    assert (row["n"], row["judged"], row["catches"], row["not_measurable"]) == (4, 3, 2, 1)
    assert row["catches_share"] == pytest.approx(2 / 3)
