"""One render call: whatever a generator does, each recipe gets one result, and the cost adds up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

import continuity as ct
from continuity.errors import Aborted, RenderError, RenderFailed
from continuity.interfaces import Watch
from continuity.records import Json, Recipe, Rendered
from continuity.shot.rendering import render, shared
from continuity.testing import PatternGenerator

RECIPES = [Recipe(seed=n) for n in (1, 2, 3, 4)]


@dataclass(frozen=True)
class Batch(PatternGenerator):
    """Renders batches; what it does with them is up to the test."""

    does: Callable[[list[Rendered]], object] = lambda results: results

    def render_batch(self, recipes: Sequence[Recipe]) -> Sequence[Rendered | RenderFailed]:
        return self.does([self.render(recipe) for recipe in recipes])  # type: ignore[return-value]


def raising(error: BaseException) -> Callable[[object], object]:
    def does(results: object) -> object:
        raise error

    return does


def test_results_come_in_the_order_of_the_recipes_and_say_that_they_are_of_a_batch() -> None:
    results = render(Batch(), RECIPES, None)
    assert [r.recipe.seed for r in results if isinstance(r, Rendered)] == [1, 2, 3, 4]
    assert [r.recipe.details["batch"] for r in results if isinstance(r, Rendered)] == [
        {"index": k, "size": 4} for k in range(4)
    ]


def test_what_the_generator_says_of_the_batch_stands() -> None:
    said = Batch(
        does=lambda results: [replace(r, recipe=replace(r.recipe, details={"batch": "my own word"})) for r in results]
    )
    assert {r.recipe.details["batch"] for r in render(said, RECIPES, None) if isinstance(r, Rendered)} == {
        "my own word"
    }


def test_a_single_recipe_is_no_batch_and_may_be_watched() -> None:
    class Never:
        settings: Mapping[str, Json] = {}

        def look(self, step: int, steps: int, preview: Callable[[], ct.Image]) -> bool:
            return False

    (alone,) = render(Batch(does=raising(AssertionError("not to be called"))), RECIPES[:1], Never())
    assert isinstance(alone, Aborted)
    assert not any(isinstance(r, Aborted) for r in render(Batch(), RECIPES, Never()))


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), MemoryError(), SystemExit(3)])
def test_any_exception_of_a_batch_fails_all_of_it_with_its_share_of_the_time(error: BaseException) -> None:
    results = render(Batch(seconds=0.01, does=raising(error)), RECIPES, None)
    assert all(isinstance(r, RenderFailed) and type(error).__name__ in str(r) for r in results)
    costs = [r.cost for r in results if r.cost is not None]
    assert len(costs) == 4
    assert sum(c.render for c in costs) >= 0.04  # four renders of 0.01 s


def test_the_cost_that_a_failed_batch_names_is_shared() -> None:
    error = RenderFailed("out of memory", cost=ct.Cost(render=8.0, decode=1.0, device="cuda:x"), recipe=RECIPES[0])
    results = render(Batch(does=raising(error)), RECIPES, None)
    assert [r.cost for r in results] == [ct.Cost(render=2.0, decode=0.25, device="cuda:x")] * 4
    assert all(r.recipe is None for r in results)  # nobody knows whose it was


@pytest.mark.parametrize(
    "cut", [lambda r: r[:3], lambda r: [*r, r[0]], lambda r: None, lambda r: iter(r), lambda r: []]
)
def test_a_wrong_number_of_results_fails_all_since_nobody_knows_which_is_whose(cut: Callable[..., object]) -> None:
    results = render(Batch(does=cut), RECIPES, None)
    assert len(results) == 4
    assert all(isinstance(r, RenderFailed) and "4 results" in str(r) for r in results)


def test_single_failures_and_strangers_of_a_batch_hit_only_their_own_candidate() -> None:
    failed = RenderFailed("black", cost=ct.Cost(render=5.0))
    results = render(Batch(does=lambda r: [r[0], failed, "a picture", r[3]]), RECIPES, None)
    assert [isinstance(r, Rendered) for r in results] == [True, False, False, True]
    assert results[1].cost == ct.Cost(render=5.0)  # the generator says it
    assert isinstance(results[2], RenderError)
    assert "str" in str(results[2])


def test_a_generator_that_returns_nothing_is_a_failure_in_words() -> None:
    class Nothing(PatternGenerator):
        def render(self, recipe: Recipe, watch: Watch | None = None) -> Rendered:
            return None  # type: ignore[return-value]

    (result,) = render(Nothing(), RECIPES[:1], None)
    assert isinstance(result, RenderFailed)
    assert "NoneType" in str(result)


def test_ctrl_c_passes_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        render(Batch(does=raising(KeyboardInterrupt())), RECIPES, None)


def test_shares_add_up() -> None:
    cost = ct.Cost(render=3.0, decode=0.6, score=0.3, device="cuda:x", steps_run=7, steps_planned=10)
    share = shared(cost, 3)
    assert (share + share + share).seconds == pytest.approx(dict(cost.seconds))
    assert share.render_equivalents == cost.render_equivalents
