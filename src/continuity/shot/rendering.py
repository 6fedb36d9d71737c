"""One render call: of one recipe, or of a batch of them. Whatever a generator does, each recipe gets one result."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from continuity.errors import Aborted, RenderError, RenderFailed
from continuity.interfaces import BatchGenerator, Generator, Watch
from continuity.records import Cost, Recipe, Rendered

log = logging.getLogger(__name__)

Result: TypeAlias = Rendered | RenderError


def render(generator: Generator, recipes: Sequence[Recipe], watch: Watch | None) -> list[Result]:
    """The results in the order of the recipes: several, of a generator that has it, in one call of ``render_batch``,
    which is never watched.

    Every exception becomes the failure of the candidates that it hit, with the seconds that it took shared among them;
    only ``KeyboardInterrupt`` passes through.
    """
    began = time.perf_counter()
    several = len(recipes) > 1
    try:
        if several and isinstance(generator, BatchGenerator):
            results = _results(generator.render_batch(recipes), len(recipes))
        else:
            results = _results([generator.render(recipe, watch) for recipe in recipes], len(recipes))
    except RenderError as cause:
        cost = None if cause.cost is None else shared(cause.cost, len(recipes))
        kind = Aborted if isinstance(cause, Aborted) else RenderFailed
        recipe = cause.recipe if len(recipes) == 1 else None  # of a batch nobody knows whose it is
        results = [kind(str(cause), cost=cost, recipe=recipe) for _ in recipes]
    except (Exception, SystemExit) as cause:  # a renderer that wants to end the process ends its candidates
        log.warning("the generator raised", exc_info=True)
        failures = [RenderFailed(f"{type(cause).__name__}: {cause}") for _ in recipes]
        for failed in failures:
            failed.__cause__ = cause
        results = list[Result](failures)
    took = shared(Cost(render=time.perf_counter() - began), len(recipes))
    for result in results:
        if isinstance(result, RenderError):
            result.cost = result.cost or took
    return [_of_batch(r, k, len(recipes)) for k, r in enumerate(results)] if several else results


def shared(cost: Cost, among: int) -> Cost:
    """An equal share of a cost."""
    kinds = {kind: seconds / among for kind, seconds in cost.by_device[cost.device].items()}
    return replace(cost, elsewhere=tuple(shared(one, among) for one in cost.elsewhere), **kinds)  # type: ignore[arg-type]


def _results(given: object, wanted: int) -> list[Result]:
    """One result per recipe; what is none is a failure in words."""
    if not isinstance(given, Sequence) or len(given) != wanted:
        got = len(given) if isinstance(given, Sequence) else type(given).__name__
        raise RenderFailed(f"{wanted} results of the generator were wanted, one per recipe in their order; got {got}")
    return [
        one
        if isinstance(one, Rendered | RenderError)
        else RenderFailed(f"the generator gives Rendered or raises RenderFailed; it gave {type(one).__name__}")
        for one in given
    ]


def _of_batch(result: Result, place: int, size: int) -> Result:
    """Says in the recipe that it came out of a batch, if the generator does not: alone it may come out otherwise."""
    recipe = result.recipe
    if recipe is None or "batch" in recipe.details:
        return result
    noted = replace(recipe, details={**recipe.details, "batch": {"index": place, "size": size}})
    if isinstance(result, Rendered):
        return replace(result, recipe=noted)
    result.recipe = noted
    return result
