"""Windows: what is cut out and where it was."""

from __future__ import annotations

import math

import numpy as np
import pytest

from continuity.records import Box
from continuity.vision.geometry import Window, angle_of, cut, moved, overlap


def test_a_window_and_back() -> None:
    window = Window(100, 50, 40)
    assert window.to_picture(np.array([[0.5, 0.5], [0, 0], [1, 1]])) == pytest.approx(
        np.array([[100, 50], [80, 30], [120, 70]])
    )
    turned = Window(0, 0, 2, math.pi / 2)  # a quarter clockwise: right becomes down
    assert turned.to_picture(np.array([[1, 0.5]])) == pytest.approx(np.array([[0, 1]]), abs=1e-6)


@pytest.mark.parametrize("angle", [0.0, 0.3, -1.2, math.pi / 2])
def test_what_is_cut_out_lies_where_the_window_says(angle: float) -> None:
    pixels = np.zeros((200, 300, 3), dtype=np.uint8)
    pixels[118:123, 158:163] = 255  # a dot around (160.5, 120.5)
    window = Window(150, 110, 96, angle)
    found = cut(pixels, window, 96)
    ys, xs = np.nonzero(found[..., 0] > 128)
    middle = np.array([[(xs.mean() + 0.5) / 96, (ys.mean() + 0.5) / 96]])
    assert window.to_picture(middle)[0] == pytest.approx([160.5, 120.5], abs=0.6)


@pytest.mark.parametrize("side", [64, 150, 1000, 5000])
def test_shrinking_keeps_the_mean(side: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    found = cut(pixels, Window.letterbox(side, side), 64)
    assert found.shape == (64, 64, 3)
    assert found.mean() == pytest.approx(pixels.mean(), abs=2)


def test_outside_the_picture_is_black() -> None:
    white = np.full((10, 10, 3), 255, dtype=np.uint8)
    assert cut(white, Window(500, 500, 20), 8).max() == 0
    assert cut(white, Window(5, 5, 0), 8).max() == 0
    letterboxed = cut(np.full((10, 40, 3), 255, dtype=np.uint8), Window.letterbox(10, 40), 40)
    assert letterboxed[:10].max() == 0
    assert letterboxed[20, 20].min() == 255


def test_boxes_and_angles() -> None:
    assert moved(Box(0, 0, 10, 20), scale=1.0, down=0.0) == Box(-5, 0, 15, 20)
    assert moved(Box(0, 0, 10, 10), scale=2.0, down=0.5) == Box(-5, 0, 15, 20)
    assert angle_of((0, 0), (1, 0)) == 0
    assert angle_of((0, 0), (0, 1)) == pytest.approx(math.pi / 2)
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [3, 3, 3, 3]], dtype=float)
    assert overlap(boxes[0], boxes) == pytest.approx([1, 1 / 3, 0, 0])
