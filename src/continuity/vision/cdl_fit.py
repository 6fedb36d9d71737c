"""A colour decision list fitted to pairs of colours: what takes a picture back to the grade of its references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from continuity.vision.cdl import CDL
from continuity.vision.colour import TO_XYZ, WHITE, srgb_of
from continuity.vision.regions import Pairs
from continuity.vision.regrade import CALM, NEAREST, fitted
from continuity.vision.weighted import quantile

Doubles = NDArray[np.float64]
Colours: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]

MOST = 400  # pairs that are fitted: those that count most
EVIDENCE = 200.0  # pairs that the whole of the evidence counts as, against what is held
NEUTRAL = 8.0  # chroma at which a neutral counts as an ordinary colour: a cast shows on neutrals, content does not
ANCHOR = 0.25  # share of all that regions say that one anchor, such as skin, says
HOLD = np.array([0.4] * 3 + [0.06] * 3 + [0.4] * 3 + [0.5])  # log slope, offset, log power, log saturation: loosely
ROUNDS = 3
WALL = 100.0  # residuals that the whole range beyond its end costs
STEP = 2e-3  # of differences
_TO_RELATIVE = (TO_XYZ / WHITE[:, None]).astype(np.float64)
_DARK, _SLOPE = 216 / 24389, 24389 / 27 / 116


@dataclass(frozen=True, slots=True)
class Anchor:
    """A colour that must come back, such as skin: CIELAB (3) as it is and as it shall be."""

    found: ArrayLike
    wanted: ArrayLike


@dataclass(frozen=True, slots=True)
class FittedCDL:
    """A fit, with the root mean square distance (CIELAB) of the pairs that it agrees with, before and after."""

    cdl: CDL
    before: float
    after: float


def same(colours: NDArray[Any]) -> NDArray[Any]:
    """Colours as they are: the display-referred space itself."""
    return colours


def fit_cdl(
    pairs: Sequence[Pairs],
    anchors: Sequence[Anchor] = (),
    *,
    ends: NDArray[np.float64] | None = None,
    limits: Mapping[str, tuple[float, float]] | None = None,
    into: Colours = same,
    out_of: Colours = same,
) -> FittedCDL | None:
    """The CDL that takes ``after`` (what a picture shows) to ``before`` (what its references show) of most pairs.

    Least squares in CIELAB over log slope, offset, log power and log saturation, by a trust region within the limits
    (Branch, Coleman and Li 1999, SIAM Journal on Scientific Computing 21:1, as scipy has it). Pairs count as
    :func:`continuity.vision.regrade.fitted` trusts them, neutrals more, and by Geman-McClure's function of what is
    left: regions whose content changed disagree with one another and drop out. What no colour supports stays as it is
    (a ridge about no change). None where there is no evidence at all.

    ``ends`` are colours (n x 3, display-referred sRGB) that shall not be clipped; ``limits`` hold the least and the
    most of ``slope``, ``offset``, ``power`` and ``saturation``, with no change between them; ``into`` takes
    display-referred sRGB to the space that the CDL works in, ``out_of`` takes it back.
    """
    from scipy.optimize import least_squares

    seen, wanted, weights = _evidence(pairs)
    for one in anchors:
        seen = np.vstack([seen, np.asarray(one.found, np.float64)])
        wanted = np.vstack([wanted, np.asarray(one.wanted, np.float64)])
        weights = np.append(weights, ANCHOR * max(weights.sum(), 1.0))
    if not weights.sum() > 0:
        return None
    held = np.zeros(len(weights), bool)
    held[len(weights) - len(anchors) :] = True  # anchors are never outliers
    colours = into(srgb_of(seen))
    near = into(ends if ends is not None else np.zeros((0, 3)))
    total = min(EVIDENCE, weights.sum())
    within = _within(limits)
    p = np.zeros(10)
    counted = weights
    for _ in range(ROUNDS):
        root = np.sqrt(counted / counted.sum() * total) / CALM

        def residuals(q: Doubles, root: Doubles = root) -> Doubles:
            apart = root[:, None] * (_graded(q, colours, out_of) - wanted)
            over = np.asarray(out_of(_cdl(q).of_colours(near)), np.float64)
            return np.concatenate([apart.ravel(), (over - np.clip(over, 0, 1)).ravel() * WALL, q / HOLD])

        p = least_squares(residuals, p, jac=_slopes(residuals), x_scale=HOLD, bounds=within, max_nfev=30).x
        apart = np.sqrt(np.square(_graded(p, colours, out_of) - wanted).sum(axis=1))
        scale = CALM * max(1.0, quantile(apart, weights, NEAREST))
        counted = np.where(held, weights, weights / np.square(1 + np.square(apart / scale)))
    share = counted / counted.sum()
    before = np.sqrt(share @ np.square(seen - wanted).sum(axis=1))
    return FittedCDL(_cdl(p), float(before), float(np.sqrt(share @ np.square(apart))))


def _evidence(pairs: Sequence[Pairs]) -> tuple[Doubles, Doubles, Doubles]:
    """Colours as they are, as they shall be, and weights: the pairs that their own fit agrees with."""
    seen, wanted, weights = [np.zeros((0, 3))], [np.zeros((0, 3))], [np.zeros(0)]
    for one in pairs:
        apart = np.sqrt(np.square(one.after - one.before - fitted(one).regrade.step(one.before)).sum(axis=1))
        own = one.weights.astype(np.float64)
        if own.sum() <= 0:
            continue
        scale = CALM * max(1.0, quantile(apart, own, NEAREST))
        chroma = np.hypot(one.before[:, 1], one.before[:, 2])
        seen.append(one.after.astype(np.float64))
        wanted.append(one.before.astype(np.float64))
        weights.append(own / np.square(1 + np.square(apart / scale)) * (1 + np.exp(-np.square(chroma / NEUTRAL))))
    every = np.concatenate(weights)
    best = np.argsort(-every, kind="stable")[:MOST]
    return np.concatenate(seen)[best], np.concatenate(wanted)[best], every[best]


def _cdl(p: Doubles) -> CDL:
    slope, power = np.exp(p[:3]), np.exp(p[6:9])
    return CDL(
        slope=(float(slope[0]), float(slope[1]), float(slope[2])),
        offset=(float(p[3]), float(p[4]), float(p[5])),
        power=(float(power[0]), float(power[1]), float(power[2])),
        saturation=float(np.exp(p[9])),
    )


def _within(limits: Mapping[str, tuple[float, float]] | None) -> tuple[Doubles, Doubles]:
    """The least and the most of the ten numbers that are fitted."""
    if limits is None:
        return np.full(10, -np.inf), np.full(10, np.inf)
    low, high = (
        np.concatenate([np.log([s] * 3), [o] * 3, np.log([p] * 3), np.log([t])])
        for s, o, p, t in zip(*(limits[name] for name in ("slope", "offset", "power", "saturation")), strict=True)
    )
    return low, high


def _slopes(residuals: Callable[[Doubles], Doubles]) -> Callable[[Doubles], Doubles]:
    """Derivatives by differences of a step that suits what is computed in single precision, too."""
    steps = np.eye(10) * STEP

    def jacobian(q: Doubles) -> Doubles:
        return np.stack([(residuals(q + one) - residuals(q - one)) / (2 * STEP) for one in steps], axis=1)

    return jacobian


def _graded(p: Doubles, colours: Doubles, out_of: Colours) -> Doubles:
    """CIELAB of colours after a CDL, not clipped."""
    coded = np.asarray(out_of(_cdl(p).of_colours(colours)), np.float64)
    linear = np.where(coded > 0.04045, ((np.maximum(coded, 0) + 0.055) / 1.055) ** 2.4, coded / 12.92)
    relative = linear @ _TO_RELATIVE.T
    x, y, z = np.moveaxis(np.where(relative > _DARK, np.cbrt(relative), relative * _SLOPE + 16 / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
