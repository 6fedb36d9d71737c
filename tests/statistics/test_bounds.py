"""Exact bounds, against scipy.stats and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from continuity.errors import UsageError
from continuity.statistics import bounds


def test_the_figures_that_everybody_quotes() -> None:
    assert bounds.upper(failures=0, n=60, confidence=0.95) == pytest.approx(0.0487, abs=5e-5)
    sizes = {s: bounds.sample_size(max_share=s, confidence=0.95) for s in (0.10, 0.05, 0.02, 0.01)}
    assert sizes == {0.10: 29, 0.05: 59, 0.02: 149, 0.01: 299}
    assert bounds.sample_size(max_share=0.02, confidence=0.95, failures=0) == 149
    assert bounds.power(n=149, max_share=0.02, confidence=0.95, true_share=0.01) == pytest.approx(0.2237, abs=1e-4)


@pytest.mark.parametrize(("failures", "n"), [(0, 1), (0, 60), (1, 60), (30, 60), (59, 60), (60, 60), (7, 5000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_bounds_are_those_of_an_independent_implementation(failures: int, n: int, confidence: float) -> None:
    for side, got in (
        ("less", bounds.upper(failures=failures, n=n, confidence=confidence)),
        ("greater", bounds.lower(failures=failures, n=n, confidence=confidence)),
    ):
        wanted = stats.binomtest(failures, n, alternative=side).proportion_ci(confidence, method="exact")
        assert got == pytest.approx(wanted.high if side == "less" else wanted.low, abs=1e-9)


def test_p_values_are_those_of_the_binomial_distribution() -> None:
    n = np.array([1, 10, 149, 5000])
    failures = np.array([0, 2, 0, 80])
    assert np.allclose(bounds.p_value(failures, n, 0.02), stats.binom.cdf(failures, n, 0.02), rtol=1e-9)
    assert bounds.p_value(0, 0, 0.02) == 1


@pytest.mark.parametrize("failures", [0, 1, 5])
def test_a_sample_size_is_the_smallest_that_does(failures: int) -> None:
    n = bounds.sample_size(max_share=0.05, confidence=0.9, failures=failures)
    assert bounds.upper(failures=failures, n=n, confidence=0.9) <= 0.05
    assert bounds.upper(failures=failures, n=n - 1, confidence=0.9) > 0.05
    assert bounds.acceptable(n=n, max_share=0.05, confidence=0.9) == failures
    assert bounds.acceptable(n=n - 1, max_share=0.05, confidence=0.9) == failures - 1


def test_an_upper_bound_covers_as_often_as_it_says() -> None:
    draws = np.random.default_rng(5).binomial(200, 0.03, 4000)
    known = {int(x): bounds.upper(failures=int(x), n=200, confidence=0.95) for x in set(draws)}
    covered = np.mean([known[int(x)] >= 0.03 for x in draws])
    assert covered >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 4000)


def test_nothing_seen_bounds_nothing() -> None:
    assert bounds.upper(failures=0, n=0, confidence=0.95) == 1
    assert bounds.lower(failures=0, n=0, confidence=0.95) == 0
    assert bounds.acceptable(n=0, max_share=0.5, confidence=0.95) == -1
    assert bounds.power(n=10, max_share=0.02, confidence=0.95, true_share=0.0) == 0


@pytest.mark.parametrize(
    ("failures", "n", "confidence"), [(-1, 3, 0.9), (4, 3, 0.9), (0, 3, 1.0), (0, 3, 0.0), (0, 3, float("nan"))]
)
def test_senseless_counts_are_refused(failures: int, n: int, confidence: float) -> None:
    with pytest.raises(UsageError):
        bounds.upper(failures=failures, n=n, confidence=confidence)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan"), float("inf")])
def test_a_promise_of_nothing_or_everything_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="max_share"):
        bounds.sample_size(max_share=share, confidence=0.95)
    with pytest.raises(UsageError, match="max_share"):
        bounds.p_value(0, 10, share)


def test_a_size_nobody_could_collect_is_refused() -> None:
    with pytest.raises(UsageError, match="trials"):
        bounds.sample_size(max_share=1e-12, confidence=0.95)


def test_p_values_against_those_of_mapie() -> None:
    from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value

    n, share = 500, 0.05
    for failures in range(25):
        exact = bounds.p_value(failures, n, share)
        theirs = compute_hoeffding_bentkus_p_value(np.array([failures / n]), n, share).item()
        assert (
            exact <= theirs <= np.e * exact * (1 + 1e-9)
        )  # theirs is for any bounded loss, at most e times the binomial
