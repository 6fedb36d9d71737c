"""Which noise a render begins with, where it is not that of the candidate's seed alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from continuity.errors import UsageError
from continuity.records.measuring import Json

NOISE = "noise"  # the change of a recipe that says it
MOST_SEEDS = 64  # each is one more tensor to draw
LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The noise of one candidate: that of the first seed, turned by each angle towards that of the next seed.

    One turn is ``cos(angle) * noise + sin(angle) * noise(seed)``. It keeps mean 0 and variance 1 whatever the angle
    (0: the noise as it was, pi / 2: that of the next seed), and between independent Gaussian vectors of that many
    numbers it is all but the spherical interpolation (Shoemake 1985).

    In a recipe it is the change ``{"noise": {"from": [seeds], "angles": [radians]}}``: as many angles as seeds, the
    last of them towards the seed of the recipe itself.

    Attributes:
        seeds: at least one; the last is the candidate's own.
        angles: radians in [0, pi / 2], one for each seed after the first.
    """

    seeds: tuple[int, ...]
    angles: tuple[float, ...] = ()

    @classmethod
    def of(cls, seed: int, changes: Mapping[str, Json]) -> Self:
        """The noise of a candidate with that seed and these changes.

        Raises:
            UsageError: a change that is not as described here.
        """
        if NOISE not in changes:
            return cls(seeds=(seed,))
        given = changes[NOISE]
        table: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        begun: Any = table.get("from")
        angles: Any = table.get("angles")
        well_made = (
            set(table) == {"from", "angles"}
            and isinstance(begun, list | tuple)
            and isinstance(angles, list | tuple)
            and 1 <= len(begun) == len(angles) < MOST_SEEDS
            and all(type(one) is int and 0 <= one <= LARGEST for one in begun)
            and all(type(one) in (int, float) and 0 <= one <= math.pi / 2 for one in angles)
        )
        if not well_made:
            raise UsageError(
                f'the change {NOISE} is {{"from": [seeds], "angles": [radians from 0 to pi / 2]}}, as many of both, '
                f"from 1 to {MOST_SEEDS - 1}; got {str(given)[:200]}"
            )
        return cls(seeds=(*begun, seed), angles=tuple(float(one) for one in angles))

    def turned(self, angle: float) -> Json:
        """The change of a candidate that begins with this noise, turned by ``angle`` towards that of its own seed."""
        return {"from": [*self.seeds], "angles": [*self.angles, angle]}
