"""Hands as points and pixels, on drawn hands: what is plausible, what is not, what is left over."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from drawn_hands import changed, drawn_hand

from continuity.records import Hand
from continuity.vision import hands


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
