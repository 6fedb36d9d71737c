"""A face with other proportions: smooth displacement of eyes, nose, mouth, cheeks and jaw.

Generators drift in this way: the picture stays sharp and plausible, and somebody else looks out of it. One photograph
holds no second identity to blend in, so geometry alone has to do it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from continuity.interfaces import Pixels
from continuity.records import Box

Grid = NDArray[np.float32]

# Where features lie in the box of a face detector (brows to chin), in shares of its width and height.
_EYES = ((0.27, 0.27, -1), (0.73, 0.27, 1))
_NOSE, _MOUTH = (0.5, 0.49), (0.5, 0.73)

# Directions in which whole faces differ: displacements in shares of the box, growth in shares of the feature. Of all
# mixtures of the single features these four moved the embedding of a face recogniser most for the distance that pixels
# travel (singular vectors of its Jacobian over 16 faces, rounded), so that little has to be bent.
AXES: tuple[Mapping[str, float], ...] = (
    # a narrower upper face, with close eyes
    {"eye_gap": -0.044, "cheeks": -0.0385, "nose_width": -0.11, "nose": 0.022, "forehead": -0.0385, "eye_size": 0.11,
     "brow": -0.013, "eye_height": -0.011},
    # a short nose over a long chin
    {"nose": -0.055, "chin": 0.0715, "mouth_height": 0.022, "forehead": 0.033, "eye_gap": -0.02, "brow": 0.0165},
    # a wider lower face
    {"jaw": 0.066, "mouth_width": 0.21, "cheeks": 0.033, "nose_width": 0.13, "eye_gap": -0.025},
    # features drawn together in height
    {"eye_height": 0.033, "mouth_height": -0.04, "eye_size": 0.154, "eye_tilt": -0.012, "lips": 0.13},
)  # fmt: skip
WEIGHTS = (1.3, 1.0, 1.0, 1.0)  # the first axis counts most
DIRECTIONS = ((1, -1), (1, 1), (-1, 1))  # of the first two: both negative cancel in what a recogniser sees

_MARGIN = 0.45  # of the box, on every side: where the displacement has faded out
_FADE = 0.25
_CELLS = 24  # nodes of the displacement over the width of the box: the finest feature spans three


def warp_face(pixels: Pixels, box: Box, mixture: Sequence[float]) -> Pixels:
    """The picture with the face in ``box`` given other proportions; nothing outside 1.9 times the box changes.

    Args:
        pixels: H x W x 3, uint8, sRGB.
        box: the face from brows to chin, in pixels, as face detectors give it.
        mixture: how much of each of :data:`AXES`; length 1 is as far as a face stays a face.
    """
    from PIL import Image as Pillow
    from scipy.ndimage import map_coordinates

    height, width = pixels.shape[:2]
    x0, x1 = _reach(box.left, box.right, width)
    y0, y1 = _reach(box.top, box.bottom, height)
    columns = max(4, round((x1 - x0) / box.width * _CELLS))
    rows = max(4, round((y1 - y0) / box.height * _CELLS))
    u, v = np.meshgrid(
        (x0 + (np.arange(columns) + 0.5) * (x1 - x0) / columns - box.left) / box.width,
        (y0 + (np.arange(rows) + 0.5) * (y1 - y0) / rows - box.top) / box.height,
    )
    moves = _moves(u.astype(np.float32), v.astype(np.float32), _features(mixture))
    y, x = np.mgrid[0 : y1 - y0, 0 : x1 - x0].astype(np.float32)
    by = [np.asarray(Pillow.fromarray(move).resize((x1 - x0, y1 - y0), Pillow.Resampling.BICUBIC)) for move in moves]
    where = [y + by[1] * box.height, x + by[0] * box.width]
    region = pixels[y0:y1, x0:x1]
    warped = np.array(pixels)
    for channel in range(3):
        warped[y0:y1, x0:x1, channel] = map_coordinates(region[..., channel], where, order=1, mode="nearest")
    return warped


def _reach(near: float, far: float, size: int) -> tuple[int, int]:
    beyond = _MARGIN * (far - near)
    return max(0, int(near - beyond)), min(size, int(np.ceil(far + beyond)))


def _features(mixture: Sequence[float]) -> dict[str, float]:
    features: dict[str, float] = {}
    for share, axis in zip(mixture, AXES, strict=True):
        for name, amount in axis.items():
            features[name] = features.get(name, 0.0) + share * amount
    return features


def _moves(u: Grid, v: Grid, features: Mapping[str, float]) -> tuple[Grid, Grid]:
    """Where to sample, relative to each node: the inverse of the displacement, faded out towards the margin."""
    from_u, from_v = u, v
    for _ in range(4):  # fixed point of x + d(x): the displacement is a contraction, four rounds leave 0.1 px
        du, dv = _displaced(from_u, from_v, features)
        from_u, from_v = u - du, v - dv
    edge = np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v)) + _MARGIN
    fade = np.clip(edge / _FADE, 0, 1)
    fade = fade * fade * (3 - 2 * fade)
    return ((from_u - u) * fade).astype(np.float32), ((from_v - v) * fade).astype(np.float32)


def _displaced(u: Grid, v: Grid, features: Mapping[str, float]) -> tuple[Grid, Grid]:
    """How far each point of the face moves, in shares of the box. Features that are not named stay."""

    def near(x: float, y: float, wide: float, high: float) -> Grid:
        return np.exp(-(((u - x) / wide) ** 2 + ((v - y) / high) ** 2) / 2)

    def much(name: str) -> float:
        return features.get(name, 0.0)

    du, dv = np.zeros_like(u), np.zeros_like(v)
    for x, y, side in _EYES:
        around = near(x, y, 0.17, 0.17)
        du += side * much("eye_gap") * around
        dv += much("eye_height") * around
        around = near(x, y, 0.11, 0.10)
        du += much("eye_size") * (u - x) * around
        dv += much("eye_size") * (v - y) * around
        dv += much("eye_tilt") * side * (u - x) / 0.12 * near(x, y, 0.13, 0.12)
        dv += much("brow") * near(x, y - 0.14, 0.16, 0.07)
    dv += much("nose") * near(*_NOSE, 0.16, 0.14)
    du += much("nose_width") * (u - _NOSE[0]) * near(*_NOSE, 0.13, 0.12)
    around = near(*_MOUTH, 0.20, 0.13)
    du += much("mouth_width") * (u - _MOUTH[0]) * around
    dv += much("mouth_height") * around
    dv += much("lips") * (v - _MOUTH[1]) * near(*_MOUTH, 0.18, 0.09)
    outwards = np.tanh((u - 0.5) / 0.25)
    du += much("jaw") * outwards * near(0.5, 0.82, 0.5, 0.22)
    du += much("cheeks") * outwards * near(0.5, 0.5, 0.5, 0.20)
    dv += much("chin") * near(0.5, 1.0, 0.28, 0.20)
    dv += much("forehead") * near(0.5, 0.0, 0.40, 0.20)
    return du, dv
