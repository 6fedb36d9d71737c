"""Any function that makes pictures, as a generator."""

from __future__ import annotations

import functools
import inspect
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from continuity.errors import MediaError, RenderError, RenderFailed, UsageError
from continuity.interfaces import Watch
from continuity.media import media_of
from continuity.records import Cost, Json, Recipe, Rendered


class FunctionGenerator:
    """Renders with a function of one's own.

    The function is called in the way that its signature asks for: ``function(recipe)`` where it has a parameter
    ``recipe`` or a single one of another name; else ``function(seed=..., prompt=..., **changes)``, with the prompt only
    if it names it, and the recipe's own where no change replaces it. It must take the recipe or the seed, or nobody
    could render a candidate again. With a parameter ``watch`` it is given the :class:`Watch` (or None) and may raise
    :class:`Aborted`; without, nothing looks into it.

    It returns a path, an :class:`Image` or :class:`Clip`, an H x W x 3 uint8 sRGB array, a PIL image, or a list of
    pictures, which becomes a clip (a list of one: a still). Anything else is a failed candidate with a sentence, and so
    is a picture that is black all over, as pipelines return it for what they refuse or when they overflow.

    Whatever it raises becomes :class:`RenderFailed` with the seconds it took; ``KeyboardInterrupt`` and ``SystemExit``
    pass through.

    Args:
        function: what renders.
        name: recorded instead of module and name of the function; change it when the function changes what it renders,
            since promises belong to one way of rendering.
        device: where it runs, as costs name it, such as ``cuda:NVIDIA H100``.
        steps: how many steps a render has, if known.
        rate: frames a second of a clip that is returned as a list.

    Raises:
        UsageError: the function takes neither the recipe nor the seed, or a setting cannot be used.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str = "",
        device: str = "cpu",
        steps: int | None = None,
        rate: float = 24.0,
    ) -> None:
        if not callable(function):
            raise UsageError(f"FunctionGenerator needs a function that renders, got {type(function).__name__}")
        if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
            raise UsageError(f"steps is a whole number from 1 up, or None where it is not known, got {steps!r}")
        if not isinstance(rate, int | float | Fraction) or not 0 < rate < 100_000:
            raise UsageError(f"rate is a number of frames a second above 0, got {rate!r}")
        self._function = function
        self._call = _caller(function)
        self._name = name or _qualified(function)
        self._device, self._steps, self._rate = device, steps, rate

    @property
    def settings(self) -> Mapping[str, Json]:
        """The function's name, what a ``functools.partial`` has bound to it, device, steps, rate."""
        return {
            "arguments": _bound(self._function),
            "device": self._device,
            "function": self._name,
            "rate": float(self._rate),
            "steps": self._steps,
        }

    def render(self, recipe: Recipe, watch: Watch | None = None) -> Rendered:
        """Calls the function once.

        Raises:
            RenderFailed: it raised, or returned nothing that is a picture or clip.
            Aborted: the function raised it.
        """
        began = time.perf_counter()
        done = replace(recipe, details={**recipe.details, **_details(self._name)})

        def cost(steps: int | None = None) -> Cost:
            seconds = time.perf_counter() - began
            return Cost(render=seconds, device=self._device, steps_run=steps, steps_planned=self._steps)

        try:
            media = media_of(self._call(recipe, watch), self._rate)
        except RenderError as cause:  # the function's own word, completed with what it left out
            cause.cost = cause.cost or cost()
            cause.recipe = cause.recipe or done
            raise
        except Exception as cause:
            what = str(cause) if isinstance(cause, MediaError | UsageError) else f"{type(cause).__name__}: {cause}"
            raise RenderFailed(f"{self._name} failed: {what}", cost=cost(), recipe=done) from cause
        return Rendered(media=media, cost=cost(self._steps), recipe=done)

    def __repr__(self) -> str:
        return f"FunctionGenerator({self._name})"


def _caller(function: Callable[..., Any]) -> Callable[[Recipe, Watch | None], Any]:
    """How the signature asks to be called."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some built-in callables show none
        return lambda recipe, watch: function(recipe)
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters)
    any_place = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    needed = {
        p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    }
    needed -= {"watch"}

    def watching(watch: Watch | None) -> dict[str, Any]:
        return {"watch": watch} if "watch" in named else {}

    def by_name(recipe: Recipe, watch: Watch | None) -> Any:
        given = {"seed": recipe.seed, "prompt": recipe.prompt}
        given = {key: value for key, value in given.items() if key in named or any_name}
        strange = [key for key in recipe.changes if key in ("seed", "watch") or not (key in named or any_name)]
        if strange:
            wanted = ", ".join(sorted(named - {"seed", "prompt", "watch"})) or "none"
            raise UsageError(f"the function takes these changes: {wanted}; the recipe changes {', '.join(strange)}")
        return function(**{**given, **recipe.changes}, **watching(watch))

    if "recipe" in named:
        return lambda recipe, watch: function(recipe=recipe, **watching(watch))
    if "seed" in named or (any_name and needed <= {"prompt"}):
        return by_name
    if any_place or (len(needed) == 1 and not needed & {"seed", "prompt"}):
        return lambda recipe, watch: function(recipe, **watching(watch))
    raise UsageError(
        f"{_qualified(function)} must take the recipe, or the seed by name, or nobody could render a candidate again; "
        f"it takes ({', '.join(p.name for p in parameters)})"
    )


def _qualified(function: object) -> str:
    """Module and name; of a partial, of what it is partial of; of an object, of its class."""
    while isinstance(function, functools.partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _bound(function: object) -> dict[str, Json]:
    """The arguments of a partial that JSON can hold; of others, their class."""
    bound: dict[str, Any] = {}
    while isinstance(function, functools.partial):
        bound = {**{str(k): value for k, value in enumerate(function.args)}, **function.keywords, **bound}
        function = function.func
    return {key: _plain(value) for key, value in sorted(bound.items())}


def _plain(value: object) -> Json:
    try:
        plain: Json = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return f"<{_qualified(type(value))}>"
    return plain


def _details(name: str) -> dict[str, Json]:
    import PIL

    return {
        "generator": "FunctionGenerator",
        "function": name,
        "versions": {"numpy": np.__version__, "pillow": PIL.__version__, "python": platform.python_version()},
    }
