"""Colour spaces by the real library."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from continuity.errors import MissingDependency, UsageError

ocio = pytest.importorskip("PyOpenColorIO")
from continuity.backends.ocio import GradingSpace  # noqa: E402


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
