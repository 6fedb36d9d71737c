from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

import continuity as ct
from continuity.errors import Aborted, UsageError
from continuity.generators.diffusers.clean import clean_latents
from continuity.generators.diffusers.preview import drawn, fit
from continuity.records import Json, Recipe
from continuity.testing.pipelines import tiny_pipeline

STEPS = 8
RECIPE = Recipe(prompt="mara at the bar", seed=7)
ARGUMENTS: dict[str, dict[str, Any]] = {
    "sd": {},
    "sdxl": {"guidance_scale": 4.0},
    "sd3": {},
    "flux": {"height": 64, "width": 64, "max_sequence_length": 32},
}
SCHEDULERS = {
    "DDIMScheduler": {},
    "DDIMScheduler, v": {"prediction_type": "v_prediction"},
    "DDIMScheduler, sample": {"prediction_type": "sample", "clip_sample": False},
    "DDPMScheduler": {"clip_sample": False},
    "EulerDiscreteScheduler": {},
    "EulerDiscreteScheduler, v": {"prediction_type": "v_prediction"},
    "EulerAncestralDiscreteScheduler": {},
    "DPMSolverMultistepScheduler": {},
    "DPMSolverMultistepScheduler, flow": {"prediction_type": "flow_prediction", "use_flow_sigmas": True},
    "HeunDiscreteScheduler": {},
    "UniPCMultistepScheduler": {},
    "LMSDiscreteScheduler": {},
    "PNDMScheduler": {"skip_prk_steps": True},
}
ENDS = [name for name in SCHEDULERS if name.startswith(("Euler", "DPM", "Heun"))]  # at exactly what they expect


class Looks:
    settings: Mapping[str, Json] = {}

    def __init__(self, until: int = 99) -> None:
        self.until = until
        self.previews: list[np.ndarray] = []

    def look(self, step: int, steps: int, preview: Callable[[], ct.Image]) -> bool:
        self.previews.append(preview().pixels)
        return step < self.until


def with_scheduler(pipe: Any, name: str) -> Any:
    import diffusers

    kind = getattr(diffusers, name.split(",")[0])
    pipe.scheduler = kind.from_config({**pipe.scheduler.config, **SCHEDULERS[name]})
    return pipe


def latents_of(pipe: Any, listen: Callable[[Any], Any] | None = None, **more: Any) -> torch.Tensor:
    own = None if listen is None else listen(pipe.scheduler)
    try:
        generator = torch.Generator().manual_seed(7)
        return pipe("mara", generator=generator, num_inference_steps=STEPS, output_type="latent", **more).images
    finally:
        if own is not None:
            del pipe.scheduler.step


@pytest.mark.parametrize("name", SCHEDULERS)
def test_what_is_expected_is_what_the_scheduler_itself_expects(sd: Any, name: str) -> None:
    pipe, found = with_scheduler(sd, name), []
    from continuity.generators.diffusers.clean import Tap

    bare = latents_of(pipe)

    class Kept(Tap):  # what the scheduler says of its own
        def __init__(self, scheduler: Any) -> None:
            step = scheduler.step

            def noted(*args: Any, **more: Any) -> Any:
                result = step(*args, **more)
                found.append([None, result[1].clone() if len(result) > 1 else None])
                return result

            import functools

            scheduler.step = functools.wraps(step)(noted)
            super().__init__(scheduler)
            inner = scheduler.step

            def last(*args: Any, **more: Any) -> Any:
                result = inner(*args, **more)
                found[-1][0] = self.clean()
                return result

            scheduler.step = functools.wraps(step)(last)

    tapped = latents_of(pipe, Kept)
    assert torch.equal(bare, tapped), "to listen changes nothing"
    assert len(found) >= STEPS
    assert all(mine is not None and mine.shape == bare.shape for mine, _ in found)
    own = [(mine, theirs) for mine, theirs in found if theirs is not None]
    assert bool(own) == (not name.startswith(("DPM", "UniPC", "PNDM", "FlowMatch")))
    for mine, theirs in own:
        assert torch.allclose(mine, theirs, rtol=1e-5, atol=2e-5 * float(theirs.abs().max()))
    if name in ENDS:
        assert torch.allclose(found[-1][0], tapped, atol=1e-5 * float(tapped.abs().max()))


@pytest.mark.parametrize("name", ["sd3", "flux"])
def test_a_straight_flow_ends_where_it_expected_to(shared: Any, name: str) -> None:
    from continuity.generators.diffusers.clean import Tap

    pipe, taps = shared(name), []
    bare = latents_of(pipe, **ARGUMENTS[name])
    tapped = latents_of(pipe, lambda s: taps.append(Tap(s)) or taps[0], **ARGUMENTS[name])
    assert torch.equal(bare, tapped)
    assert torch.allclose(taps[0].clean(), tapped, atol=1e-6)


def test_what_is_not_known_is_not_guessed(sd: Any) -> None:
    import diffusers

    x = torch.ones(1, 4, 2, 2)
    for kind in (diffusers.KDPM2DiscreteScheduler, diffusers.IPNDMScheduler, diffusers.DDIMScheduler):
        scheduler = kind()
        scheduler.set_timesteps(4)
        assert clean_latents(scheduler, x, None, x, None) is None
        assert clean_latents(scheduler, None, 1, x, 0) is None
    sd.scheduler = diffusers.KDPM2DiscreteScheduler.from_config(sd.scheduler.config)
    watch = Looks()
    rendered = ct.DiffusersGenerator(sd, num_inference_steps=3).render(RECIPE, watch)  # looks at what there is
    assert watch.previews
    assert np.array_equal(pixels(rendered), pixels(ct.DiffusersGenerator(sd, num_inference_steps=3).render(RECIPE)))


