"""The net of fingers: where it looks, that it learns what it is shown, and that what is written says what it says."""

from __future__ import annotations

from pathlib import Path

import drawn_hands as drawn
import numpy as np
import pytest

from continuity.vision.hand_crop import placed
from hand_crops import FEW, NORMAL

torch = pytest.importorskip("torch")
finger_net = pytest.importorskip("finger_net")
hand_net = pytest.importorskip("hand_net")
train_fingers = pytest.importorskip("train_fingers")


def test_a_strip_runs_from_the_root_to_beyond_the_tip() -> None:
    points = torch.from_numpy(placed(drawn.drawn_hand()))[None, :, :2]
    palm = torch.tensor([30.0])
    spots = finger_net.net().spots(points, palm)
    assert spots.shape == (1, 5, 4, finger_net.STEPS, finger_net.ACROSS, 2)
    spots = spots.flatten(2, 3)
    line = spots[0, 2, :, finger_net.ACROSS // 2]
    for number, joint in enumerate((9, 10, 11, 12)):
        assert line[number * finger_net.STEPS] == pytest.approx(points[0, joint], abs=1e-3)
    ends = spots[0, 2, 3, 0] - spots[0, 2, 3, -1]
    assert float(ends.norm()) == pytest.approx(2 * finger_net.REACH * 30, rel=1e-4)
    assert abs(float(ends @ (line[4] - line[3]))) < 1e-2


def test_strips_are_cut_where_the_points_are() -> None:
    """A mark in the colours and one in the map at the same place of the crop are seen at the same place of a strip."""
    from torch.nn import functional

    colour, maps = torch.zeros(1, 1, 96, 96), torch.zeros(1, 1, 28, 28)
    maps[0, 0, 10, 17] = 1
    colour[0, 0, 34:38, 58:62] = 1  # the pixels of that cell
    spots = torch.tensor([[[[59.5, 35.5], [30.0, 60.0]]]])
    whole = (spots + 0.5) / 48 - 1
    part = whole * (28 / (28 - 2 * hand_net.RIM))
    assert functional.grid_sample(colour, whole, align_corners=False)[0, 0, 0].tolist() == pytest.approx([1, 0])
    near, far = functional.grid_sample(hand_net.inner(maps), part, align_corners=False)[0, 0, 0].tolist()
    assert near > 0.9
    assert far == 0


def test_the_file_says_what_the_net_says(tmp_path: Path) -> None:
    import onnxruntime

    torch.manual_seed(0)
    shape = finger_net.net().eval()
    finger_net.export(shape, tmp_path / "net.onnx")
    random = np.random.default_rng(0)
    sizes = {"early": (1, 32, 28, 28), "bones": (1, 28, 28), "colour": (1, 3, 96, 96)}
    given = {name: random.normal(size=size).astype(np.float32) for name, size in sizes.items()}
    given["points"] = placed(drawn.drawn_hand())[None]
    (found,) = onnxruntime.InferenceSession(tmp_path / "net.onnx").run(None, given)
    with torch.no_grad():
        early, bones, colour, points = (torch.from_numpy(part) for part in given.values())
        logit = finger_net.lacking(shape(hand_net.inner(early), hand_net.inner(bones), colour, points)).item()
    assert found[0] == pytest.approx(1 / (1 + np.exp(-logit)), abs=2e-3)
    assert (tmp_path / "net.onnx").stat().st_size < 250_000


@pytest.mark.slow
def test_what_is_learned_is_told_of_those_kept_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_fingers, "BATCH", 8)
    random = np.random.default_rng(0)
    kinds = np.array([NORMAL, *FEW] * 25)
    shapes = {"early": (32, 28, 28), "bones": (28, 28)}
    rows = {name: random.normal(size=(100, 3, *shape)).astype(np.float16) for name, shape in shapes.items()}
    rows["early"][kinds != NORMAL] += 2  # what parts them
    colour = random.integers(0, 255, (100, 3, 96, 96, 3), dtype=np.uint8)
    points = np.broadcast_to(placed(drawn.drawn_hand()), (100, 3, 21, 3))
    np.savez(tmp_path / "few-0.npz", kinds=kinds, groups=np.arange(100) // 4 % 10, colour=colour, points=points, **rows)
    whole = train_fingers.joined([tmp_path / "few-0.npz"])
    nets = [train_fingers.trained(whole, epochs=4) for _ in range(2)]
    found = [train_fingers.logits(net, whole) for net in nets]
    assert np.array_equal(*found)  # the same seed gives the same net
    assert min(train_fingers.areas(found[0], whole).values()) > 0.9
