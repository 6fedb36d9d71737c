from __future__ import annotations

import numpy as np
import pytest

from continuity.errors import UsageError
from continuity.statistics.tolerance_limits import cuts, limits, lost_at_most, needed


def test_sizes_of_the_literature() -> None:
    assert needed(cut=1, max_lost=0.1, confidence=0.95) == 29  # Wilks: 0.9^29 < 0.05
    assert needed(cut=1, max_lost=0.05, confidence=0.95) == 59
    assert [needed(cut=m, max_lost=0.1, confidence=0.95) for m in (2, 3, 4)] == [46, 61, 76]
    assert [cuts(n=n, max_lost=0.1, confidence=0.95) for n in (0, 28, 29, 45, 46, 61)] == [0, 0, 1, 1, 2, 3]
    assert lost_at_most(n=29, cut=1, confidence=0.95) == pytest.approx(1 - 0.05 ** (1 / 29))
    assert lost_at_most(n=46, cut=2, confidence=0.95) <= 0.1 < lost_at_most(n=45, cut=2, confidence=0.95)
    assert lost_at_most(n=0, cut=1, confidence=0.95) == 1
    assert lost_at_most(n=3, cut=0, confidence=0.95) == 1


def test_each_cut_takes_the_largest_of_those_left() -> None:
    draws = np.array([[1.0, 9.0], [7.0, 8.0], [5.0, 3.0], [6.0, 1.0]])
    assert limits(draws, 0).tolist() == [np.inf, np.inf]
    assert limits(draws, 1).tolist() == [np.inf, 9.0]
    assert limits(draws, 2).tolist() == [7.0, 9.0]
    assert limits(draws, 3).tolist() == [7.0, 3.0]  # 8 went with the 7
    assert limits(draws, 4).tolist() == [6.0, 3.0]


def test_what_was_not_measured_is_beyond_no_limit() -> None:
    draws = np.array([[-np.inf, 2.0], [-np.inf, 1.0], [3.0, -np.inf]])
    assert limits(draws, 2).tolist() == [3.0, 2.0]
    assert limits(np.full((3, 1), -np.inf), 3).tolist() == [-np.inf]


@pytest.mark.parametrize("draws", [np.zeros((2, 1)), np.array([[np.nan], [1.0], [1.0]]), np.zeros((5, 0))])
def test_what_cannot_be_cut_is_refused(draws: np.ndarray) -> None:
    with pytest.raises(UsageError, match="without NaN"):
        limits(draws, 3)


@pytest.mark.parametrize(
    ("n", "share", "confidence", "correlation"),
    [(29, 0.1, 0.95, 0.0), (46, 0.1, 0.95, 0.0), (46, 0.1, 0.95, 0.95), (76, 0.1, 0.95, 0.5), (40, 0.2, 0.8, -0.9)],
)
def test_a_promise_is_broken_no_more_often_than_stated(
    n: int, share: float, confidence: float, correlation: float
) -> None:
    """The truth is known: two correlated measurements, their true joint loss counted on a large sample."""
    random = np.random.default_rng([n, int(100 * correlation) % 1000])
    mixing = np.linalg.cholesky(np.array([[1, correlation], [correlation, 1]]))
    population = random.normal(size=(10_000, 2)) @ mixing.T
    turns, m = 600, cuts(n=n, max_lost=share, confidence=confidence)
    lost = np.empty(turns)
    for turn in range(turns):
        found = limits(np.exp(random.normal(size=(n, 2)) @ mixing.T), m)  # any distribution: here a lognormal one
        lost[turn] = (np.exp(population) > found).any(axis=1).mean()
    broken = (lost > share).mean()
    stated = 1 - confidence
    assert broken <= stated + 3 * np.sqrt(stated * (1 - stated) / turns)
    assert broken >= stated / 8, "the bound is exact but for whole numbers: nothing is given away"
    expected = m / (n + 1)  # of the beta distribution
    assert lost.mean() == pytest.approx(expected, rel=0.1)


def test_ties_lose_less() -> None:
    draws = np.random.default_rng(1).integers(0, 4, (29, 1)).astype(float)
    assert (np.arange(4) > limits(draws, 1)[0]).sum() == 0
