"""How the light over a picture has moved: a gain that changes evenly from edge to edge, whatever grade lies over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from continuity.vision.regions import SIDE, Floats, Pairs
from continuity.vision.weighted import quantile

Doubles = NDArray[np.float64]

BLACK = 16.0  # L* + 16 is 116 times the cube root of luminance, so three times its logarithm to base 2 counts stops
CENTRE, RADIUS = np.array([50.0, 0.0, 0.0]), np.array([30.0, 20.0, 20.0])  # of the colours of a picture, about
HOLD = np.array([0.001, 0.006, 0.006, 0.006, 0.001, 0.001])  # ridge per unit of weight: what nothing supports stays 0
WIDE = (8.0, 4.0, 2.0, 1.0, 1.0, 1.0)  # times the scatter: first all regions count, in the end those that agree
LEAST = 0.15  # stops that regions scatter by where nothing is wrong
ASIDE = 0.5  # stops from the fit beyond which a region does not follow it


@dataclass(frozen=True, slots=True)
class Falloff:
    """What is added, in stops, from the middle of a picture to its right edge and to its lower edge.

    The fit follows most of the regions. What does not follow it (:data:`ASIDE`) is new content or another light on a
    part of the picture: content disagrees from one region to the next, a shadow is dark all over.
    """

    across: float
    down: float
    scatter: float  # stops: median distance of the regions from it
    aside: float = 0.0  # share of the weight that does not follow it
    gained: float = 0.0  # stops that this share gained beside the rest: the median, signed as most of it
    agreed: float = 0.0  # share of the pairs of neighbours with one or two of it that are moved alike

    @property
    def size(self) -> float:
        """Stops from the middle to the edge in the direction in which the light changes most."""
        return float(np.hypot(self.across, self.down))


def falloff(pairs: Pairs, places: Floats) -> Falloff:
    """How much lighter or darker regions have become by where they lie, apart from what their colour explains.

    A grade changes a region by its colour, a lamp by its place. Both are fitted at once to the stops that each region
    gained, by iteratively reweighted least squares with Geman-McClure's function narrowing (see
    :func:`continuity.vision.regrade.fitted`): regions whose content changed disagree with the rest and drop out. How
    many did, by how much and whether they lie together is told beside it.

    Args:
        pairs: regions before and after, those of a reference (:func:`continuity.vision.regions.paired`); those of no
            weight at all give no change.
        places: SIDE * SIDE x 2, where their middles lie in the picture: down and across, each in [0, 1].
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
        scale = 1.5 * wide * max(LEAST, quantile(apart, weights))
        left = (design * (weights / np.square(1 + np.square(apart / scale)))[:, None]).T
        solution = np.linalg.solve(left @ design + np.diag(HOLD) * weights.sum(), left @ gained)
    rest = gained - design @ solution
    off = np.sign(rest) * (np.abs(rest) > ASIDE)
    return Falloff(
        across=float(solution[4]),
        down=float(solution[5]),
        scatter=quantile(np.abs(rest), weights),
        aside=float(weights[off != 0].sum() / weights.sum()),
        gained=float(np.sign(off @ weights)) * quantile(np.abs(rest), weights * (off != 0)),
        agreed=_agreed(off.reshape(SIDE, SIDE), weights.reshape(SIDE, SIDE)),
    )


def _agreed(off: Doubles, weights: Doubles) -> float:
    """Of neighbours of which one is off (-1, 1; else 0), the share that are off alike; 0 where there are none."""
    alike = some = 0.0
    for one, other in (np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1]):
        both = np.minimum(weights[one], weights[other]) * ((off[one] != 0) | (off[other] != 0))
        alike += float(both[off[one] == off[other]].sum())
        some += float(both.sum())
    return alike / some if some > 0 else 0.0
