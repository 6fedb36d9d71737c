"""Which regions of one picture are seen again in another, whatever grade lies on either.

A grade moves the lightness of a region up or down and stretches it, but leaves its pattern: patches of L* are compared
by their normalised correlation, which knows neither (Lewis 1995, "Fast Normalized Cross-Correlation"). Colour takes no
part in the search: it is what is measured on the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LONGER = 48  # cells of the longer side: coarse enough for a frame that moved a little to fall into the same cells
PATCH = 7  # cells of a side of a patch
SIDE = 14  # patches of a reference across and down
SCALES = ((1.0, 1), (0.8, 2), (1.25, 2))  # at which a frame is searched, and the cells from one patch to the next
FRAMINGS = (*SCALES, (0.5, 1), (0.63, 1), (1.6, 3))  # those, and closer and wider shots of the same scene
PARTS = 3  # of a patch, from its darkest cells to its lightest
FLAT = 0.5  # L* of standard deviation within a patch at which half of its pattern is noise
RICH = 8.0  # L* of standard deviation above which a pattern is as telling as can be
LITTLE = 0.01  # weight of a patch below which a reference has hardly any pattern
ELSEWHERE = 0.05  # of correlation that a place one picture width away must be better by, so that smooth ramps stay put
SHARPNESS = 8  # power of the correlation: .9 counts .43 of a perfect pair, .7 counts .06

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Mean CIELAB of n regions before and after (n x 3 each), and how far each pair is to be trusted (n, in [0, 1])."""

    before: Floats
    after: Floats
    weights: Floats
    trust: float  # how much of the reference's pattern is seen again: near 1 for the same picture, near 0 for none


@dataclass(frozen=True, slots=True)
class Patches:
    """m patches of a frame: CIELAB (m x 3 x PATCH * PATCH), and where they lie (m x 2: down, across, in [0, 1])."""

    lab: Floats
    places: Floats
    known: Floats  # where those of a reference of the same format lie: SIDE * SIDE x 2


def reference_patches(lab: Floats) -> Floats:
    """The patches of a reference, spread evenly over it: SIDE * SIDE x 3 x PATCH * PATCH of float32.

    ``lab`` is H x W x 3, CIELAB, of any size.
    """
    windows = _windows(_cells(lab, LONGER))
    rows, columns = (_evenly(count) for count in windows.shape[:2])
    chosen = windows[rows[:, None], columns[None, :]]
    return np.ascontiguousarray(chosen, dtype=np.float32).reshape(SIDE * SIDE, 3, PATCH * PATCH)


def frame_patches(lab: Floats, scales: Sequence[tuple[float, int]] = SCALES) -> Patches:
    """The patches of a frame in which those of a reference are looked for, at some scales, 1 among them.

    Those of :func:`reference_patches` are among them, so that a picture finds itself.
    """
    found, places = [], []
    for scale, step in scales:
        windows = _windows(_cells(lab, round(LONGER * scale)))
        down, across = windows.shape[:2]
        found.append(np.ascontiguousarray(windows[::step, ::step], dtype=np.float32).reshape(-1, 3, PATCH * PATCH))
        places.append(_places(np.arange(0, down, step), np.arange(0, across, step), (down, across)))
        if scale == 1:
            known = _places(_evenly(down), _evenly(across), (down, across))
    return Patches(np.concatenate(found), np.concatenate(places), known)


def centres(height: int, width: int) -> Floats:
    """Where the middles of the patches of a reference lie in it, which is so high and wide: SIDE * SIDE x 2, as places
    are told; no middle of a patch lies at an edge."""
    cells = np.maximum(PATCH, np.round(np.array([height, width]) * (LONGER / max(height, width))))
    down, across = cells.astype(int) - PATCH + 1
    corners = _places(_evenly(down), _evenly(across), (down, across))
    return np.asarray((corners * (cells - PATCH) + PATCH / 2) / cells, dtype=np.float32)


