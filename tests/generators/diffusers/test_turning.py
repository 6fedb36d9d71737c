from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.errors import RenderFailed
from continuity.generators.diffusers import library
from continuity.generators.diffusers.turning import turned
from continuity.records import Json, Recipe
from continuity.records.noise import Noise
from continuity.testing.pipelines import TINY

STILL: dict[str, Any] = {"num_inference_steps": 2, "height": 32, "width": 32}
CLIP: dict[str, Any] = {**STILL, "num_frames": 5}
PICTURE: dict[str, Any] = {"image": Pil.new("RGB", (32, 32), (90, 120, 40))}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "animatediff": CLIP,
    "flux": STILL,
    "sd": STILL,
    "sd3": STILL,
    "sd_img2img": {"num_inference_steps": 3, **PICTURE},
    "sd_inpaint": {**STILL, **PICTURE, "mask_image": Pil.new("L", (32, 32), 255)},
    "sdxl": STILL,
    "wan": CLIP,
}


def digest(generator: ct.DiffusersGenerator, seed: int, noise: Json = None) -> str:
    changes: dict[str, Json] = {} if noise is None else {"noise": noise}
    return generator.render(Recipe(prompt="a bar", seed=seed, changes=changes)).media.digest


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_turn_by_0_is_the_plain_seed_to_the_byte_and_another_is_not(name: str, shared: Callable[[str], Any]) -> None:
    pipe = shared(name)
    made = ct.DiffusersGenerator(pipe, **ARGUMENTS[name])
    plain = digest(made, 1)
    near = digest(made, 2, {"from": [1], "angles": [0.3]})
    assert digest(made, 2, {"from": [1], "angles": [0]}) == plain
    assert near != plain
    assert digest(made, 2, {"from": [1], "angles": [0.3]}) == near
    assert digest(made, 3, {"from": [1, 2], "angles": [0.3, 0.0]}) == near
    assert digest(made, 3, {"from": [1], "angles": [0.3]}) != near
    assert "prepare_latents" not in vars(pipe)


def test_an_ancestral_sampler_goes_on_as_the_near_miss_did(sd: Any) -> None:
    diffusers = library.diffusers()
    sd.scheduler = diffusers.EulerAncestralDiscreteScheduler.from_config(sd.scheduler.config)
    made = ct.DiffusersGenerator(sd, **STILL)
    assert digest(made, 2, {"from": [1], "angles": [0]}) == digest(made, 1)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_what_is_drawn_is_the_interpolation_with_unit_variance(dtype: str, sd: Any) -> None:
    torch = library.torch()
    kind, angle, shape = getattr(torch, dtype), 0.7, (1, 4, 64, 64)

    def drawn(*seeds: int, angles: tuple[float, ...] = ()) -> np.ndarray:
        generator = torch.Generator("cpu").manual_seed(seeds[0])
        with turned(sd, generator, [Noise(seeds=seeds, angles=angles)]):
            made = sd.prepare_latents(1, 4, 64 * sd.vae_scale_factor, 64 * sd.vae_scale_factor, kind, "cpu", generator)
        assert made.dtype == kind
        assert tuple(made.shape) == shape
        return np.asarray(made.double().numpy())

    first, second, both = drawn(1), drawn(2), drawn(1, 2, angles=(angle,))
    assert np.allclose(both, np.cos(angle) * first + np.sin(angle) * second, atol=0.02)
    assert abs(both.std() - 1) < 0.03  # 16,384 draws
    assert abs(np.corrcoef(both.ravel(), first.ravel())[0, 1] - np.cos(angle)) < 0.03


def test_small_angles_give_pictures_that_are_nearer(sd: Any) -> None:
    made = ct.DiffusersGenerator(sd, **STILL)

    def pixels(angle: float) -> np.ndarray:
        recipe = Recipe(prompt="a bar", seed=2, changes={"noise": {"from": [1], "angles": [angle]}})
        media = made.render(recipe).media
        assert isinstance(media, ct.Image)
        return media.pixels.astype(float)

    apart = [np.abs(pixels(angle) - pixels(0)).mean() for angle in (0.05, 0.4, 1.5)]
    assert apart == sorted(apart)
    assert apart[0] < apart[2] / 3


