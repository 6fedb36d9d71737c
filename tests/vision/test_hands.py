"""Hands as points and pixels, on drawn hands: what is plausible, what is not, what is left over."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
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


def test_a_drawn_hand_is_plausible_at_every_size_turn_and_side() -> None:
    hand = drawn_hand()
    assert hands.oddities(hand) == {}
    for scale, angle in ((0.2, 0.0), (7.0, 1.0), (1.0, 3.0)):
        turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        points = tuple((float(x), float(y)) for x, y in np.array(hand.points) @ turn)
        assert hands.oddities(replace(hand, points=points)) == {}
    assert hands.oddities(replace(hand, points=tuple((-x, y) for x, y in hand.points), side="left")) == {}


def test_impossible_lengths_are_named() -> None:
    hand = drawn_hand()
    long = hands.oddities(changed(hand, {8: (40.0, -140.0)}))
    assert long["index too long"] == 1.0
    wide = hands.oddities(changed(hand, {5: (50.0, 165.0), 17: (260.0, 172.0)}))
    assert wide["palm too wide"] > 0.4


def test_suspicion_grows_with_length() -> None:
    hand = drawn_hand()
    grown = [hands.oddities(changed(hand, {12: (130.0, y)})).get("middle too long", 0.0) for y in (40, 10, -20, -50)]
    assert grown == sorted(grown)
    assert grown[0] == 0.0
    assert grown[-1] > 0.4


def test_a_joint_bent_backward_is_named_and_a_fist_is_not() -> None:
    hand = drawn_hand()
    sharp = math.radians(80)
    tip, root, middle = 8, np.array(hand.points[6]), np.array(hand.points[7])
    length = 30.0

    def bent(sign: float) -> dict[str, float]:
        along = (middle - root) / np.linalg.norm(middle - root)
        end = middle + along * length * math.cos(sharp)
        depths = [0.0] * 21
        depths[tip] = sign * length * math.sin(sharp)
        return hands.oddities(replace(changed(hand, {tip: (end[0], end[1])}), depths=tuple(depths)))

    both = [bent(1.0), bent(-1.0)]
    named = [found for found in both if "index bent back in its end joint" in found]
    assert len(named) == 1
    assert both.count({}) == 1


def test_crossed_chains_are_named_but_crossed_neighbours_are_not() -> None:
    hand = drawn_hand()
    across = changed(
        hand,
        {
            6: (130.0, 125.0),
            7: (150.0, 95.0),
            8: (170.0, 65.0),
            14: (144.0, 120.0),
            15: (124.0, 90.0),
            16: (104.0, 60.0),
        },
    )
    assert hands.oddities(across)["index crosses ring"] == 1.0
    luck = changed(hand, {6: (120.0, 125.0), 7: (130.0, 95.0), 8: (140.0, 65.0), 11: (125.0, 85.0), 12: (112.0, 62.0)})
    assert not any("crosses" in name for name in hands.oddities(luck))


@pytest.mark.parametrize("hand", [replace(drawn_hand(), points=((5.0, 5.0),) * 21)])
def test_a_hand_without_extent_says_nothing(hand: Hand) -> None:
    assert hands.oddities(hand) == {}
