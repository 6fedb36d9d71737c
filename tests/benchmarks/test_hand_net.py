"""The net of hands on MobileNetV2: it starts with what the file holds, and what is written says what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from continuity.backends import hand_shape

torch = pytest.importorskip("torch")
hand_net = pytest.importorskip("hand_net")


def test_the_blocks_are_those_of_the_file() -> None:
    crop = np.random.default_rng(0).uniform(0, 255, (96, 96, 4)).astype(np.float32)
    early, late = hand_shape.layers(crop)
    with torch.no_grad():
        found = hand_net.middle_blocks().eval()(torch.from_numpy(early[None]))
    assert np.abs(late).max() > 1
    assert found[0].numpy() == pytest.approx(late, abs=1e-3)


def test_the_means_and_spreads_of_imagenet_stay() -> None:
    shape = hand_net.net().train()
    before = shape.mid[0].layers[1].running_mean.clone()
    own = shape.scales[0].running_mean.clone()
    shape(torch.randn(2, 32, 22, 22), torch.zeros(2, 22, 22))
    assert torch.equal(before, shape.mid[0].layers[1].running_mean)
    assert not torch.equal(own, shape.scales[0].running_mean)


def test_the_file_says_what_the_nets_say(tmp_path: Path) -> None:
    import onnxruntime

    torch.manual_seed(0)
    shapes = [hand_net.net().eval() for _ in range(2)]
    hand_net.export(shapes, tmp_path / "net.onnx")
    random = np.random.default_rng(0)
    given = [random.normal(size=s).astype(np.float32) for s in ((1, 32, 28, 28), (1, 28, 28))]
    (found,) = onnxruntime.InferenceSession(tmp_path / "net.onnx").run(
        None, dict(zip(("early", "bones"), given, strict=True))
    )
    with torch.no_grad():
        inner = [hand_net.inner(torch.from_numpy(part)) for part in given]
        logits = [shape(*inner).item() for shape in shapes]
    assert found[0] == pytest.approx(1 / (1 + np.exp(-np.mean(logits))), abs=2e-3)
    assert (tmp_path / "net.onnx").stat().st_size < 2 * 1_300_000
