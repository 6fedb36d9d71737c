from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pil

import continuity as ct
from continuity.errors import Aborted, RenderFailed, UsageError
from continuity.interfaces import BatchGenerator, InputGenerator
from continuity.records import Cost, Json, Recipe, Rendered
from continuity.testing.contracts import plain_json

STEPS = 3
ARGUMENTS: dict[str, dict[str, Any]] = {
    "sd": {},
    "sdxl": {"guidance_scale": 4.0},
    "sd3": {},
    "flux": {"height": 64, "width": 64, "max_sequence_length": 32},
    "animatediff": {"num_frames": 2, "height": 64, "width": 64},
    "wan": {"num_frames": 5, "height": 32, "width": 32},
}
RECIPE = Recipe(prompt="mara at the bar, 85mm", seed=7)
OWN_CACHES = ("_conv_num", "_conv_idx", "_feat_map", "_enc_conv_num", "_enc_conv_idx", "_enc_feat_map")  # of Wan's VAE
Shared = Callable[[str], Any]


def picture(level: int = 128, mode: str = "RGB", size: int = 64) -> Any:
    noise = np.random.default_rng(level).integers(0, 255, (size, size, 3), dtype=np.uint8)
    return Pil.fromarray(noise).convert(mode)


def generator(pipe: Any, **arguments: Any) -> ct.DiffusersGenerator:
    return ct.DiffusersGenerator(pipe, **{"num_inference_steps": STEPS, **arguments})


def pixels(media: Any) -> list[np.ndarray]:
    return [frame.pixels for frame in media.frames()]


def bare(pipe: Any, seed: int = RECIPE.seed, prompt: str = RECIPE.prompt, **arguments: Any) -> list[np.ndarray]:
    """The pixels of a call as anybody makes it without this package."""
    quiet = dict(vars(pipe))
    pipe.set_progress_bar_config(disable=True)
    try:
        result = pipe(
            prompt,
            generator=torch.Generator().manual_seed(seed),
            **{"num_inference_steps": STEPS, **arguments},
        )
    finally:
        if "_progress_bar_config" not in quiet:
            del pipe._progress_bar_config
    items = result.images if hasattr(result, "images") else result.frames
    frames = [items[0]] if hasattr(result, "images") else list(items[0])
    arrays = [np.asarray(one) for one in frames]
    return [a if a.dtype == np.uint8 else (a * 255).round().astype(np.uint8) for a in arrays]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


class Says:
    """A watch that goes on up to a step, and looks or not."""

    settings: Mapping[str, Json] = {}

    def __init__(self, until: int = 99, *, looks: bool = False) -> None:
        self.until, self.looks = until, looks
        self.asked: list[tuple[int, int]] = []
        self.previews: list[np.ndarray] = []

    def look(self, step: int, steps: int, preview: Callable[[], ct.Image]) -> bool:
        self.asked.append((step, steps))
        if self.looks:
            self.previews.append(preview().pixels)
        return step < self.until


