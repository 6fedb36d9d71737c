"""Trains the little presenter: a class-conditional diffusion model of drawn frames (benchmarks/presenter).

    python benchmarks/train_presenter.py --minutes 40 --threads 1 --checkpoint build/presenter.pt

It draws its own frames (presenter/drawing.py), so nothing is read but an earlier checkpoint. The model is told the tie
and nothing else: the set behind the presenter, place, size and light are left to the noise. It predicts v, with a null
class for guidance; the weights that ship are a moving average (EMA) in half precision. Interrupt it at any time: the
checkpoint holds everything, ``--export`` writes the weights of what is there without training.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from continuity.generators.diffusers import library
from presenter.drawing import SETS, TIES, frame
from presenter.network import NULL, SCHEDULE, WEIGHTS, denoiser, patches, save

BATCH = 16
RATE, LAST_RATE, WARM_STEPS = 1.5e-3, 5e-5, 200
EMA, EMA_WARM = 0.999, 10.0
WITHOUT_CLASS = 0.15  # share of the batch that is not told its tie
SAVED_EVERY = 60.0  # seconds


def drawn(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """``count`` frames (count x 3 x 64 x 64, uint8) and the number of the tie of each."""
    ties, sets = list(TIES), list(SETS)
    choice = np.random.default_rng(seed)
    tie, behind = choice.integers(0, len(ties), count), choice.integers(0, len(sets), count)
    frames = [frame(seed * 1_000_003 + k, ties[tie[k]], sets[behind[k]]) for k in range(count)]
    return torch.from_numpy(np.stack(frames)).movedim(-1, 1), torch.from_numpy(tie)


def rate_at(step: int, share: float) -> float:
    """Learning rate after ``step`` steps and this share of the time: warmed up, then a cosine."""
    wave = 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
    return min(1.0, step / WARM_STEPS) * (LAST_RATE + (RATE - LAST_RATE) * wave)


class Training:
    """Model, moving average, optimiser and how far they are; :meth:`save` and :meth:`load` keep all of it."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.model = denoiser().to(device, memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), RATE, weight_decay=1e-3)
        self.step, self.seconds = 0, 0.0

    def save(self, path: Path) -> None:
        """Writes beside the path and renames: an interruption leaves the earlier one whole."""
        parts = {name: getattr(self, name).state_dict() for name in ("model", "average", "optimiser")}
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".writing")
        torch.save({**parts, "step": self.step, "seconds": self.seconds}, beside)
        beside.replace(path)

    def load(self, path: Path) -> None:
        """Goes on from a checkpoint."""
        held = torch.load(path, map_location=self.device, weights_only=True)
        for name in ("model", "average", "optimiser"):
            getattr(self, name).load_state_dict(held[name])
        self.step, self.seconds = held["step"], held["seconds"]

    def train(self, frames: torch.Tensor, ties: torch.Tensor, signal: torch.Tensor, share: float) -> float:
        """One step; the loss of its batch."""
        pick = torch.randint(0, len(frames), (BATCH,))
        clean = patches(frames[pick].to(self.device, torch.float32) / 127.5 - 1)
        told = ties[pick].masked_fill(torch.rand(BATCH) < WITHOUT_CLASS, NULL).to(self.device)
        when = torch.randint(0, len(signal), (BATCH,), device=self.device)
        kept = signal[when][:, None, None, None]
        noise = torch.randn_like(clean)
        noisy = kept.sqrt() * clean + (1 - kept).sqrt() * noise
        velocity = kept.sqrt() * noise - (1 - kept).sqrt() * clean  # Salimans and Ho 2022
        said = self.model(noisy.contiguous(memory_format=torch.channels_last), when, class_labels=told).sample
        loss = torch.nn.functional.mse_loss(said, velocity)
        self.optimiser.param_groups[0]["lr"] = rate_at(self.step, share)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        decay = min(EMA, (1 + self.step) / (EMA_WARM + self.step))
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.model.parameters(), strict=True)
            for mean, now in pairs:
                mean.lerp_(now, 1 - decay)
        return float(loss.detach())


def main() -> None:
    """Trains, or only writes the weights of a checkpoint."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--minutes", type=float, default=40.0, help="training time in all, also over resumed runs")
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    asked.add_argument("--frames", type=int, default=8000, help="how many frames are drawn")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--checkpoint", type=Path, default=Path("build/presenter.pt"))
    asked.add_argument("--weights", type=Path, default=WEIGHTS, help="where the half precision weights go")
    asked.add_argument("--export", action="store_true", help="write the weights of the checkpoint, do not train")
    asked.add_argument("--json", action="store_true")
    given = asked.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    training = Training(given.device)
    if given.checkpoint.exists():
        training.load(given.checkpoint)
    elif given.export:
        asked.error(f"a checkpoint to export was wanted at {given.checkpoint}, and there is none")
    loss = None if given.export else _train(training, given)
    save(training.average, given.weights)
    said: dict[str, Any] = {"steps": training.step, "minutes": training.seconds / 60, "loss": loss}
    said |= {"parameters": sum(p.numel() for p in training.average.parameters())}
    said |= {"bytes": given.weights.stat().st_size}
    print(json.dumps(said) if given.json else "\n".join(f"{name}: {value}" for name, value in said.items()))


def _train(training: Training, given: argparse.Namespace) -> float | None:
    frames, ties = drawn(given.frames, given.seed)
    torch.manual_seed(given.seed + training.step)
    signal = library.diffusers().DDPMScheduler(**SCHEDULE).alphas_cumprod.to(training.device)
    loss, saved = None, time.monotonic()
    while training.seconds < given.minutes * 60:
        began = time.monotonic()
        now = training.train(frames, ties, signal, training.seconds / (given.minutes * 60))
        loss = now if loss is None else loss + 0.01 * (now - loss)
        training.seconds += time.monotonic() - began
        if time.monotonic() - saved > SAVED_EVERY:
            training.save(given.checkpoint)
            saved = time.monotonic()
            print(f"step {training.step}, {training.seconds / 60:.1f} min, loss {loss:.4f}", flush=True)
    training.save(given.checkpoint)
    return loss


if __name__ == "__main__":
    main()
