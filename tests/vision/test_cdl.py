from __future__ import annotations

import numpy as np
import pytest

from continuity.errors import UsageError
from continuity.vision.cdl import CDL

STRONG = CDL(slope=(1.6, 0.7, 1.2), offset=(-0.1, 0.05, -0.04), power=(0.55, 1.8, 1.4), saturation=1.5)


def test_one_colour_by_hand() -> None:
    cdl = CDL(slope=(2.0, 1.0, 0.5), offset=(0.1, 0.0, -0.2), power=(2.0, 1.0, 1.0), saturation=0.5)
    red, green, blue = (0.2 * 2 + 0.1) ** 2, 0.4, 0.6 * 0.5 - 0.2
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    expected = [luma + 0.5 * (v - luma) for v in (red, green, blue)]
    assert cdl.of_colours(np.array([0.2, 0.4, 0.6])) == pytest.approx(expected)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_pixels_are_rounded_and_clipped_in_their_own_type(kind: type) -> None:
    top = np.iinfo(kind).max
    pixels = np.random.default_rng(0).integers(0, top + 1, (70, 1000, 3)).astype(kind)
    exact = np.clip(STRONG.of_colours(pixels / top), 0, 1) * top
    found = STRONG.of_pixels(pixels)
    assert found.dtype == kind
    assert np.abs(found - exact).max() < 0.5 + 1e-2 * (top / 65535) + 1e-3
    assert np.array_equal(CDL().of_pixels(pixels), pixels)


@pytest.mark.parametrize(
    "wrong",
    [{"slope": (-1.0, 1, 1)}, {"power": (0.0, 1, 1)}, {"offset": (float("nan"), 0, 0)}, {"saturation": float("inf")}],
)
def test_numbers_that_are_no_cdl_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="a CDL has"):
        CDL(**wrong)  # type: ignore[arg-type]


def test_other_arrays_are_refused() -> None:
    for array in (np.zeros((2, 2), np.uint8), np.zeros((2, 2, 3)), np.zeros((2, 2, 4), np.uint8)):
        with pytest.raises(UsageError, match="uint8 or uint16"):
            CDL().of_pixels(array)
    assert CDL().of_pixels(np.zeros((0, 4, 3), np.uint8)).shape == (0, 4, 3)


def test_it_is_read_back() -> None:
    assert CDL.of({**STRONG.to_json(), "space": "any"}) == STRONG
    for wrong in ({}, {"slope": 1, "offset": 1, "power": 1, "saturation": 1}, {**STRONG.to_json(), "saturation": "x"}):
        with pytest.raises(UsageError, match="a CDL was wanted"):
            CDL.of(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"slope": "123"},
        {"slope": [1, 1, 1, 1], "offset": [0, 0]},
        {"offset": [0, 0]},
        {"power": ["1", "1", "1"]},
        {"slope": [True, True, True]},
        {"slope": {"r": 1, "g": 1, "b": 1}},
        {"saturation": "1"},
        {"saturation": True},
        {"offset": [float("nan"), 0, 0]},
        {"slope": [10**400, 1, 1]},
    ],
)
def test_what_is_not_three_numbers_is_not_read(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="a CDL was wanted"):
        CDL.of({**STRONG.to_json(), **wrong})


def test_settings_that_are_no_mapping_are_not_read() -> None:
    with pytest.raises(UsageError, match="a CDL was wanted"):
        CDL.of(["slope"])  # type: ignore[arg-type]


def test_a_cdl_makes_finite_values() -> None:
    for wrong in ({"slope": (1e300,) * 3, "power": (50.0,) * 3}, {"slope": (1e30,) * 3, "power": (2.0,) * 3}):
        with pytest.raises(UsageError, match="finite values"):
            CDL(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="three finite numbers each"):
        CDL(slope=(1.0, 1.0, 1.0, 1.0), offset=(0.0, 0.0))  # type: ignore[arg-type]
