"""The fit of a grade: exact where all agree, blind to the minority that does not, small where nothing is explained."""

from __future__ import annotations

import numpy as np
import pytest

from continuity.vision import regrade
from continuity.vision.regions import Pairs
from continuity.vision.regrade import Regrade

WARM = Regrade(np.array([1.0, 2.0, 6.0]), np.array([[0.1, 0, 0], [0, -0.2, 0], [0, 0, -0.2]]))


def colours(count: int = 196, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (np.array([50, 0, 0]) + random.normal(0, 1, (count, 3)) * [20, 15, 15]).astype(np.float32)


def pairs(before: np.ndarray, after: np.ndarray, weights: np.ndarray | None = None) -> Pairs:
    weights = np.ones(len(before), np.float32) if weights is None else weights
    return Pairs(before, after.astype(np.float32), weights, 1.0)


def test_what_all_agree_on_is_found() -> None:
    before = colours()
    found = regrade.fitted(pairs(before, before + WARM.step(before)))
    np.testing.assert_allclose(found.regrade.shift, WARM.shift, atol=0.1)
    np.testing.assert_allclose(found.regrade.slopes, WARM.slopes, atol=0.02)
    assert found.scatter < 0.1
    assert found.drift == pytest.approx(found.size, rel=0.01)
    assert found.size == pytest.approx(np.sqrt(np.square(WARM.step(before)).sum(axis=1).mean()), rel=0.05)


def test_new_content_in_two_fifths_is_left_out() -> None:
    before, random = colours(), np.random.default_rng(1)
    after = before + WARM.step(before)
    new = random.permutation(len(before))[: int(0.4 * len(before))]
    after[new] = colours(len(new), seed=2)
    found = regrade.fitted(pairs(before, after))
    np.testing.assert_allclose(found.regrade.shift, WARM.shift, atol=0.6)
    after = before.copy()
    after[new] = colours(len(new), seed=3)
    assert regrade.fitted(pairs(before, after)).drift < 0.2


def test_a_change_of_few_colours_that_explains_them_is_no_outlier() -> None:
    """A grey picture with some colour in it, half desaturated: most pairs do not move at all."""
    before = colours()
    before[60:, 1:] *= 0.02
    found = regrade.fitted(pairs(before, before * [1, 0.5, 0.5]))
    assert np.diag(found.regrade.slopes) == pytest.approx([0, -0.5, -0.5], abs=0.06)
    assert found.drift > 3


def test_colours_that_went_are_no_content() -> None:
    """A muted picture pressed into grey, or into one tone; the fit alone takes its few colours for outliers."""
    before = colours()
    before[60:, 1:] *= 0.02
    grey, toned, half, other = (before.copy() for _ in range(4))
    grey[:, 1:] = 0
    toned[:, 1:] = (3, 8)
    half[:, 1:] *= 0.5
    other[:60, 1:] = other[:60, :0:-1]
    rms = float(np.sqrt(np.square(before[:, 1:]).sum(axis=1).mean()))
    assert regrade.drained(pairs(before, grey)) == pytest.approx(rms, rel=1e-3)
    assert regrade.drained(pairs(before, toned)) > 0.9 * np.hypot(3, 8)
    assert regrade.drained(pairs(before, half)) == regrade.drained(pairs(before, other)) == 0
    grades = [regrade.drained(pairs(before, before * [1, keep, keep])) for keep in (0.3, 0.2, 0.1, 0)]
    assert grades == sorted(grades) and grades[0] < 0.01 < grades[1]
    assert regrade.drained(pairs(grey, grey)) == regrade.drained(pairs(before, grey, np.zeros(len(before)))) == 0


def test_what_nothing_explains_is_no_drift() -> None:
    before = colours()
    shuffled = before[np.random.default_rng(4).permutation(len(before))]
    found = regrade.fitted(pairs(before, shuffled))
    assert found.scatter > 10
    assert found.drift < 0.6 * found.size


def test_pairs_without_weight_give_no_change() -> None:
    before = colours()
    found = regrade.fitted(pairs(before, before + 9, np.zeros(len(before), np.float32)))
    assert (found.size, found.scatter, found.drift) == (0, 0, 0)
    same = regrade.fitted(pairs(before, before))
    assert (same.size, same.drift) == (0, 0)


def test_distributions_and_single_colours() -> None:
    before = np.sort(colours().T, axis=1)
    found = Regrade.between(before, before * [[1], [0.5], [0.5]] + [[5], [0], [3]])
    assert np.diag(found.slopes) == pytest.approx([0, -0.47, -0.47], abs=0.02)
    mean = before.mean(axis=1)
    assert mean + found.step(mean) == pytest.approx(mean * [1, 0.5, 0.5] + [5, 0, 3], abs=0.01)
    flat = np.full((3, 9), 40.0)
    assert np.isfinite(Regrade.between(flat, flat + 3).slopes).all()
    assert Regrade.of_colours([60, 9, 12], [58, 12, 16]).step([0, 0, 0]) == pytest.approx([-2, 3, 4])
