"""A colourist's units, against known lights and known changes."""

from __future__ import annotations

import numpy as np
import pytest

from continuity.vision.colour import lab_of
from continuity.vision.grade_change import GradeChange, temperature
from continuity.vision.regrade import Regrade

NONE = np.zeros((3, 3))


@pytest.mark.parametrize(
    ("x", "y", "kelvin", "duv"),
    [
        (0.44757, 0.40745, 2856, 0.0),  # illuminant A
        (0.34567, 0.35850, 5003, 0.0032),  # D50
        (0.31271, 0.32902, 6504, 0.0032),  # D65
        (0.29902, 0.31485, 7504, 0.0032),  # D75
    ],
)
def test_known_lights(x: float, y: float, kelvin: float, duv: float) -> None:
    mired, tint = temperature([x / y, 1.0, (1 - x - y) / y])
    assert mired == pytest.approx(1e6 / kelvin, abs=2)
    assert tint == pytest.approx(duv, abs=0.0006)


def of_gain(gains: list[float]) -> GradeChange:
    """The change that gains of coded red, green and blue make of a mid grey."""
    grey = np.full(3, 0.5)
    before, after = lab_of(grey), lab_of(np.clip(grey * gains, 0, 1))
    return GradeChange.of(Regrade.of_colours(before, after), float(before[0]))


def test_signs_and_sizes_of_gains() -> None:
    warmer, cooler = of_gain([1.1, 1.0, 0.9]), of_gain([0.9, 1.0, 1.1])
    assert warmer.warmth == pytest.approx(36, abs=8)
    assert cooler.warmth == pytest.approx(-36, abs=8)
    assert of_gain([1.0, 0.9, 1.0]).tint > 0.005  # magenta
    assert of_gain([1.0, 1.1, 1.0]).tint < -0.005  # green
    lighter = of_gain([1.2, 1.2, 1.2])
    assert lighter.exposure == pytest.approx(2.2 * np.log2(1.2), abs=0.05)
    assert (lighter.warmth, lighter.tint) == pytest.approx((0, 0), abs=0.6)


def test_contrast_and_saturation_are_slopes() -> None:
    change = GradeChange.of(Regrade(np.zeros(3), np.diag([0.2, -0.5, -0.5])), 50.0)
    assert (change.contrast, change.saturation) == pytest.approx((20, -50))
    assert (change.exposure, change.warmth, change.tint) == pytest.approx((0, 0, 0))
    grey = GradeChange.of(Regrade(np.zeros(3), np.diag([0, -1.0, -1.0])), 50.0)
    assert grey.saturation == pytest.approx(-100)
    assert grey.words() == "paler by 100 %"


def test_words_say_the_largest_first_and_nothing_small() -> None:
    said = GradeChange(exposure=-0.4, warmth=-34.0, tint=0.001, contrast=1.0, saturation=12.0).words()
    assert said == "cooler by 34 mired, darker by 0.4 stops, more saturated by 12 %"
    assert GradeChange(0.0, 0.0, 0.0, 0.0, 0.0).words() == ""


@pytest.mark.parametrize("lightness", [0.0, 0.01, 50.0, 100.0])
def test_no_change_is_0_and_the_darkest_is_finite(lightness: float) -> None:
    assert GradeChange.of(Regrade(np.zeros(3), NONE), lightness) == GradeChange(0.0, 0.0, 0.0, 0.0, 0.0)
    for shift in ([-200.0, 0, 0], [0, 300.0, -300.0], [0, -300.0, 300.0], [200.0, 0, 0]):
        change = GradeChange.of(Regrade(np.array(shift), NONE), lightness)
        assert np.isfinite([change.exposure, change.warmth, change.tint]).all()
