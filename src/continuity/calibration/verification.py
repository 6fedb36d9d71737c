"""How far along a path of limits the promise holds: one test a step, until the first that is not passed.

The path and its start come from the tuning part alone, so the order of the tests is fixed before a verification label
is looked at, and the chance of shipping a broken promise is at most the risk, however many steps are tested. (From
strict to loose nothing would ever be certified: strict limits keep too few shots to show anything. Conformal risk
control does not apply: the share of bad among what is kept is not monotone in the limits.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from continuity.calibration.paths import Flags, Ints, kept_along
from continuity.statistics import bounds
from continuity.statistics.sequences import fixed_sequence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counts:
    """What the steps of a path would have done with the verification part.

    ``kept`` and ``bad`` are shots. ``rejects`` and ``accepts`` are shots with a rejected (an accepted) candidate, of
    which ``false_accepts`` and ``true_accepts`` pass: one candidate a shot, the first of its kind.
    """

    kept: Ints
    bad: Ints
    rejects: int
    false_accepts: Ints
    accepts: int
    true_accepts: Ints

    @classmethod
    def along(cls, first: Ints, bad: Flags, shots: Ints, steps: int) -> Counts:
        """The counts at every step; arguments as :func:`continuity.calibration.paths.kept_along`."""
        kept, kept_bad = kept_along(first, bad, shots, steps)
        rejects, false_accepts = _first_of_each(first[bad], shots[bad], steps)
        accepts, true_accepts = _first_of_each(first[~bad], shots[~bad], steps)
        return cls(
            kept=kept,
            bad=kept_bad,
            rejects=rejects,
            false_accepts=false_accepts,
            accepts=accepts,
            true_accepts=true_accepts,
        )


def certified_from_stream(counts: Counts, start: int, max_share: float, risk: float) -> int | None:
    """The last step that shows a share of bad kept shots below ``max_share``; None where the start does not.

    p = P(Bin(kept, max_share) <= bad) at each step: the labels are what the gate kept on its own stream.
    """
    passed = fixed_sequence(bounds.p_value(counts.bad[start:], counts.kept[start:], max_share), risk)
    return start + passed - 1 if passed else None


def bad_share_bound(counts: Counts, base_rate: float, risk: float) -> NDArray[np.float64]:
    """An upper bound on the share of bad among what is accepted at each step, from labels of another mix.

    (1 - r) F / ((1 - r) F + r T) at base rate ``r`` of good candidates, with an upper bound on the false accepts F and
    a lower bound on the accepts of good T, half the risk each; exact (Clopper-Pearson).
    """
    misses = counts.rejects - counts.false_accepts
    false = np.where(misses > 0, betaincinv(counts.false_accepts + 1, np.maximum(misses, 1), 1 - risk / 2), 1.0)
    losses = counts.accepts - counts.true_accepts
    true = np.where(counts.true_accepts > 0, betaincinv(np.maximum(counts.true_accepts, 1), losses + 1, risk / 2), 0.0)
    let_in = (1 - base_rate) * false
    return np.asarray(let_in / (let_in + base_rate * true))


def start_from_mix(counts: Counts, base_rate: float, risk: float, growth: float) -> int:
    """The step with the smallest bound expected on ``growth`` times as many labels as those counted (tuning part)."""
    expected = Counts(
        kept=counts.kept,
        bad=counts.bad,
        rejects=round(growth * counts.rejects),
        false_accepts=np.asarray(np.minimum(growth * (counts.false_accepts + 0.5), growth * counts.rejects)),
        accepts=round(growth * counts.accepts),
        true_accepts=np.asarray(np.maximum(growth * (counts.true_accepts - 0.5), 0)),
    )
    return int(np.argmin(bad_share_bound(expected, base_rate, risk)))


def certified_from_mix(counts: Counts, start: int, max_share: float, base_rate: float, risk: float) -> int | None:
    """The last step whose bound on the share of bad is at most ``max_share``; None where that of the start is not."""
    refuted = bad_share_bound(counts, base_rate, risk)[start:] <= max_share
    passed = fixed_sequence(np.where(refuted, 0.0, 1.0), risk)
    return start + passed - 1 if passed else None


def false_accepts_allowed(max_share: float, base_rate: float, true_accepts: float) -> float:
    """The largest share of false accepts that keeps the promise: 0.039 % for 2 % bad, 1 good in 51, 95 % of good."""
    return min(max_share / (1 - max_share) * base_rate / (1 - base_rate) * true_accepts, 1.0)


def _first_of_each(first: Ints, shots: Ints, steps: int) -> tuple[int, Ints]:
    """Of each shot its first candidate: how many there are, and how many of them pass at each step."""
    chosen = first[np.unique(shots, return_index=True)[1]]
    return len(chosen), np.cumsum(np.bincount(chosen, minlength=steps + 1))[:steps].astype(np.int64)