def pixels(rendered: Any) -> np.ndarray:
    return next(iter(rendered.media.frames())).pixels


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_watch_that_looks_and_goes_on_changes_no_byte(sd: Any, name: str) -> None:
    made = ct.DiffusersGenerator(with_scheduler(sd, name), num_inference_steps=STEPS)
    alone = pixels(made.render(RECIPE))
    with pytest.raises(Aborted):
        made.render(RECIPE, Looks(until=2))
    assert np.array_equal(pixels(made.render(RECIPE, Looks())), alone)
    assert "step" not in vars(sd.scheduler)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_abort_saves_denoiser_and_decoder(name: str) -> None:
    pipe = tiny_pipeline(name)
    denoiser = pipe.transformer if hasattr(pipe, "transformer") else pipe.unet
    calls = {"denoiser": 0, "decode": 0, "encode": 0}
    denoiser.register_forward_pre_hook(lambda *_: calls.__setitem__("denoiser", calls["denoiser"] + 1))
    for kind in ("decode", "encode"):
        own = getattr(pipe.vae, kind)

        def counted(*args: Any, kind: str = kind, own: Any = own, **more: Any) -> Any:
            calls[kind] += 1
            return own(*args, **more)

        setattr(pipe.vae, kind, counted)
    made = ct.DiffusersGenerator(pipe, num_inference_steps=STEPS, **ARGUMENTS[name])

    def spent(watch: Looks | None) -> dict[str, int]:
        calls.update(denoiser=0, decode=0, encode=0)
        try:
            made.render(RECIPE, watch)
        except Aborted as aborted:
            assert aborted.cost is not None
            assert aborted.cost.steps_run == 3
            assert aborted.cost.preview > 0
        return dict(calls)

    assert spent(None) == {"denoiser": STEPS, "decode": 1, "encode": 0}
    first = spent(Looks(until=3))
    assert (first["denoiser"], first["decode"]) == (3, 0)
    assert first["encode"] > 0  # the linear map is fitted, once
    assert spent(Looks(until=3)) == {"denoiser": 3, "decode": 0, "encode": 0}
    assert spent(Looks()) == {"denoiser": STEPS, "decode": 1, "encode": 0}


def test_a_linear_map_shows_the_colours_that_a_linear_decoder_has() -> None:
    class Dist:
        def __init__(self, z: torch.Tensor) -> None:
            self.z = z

        def mode(self) -> torch.Tensor:
            return self.z

    class Vae(torch.nn.Module):
        config: Mapping[str, Any] = {"latent_channels": 4}
        dtype = torch.float32

        def encode(self, pictures: torch.Tensor) -> Any:
            pooled = torch.nn.functional.avg_pool2d(pictures, 8)
            mixed = (
                torch.einsum(
                    "bchw,cd->bdhw",
                    pooled,
                    torch.tensor([[1.0, 0.2, 0.0, 0.5], [0.0, 1.0, 0.3, 0.1], [0.4, 0.0, 1.0, 0.2]]),
                )
                + 0.3
            )
            return type("Encoded", (), {"latent_dist": Dist(mixed)})()

    vae, held_out = Vae(), torch.from_numpy(drawn(20, 64)[-4:]).permute(0, 3, 1, 2)
    weights = fit(vae, torch.device("cpu"))
    latents = vae.encode(held_out).latent_dist.mode()
    found = latents.movedim(1, -1) @ weights[:-1] + weights[-1]
    assert torch.allclose(found.movedim(-1, 1), torch.nn.functional.avg_pool2d(held_out, 8), atol=1e-4)


def test_previews_are_one_pixel_a_latent_or_what_a_given_vae_makes_of_them(shared: Any) -> None:
    from diffusers import AutoencoderTiny

    pipe = shared("sd")
    small = AutoencoderTiny(
        encoder_block_out_channels=(4,) * 4, decoder_block_out_channels=(4,) * 4,
        num_encoder_blocks=(1,) * 4, num_decoder_blocks=(1,) * 4, latent_channels=4,
    ).eval()  # fmt: skip
    linear, tiny = Looks(), Looks()
    plain = ct.DiffusersGenerator(pipe, num_inference_steps=3)
    given = ct.DiffusersGenerator(pipe, num_inference_steps=3, preview_vae=small)
    one, two = plain.render(RECIPE, linear), given.render(RECIPE, tiny)
    assert np.array_equal(pixels(one), pixels(two))
    assert linear.previews[0].shape == (8, 8, 3)
    assert tiny.previews[0].shape == (64, 64, 3)
    assert "preview" not in plain.settings
    assert given.settings["preview"]
    with pytest.raises(UsageError, match="autoencoder was wanted"):
        ct.DiffusersGenerator(pipe, preview_vae="taesd")


def test_an_encoder_that_cannot_be_used_leaves_the_whole_vae(sd: Any, caplog: pytest.LogCaptureFixture) -> None:
    def encode(*_: Any) -> Any:
        raise RuntimeError("no encoder here")

    sd.vae.encode = encode
    watch = Looks()
    rendered = ct.DiffusersGenerator(sd, num_inference_steps=3).render(RECIPE, watch)
    assert watch.previews[0].shape == pixels(rendered).shape
    assert "no encoder here" in caplog.text
