"""What a shot and a campaign will take, before they are rendered: posterior predictive by shot.

Each shot has its own probability of acceptance; how much shots differ is integrated out with the mean (beta-binomial,
:mod:`continuity.statistics.betabinomial`), so few shots give wide intervals. Candidates until the first accepted one
follow from it exactly; sums over a campaign by simulation with a fixed seed. The candidates of a shot take what they
took on average in the pilot, a new shot takes after one of the past shots, drawn at random. Seconds are not spread
further within a shot: where they vary, as with aborted renders, intervals of few candidates are too narrow.

Where other limits leave verdicts unknown, since a candidate was stopped at its first fail and that is none any more,
what the unknown ones would have been is drawn several times (multiple imputation) from what the rejected ones say that
a coin had chosen to be measured fully. To count those of the coin alone would be wrong: a shot that ends at its first
accepted candidate ends because of one that the coin left out.

What no pilot shows is not in it: shots of another kind, another model, a person who rejects what the gate accepts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from continuity.errors import UsageError
from continuity.forecasting.pilot import Counts, Pilot, Spent, pilot
from continuity.forecasting.records import MOST, CampaignForecast, Forecast, Range, ShotForecast
from continuity.ledger import Ledger, ShotRow
from continuity.records import Rates
from continuity.statistics.betabinomial import Posterior, fit, mixture
from continuity.tolerances import Given

ENDS = (0.05, 0.5, 0.95)  # a 90 % interval and its median
DRAWS, CELLS = 20_000, 4_000_000  # of a campaign, fewer where it has very many shots
RATES = 4_000  # draws of the probability of a past shot
IMPUTATIONS = 5
SEED = 20_240_601
Reals = NDArray[np.float64]


def forecast(
    ledger: Ledger,
    tolerances: Given = None,
    *,
    budget: int | None = None,
    rates: Rates | None = None,
    chance: float = 0.9,
    campaign: int | None = None,
    shots: Sequence[ShotRow] | None = None,
) -> Forecast:
    """What shots like those of a ledger will take under any tolerances, judged by what was measured there.

    Args:
        ledger: a pilot or past work; is only read.
        tolerances: limits; what they leave out stays as each shot had it. None are the recorded ones.
        budget: candidates a shot at most; None is no limit.
        rates: prices; without them all costs are 0.
        chance: with which probability a shot is to be kept by the budget that is looked for.
        campaign: how many new shots; as many as the ledger has if None.
        shots: revisions of shots that it rests on; all if None.

    Raises:
        UsageError: nothing to rest on, or a number out of range.
        UnknownKey, ToleranceError, InstrumentMismatch: the limits fit no shot.
    """
    rates = rates or Rates()
    check(budget=budget, chance=chance, campaign=campaign)
    seen = pilot(ledger, tolerances, shots=shots, rates=rates)
    return predict(seen, budget=budget, chance=chance, campaign=campaign, currency=rates.currency)


def check(*, budget: int | None, chance: float, campaign: int | None) -> None:
    """Passes numbers that a forecast can be asked for.

    Raises:
        UsageError: one is out of range.
    """
    if not 0 < chance < 1:
        raise UsageError(f"a chance between 0 and 1 was wanted, got {chance}")
    for name, number in (("budget", budget), ("campaign", campaign)):
        if number is not None and not 1 <= number <= MOST:
            raise UsageError(f"{name} is a count from 1 to {MOST:,}, got {number}")


def predict(
    seen: Pilot, *, budget: int | None = None, chance: float = 0.9, campaign: int | None = None, currency: str = "EUR"
) -> Forecast:
    """What follows from the counts of a pilot; arguments as of :func:`forecast`."""
    counted = [one for one in seen.shots if one.trials]
    rng = np.random.default_rng(SEED)
    fits = fitted(counted, rng)
    posterior = mixture([fit_ for _, fit_ in fits])
    spent = [one.spent for one in counted if one.spent.seconds] or [Spent()]
    again: list[ShotForecast] = []
    for at, one in enumerate(counted):
        own = mixture([fit_.of(accepted[at], one.trials) for accepted, fit_ in fits])
        again.append(_shot(one.name, [one], own, _rates(own, RATES, rng), budget, chance, one.spent))
    return Forecast(
        shots=tuple(again),
        new=_new(posterior, rng, spent, counted, budget, chance),
        campaign=_campaign(posterior, rng, spent, budget, campaign or len(seen.shots)),
        pilot=seen,
        candidates_a_shot=budget,
        chance=chance,
        currency=currency,
    )


def fitted(counted: Sequence[Counts], rng: np.random.Generator) -> list[tuple[list[int], Posterior]]:
    """Accepted candidates of each shot and what they say of all shots: once, or once for each imputation."""
    return [(accepted, fit(accepted, [one.trials for one in counted])) for accepted in _imputed(counted, rng)]


def _imputed(counted: Sequence[Counts], rng: np.random.Generator) -> list[list[int]]:
    """Accepted candidates of each shot: as known, or with the unknown ones drawn."""
    known = [one.accepted for one in counted]
    if not any(one.unknown for one in counted):
        return [known]
    seen = [one for one in counted if one.fully]
    overturned = fit([one.fully_accepted for one in seen], [one.fully for one in seen])
    drawn = []
    for cell in overturned.cells(IMPUTATIONS, rng):
        alpha, beta = overturned.alpha[cell], overturned.beta[cell]
        shares = [rng.beta(alpha + one.fully_accepted, beta + one.fully - one.fully_accepted) for one in counted]
        more = [min(int(rng.binomial(one.rejected, p)), one.unknown) for one, p in zip(counted, shares, strict=True)]
        drawn.append([a + b for a, b in zip(known, more, strict=True)])
    return drawn


def _shot(
    name: str,
    counts: Sequence[Counts],
    posterior: Posterior,
    rates: Reals,
    budget: int | None,
    chance: float,
    spent: Spent,
) -> ShotForecast:
    """The forecast of a shot whose candidates take ``spent`` each."""
    trials, accepted, inconclusive, unknown, left_out = (
        sum(getattr(one, count) for one in counts)
        for count in ("trials", "accepted", "inconclusive", "unknown", "left_out")
    )
    candidates = _candidates(posterior, budget)
    return ShotForecast(
        name=name,
        trials=trials,
        accepted=accepted,
        inconclusive=inconclusive,
        unknown=unknown,
        left_out=left_out,
        probability=_range(rates),
        inconclusive_share=inconclusive / (trials - unknown) if trials > unknown else None,
        candidates=candidates,
        keeps=None if budget is None else posterior.at_least_one(budget),
        budget=posterior.trials_for(chance, MOST),
        seconds=candidates.times(spent.seconds),
        gpu_seconds=candidates.times(spent.gpu_seconds),
        cost=candidates.times(spent.cost),
    )


def _new(
    posterior: Posterior,
    rng: np.random.Generator,
    spent: Sequence[Spent],
    counted: Sequence[Counts],
    budget: int | None,
    chance: float,
) -> ShotForecast:
    """A new shot, which takes after one of the past ones in what a candidate of it takes."""
    rates = _rates(posterior, DRAWS, rng)
    numbers, _ = _runs(rates, rng, budget)
    amounts = _amounts(spent)[rng.integers(len(spent), size=DRAWS)]
    seconds, gpu_seconds, cost = (_range(numbers * amounts[:, at], numbers) for at in range(3))
    found = _shot("", counted, posterior, rates, budget, chance, Spent())
    return replace(found, seconds=seconds, gpu_seconds=gpu_seconds, cost=cost)


def _campaign(
    posterior: Posterior,
    rng: np.random.Generator,
    spent: Sequence[Spent],
    budget: int | None,
    shots: int,
    draws: int = DRAWS,
) -> CampaignForecast:
    """Sums over shots that share what is not known of how shots differ: one draw of alpha and beta a campaign."""
    draws = max(200, min(draws, CELLS // shots))
    cells = posterior.cells(draws, rng)
    known = _amounts(spent)
    kept, numbers, beyond = np.zeros(draws), np.zeros(draws), np.zeros(draws, dtype=np.bool_)
    sums = np.zeros((draws, 3))
    for _ in range(shots):  # shot by shot: memory stays flat for campaigns of any size
        one, hit = _runs(rng.beta(posterior.alpha[cells], posterior.beta[cells]), rng, budget)
        kept += hit
        numbers += one
        beyond |= one >= MOST
        sums += one[:, None] * known[rng.integers(len(known), size=draws)]
    numbers[beyond], sums[beyond] = np.inf, np.inf
    seconds, gpu_seconds, cost = (_range(sums[:, at]) for at in range(3))
    return CampaignForecast(
        shots=shots, kept=_range(kept), candidates=_range(numbers), seconds=seconds, gpu_seconds=gpu_seconds, cost=cost
    )


def _candidates(posterior: Posterior, budget: int | None) -> Range:
    """Candidates until the first accepted one, or until the budget is spent."""
    found = [posterior.trials_for(share, budget or MOST) or budget for share in ENDS]
    return Range(low=found[0], median=found[1], high=found[2])


def _rates(posterior: Posterior, size: int, rng: np.random.Generator) -> Reals:
    cells = posterior.cells(size, rng)
    return rng.beta(posterior.alpha[cells], posterior.beta[cells])


def _runs(rates: Reals, rng: np.random.Generator, budget: int | None) -> tuple[Reals, NDArray[np.bool_]]:
    """Candidates of shots with these rates, at most the budget or :data:`MOST`, and whether one was accepted."""
    with np.errstate(divide="ignore", over="ignore"):
        until = np.ceil(np.log(rng.random(len(rates))) / np.log1p(-rates))  # geometric; infinite where a rate is 0
    until = np.maximum(until, 1.0)
    limit = float(budget or MOST)
    return np.minimum(until, limit), until <= limit


def _amounts(spent: Sequence[Spent]) -> Reals:
    return np.array([[one.seconds, one.gpu_seconds, one.cost] for one in spent])


def _range(draws: Reals, candidates: Reals | None = None) -> Range:
    """Median and 90 % interval of draws; what is infinite, or of so many candidates, is beyond counting."""
    found = draws if candidates is None else np.where(candidates >= MOST, np.inf, draws)
    low, median, high = (float(v) for v in np.quantile(found, ENDS, method="inverted_cdf"))
    return Range(
        **{name: v if np.isfinite(v) else None for name, v in (("low", low), ("median", median), ("high", high))}
    )
