"""Cohen's kappa, against the confusion table of his paper and an independent computation."""

from __future__ import annotations

import numpy as np
import pytest

from continuity.statistics.agreement import cohen_kappa


def test_a_worked_example() -> None:
    """20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed 0.7, expected 0.5, kappa 0.4."""
    first = [True] * 25 + [False] * 25
    second = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)


def test_it_is_the_kappa_of_a_confusion_matrix() -> None:
    rng = np.random.default_rng(3)
    a = rng.random(500) < 0.3
    b = np.where(rng.random(500) < 0.8, a, rng.random(500) < 0.5)
    table = np.histogram2d(a, b, bins=2)[0] / 500
    expected = (table.sum(0) * table.sum(1)).sum()
    assert cohen_kappa(list(a), list(b)) == pytest.approx((np.trace(table) - expected) / (1 - expected))


def test_total_agreement_chance_and_nothing() -> None:
    assert cohen_kappa([True, False], [True, False]) == 1
    assert cohen_kappa([True, False], [False, True]) == -1
    assert cohen_kappa([True, True], [True, True]) is None
    assert cohen_kappa([], []) is None
    with pytest.raises(ValueError, match="shorter"):
        cohen_kappa([True], [])
