"""Where a mark shows other parts or letters than its artwork has, however little of the whole that is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from continuity.vision.edges import field_of, smooth
from continuity.vision.mark_light import Drawn, apart, beside
from continuity.vision.weighted import quantile, quantiles

FAINT = 0.03  # power of edges that noise has
DARK = 8.0  # CIELAB units of contrast under which nothing is told
WORST = 0.01  # share of the mark: a stroke of one letter
LIGHT = np.array([3, 1, 1], np.float32)  # coding keeps lightness finer than colour, and letters are told by it
FINE = 0.7  # px: blur of the edges
EDGES = 0.85  # of the mean is what edges say, the rest what contrast says


def torn(seen: Drawn, patch: NDArray[np.float32], alpha: NDArray[np.float32], size: int, root: float) -> float:
    """How far the worst-fitting hundredth of the mark is torn out of it: 0 as the rest, about 1 where it is not there.

    The weighted geometric mean of two witnesses in windows of a letter's stroke: by how much edges fit worse than in
    most of the mark (difference of correlations), and how much of the contrast of ink and plate is not as the model has
    it. Edges have most of the say: another glyph covers half of the ink of the one whose place it takes. Only edges
    that the model has and the plate alone has not count, so that ink on a plate of its own colour is not torn; what a
    restless plate leaves where ink covers it in part is taken off.

    Args:
        seen: how the mark should look (h x w x 3 CIELAB).
        patch: what is there (h x w x 3 CIELAB).
        alpha: coverage (h x w) of the artwork.
        size: px of its longer side.
        root: px of the root of its box.
    """
    ink = np.clip(seen.shown[..., 0], 0, 1)
    mine, bare, there = (
        field_of(np.moveaxis(lab * LIGHT, -1, 0), FINE) * ink for lab in (seen.model, seen.plate, patch)
    )
    wide = root / 10
    match = smooth((np.conj(mine) * there).real, wide) + FAINT
    own, found = (smooth(np.abs(field) ** 2, wide) + FAINT for field in (mine, there))
    fits = np.asarray(match / np.sqrt(own * found), np.float32)
    worst, middle = quantiles(fits, (np.abs(mine - bare) ** 2).astype(np.float64), (WORST, 0.5))
    left = np.maximum(apart(seen.model, patch) ** 2 - _restless(patch, alpha, size) * (1 - ink), 0) * ink
    power = apart(seen.model, seen.plate) ** 2 * ink
    lost = smooth(left, root / 14) / (smooth(power, root / 14) + DARK**2)
    most = quantile(-lost, power.astype(np.float64), WORST)
    return float(max(0.0, middle - worst) ** EDGES * min(max(0.0, -most), 1.5) ** (1 - EDGES))


def _restless(patch: NDArray[np.float32], alpha: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """By how much the plate around the mark is off from its own softened version, squared."""
    clear = beside(alpha)
    there = np.maximum(smooth(clear, size / 24), 1e-3)
    far = np.stack([smooth(patch[..., c] * clear, size / 24) for c in range(3)], axis=-1) / there[..., None]
    rough = smooth(apart(np.asarray(far, np.float32), patch) ** 2 * clear, size / 10)
    return np.asarray(rough / np.maximum(smooth(clear, size / 10), 0.02), np.float32)