@contextmanager
def left_alone(pipe: Any) -> Iterator[None]:
    """Everything that an attribute of pipe, scheduler or VAE can be is the same object afterwards; what the pipeline
    notes about its own call (``_guidance_scale`` and the like) may have another value, no name is new."""
    bare_call = {"_guidance_scale", "_num_timesteps", "_interrupt", "_current_timestep", "_attention_kwargs"}
    parts = [pipe.scheduler, *(p for p in pipe.components.values() if isinstance(p, torch.nn.Module))]
    before, own = [dict(vars(one)) for one in parts], dict(vars(pipe))
    state = torch.random.get_rng_state()
    yield
    assert [dict(vars(one)).keys() for one in parts] == [b.keys() for b in before]
    for one, was in zip(parts, before, strict=True):
        assert all(vars(one)[n] is value or n in OWN_CACHES for n, value in was.items())
    assert set(vars(pipe)) == set(own)
    assert all(vars(pipe)[n] is value or n in bare_call or n.startswith("_") for n, value in own.items())
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_same_seed_gives_the_same_bytes_in_the_loop_and_out_of_it(shared: Shared, name: str) -> None:
    pipe = shared(name)
    outside = bare(pipe, **ARGUMENTS[name])
    with left_alone(pipe):
        rendered = generator(pipe, **ARGUMENTS[name]).render(RECIPE)
    assert same(pixels(rendered.media), outside)
    assert same(bare(pipe, **ARGUMENTS[name]), outside)
    assert not same(bare(pipe, seed=8, **ARGUMENTS[name]), outside)
    assert rendered.cost.steps_run == rendered.cost.steps_planned == STEPS
    assert rendered.cost.render > 0
    assert rendered.cost.decode > 0
    assert rendered.cost.device == "cpu"


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_batch_is_one_call_with_a_generator_each(shared: Shared, name: str) -> None:
    pipe = shared(name)
    recipes = [Recipe(prompt=f"take {k}", seed=100 + k) for k in range(3)]
    made = generator(pipe, **ARGUMENTS[name])
    bare(pipe, **ARGUMENTS[name])
    with left_alone(pipe):
        batch = made.render_batch(recipes)
    for k, (recipe, one) in enumerate(zip(recipes, batch, strict=True)):
        assert isinstance(one, Rendered)
        assert one.recipe.details["batch"] == {"size": 3, "index": k}
        assert one.recipe.details["arguments"]["prompt"] == recipe.prompt
        alone = made.render(recipe)
        assert alone.recipe.details["batch"] == {"size": 1, "index": 0}
        far = [np.abs(a.astype(int) - b).max() for a, b in zip(pixels(one.media), pixels(alone.media), strict=True)]
        assert max(far) <= 2  # close, not identical: a batch adds up in another order
    costs = {one.cost for one in batch if isinstance(one, Rendered)}
    assert len(costs) == 1
    assert same(pixels(batch[1].media), pixels(made.render_batch(recipes)[1].media))


def test_a_batch_that_cannot_be_one_call_is_rendered_one_after_another(shared: Shared) -> None:
    made = generator(shared("sd"))
    changed = [Recipe(prompt="a", seed=1, changes={"guidance_scale": g}) for g in (2.0, 3.0)]
    alone = [made.render(one) for one in changed]
    for one, other in zip(made.render_batch(changed), alone, strict=True):
        assert same(pixels(one.media), pixels(other.media))
        assert one.recipe.details["batch"] == {"size": 1, "index": 0}
    latents = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(0))
    fixed = generator(shared("sd"), latents=latents).render_batch([Recipe(prompt="a"), Recipe(prompt="b")])
    assert [one.recipe.details["batch"]["size"] for one in fixed] == [1, 1]
    with_texts = generator(shared("sd"), negative_prompt="blurry").render_batch([Recipe(prompt="a"), Recipe(seed=1)])
    assert [one.recipe.details["batch"]["size"] for one in with_texts] == [2, 2]
    differing = [Recipe(changes={"prompt": text}) for text in ("a", "b")]
    assert [one.recipe.details["batch"]["size"] for one in made.render_batch(differing)] == [2, 2]


def test_a_bad_change_fails_alone_in_a_batch(shared: Shared) -> None:
    batch = generator(shared("sd")).render_batch([Recipe(seed=1), Recipe(seed=2, changes={"guidance_scal": 3})])
    assert isinstance(batch[0], Rendered)
    assert isinstance(batch[1], RenderFailed)
    assert "guidance_scale" in str(batch[1])


def test_it_fits_the_seams(shared: Shared) -> None:
    made = generator(shared("sd"))
    assert isinstance(made, BatchGenerator)
    assert isinstance(made, InputGenerator)
    assert repr(made) == "DiffusersGenerator(StableDiffusionPipeline)"


