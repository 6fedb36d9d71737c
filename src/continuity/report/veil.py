"""Residuals as a warm veil over the part of a picture that they were measured on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

HOT, HOTTER = (232, 40, 60), (255, 226, 90)  # residuals: from the first at half to the second at full
COVER = 0.6  # how much of the picture the largest residual hides


def veil(picture: Picture, corners: Sequence[tuple[float, float]], residuals: Sequence[Sequence[float]]) -> None:
    """Lays it on ``picture``, seen in the perspective of the four corners; where there is none nothing is hidden.

    Args:
        picture: RGB, changed in place.
        corners: in its pixels: of the first value, then clockwise.
        residuals: rows of values in 0..1, all of one length.
    """
    import numpy as np
    from PIL import Image

    rows, columns = len(residuals), len(residuals[0]) if residuals else 0
    if not (rows and columns):
        return
    quad = np.array(corners)
    low = np.maximum(np.floor(quad.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(quad.max(axis=0)), picture.size).astype(int)
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    if min(size) < 1:
        return
    values = np.clip(np.nan_to_num(np.array(residuals, dtype=np.float32)), 0, 1)
    warm = np.clip(2 * values - 1, 0, 1)[..., None]
    colours = np.array(HOT) * (1 - warm) + np.array(HOTTER) * warm
    cells = np.dstack([colours, 255 * COVER * values]).round().astype(np.uint8)
    side = 16  # px of a cell, so that the veil is even within a cell and soft between cells
    large = Image.fromarray(cells, "RGBA").resize((columns * side, rows * side), Image.Resampling.BICUBIC)
    framed = Image.new("RGBA", (large.width + 2, large.height + 2))  # transparent around: outside stays as it was
    framed.paste(large, (1, 1))
    across, down = columns * side + 1.0, rows * side + 1.0
    grid = np.array([(1, 1), (across, 1), (across, down), (1, down)])
    how = _perspective(quad - low, grid)
    if how is not None:
        seen = framed.transform(size, Image.Transform.PERSPECTIVE, how, Image.Resampling.BILINEAR)
        picture.paste(seen, (int(low[0]), int(low[1])), seen)


def _perspective(
    source: NDArray[np.floating], target: NDArray[np.floating]
) -> tuple[float, float, float, float, float, float, float, float] | None:
    """The eight numbers that Pillow wants to find, for each point of ``source``, that of ``target``."""
    import numpy as np

    rows, right = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    try:
        a, b, c, d, e, f, g, h = np.linalg.solve(np.array(rows), np.array(right)).tolist()
    except np.linalg.LinAlgError:  # three of the four points in one line
        return None
    return a, b, c, d, e, f, g, h
