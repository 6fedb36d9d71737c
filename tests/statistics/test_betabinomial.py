"""The beta-binomial model, against scipy.stats and against simulated groups whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from continuity.statistics.betabinomial import Posterior, fit, mixture


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 49.0), (0.02, 0.98), (3600.0, 400.0)])
@pytest.mark.parametrize(("successes", "trials", "more"), [(0, 0, 1), (0, 40, 60), (3, 50, 7), (0, 100_000, 100)])
def test_the_forecast_for_a_known_alpha_and_beta_is_that_of_scipy(
    alpha: float, beta: float, successes: int, trials: int, more: int
) -> None:
    posterior = Posterior(np.array([alpha]), np.array([beta]), np.array([0.0]))
    wanted = 1 - stats.betabinom.pmf(0, more, alpha + successes, beta + trials - successes)
    assert posterior.at_least_one(more, successes=successes, trials=trials) == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_the_weights_are_those_of_the_likelihood_of_scipy() -> None:
    successes, trials = [0, 1, 1, 0, 3], [50, 12, 50, 7, 40]
    posterior = fit(successes, trials)
    alpha, beta = posterior.alpha, posterior.beta
    likelihood = sum(stats.betabinom.logpmf(k, n, alpha, beta) for k, n in zip(successes, trials, strict=True))
    mean = alpha / (alpha + beta)
    wanted = np.exp(likelihood) * mean * (1 - mean)  # uniform in the mean, on a grid of equal steps of its logit
    assert np.exp(posterior.log_weights) == pytest.approx(wanted / wanted.sum(), rel=1e-6, abs=1e-12)


def test_the_order_of_groups_and_their_repetition_count_as_they_should() -> None:
    one = fit([0, 1, 0, 1], [50, 9, 50, 9])
    assert one.log_weights == pytest.approx(fit([1, 1, 0, 0], [9, 9, 50, 50]).log_weights)
    assert one.rate != pytest.approx(fit([0, 1], [50, 9]).rate)


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 20.0), (2.0, 60.0), (30.0, 900.0)])
def test_many_groups_find_the_true_rate_and_forecast_as_the_truth_does(alpha: float, beta: float) -> None:
    random = np.random.default_rng(5)
    trials = np.full(600, 60)
    posterior = fit(random.binomial(trials, random.beta(alpha, beta, 600)).tolist(), trials.tolist())
    assert posterior.rate == pytest.approx(alpha / (alpha + beta), rel=0.15)
    for spent in (0, 20, 60):
        truth = 1 - stats.betabinom.pmf(0, 40, alpha, beta + spent)
        assert posterior.at_least_one(40, trials=spent) == pytest.approx(truth, abs=0.05)


def test_a_group_that_ends_at_its_first_success_tells_as_much() -> None:
    random = np.random.default_rng(6)
    rates = random.beta(1.0, 40.0, 800)
    waits = random.geometric(rates)
    successes, trials = (waits <= 100).astype(int), np.minimum(waits, 100)
    assert fit(successes.tolist(), trials.tolist()).rate == pytest.approx(1 / 41, rel=0.15)


def test_the_forecast_moves_the_right_way() -> None:
    posterior = fit([1] * 12, [50] * 12)
    by_spent = [posterior.at_least_one(50, trials=n) for n in (0, 10, 100, 1000, 100_000)]
    by_more = [posterior.at_least_one(m, trials=10) for m in (0, 1, 10, 100, 10_000)]
    assert by_spent == sorted(by_spent, reverse=True)
    assert by_more == sorted(by_more)
    assert by_more[0] == 0
    assert all(0 <= p <= 1 for p in by_spent + by_more)
    assert posterior.at_least_one(50, successes=1, trials=10) > posterior.at_least_one(50, trials=10)


def test_without_a_success_or_without_a_group_it_stays_a_probability() -> None:
    assert 0 < fit([0] * 30, [100] * 30).at_least_one(50) < 0.05
    assert fit([], []).rate == pytest.approx(0.5, abs=0.01)  # the prior is uniform in the mean
    assert fit([50] * 30, [50] * 30).at_least_one(1) > 0.95


@pytest.mark.parametrize(("successes", "trials"), [([2], [1]), ([-1], [1]), ([0, 1], [3])])
def test_what_are_no_counts(successes: list[int], trials: list[int]) -> None:
    with pytest.raises(ValueError, match="counts were wanted"):
        fit(successes, trials)
    with pytest.raises(ValueError, match="counts were wanted"):
        fit([], []).at_least_one(-1)
    with pytest.raises(ValueError, match="counts were wanted"):
        fit([], []).at_least_one(1, successes=2, trials=1)


def test_the_posterior_of_a_fitted_group_does_not_count_it_twice() -> None:
    """Against the definition: the fit without the group, then its own counts."""
    successes, trials = [1, 0, 3, 2], [20, 15, 9, 30]
    whole = fit(successes, trials)
    without = fit(successes[1:], trials[1:])
    wanted = without.at_least_one(10, successes=1, trials=20)
    assert whole.of(1, 20).at_least_one(10) == pytest.approx(wanted, abs=0.003)  # of two grids
    assert abs(whole.at_least_one(10, successes=1, trials=20) - wanted) > 0.003
    with pytest.raises(ValueError, match="counts"):
        whole.of(3, 2)


def test_the_trials_that_a_chance_needs() -> None:
    posterior = fit([1, 2, 0, 1], [10, 25, 12, 8])
    for chance in (0.05, 0.5, 0.95):
        needed = posterior.trials_for(chance, 100_000)
        assert needed is not None
        assert posterior.at_least_one(needed) >= chance
        assert needed == 1 or posterior.at_least_one(needed - 1) < chance
    assert posterior.trials_for(0.95, 3) is None
    assert fit([10_000], [10_000]).trials_for(0.5, 10) == 1
    with pytest.raises(ValueError, match="chance"):
        posterior.trials_for(1.0, 10)


def test_a_mixture_is_the_average() -> None:
    one, two = fit([1], [10]), fit([5], [10])
    both = mixture([one, two])
    assert both.at_least_one(7) == pytest.approx((one.at_least_one(7) + two.at_least_one(7)) / 2)
    assert both.rate == pytest.approx((one.rate + two.rate) / 2)
    rng = np.random.default_rng(0)
    cells = both.cells(20_000, rng)
    drawn = both.alpha[cells] / (both.alpha[cells] + both.beta[cells])
    assert drawn.mean() == pytest.approx(both.rate, abs=0.005)
