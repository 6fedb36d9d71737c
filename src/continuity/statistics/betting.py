"""Audits by betting: evidence that may be looked at after every answer, as long as somebody goes on asking.

A bookmaker offers fair odds that at most ``max_share`` of what is kept is bad. Whoever grows rich against them has
shown that it is more: a capital of 1 / risk is reached with probability ``risk`` at most while the promise holds
(Ville's inequality), however often one looks and whenever one stops. The bets are likelihood ratios of Bernoulli shares
above the promised one, mixed, since nobody knows beforehand how far above.

I. Waudby-Smith, A. Ramdas, "Estimating means of bounded random variables by betting", Journal of the Royal Statistical
Society B 86 (2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from continuity.errors import UsageError

FACTORS = np.geomspace(1.15, 40.0, 24)  # the shares that are bet on, as odds over the promised odds
MOST = 10**7  # answers beyond which nobody is asked to go


@dataclass(slots=True)
class Wager:
    """The capital of a bet against "the share of bad is at most ``max_share``" (``against=True``), or at least that.

    Answers come one at a time, each from a shot drawn independently of what its answer will be.

    Raises:
        UsageError: ``max_share`` is no share between 0 and 1.
    """

    max_share: float
    against: bool = True
    answers: int = 0
    bad: int = 0
    _logs: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(FACTORS)), repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.max_share < 1:
            raise UsageError(f"max_share is a share above 0 and below 1, got {self.max_share}")

    def add(self, bad: bool) -> float:
        """Takes one answer; returns the capital after it."""
        self.answers += 1
        self.bad += bool(bad)
        self._logs += self._gain(bool(bad))
        return self.capital

    @property
    def capital(self) -> float:
        """The e-value: 1 at the start; ``1 / risk`` or more refutes what is bet against, at any time."""
        return float(np.exp(np.minimum(self._log_capital, 700)))

    @property
    def _log_capital(self) -> float:
        return float(logsumexp(self._logs) - math.log(len(self._logs)))

    def answers_to(self, true_share: float, risk: float) -> int | None:
        """About how many more answers refute it if the share truly is ``true_share``; None where they never would.

        The expected growth of the capital, not a guarantee: half of the audits take longer.
        """
        goal = math.log(1 / risk)
        if self._log_capital >= goal:
            return 0
        growth = true_share * self._gain(True) + (1 - true_share) * self._gain(False)

        def reached(more: int) -> bool:
            return float(logsumexp(self._logs + more * growth)) - math.log(len(growth)) >= goal

        if growth.max() <= 0 or not reached(MOST):
            return None
        below, above = 0, MOST
        while above - below > 1:
            middle = (below + above) // 2
            below, above = (below, middle) if reached(middle) else (middle, above)
        return above

    def _gain(self, bad: bool) -> NDArray[np.float64]:
        odds = self.max_share / (1 - self.max_share) * (FACTORS if self.against else 1 / FACTORS)
        share = odds / (1 + odds)
        ratio = share / self.max_share if bad else (1 - share) / (1 - self.max_share)
        return np.asarray(np.log(ratio))
