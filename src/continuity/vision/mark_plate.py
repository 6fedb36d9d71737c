"""The plate around a mark, as it is under ink that is to go: only where such ink is seen, and no farther.

Pictures are h x w x 3 sRGB in [0, 1], masks h x w in [0, 1], lengths pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from continuity.vision.colour import lab_of, srgb_of
from continuity.vision.edges import smooth
from continuity.vision.mark_light import apart, blurred, plate_of
from continuity.vision.palette import frequent

Floats = NDArray[np.float32]
Bits = NDArray[np.bool_]

INK = 9.0  # CIELAB units from the plate at which a place shows old ink
CELL = 10.0  # CIELAB units within which a colour is one of the mark's
ENOUGH = 12  # pixels
SEEN = 0.02  # cover from which ink shows through
SHARP, SOFT = 0.6, 1.5  # px: the least softness of an outline; from which a pixel of the rim is unmixed, not replaced
BESIDE = 0.08  # of the longer side: how far away plate is looked at for what colours it has
NEARBY = 0.2  # of it: how far away guesses are tried
WINDOW = 40  # of it is one sigma of the window in which ink has to explain what is changed
LEAST, MOST = 0.4, 0.7  # share that it has to explain there: below the first nothing is changed
FROM, TO = 0.35, 0.65  # cover: plate that is mixed with less ink than the first is unmixed, with more than the last not


def filled(seen: Floats, mask: Floats, size: int) -> Floats:
    """The plate carried on under the mask: at its edge from the nearest place, farther in from all around."""
    hole = mask > 0.02
    if not hole.any() or hole.all():
        return seen
    deep, nearest = ndimage.distance_transform_edt(hole, return_indices=True)
    close = blurred(seen[tuple(nearest)], 0.8)
    share = np.clip(deep / max(4.0, size / 20), 0, 1)[..., None].astype(np.float32)
    return np.asarray(close * (1 - share) + plate_of(seen, mask, size) * share, np.float32)


def spread(seen: Floats, ink: Floats, alpha: Floats, size: int, most: float) -> tuple[Floats, float]:
    """Cover of ink (h x w x 3) as far as it is seen around its outline, and how soft (sigma, at most ``most``) that is.

    How much ink is in each ring around the outline is a regression over all of the ring, in which the texture of the
    plate cancels out. The outline that has as much in every ring, grown and blurred, is taken: a blurred mark is found
    a little too small.
    """
    far = 4 * most + 2
    out = np.asarray(ndimage.distance_transform_edt(alpha < 0.5), np.float32)
    plate = filled(seen, (out <= far).astype(np.float32), size)
    line = ink - plate
    weight = np.square(line).sum(axis=-1)
    rings = np.digitize(out, np.concatenate([[0.1], np.arange(2.0, 4.0), np.geomspace(4, max(5.0, far), 8)]))
    number = np.arange(1, int(rings.max()))  # the last one is beyond
    total = np.maximum(ndimage.sum_labels(weight, rings, number), 1e-6)
    measured = ndimage.sum_labels(((seen - plate) * line).sum(axis=-1), rings, number) / total
    signed = out - np.asarray(ndimage.distance_transform_edt(alpha >= 0.5), np.float32)

    def cover(grown: float, sigma: float) -> Floats:
        return smooth(np.clip(grown + 0.5 - signed, 0, 1) if grown else alpha, sigma)

    def off(grown: float, sigma: float) -> float:
        there = ndimage.sum_labels(weight * cover(grown, sigma), rings, number) / total
        return float((total * np.square(there - measured)).sum())

    sigmas = np.geomspace(SHARP, max(most, SHARP + 0.01), 10)
    grown, sigma = 0.0, min(sigmas, key=lambda one: off(0.0, one))
    if sigma > SOFT:
        for _ in range(2):
            grown = min(most * np.linspace(0, 1, 7), key=lambda one: off(one, sigma))
            sigma = min(sigmas, key=lambda one: off(grown, one))
    return cover(float(grown), float(sigma)), float(sigma)


def cleared(
    seen: Floats, ink: Floats, cover: Floats, old: Floats, art: Floats, soft: float, size: int
) -> tuple[Floats, Floats]:
    """The plate without a mark, and where it is another than what is seen (0 to 1).

    Args:
        seen: the picture.
        ink: the mark's colours as they are seen, h x w x 3, carried on beyond its outline.
        cover: how much of it is in each place, as :func:`spread` tells.
        old: where more ink of it lies, 0 or 1.
        art: cover of the artwork that is drawn over it afterwards.
        soft: sigma of the outline.
        size: longer side of the mark.
    """
    spoilt = np.maximum(ndimage.grey_dilation((cover > SEEN).astype(np.float32), size=3), old)
    plate = filled(seen, spoilt, size)
    if soft > SOFT:
        share = np.clip((TO - np.maximum(cover, old)) / (TO - FROM), 0, 1)[..., None]
        bare = (seen - ink * cover[..., None]) / np.maximum(1 - cover[..., None], 1 - TO)
        reach = 2 * round(3 * soft + BESIDE * size) + 1
        kept = _within(np.asarray(bare, np.float32), seen, spoilt < SEEN, reach)
        plate = np.asarray(kept * share + plate * (1 - share), np.float32)
    spoilt = spoilt * _explained(seen, ink, plate, spoilt * (art < 0.5), old, size)
    return plate, np.clip(smooth(spoilt, 0.7), 0, 1)


def guessed(seen: Floats, spoilt: Floats, drawn: Floats, size: int) -> float:
    """How much of the plate has to be guessed: its share of the mark's area times how far such guesses are off.

    The same places, moved by a fifth of the mark in eight directions, are filled where the plate is seen, and compared
    with it: CIELAB units, lightness at half weight.

    Args:
        seen: the picture.
        spoilt: where the plate is another than what is seen, as :func:`cleared` tells.
        drawn: cover of the artwork that is drawn over it.
        size: longer side of the mark.
    """
    unknown = (spoilt > SEEN) | (drawn > SEEN)
    hole = (spoilt > 0.5) & (drawn < 0.5)
    if not hole.any():
        return 0.0
    lab = lab_of(np.clip(seen, 0, 1))
    off = []
    for angle in np.arange(8) * np.pi / 4:
        step = round(NEARBY * size * np.sin(angle)), round(NEARBY * size * np.cos(angle))
        moved = np.asarray(ndimage.shift(hole, step, order=0), np.bool_) & ~unknown
        if moved.sum() >= ENOUGH:
            guess = filled(seen, (unknown | moved).astype(np.float32), size)
            off.append(apart(lab, lab_of(np.clip(guess, 0, 1)))[moved])
    if not off:
        return float("inf")  # nothing of the plate is left to tell by
    return float(np.concatenate(off).mean()) * float(hole.sum()) / max(float(drawn.sum()), 1.0)


def _explained(seen: Floats, ink: Floats, plate: Floats, spoilt: Floats, old: Floats, size: int) -> Floats:
    """Where what is seen is ink over the plate, 0 to 1: elsewhere it is neither, and stays.

    The share of the change that ink over the plate explains, in windows around each place outside the artwork.
    """
    line, change = ink - plate, seen - plate
    there = np.clip((change * line).sum(axis=-1) / np.maximum(np.square(line).sum(axis=-1), 1e-6), 0, 1)
    left = np.square(change - there[..., None] * line).sum(axis=-1) * (1 - old)
    both = (
        smooth(np.asarray(one * spoilt, np.float32), max(2.0, size / WINDOW))
        for one in (left, np.square(change).sum(axis=-1))
    )
    unexplained, all_of_it = both
    share = 1 - unexplained / np.maximum(all_of_it, 1e-7)
    return np.asarray(np.where(spoilt > 0, np.clip((share - LEAST) / (MOST - LEAST), 0, 1), 1), np.float32)


def _within(rgb: Floats, seen: Floats, clear: Bits, reach: int) -> Floats:
    """Colours kept within the range, in CIELAB, of those that are seen in clear places of a window around."""
    lab, there = (np.asarray(lab_of(np.clip(one, 0, 1)), np.float32) for one in (rgb, blurred(seen, 1.0)))
    high, low = (
        sign * ndimage.maximum_filter(np.where(clear[..., None], sign * there, -np.inf), size=(reach, reach, 1))
        for sign in (1, -1)
    )
    return srgb_of(np.where(np.isfinite(high), np.clip(lab, low, high), lab)).astype(np.float32)


def old_ink(lab: Floats, alpha: Floats, could: Bits, covered: Floats, long: float) -> Floats:
    """Where a drifted mark shows beyond the artwork, 0 or 1: where it could reach, unlike the plate, and in a colour
    of the mark as it is seen inside."""
    near = np.maximum(could, alpha > 0.02).astype(np.float32)
    plate = plate_of(lab, near, round(long))
    unlike = (apart(lab, plate) > INK) & (covered < 0.5)
    inside = lab[(alpha > 0.9) & unlike]
    if len(inside) < ENOUGH:
        return np.zeros_like(alpha)
    alike = np.zeros(alpha.shape, bool)
    for colour in frequent(inside, CELL, 0.05):
        alike |= apart(np.broadcast_to(colour, lab.shape).astype(np.float32), lab) < CELL
    ink = unlike & alike & could
    hanging = ndimage.binary_propagation((alpha > 0.5) & (ink | (alpha > 0.9)), mask=ink | (alpha > 0.5)) & ink
    found = ndimage.binary_opening(hanging | (ink & (smooth(alpha, long / 16) > 0.05)))
    return np.asarray(ndimage.binary_dilation(found, iterations=max(2, round(long / 60))), np.float32)
