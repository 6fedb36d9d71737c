"""The look benchmark on folders of anything."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

import look


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["look.py", *arguments])
    look.main()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("coffee", "chelsea"):
        picture = Image.fromarray(getattr(data, name)()).resize((240, 160))
        (tmp_path / f"an {name} ü").mkdir()
        picture.save(tmp_path / f"an {name} ü" / "1.png")
        picture.crop((10, 10, 200, 150)).convert("CMYK").save(tmp_path / f"an {name} ü" / "2.jpg")
        picture.crop((30, 0, 240, 150)).save(tmp_path / f"an {name} ü" / "3.bmp")
    (tmp_path / "an coffee ü" / "empty.jpg").write_bytes(b"")
    for name in ("one", "broken"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (50, 50)).save(tmp_path / name / "1.png")
    (tmp_path / "broken" / "2.png").write_bytes(b"hello")
    return tmp_path


def test_a_picture_that_cannot_be_read_stops_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["--same", str(folder), "--json", str(folder / "rows.json")], monkeypatch)
    one, several = json.loads((folder / "rows.json").read_text())
    assert (one["n_same"], one["n_other"], several["n_same"], several["n_other"]) == (12, 18, 6, 6)
    assert one["auc"] == several["auc"] == 1.0
    assert several["auc_low"] == pytest.approx(0.025**0.5)
    printed = capsys.readouterr()
    assert "empty.jpg left out" in printed.err and "2.png left out" in printed.err
    assert "2 folders, 6 pictures" in printed.out


def test_too_few_folders_are_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (folder / "an coffee ü").glob("[12].*"):
        path.write_bytes(b"hello")
    for where in (folder / "one", folder, folder / "nowhere"):
        with pytest.raises(SystemExit) as stopped:
            run(["--same", str(where)], monkeypatch)
        assert "folders of" in f"{stopped.value.code}{capsys.readouterr().err}"
