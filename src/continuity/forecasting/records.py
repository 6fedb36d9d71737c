"""What a forecast says: medians and intervals of a shot and of a campaign."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from continuity.display import Shown, View
from continuity.forecasting.pilot import Pilot

FORMAT = 1
MOST = 1_000_000  # candidates of a shot beyond which nobody counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Median and 90 % interval of what is to come; None is beyond :data:`MOST` candidates a shot."""

    low: float | None
    median: float | None
    high: float | None

    def times(self, amount: float) -> Range:
        """The range of a multiple."""
        low, median, high = (None if v is None else v * amount for v in (self.low, self.median, self.high))
        return Range(low=low, median=median, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotForecast:
    """One shot, rendered again under the same tolerances or new (``name`` is empty).

    Attributes:
        trials: candidates that ended, ``accepted`` and ``inconclusive`` ones of them; of ``unknown`` ones nobody knows,
            and ``left_out`` are not counted.
        probability: of acceptance, of one candidate.
        inconclusive_share: of those with a known end, None without any.
        candidates: until the first accepted one, at most the budget.
        keeps: chance to keep one within the budget; None without a budget.
        budget: the fewest candidates that keep the shot with the wanted probability; None beyond :data:`MOST`.
        seconds, gpu_seconds, cost: for these candidates; all kinds of work, also of what is discarded.
    """

    name: str
    trials: int
    accepted: int
    inconclusive: int
    unknown: int
    left_out: int
    probability: Range
    inconclusive_share: float | None
    candidates: Range
    keeps: float | None
    budget: int | None
    seconds: Range
    gpu_seconds: Range
    cost: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignForecast:
    """So many new shots together; ``kept`` of them keep a candidate within the budget, all where there is none."""

    shots: int
    kept: Range
    candidates: Range
    seconds: Range
    gpu_seconds: Range
    cost: Range


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Forecast(Shown):
    """What is to come under one set of tolerances.

    Attributes:
        shots: those of the ledger, rendered again.
        new: a shot of the same kind.
        campaign: several of those.
        pilot: what it rests on.
        candidates_a_shot: the budget; None is no limit.
        chance: the wanted probability of keeping a shot.
        currency: of all costs.
    """

    shots: tuple[ShotForecast, ...]
    new: ShotForecast
    campaign: CampaignForecast
    pilot: Pilot
    candidates_a_shot: int | None
    chance: float
    currency: str

    def __repr__(self) -> str:
        from continuity.forecasting.showing import budget_of, per_cent, span, whole

        new = f"P(accept) {span(self.new.probability, per_cent)}, candidates {span(self.new.candidates, whole)}"
        return (
            f"<Forecast of {len(self.shots)} shots and a new one: {new}, {self.chance:.0%} need {budget_of(self.new)}>"
        )

    def _view(self) -> View:
        from continuity.forecasting.showing import view_of

        return view_of(self)

    def to_json(self) -> dict[str, Any]:
        """A plain mapping with ``format = 1``."""
        seen = self.pilot
        rests = {
            "candidates": seen.rows,
            "shots": sum(one.trials > 0 for one in seen.shots),
            "unknown": seen.total("unknown"),
            "rejected_measured_fully": seen.total("fully"),
            "left_out": seen.total("left_out"),
        }
        return {
            "format": FORMAT,
            "rests_on": rests,
            "limits": dict(seen.limits),
            "discards": {"shares": dict(seen.discards), "candidates": seen.fully},
            "budget": self.candidates_a_shot,
            "chance": self.chance,
            "currency": self.currency,
            "new_shot": asdict(self.new),
            "campaign": asdict(self.campaign),
            "shots": [asdict(one) for one in self.shots],
            "warnings": list(seen.warnings),
        }
