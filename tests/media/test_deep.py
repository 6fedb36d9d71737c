"""Sixteen bits in and out: what a repair works on where a picture has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from continuity.errors import MediaError
from continuity.media import Image

DEEP = np.random.default_rng(0).integers(0, 65536, (13, 17, 3), dtype=np.uint16)


def test_what_is_saved_has_the_same_sixteen_bits(tmp_path: Path) -> None:
    made = Image.from_deep(DEEP)
    made.save(tmp_path / "deep.png")
    opened = Image.open(tmp_path / "deep.png")
    assert made.deep is not None and np.array_equal(made.deep, DEEP)
    assert opened.deep is not None and np.array_equal(opened.deep, DEEP)
    assert np.array_equal(opened.pixels, made.pixels)
    assert made.digest != Image.from_array(made.pixels).digest
    assert any("16 bits" in note for note in made.notes)


def test_a_tiff_and_a_grey_picture(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "deep.tif", DEEP, photometric="rgb")
    tifffile.imwrite(tmp_path / "grey.tif", DEEP[..., 0], photometric="minisblack")
    colour, grey = Image.open(tmp_path / "deep.tif").deep, Image.open(tmp_path / "grey.tif").deep
    assert colour is not None and np.array_equal(colour, DEEP)
    assert grey is not None and np.array_equal(grey, DEEP[..., :1].repeat(3, axis=2))


def test_eight_bits_have_no_sixteen(tmp_path: Path) -> None:
    Pillow.fromarray((DEEP >> 8).astype(np.uint8)).save(tmp_path / "plain.png")
    assert Image.open(tmp_path / "plain.png").deep is None
    assert Image.from_array((DEEP >> 8).astype(np.uint8)).deep is None


def test_other_arrays_are_refused() -> None:
    with pytest.raises(MediaError, match="uint16"):
        Image.from_deep(DEEP.astype(np.uint8))  # type: ignore[arg-type]
    with pytest.raises(MediaError):
        Image.from_deep(DEEP[..., :2])
