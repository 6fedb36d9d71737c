"""What a garment looks like as numbers, and how far two of them are apart: its colours and its pattern.

Colour differences are CIEDE2000 with the lightness factor of textiles (kL = 2; CIE 142-2001): folds and light move
lightness most.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from continuity.vision.colour import lab_of, srgb_of

COLOURS = 4  # of a palette
APART = 8.0  # Lab with lightness at half weight: colours of a palette that are nearer are one
TEXTILE = 2.0  # kL
UNITS, STRAY = 24, 0.25
BANDS = (1.0, 2.0, 4.0)  # px of blur between which patterns are measured
LEAST = 60  # px within a region that show a pattern
REACH = 3.0  # of a garment's gain in linear light that skin can explain: a darker face is never the whole story

Labs = NDArray[np.float32]


def palette(colours: Labs) -> Labs:
    """The colours of a region (n x 3 CIELAB) as COLOURS x 4: CIELAB and share of each, the largest first, 0 unused."""
    some = colours[:: max(1, len(colours) // 4000)]
    found = np.zeros((COLOURS, 4), np.float32)
    if not len(some):
        return found
    middles = [np.median(some, axis=0)]
    nearest = _plain(some, middles[0])
    while len(middles) < COLOURS:
        place = int(np.argsort(nearest)[int(0.97 * (len(nearest) - 1))])  # a single pixel is no colour
        if nearest[place] < APART:
            break
        middles.append(some[place])
        nearest = np.minimum(nearest, _plain(some, some[place]))
    for _ in range(5):
        belongs = np.argmin([_plain(some, m) for m in middles], axis=0)
        middles = [np.median(some[belongs == n], axis=0) for n in range(len(middles)) if (belongs == n).any()]
    belongs = np.argmin([_plain(some, m) for m in middles], axis=0)
    shares = np.bincount(belongs, minlength=len(middles)) / len(some)
    for place, number in enumerate(np.argsort(-shares, kind="stable")):
        found[place] = (*middles[number], shares[number])
    return found


def _plain(colours: Labs, colour: Labs) -> Labs:
    step = (colours - colour) * np.array([0.5, 1, 1], np.float32)
    return np.asarray(np.sqrt(np.square(step).sum(axis=-1)), np.float32)


def texture(lab: Labs, mask: NDArray[np.bool_]) -> Labs:
    """Contrast of a region in each band, in CIELAB units (lightness at half weight): the root mean square of what lies
    between two Gaussian blurs, that take nothing from outside the region. Zeros where the region is too small."""
    from scipy import ndimage

    inner = ndimage.binary_erosion(mask, np.ones((3, 3), bool), iterations=2)
    if inner.sum() < LEAST:
        return np.zeros(len(BANDS) - 1, np.float32)
    rows, columns = np.nonzero(mask)
    box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    inner, weights = inner[box], mask[box].astype(np.float32)
    planes = [weights, *(lab[box][..., c] * weights * (0.5 if c == 0 else 1) for c in range(3))]
    levels = []
    for sigma in BANDS:
        under, *above = (ndimage.gaussian_filter(p, sigma, truncate=3)[inner] for p in planes)
        levels.append(np.stack(above) / np.maximum(under, 1e-3))
    steps = [np.square(a - b).sum(axis=0).mean() for a, b in pairwise(levels)]
    return np.asarray(np.sqrt(np.array(steps)), np.float32)


def _ciede2000(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    from skimage.color import deltaE_ciede2000

    return np.asarray(deltaE_ciede2000(a, b, kL=TEXTILE), np.float64)  # type: ignore[no-untyped-call]


def differences(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """CIEDE2000 with kL = 2 between the rows of ``a`` (n x 3) and of ``b`` (m x 3): n x m."""
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return _ciede2000(left[:, None, :], right[None, :, :])


def one_by_one(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """CIEDE2000 with kL = 2 between each row of ``a`` (n x 3) and that of ``b``: n."""
    return _ciede2000(np.asarray(a, np.float64), np.asarray(b, np.float64))


def palette_drift(reference: Labs, found: Labs) -> float:
    """How far apart two palettes are, in dE00: the mean of two answers, since what is in the frame changes shares.

    One is each colour's distance from the nearest of the other palette, weighted by share, both ways. The other is what
    it costs to carry one palette over to the other by shares (the earth mover's distance of Rubner et al. 2000, IJCV
    40:99, in UNITS equal parts), without the dearest STRAY of it: something else that came into view.
    """
    from scipy.optimize import linear_sum_assignment

    reference, found = reference[reference[:, 3] > 0], found[found[:, 3] > 0]
    apart = differences(reference[:, :3], found[:, :3])
    there, here = (p[:, 3] / p[:, 3].sum() for p in (reference, found))
    nearest = (float(apart.min(axis=0) @ here) + float(apart.min(axis=1) @ there)) / 2
    parts = apart[np.ix_(_units(there), _units(here))]
    carried = np.sort(parts[linear_sum_assignment(parts)])[: round(UNITS * (1 - STRAY))]
    return (nearest + float(carried.mean())) / 2


def newness(reference: Labs, found: Labs) -> float:
    """How far the colours of ``found`` are from the nearest of ``reference``, in dE00, weighted by share."""
    reference, found = reference[reference[:, 3] > 0], found[found[:, 3] > 0]
    apart = differences(reference[:, :3], found[:, :3]).min(axis=0)
    return float(apart @ found[:, 3] / found[:, 3].sum())


def missing(reference: Labs, pixels: Labs, share: float) -> float:
    """How far the colours of a palette are from what is nearest to each of them among pixels (n x 3 CIELAB), in dE00,
    weighted by share; the nearest is the ``share`` quantile, as single pixels are no colour."""
    reference = reference[reference[:, 3] > 0]
    apart = np.quantile(differences(reference[:, :3], pixels), share, axis=1)
    return float(apart @ reference[:, 3] / reference[:, 3].sum())


def _units(shares: NDArray[np.floating]) -> NDArray[np.intp]:
    """The number of each colour as often as its share of UNITS says, by largest remainders."""
    exact = shares * UNITS
    counts = np.floor(exact).astype(int)
    for number in np.argsort(counts - exact, kind="stable")[: UNITS - int(counts.sum())]:
        counts[number] += 1
    return np.repeat(np.arange(len(shares)), counts)


def texture_drift(reference: Labs, found: Labs) -> float:
    """How far apart the contrasts of two patterns are, in CIELAB units: the largest of the bands."""
    return float(np.abs(reference - found).max())


def relit(found: Labs, skin: ArrayLike, skin_then: ArrayLike, share: float) -> Labs:
    """A palette in the light of the reference, as far as the skin shows that light: von Kries gains in linear sRGB
    from ``skin`` (CIELAB of the face now) to ``skin_then``, to the power of ``share``."""
    if not share:
        return found
    now, then = (_linear(np.asarray(s, np.float64)[None]) for s in (skin, skin_then))
    gain = np.clip(np.maximum(then, 1e-3) / np.maximum(now, 1e-3), 1 / REACH, REACH) ** share
    lit = np.clip(_linear(found[:, :3]) * gain, 0, 1)
    moved = found.copy()
    moved[:, :3] = lab_of(_coded(lit))
    return moved


def _linear(lab: ArrayLike) -> NDArray[np.float64]:
    coded = srgb_of(lab)
    return np.where(coded > 0.04045, ((coded + 0.055) / 1.055) ** 2.4, coded / 12.92)


def _coded(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)


def recolouring(reference: Labs, found: Labs, cast: float) -> float:
    """Median CIEDE2000 (kL = 2) between pixels in pairs (n x 3 CIELAB each), less what light explains: one exposure,
    and a gain of each channel of linear sRGB against it of at most ``cast``, either way."""
    then, now = _linear(reference), _linear(found)
    gains = (np.median(then, axis=0) + 1e-3) / (np.median(now, axis=0) + 1e-3)
    exposure = float(np.exp(np.log(gains).mean()))
    lit = np.clip(now * exposure * np.clip(gains / exposure, 1 / cast, cast), 0, 1)
    return float(np.median(one_by_one(reference, lab_of(_coded(lit)))))
