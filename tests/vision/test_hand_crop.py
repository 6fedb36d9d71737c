"""Aligned crops of hands: upright, mirrored, with their skeletons, at the edge of the picture and beyond it."""

from __future__ import annotations

from dataclasses import replace

import drawn_hands as drawn
import numpy as np
import pytest
from PIL import Image as Pil

from continuity.vision import hand_crop
from continuity.vision.hand_crop import SIZE, aligned, placed, turned, turned_points, window


def test_colours_and_bones_of_a_hand() -> None:
    hand = drawn.drawn_hand()
    crop = aligned(drawn.picture_of(hand), hand)
    assert crop.shape == (SIZE, SIZE, 4)
    assert crop.dtype == np.float32
    assert set(np.unique(crop[..., 3])) == {0.0, 1.0}
    on = crop[crop[..., 3] == 1][:, :3].mean(axis=0)
    assert on == pytest.approx(drawn.SKIN, abs=12)  # the skeleton lies on the hand


@pytest.mark.parametrize("angle", [37.0, 90.0, 180.0])
def test_a_turned_hand_gives_the_same_crop(angle: float) -> None:
    hand = drawn.drawn_hand()
    pixels = drawn.picture_of(hand)
    straight = aligned(pixels, hand)
    turned = Pil.fromarray(pixels).rotate(angle, Pil.Resampling.BICUBIC, expand=True, fillcolor=drawn.WALL)
    rad = np.radians(angle)
    back = np.array([[np.cos(rad), -np.sin(rad)], [np.sin(rad), np.cos(rad)]])
    points = (np.array(hand.points) - (160, 170)) @ back + (turned.width / 2, turned.height / 2)
    crop = aligned(np.asarray(turned), replace(hand, points=tuple((float(x), float(y)) for x, y in points)))
    middle = slice(20, 76)
    assert np.abs(crop[middle, middle, :3] - straight[middle, middle, :3]).mean() < 12
    assert (crop[..., 3] != straight[..., 3]).mean() < 0.08


def test_a_left_hand_is_mirrored() -> None:
    hand = drawn.drawn_hand()
    pixels = drawn.picture_of(hand)
    mirrored = replace(hand, side="left", points=tuple((320 - x, y) for x, y in hand.points))
    left = aligned(np.ascontiguousarray(pixels[:, ::-1]), mirrored)
    assert np.abs(left[..., :3] - aligned(pixels, hand)[..., :3]).mean() < 6


def test_other_hands_are_marked_apart() -> None:
    hand = drawn.drawn_hand()
    other = replace(hand, points=tuple((x + 60, y) for x, y in hand.points))
    crop = aligned(drawn.picture_of(hand), hand, [other])
    assert set(np.unique(crop[..., 3])) == {-1.0, 0.0, 1.0}


def test_beyond_the_picture_is_black_and_nothing_is_too_small() -> None:
    hand = drawn.drawn_hand()
    away = replace(hand, points=tuple((x + 900, y) for x, y in hand.points))
    assert not aligned(drawn.picture_of(hand), away)[..., :3].any()
    point = replace(hand, points=((5.0, 5.0),) * 21)
    assert window(point).side == 1.0
    assert np.isfinite(hand_crop.aligned(drawn.picture_of(hand), point)).all()


def test_a_crop_is_turned_and_scaled_about_its_middle_and_shifted() -> None:
    crop = np.zeros((SIZE, SIZE, 4), np.float32)
    crop[46:50, 66:70] = 100.0  # 20 px to the right of the middle

    def where(angle: float, scale: float, shift: tuple[float, float]) -> tuple[float, float]:
        ys, xs = np.nonzero(turned(crop, angle, scale, shift)[..., 0] > 50)
        return float(xs.mean()) + 0.5 - SIZE / 2, float(ys.mean()) + 0.5 - SIZE / 2

    assert where(0.0, 1.0, (0.0, 0.0)) == pytest.approx((20, 0), abs=0.6)
    assert where(0.0, 1.0, (3.0, -2.0)) == pytest.approx((23, -2), abs=0.6)
    assert where(0.0, 0.5, (0.0, 0.0)) == pytest.approx((10, 0), abs=0.6)
    assert where(np.pi / 2, 1.0, (0.0, 0.0)) == pytest.approx((0, 20), abs=0.6)  # clockwise on the screen
    assert turned(crop, 0.3, 1.1, (1.0, 1.0)).shape == crop.shape


@pytest.mark.parametrize("side", ["right", "left"])
def test_the_points_lie_on_the_bones_of_the_crop(side: str) -> None:
    hand = replace(drawn.drawn_hand(), depths=tuple(float(n) for n in range(21)))
    if side == "left":
        hand = replace(hand, side="left", points=tuple((320 - x, y) for x, y in hand.points))
    crop, points = aligned(drawn.picture_of(hand), hand), placed(hand)
    assert points.shape == (21, 3)
    assert points.dtype == np.float32
    assert points[:, 2] == pytest.approx(np.arange(21) * SIZE / window(hand).side, rel=1e-5)
    assert points[5, 0] > points[17, 0]
    change = (0.3, 0.9, (4.0, -6.0))
    for view, spots in ((crop, points), (turned(crop, *change), turned_points(points, *change))):
        ys, xs = np.nonzero(view[..., 3] > 0.3)
        assert np.hypot(spots[:, 0, None] - xs, spots[:, 1, None] - ys).min(axis=1).max() < 1.5


def test_depths_scale_with_the_crop() -> None:
    points = placed(replace(drawn.drawn_hand(), depths=(7.0,) * 21))
    assert turned_points(points, 0.3, 0.5, (0, 0))[:, 2] == pytest.approx(points[:, 2] / 2)
