"""How often something succeeds where the rate differs from group to group: the beta-binomial model.

Group i (a shot) has a rate p_i ~ Beta(alpha, beta); of its n_i trials (candidates) k_i succeed. The likelihood of a
group is B(alpha + k, beta + n - k) / B(alpha, beta), times a factor free of alpha and beta; so it does not matter
whether n was fixed beforehand or the group ended at its first success (the likelihood principle), and a group that is
still running counts with what it has.

alpha and beta are not plugged in but integrated out on a grid, since ten groups do not settle them. The prior is
uniform in the mean rate alpha / (alpha + beta), and log-uniform in alpha + beta from 1 (groups differ as much as they
can) to 10,000 (all alike); the range makes it proper where no group has a success. It expects higher rates than
generative work has, so few groups make a forecast too hopeful rather than too hopeless. The usual prior
(alpha + beta)^(-5/2) leans towards groups that differ, and gives groups up too early where they do not.

Sources: J. G. Skellam, A probability distribution derived from the binomial distribution by regarding the probability
of success as variable between the sets of trials, J. R. Statist. Soc. B 10 (1948), 257-261. A. Gelman et al., Bayesian
Data Analysis, 3rd ed. (2013), section 5.3. J. O. Berger, R. L. Wolpert, The Likelihood Principle, 2nd ed. (1988).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit

Reals = NDArray[np.float64]
Counts = NDArray[np.int64]

_LOGITS = (-10.0, 7.0)  # of the mean rate: 0.00005 to 0.999
_LOG_SIZES = (0.0, float(np.log(1e4)))  # of alpha + beta
_CELLS = (32, 20)
_NEGLIGIBLE = 14.0  # cells of a log weight so far below the highest hold less than a thousandth in all


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What is known of alpha and beta: cells of a grid, and the logarithms of their weights, which sum to 1."""

    alpha: Reals
    beta: Reals
    log_weights: Reals

    @property
    def rate(self) -> float:
        """The expected rate of a new group."""
        return float(np.exp(self.log_weights) @ (self.alpha / (self.alpha + self.beta)))

    def at_least_one(self, more: int, *, successes: int = 0, trials: int = 0) -> float:
        """The chance of at least one success in ``more`` trials of a group with ``successes`` in its ``trials`` so far.

        P = 1 - sum_j w_j B(a_j, b_j + more) / B(alpha_j, beta_j) / sum_j w_j B(a_j, b_j) / B(alpha_j, beta_j) with
        a = alpha + successes and b = beta + trials - successes.

        Raises:
            ValueError: the counts are no counts.
        """
        if more < 0 or not 0 <= successes <= trials:
            raise ValueError(f"counts were wanted, got {more} more after {successes} of {trials}")
        a, b = self.alpha + successes, self.beta + (trials - successes)
        prior = self.log_weights - betaln(self.alpha, self.beta)
        none, any_ = _log_sum(prior + betaln(a, b + more)), _log_sum(prior + betaln(a, b))
        return float(np.clip(-np.expm1(none - any_), 0.0, 1.0))

    def of(self, successes: int, trials: int) -> Posterior:
        """The posterior of one group that was fitted: what it had is in the weights already, and now in each cell.

        Raises:
            ValueError: the counts are no counts.
        """
        if not 0 <= successes <= trials:
            raise ValueError(f"counts were wanted, got {successes} of {trials}")
        return Posterior(self.alpha + successes, self.beta + (trials - successes), self.log_weights)

    def trials_for(self, chance: float, most: int) -> int | None:
        """The fewest trials with at least one success with probability ``chance``; None where ``most`` are too few.

        Raises:
            ValueError: a chance that is not between 0 and 1.
        """
        if not 0 < chance < 1:
            raise ValueError(f"a chance between 0 and 1 was wanted, got {chance}")
        low, high = 0, 1
        while self.at_least_one(high) < chance:
            if high >= most:
                return None
            low, high = high, min(2 * high, most)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.at_least_one(middle) >= chance else (middle, high)
        return high

    def cells(self, size: int, rng: np.random.Generator) -> Counts:
        """``size`` draws of alpha and beta, as places in the grid."""
        weights = np.exp(self.log_weights)
        return rng.choice(len(weights), size=size, p=weights / weights.sum())


def fit(successes: Sequence[int], trials: Sequence[int]) -> Posterior:
    """What groups with ``successes[i]`` of ``trials[i]`` say of alpha and beta; without any, the prior.

    Raises:
        ValueError: of unequal length, or no counts.
    """
    if len(successes) != len(trials) or not all(0 <= k <= n for k, n in zip(successes, trials, strict=True)):
        raise ValueError("counts were wanted: 0 <= successes <= trials for each group")
    counts = np.array([successes, trials], dtype=np.int64)
    groups, times = np.unique(counts, axis=1, return_counts=True)
    logits, sizes = (np.linspace(*ends, cells) for ends, cells in zip((_LOGITS, _LOG_SIZES), _CELLS, strict=True))
    likely = np.argwhere(_log_weights(logits, sizes, groups, times)[2] > -_NEGLIGIBLE)  # many groups: a few cells
    return _posterior(*_log_weights(_around(logits, likely[:, 0]), _around(sizes, likely[:, 1]), groups, times))


def mixture(posteriors: Sequence[Posterior]) -> Posterior:
    """The average of posteriors, as after fits to several imputations of what is missing.

    Source: D. B. Rubin, Multiple Imputation for Nonresponse in Surveys (1987), chapter 3.
    """
    return Posterior(
        np.concatenate([one.alpha for one in posteriors]),
        np.concatenate([one.beta for one in posteriors]),
        np.concatenate([one.log_weights for one in posteriors]) - np.log(len(posteriors)),
    )


def _log_weights(logits: Reals, sizes: Reals, groups: Counts, times: Counts) -> tuple[Reals, Reals, Reals]:
    """alpha, beta and log weight, 0 at the highest, over a grid in (logit of the mean, log of the size)."""
    mean, size = expit(logits)[:, None], np.exp(sizes)[None, :]
    alpha, beta = mean * size, (1 - mean) * size
    weights = np.broadcast_to(np.log(mean * (1 - mean)), alpha.shape).copy()  # the prior, per step of such a grid
    for (k, n), often in zip(groups.T, times, strict=True):
        weights += often * betaln(alpha + k, beta + (n - k))
    weights -= times.sum() * betaln(alpha, beta)
    return alpha, beta, weights - weights.max()


def _around(steps: Reals, likely: Counts) -> Reals:
    """As many steps over the likely ones and their neighbours alone."""
    first, last = max(int(likely.min()) - 1, 0), min(int(likely.max()) + 1, len(steps) - 1)
    return np.linspace(steps[first], steps[last], len(steps))


def _posterior(alpha: Reals, beta: Reals, weights: Reals) -> Posterior:
    return Posterior(alpha.ravel(), beta.ravel(), weights.ravel() - _log_sum(weights))


def _log_sum(values: Reals) -> float:
    """log(sum(exp(values))), without overflow."""
    top = float(values.max())
    return top + float(np.log(np.exp(values - top).sum()))
