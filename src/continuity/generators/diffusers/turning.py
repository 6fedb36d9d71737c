"""The noise that a pipeline draws, turned towards that of other seeds while it draws it."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from continuity.errors import UsageError
from continuity.generators.diffusers import library
from continuity.records import Recipe
from continuity.records.noise import NOISE, Noise

PREPARE = "prepare_latents"


def noises(
    pipe: Any, parameters: Mapping[str, Any], arguments: Mapping[str, Any], recipes: Sequence[Recipe]
) -> list[Noise]:
    """The initial noise of each recipe.

    Raises:
        UsageError: a change that is none, or noise that a call with these arguments would not draw; names the pipeline.
    """
    found, name = [Noise.of(one.seed, one.changes) for one in recipes], type(pipe).__name__
    if not any(noise.angles for noise in found):
        return found
    if not hasattr(pipe, PREPARE) and "latents" not in parameters:
        raise UsageError(
            f"a pipeline that begins with latents was wanted for the change {NOISE!r}, and {name} has neither "
            f"{PREPARE}() nor an argument 'latents': propose seeds instead"
        )
    if arguments.get("latents") is not None:
        raise UsageError(f"the change {NOISE!r} turns noise that {name} draws, but its latents are given: omit them")
    return found


@contextmanager
def turned(pipe: Any, generators: Any, given: Sequence[Noise]) -> Iterator[None]:
    """Within it the initial noise that the pipeline draws from ``generators`` is that of ``given``, one each.

    The draws themselves are turned, in the shape and at the place where the pipeline makes them, so that it may scale,
    pack or permute them as it does. Initial noise is what is drawn in ``prepare_latents``; of a pipeline without
    such a method it is the first draw. What is drawn later, as by ancestral samplers, is that of the first seed.
    ``generators`` must be seeded with the first seed of each noise.

    Raises:
        UsageError: nothing was drawn that could be turned.
    """
    if not any(noise.angles for noise in given):
        yield
        return
    torch = library.torch()
    listed = generators if isinstance(generators, list) else [generators]
    others = {
        id(one): [
            (angle, torch.Generator("cpu").manual_seed(seed))
            for seed, angle in zip(noise.seeds[1:], noise.angles, strict=True)
            if angle  # a turn by 0 is none, to the bit
        ]
        for one, noise in zip(listed, given, strict=True)
    }
    if not hasattr(pipe, PREPARE):
        with _turning(pipe, others, once=True):
            yield
        return
    prepare, own = getattr(pipe, PREPARE), vars(pipe).get(PREPARE)

    @functools.wraps(prepare)  # pipelines inspect signatures
    def prepared(*args: Any, **more: Any) -> Any:
        with _turning(pipe, others, once=False):
            return prepare(*args, **more)

    setattr(pipe, PREPARE, prepared)
    try:
        yield
    finally:
        delattr(pipe, PREPARE)
        if own is not None:
            setattr(pipe, PREPARE, own)


@contextmanager
def _turning(pipe: Any, others: Mapping[int, Sequence[tuple[float, Any]]], *, once: bool) -> Iterator[None]:
    """Within it ``torch.randn`` from one of our generators, named by its id, gives turned noise; ``once``: the first
    time. It sees every torch function that is called, and so is kept to the method that draws where there is one.
    """
    torch = library.torch()
    drawn: set[int] = set()

    class Turning(torch.overrides.TorchFunctionMode):  # type: ignore[misc, name-defined]
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            more = kwargs or {}
            made, key = function(*args, **more), id(more.get("generator"))
            if function is not torch.randn or key not in others or (once and key in drawn):
                return made
            drawn.add(key)
            for angle, generator in others[key]:
                towards = function(*args, **{**more, "generator": generator})
                made = (math.cos(angle) * made.float() + math.sin(angle) * towards.float()).to(made.dtype)
            return made

    with Turning():
        yield
    if drawn != set(others):
        raise UsageError(
            f"the change {NOISE!r} turns the noise that a pipeline draws with torch.randn, and {type(pipe).__name__} "
            "drew none: propose seeds instead"
        )