def paired(reference: Floats, frame: Patches) -> Pairs:
    """For each patch of a reference the one of the frame with the most alike pattern, as mean colours."""
    best, weights, trust = _matched(reference, frame)
    return Pairs(reference.mean(axis=2), frame.lab[best].mean(axis=2), weights, trust)


def paired_parts(reference: Floats, frame: Patches) -> Pairs:
    """The same pairs, each as PARTS of them: the mean of its darkest cells, of its middle ones and of its lightest.

    A grade keeps the order of lightness within a region, so ranks tell which cells belong together even where a patch
    lies half a cell beside its match. A mean of the whole has lost the dark and the light ends that a curve is fitted
    to: what a fit to means says of these is extrapolated.
    """
    best, weights, trust = _matched(reference, frame)
    return Pairs(_parts(reference), _parts(frame.lab[best]), np.tile(weights / PARTS, PARTS), trust)


def _parts(patches: Floats) -> Floats:
    """Means of the cells of patches by rank of lightness: PARTS * m x 3."""
    order = np.argsort(patches[:, 0], axis=1, kind="stable")
    ranked = np.take_along_axis(patches, order[:, None, :], axis=2)
    return np.concatenate([some.mean(axis=2) for some in np.array_split(ranked, PARTS, axis=2)])


def _matched(reference: Floats, frame: Patches) -> tuple[NDArray[np.intp], Floats, float]:
    """Which patch of the frame each of a reference is most alike, how far that is to be trusted, and all of it."""
    patterns, contrast = _patterns(reference)
    here, _ = _patterns(frame.lab)
    # alike - ELSEWHERE * squared distance, less what is the same for all of the frame, in one product
    wanted = np.hstack([patterns, 2 * ELSEWHERE * frame.known, np.full((len(patterns), 1), -ELSEWHERE, np.float32)])
    offered = np.hstack([here, frame.places, np.square(frame.places).sum(axis=1, keepdims=True)])
    best = (wanted @ offered.T).argmax(axis=1)
    certain = np.clip((patterns * here[best]).sum(axis=1), 0, 1) ** SHARPNESS
    telling = np.square(contrast) / (np.square(contrast) + FLAT**2) * np.minimum(contrast / RICH, 1)
    trust = float((certain @ telling) / (telling.sum() + LITTLE * len(telling)))
    return best, (certain * telling).astype(np.float32), trust


def _evenly(count: int) -> NDArray[np.intp]:
    return np.linspace(0, count - 1, SIDE).round().astype(np.intp)


def _places(rows: NDArray[np.intp], columns: NDArray[np.intp], size: tuple[int, int]) -> Floats:
    down, across = np.meshgrid(rows / max(size[0] - 1, 1), columns / max(size[1] - 1, 1), indexing="ij")
    return np.column_stack([down.ravel(), across.ravel()]).astype(np.float32)


def _patterns(patches: Floats) -> tuple[Floats, Floats]:
    """L* of each patch about its mean as a vector of unit length (0 where it is flat), and its standard deviation."""
    light = patches[:, 0] - patches[:, 0].mean(axis=1, keepdims=True)
    spread = np.sqrt(np.square(light).mean(axis=1))
    return light / np.maximum(spread * PATCH, np.float32(1e-3))[:, None], spread


def _cells(lab: Floats, longer: int) -> Floats:
    """Area averages, ``longer`` cells on the longer side; at least one patch on the shorter."""
    height, width = lab.shape[:2]
    scale = longer / max(height, width)
    size = (max(PATCH, round(width * scale)), max(PATCH, round(height * scale)))
    channels = [Image.fromarray(np.ascontiguousarray(lab[..., c])).resize(size, Image.Resampling.BOX) for c in range(3)]
    return np.stack([np.asarray(c, dtype=np.float32) for c in channels], axis=-1)


def _windows(cells: Floats) -> Floats:
    return np.lib.stride_tricks.sliding_window_view(cells, (PATCH, PATCH), axis=(0, 1))
