"""What a pipeline is called with: the user's call arguments, changed by a recipe."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from continuity.errors import UsageError
from continuity.generators.diffusers.adapters import IP_SCALE, PREFIX
from continuity.generators.diffusers.recording import plain
from continuity.records import Json
from continuity.records.noise import NOISE

OURS = {
    "generator": "the seed of the recipe makes it",
    "return_dict": "the result is read by name",
    "callback": "give callback_on_step_end",
    "callback_steps": "give callback_on_step_end",
}
CALLBACKS = ("callback_on_step_end", "callback_on_step_end_tensor_inputs")
ONE_EACH = ("batch_size", "num_images_per_prompt", "num_videos_per_prompt")
OUTPUT_TYPES = ("pil", "np", "pt")
TEXTS = ("prompt", "negative_prompt")  # names beginning so are lists, one for each item, in a batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: arguments without generator and callback, and the scales that adapters have during it."""

    arguments: Mapping[str, Any]
    adapters: Mapping[str, Any]
    ip_adapter: Json


def parameters_of(pipe: Any) -> dict[str, inspect.Parameter]:
    """The arguments that the pipeline's call takes by name."""
    given = inspect.signature(pipe.__call__).parameters
    return {n: p for n, p in given.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


def check_names(pipe: Any, parameters: Mapping[str, Any], names: Iterable[str], what: str = "call argument") -> None:
    """Refuses names that the call does not have, or that are not the caller's.

    Raises:
        UsageError: with the nearest name that there is.
    """
    for name in names:
        if name in OURS:
            raise UsageError(f"{what} {name!r} is not yours to set: {OURS[name]}")
        if name not in parameters:
            near = difflib.get_close_matches(str(name), [n for n in parameters if n not in OURS], 1, 0)
            hint = f"; the nearest is {near[0]!r}" if near else ""
            raise UsageError(f"an argument of {type(pipe).__name__} was wanted, got {what} {name!r}{hint}")


def check_values(arguments: Mapping[str, Any]) -> None:
    """Refuses values by which a call would give no picture, or several for one candidate.

    Raises:
        UsageError: names the argument.
    """
    for name in ONE_EACH:
        if arguments.get(name, 1) not in (1, None):
            raise UsageError(f"one picture a candidate was wanted, got {name} = {arguments[name]!r}: use batch instead")
    if arguments.get("output_type", "pil") not in OUTPUT_TYPES:
        asked = arguments["output_type"]
        raise UsageError(f"an output_type that is pictures was wanted ({', '.join(OUTPUT_TYPES)}), got {asked!r}")
    prompt = arguments.get("prompt")
    if isinstance(prompt, list) and len(prompt) != 1:
        raise UsageError(f"one prompt a candidate was wanted, got a list of {len(prompt)}: use batch instead")


def merged(
    pipe: Any, parameters: Mapping[str, inspect.Parameter], own: Mapping[str, Any], changes: Mapping[str, Json]
) -> Call:
    """The user's arguments with the changes of a recipe in their place.

    Raises:
        UsageError: a change that the call does not have, with the nearest name.
    """
    lora = {k.removeprefix(PREFIX): v for k, v in changes.items() if k.startswith(PREFIX)}
    ip_adapter = changes.get(IP_SCALE) if IP_SCALE not in parameters else None
    rest = {k: v for k, v in changes.items() if not k.startswith(PREFIX) and (k != IP_SCALE or k in parameters)}
    rest.pop(NOISE, None)  # no argument: it is turned while the pipeline draws it
    check_names(pipe, parameters, rest, "change")
    for name in CALLBACKS:
        if name in rest:
            raise UsageError(f"a change is a value, and {name} is a function: give it as a call argument")
    arguments = {**own, **{k: _as_declared(parameters[k], own.get(k), v) for k, v in rest.items()}}
    check_values(arguments)
    return Call(arguments=arguments, adapters=lora, ip_adapter=ip_adapter)


def recorded(parameters: Mapping[str, inspect.Parameter], arguments: Mapping[str, Any]) -> dict[str, Json]:
    """The plain arguments as JSON, those left out at their defaults, which another version may change."""
    left = (*OURS, "callback_on_step_end_tensor_inputs")
    known = {**defaults_of(parameters), **arguments}
    return {name: plain(value) for name, value in sorted(known.items()) if name not in left}


def defaults_of(parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """The defaults of a call that are values."""
    return {n: p.default for n, p in parameters.items() if p.default is not p.empty and p.default is not None}


def steps_of(parameters: Mapping[str, inspect.Parameter], arguments: Mapping[str, Any]) -> int | None:
    """How many denoising steps a call asks for, as far as its arguments say."""
    known = {**defaults_of(parameters), **arguments}
    listed = next((known[name] for name in ("timesteps", "sigmas") if isinstance(known.get(name), list)), None)
    steps = len(listed) if listed else known.get("num_inference_steps")
    return steps if isinstance(steps, int) and not isinstance(steps, bool) and steps > 0 else None


def batchable(calls: list[Call], media: Iterable[str]) -> bool:
    """Whether calls can be one: they differ in the prompt only, and nothing in them is counted by items."""
    first = calls[0]
    same = all(_without_prompt(one) == _without_prompt(first) for one in calls[1:])
    counted = any(name == "latents" or "embeds" in name for name in media)
    return same and not counted and all(isinstance(one.arguments.get("prompt"), str) for one in calls)


def for_all(calls: list[Call]) -> dict[str, Any]:
    """The arguments of one call for all: a list of prompts, and every other text as often."""
    given = dict(calls[0].arguments)
    for name, value in given.items():
        if name.startswith(TEXTS) and isinstance(value, str):
            given[name] = [value] * len(calls)
    given["prompt"] = [one.arguments["prompt"] for one in calls]
    return given


def _without_prompt(call: Call) -> object:
    plain_arguments = {k: plain(v) for k, v in call.arguments.items() if k != "prompt"}
    return plain_arguments, dict(call.adapters), call.ip_adapter


def _as_declared(parameter: inspect.Parameter, own: object, value: Json) -> Any:
    """A list from JSON as the tuple that the argument is: sizes are added to other tuples."""
    declared = str(parameter.annotation).lower()
    is_tuple = isinstance(own, tuple) or isinstance(parameter.default, tuple)
    if isinstance(value, list) and (is_tuple or ("tuple[" in declared and "list[" not in declared)):
        return tuple(value)
    return value
