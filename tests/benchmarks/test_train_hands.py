"""Training hands: what is shown to the nets, what is written, and that a run that was stopped goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import train_hands
from continuity.metrics.hands import MALFORMED
from continuity.vision.hand_crop import SIZE
from continuity.vision.hands import CLEAR
from hand_crops import NORMAL, RARE, another, chosen, even, round_of, views
from malformed_hands import KINDS

torch = pytest.importorskip("torch")


def test_views_keep_the_first_and_change_the_others() -> None:
    crop = np.random.default_rng(0).uniform(0, 255, (SIZE, SIZE, 4)).astype(np.float32)
    first, *others = views(crop, np.random.default_rng(1))
    assert first is crop
    for other in others:
        assert other.shape == crop.shape
        assert other.dtype == np.float32
        assert 0 <= other[..., :3].min() <= other[..., :3].max() <= 255
        assert np.abs(other - crop).mean() > 1


@pytest.mark.parametrize("seed", range(6))
def test_a_view_keeps_the_middle_where_it_is(seed: int) -> None:
    crop = np.zeros((SIZE, SIZE, 4), np.float32)
    crop[40:56, 40:56, 3] = 1
    ys, xs = np.nonzero(another(crop, np.random.default_rng(seed))[..., 3] > 0.5)
    assert abs(ys.mean() - SIZE / 2) < 0.12 * SIZE
    assert abs(xs.mean() - SIZE / 2) < 0.12 * SIZE


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


def test_the_file_says_what_the_nets_say(tmp_path: Path) -> None:
    import onnxruntime

    torch.manual_seed(0)
    shapes = [train_hands.net().eval() for _ in range(2)]
    train_hands.export(shapes, tmp_path / "net.onnx")
    random = np.random.default_rng(0)
    given = [random.normal(size=s).astype(np.float32) for s in ((1, 128, 14, 14), (1, 28, 28))]
    (found,) = onnxruntime.InferenceSession(tmp_path / "net.onnx").run(
        None, dict(zip(("seen", "bones"), given, strict=True))
    )
    with torch.no_grad():
        logits = [shape.eval()(*map(torch.from_numpy, given)).item() for shape in shapes]
    assert found[0] == pytest.approx(1 / (1 + np.exp(-np.mean(logits))), abs=2e-3)
    assert (tmp_path / "net.onnx").stat().st_size < 2 * 200_000


def test_a_round_that_lies_there_is_not_made_again(tmp_path: Path) -> None:
    made = tmp_path / "round-3.npz"
    made.write_bytes(b"as it was")
    assert round_of(tmp_path / "no digits", tmp_path / "no crops", 3, tmp_path) == made
    assert made.read_bytes() == b"as it was"


@pytest.mark.slow
def test_what_is_learned_is_told_of_those_kept_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_hands, "BATCH", 16)
    monkeypatch.setattr(train_hands, "WIDTH", 8)
    random = np.random.default_rng(0)
    kinds = np.array([NORMAL, "bent"] * 80)
    shapes = {"seen": (128, 14, 14), "bones": (28, 28)}
    rows = {name: random.normal(size=(160, 3, *shape)).astype(np.float16) for name, shape in shapes.items()}
    rows["seen"][kinds == "bent", :, :32, :7] += 3  # what parts them
    np.savez(tmp_path / "round-0.npz", kinds=kinds, groups=np.arange(160) // 2 % 10, **rows)
    whole = train_hands.joined([tmp_path / "round-0.npz"])
    assert 0.15 < train_hands.kept_back(whole).mean() < 0.25
    nets = [train_hands.trained(whole, [], 1, 6) for _ in range(2)]
    found = train_hands.logits(nets[:1], whole)
    assert np.array_equal(found, train_hands.logits(nets[1:], whole))  # the same seed gives the same net
    assert found.shape == (train_hands.kept_back(whole).sum(),)
    assert train_hands.area(found, whole) > 0.9
    assert train_hands.counted(found[::2], CLEAR, MALFORMED) in train_hands.summary(found, whole)


def test_what_limits_give_is_counted() -> None:
    logits = np.array([-9.0, -9.0, 0.0, 9.0], np.float32)
    assert train_hands.counted(logits, 0.1, 0.9).startswith("1/3/4 (")
