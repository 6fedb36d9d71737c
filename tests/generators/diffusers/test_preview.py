"""Previews of pipelines that denoise pixels: there is nothing to decode."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from continuity.errors import UsageError
from continuity.generators.diffusers.preview import Previews


def test_latents_that_are_pixels_are_shown_as_they_are() -> None:
    levels = torch.linspace(-1, 1, 3 * 8 * 6).reshape(1, 3, 8, 6)
    shown = Previews().picture(SimpleNamespace(), torch.cat([levels, -levels]), {}).pixels
    wanted = ((levels[0].permute(1, 2, 0).numpy() / 2 + 0.5) * 255).round().astype(np.uint8)
    assert np.array_equal(shown, wanted)


def test_pixels_out_of_range_or_no_numbers_are_clipped() -> None:
    latents = torch.tensor([3.0, -3.0, float("nan")]).reshape(1, 3, 1, 1).expand(1, 3, 4, 4)
    shown = Previews().picture(SimpleNamespace(vae=None), latents, {}).pixels
    assert shown[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("shape", [(1, 4, 8, 8), (1, 64, 3), (1, 3, 5, 8, 8)])
def test_latents_that_are_no_pixels_want_a_vae(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="no VAE"):
        Previews().picture(SimpleNamespace(), torch.zeros(shape), {})
