"""Anchors, decoding and suppression against slow, literal versions of what they should do."""

from __future__ import annotations

import numpy as np
import pytest

from continuity.vision.detection import anchors, decode, sigmoid, suppress


@pytest.mark.parametrize(
    ("size", "cells", "count"), [(128, ((8, 2), (16, 6)), 896), (224, ((8, 2), (16, 2), (32, 6)), 2254)]
)
def test_the_anchors_of_the_models_that_are_used(size: int, cells: tuple[tuple[int, int], ...], count: int) -> None:
    found = anchors(size, cells)
    assert found.shape == (count, 2)
    stride, each = cells[0]
    assert np.allclose(found[:each], stride / 2 / size)
    assert np.allclose(found[each], [1.5 * stride / size, stride / 2 / size])  # along x first
    assert 0 < found.min() < found.max() < 1


def test_the_sigmoid_is_finite_everywhere() -> None:
    assert sigmoid(0.0) == 0.5
    assert np.isfinite(sigmoid(np.array([-1e30, 1e30, -np.inf, np.inf]))).all()


def test_decoding_is_relative_to_the_anchor_and_best_first() -> None:
    middles = np.array([[0.25, 0.25], [0.75, 0.5], [0.5, 0.5]], dtype=np.float32)
    offsets = np.zeros((3, 6), dtype=np.float32)
    offsets[:, 2:4] = 20
    offsets[1, :2] = (10, -10)
    offsets[1, 4:] = (5, 5)
    rows, scores = decode(offsets, np.array([1.0, 3.0, -5.0], dtype=np.float32), middles, 100, 0.5)
    assert scores == pytest.approx([float(sigmoid(3.0)), float(sigmoid(1.0))])
    assert rows[0] == pytest.approx([0.75, 0.30, 0.95, 0.50, 0.80, 0.55])
    assert rows[1][:4] == pytest.approx([0.15, 0.15, 0.35, 0.35])


def test_overlapping_boxes_are_averaged_by_score_and_others_stay() -> None:
    rows = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], dtype=np.float32)
    blended, scores = suppress(rows, [0.9, 0.6, 0.8], 0.3)
    assert blended[0] == pytest.approx([0.4, 0, 10.4, 10])
    assert blended[1] == pytest.approx([50, 50, 60, 60])
    assert scores == pytest.approx([0.9, 0.8])


def test_nothing_in_nothing_out() -> None:
    rows, scores = suppress(np.zeros((0, 16), dtype=np.float32), [])
    assert rows.shape == (0, 16)
    assert len(scores) == 0
