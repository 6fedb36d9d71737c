"""The plate around a mark: taken out from under ink that is seen, and left alone where none is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from continuity.vision.mark_plate import cleared, filled, guessed, spread

Floats = NDArray[np.float32]
SIDE, LONG = 160, 70
NONE = np.zeros((SIDE, SIDE), np.float32)
INK = np.full((SIDE, SIDE, 3), (0.85, 0.1, 0.15), np.float32)


def grit(strength: float = 0.12) -> Floats:
    """Grey gravel."""
    rough = ndimage.gaussian_filter(np.random.default_rng(4).normal(size=(SIDE, SIDE)), 1.5)
    return np.asarray((0.5 + strength * rough / rough.std())[..., None] * np.ones(3), np.float32).clip(0, 1)


def disc(radius: float = LONG / 2) -> Floats:
    """Cover of a disc in the middle."""
    ys, xs = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    return np.asarray(np.clip(radius + 0.5 - np.hypot(ys, xs), 0, 1), np.float32)


def under(plate: Floats, cover: Floats) -> Floats:
    return np.asarray(plate * (1 - cover[..., None]) + INK * cover[..., None], np.float32)


@pytest.mark.parametrize("sigma", [0.7, 3.0, 6.0])
def test_the_softness_of_an_outline_is_read_from_its_rings(sigma: float) -> None:
    true = ndimage.gaussian_filter(disc(), sigma)
    cover, soft = spread(under(grit(), true), INK, disc(), LONG, most=8.0)
    assert abs(cover - true).mean() < 0.01
    assert soft == pytest.approx(sigma, rel=0.35)


def test_a_blurred_mark_that_is_larger_than_it_was_found_is_seen_whole() -> None:
    true = ndimage.gaussian_filter(disc(), 5.0)
    cover, _ = spread(under(grit(), true), INK, disc(LONG / 2 - 4), LONG, most=8.0)
    outside = disc() < 0.5
    assert abs(cover - true)[outside].mean() < 0.015


def test_under_soft_ink_the_plate_is_what_it_was() -> None:
    plate, cover = grit(), ndimage.gaussian_filter(disc(), 5.0)
    seen = under(plate, cover)
    made, spoilt = cleared(seen, INK, cover, NONE, disc(), 5.0, LONG)
    ring = (cover > 0.05) & (cover < 0.35)
    assert spoilt[ring].mean() > 0.9
    after, guess = (np.abs(one - plate)[ring].mean() for one in (made, filled(seen, (cover > 0.02) * 1.0, LONG)))
    assert after < 0.4 * guess
    assert after < 0.4 * np.abs(seen - plate)[ring].mean()


def test_what_is_neither_ink_nor_plate_is_left_alone() -> None:
    plate = grit(0.01)
    plate[:, 110:118] = (0.1, 0.3, 0.9)  # a blue line beside the mark
    there = ndimage.gaussian_filter(disc(), 0.7)
    wide = ndimage.grey_dilation(disc(), size=15) * 0.3 * (disc() < 0.5) + there  # what is believed to be ink
    _, spoilt = cleared(under(plate, there), INK, np.clip(wide, 0, 1), NONE, disc(), 1.0, LONG)
    line = np.zeros((SIDE, SIDE), bool)
    line[74:86, 116:118] = True
    line &= disc() < 0.5
    assert line.any()
    assert spoilt[line & (wide > 0.02)].mean() < 0.3


def test_an_even_plate_can_be_guessed_and_gravel_cannot() -> None:
    hole = ndimage.grey_dilation(disc(), size=21)
    even, rough = (guessed(plate, hole, disc(), LONG) for plate in (grit(0.002), grit()))
    assert even < 0.5
    assert rough > 10 * even
    assert guessed(grit(), ndimage.grey_dilation(disc(), size=5), disc(), LONG) < 0.5 * rough


def test_without_a_place_to_try_there_is_nothing_to_guess_by() -> None:
    assert guessed(grit(), np.ones((SIDE, SIDE), np.float32), NONE, LONG) == np.inf
    assert guessed(grit(), NONE, disc(), LONG) == 0.0
