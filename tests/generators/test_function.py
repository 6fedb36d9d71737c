from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

from continuity.errors import Aborted, RenderFailed, UsageError
from continuity.generators import FunctionGenerator
from continuity.interfaces import Generator, Pixels, Watch
from continuity.media import Clip, Image, Sampling
from continuity.records import Cost, Json, Recipe

RECIPE = Recipe(prompt="a bar", seed=42)


def grey(level: int = 90, shape: tuple[int, ...] = (8, 12, 3)) -> Pixels:
    return np.full(shape, level, dtype=np.uint8)


def by_recipe(recipe: Recipe) -> Pixels:
    return grey(recipe.seed)


def returns(result: object) -> FunctionGenerator:
    return FunctionGenerator(lambda seed: result)


def first(generator: FunctionGenerator, recipe: Recipe = RECIPE) -> Pixels:
    return next(iter(generator.render(recipe).media.frames(Sampling()))).pixels


class Pipeline:
    def __call__(self, seed: int, prompt: str = "") -> Pixels:
        return grey(seed + len(prompt))

    def render(self, seed: int) -> Pixels:
        return grey(seed)

    def of_recipe(self, what: Recipe) -> Pixels:
        return grey(what.seed)


CALLS: dict[str, tuple[Callable[..., Any], int]] = {
    "recipe": (by_recipe, 42),
    "recipe under another name": (lambda r: grey(r.seed), 42),
    "recipe by place only": (eval("lambda r, /: __import__('numpy').full((4, 4, 3), r.seed, dtype='uint8')"), 42),
    "recipe with a default beside it": (lambda r, size=3: grey(r.seed), 42),
    "anything by place": (lambda *args: grey(args[0].seed), 42),
    "recipe by keyword": (lambda *, recipe: grey(recipe.seed), 42),
    "seed": (lambda seed: grey(seed), 42),
    "seed and prompt": (lambda seed, prompt: grey(seed + len(prompt)), 47),
    "prompt first": (lambda prompt, *, seed: grey(seed + len(prompt)), 47),
    "anything by name": (lambda **given: grey(given["seed"] + len(given["prompt"])), 47),
    "prompt and anything": (lambda prompt, **given: grey(given["seed"] + len(prompt)), 47),
    "an object": (Pipeline(), 47),
    "a bound method": (Pipeline().render, 42),
    "a bound method of a recipe": (Pipeline().of_recipe, 42),
    "a partial": (functools.partial(lambda seed, add: grey(seed + add), add=5), 47),
}


@pytest.mark.parametrize("how", CALLS)
def test_it_is_called_as_its_signature_asks(how: str) -> None:
    function, level = CALLS[how]
    assert int(first(FunctionGenerator(function))[0, 0, 0]) == level


@pytest.mark.parametrize(
    "function",
    [
        lambda: grey(),
        lambda prompt: grey(),
        lambda a, b: grey(),
        lambda size=3: grey(),
        lambda prompt, size, **more: grey(),
        "no function",
        None,
    ],
)
def test_a_function_that_takes_neither_recipe_nor_seed_is_refused(function: Any) -> None:
    with pytest.raises(UsageError):
        FunctionGenerator(function)


def test_changes_arrive_by_name() -> None:
    def render(seed: int, strength: float = 0.1) -> Pixels:
        return grey(int(strength * 100))

    assert int(first(FunctionGenerator(render))[0, 0, 0]) == 10
    assert int(first(FunctionGenerator(render), Recipe(seed=1, changes={"strength": 0.5}))[0, 0, 0]) == 50


def test_a_changed_prompt_replaces_the_one_of_the_recipe() -> None:
    def render(seed: int, prompt: str) -> Pixels:
        return grey(len(prompt))

    changed = Recipe(prompt="at the bar", changes={"prompt": "overcast"})
    assert int(first(FunctionGenerator(render), changed)[0, 0, 0]) == len("overcast")
    with pytest.raises(RenderFailed, match="the recipe changes prompt"):
        FunctionGenerator(lambda seed: grey()).render(changed)


