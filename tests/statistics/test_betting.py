"""Audits by betting: never wrong too often, right in reasonable time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from continuity.errors import UsageError
from continuity.statistics.betting import FACTORS, Wager


def capital(answers: np.ndarray, share: float, *, against: bool = True) -> np.ndarray:
    """The same capital, computed from counts instead of step by step."""
    bad = np.cumsum(answers)
    n = np.arange(1, len(answers) + 1)
    odds = share / (1 - share) * (FACTORS if against else 1 / FACTORS)
    q = (odds / (1 + odds))[:, None]
    logs = bad * np.log(q / share) + (n - bad) * np.log((1 - q) / (1 - share))
    return np.asarray(np.mean(np.exp(np.minimum(logs, 300)), axis=0))


@pytest.mark.parametrize("against", [True, False])
def test_the_capital_is_a_mixture_of_likelihood_ratios(against: bool) -> None:
    answers = np.random.default_rng(2).random(300) < 0.05
    wager = Wager(0.02, against=against)
    stepwise = [wager.add(bool(x)) for x in answers]
    assert np.allclose(stepwise, capital(answers, 0.02, against=against))
    assert (wager.answers, wager.bad) == (300, int(answers.sum()))


def test_a_kept_promise_is_refuted_in_at_most_the_risk_whenever_one_stops() -> None:
    rng = np.random.default_rng(7)
    refuted = [capital(rng.random(1500) < 0.02, 0.02).max() >= 20 for _ in range(1500)]
    assert np.mean(refuted) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1500)


def test_a_broken_promise_is_refuted_about_when_it_says() -> None:
    rng = np.random.default_rng(8)
    for share in (0.04, 0.10):
        said = Wager(0.02).answers_to(share, risk=0.05)
        assert said is not None
        took = [int(np.argmax(capital(rng.random(8 * said) < share, 0.02) >= 20)) for _ in range(200)]
        assert all(took)
        assert said / 2 < np.median(took) < 2 * said


def test_a_kept_promise_can_be_shown_to_hold() -> None:
    wager = Wager(0.02, against=False)
    for _ in range(400):
        wager.add(False)
    assert wager.capital >= 20
    assert wager.answers_to(0.0, 0.05) == 0


def test_some_shares_are_never_told_apart() -> None:
    assert Wager(0.02).answers_to(0.02, 0.05) is None
    assert Wager(0.02).answers_to(0.0, 0.05) is None


def test_capital_stays_finite_and_senseless_shares_are_refused() -> None:
    wager = Wager(0.001)
    for _ in range(2000):
        wager.add(True)
    assert math.isfinite(wager.capital)
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(UsageError, match="max_share"):
            Wager(share)
