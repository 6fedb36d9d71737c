"""What the accuracy benchmarks share: whatever a folder holds is read or left out, and rows are strict JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from continuity.errors import MediaError
from figures import PICTURES, clustered_auc, picture, pictures_of, readable, save, visible


def test_a_figure_there_is_none_of_is_null(tmp_path: Path) -> None:
    save(tmp_path / "new" / "rows.json", [{"auc": float("nan"), "n": 3, "kind": "a", "high": float("inf")}])
    assert json.loads((tmp_path / "new" / "rows.json").read_text()) == [
        {"auc": None, "n": 3, "kind": "a", "high": None}
    ]


def test_clusters_all_apart_have_the_exact_bound_of_their_number() -> None:
    near, far = ({str(n): np.full(9, value) for n in range(5)} for value in (0.1, 0.9))
    assert clustered_auc(near, far) == (1.0, pytest.approx(0.025**0.2), 1.0)
    assert clustered_auc(far, near) == (0.0, 0.0, pytest.approx(1 - 0.025**0.2))


def test_an_area_of_nothing_is_no_figure() -> None:
    area, low, high = clustered_auc({"a": np.array([])}, {"a": np.ones(3)})
    assert np.isnan(area) and (low, high) == (0.0, 1.0)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "gif", "bmp", "ppm"])
def test_pictures_of_every_suffix_are_read(suffix: str, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (200, 40, 40)).save(tmp_path / f"ü b.{suffix}")
    pixels = picture(tmp_path / f"ü b.{suffix}")
    assert f".{suffix}" in PICTURES and pixels.shape == (30, 40, 3)
    assert np.abs(pixels.astype(int) - (200, 40, 40)).max() < 12


def test_a_turned_picture_is_upright_and_a_grey_map_has_three_channels(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=turned)
    Image.new("L", (40, 30), 77).save(tmp_path / "a.pgm")
    assert picture(tmp_path / "a.jpg").shape == (40, 30, 3)
    assert (picture(tmp_path / "a.pgm") == 77).all() and picture(tmp_path / "a.pgm").shape == (30, 40, 3)


def test_what_cannot_be_read_is_left_out_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "fine.png")
    for name, content in (("empty.jpg", b""), ("text.jpg", b"hello"), ("cut.bmp", b"BM\0\0"), ("cut.pgm", b"P5 9 9 ")):
        (tmp_path / name).write_bytes(content)
    paths = visible(tmp_path, PICTURES)
    assert [path.name for path, _ in readable(paths)] == ["fine.png"]
    said = capsys.readouterr().err
    assert all(f"{name} left out: cannot read" in said for name in ("empty.jpg", "text.jpg", "cut.bmp", "cut.pgm"))
    with pytest.raises(MediaError, match="cannot read"):
        picture(tmp_path / "nowhere.png")


def test_what_systems_hide_in_folders_is_no_picture(tmp_path: Path) -> None:
    for name in (
        "a/1.png",
        "a/2.png",
        "a/._1.png",
        "b/1.PNG",
        "b/in/2.png",
        ".c/1.png",
        ".c/2.png",
        "__MACOSX/a/1.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name, "PNG")
    assert {name: len(found) for name, found in pictures_of(tmp_path, 2).items()} == {"a": 2, "b": 2}
    assert len(visible(tmp_path, PICTURES)) == 4
    with pytest.raises(ValueError, match="3 folders of at least two pictures were wanted"):
        pictures_of(tmp_path, 3)
