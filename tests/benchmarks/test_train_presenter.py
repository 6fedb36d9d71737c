"""The training script: draws, learns, goes on where it stopped, writes what the pipeline reads."""

from __future__ import annotations

from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch

import train_presenter
from presenter.drawing import SETS, TIES, frame
from presenter.network import SCHEDULE, denoiser, load, save
from train_presenter import Training, drawn, rate_at


def test_frames_follow_from_the_seed_and_vary() -> None:
    frames, ties = drawn(12, seed=3)
    again, _ = drawn(12, seed=3)
    assert frames.shape == (12, 3, 64, 64)
    assert torch.equal(frames, again)
    assert 0 <= int(ties.min()) <= int(ties.max()) < len(TIES)
    assert len({one.numpy().tobytes() for one in frames}) == 12
    assert np.array_equal(frame(1, "red", "sand", steady=True), frame(2, "red", "sand", steady=True))
    assert len({frame(1, tie, behind).tobytes() for tie in TIES for behind in SETS}) == len(TIES) * len(SETS)


def test_it_learns_and_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_presenter, "BATCH", 2)
    torch.manual_seed(0)
    frames, ties = drawn(16, seed=1)
    signal = diffusers.DDPMScheduler(**SCHEDULE).alphas_cumprod
    training = Training("cpu")
    before = [value.clone() for value in training.average.parameters()]
    losses = [training.train(frames, ties, signal, 0.0) for _ in range(3)]
    assert all(np.isfinite(losses))
    assert any(not torch.equal(a, b) for a, b in zip(before, training.average.parameters(), strict=True))
    training.seconds = 5.0
    training.save(tmp_path / "p.pt")
    other = Training("cpu")
    other.load(tmp_path / "p.pt")
    assert (other.step, other.seconds) == (3, 5.0)
    runs = []
    for one in (training, other):
        torch.manual_seed(1)
        runs.append(one.train(frames, ties, signal, 0.5))
    assert runs[0] == pytest.approx(runs[1], rel=1e-4)


def test_weights_are_written_in_half_precision_and_read_back(tmp_path: Path) -> None:
    net = denoiser()
    save(net, tmp_path / "presenter.safetensors")
    back = load(tmp_path / "presenter.safetensors")
    assert (tmp_path / "config.json").is_file()
    for name, value in net.state_dict().items():
        assert torch.allclose(value, back.state_dict()[name], atol=1e-3), name


def test_the_rate_warms_up_and_falls() -> None:
    rates = [rate_at(0, 0), rate_at(200, 0.0), rate_at(900, 0.5), rate_at(2000, 1.0)]
    assert rates[0] == 0 < rates[3] < rates[2] < rates[1]
