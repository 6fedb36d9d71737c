"""What lies over a mark is told from what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from continuity.vision.colour import lab_of
from continuity.vision.mark_cover import lying_over

Floats = NDArray[np.float32]

HEIGHT, WIDTH = 160, 240
MARK = np.s_[40:120, 50:190]
RED, BLUE, GREEN, SKIN = (0.8, 0.1, 0.1), (0.1, 0.2, 0.7), (0.1, 0.6, 0.2), (0.75, 0.55, 0.43)


def plate() -> Floats:
    rough = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(HEIGHT, WIDTH, 3)), (25, 25, 0))
    return np.asarray((0.6 + 0.04 * rough / rough.std()).clip(0, 1), np.float32)


def drawn(ground: Floats, colour: tuple[float, float, float] = RED) -> Floats:
    picture = ground.copy()
    picture[MARK] = colour
    picture[60:100, 100:170] = BLUE
    return picture


def share(picture: Floats) -> float:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[MARK] = 1
    art = np.asarray(lab_of(drawn(np.full((HEIGHT, WIDTH, 3), RED, np.float32))), np.float32)
    over = lying_over(np.asarray(lab_of(picture), np.float32), art, alpha, 140.0)
    return float(over[alpha > 0].mean())


def missing(ground: Floats) -> Floats:
    picture = drawn(ground)
    picture[:, 50:92] = ground[:, 50:92]
    return picture


@pytest.mark.parametrize(
    "made", [drawn, lambda ground: drawn(ground, GREEN), missing], ids=["sound", "recoloured", "missing"]
)
def test_nothing_lies_over_a_mark_that_is_sound_or_drifted(made: Callable[[Floats], Floats]) -> None:
    assert share(made(plate())) == 0


@pytest.mark.parametrize("colour", [RED, GREEN], ids=["sound", "recoloured"])
@pytest.mark.parametrize("hidden", [0.1, 0.25, 0.35])
def test_a_slab_is_measured_in_full(colour: tuple[float, float, float], hidden: float) -> None:
    picture = drawn(plate(), colour)
    picture[10:150, 30 : 50 + round(140 * hidden)] = SKIN
    assert share(picture) == pytest.approx(hidden, abs=0.03)


@pytest.mark.parametrize("colour", [RED, GREEN], ids=["sound", "recoloured"])
def test_what_hides_half_is_never_taken_for_little(colour: tuple[float, float, float]) -> None:
    picture = drawn(plate(), colour)
    picture[10:150, 30:120] = SKIN  # so much that the light of the place cannot be told
    assert share(picture) > 0.3


def test_a_cover_may_have_any_texture() -> None:
    picture = drawn(plate())
    rough = ndimage.gaussian_filter(np.random.default_rng(2).normal(size=(HEIGHT, 70, 3)), (2, 2, 0))
    picture[10:150, 30:100] = (0.3 + 0.1 * rough[10:150] / rough.std()).clip(0, 1)
    assert share(picture) > 0.25


def test_a_picture_without_surroundings_has_no_cover() -> None:
    alpha = np.ones((20, 30), np.float32)
    flat = np.full((20, 30, 3), 50, np.float32)
    assert not lying_over(flat, flat, alpha, 30.0).any()
    assert not lying_over(flat, flat, 0 * alpha, 30.0).any()
