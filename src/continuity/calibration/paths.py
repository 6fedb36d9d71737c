"""Limits as one ordered path, from strict to loose, and what each step of it would have kept. Arrays only.

Values are candidates x metrics, float64: -inf passes under any limit (absent, and that is fine), +inf fails under any
(required but absent), NaN is inconclusive and is never accepted. Candidates of one shot stand together, in the order in
which they were rendered: the first one that passes is the one that would have been kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

STEPS = 60
STRICTEST = 0.2  # share of good candidates within the limit of one metric at the strict end of the path


def limit_path(values: Floats, good: Flags, loosest: Floats) -> Floats:
    """Whole limit vectors, steps x metrics, never decreasing along the path.

    Step by step every metric lets the same, growing share of the good candidates pass; so all limits move together, in
    the metrics' own units. The last step is ``loosest`` (metrics); a limit beyond it is never proposed.
    """
    shares = 1 - (1 - STRICTEST) * np.linspace(1, 0, STEPS - 1) ** 2  # dense where limits are loose and losses small
    columns = []
    for column, most in zip(values[good].T, loosest, strict=True):
        finite = column[np.isfinite(column)]
        steps = np.quantile(finite, shares, method="higher") if finite.size else np.full(shares.size, most)
        columns.append(np.minimum(np.append(steps, most), most))
    path = np.stack(columns, axis=1)
    new = np.append(True, np.any(np.diff(path, axis=0) > 0, axis=1))
    return np.asarray(path[new])


def first_steps(values: Floats, path: Floats) -> Ints:
    """The first step of the path at which each candidate is accepted; ``len(path)`` where it never is."""
    never = len(path)
    worst = np.zeros(len(values), dtype=np.int64)
    for column, limits in zip(values.T, path.T, strict=True):
        worst = np.maximum(worst, np.where(np.isnan(column), never, np.searchsorted(limits, column, side="left")))
    return worst


def kept_along(first: Ints, bad: Flags, shots: Ints, steps: int) -> tuple[Ints, Ints]:
    """How many shots keep a candidate at each step, and how many of those keep a bad one.

    Args:
        first: the first step at which each candidate is accepted.
        bad: which candidates a person rejected.
        shots: number of the shot of each candidate; candidates of a shot stand together, in order.
        steps: length of the path.
    """
    if not len(first):
        return np.zeros(steps, dtype=np.int64), np.zeros(steps, dtype=np.int64)
    starts = np.append(True, shots[1:] != shots[:-1])
    offset = -np.cumsum(starts) * (steps + 1)  # so that the running minimum starts anew with each shot
    best = np.minimum.accumulate(first + offset) - offset
    before = np.append(steps, best[:-1])
    before[starts] = steps
    mine = first < before  # kept from its first step up to the one at which an earlier candidate passes too
    counts = []
    for chosen in (mine, mine & bad):
        change = np.bincount(first[chosen], minlength=steps + 1) - np.bincount(before[chosen], minlength=steps + 1)
        counts.append(np.cumsum(change)[:steps].astype(np.int64))
    return counts[0], counts[1]


def kept_at(first: Ints, shots: Ints, step: int) -> Flags:
    """Which candidates are kept at one step: the first accepted one of each shot."""
    passing = np.flatnonzero(first <= step)
    chosen = np.zeros(len(first), dtype=np.bool_)
    chosen[passing[np.unique(shots[passing], return_index=True)[1]]] = True
    return chosen


def starting_step(kept: Ints, bad: Ints, max_share: float, growth: float) -> int:
    """The step whose p-value should be the smallest on ``growth`` times as many shots as choose it.

    The share of bad at a step is estimated with half a bad shot added (Krichevsky and Trofimov), or a step that
    happened to see none would count as one that keeps none. The p-value is that of the exact test, with the beta
    function in place of whole counts.
    """
    expected = np.maximum(kept * growth, 1e-9)
    share = (bad + 0.5) / (kept + 1.0)
    failures = np.minimum(expected * share, expected - 1e-9)
    return int(np.argmin(betainc(expected - failures, failures + 1.0, 1 - max_share)))
