"""What is not as it was when a candidate was recorded: versions, device, settings, inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from continuity.records import Json, Recipe
from continuity.records.wire import plain
from continuity.replaying.records import Difference

ENVIRONMENT = ("environment", "versions")  # groups of recipe.details that say where, not what, was rendered
BATCH = "batch"


def batch_size(recipe: Recipe) -> int:
    """How many candidates were rendered in one call with this one, itself included."""
    batch = recipe.details.get(BATCH)
    size = batch.get("size") if isinstance(batch, Mapping) else None
    return size if isinstance(size, int) else 1


def environment(recorded: Recipe, now: Recipe) -> tuple[Difference, ...]:
    """What differs in versions, device, threads and the like."""
    then, here = (_flat({k: v for k, v in r.details.items() if k in ENVIRONMENT}) for r in (recorded, now))
    return _differences(then, here)


def settings(
    stream: Mapping[str, Json], part: Mapping[str, Json], recorded: Recipe, now: Recipe
) -> tuple[Difference, ...]:
    """What differs in the generator: class and settings as streams have them, details and inputs as recipes have them.

    What a stream says already is not said again of the recipe.
    """
    left_out = (*ENVIRONMENT, BATCH)
    found = list(_differences(_flat({"generator": stream}), _flat({"generator": part})))
    known = {(one.name.rpartition(".")[2], repr(one.recorded), repr(one.now)) for one in found}
    then, here = (
        _flat({**{k: v for k, v in r.details.items() if k not in left_out}, "inputs": r.inputs})
        for r in (recorded, now)
    )
    for one in _differences(then, here):
        if (one.name.rpartition(".")[2], repr(one.recorded), repr(one.now)) not in known:
            found.append(one)
    return tuple(found)


def _differences(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Difference, ...]:
    return tuple(
        Difference(name=name, recorded=recorded.get(name), now=now.get(name))
        for name in sorted({*recorded, *now})
        if recorded.get(name) != now.get(name)
    )


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves by dotted path, as JSON would give them back."""

    def leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                yield from leaves(f"{prefix}.{key}" if prefix else key, inner)
        elif value != {}:
            yield prefix, value

    return dict(leaves("", plain(values)))
