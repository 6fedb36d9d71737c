"""Colour spaces by the real library."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from continuity.errors import MissingDependency, UsageError

ocio = pytest.importorskip("PyOpenColorIO")
from continuity.backends.ocio import GradingSpace  # noqa: E402
from continuity.vision.cdl import CDL  # noqa: E402


def test_there_and_back_again() -> None:
    space = GradingSpace("ocio://default")
    colours = np.random.default_rng(0).random((50, 3)).astype(np.float32)
    before = colours.copy()
    graded = space.graded(colours)
    assert np.array_equal(colours, before)
    assert space.name == "ACEScct"
    assert np.abs(space.shown(graded) - colours).max() < 1e-3
    # S-2016-001: a linear value x above 0.0078125 is (log2 x + 9.72) / 17.52; sRGB 0.5 is 0.21404 in linear light
    grey = space.graded(np.full((1, 3), 0.5, np.float32))
    assert grey == pytest.approx((np.log2(0.21404) + 9.72) / 17.52, abs=2e-3)


@pytest.mark.parametrize("config", ["none.ocio", "ocio://nobody", "text.ocio"])
def test_what_is_no_config_is_a_sentence(config: str, tmp_path: Path) -> None:
    (tmp_path / "text.ocio").write_text("not a config")
    where = config if config.startswith("ocio://") else str(tmp_path / config)
    with pytest.raises(UsageError, match="an OCIO config was wanted"):
        GradingSpace(where)


def test_a_space_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="the space 'nobody'"):
        GradingSpace("ocio://default", "nobody")


def test_without_the_package_the_pip_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PyOpenColorIO", None)
    with pytest.raises(MissingDependency, match="pip install opencolorio"):
        GradingSpace("ocio://default")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_picture_goes_there_and_back_under_a_cdl_as_its_colours_do(kind: type) -> None:
    space = GradingSpace("ocio://default")
    cdl = CDL(slope=(1.05, 0.97, 0.9), offset=(0.01, -0.03, 0.02), power=(1.1, 0.95, 1.0), saturation=0.9)
    top = np.iinfo(kind).max
    pixels = np.random.default_rng(0).integers(0, top + 1, (40, 70, 3), dtype=kind)
    pixels[0, :3] = [[0, 0, 0], [top, top, top], [0, top, 0]]
    before = pixels.copy()
    made = space.of_pixels(pixels, cdl)
    by_colours = np.clip(space.shown(cdl.of_colours(space.graded(pixels / top))), 0, 1) * top
    assert np.array_equal(pixels, before)
    assert made.dtype == kind and made.shape == pixels.shape
    assert np.abs(made - by_colours).max() <= max(1, 2e-3 * top)  # its logarithms and powers are approximations
    part = pixels[::2, ::-1]  # neither contiguous nor in its order
    assert np.array_equal(space.of_pixels(part, cdl), made[::2, ::-1])


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_picture_is_a_sentence(wrong: np.ndarray) -> None:
    with pytest.raises(UsageError, match="a picture of uint8 or uint16"):
        GradingSpace("ocio://default").of_pixels(wrong, CDL())
