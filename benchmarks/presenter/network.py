"""The net of the presenter: shape, noise schedule, and its weights on disk.

The UNet works on 2 x 2 patches of pixels (pixel unshuffle): 64 x 64 x 3 as 32 x 32 x 12, at a quarter of the cost.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from continuity.generators.diffusers import library
from presenter.drawing import SIDE, TIES

PATCH = 2
NULL = len(TIES)  # the class of no class
WEIGHTS = Path(__file__).with_name("presenter.safetensors")
CONFIG = Path(__file__).with_name("config.json")
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_schedule": "linear",
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "clip_sample": False,
}
SHAPE: dict[str, Any] = {
    "sample_size": SIDE // PATCH,
    "in_channels": 3 * PATCH**2,
    "out_channels": 3 * PATCH**2,
    "block_out_channels": (32, 48, 64, 64),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
    "attention_head_dim": 16,
    "norm_num_groups": 8,
    "num_class_embeds": len(TIES) + 1,
}


def denoiser() -> Any:
    """The net with random weights, in evaluation mode."""
    return library.diffusers().UNet2DModel(**SHAPE).eval()


def patches(pixels: torch.Tensor) -> torch.Tensor:
    """n x 3 x 64 x 64 as the net sees it: n x 12 x 32 x 32."""
    return torch.nn.functional.pixel_unshuffle(pixels, PATCH)


def pixels(patched: torch.Tensor) -> torch.Tensor:
    """The reverse of :func:`patches`."""
    return torch.nn.functional.pixel_shuffle(patched, PATCH)


def save(net: Any, path: Path = WEIGHTS) -> None:
    """Writes half precision weights, and beside them the configuration of net and schedule."""
    from safetensors.torch import save_file

    save_file({name: value.half().contiguous().cpu() for name, value in net.state_dict().items()}, path)
    held = {"unet": SHAPE, "scheduler": SCHEDULE, "classes": [*TIES]}
    path.with_name(CONFIG.name).write_text(json.dumps(held, indent=2) + "\n", encoding="utf-8")


def load(path: Path = WEIGHTS) -> Any:
    """The trained net, in single precision and evaluation mode."""
    from safetensors.torch import load_file

    net = denoiser()
    net.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return net
