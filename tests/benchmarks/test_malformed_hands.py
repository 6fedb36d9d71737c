"""Malformed hands: a hand is lifted off its ground, each kind changes what is seen of it, what is harmless hardly."""

from __future__ import annotations

from dataclasses import replace

import drawn_hands as drawn
import numpy as np
import pytest

from malformed_hands import KINDS, Layer, harmless, lay, lift, put_back


@pytest.fixture(scope="module")
def layer() -> Layer:
    hand = drawn.drawn_hand()
    found = lift(drawn.picture_of(hand), hand)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["extra", "missing", "bent", "long", "melted", "four", "short"])
def test_a_kind_changes_what_is_seen(layer: Layer, kind: str) -> None:
    tries = [KINDS[kind](layer, np.random.default_rng(seed)) for seed in range(4)]
    made = [one for one in tries if one is not None]
    assert made
    for one in made:
        assert one.shape == layer.shape
        assert np.abs(one.cover - layer.cover).sum() > 0.05 * layer.palm**2
        assert lay(one, layer.ground).dtype == np.uint8


def test_a_wrist_needs_a_forearm(layer: Layer) -> None:
    ys, xs = np.mgrid[: layer.shape[0], : layer.shape[1]]
    x, y = layer.points[0]
    arm = (ys > y) & (np.abs(xs - x) < 0.4 * layer.palm)
    bare = replace(layer, cover=np.where(ys > y, 0, layer.cover).astype(np.float32))
    whole = replace(layer, cover=np.maximum(bare.cover, arm).astype(np.float32))
    assert KINDS["wrist"](bare, np.random.default_rng(0)) is None
    made = KINDS["wrist"](whole, np.random.default_rng(0))
    assert made is not None
    beside = (ys > y) & (np.abs(xs - x) > 0.5 * layer.palm) & (ys < y + 0.8 * layer.palm)
    assert made.cover[beside].sum() > 10 * max(1.0, whole.cover[beside].sum())


def test_harmless_changes_little(layer: Layer) -> None:
    for seed in range(4):
        made = harmless(layer, np.random.default_rng(seed))
        assert made is not None
        assert np.abs(made.cover - layer.cover).sum() < 0.5 * layer.palm**2


def test_a_hand_put_back_leaves_the_rest_of_the_picture(layer: Layer) -> None:
    picture = drawn.picture_of(drawn.drawn_hand())
    made = next(m for seed in range(9) if (m := KINDS["melted"](layer, np.random.default_rng(seed))) is not None)
    out = put_back(picture, layer, made)
    assert out.shape == picture.shape
    changed = (out != picture).any(axis=-1)
    assert 0 < changed.mean() < 0.5
