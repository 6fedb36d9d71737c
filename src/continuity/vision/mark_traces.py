"""Whether a frame shows the colours of a mark at all: the second witness that a mark is absent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from continuity.vision.colour import lab_of
from continuity.vision.marks import Mark

CHROMA, NEAR = 20.0, 14.0  # CIELAB units: what counts as a colour, and as the same one


def traces(mark: Mark, lab: NDArray[np.float32]) -> float | None:
    """Share of a frame (h x w x 3 CIELAB) in the colours that are the mark's own; None for a mark without such.

    A colour is its hue and chroma, whatever its lightness. A grey mark has none: black and white are everywhere.
    """
    art = mark.patch(48)
    solid = art[..., 3] > 0.95
    colours = lab_of(np.clip(art[solid][:, :3], 0, 1))
    colours = colours[np.hypot(colours[:, 1], colours[:, 2]) > CHROMA]
    if len(colours) < 0.1 * max(1, int(solid.sum())):
        return None
    cells = np.unique((colours[:, 1:] / 8).round().astype(int), axis=0) * 8.0
    seen = lab[..., 1:].reshape(-1, 2)
    near = np.zeros(len(seen), bool)
    for cell in cells:
        scale = (
            np.hypot(*seen.T) + 1e-6
        )  # light changes chroma more than hue: compare at the same chroma, half to twice
        chroma = float(np.hypot(*cell))
        same = (scale > 0.5 * chroma) & (scale < 2 * chroma)
        near |= same & (np.hypot(*(seen * (chroma / scale)[:, None] - cell).T) < NEAR)
    return float(near.mean())
