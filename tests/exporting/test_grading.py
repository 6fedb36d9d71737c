from __future__ import annotations

from pathlib import Path

import numpy as np
import PyOpenColorIO as Ocio
import pytest

import continuity as ct
from continuity.exporting.grading import Cdl, cc, cube

GRADE = Cdl(slope=(1.1, 0.95, 1.02), offset=(0.01, -0.02, 0.03), power=(0.9, 1.05, 1.0), saturation=0.85)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(5).random((500, 3), dtype=np.float32)


def through(transform: Ocio.FileTransform, pixels: np.ndarray) -> np.ndarray:
    moved = pixels.copy()
    Ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor().applyRGB(moved)
    return moved


def test_a_colourist_gets_the_same_picture_from_both(tmp_path: Path, pixels: np.ndarray) -> None:
    for name, text in (("grade.cc", cc(GRADE, "sc010 <&>")), ("grade.cube", cube(GRADE, "sc010"))):
        (tmp_path / name).write_text(text, encoding="utf-8")
        found = through(Ocio.FileTransform(str(tmp_path / name), interpolation=Ocio.INTERP_TETRAHEDRAL), pixels)
        off = np.abs(np.clip(found, 0, 1) - GRADE.applied(pixels.astype(float)))
        assert np.median(off) < 1e-4
        assert off.max() < (1e-4 if name.endswith(".cc") else 0.01), name  # a cube bends where the correction clips


def test_the_numbers_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "grade.cc").write_text(cc(GRADE, "sc010"), encoding="utf-8")
    read = Ocio.CDLTransform.CreateFromFile(str(tmp_path / "grade.cc"), "sc010")
    assert (read.getID(), tuple(read.getSlope()), read.getSat()) == ("sc010", GRADE.slope, GRADE.saturation)
    assert (tuple(read.getOffset()), tuple(read.getPower())) == (GRADE.offset, GRADE.power)


def test_what_a_repair_says() -> None:
    assert Cdl.of({}) is None
    given = {"slope": [2, 1, 1], "offset": [0, 0, 0.5], "power": [1, 1, 1], "saturation": 0.5}
    assert Cdl.of({**given, "apart": {}}) == Cdl(slope=(2, 1, 1), offset=(0, 0, 0.5), saturation=0.5)
    for wrong in ({"slope": [1, 1]}, {"slope": [1, 1, float("nan")]}, {"power": [0, 1, 1]}, {"saturation": "1"},
                  {"slope": [True, 1, 1]}, {"slope": [-1, 1, 1]}):  # fmt: skip
        with pytest.raises(ct.UsageError, match="CDL"):
            Cdl.of({**given, **wrong})
