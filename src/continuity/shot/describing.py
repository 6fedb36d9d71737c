"""What a shot says of itself in the ledger: the spec that makes it this shot, the stream that its candidates are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from continuity.gate import Gate
from continuity.interfaces import Generator, Proposer, Repair
from continuity.records import Json


def spec_of(gate: Gate, prompt: str) -> dict[str, Json]:
    """What makes this shot another one: prompt, identity, metrics, limits. Not the generator: it may be mended."""
    return {
        "prompt": prompt,
        "identity": gate.identity.digest,
        "metrics": [[m.key, str(m.expect), gate.instruments[m.key].digest] for m in gate.metrics],
        "limits": sorted([t.key, t.limit, t.scale] for t in gate.tolerances),
    }


def stream_of(
    gate: Gate, rendering: Mapping[str, Json], proposer: Proposer, repairs: Sequence[Repair]
) -> dict[str, Json]:
    """What candidates come out of, or what ``repairs`` make of them; ``rendering`` says which generator and aborts."""
    stream: dict[str, Json] = {
        **rendering,
        "proposer": part_of(proposer),
        "instruments": sorted(i.digest for i in gate.instruments.values()),
        "identity": gate.identity.digest,
    }
    return {**stream, "repairs": [part_of(one) for one in repairs]} if repairs else stream


def pool_of(gate: Gate, generator: Generator, proposer: Proposer, repairs: Sequence[Repair]) -> dict[str, Json]:
    """What acceptable candidates are drawn from, whichever shot asks: all but name and prompt."""
    spec = spec_of(gate, "")
    del spec["prompt"]
    pool = {**spec, "generator": part_of(generator), "proposer": part_of(proposer)}
    return {**pool, "repairs": [part_of(one) for one in repairs]} if repairs else pool


def part_of(part: Any) -> dict[str, Json]:
    """What a stream says of a generator, proposer, watch or repair: class, version, settings."""
    kind = type(part)
    return {
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "version": getattr(part, "version", 1),
        "settings": dict(part.settings),
    }