@pytest.mark.parametrize("changes", [{"strenght": 1}, {"seed": 3}, {"watch": 1}])
def test_changes_that_the_function_does_not_take_fail_by_name(changes: dict[str, Json]) -> None:
    generator = FunctionGenerator(lambda seed, strength=1.0: grey())
    with pytest.raises(RenderFailed, match=rf"takes these changes: strength; the recipe changes {next(iter(changes))}"):
        generator.render(Recipe(changes=changes))


def test_results_of_every_kind(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Pil.fromarray(grey()).save(path)
    stills = [path, str(path), Image.open(path), Image.from_array(grey()), grey(), Pil.fromarray(grey()), [grey()]]
    for result in stills:
        media = returns(result).render(RECIPE).media
        assert isinstance(media, Image)
        assert np.array_equal(media.pixels, grey())
    assert returns(path).render(RECIPE).media.path == path  # a file stays the source: it is saved untouched
    frames = [grey(10), Pil.fromarray(grey(20)), Image.from_array(grey(30))]
    for result in (frames, tuple(frames)):
        clip = FunctionGenerator(lambda seed, result=result: result, rate=12).render(RECIPE).media
        assert isinstance(clip, Clip)
        assert clip.frame_count == 3
        assert clip.rate == 12
        assert [int(f.pixels[0, 0, 0]) for f in clip.frames(Sampling())] == [10, 20, 30]
    whole = Clip.from_arrays([grey(5), grey(6)], 24)
    assert returns(whole).render(RECIPE).media is whole


def test_pillow_modes_become_rgb() -> None:
    for mode in ("L", "P", "RGBA", "1"):
        assert first(returns(Pil.fromarray(grey(200)).convert(mode))).shape == (8, 12, 3)


WRONG: dict[str, tuple[object, str]] = {
    "nothing": (None, "NoneType; wanted was a path"),
    "a number": (3, "int; wanted was"),
    "a dict": ({"images": [grey()]}, "dict; wanted was"),
    "no frames": ([], "empty list"),
    "an iterator": (iter([grey()]), "wanted was"),
    "a frame that is none": ([grey(), None], "frame 1 is NoneType"),
    "frames of two sizes": ([grey(), grey(shape=(9, 12, 3))], "one size"),
    "floats": (grey() / 255, "uint8"),
    "NaN": (np.full((8, 12, 3), np.nan), "no numbers"),
    "infinite": (np.full((8, 12, 3), np.inf, dtype=np.float16), "no numbers"),
    "16 bits": (grey().astype(np.uint16), "uint8"),
    "grey": (grey(shape=(8, 12)), "HxWx3"),
    "RGBA": (grey(shape=(8, 12, 4)), "HxWx3"),
    "channels first": (grey(shape=(3, 8, 12)), "HxWx3"),
    "a batch": (grey(shape=(2, 8, 12, 3)), "HxWx3"),
    "no pixels": (grey(shape=(0, 12, 3)), "no pixels"),
    "black": (grey(0), "black all over"),
    "black frames": ([grey(0), grey(0)], "black all over"),
    "a black Pillow image": (Pil.new("RGB", (9, 9)), "black all over"),
    "a black Image": (Image.from_array(grey(0)), "black all over"),
    "objects": (np.array([[[None] * 3]]), "uint8"),
    "a missing file": ("/nowhere/at all.png", "at all"),
}


@pytest.mark.parametrize("what", WRONG)
def test_anything_else_is_a_failed_candidate_with_a_sentence(what: str) -> None:
    result, said = WRONG[what]
    with pytest.raises(RenderFailed, match=said) as failed:
        returns(result).render(RECIPE)
    assert failed.value.cost is not None
    assert failed.value.cost.render > 0
    assert failed.value.__cause__ is not None
    assert failed.value.recipe is not None
    assert failed.value.recipe.seed == 42


def test_broken_files_are_failed_candidates(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "a.png"
    Pil.fromarray(rng.integers(0, 255, (99, 99, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(RenderFailed, match=r"a\.png"):
        returns(path).render(RECIPE)


def test_one_black_frame_is_a_cut_and_no_fault() -> None:
    assert returns([grey(0), grey(9)]).render(RECIPE).media.frame_count == 2


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA out of memory"), MemoryError(), ValueError(), KeyError("unet"), StopIteration()]
)
def test_exceptions_become_render_failed_with_cause_and_cost(error: Exception) -> None:
    def render(seed: int) -> Pixels:
        raise error

    with pytest.raises(RenderFailed, match=type(error).__name__) as failed:
        FunctionGenerator(render, device="cuda:0").render(RECIPE)
    assert failed.value.__cause__ is error
    assert failed.value.cost is not None
    assert failed.value.cost.gpu_seconds > 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupts_pass_through(error: type[BaseException]) -> None:
    def render(seed: int) -> Pixels:
        raise error

    with pytest.raises(error):
        FunctionGenerator(render).render(RECIPE)


def test_a_function_may_look_for_itself_whether_to_go_on() -> None:
    class No:
        settings: Mapping[str, Json] = {}

        def look(self, step: int, steps: int, preview: Callable[[], Image]) -> bool:
            return step < 3

    def render(seed: int, watch: Watch | None) -> Pixels:
        for step in range(1, 11):
            if watch is not None and not watch.look(step, 10, lambda: Image.from_array(grey())):
                raise Aborted("enough seen", cost=Cost(render=0.5, steps_run=step, steps_planned=10))
        return grey()

    generator = FunctionGenerator(render, steps=10)
    done = generator.render(RECIPE)
    assert (done.cost.steps_run, done.cost.render_equivalents) == (10, 1.0)
    with pytest.raises(Aborted) as stopped:
        generator.render(RECIPE, No())
    assert stopped.value.cost is not None
    assert stopped.value.cost.steps_run == 3
    assert stopped.value.recipe is not None
    assert stopped.value.recipe.details["function"]


def test_the_functions_own_word_is_completed_with_a_cost() -> None:
    def render(seed: int) -> Pixels:
        raise RenderFailed("the farm said no")

    with pytest.raises(RenderFailed, match=r"^the farm said no$") as failed:
        FunctionGenerator(render).render(RECIPE)
    assert failed.value.cost is not None
    assert failed.value.cost.render > 0


def test_settings_are_plain_and_name_the_function() -> None:
    generator = FunctionGenerator(by_recipe, device="cuda", steps=30)
    assert isinstance(generator, Generator)
    assert generator.settings["function"] == f"{__name__}.by_recipe"
    assert generator.settings["device"] == "cuda"
    assert generator.settings["steps"] == 30
    assert FunctionGenerator(by_recipe, name="mara v2").settings["function"] == "mara v2"
    assert str(FunctionGenerator(Pipeline()).settings["function"]).endswith("Pipeline")
    assert str(FunctionGenerator(Pipeline().render).settings["function"]).endswith("Pipeline.render")


def test_what_a_partial_binds_is_part_of_the_settings() -> None:
    def render(seed: int, size: tuple[int, int], model: object, nan: float) -> Pixels:
        return grey()

    inner = functools.partial(render, size=(1, 2), model=object(), nan=1.0)
    settings = FunctionGenerator(functools.partial(inner, nan=float("nan"))).settings
    assert settings["arguments"] == {"model": "<builtins.object>", "nan": "<builtins.float>", "size": [1, 2]}
    assert json.loads(json.dumps(dict(settings), allow_nan=False)) == settings


def test_the_recipe_is_completed_and_never_changed() -> None:
    recipe = Recipe(prompt="p", seed=3, changes={}, details={"shot": "sc1"}, inputs={"still": "b2-0"})
    done = FunctionGenerator(by_recipe).render(recipe).recipe
    assert dict(recipe.details) == {"shot": "sc1"}
    assert done.details["shot"] == "sc1"
    assert done.details["function"] == f"{__name__}.by_recipe"
    assert done.details["versions"] and set(done.details["versions"]) == {"numpy", "pillow", "python"}  # type: ignore[arg-type]
    assert dict(done.inputs) == {"still": "b2-0"}


@pytest.mark.parametrize(
    "settings", [{"steps": 0}, {"steps": True}, {"steps": 2.5}, {"rate": 0}, {"rate": float("nan")}, {"rate": "24"}]
)
def test_senseless_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        FunctionGenerator(by_recipe, **settings)


def test_a_path_like_of_ones_own(tmp_path: Path) -> None:
    class Result(os.PathLike[str]):
        def __fspath__(self) -> str:
            return str(tmp_path / "a.png")

    Pil.fromarray(grey()).save(tmp_path / "a.png")
    assert np.array_equal(first(returns(Result())), grey())
