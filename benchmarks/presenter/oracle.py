"""What is wrong with a picture of the presenter, read from fixed places: the truth that gates are measured against.

It knows the drawing (presenter/drawing.py): where the tie, the mark, the wall and the face are and which colours they
have. Places are small enough to lie within their thing wherever the presenter stands, and everything is judged by the
share of pixels in a place that have the colour, in RGB, as it may be under the light that varies. Nothing here is used
by a metric, and nothing of a metric here.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from presenter.drawing import HAIR, MARK, MARK_INSIDE, SETS, SIDE, SKIN, TIES, Colour, Pixels

SET = "slate"  # the set that is wanted
Place = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom not included

TIE: Place = (30, 53, 34, 64)
WALLS: tuple[Place, ...] = ((2, 24, 8, 46), (56, 32, 62, 46), (22, 1, 42, 5))
ORANGE: tuple[Place, ...] = ((9, 6, 12, 8), (9, 14, 12, 16), (6, 9, 8, 13))
WHITE: tuple[Place, ...] = ((10, 10, 13, 12),)
GROUND: tuple[Place, ...] = ((1, 1, 5, 5), (17, 1, 21, 5), (1, 18, 5, 22), (18, 18, 21, 22))  # about the mark
CHEEKS: tuple[Place, ...] = ((27, 30, 30, 33), (35, 30, 38, 33))
BROW: tuple[Place, ...] = ((28, 16, 36, 18),)
EYES: tuple[Place, ...] = ((25, 23, 32, 29), (32, 23, 39, 29))
MOUTH: Place = (28, 31, 36, 37)


def faults(pixels: Pixels, tie: str) -> tuple[str, ...]:
    """Names of what is wrong, among ``tie``, ``mark``, ``set`` and ``face``; empty if nothing is.

    Args:
        pixels: 64 x 64 x 3, uint8, sRGB.
        tie: the colour that was asked for, a name in ``TIES``.

    Raises:
        ValueError: a picture of another size, or a tie that there is not.
    """
    if pixels.shape != (SIDE, SIDE, 3) or pixels.dtype != np.uint8:
        raise ValueError(f"a picture of {SIDE} x {SIDE} x 3 uint8 was wanted, got {pixels.shape} {pixels.dtype}")
    if tie not in TIES:
        raise ValueError(f"a tie was wanted ({', '.join(TIES)}), got {tie!r}")
    seen = pixels.astype(np.float64)
    found = {"tie": not _tie(seen, tie), "mark": not _mark(seen), "set": not _set(seen), "face": not _face(seen)}
    return tuple(name for name, wrong in found.items() if wrong)


def _tie(seen: NDArray[np.float64], tie: str) -> bool:
    """Seven in ten pixels are nearest to the colour asked for, and not far from it."""
    colours = np.array(list(TIES.values()), float)
    apart = np.linalg.norm(_cut(seen, TIE)[:, :, None] - colours, axis=-1).reshape(-1, len(colours))
    wanted = list(TIES).index(tie)
    return bool(np.mean((apart.argmin(axis=1) == wanted) & (apart[:, wanted] < 60)) >= 0.7)


def _mark(seen: NDArray[np.float64]) -> bool:
    """Orange in three places of the disc, white within, and no orange about it."""
    disc = min(_share(seen, (place,), MARK, 60) for place in ORANGE)
    return disc >= 0.7 and _share(seen, WHITE, MARK_INSIDE, 80) >= 0.7 and _share(seen, GROUND, MARK, 90) < 0.1


def _set(seen: NDArray[np.float64]) -> bool:
    """Three pieces of wall have the colour that the wanted set has at their height."""
    top, bottom = (np.array(one, float) for one in SETS[SET])
    for place in WALLS:
        down = ((np.arange(place[1], place[3]) + 0.5) / SIDE)[:, None, None]
        wall = top * (1 - down) + bottom * down
        if np.mean(np.linalg.norm(_cut(seen, place) - wall, axis=-1) < 36) < 0.8:
            return False
    return True


def _face(seen: NDArray[np.float64]) -> bool:
    """Skin on both cheeks, hair above, something dark in either eye, a red mouth."""
    skin = min(_share(seen, (cheek,), SKIN, 45) for cheek in CHEEKS) >= 0.6
    eyes = all(int((_cut(seen, eye).sum(axis=-1) < 420).sum()) >= 1 for eye in EYES)
    mouth = _cut(seen, MOUTH)
    lips = int(((mouth[..., 0] - mouth[..., 1] > 70) & (mouth[..., 1] < 130)).sum())
    return skin and eyes and lips >= 3 and _share(seen, BROW, HAIR, 50) >= 0.7


def _share(seen: NDArray[np.float64], places: Iterable[Place], colour: Colour, within: float) -> float:
    """Share of the pixels of all places within so many levels (Euclidean, RGB) of a colour."""
    found = np.concatenate([_cut(seen, place).reshape(-1, 3) for place in places])
    return float(np.mean(np.linalg.norm(found - np.array(colour, float), axis=1) < within))


def _cut(seen: NDArray[np.float64], place: Place) -> NDArray[np.float64]:
    left, top, right, bottom = place
    return seen[top:bottom, left:right]
