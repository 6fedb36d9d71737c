"""Exact one-sided bounds on a share, from failures among independent trials; what such a test needs and can do.

A *failure* is what a promise is about, such as a bad shot among those kept. Every function is exact for the binomial
distribution; nothing is approximated by a normal one, which promises too much exactly where failures are rare.

C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
Biometrika 26 (1934).
"""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import ArrayLike
from scipy.special import bdtr, betaincinv

from continuity.errors import UsageError

MOST = 10**9  # trials beyond which nobody is asked to go


def upper(*, failures: int, n: int, confidence: float) -> float:
    """The largest share that ``failures`` among ``n`` do not rule out (Clopper-Pearson, one-sided), in [0, 1].

    Raises:
        UsageError: a count or the confidence is out of range.
    """
    _counts(failures, n)
    _open("confidence", confidence)
    return 1.0 if failures == n else float(betaincinv(failures + 1, n - failures, confidence))


def lower(*, failures: int, n: int, confidence: float) -> float:
    """The smallest share that ``failures`` among ``n`` do not rule out (Clopper-Pearson, one-sided), in [0, 1].

    Raises:
        UsageError: a count or the confidence is out of range.
    """
    _counts(failures, n)
    _open("confidence", confidence)
    return 0.0 if failures == 0 else float(betaincinv(failures, n - failures + 1, 1 - confidence))


def p_value(failures: ArrayLike, n: ArrayLike, max_share: float) -> Any:
    """P(Bin(n, max_share) <= failures): how well so few failures go with a share of ``max_share`` or more.

    Small values speak for a smaller share. Arrays broadcast, and give an array of float64.
    """
    _open("max_share", max_share)
    return bdtr(failures, n, max_share)


def acceptable(*, n: int, max_share: float, confidence: float) -> int:
    """The most failures among ``n`` that still show a share below ``max_share``; -1 where not even none does."""
    _counts(0, n)
    _open("max_share", max_share)
    _open("confidence", confidence)
    below, above = -1, n  # of n failures in n no share below one is shown
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if bdtr(middle, n, max_share) <= 1 - confidence else (below, middle)
    return below


def sample_size(*, max_share: float, confidence: float, failures: int = 0) -> int:
    """The smallest n in which ``failures`` show a share below ``max_share``: 149 for none, 2 % and 95 %.

    Raises:
        UsageError: an argument is out of range, or a thousand million trials would not do.
    """
    _counts(failures, failures)
    _open("max_share", max_share)
    _open("confidence", confidence)
    below, above = failures, failures + 1
    while bdtr(failures, above, max_share) > 1 - confidence:
        below, above = above, 2 * above
        if above > MOST:
            raise UsageError(f"max_share = {max_share:g} with {failures} failures would take more than {MOST:g} trials")
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if bdtr(failures, middle, max_share) <= 1 - confidence else (middle, above)
    return above


def power(*, n: int, max_share: float, confidence: float, true_share: float) -> float:
    """How often ``n`` trials show a share below ``max_share`` when it truly is ``true_share``, in [0, 1].

    149 trials pass a gate that is truly at 1 % in 22 % of cases: a size that may suffice is no size to plan with.
    """
    if not 0 <= true_share <= 1:
        raise UsageError(f"true_share is a share from 0 to 1, got {true_share}")
    most = acceptable(n=n, max_share=max_share, confidence=confidence)
    return float(bdtr(most, n, true_share)) if most >= 0 else 0.0


def planned_size(*, max_share: float, confidence: float, true_share: float, wanted_power: float = 0.8) -> int | None:
    """The smallest n that shows a share below ``max_share`` in ``wanted_power`` of cases if it is ``true_share``.

    None where the true share is so near the promised one that a thousand failures would not do.
    """
    if not 0 <= true_share < max_share:
        return None
    for failures in range(1000):
        n = sample_size(max_share=max_share, confidence=confidence, failures=failures)
        if bdtr(failures, n, true_share) >= wanted_power:
            return n
    return None


def _counts(failures: int, n: int) -> None:
    if not 0 <= failures <= n:
        raise UsageError(f"0 <= failures <= n was wanted, got failures = {failures}, n = {n}")


def _open(name: str, share: float) -> None:
    if not (math.isfinite(share) and 0 < share < 1):
        raise UsageError(f"{name} is a share above 0 and below 1, got {share}")
