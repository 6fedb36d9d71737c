"""Quantiles of values that count by weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def quantiles(values: NDArray[Any], weights: NDArray[Any], shares: Sequence[float]) -> list[float]:
    """Those of the values at which the sorted weights first reach so large a share of their sum, without interpolation.

    Args:
        values: of any shape, at least one.
        weights: of the same shape, none negative; they are added up in their own dtype.
        shares: each in [0, 1]; .5 is the median.
    """
    order = np.argsort(values, axis=None)
    reached = np.cumsum(weights.ravel()[order])
    places = (min(int(np.searchsorted(reached, share * reached[-1])), len(order) - 1) for share in shares)
    return [float(values.ravel()[order[place]]) for place in places]


def quantile(values: NDArray[Any], weights: NDArray[Any], share: float = 0.5) -> float:
    """One of :func:`quantiles`, the median if nothing is said."""
    return quantiles(values, weights, (share,))[0]
