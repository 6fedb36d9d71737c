"""Training hands: what is shown to the nets, what is written, and that a run that was stopped goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import train_hands
from continuity.metrics.hands import MALFORMED
from continuity.vision.hand_crop import SIZE
from continuity.vision.hands import CLEAR
from hand_crops import NORMAL, RARE, another, chosen, round_of, views
from hand_scenes import even
from malformed_hands import KINDS

torch = pytest.importorskip("torch")
PLACES = np.full((21, 3), 30, np.float32)


def test_views_keep_the_first_and_change_the_others() -> None:
    crop = np.random.default_rng(0).uniform(0, 255, (SIZE, SIZE, 4)).astype(np.float32)
    (first, points), *others = views(crop, PLACES, np.random.default_rng(1))
    assert first is crop
    assert points is PLACES
    for other, moved in others:
        assert moved.shape == points.shape
        assert not np.array_equal(moved, points)
        assert other.shape == crop.shape
        assert other.dtype == np.float32
        assert 0 <= other[..., :3].min() <= other[..., :3].max() <= 255
        assert np.abs(other - crop).mean() > 1


@pytest.mark.parametrize("seed", range(6))
def test_a_view_keeps_the_middle_where_it_is(seed: int) -> None:
    crop = np.zeros((SIZE, SIZE, 4), np.float32)
    crop[40:56, 40:56, 3] = 1
    middle = np.full((21, 3), SIZE / 2 - 0.5, np.float32)
    view, points = another(crop, middle, np.random.default_rng(seed))
    ys, xs = np.nonzero(view[..., 3] > 0.5)
    assert abs(ys.mean() - SIZE / 2) < 0.12 * SIZE
    assert abs(xs.mean() - SIZE / 2) < 0.12 * SIZE
    assert points[0, :2] == pytest.approx((xs.mean(), ys.mean()), abs=1.0)  # the points go where the pixels go


def test_half_are_normal_and_every_kind_is_tried() -> None:
    random = np.random.default_rng(0)
    lists = [chosen(random, 4) for _ in range(200)]
    assert all(sorted(k for k in one if k != NORMAL) == sorted(KINDS) for one in lists)
    assert {one.count(NORMAL) for one in lists} == {2}
    firsts = [one[2] for one in lists]
    assert np.mean([f in RARE for f in firsts]) > len(RARE) / len(KINDS)


def test_an_even_ground_is_even() -> None:
    ground = even((40, 60), np.random.default_rng(0))
    assert ground.shape == (40, 60, 3)
    assert np.abs(np.diff(ground, axis=0)).max() < 5


def test_a_round_that_lies_there_is_not_made_again(tmp_path: Path) -> None:
    made = tmp_path / "round-3.npz"
    made.write_bytes(b"as it was")
    (tmp_path / "few-3.npz").write_bytes(b"of few")
    assert round_of(tmp_path / "no digits", tmp_path / "no crops", 3, tmp_path) == made
    assert round_of(tmp_path / "no digits", tmp_path / "no crops", 3, tmp_path, few=True) == tmp_path / "few-3.npz"
    assert made.read_bytes() == b"as it was"


@pytest.mark.slow
def test_what_is_learned_is_told_of_those_kept_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_hands, "BATCH", 8)
    random = np.random.default_rng(0)
    kinds = np.array([NORMAL, "bent"] * 30)
    shapes = {"early": (32, 28, 28), "bones": (28, 28)}
    rows = {name: random.normal(size=(60, 3, *shape)).astype(np.float16) for name, shape in shapes.items()}
    rows["early"][kinds == "bent", :, :, :, :14] += 3  # what parts them
    np.savez(tmp_path / "round-0.npz", kinds=kinds, groups=np.arange(60) // 2 % 10, **rows)
    whole = train_hands.joined([tmp_path / "round-0.npz"])
    assert 0.15 < train_hands.kept_back(whole).mean() < 0.25
    cycle = train_hands.Cycle(1, 2e-3, 3e-4, 0.3)
    nets = [train_hands.trained(whole, [], 1, cycle) for _ in range(2)]
    found = train_hands.logits(nets[:1], whole)
    assert np.array_equal(found, train_hands.logits(nets[1:], whole))  # the same seed gives the same net
    assert found.shape == (train_hands.kept_back(whole).sum(),)
    before = {name: weights.clone() for name, weights in nets[0].state_dict().items()}
    further = train_hands.trained(whole, [], 1, cycle, before)
    changed = {name for name, weights in further.state_dict().items() if not torch.equal(weights, before[name])}
    assert {"mid.0.layers.0.weight", "late.6.layers.6.weight", "last.1.weight"} <= changed
    assert not any("running" in name for name in changed if name.startswith(("mid", "late")))
    found = train_hands.logits([further], whole)
    assert train_hands.area(found, whole) > 0.9
    assert train_hands.counted(found[::2], CLEAR, MALFORMED) in train_hands.summary(found, whole)


def test_what_limits_give_is_counted() -> None:
    logits = np.array([-9.0, -9.0, 0.0, 9.0], np.float32)
    assert train_hands.counted(logits, 0.1, 0.9).startswith("1/3/4 (")
