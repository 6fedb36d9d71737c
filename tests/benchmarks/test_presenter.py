"""The presenter as a pipeline: by seed, in the loop, watched, stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

import continuity as ct
from continuity.errors import Aborted, RenderFailed, UsageError
from continuity.media import Image
from continuity.records import Json, Recipe
from continuity.testing import GeneratorContract
from presenter import SETTINGS, PresenterPipeline, gate, identity, pipeline
from presenter.drawing import SIDE, TIES, frame
from presenter.network import CONFIG, WEIGHTS, patches, pixels
from presenter.oracle import SET, faults

SCHEDULERS = [
    "DDIMScheduler",
    "DDPMScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
]


@pytest.fixture(scope="module")
def pipe() -> PresenterPipeline:
    """As it ships; tests that change it make their own."""
    return pipeline()


def seeded(seed: int) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


def shown(rendered: Any) -> np.ndarray:
    return next(iter(rendered.media.frames())).pixels


class Looks:
    """Keeps the previews, and goes on until a step."""

    def __init__(self, stop: int = 99) -> None:
        self.stop = stop
        self.previews: list[np.ndarray] = []

    @property
    def settings(self) -> dict[str, Json]:
        return {}

    def look(self, step: int, steps: int, preview: Callable[[], Image]) -> bool:
        self.previews.append(preview().pixels)
        return step < self.stop


class TestGenerator(GeneratorContract):
    @pytest.fixture
    def generator(self, pipe: PresenterPipeline) -> ct.DiffusersGenerator:
        return ct.DiffusersGenerator(pipe, tie="blue", num_inference_steps=3)


def test_the_weights_that_ship_are_small_and_say_what_they_are() -> None:
    import json

    assert WEIGHTS.stat().st_size <= 3_000_000
    assert json.loads(CONFIG.read_text())["classes"] == [*TIES]


def test_a_seed_is_a_picture(pipe: PresenterPipeline) -> None:
    one, two, other = (
        pipe(tie="red", num_inference_steps=3, generator=seeded(s), output_type="np").images for s in (1, 1, 2)
    )
    assert one.shape == (1, SIDE, SIDE, 3)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_a_list_of_generators_is_a_batch(pipe: PresenterPipeline) -> None:
    call = {"tie": "gold", "guidance_scale": 2.0, "num_inference_steps": 3, "output_type": "np"}
    both = pipe(generator=[seeded(5), seeded(6)], **call).images
    alone = [pipe(generator=seeded(s), **call).images[0] for s in (5, 6)]
    assert np.allclose(both, alone, atol=1e-4)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_loop_draws_the_bytes_that_the_pipeline_draws(pipe: PresenterPipeline, name: str) -> None:
    scheduler = getattr(diffusers, name).from_config(pipe.scheduler.config)
    own = PresenterPipeline(unet=pipe.unet, scheduler=scheduler)
    own.set_progress_bar_config(disable=True)
    call = {"tie": "red", "guidance_scale": 1.5, "num_inference_steps": 6}
    bare = np.asarray(own(generator=seeded(9), **call).images[0])
    generator, watch = ct.DiffusersGenerator(own, **call), Looks()
    assert np.array_equal(shown(generator.render(Recipe(seed=9))), bare)
    assert np.array_equal(shown(generator.render(Recipe(seed=9), watch)), bare)
    assert len(watch.previews) == 6
    assert watch.previews[0].shape == (SIDE, SIDE, 3)
    apart = [np.abs(one.astype(int) - bare).mean() for one in watch.previews]
    assert apart[-1] < apart[0]
    assert apart[-1] < 12


def test_a_render_that_is_stopped_runs_the_net_no_further(pipe: PresenterPipeline) -> None:
    calls = []
    hook = pipe.unet.register_forward_hook(lambda *_: calls.append(1))
    generator = ct.DiffusersGenerator(pipe, tie="red", num_inference_steps=10)
    try:
        with pytest.raises(Aborted) as stopped:
            generator.render(Recipe(seed=1), Looks(stop=3))
        assert (len(calls), stopped.value.cost.steps_run, stopped.value.cost.steps_planned) == (3, 3, 10)
        calls.clear()
        generator.render(Recipe(seed=1))
        assert len(calls) == 10
    finally:
        hook.remove()


def test_guidance_draws_the_tie_that_was_asked_for(pipe: PresenterPipeline) -> None:
    for tie in ("red", "blue", "green"):
        generators = [seeded(s) for s in range(4)]
        drawn = pipe(tie=tie, guidance_scale=2.0, num_inference_steps=10, generator=generators, output_type="np").images
        found = ["tie" in faults((one * 255).round().astype(np.uint8), tie) for one in drawn]
        assert sum(found) <= 1, tie


def test_guidance_of_none_one_and_more_are_what_they_say(pipe: PresenterPipeline) -> None:
    """At 0 the tie does not matter; 1 is the condition alone, to the last digits of running the net twice."""
    call = {"num_inference_steps": 2, "output_type": "np"}
    free = [pipe(tie=t, guidance_scale=0.0, generator=seeded(3), **call).images for t in ("red", "blue", None)]
    assert np.array_equal(free[0], free[1])
    assert np.array_equal(free[0], free[2])
    one, near = (pipe(tie="red", guidance_scale=g, generator=seeded(3), **call).images for g in (1.0, 1.0 + 1e-6))
    assert np.allclose(one, near, atol=1e-3)
    assert not np.allclose(one, free[0], atol=1e-2)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tie": "pink"}, "a tie was wanted"),
        ({"latents": torch.zeros(1, 4, 8, 8)}, "latents of shape"),
    ],
)
def test_what_it_cannot_draw_is_a_sentence(pipe: PresenterPipeline, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pipe(**wrong)
    if "tie" in wrong:
        with pytest.raises(RenderFailed, match=said):
            ct.DiffusersGenerator(pipe, **wrong).render(Recipe(seed=1))


def test_pixels_and_patches_are_each_other_in_reverse() -> None:
    picture = torch.rand(2, 3, SIDE, SIDE)
    assert patches(picture).shape == (2, 12, SIDE // 2, SIDE // 2)
    assert torch.equal(pixels(patches(picture)), picture)


def test_a_drawn_frame_passes_the_gate_and_the_loop_runs(
    pipe: PresenterPipeline, tmp_path: Any, backends: ct.LocalBackends
) -> None:
    enrolled = identity(tmp_path / "presenter", backends=backends)
    assert identity(tmp_path / "presenter").digest == enrolled.digest
    with pytest.raises(UsageError, match="give another folder"):
        identity(tmp_path / "presenter", "blue")
    judge = gate(enrolled, backends=backends)
    for picture, passes in (
        (frame(1, "red", SET), True),
        (frame(1, "blue", SET), False),
        (frame(1, "red", "sand"), False),
    ):
        report = judge.inspect(Image.from_array(picture))
        assert (report.verdict == "pass") is passes
        assert {one.key for one in report.findings} == {"grade", "look", "tie", "mark"}
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shot = ct.Shot("take", gate=judge, ledger=ledger)
        watch = ct.PreviewAbort(judge.metrics, identity=enrolled, backends=backends, at=(0.5,))
        generator = ct.DiffusersGenerator(pipe, **{**SETTINGS[0.2], "num_inference_steps": 4})
        shot.run(generator, budget=ct.Budget(candidates=2), aborts=watch)
        told = [*ledger.candidates()]
        assert told
        assert {row.state for row in told} <= {"accepted", "rejected", "inconclusive"}
        seen = [one.previews.items for one in ledger.watched()]
        assert all({p.key for p in items} == {"grade", "look", "tie", "mark"} for items in seen)
