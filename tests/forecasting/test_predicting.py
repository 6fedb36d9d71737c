"""Predictive intervals against a known truth, and what they are made of."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import continuity as ct
from continuity.forecasting.pilot import Counts, Pilot, Spent
from continuity.forecasting.predicting import MOST, _campaign, _candidates, fitted, predict
from continuity.forecasting.records import Range
from continuity.statistics.betabinomial import mixture


def shots(*counts: tuple[int, int], seconds: float = 1.0) -> Pilot:
    """A pilot of (accepted, trials)."""
    spent = Spent(seconds=seconds, gpu_seconds=seconds / 2, cost=seconds / 100)
    return Pilot(
        shots=tuple(Counts(name=f"sc{i}", accepted=k, trials=n, spent=spent) for i, (k, n) in enumerate(counts))
    )


def simulated(
    rng: np.random.Generator, mean: float, size: float, *, coin: float = 1.0, loose: float = 0.0
) -> list[Counts]:
    """20 shots of up to 50 candidates that end at the first one that the old limits accept; each shot has its own rate.

    ``loose``: the share of the rejected that the new limits accept; nobody knows which, save those of the coin.
    """
    found = []
    for number in range(20):
        accepted = rng.random(50) < rng.beta(mean * size, (1 - mean) * size)
        accepted = accepted[: int(np.argmax(accepted)) + 1] if accepted.any() else accepted
        over = ~accepted & (rng.random(len(accepted)) < loose)
        fully = rng.random(len(accepted)) < coin
        maybe = ~accepted & ~fully & (over | (rng.random(len(accepted)) < 0.3)) if loose else np.zeros_like(accepted)
        found.append(Counts(
            name=str(number), trials=len(accepted), accepted=int((accepted | (over & fully)).sum()),
            unknown=int(maybe.sum()), rejected=int((~accepted & ~fully).sum()), fully=int((~accepted & fully).sum()),
            fully_accepted=int((over & fully).sum()), spent=Spent(seconds=1.0),
        ))  # fmt: skip
    return found


def within(value: float, of: Range) -> bool:
    return (of.low is None or of.low <= value) and (of.high is None or value <= of.high)


@pytest.mark.parametrize(
    ("mean", "size", "coin", "loose"), [(0.05, 4, 1.0, 0.0), (0.2, 100, 1.0, 0.0), (0.2, 100, 0.3, 0.1)]
)
def test_intervals_hold_what_they_say(mean: float, size: float, coin: float, loose: float) -> None:
    """90 % intervals of a new shot and of a campaign of ten, 150 pilots each: candidates are counts, so a little more.

    The last one is under other limits than those that ended the shots, with verdicts that nobody knows.
    """
    rng = np.random.default_rng(11)
    hits = np.zeros(2)
    runs = 150

    def new() -> int:
        rate = rng.beta(mean * size, (1 - mean) * size)
        return int(min(rng.geometric(max(rate + (1 - rate) * loose, 1e-7)), MOST))

    for _ in range(runs):
        seen = np.random.default_rng(3)
        posterior = mixture([one for _, one in fitted(simulated(rng, mean, size, coin=coin, loose=loose), seen)])
        campaign = _campaign(posterior, seen, [Spent(seconds=1.0)], None, 10, draws=2000)
        hits += within(new(), _candidates(posterior, None)), within(sum(new() for _ in range(10)), campaign.candidates)
    shot, campaign_share = hits / runs
    assert 0.87 <= shot <= 0.99  # two standard errors of 150 below
    assert 0.84 <= campaign_share <= 0.98


def test_few_shots_give_wide_intervals() -> None:
    def width(found: ct.Forecast) -> float:
        low, high = found.new.probability.low, found.new.probability.high
        assert low is not None
        assert high is not None
        return high - low

    widths = [width(predict(shots(*[(2, 20)] * number))) for number in (2, 8, 60)]
    assert all(before > 1.3 * after for before, after in pairwise(widths))


def test_a_budget_bounds_candidates_and_says_what_it_keeps() -> None:
    free, bound = predict(shots((1, 30), (2, 25), (0, 40))), predict(shots((1, 30), (2, 25), (0, 40)), budget=10)
    assert free.new.keeps is None
    assert bound.new.keeps is not None
    assert 0 < bound.new.keeps < 0.9
    assert bound.new.candidates.high == 10
    assert bound.campaign.candidates.high == 30
    assert bound.campaign.kept.high is not None
    assert bound.campaign.kept.high <= 3
    assert free.new.budget == bound.new.budget
    within_it = predict(shots((1, 30), (2, 25), (0, 40)), budget=free.new.budget).new.keeps
    assert within_it is not None
    assert 0.9 <= within_it < 0.91  # the budget that is looked for keeps the shot with the wanted probability


def test_a_hopeless_pilot_says_more_than_anybody_counts() -> None:
    found = predict(shots(*[(0, 4000)] * 30))
    assert found.new.candidates.high is None
    assert found.new.budget is None
    assert found.campaign.seconds.high is None


def test_seconds_and_cost_follow_the_candidates_of_each_shot() -> None:
    found = predict(shots((2, 20), (1, 30), seconds=40.0))
    for one in found.shots:
        assert one.candidates.median is not None
        assert one.seconds.median == pytest.approx(40 * one.candidates.median)
        assert one.gpu_seconds.median == pytest.approx(20 * one.candidates.median)
        assert one.cost.median == pytest.approx(0.4 * one.candidates.median)
    assert found.to_json()["new_shot"]["seconds"]["median"] == found.new.seconds.median
    assert predict(shots((2, 20), (1, 30))) == predict(shots((2, 20), (1, 30)))  # a fixed seed


def test_numbers_out_of_range_are_sentences(tmp_path: object) -> None:
    ledger = object()
    for wrong in ({"budget": 0}, {"chance": 1.0}, {"campaign": 0}, {"budget": 10**9}):
        with pytest.raises(ct.UsageError):
            ct.forecast(ledger, **wrong)  # type: ignore[arg-type]
