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
    contents = [
        files("continuity").joinpath("models", file).read_bytes() for file in (*hand_shape.FILES, hand_shape.FINGERS)
    ]
    assert sum(map(len, contents)) <= 2_250_000
    *nets, features = hand_shape.cards()
    assert [net.digest for net in nets] == [hashlib.sha256(content).hexdigest() for content in contents]
    assert {card.licence for card in (*nets, features)} == {"Apache-2.0"}
    assert [card.role for card in (*nets, features)] == ["hand-shape"] * len(nets) + ["hand-features"]


def test_what_the_net_is_given() -> None:
    crop = np.random.default_rng(0).uniform(0, 255, (96, 96, 4)).astype(np.float32)
    early, late = hand_shape.layers(crop)
    assert early.shape == (32, 28, 28)
    seen = hand_shape.features(early, late)
    assert seen.shape == (128, 14, 14)
    assert seen[:32, 3, 5] == pytest.approx(early[:, 6:8, 10:12].mean(axis=(1, 2)), abs=1e-5)
    assert np.array_equal(seen[32:], late)
    dark = crop * np.array([0.5, 0.5, 0.5, 1], np.float32)  # exposure says nothing
    assert np.abs(hand_shape.features(*hand_shape.layers(dark)) - seen).mean() < 0.2 * np.abs(seen).mean()
    assert hand_shape.bones(np.ones_like(crop)) == pytest.approx(1.0)
    colour = hand_shape.colours(crop)
    assert colour.shape == (3, 96, 96)
    assert colour.mean() == pytest.approx(0, abs=0.01)
    assert np.abs(hand_shape.colours(dark) - colour).max() < 0.2
    assert np.array_equal(hand_shape.colours(np.stack([dark, crop]))[1], colour)  # of many as of one


@pytest.mark.parametrize(("shape", "fingers", "together"), [(0.5, 0.5, 2 / 3), (0.9, 1e-6, 0.9), (1e-6, 0.9, 0.9)])
def test_the_odds_add_up(shape: float, fingers: float, together: float, monkeypatch: pytest.MonkeyPatch) -> None:
    said = dict.fromkeys(hand_shape.FILES, shape) | {hand_shape.FINGERS: fingers}
    monkeypatch.setattr(hand_shape, "_asked", lambda file, given: said[file])
    crop = np.random.default_rng(0).uniform(0, 255, (96, 96, 4)).astype(np.float32)
    assert hand_shape._probability(crop, np.zeros((21, 3), np.float32)) == pytest.approx(together, abs=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 400, 3), (64, 64, 3)])
def test_any_picture_and_any_points_give_a_probability(shape: tuple[int, int, int]) -> None:
    random = np.random.default_rng(1)
    pixels = random.integers(0, 255, shape, dtype=np.uint8)
    for spread in (0.0, 1.0, 1e4):
        points = tuple((float(x), float(y)) for x, y in random.normal(0, spread, (21, 2)))
        hand = Hand(points=points, depths=(0.0,) * 21, side="left", score=0.5)
        assert 0 <= hand_shape.malformed(pixels, hand) <= 1


@pytest.mark.parametrize(("settled", "views"), [(0.0, 1 + len(hand_shape.VIEWS)), (1.0, 1)])
def test_only_a_hand_in_doubt_is_looked_at_again(settled: float, views: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    answers: list[float] = []
    net = hand_shape._probability

    def spied(crop: hand_shape.Floats, points: hand_shape.Floats) -> float:
        answers.append(net(crop, points))
        return answers[-1]

    monkeypatch.setattr(hand_shape, "_probability", spied)
    monkeypatch.setattr(hand_shape, "CLEAR", settled)
    points = tuple((float(x), float(y)) for x, y in random.normal(64, 25, (21, 2)))
    hand = Hand(points=points, depths=(0.0,) * 21, side="left", score=0.5)
    found = hand_shape.malformed(random.integers(0, 255, (128, 128, 3), dtype=np.uint8), hand)
    assert len(answers) == len(set(answers)) == views
    assert found == pytest.approx(1 / (1 + np.exp(-np.mean([hand_shape._logit(p) for p in answers]))))


def test_a_net_that_is_not_there_is_an_error_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_shape, "FILES", ("hand_shape.onnx", "gone.onnx"))
    hand_shape.cards.cache_clear()
    hand = Hand(points=tuple((float(n), float(n % 5)) for n in range(21)), depths=(0.0,) * 21, side="left", score=0.5)
    for ask in (hand_shape.cards, lambda: hand_shape.malformed(np.zeros((64, 64, 3), np.uint8), hand)):
        with pytest.raises(ModelError, match=r"gone\.onnx .*cannot be read"):
            ask()
    hand_shape.cards.cache_clear()


def test_a_broken_net_is_an_error_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_shape, "_content", lambda file: b"no model")
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
