"""Drawn hands, for tests of several folders: an open hand as points and as a picture."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw

from continuity.records import Hand
from continuity.vision import hands

SKIN, WALL = (205, 150, 125), (90, 105, 120)
WRIST, KNUCKLES = (150.0, 280.0), ((110.0, 165.0), (137.0, 155.0), (164.0, 158.0), (190.0, 172.0))


def drawn_hand() -> Hand:
    """An open hand with the wrist at the bottom, all in the plane of the picture."""
    points = [WRIST, (115.0, 255.0), (90.0, 225.0), (70.0, 200.0), (55.0, 175.0)]
    for (x, y), lean, length in zip(KNUCKLES, (-0.18, -0.04, 0.1, 0.28), (90, 100, 92, 70), strict=True):
        for share in (0.0, 0.45, 0.75, 1.0):
            points.append((x + math.sin(lean) * length * share, y - math.cos(lean) * length * share))
    return Hand(points=tuple(points), depths=(0.0,) * 21, side="right", score=0.99)


def picture_of(hand: Hand, sixth: float = 0.0, wall: tuple[int, int, int] = WALL) -> np.ndarray:
    """The hand as flat skin on a wall with a little noise; a sixth finger of that share of the longest."""
    picture = Pil.new("RGB", (320, 340), wall)
    draw = ImageDraw.Draw(picture)
    draw.polygon([hand.points[i] for i in hands.PALM], fill=SKIN)
    lines = [(hand.points[a], hand.points[b]) for a, b in hands.LINKS]
    lines.append((WRIST, (WRIST[0], 340.0)))
    if sixth:
        x, y = 190.0, 205.0
        lines.append(((x, y), (x + 100 * sixth * math.cos(0.3), y - 100 * sixth * math.sin(0.3))))
    for a, b in lines:
        draw.line([a, b], fill=SKIN, width=22)
        for x, y in (a, b):
            draw.ellipse([x - 11, y - 11, x + 11, y + 11], fill=SKIN)
    noise = np.random.default_rng(3).normal(0, 4, (340, 320, 3))
    return (np.asarray(picture) + noise).clip(0, 255).astype(np.uint8)


def changed(hand: Hand, places: dict[int, tuple[float, float]]) -> Hand:
    return replace(hand, points=tuple(places.get(n, p) for n, p in enumerate(hand.points)))
