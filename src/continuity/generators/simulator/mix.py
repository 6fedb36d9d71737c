"""Which faults a failure has: a stated mix of kinds that can be repaired and kinds that cannot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from continuity.errors import UsageError
from continuity.generators.simulator.drifts import DRIFTS
from continuity.generators.simulator.faults import FAULTS, HARMLESS, Fault
from continuity.records import Json

REPAIRABLE = ("grade", "smear", "swap")  # have a closed form
# In the order of a real picture: what is in front of the lens, the lens's framing, the light, the grade, the medium.
ORDER: Mapping[str, Fault] = {
    aspect: {**FAULTS, **DRIFTS}[aspect]
    for aspect in (
        "mark", "smear", "swap", "face", "swirl", "garment", "intruder", "frame", "light", "grade", "ghost", "blur",
        "mosaic", "tear", "grain",
    )
}  # fmt: skip
ONE_MORE = 0.25  # chance of a second fault
LEAST = 0.3  # of HARMLESS: even an acceptable candidate is no copy of the source
DIAL, BEST_DIAL = "dial", 0.7  # what a recipe may set, and where it helps most


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Failures of which a stated share can be repaired, most of them with a single fault.

    A repairable failure has faults of ``grade``, ``smear`` (the mark drawn out) and ``swap`` (another artwork in its
    place) alone. Any other starts with one of ``face``, ``frame``, ``light``, ``blur``, ``swirl``, ``garment``,
    ``intruder``, ``ghost``, ``mosaic``, ``tear`` and ``grain``, all alike. In a quarter of both there is a second
    fault: of the same group where it can be repaired, else of any kind.

    Args:
        repairable: share of failures that can be repaired, in [0, 1].
        learnable: how far the recipe field ``dial`` in [0, 1] shifts the chance to be acceptable: that is multiplied by
            ``1 + learnable * cos(2 pi (dial - 0.7))``, on the mean over all dials by 1, and by 1 where nobody sets it.

    Raises:
        UsageError: one of them is no share.
    """

    repairable: float = 0.1
    learnable: float = 0.0

    def __post_init__(self) -> None:
        for name in ("repairable", "learnable"):
            share = getattr(self, name)
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
                raise UsageError(f"a mix: {name} is a share in [0, 1], got {share!r}")

    @property
    def settings(self) -> dict[str, Json]:
        """As plain JSON values."""
        return {"repairable": self.repairable, "learnable": self.learnable}

    def chance(self, acceptable: float, changes: Mapping[str, Json]) -> float:
        """The chance of a recipe with these changes to be acceptable.

        Raises:
            UsageError: its dial is no number in [0, 1].
        """
        if DIAL not in changes:
            return acceptable
        dial = changes[DIAL]
        if isinstance(dial, bool) or not isinstance(dial, int | float) or not 0 <= dial <= 1:
            raise UsageError(f"the {DIAL} of a recipe is a number in [0, 1], got {dial!r}")
        return min(1.0, acceptable * (1 + self.learnable * math.cos(2 * math.pi * (dial - BEST_DIAL))))

    def amounts(
        self, random: np.random.Generator, chance: float, able: Sequence[str], severity: tuple[float, float]
    ) -> dict[str, float]:
        """How far each of the aspects is off, in the order of a real picture. Without a mark it has no faults."""
        draws = random.random(5).tolist()
        sizes = random.random((len(ORDER), 2)).tolist()  # the same draws whichever aspects there are
        faults: set[str] = set()
        if draws[0] >= chance:
            hopeless = [a for a in able if a not in (*REPAIRABLE, "mark")]
            mendable = [a for a in able if a in REPAIRABLE]
            first, further = (mendable, mendable) if draws[1] < self.repairable else (hopeless, mendable + hopeless)
            faults.add(first[int(draws[2] * len(first))])
            if draws[3] < ONE_MORE:
                faults.add(further[int(draws[4] * len(further))])
        amounts: dict[str, float] = {}
        for aspect, (low, high) in zip(ORDER, sizes, strict=True):
            if aspect in faults:
                amounts[aspect] = round(severity[0] + (severity[1] - severity[0]) * high, 4)
            elif aspect in able:
                amounts[aspect] = 0.0 if aspect in DRIFTS else round((LEAST + (1 - LEAST) * low) * HARMLESS, 4)
        if faults & {"smear", "swap"}:
            amounts["mark"] = 0.0  # what is done to a mark is done to the mark itself
        return amounts
