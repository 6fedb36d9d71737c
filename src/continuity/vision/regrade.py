"""A change of grade as an affine map of CIELAB: fitted to pairs of colours, and told in a colourist's units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from continuity.vision.regions import Pairs
from continuity.vision.weighted import quantile

Doubles = NDArray[np.float64]

CENTRE = np.array([50.0, 0.0, 0.0])
RADIUS = np.array([30.0, 20.0, 20.0])  # of the colours of a picture, about: slopes are then told in the unit of shifts
HOLD = np.diag([0.001, 0.006, 0.006, 0.006])  # ridge per unit of weight: a slope that no colours support stays 0
NARROW = (1.0,) * 6  # times the scatter: what agrees with no change at first, and then with what it agrees on
WIDE = (32.0, 16.0, 8.0, 4.0, 2.0, 1.0, 1.0)  # first all pairs count, in the end those that agree
CLEARLY = 0.75  # share of the cost of the one from which the other explains more
CALM = 1.5  # CIELAB units that pairs scatter by where nothing is wrong
COLOURED = 1.5  # CIELAB units by which a* and b* spread in a picture that has colours to lose
LEFT, GONE = 0.3, 0.1  # share of that spread: 322 frames of one grade keep .7 and more, four looks .6
NEAREST = 0.4  # share of the weight whose distance from the fit is taken as the scatter: fewer than half may have moved


@dataclass(frozen=True, slots=True)
class Regrade:
    """CIELAB colour c goes to c + shift + (c - CENTRE) @ slopes."""

    shift: Doubles  # 3, at CENTRE
    slopes: Doubles  # 3 x 3, rows: what one unit of L*, a*, b* adds to each of the three

    def step(self, colours: ArrayLike) -> Doubles:
        """What is added to each of some colours (..., 3)."""
        moved: Doubles = self.shift + (np.asarray(colours, np.float64) - CENTRE) @ self.slopes
        return moved

    @classmethod
    def between(cls, before: ArrayLike, after: ArrayLike) -> Regrade:
        """From one distribution to another, both 3 x n in ascending order: mean and spread of each channel."""
        old, new = np.asarray(before, np.float64), np.asarray(after, np.float64)
        slopes = (new.std(axis=1) + 1) / (old.std(axis=1) + 1) - 1  # + 1: no spread says nothing of a slope
        shift = new.mean(axis=1) - old.mean(axis=1) - (old.mean(axis=1) - CENTRE) * slopes
        return cls(shift, np.diag(slopes))

    @classmethod
    def of_colours(cls, before: ArrayLike, after: ArrayLike) -> Regrade:
        """From one colour to another (3): a shift alone."""
        return cls(np.subtract(after, before, dtype=np.float64), np.zeros((3, 3)))


@dataclass(frozen=True, slots=True)
class Fit:
    """What pairs of colours say of a change of grade, in CIELAB units."""

    regrade: Regrade
    size: float  # root mean square of what the map adds to the colours before
    scatter: float  # median distance of the colours after from the map

    @property
    def drift(self) -> float:
        """The size, less what its scatter may explain: size * size^2 / (size^2 + scatter^2), as Wiener's filter."""
        power = self.size**2
        return self.size * power / (power + self.scatter**2) if power else 0.0


def fitted(pairs: Pairs) -> Fit:
    """The map that most of the pairs agree on, by iteratively reweighted least squares.

    Each pair counts by its weight and Geman-McClure's function of its distance from the map: regions whose content
    changed disagree with one another and drop out. It is fitted twice: from no change on, which finds a grade that was
    left alone although much of the content is new; and with a function that starts wide and narrows (graduated
    non-convexity: Yang et al. 2020, IEEE Robotics and Automation Letters 5:1127), since a change of saturation moves
    few colours of a grey picture, and these are no outliers. The second counts where it explains clearly more.

    Pairs of no weight at all give no change.
    """
    before, weights = pairs.before.astype(np.float64), pairs.weights.astype(np.float64)
    if weights.sum() <= 0:
        return Fit(Regrade(np.zeros(3), np.zeros((3, 3))), 0.0, 0.0)
    moved = pairs.after - before
    design = np.column_stack([np.ones(len(before)), (before - CENTRE) / RADIUS])
    calm, large = (_agreed(design, moved, weights, scales) for scales in (NARROW, WIDE))
    solution = large if _cost(design, moved, weights, large) < CLEARLY * _cost(design, moved, weights, calm) else calm
    apart = _apart(design, moved, solution)
    counted = _counted(apart, weights, 1.0)
    size = np.sqrt(np.square(design @ solution).sum(axis=1) @ counted / counted.sum())
    return Fit(Regrade(solution[0], solution[1:] / RADIUS[:, None]), float(size), quantile(apart, weights, 0.5))


def drained(pairs: Pairs) -> float:
    """How far the colours went where next to all of them went, in CIELAB units; 0 where they are still apart.

    Pressed into black and white, or into one tone, a muted picture moves little on the whole, and its few colours would
    pass for content that changed. What spreads less than 30 % as far in a* and b* as it did counts in part, from 10 %
    down in full: root mean square of the change of a* and b* over all pairs, by their weights.
    """
    weights = pairs.weights.astype(np.float64)
    if weights.sum() <= 0:
        return 0.0
    share = weights / weights.sum()
    before, after = (np.asarray(side, np.float64)[:, 1:] for side in (pairs.before, pairs.after))
    was, left = (float(np.sqrt(np.square(side - share @ side).sum(axis=1) @ share)) for side in (before, after))
    if was < COLOURED:
        return 0.0
    gone = float(np.clip((LEFT - left / was) / (LEFT - GONE), 0, 1))
    return gone * float(np.sqrt(np.square(after - before).sum(axis=1) @ share))


def _agreed(design: Doubles, moved: Doubles, weights: Doubles, scales: Sequence[float]) -> Doubles:
    """4 x 3: the shift, and the slopes per RADIUS."""
    solution = np.zeros((4, 3))
    for wide in scales:
        left = (design * _counted(_apart(design, moved, solution), weights, wide)[:, None]).T
        solution = np.linalg.solve(left @ design + HOLD * weights.sum(), left @ moved)
    return solution


def _apart(design: Doubles, moved: Doubles, solution: Doubles) -> Doubles:
    distance: Doubles = np.sqrt(np.square(moved - design @ solution).sum(axis=1))
    return distance


def _counted(apart: Doubles, weights: Doubles, wide: float) -> Doubles:
    scale = wide * CALM * max(1.0, quantile(apart, weights, NEAREST))
    counted: Doubles = weights / np.square(1 + np.square(apart / scale))
    return counted


def _cost(design: Doubles, moved: Doubles, weights: Doubles, solution: Doubles) -> float:
    squares = np.square(_apart(design, moved, solution))
    return float(weights @ (squares / (CALM**2 + squares)))
