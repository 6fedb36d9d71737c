"""A correction as the trade's files: OpenColorIO, given them, makes the same picture."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import continuity as ct
from continuity.vision.cdl import CDL

ocio = pytest.importorskip("PyOpenColorIO")

MILD = CDL(slope=(1.1, 0.95, 0.9), offset=(0.02, -0.01, 0.03), power=(1.15, 0.9, 1.05), saturation=0.85)
STRONG = CDL(slope=(1.6, 0.7, 1.2), offset=(-0.1, 0.05, -0.04), power=(0.55, 1.8, 1.4), saturation=1.5)
TORN = CDL(power=(0.55, 0.6, 0.5))


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    colours = np.random.default_rng(1).integers(0, 256, (180, 200, 3), dtype=np.uint8)
    colours[:2, :128] = np.arange(256, dtype=np.uint8).reshape(2, 128, 1)  # all greys, black and white among them
    return colours


def by_ocio(path: Path, pixels: NDArray[np.uint8], config: object = None, *around: str) -> NDArray[np.uint8]:
    """The picture as OpenColorIO makes it of the file, between two spaces where they are given."""
    config = config or ocio.Config.CreateRaw()
    steps = [ocio.FileTransform(str(path))]
    if around:
        steps = [ocio.ColorSpaceTransform(*around), *steps, ocio.ColorSpaceTransform(*around[::-1])]
    processor = config.getProcessor(ocio.GroupTransform(steps)).getDefaultCPUProcessor()  # type: ignore[attr-defined]
    out = np.ascontiguousarray(pixels.astype(np.float32) / 255)
    processor.applyRGB(out)
    return np.asarray((out.clip(0, 1) * 255).round(), np.uint8)


def apart(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize("cdl", [MILD, STRONG, CDL()])
def test_the_cc_gives_the_same_picture(cdl: CDL, pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    correction = ct.Correction(cdl=cdl)
    correction.save(tmp_path / "sc042.cc")
    assert apart(by_ocio(tmp_path / "sc042.cc", pixels), correction.of_pixels(pixels)) <= 1
    text = (tmp_path / "sc042.cc").read_text()
    assert "<SOPNode>" in text and "<SatNode>" in text
    assert re.search(r"<Description>sc042: applied in display-referred Rec.709", text)


def test_the_cc_gives_the_same_picture_in_acescct(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    cdl = CDL(slope=(1.05, 0.97, 0.9), offset=(0.01, -0.01, 0.02), power=(1.1, 0.95, 1.0), saturation=0.9)
    correction = ct.Correction(cdl=cdl, config="ocio://default")
    correction.save(tmp_path / "sc042.cc")
    assert "applied in ACEScct" in (tmp_path / "sc042.cc").read_text()
    display = str(correction.to_json()["display"])
    config = ocio.Config.CreateFromFile("ocio://default")
    made = by_ocio(tmp_path / "sc042.cc", pixels, config, display, "ACEScct")
    assert apart(made, correction.of_pixels(pixels)) <= 1


def worst(path: Path) -> float:
    found = re.search(r"# differs from it by at most ([0-9.]+) of 255", path.read_text())
    assert found is not None
    return float(found[1])


def test_the_cube_is_within_two_levels_where_the_power_is_mild(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    correction = ct.Correction(cdl=MILD)
    correction.save(tmp_path / "sc042.cube")
    assert apart(by_ocio(tmp_path / "sc042.cube", pixels), correction.of_pixels(pixels)) <= 2
    assert worst(tmp_path / "sc042.cube") <= 2


def test_the_cube_says_its_worst_error(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    correction = ct.Correction(cdl=TORN)
    correction.save(tmp_path / "sc042.cube")
    said = worst(tmp_path / "sc042.cube")
    assert said > 2
    assert 2 < apart(by_ocio(tmp_path / "sc042.cube", pixels), correction.of_pixels(pixels)) <= np.ceil(said) + 1


def test_the_settings_of_an_attempt_make_it_again() -> None:
    for one in (ct.Correction(cdl=STRONG), ct.Correction(cdl=MILD, config="ocio://default")):
        again = ct.Correction.of(one.to_json())
        assert (again.cdl, again.space, again.config) == (one.cdl, one.space, one.config)
    with pytest.raises(ct.UsageError, match="a CDL was wanted"):
        ct.Correction.of({"slope": [1, 1, 1]})


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ct.UsageError, match=r"\.cc or \.cube"):
        ct.Correction(cdl=MILD).save(tmp_path / "sc042.ccc")


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    ct.Correction(cdl=MILD).save(tmp_path / 'a<b>&"c.cc')
    assert ocio.CDLTransform.CreateFromFile(str(tmp_path / 'a<b>&"c.cc'), "").getSat() == pytest.approx(0.85)
