"""The recipe as text in a PNG, as image tools read it: key ``parameters`` (AUTOMATIC1111), ``prompt`` and ``workflow``
(ComfyUI) only where the source came with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from continuity.records import Recipe

PARAMETERS = "parameters"
CARRIED = (PARAMETERS, "prompt", "workflow")  # what a source may bring; its own words stand
NOTHING: Mapping[str, str] = {}


def words_of(recipe: Recipe, size: tuple[int, int], carried: Mapping[str, str] = NOTHING) -> dict[str, str]:
    """Texts by key: those that the source carries, and ``parameters`` made of the recipe where it has none."""
    return {PARAMETERS: parameters(recipe, size), **{key: carried[key] for key in CARRIED if key in carried}}


def parameters(recipe: Recipe, size: tuple[int, int]) -> str:
    """``prompt``, a line ``Negative prompt:``, a line of ``Key: value, ...``: what is known, in the usual order."""
    call = _arguments(recipe)
    lines = [_text(call.get("prompt")) or recipe.prompt]
    if negative := _text(call.get("negative_prompt")):
        lines.append(f"Negative prompt: {negative}")
    lines.append(", ".join(f"{key}: {value}" for key, value in _settings(recipe, call, size)))
    return "\n".join(lines)


def _settings(recipe: Recipe, call: Mapping[str, Any], size: tuple[int, int]) -> Iterator[tuple[str, object]]:
    pipeline = _mapping(recipe.details.get("pipeline"))
    scheduler = _mapping(pipeline.get("scheduler")).get("class")
    for key, value in (
        ("Steps", call.get("num_inference_steps")),
        ("Sampler", scheduler),
        ("CFG scale", call.get("guidance_scale")),
        ("Seed", recipe.seed),
        ("Size", f"{size[0]}x{size[1]}"),
        ("Model", _text(pipeline.get("model"))),
        ("Denoising strength", call.get("strength")),
    ):
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            yield key, f'"{value}"' if isinstance(value, str) and set(value) & set(',:"') else value


def _arguments(recipe: Recipe) -> Mapping[str, Any]:
    return {**_mapping(recipe.details.get("arguments")), **recipe.changes}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
