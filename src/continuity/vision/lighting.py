"""How the light over a picture has moved: a gain that changes evenly from edge to edge, whatever grade lies over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from continuity.vision.regions import Floats, Pairs

Doubles = NDArray[np.float64]

BLACK = 16.0  # L* + 16 is 116 times the cube root of luminance, so three times its logarithm to base 2 counts stops
CENTRE, RADIUS = np.array([50.0, 0.0, 0.0]), np.array([30.0, 20.0, 20.0])  # of the colours of a picture, about
HOLD = np.array([0.001, 0.006, 0.006, 0.006, 0.001, 0.001])  # ridge per unit of weight: what nothing supports stays 0
WIDE = (8.0, 4.0, 2.0, 1.0, 1.0, 1.0)  # times the scatter: first all regions count, in the end those that agree
LEAST = 0.15  # stops that regions scatter by where nothing is wrong


@dataclass(frozen=True, slots=True)
class Falloff:
    """What is added, in stops, from the middle of a picture to its right edge and to its lower edge."""

    across: float
    down: float
    scatter: float  # stops: median distance of the regions from it

    @property
    def size(self) -> float:
        """Stops from the middle to the edge in the direction in which the light changes most."""
        return float(np.hypot(self.across, self.down))


def falloff(pairs: Pairs, places: Floats) -> Falloff:
    """How much lighter or darker regions have become by where they lie, apart from what their colour explains.

    A grade changes a region by its colour, a lamp by its place. Both are fitted at once to the stops that each region
    gained, by iteratively reweighted least squares with Geman-McClure's function narrowing (see
    :func:`continuity.vision.regrade.fitted`): regions whose content changed disagree with the rest and drop out.

    Args:
        pairs: regions before and after; those of no weight at all give no change.
        places: n x 2, where their middles lie in the picture: down and across, each in [0, 1].
    """
    weights = pairs.weights.astype(np.float64)
    if weights.sum() <= 0:
        return Falloff(0.0, 0.0, 0.0)
    before, after = pairs.before.astype(np.float64), pairs.after.astype(np.float64)
    gained = 3 * np.log2((after[:, 0] + BLACK) / (before[:, 0] + BLACK))
    design = np.column_stack([np.ones(len(before)), (before - CENTRE) / RADIUS, 2 * places[:, ::-1] - 1])
    solution = np.zeros(design.shape[1])
    for wide in WIDE:
        apart = np.abs(gained - design @ solution)
        scale = 1.5 * wide * max(LEAST, _middle(apart, weights))
        left = (design * (weights / np.square(1 + np.square(apart / scale)))[:, None]).T
        solution = np.linalg.solve(left @ design + np.diag(HOLD) * weights.sum(), left @ gained)
    apart = np.abs(gained - design @ solution)
    return Falloff(float(solution[4]), float(solution[5]), _middle(apart, weights))


def _middle(values: Doubles, weights: Doubles) -> float:
    """The weighted median."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(reached, reached[-1] / 2)]])