def test_prompt_and_changes_reach_the_call(shared: Shared) -> None:
    pipe = shared("sd")
    own = generator(pipe, prompt="own words").render(RECIPE)
    assert same(pixels(own.media), bare(pipe, prompt="own words"))
    changes: dict[str, Json] = {"guidance_scale": 2, "negative_prompt": "dark", "num_inference_steps": 4, "prompt": "x"}
    changed = generator(pipe).render(Recipe(prompt="y", seed=7, changes=changes))
    wanted = bare(pipe, prompt="x", guidance_scale=2, negative_prompt="dark", num_inference_steps=4)
    assert same(pixels(changed.media), wanted)
    assert changed.cost.steps_planned == 4
    assert changed.recipe.details["arguments"]["guidance_scale"] == 2
    sized = generator(shared("sdxl"), original_size=(64, 64)).render(Recipe(changes={"original_size": [128, 64]}))
    assert sized.recipe.details["arguments"]["original_size"] == [128, 64]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"guidance_scal": 6}, "nearest is 'guidance_scale'"),
        ({"generator": 6}, "not yours to set"),
        ({"callback_on_step_end": 6}, "function"),
        ({"num_images_per_prompt": 2}, "use batch"),
        ({"output_type": "latent"}, "output_type"),
        ({"prompt": ["a", "b"]}, "list of 2"),
        ({"adapter:mara": 0.5}, "'mara'"),
        ({"ip_adapter_scale": 0.5}, "no IP-Adapter"),
        ({"prompt": 5}, "has to be of type"),
        ({"guidance_scale": "six"}, "TypeError"),
    ],
)
def test_changes_that_cannot_be_fail_with_a_sentence(shared: Shared, changes: dict[str, Json], said: str) -> None:
    pipe = shared("sd")
    bare(pipe)
    with left_alone(pipe), pytest.raises(RenderFailed, match="StableDiffusionPipeline failed") as failed:
        generator(pipe).render(Recipe(changes=changes))
    assert said in str(failed.value)
    assert failed.value.cost is not None
    assert failed.value.cost.steps_run == 0
    assert failed.value.recipe is not None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"guidance": 6}, "nearest is 'guidance_"),
        ({"generator": torch.Generator()}, "not yours to set"),
        ({"return_dict": False}, "not yours to set"),
        ({"num_images_per_prompt": 4}, "use batch"),
        ({"output_type": "latent"}, "pil, np, pt"),
        ({"rate": 0}, "rate"),
        ({"rate": True}, "rate"),
        ({"files": {"prompt": "x"}}, "cannot be read"),
        ({"latents": Path("nowhere.npy")}, "nowhere.npy cannot be read"),
        ({"image": 1}, "StableDiffusionPipeline"),
    ],
)
def test_arguments_that_cannot_be_are_refused_at_once(shared: Shared, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ct.DiffusersGenerator(shared("sd"), **arguments)


@pytest.mark.parametrize("pipe", [None, "a/model", lambda seed: None, object()])
def test_what_is_no_pipeline_is_refused(pipe: Any) -> None:
    with pytest.raises(UsageError, match=r"diffusers\.DiffusionPipeline was wanted"):
        ct.DiffusersGenerator(pipe)


@pytest.mark.parametrize("kind", ["pil", "np", "pt"])
def test_output_types_give_the_same_pixels(shared: Shared, kind: str) -> None:
    for name in ("sd", "animatediff"):
        rendered = generator(shared(name), output_type=kind, **ARGUMENTS[name]).render(RECIPE)
        assert same(pixels(rendered.media), bare(shared(name), **ARGUMENTS[name]))


def test_clips_have_the_rate_that_was_said(shared: Shared) -> None:
    arguments = ARGUMENTS["animatediff"]
    assert generator(shared("animatediff"), rate=8, **arguments).render(RECIPE).media.rate == 8
    assert generator(shared("animatediff"), **arguments).render(RECIPE).media.rate == 24


# Watching


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_watch_that_looks_changes_no_byte(shared: Shared, name: str) -> None:
    pipe, watch = shared(name), Says(looks=True)
    alone = bare(pipe, **ARGUMENTS[name])
    with left_alone(pipe):
        rendered = generator(pipe, preview_vae=pipe.vae, **ARGUMENTS[name]).render(RECIPE, watch)
    assert same(pixels(rendered.media), alone)
    assert watch.asked == [(k, STEPS) for k in range(1, STEPS + 1)]
    assert rendered.cost.preview > 0
    assert all(p.shape == alone[0].shape for p in watch.previews)
    shown = alone[1 if name == "animatediff" else 0]  # the middle frame, or the first where the VAE decodes in time
    if name == "sdxl" or "FlowMatch" in type(pipe.scheduler).__name__:
        assert np.abs(watch.previews[-1].astype(int) - shown).max() <= 1


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_watch_that_says_no_stops_there_and_the_pipe_stays_usable(shared: Shared, name: str) -> None:
    pipe = shared(name)
    outside = bare(pipe, **ARGUMENTS[name])
    made = generator(pipe, **ARGUMENTS[name])
    with left_alone(pipe), pytest.raises(Aborted, match="step 2 of 3") as aborted:
        made.render(RECIPE, Says(until=2))
    cost = aborted.value.cost
    assert isinstance(cost, Cost)
    assert (cost.steps_run, cost.steps_planned, cost.decode) == (2, STEPS, 0.0)
    assert aborted.value.recipe is not None
    assert aborted.value.recipe.details["pipeline"]["class"] == type(pipe).__name__
    assert same(pixels(made.render(RECIPE).media), outside)


def test_the_users_own_callback_is_called_too(shared: Shared) -> None:
    seen: list[set[str]] = []

    def own(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append(set(tensors))
        return {"prompt_embeds": tensors["prompt_embeds"]}

    arguments = {"callback_on_step_end": own, "callback_on_step_end_tensor_inputs": ["prompt_embeds"]}
    made = generator(shared("sd"), **arguments)
    alone = made.render(RECIPE)
    watch = Says(looks=True)
    watched = made.render(RECIPE, watch)
    assert seen == [{"prompt_embeds"}] * STEPS * 2
    assert len(watch.previews) == STEPS
    assert same(pixels(alone.media), pixels(watched.media))
    assert plain_json(dict(made.settings))


def test_the_cut_off_callback_of_the_library_works_with_a_watch(shared: Shared) -> None:
    from diffusers.callbacks import SDCFGCutoffCallback

    made = generator(shared("sd"), callback_on_step_end=SDCFGCutoffCallback(cutoff_step_ratio=0.4))
    alone, watched = made.render(RECIPE), made.render(RECIPE, Says())
    assert same(pixels(alone.media), pixels(watched.media))
    assert not same(pixels(alone.media), bare(shared("sd")))
    recorded = alone.recipe.details["arguments"]["callback_on_step_end"]
    assert recorded["config"]["cutoff_step_ratio"] == 0.4


def test_what_a_watch_raises_is_a_failure_that_leaves_nothing(shared: Shared) -> None:
    class Breaks(Says):
        def look(self, step: int, steps: int, preview: Callable[[], ct.Image]) -> bool:
            raise ValueError("no such metric")

    pipe = shared("sd")
    bare(pipe)
    with left_alone(pipe), pytest.raises(RenderFailed, match="ValueError: no such metric"):
        generator(pipe).render(RECIPE, Breaks())
    with left_alone(pipe), pytest.raises(KeyboardInterrupt):
        watch = Says()
        watch.look = lambda *given: (_ for _ in ()).throw(KeyboardInterrupt())  # type: ignore[method-assign]
        generator(pipe).render(RECIPE, watch)


# Failures


@contextmanager
def hooked(module: Any, hook: Callable[..., Any]) -> Iterator[None]:
    """A forward hook, as the real failure would come out of the real module."""
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def test_numbers_that_are_none_are_a_failure_with_a_sentence(shared: Shared, recwarn: pytest.WarningsRecorder) -> None:
    for name in ("sd", "wan"):
        pipe = shared(name)
        alone = bare(pipe, **ARGUMENTS[name])
        made = generator(pipe, **ARGUMENTS[name])
        breaks = hooked(pipe.vae.decoder, lambda module, given, out: out.fill_(float("nan")))
        with breaks, left_alone(pipe), pytest.raises(RenderFailed, match="no numbers") as failed:
            made.render(RECIPE)
        assert failed.value.cost is not None
        assert failed.value.cost.steps_run == STEPS
        assert same(pixels(made.render(RECIPE).media), alone)
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


def test_in_a_batch_only_the_broken_item_fails(shared: Shared, recwarn: pytest.WarningsRecorder) -> None:
    def second(module: Any, given: Any, out: Any) -> None:
        out[len(out) // 3 : 2 * len(out) // 3, :, :2] = float("inf")

    recipes = [Recipe(prompt=f"take {k}", seed=k) for k in range(3)]
    for name in ("sd", "animatediff"):
        made = generator(shared(name), **ARGUMENTS[name])
        alone = made.render_batch(recipes)
        with hooked(shared(name).vae.decoder, second):
            batch = made.render_batch(recipes)
        assert [type(one) for one in batch] == [Rendered, RenderFailed, Rendered]
        assert "no numbers" in str(batch[1])
        assert same(pixels(batch[2].media), pixels(alone[2].media))
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


def test_black_is_a_failure_in_every_kind_of_output(shared: Shared) -> None:
    for name in ("sd", "animatediff", "wan"):
        pipe = shared(name)
        blackens = hooked(pipe.vae.decoder, lambda module, given, out: out.fill_(-1.0))
        with blackens, pytest.raises(RenderFailed, match="black all over") as failed:
            generator(pipe, **ARGUMENTS[name]).render(RECIPE)
        assert failed.value.cost is not None


def test_what_the_safety_checker_refuses_is_a_failure(sd: Any) -> None:
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {**size, "image_size": 32, "patch_size": 16}
    checker = StableDiffusionSafetyChecker(CLIPConfig(text_config=size, vision_config=vision, projection_dim=16)).eval()
    sd.register_modules(
        safety_checker=checker,
        feature_extractor=CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
    )
    passes = {"special": 2.0, "concept": 2.0}
    for flagged in (False, True):
        level = -2.0 if flagged else passes["concept"]
        checker.concept_embeds_weights.data.fill_(level)
        checker.special_care_embeds_weights.data.fill_(passes["special"])
        if not flagged:
            assert isinstance(generator(sd).render(RECIPE), Rendered)
        else:
            with pytest.raises(RenderFailed, match="safety checker"):
                generator(sd).render(RECIPE)


def test_out_of_memory_is_a_failure_with_advice(shared: Shared) -> None:
    pipe = shared("sd")
    alone = bare(pipe)

    def huge(module: Any, given: Any, out: Any) -> Any:
        return torch.empty(2**48, dtype=torch.uint8)  # the allocator's own error

    def cuda(module: Any, given: Any, out: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")

    for hook in (huge, cuda):
        with hooked(pipe.unet, hook), left_alone(pipe):
            with pytest.raises(RenderFailed, match=r"out of memory .*use a smaller picture") as failed:
                generator(pipe).render(RECIPE)
            assert failed.value.cost is not None
            batch = generator(pipe).render_batch([RECIPE, RECIPE])
        assert len(batch) == 2
        assert all(isinstance(one, RenderFailed) and "smaller batch than 2" in str(one) for one in batch)
        assert [one.recipe.details["batch"]["index"] for one in batch] == [0, 1]
        assert all(one.cost.render > 0 for one in batch)
    assert same(bare(pipe), alone)


def test_a_pipeline_that_fails_midway_says_how_far_it_came(shared: Shared) -> None:
    pipe = shared("sdxl")
    bare(pipe)
    calls: list[int] = []

    def breaks(module: Any, given: Any, out: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("shapes differ")

    with hooked(pipe.unet, breaks), left_alone(pipe), pytest.raises(RenderFailed, match="shapes differ") as failed:
        generator(pipe).render(RECIPE)
    assert failed.value.cost is not None
    assert (failed.value.cost.steps_run, failed.value.cost.steps_planned) == (2, STEPS)


def test_a_vae_that_was_cast_for_decoding_is_cast_back(sd: Any) -> None:
    """What SDXL does to a VAE in half precision: a failure in between would leave it in float32."""

    def cast(module: Any, given: Any, out: Any) -> Any:
        sd.vae.to(torch.float32)
        raise RuntimeError("out of memory")

    sd.vae.to(torch.bfloat16)
    with hooked(sd.vae.post_quant_conv, cast), pytest.raises(RenderFailed):
        generator(sd).render(RECIPE)
    assert sd.vae.dtype == torch.bfloat16


# The user's own settings


def test_the_progress_bar_is_the_users(sd: Any, capsys: pytest.CaptureFixture[str]) -> None:
    generator(sd).render(RECIPE)
    assert capsys.readouterr().err == ""
    sd.set_progress_bar_config(desc="ours", disable=False)
    generator(sd).render(RECIPE)
    assert "ours" in capsys.readouterr().err
    assert sd._progress_bar_config == {"desc": "ours", "disable": False}


def test_a_decode_of_the_users_own_stays(sd: Any) -> None:
    real = sd.vae.decode
    calls: list[int] = []

    def own(*given: Any, **more: Any) -> Any:
        calls.append(1)
        return real(*given, **more)

    sd.vae.decode = own
    generator(sd).render(RECIPE)
    assert sd.vae.decode is own
    assert calls == [1]


def test_slicing_and_tiling_are_kept_and_recorded(sd: Any) -> None:
    sd.vae.enable_tiling()
    sd.enable_attention_slicing()
    rendered = generator(sd).render(RECIPE)
    assert sd.vae.use_tiling
    assert rendered.recipe.details["pipeline"]["vae"] == {"slicing": False, "tiling": True}
    assert rendered.recipe.details["pipeline"]["attention"] == "SlicedAttnProcessor"
    assert same(pixels(rendered.media), bare(sd))


@pytest.mark.parametrize(
    "name",
    ["EulerAncestralDiscreteScheduler", "DPMSolverMultistepScheduler", "DDPMScheduler", "HeunDiscreteScheduler",
     "UniPCMultistepScheduler", "PNDMScheduler"],
)  # fmt: skip
def test_schedulers_with_state_and_noise_give_the_same_bytes(sd: Any, name: str) -> None:
    import diffusers

    sd.scheduler = getattr(diffusers, name).from_config(
        sd.scheduler.config, **({"skip_prk_steps": True} if "PNDM" in name else {})
    )
    outside, made = bare(sd), generator(sd)
    assert same(pixels(made.render(RECIPE).media), outside)
    with pytest.raises(Aborted):
        made.render(Recipe(seed=1), Says(until=1))
    rendered = made.render(RECIPE)
    assert same(pixels(rendered.media), outside)
    assert same(pixels(made.render(RECIPE, Says(looks=True)).media), outside)
    assert rendered.recipe.details["pipeline"]["scheduler"]["class"] == name
    assert plain_json(rendered.recipe.to_json())
    assert plain_json(dict(made.settings))


# Pictures in


def test_image_to_image_and_inpainting(shared: Shared) -> None:
    start, mask = picture(1), Pil.fromarray(np.pad(np.full((32, 32), 255, np.uint8), 16))
    given: dict[str, dict[str, Any]] = {
        "sd_img2img": {"image": start, "strength": 0.7},
        "sd_inpaint": {"image": start, "mask_image": mask, "height": 64, "width": 64},
    }
    for name, arguments in given.items():
        pipe = shared(name)
        made = generator(pipe, **arguments)
        outside = bare(pipe, **arguments)
        with left_alone(pipe):
            rendered = made.render(RECIPE)
        assert same(pixels(rendered.media), outside)
        roles = {role for role in arguments if role.endswith("image")}
        assert set(rendered.recipe.inputs) == roles
        assert roles.isdisjoint(rendered.recipe.details["arguments"])
        assert rendered.cost.steps_run == rendered.cost.steps_planned == (2 if name == "sd_img2img" else STEPS)
        kept = made.inputs(rendered.recipe)
        assert {role: medium.digest for role, medium in kept.items()} == rendered.recipe.inputs
        other = generator(pipe, **{**arguments, "image": picture(2)})
        assert not same(pixels(other.render(RECIPE).media), outside)
        assert same(pixels(other.with_inputs(kept).render(RECIPE).media), outside)
        assert not same(pixels(other.render(RECIPE).media), outside)
        batch = made.render_batch([RECIPE, Recipe(seed=9, prompt="b")])
        assert np.abs(pixels(batch[0].media)[0].astype(int) - outside[0]).max() <= 2
        assert batch[1].recipe.details["batch"] == {"size": 2, "index": 1}
    assert made.settings["inputs"] != other.settings["inputs"]


def test_a_control_picture(shared: Shared) -> None:
    from diffusers import ControlNetModel, StableDiffusionControlNetPipeline

    parts = shared("sd").components
    control = ControlNetModel.from_unet(parts["unet"], conditioning_embedding_out_channels=(4, 4, 8, 8)).eval()
    random = torch.Generator().manual_seed(0)
    for weight in control.parameters():  # what is new in it begins at zero
        weight.data += 0.1 * torch.randn(weight.shape, generator=random)
    pipe = StableDiffusionControlNetPipeline(**parts, controlnet=control, requires_safety_checker=False)
    made = generator(pipe, image=picture(1))
    rendered = made.render(RECIPE)
    assert same(pixels(rendered.media), bare(pipe, image=picture(1)))
    assert not same(pixels(rendered.media), bare(pipe, image=picture(2)))
    assert set(rendered.recipe.inputs) == {"image"}
    batch = made.render_batch([RECIPE, Recipe(seed=2)])
    assert [one.recipe.details["batch"]["size"] for one in batch] == [2, 2]
    assert np.abs(pixels(batch[0].media)[0].astype(int) - pixels(rendered.media)[0]).max() <= 2


def test_paths_are_inputs_and_changes_of_them_are_paths(shared: Shared, tmp_path: Path) -> None:
    for level in (1, 2):
        picture(level).save(tmp_path / f"{level}.png")
    pipe = shared("sd_img2img")
    made = generator(pipe, image=tmp_path / "1.png")
    assert same(pixels(made.render(RECIPE).media), bare(pipe, image=picture(1)))
    other = Recipe(prompt=RECIPE.prompt, seed=RECIPE.seed, changes={"image": str(tmp_path / "2.png")})
    rendered = made.render(other)
    assert same(pixels(rendered.media), bare(pipe, image=picture(2)))
    kept = {role: medium.read() for role, medium in made.inputs(other).items()}
    assert kept["image"] == (tmp_path / "2.png").read_bytes()
    stored = made.inputs(other)
    held = {"image": type(stored["image"]).of_bytes(kept["image"], ".png")}
    (tmp_path / "2.png").unlink()
    assert same(pixels(made.with_inputs(held).render(rendered.recipe).media), pixels(rendered.media))
    for wrong in (str(tmp_path / "2.png"), 5, None, ""):
        with pytest.raises(RenderFailed, match=r"cannot be read|is a path"):
            made.render(Recipe(changes={"image": wrong}))


def test_neither_the_caller_nor_the_pipe_changes_an_input(shared: Shared) -> None:
    array = np.random.default_rng(0).random((1, 64, 64, 3)).astype(np.float32)
    made = generator(shared("sd_img2img"), image=array)
    first = made.render(RECIPE)
    array[:] = 0
    again = made.render(RECIPE)
    assert same(pixels(first.media), pixels(again.media))
    assert first.recipe.inputs == again.recipe.inputs


def test_files_are_kept_and_checked(shared: Shared, tmp_path: Path) -> None:
    (tmp_path / "mara.safetensors").write_bytes(b"weights")
    made = generator(shared("sd"), files={"adapter:mara": tmp_path / "mara.safetensors"})
    rendered = made.render(RECIPE)
    kept = made.inputs(RECIPE)
    assert rendered.recipe.inputs == {"adapter:mara": kept["adapter:mara"].digest}
    assert kept["adapter:mara"].read() == b"weights"
    made.with_inputs(kept)
    wrong = {"adapter:mara": type(kept["adapter:mara"]).of_bytes(b"others", ".safetensors")}
    with pytest.raises(UsageError, match="load the wanted file"):
        made.with_inputs(wrong)
    with pytest.raises(UsageError, match="nearest is"):
        made.with_inputs({"start_frame": wrong["adapter:mara"]})


# The recipe


def test_the_recipe_says_all_that_a_render_needs(shared: Shared) -> None:
    rendered = generator(shared("sdxl"), guidance_rescale=0.5, clip_skip=1).render(RECIPE)
    details = json.loads(json.dumps(rendered.recipe.details, allow_nan=False))
    assert details["generator"] == "DiffusersGenerator"
    pipeline, arguments, environment = (details[k] for k in ("pipeline", "arguments", "environment"))
    assert pipeline["class"] == "StableDiffusionXLPipeline"
    assert pipeline["scheduler"]["config"]["beta_schedule"] == "scaled_linear"
    assert set(pipeline["components"]) == {
        "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet", "vae",
    }  # fmt: skip
    assert all(len(part["digest"]) == 64 for part in pipeline["components"].values())
    assert pipeline["components"]["unet"]["dtype"] == "float32"
    assert arguments["prompt"] == RECIPE.prompt
    assert (arguments["guidance_scale"], arguments["guidance_rescale"], arguments["clip_skip"]) == (5.0, 0.5, 1)
    assert arguments["eta"] == 0.0
    assert len(details["schedule"]["timesteps"]) == STEPS
    assert len(details["schedule"]["sigmas"]) == STEPS + 1
    assert environment["threads"] == 1
    assert environment["device"] == environment["generator_device"] == "cpu"
    assert environment["cpu"] == torch.backends.cpu.get_cpu_capability()
    assert {"torch", "diffusers", "transformers", "tokenizers", "numpy", "pillow", "python"} <= set(
        environment["versions"]
    )


def test_settings_move_with_what_moves_the_distribution_and_with_nothing_else(sd: Any) -> None:
    made = generator(sd)
    before = dict(made.settings)
    made.render(RECIPE)
    assert dict(made.settings) == before == dict(generator(sd).settings)
    assert plain_json(before)
    assert dict(generator(sd, guidance_scale=3.0).settings) != before
    sd.scheduler = type(sd.scheduler).from_config(sd.scheduler.config, eta=0.0, timestep_spacing="trailing")
    assert dict(made.settings) != before


# Over time


@pytest.mark.slow
def test_memory_is_flat_over_two_hundred_renders(sd: Any) -> None:
    import gc

    import psutil

    made, memory = generator(sd), psutil.Process().memory_info
    for seed in range(40):
        made.render(Recipe(seed=seed))
    gc.collect()
    before = memory().rss
    for seed in range(200):
        made.render(Recipe(seed=seed))
    gc.collect()
    assert memory().rss - before < 8 * 2**20