def test_a_batch_may_have_plain_and_turned_noise(sd: Any) -> None:
    made = ct.DiffusersGenerator(sd, **STILL)
    recipes = [
        Recipe(prompt="a bar", seed=1),
        Recipe(prompt="a bar", seed=2, changes={"noise": {"from": [1], "angles": [0]}}),
        Recipe(prompt="a bar", seed=3, changes={"noise": {"from": [1], "angles": [0.5]}}),
    ]
    found = made.render_batch(recipes)
    digests = [one.media.digest for one in found if isinstance(one, ct.Rendered)]
    assert [one.recipe.details["batch"] for one in found] == [{"size": 3, "index": k} for k in range(3)]
    assert digests[0] == digests[1] != digests[2]


def test_odd_noise_in_a_batch_fails_alone(sd: Any) -> None:
    made = ct.DiffusersGenerator(sd, **STILL)
    odd: dict[str, Json] = {"noise": {"from": [1]}}
    plain, failed = made.render_batch([Recipe(prompt="a bar", seed=1), Recipe(prompt="a bar", seed=2, changes=odd)])
    assert isinstance(plain, ct.Rendered)
    assert isinstance(failed, RenderFailed)
    assert "the change noise is" in str(failed)


def drawing(*, latents: bool) -> Any:
    """A pipeline that draws its noise in its call, as custom ones do, and once more after it."""
    diffusers = library.diffusers()
    torch = library.torch()

    class Plain(diffusers.DiffusionPipeline):  # type: ignore[misc]
        def __init__(self, scheduler: Any) -> None:
            super().__init__()
            self.register_modules(scheduler=scheduler)

        def __call__(self, generator: Any = None) -> Any:
            drawn = [torch.randn((1, 3, 8, 8), generator=generator) for _ in range(2)]
            images = (torch.stack(drawn).mean(0) / 4 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
            return diffusers.ImagePipelineOutput(images=self.numpy_to_pil(images))

    class Latents(Plain):
        def __call__(self, generator: Any = None, latents: Any = None) -> Any:
            return super().__call__(generator)

    return (Latents if latents else Plain)(diffusers.DDIMScheduler())


def test_a_pipeline_that_draws_in_its_call() -> None:
    made = ct.DiffusersGenerator(drawing(latents=True))
    assert digest(made, 2, {"from": [1], "angles": [0]}) == digest(made, 1)
    assert digest(made, 2, {"from": [1], "angles": [0.5]}) != digest(made, 1)
    torch = library.torch()

    def drawn(seed: int) -> list[Any]:
        generator = torch.Generator("cpu").manual_seed(seed)
        return [torch.randn((1, 3, 8, 8), generator=generator) for _ in range(2)]

    one, two = drawn(1), drawn(2)
    wanted = ((np.cos(0.5) * one[0] + np.sin(0.5) * two[0] + one[1]) / 2 / 4 + 0.5).clamp(0, 1)[0].permute(1, 2, 0)
    recipe = Recipe(seed=2, changes={"noise": {"from": [1], "angles": [0.5]}})
    media = made.render(recipe).media
    assert isinstance(media, ct.Image)
    assert np.abs(media.pixels - wanted.numpy() * 255).max() <= 1  # the first draw is turned, the second is not


def test_what_cannot_be_turned_is_a_sentence(sd: Any) -> None:
    noise: Json = {"from": [1], "angles": [0.5]}
    with pytest.raises(RenderFailed, match="Plain has neither"):
        digest(ct.DiffusersGenerator(drawing(latents=False)), 2, noise)
    torch = library.torch()
    given = ct.DiffusersGenerator(sd, latents=torch.randn((1, 4, 16, 16)), **STILL)
    with pytest.raises(RenderFailed, match="its latents are given"):
        digest(given, 2, noise)
    with pytest.raises(RenderFailed, match=r'the change noise is \{"from"'):
        digest(ct.DiffusersGenerator(sd, **STILL), 2, {"from": [1]})
    sd.prepare_latents = lambda *args, **more: torch.zeros((1, 4, 16, 16))
    with pytest.raises(RenderFailed, match="StableDiffusionPipeline drew none"):
        digest(ct.DiffusersGenerator(sd, **STILL), 2, noise)
    assert sd.prepare_latents.__name__ == "<lambda>"  # as the user left it


def test_it_is_the_change_that_a_recipe_keeps(shared: Callable[[str], Any]) -> None:
    noise: Json = {"from": [1], "angles": [0.5]}
    made = ct.DiffusersGenerator(shared("sd"), **STILL)
    rendered = made.render(Recipe(prompt="a bar", seed=2, changes={"noise": noise}))
    assert rendered.recipe.seed == 2
    assert rendered.recipe.changes == {"noise": noise}
    assert made.render(rendered.recipe).media.digest == rendered.media.digest


def test_tiny_pipelines_are_all_tried() -> None:

    assert set(ARGUMENTS) == set(TINY)
