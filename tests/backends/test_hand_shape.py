"""The net that tells malformed hands: its card, its answers, and what is said where it cannot run."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from continuity.backends import hand_shape, hands
from continuity.errors import ModelError
from continuity.metrics.hands import MALFORMED
from continuity.records import Hand


def test_the_card_names_what_ships() -> None:
    content = files("continuity").joinpath("models", hand_shape.FILE).read_bytes()
    assert len(content) <= 1_000_000
    net, features = hand_shape.cards()
    assert net.digest == hashlib.sha256(content).hexdigest()
    assert net.licence == features.licence == "Apache-2.0"
    assert {net.role, features.role} == {"hand-shape", "hand-features"}


def test_what_the_net_is_given() -> None:
    crop = np.random.default_rng(0).uniform(0, 255, (96, 96, 4)).astype(np.float32)
    seen = hand_shape.features(crop)
    assert seen.shape == (128, 14, 14)
    dark = crop * np.array([0.5, 0.5, 0.5, 1], np.float32)  # exposure says nothing
    assert np.abs(hand_shape.features(dark) - seen).mean() < 0.2 * np.abs(seen).mean()
    assert hand_shape.bones(np.ones_like(crop)) == pytest.approx(1.0)


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 400, 3), (64, 64, 3)])
def test_any_picture_and_any_points_give_a_probability(shape: tuple[int, int, int]) -> None:
    random = np.random.default_rng(1)
    pixels = random.integers(0, 255, shape, dtype=np.uint8)
    for spread in (0.0, 1.0, 1e4):
        points = tuple((float(x), float(y)) for x, y in random.normal(0, spread, (21, 2)))
        hand = Hand(points=points, depths=(0.0,) * 21, side="left", score=0.5)
        assert 0 <= hand_shape.malformed(pixels, hand) <= 1


def test_a_broken_net_is_an_error_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_shape, "_content", lambda: b"no model")
    hand_shape._net.cache_clear()
    hand = Hand(points=tuple((float(n), float(n % 5)) for n in range(21)), depths=(0.0,) * 21, side="left", score=0.5)
    with pytest.raises(ModelError, match=r"hand_shape\.onnx"):
        hand_shape.malformed(np.zeros((64, 64, 3), np.uint8), hand)
    hand_shape._net.cache_clear()


def test_few_normal_hands_of_somebody_it_never_saw_are_convicted(footage: Path) -> None:
    pictures = sorted((footage / "hands/epsrc_fingers/5").iterdir())[:12]
    values = []
    for path in pictures:
        pixels = np.asarray(Pil.open(path).convert("RGB"))
        found = hands.find(pixels)
        if found:
            values.append(hand_shape.malformed(pixels, found[0]))
    assert len(values) >= 9
    assert np.mean(np.array(values) >= MALFORMED) <= 0.2
