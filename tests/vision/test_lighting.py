"""The fall-off of light between two pictures: what follows place counts, what follows colour does not."""

from __future__ import annotations

import numpy as np
import pytest

from continuity.vision.lighting import falloff
from continuity.vision.regions import Pairs

SIDE = 14


def places() -> np.ndarray:
    return np.stack(np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1), axis=-1).reshape(-1, 2).astype(np.float32)


def regions(seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return np.column_stack([chance.uniform(15, 70, SIDE**2), chance.normal(0, 15, (SIDE**2, 2))]).astype(np.float32)


def lit(before: np.ndarray, stops: np.ndarray) -> np.ndarray:
    after = before.copy()
    after[:, 0] = (before[:, 0] + 16) * np.exp2(stops / 3) - 16
    return after


def pairs(before: np.ndarray, after: np.ndarray, weights: np.ndarray | float = 1.0) -> Pairs:
    return Pairs(before, after, np.broadcast_to(np.float32(weights), len(before)), 1.0)


def test_nothing_moved_is_exactly_0() -> None:
    found = falloff(pairs(regions(), regions()), places())
    assert (found.size, found.scatter) == (0.0, 0.0)


@pytest.mark.parametrize(("across", "down"), [(1.2, 0.0), (0.0, -0.8), (-0.5, 0.5)])
def test_stops_from_the_middle_to_the_edges_are_found(across: float, down: float) -> None:
    at = places()
    stops = across * (2 * at[:, 1] - 1) + down * (2 * at[:, 0] - 1)
    found = falloff(pairs(regions(), lit(regions(), stops)), at)
    assert (found.across, found.down) == pytest.approx((across, down), abs=0.02)


def test_an_even_exposure_and_more_contrast_are_a_grade() -> None:
    before = regions()
    after = before * np.float32(0.8) + np.float32(5)
    assert falloff(pairs(before, after), places()).size < 0.1


def test_a_dark_side_under_more_contrast_is_still_a_grade() -> None:
    at, before = places(), regions()
    before[:, 0] = 20 + 40 * at[:, 1] + np.random.default_rng(1).normal(0, 5, len(at))  # content darker to the left
    after = before.copy()
    after[:, 0] = 50 + (before[:, 0] - 50) * 1.3
    assert falloff(pairs(before, after), at).size < 0.25


def test_new_content_on_a_third_of_the_regions_drops_out() -> None:
    at, before = places(), regions()
    after = lit(before, 1.0 * (2 * at[:, 1] - 1))
    new = np.random.default_rng(2).permutation(len(at))[: len(at) // 3]
    after[new, 0] = np.random.default_rng(3).uniform(10, 90, len(new))
    found = falloff(pairs(before, after), at)
    assert (found.across, found.down) == pytest.approx((1.0, 0.0), abs=0.15)


@pytest.mark.parametrize("stops", [-3.0, 2.0])
def test_a_shadow_on_a_part_is_told_beside_the_fit(stops: float) -> None:
    at, before = places(), regions()
    found = falloff(pairs(before, lit(before, np.where(at[:, 1] < 0.2, stops, 0.0))), at)
    assert found.size < 0.05
    assert found.aside == pytest.approx(3 / SIDE, abs=0.01)
    assert found.gained == pytest.approx(stops, abs=0.05)
    assert found.agreed > 0.8


def test_new_content_here_and_there_does_not_agree() -> None:
    at, before = places(), regions()
    after = before.copy()
    new = np.random.default_rng(2).permutation(len(at))[: len(at) // 4]
    after[new, 0] = np.random.default_rng(3).uniform(10, 90, len(new))
    found = falloff(pairs(before, after), at)
    assert found.aside > 0.15
    assert found.agreed < 0.25


def test_what_has_no_weight_is_not_aside() -> None:
    at, before = places(), regions()
    dark = at[:, 1] < 0.33
    found = falloff(pairs(before, lit(before, np.where(dark, -3.0, 0.0)), np.where(dark, 0, 1).astype(np.float32)), at)
    assert (found.aside, found.gained, found.agreed) == (0.0, 0.0, 0.0)


def test_regions_of_no_weight_say_nothing() -> None:
    assert falloff(pairs(regions(), regions(5), 0.0), places()).size == 0.0


def test_black_and_white_frames_give_finite_numbers() -> None:
    for level in (0.0, 100.0):
        after = np.full_like(regions(), level)
        assert np.isfinite(falloff(pairs(regions(), after), places()).size)
