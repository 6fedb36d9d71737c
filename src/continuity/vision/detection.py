"""Anchors, decoding and suppression of MediaPipe's single-shot detectors (faces and bodies), in plain arrays.

The layout is that of the ``SsdAnchorsCalculator``, ``TensorsToDetectionsCalculator`` and
``NonMaxSuppressionCalculator`` of MediaPipe: square anchors of the size of the input, a row of each tensor per anchor,
and overlapping boxes blended by score. Paper: Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on
Mobile GPUs", 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from continuity.vision.geometry import overlap

_LOGIT_LIMIT = 100.0  # as MediaPipe clips, so that exp() stays finite


@lru_cache(maxsize=8)
def anchors(size: int, cells: tuple[tuple[int, int], ...]) -> NDArray[np.float32]:
    """Middles (n x 2, in [0, 1]) of the anchors of a ``size`` px input: per (stride, count) a grid, row by row.

    ``((8, 2), (16, 6))`` is ``count`` anchors in each cell of that many pixels: 896 for 128 px.
    """
    grids = []
    for stride, count in cells:
        steps = -(-size // stride)
        middles = (np.arange(steps, dtype=np.float32) + 0.5) / steps
        grid = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
        grids.append(np.repeat(grid, count, axis=0))
    found = np.concatenate(grids).astype(np.float32)
    found.flags.writeable = False
    return found


def sigmoid(logits: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), finite for every finite x."""
    return np.asarray(1 / (1 + np.exp(-np.clip(np.asarray(logits, np.float64), -_LOGIT_LIMIT, _LOGIT_LIMIT))))


def decode(
    offsets: NDArray[np.float32], logits: NDArray[np.float32], middles: NDArray[np.float32], size: int, least: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Boxes and points of the anchors whose score is at least ``least``, the highest score first.

    Args:
        offsets: n x (4 + 2k): middle x, y, width, height, then k points, in px of the input, relative to the anchor.
        logits: n, before the sigmoid.
        middles: from :func:`anchors`.
        size: side of the model's input in pixels.
        least: lowest score kept.

    Returns:
        m x (4 + 2k) with left, top, right, bottom and points in [0, 1] of the input; m scores in [0, 1].
    """
    scores = sigmoid(logits.reshape(-1))
    kept = np.flatnonzero(scores >= least)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    relative = offsets[kept].astype(np.float32) / size
    middle = middles[kept]
    centre, half = relative[:, :2] + middle, relative[:, 2:4] / 2
    points = relative[:, 4:] + np.tile(middle, (1, (offsets.shape[1] - 4) // 2))
    return np.concatenate([centre - half, centre + half, points], axis=1), scores[kept]


def suppress(
    rows: NDArray[np.float32], scores: Sequence[float] | NDArray[np.float64], limit: float = 0.3
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Weighted non-maximum suppression: rows over the best by more than ``limit`` are averaged into it by score.

    ``rows`` (n x (4 + 2k), best first) begin with left, top, right, bottom. A group keeps the score of its best.
    """
    scores = np.asarray(scores, np.float64)
    left = np.arange(len(rows))
    blended, kept = [], []
    while left.size:
        best, rest = left[0], left[1:]
        shared = overlap(rows[best], rows[rest]) > limit
        group = np.concatenate([left[:1], rest[shared]])
        blended.append(np.average(rows[group], axis=0, weights=scores[group]))
        kept.append(scores[best])
        left = rest[~shared]
    return np.array(blended, np.float32).reshape(len(kept), rows.shape[1]), np.array(kept)
