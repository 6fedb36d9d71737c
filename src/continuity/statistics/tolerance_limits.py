"""Limits that a stated share of a population keeps, with a stated confidence, whatever its distribution.

Of n independent draws the largest is a limit that all but a share L of the population keep, where L is beta distributed
with parameters 1 and n (S. S. Wilks, "Determination of sample sizes for setting tolerance limits", Annals of
Mathematical Statistics 12, 1941). Several measurements of each draw are limited together by cutting draws off one
after another: the one that is largest in a first measurement, then of those left the one that is largest in a second,
and so on. After m cuts L is beta distributed with parameters m and n + 1 - m, however the measurements hang together
(A. Wald, "An extension of Wilks' method for setting tolerance limits", same journal 14, 1943). So the risk is divided
among the measurements without the loss that a Bonferroni bound has: 46 draws limit two of them where it takes 72.

What is cut in which order must not depend on the draws. Ties make the true share smaller, never larger.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from continuity.errors import UsageError
from continuity.statistics import bounds

Floats = NDArray[np.float64]


def cuts(*, n: int, max_lost: float, confidence: float) -> int:
    """How many of ``n`` draws may be cut off with at most ``max_lost`` of the population beyond the limits; 0 where
    even one is too many: the first is free at 29 for 10 % and 95 %, the second at 46.

    Raises:
        UsageError: an argument is out of range.
    """
    return bounds.acceptable(n=n, max_share=max_lost, confidence=confidence) + 1


def needed(*, cut: int, max_lost: float, confidence: float) -> int:
    """The smallest number of draws of which ``cut`` may be cut off.

    Raises:
        UsageError: an argument is out of range.
    """
    return bounds.sample_size(max_share=max_lost, confidence=confidence, failures=cut - 1)


def lost_at_most(*, n: int, cut: int, confidence: float) -> float:
    """The share of the population beyond the limits that ``cut`` of ``n`` draws leave, at most, at this confidence;
    1 where there is no draw.

    Raises:
        UsageError: an argument is out of range.
    """
    return bounds.upper(failures=cut - 1, n=n, confidence=confidence) if n >= cut > 0 else 1.0


def limits(draws: Floats, cut: int) -> Floats:
    """The limits that ``cut`` cuts leave, taken in turn from the last measurement to the first, and round again.

    Args:
        draws: n x k, a draw a row; ``-inf`` where a draw has no such measurement, which is beyond no limit.
        cut: how many.

    Returns:
        k limits; what is larger is beyond. ``inf`` for a measurement that no cut was spent on.

    Raises:
        UsageError: more cuts than draws, or draws that are no numbers.
    """
    n, k = draws.shape
    if not 0 <= cut <= n or (cut and not k) or np.isnan(draws).any():
        raise UsageError(f"0 <= cut <= n and draws without NaN were wanted, got {cut} cuts of {n} draws in {k} columns")
    found, left = np.full(k, np.inf), np.ones(n, dtype=bool)
    for turn in range(cut):
        column = k - 1 - turn % k
        largest = int(np.argmax(np.where(left, draws[:, column], -np.inf)))
        largest = largest if left[largest] else int(np.argmax(left))  # only -inf is left there: any of them will do
        left[largest] = False
        found[column] = draws[largest, column]
    return found
