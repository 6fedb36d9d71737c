"""What lies over a mark, told by where it goes on beyond the outline: whatever colours it and the surroundings have.

A place that differs from the artwork and looks the same on both sides of the outline shows what is around the mark.
Either a part of the mark is missing there, and the plate beside it goes on unbroken along the outline, or something
lies over it, and its own edge leaves the mark where the sound part begins.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from continuity.vision.mark_light import apart, light_of

OFF = 14.0  # CIELAB units from the artwork in the light of the place
ALIKE, ACROSS = 14.0, 0.4  # CIELAB units across the outline, and the share of it that has to be so alike
EDGE = 6.0  # CIELAB units between quantiles of colour on either side of an edge that leaves the mark
CALM = 3.0  # CIELAB units a pixel: steeper is an edge
LEAST = 0.02  # share of the mark: less is no cover
ENOUGH = 12  # pixels
QUANTILES = (0.1, 0.5, 0.9)

Floats = NDArray[np.float32]
Bits = NDArray[np.bool_]


def lying_over(lab: Floats, art: Floats, alpha: Floats, long: float) -> Bits:
    """Where something lies over a mark, h x w.

    Args:
        lab: CIELAB of the picture around the mark, h x w x 3.
        art: CIELAB of the artwork drawn there, carried on beyond its edge, h x w x 3.
        alpha: of the artwork, h x w in [0, 1].
        long: the mark's longer side in pixels.
    """
    inner = alpha > 0.9
    outer = ndimage.binary_erosion(alpha < 0.05, iterations=2, border_value=1)
    found = np.zeros(alpha.shape, bool)
    if inner.sum() < ENOUGH or outer.sum() < ENOUGH:
        return found
    expected = art
    for _ in range(3):  # the light as the better half of the mark has it: something may lie over the other
        far = apart(expected, lab)
        better = inner & (far <= np.median(far[inner]))
        gain, offset = light_of(art, lab, alpha, better.astype(np.float32), 0.3)
        expected = (art * gain + offset).astype(np.float32)
    fine = max(1, round(long / 60))
    wrong = ndimage.binary_opening((apart(expected, lab) > OFF) & inner, iterations=fine)
    wrong = ndimage.binary_closing(wrong, iterations=2 * fine) & inner  # a cover of many colours is one all the same
    for part in _parts(lab, wrong, inner, outer, fine):
        if part.sum() >= LEAST * inner.sum() and _edged(lab, part, inner, outer, long):
            found |= part
    return np.asarray(ndimage.binary_dilation(found, iterations=fine + 1) & (alpha > 0) | found)


def _parts(lab: Floats, wrong: Bits, inner: Bits, outer: Bits, fine: int) -> Iterator[Bits]:
    """Places that differ and go on outside: as a whole, and by what no edge divides where more than that differs."""
    away, nearest = ndimage.distance_transform_edt(~outer, return_indices=True)
    alike = apart(lab, lab[tuple(nearest)]) < ALIKE
    parts, count = ndimage.label(wrong)
    for number in range(1, count + 1):
        part = parts == number
        rim = part & (away < 4 + 2 * fine)
        beside = outer & ndimage.binary_dilation(rim, iterations=6 + 4 * fine)
        if rim.sum() >= ENOUGH and (alike[rim].mean() >= ACROSS or not _unlike(lab[rim], lab[beside], ALIKE)):
            yield part
    steep = np.sqrt(sum(ndimage.gaussian_gradient_magnitude(lab[..., c], 1.0) ** 2 for c in range(3)))
    parts, _ = ndimage.label((steep < CALM) & (wrong | ~inner))
    for number in np.intersect1d(parts[wrong], parts[outer]):
        if number:
            yield np.asarray(ndimage.binary_dilation((parts == number) & wrong, iterations=3) & wrong)


def _edged(lab: Floats, part: Bits, inner: Bits, outer: Bits, long: float) -> bool:
    """Whether an edge leaves the mark where the part ends: beside it is something else than beside the sound rest."""
    rest = inner & ~ndimage.binary_dilation(part, iterations=3)
    if rest.sum() < ENOUGH:
        return True  # nothing of the mark is left to tell by
    reach = max(8.0, long / 8)
    by_part, by_rest = (ndimage.distance_transform_edt(~there) for there in (part, rest))
    both = outer & (by_part < reach) & (by_rest < reach)
    ends, count = ndimage.label(ndimage.binary_dilation(both))
    sides = [
        (both & (ends == n) & (by_part < by_rest - 2), both & (ends == n) & (by_rest < by_part - 2))
        for n in range(1, count + 1)
    ]
    told = [(a, b) for a, b in sides if min(a.sum(), b.sum()) >= ENOUGH]
    told = told or [(outer & (by_part < reach), outer & (by_rest < reach) & (by_part >= reach))]
    return any(_unlike(lab[a], lab[b], EDGE) for a, b in told)


def _unlike(some: Floats, other: Floats, limit: float) -> bool:
    if min(len(some), len(other)) < ENOUGH:
        return True
    far = np.abs(np.quantile(some, QUANTILES, axis=0) - np.quantile(other, QUANTILES, axis=0)).mean(axis=0)
    return bool(np.sqrt((far**2 * (0.25, 1, 1)).sum()) > limit)
