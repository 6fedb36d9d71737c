"""Colours and patterns of garments."""

from __future__ import annotations

import numpy as np
import pytest

from continuity.vision import fabric
from continuity.vision.colour import lab_of


def spotted(*colours: tuple[tuple[float, float, float], int]) -> np.ndarray:
    rows = [np.random.default_rng(0).normal(colour, 0.5, (count, 3)) for colour, count in colours]
    return np.concatenate(rows).astype(np.float32)


def test_a_palette_has_the_colours_and_their_shares() -> None:
    found = fabric.palette(spotted(((30, 10, -40), 600), ((80, 0, 0), 300), ((50, 60, 30), 100)))
    assert found.shape == (fabric.COLOURS, 4)
    np.testing.assert_allclose(found[:3, 3], (0.6, 0.3, 0.1), atol=0.01)
    np.testing.assert_allclose(found[0, :3], (30, 10, -40), atol=0.3)
    assert (found[3] == 0).all()
    assert (fabric.palette(np.zeros((0, 3), np.float32)) == 0).all()


def test_a_palette_drifts_by_the_colour_difference() -> None:
    grey, lighter = (fabric.palette(spotted(((level, 0, 0), 500))) for level in (50, 60))
    assert fabric.palette_drift(grey, grey) == 0
    assert fabric.palette_drift(grey, lighter) == pytest.approx(4.7, abs=0.3)  # dE00 of 9.4 at kL = 1


def test_a_little_of_the_old_colour_does_not_hide_a_new_one() -> None:
    red = fabric.palette(spotted(((45, 60, 40), 1000)))
    blue = fabric.palette(spotted(((45, 20, -60), 900), ((45, 60, 40), 100)))
    assert fabric.palette_drift(red, blue) > 15


def test_a_stray_thing_in_view_is_no_new_garment() -> None:
    red = fabric.palette(spotted(((45, 60, 40), 1000)))
    held = fabric.palette(spotted(((45, 60, 40), 900), ((90, 0, 0), 100)))
    assert fabric.palette_drift(red, held) < 2


def test_light_that_the_skin_shows_is_taken_back() -> None:
    skin, cloth = np.array([[0.8, 0.6, 0.5]]), np.array([[0.2, 0.4, 0.5]])
    gain = np.array([1.15, 1.0, 0.8])
    lit = [lab_of(((c**2.2 * gain) ** (1 / 2.2)).astype(np.float64)) for c in (skin, cloth)]
    before = np.zeros((fabric.COLOURS, 4), np.float32)
    before[0] = (*lab_of(cloth)[0], 1)
    now = before.copy()
    now[0, :3] = lit[1][0]
    back = fabric.relit(now, lit[0][0], lab_of(skin)[0], 1.0)
    assert fabric.palette_drift(before, now) > 5
    assert fabric.palette_drift(before, back) < 1
    np.testing.assert_array_equal(fabric.relit(now, lit[0][0], lab_of(skin)[0], 0.0), now)


def test_contrast_is_told_by_band_and_not_taken_from_outside() -> None:
    lab = np.zeros((80, 80, 3), np.float32)
    lab[..., 0] = 50
    mask = np.zeros((80, 80), bool)
    mask[10:70, 10:70] = True
    lab[~mask] = (100, 50, 50)
    plain = fabric.texture(lab, mask)
    np.testing.assert_allclose(plain, 0, atol=1e-2)
    striped = lab.copy()
    striped[:, (np.arange(80) // 4) % 2 == 0, 0] += 20
    assert fabric.texture_drift(plain, fabric.texture(striped, mask)) > 1.5
    assert (fabric.texture(lab, np.zeros((80, 80), bool)) == 0).all()


def test_recolouring_discounts_exposure_and_a_mild_cast_only() -> None:
    pixels = np.random.default_rng(1).uniform(0.2, 0.7, (400, 3))
    then = lab_of(pixels)
    dimmed = lab_of((pixels**2.2 * np.array([0.5, 0.45, 0.42])) ** (1 / 2.2))
    assert fabric.recolouring(then, then, 1.3) < 1e-3
    assert fabric.recolouring(then, dimmed, 1.3) < 1.5
    assert fabric.recolouring(then, lab_of(pixels[:, ::-1]), 1.3) > 8
