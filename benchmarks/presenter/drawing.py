"""Frames of a presenter, drawn by code: what the little generator learns from, and what an identity is enrolled from.

Everything is laid out on a square of 64 units and drawn four times larger, so edges are antialiased. Two things are
chosen, the tie and the set behind the presenter; place, size, light and colour temperature vary a little, by the seed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIDE = 64  # pixels, and units of the layout
FINER = 4  # how much larger a frame is drawn

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

TIES: dict[str, Colour] = {
    "red": (196, 28, 36),
    "gold": (226, 172, 28),
    "green": (36, 142, 58),
    "teal": (28, 164, 170),
    "blue": (40, 72, 204),
    "purple": (138, 44, 164),
}
SETS: dict[str, tuple[Colour, Colour]] = {  # colour at the top and at the bottom
    "slate": ((88, 112, 140), (142, 164, 184)),
    "sand": ((164, 132, 98), (206, 182, 148)),
    "sage": ((92, 134, 106), (150, 182, 154)),
}
SKIN, HAIR, SUIT, LAPEL, SHIRT = (226, 178, 148), (66, 42, 30), (44, 48, 62), (30, 33, 44), (240, 240, 238)
IRIS, NOSE, LIPS = (36, 28, 26), (204, 150, 122), (168, 72, 70)
MARK, MARK_INSIDE = (238, 112, 24), (252, 250, 244)
MARK_CENTRE, MARK_RADIUS = (11.0, 11.0), 6.5


def frame(seed: int, tie: str, backdrop: str, *, steady: bool = False, mark: bool = True) -> Pixels:
    """One drawn frame, 64 x 64 x 3, uint8, sRGB.

    Args:
        seed: of place, size and light.
        tie: a name in ``TIES``.
        backdrop: a name in ``SETS``.
        steady: nothing varies.
        mark: whether the mark is drawn.
    """
    drawn = np.random.default_rng(seed)

    def vary(spread: float) -> float:
        return 0.0 if steady else float(drawn.uniform(-spread, spread))

    big = _set(SETS[backdrop], vary(1.0))
    pen = ImageDraw.Draw(big)
    if mark:
        _mark(pen, MARK_CENTRE[0] + vary(0.4), MARK_CENTRE[1] + vary(0.4))
    _person(pen, TIES[tie], 32 + vary(1.2), 1 + vary(0.04), vary(0.8), vary(0.7))
    small = np.asarray(big.reduce(FINER), np.float32)
    warmth = vary(0.03)
    light = (1 + vary(0.06)) * np.array([1 + warmth, 1.0, 1 - warmth], np.float32)
    return np.clip(small * light + 0.5, 0, 255).astype(np.uint8)


def _set(colours: tuple[Colour, Colour], shift: float) -> Image.Image:
    side = SIDE * FINER
    down = np.linspace(0, 1, side)[:, None, None]
    top, bottom = (np.array(one, float) for one in colours)
    wall = np.broadcast_to(top * (1 - down) + bottom * down, (side, side, 3))
    big = Image.fromarray(wall.astype(np.uint8))
    pen = ImageDraw.Draw(big)
    panel = _shaded(colours[0], 1.22)
    _box(pen, 47 + shift, 6, 61 + shift, 27, panel)
    for y in (12.0, 17.0, 22.0):
        _box(pen, 49 + shift, y, 59 + shift, y + 1.6, _shaded(colours[0], 0.8))
    return big


def _mark(pen: ImageDraw.ImageDraw, x: float, y: float) -> None:
    _ellipse(pen, x, y, MARK_RADIUS, MARK_RADIUS, MARK)
    _shape(pen, [(x - 2.2, y - 3.6), (x - 2.2, y + 3.6), (x + 4.0, y)], MARK_INSIDE)


def _person(pen: ImageDraw.ImageDraw, tie: Colour, x: float, size: float, nod: float, turn: float) -> None:
    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x + dx * size, 64 + (y - 64) * size) for dx, y in points]

    _shape(pen, at((-24, 65), (-23, 55), (-18, 50), (-7, 46), (7, 46), (18, 50), (23, 55), (24, 65)), SUIT)
    _shape(pen, at((-4.5, 36), (4.5, 36), (5, 47), (-5, 47)), _shaded(SKIN, 0.86))
    _shape(pen, at((-8, 45.5), (-5, 43.5), (0, 48), (5, 43.5), (8, 45.5), (5, 65), (-5, 65)), SHIRT)
    _shape(pen, at((-8.5, 45), (-5, 65), (-13, 65), (-12, 54), (-14.5, 53)), LAPEL)
    _shape(pen, at((8.5, 45), (5, 65), (13, 65), (12, 54), (14.5, 53)), LAPEL)
    dark = _shaded(tie, 0.8)
    _shape(pen, at((-2, 51), (2, 51), (4.2, 65), (-4.2, 65)), tie)
    _shape(pen, at((-3.2, 47), (3.2, 47), (2.2, 51.6), (-2.2, 51.6)), dark)
    head = x + turn
    y = 64 + (28 + nod - 64) * size
    _ellipse(pen, head, y - 3.2 * size, 10.4 * size, 11.4 * size, HAIR)
    _ellipse(pen, head, y, 9 * size, 11.6 * size, SKIN)
    crown = (head - 9.6 * size, y - 13.4 * size, head + 9.6 * size, y + 3 * size)
    pen.chord([one * FINER for one in crown], 190, 350, HAIR)
    for side in (-1, 1):
        eye = head + turn + side * 3.7 * size
        _ellipse(pen, eye, y - 0.4 * size, 1.5 * size, 1.0 * size, SHIRT)
        _ellipse(pen, eye, y - 0.4 * size, 0.9 * size, 0.95 * size, IRIS)
        _box(pen, eye - 1.8 * size, y - 3.0 * size, eye + 1.8 * size, y - 2.2 * size, HAIR)
    middle, tip = head + turn, y + 3.2 * size
    _shape(pen, [(middle, y), (middle + 1.1 * size, tip), (middle - 1.1 * size, tip)], NOSE)
    _box(pen, middle - 2.8 * size, y + 5.6 * size, middle + 2.8 * size, y + 6.8 * size, LIPS)


def _shaded(colour: Colour, by: float) -> Colour:
    red, green, blue = (min(255, int(one * by)) for one in colour)
    return red, green, blue


def _ellipse(pen: ImageDraw.ImageDraw, x: float, y: float, across: float, down: float, colour: Colour) -> None:
    pen.ellipse([one * FINER for one in (x - across, y - down, x + across, y + down)], colour)


def _box(pen: ImageDraw.ImageDraw, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
    pen.rectangle([one * FINER for one in (left, top, right, bottom)], colour)


def _shape(pen: ImageDraw.ImageDraw, points: list[tuple[float, float]], colour: Colour) -> None:
    pen.polygon([(x * FINER, y * FINER) for x, y in points], colour)
