"""A hand as a small classifier wants it: upright, mirrored to one side, in a square, its skeleton beside its pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from continuity.records import Hand
from continuity.vision.geometry import Window, cut
from continuity.vision.hands import KNUCKLES, LINKS, palm

SIZE = 96  # px
ROOM = 1.5  # side of the square over the longer side of the box around the points
INDEX_SIDE = -1  # the index on the right
LEAST = 2.6  # the same over the palm: a fist needs room for what does not belong to it


def window(hand: Hand) -> Window:
    """The square around a hand in which its fingers point up."""
    points = np.array(hand.points, np.float64)
    up = points[list(KNUCKLES)].mean(axis=0) - points[0]
    angle = math.atan2(up[1], up[0]) + math.pi / 2
    turned = points @ _turn(angle)
    low, high = turned.min(axis=0), turned.max(axis=0)
    x, y = ((low + high) / 2) @ _turn(angle).T
    return Window(float(x), float(y), max(ROOM * float((high - low).max()), LEAST * palm(hand), 1.0), angle)


def aligned(pixels: NDArray[np.uint8], hand: Hand, others: Sequence[Hand] = ()) -> NDArray[np.float32]:
    """The hand as 96 x 96 x 4: sRGB in [0, 255], and skeletons (its own 1, those of other hands -1, else 0).

    Mirrored so that the index lies on one side, be it a left or a right hand, its palm or its back.
    """
    square = window(hand)
    bones = np.where(_drawn(hand, square), 1.0, -1.0 * _drawn_all(others, square))
    crop = np.dstack([cut(pixels, square, SIZE).astype(np.float32), bones.astype(np.float32)])
    return np.ascontiguousarray(crop[:, ::-1] if _mirrored(hand, square) else crop)


def placed(hand: Hand) -> NDArray[np.float32]:
    """Where the 21 points of a hand lie in its aligned crop: x and y in its pixels, and the depth in the same unit."""
    square = window(hand)
    points = _within(hand, square)
    if _mirrored(hand, square):
        points[:, 0] = SIZE - 1 - points[:, 0]
    return np.column_stack([points, np.array(hand.depths) / square.side * SIZE]).astype(np.float32)


def turned(crop: NDArray[np.float32], angle: float, scale: float, shift: tuple[float, float]) -> NDArray[np.float32]:
    """An aligned crop turned clockwise by ``angle`` (radians) and scaled about its middle, then shifted by (x, y) px.

    What comes to lie in it from outside the crop is 0.
    """
    from PIL import Image

    cos, sin, middle = math.cos(angle) / scale, math.sin(angle) / scale, SIZE / 2
    x, y = middle + shift[0], middle + shift[1]
    back = (cos, sin, middle - cos * x - sin * y, -sin, cos, middle + sin * x - cos * y)
    planes = [Image.fromarray(np.ascontiguousarray(crop[..., c])) for c in range(crop.shape[2])]
    moved = [p.transform(p.size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR) for p in planes]
    return np.stack([np.asarray(p, np.float32) for p in moved], axis=-1)


def turned_points(
    points: NDArray[np.float32], angle: float, scale: float, shift: tuple[float, float]
) -> NDArray[np.float32]:
    """Where points of a crop (n x 3, :func:`placed`) lie in the crop that :func:`turned` makes of it."""
    new = points * np.float32(scale)
    new[:, :2] = (points[:, :2] + 0.5 - SIZE / 2) @ _turn(angle).T * scale + SIZE / 2 - 0.5 + shift
    return np.asarray(new, np.float32)


def _mirrored(hand: Hand, square: Window) -> bool:
    """Whether the knuckle of the index lies on the other side of that of the little finger than it shall."""
    across = (np.array(hand.points[17]) - np.array(hand.points[5])) @ _turn(square.angle)
    return bool(across[0] * INDEX_SIDE < 0)


def _turn(angle: float) -> NDArray[np.float64]:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def _drawn_all(hands: Sequence[Hand], square: Window) -> NDArray[np.bool_]:
    shown = [_drawn(hand, square) for hand in hands]
    return np.any(shown, axis=0) if shown else np.zeros((SIZE, SIZE), np.bool_)


def _drawn(hand: Hand, square: Window) -> NDArray[np.bool_]:
    """The links of a hand as lines of 2 px in the square."""
    from PIL import Image, ImageDraw

    points = _within(hand, square)
    picture = Image.new("L", (SIZE, SIZE))
    draw = ImageDraw.Draw(picture)
    for a, b in LINKS:
        draw.line([*map(float, points[a]), *map(float, points[b])], fill=255, width=2)
    return np.asarray(picture) > 0


def _within(hand: Hand, square: Window) -> NDArray[np.float64]:
    """The points of a hand in the square, in pixels of the crop."""
    apart = np.array(hand.points, np.float64) - (square.x, square.y)
    return np.asarray((apart @ _turn(square.angle) / square.side + 0.5) * SIZE)
