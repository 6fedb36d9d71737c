"""New noise around that of the best near misses."""

from __future__ import annotations

import hashlib
import heapq
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence

from continuity.errors import UsageError
from continuity.records import Json, Origin, Proposal, State, Trial
from continuity.records.noise import MOST_SEEDS, NOISE, Noise

LATEST = 1000  # trials that are learned from: what a proposal costs does not grow for ever
DIGITS = 6  # of an angle: it is the same on every machine


class NearbySeeds:
    """Searches the initial noise around the candidates that missed by least: zero-order search, without gradients
    (Ma et al. 2025, "Inference-time scaling for diffusion models beyond scaling denoising steps").

    The first ``startup`` candidates, and later a share ``explore`` of them, are new seeds and nothing else. Every other
    one has the changes of the rejected candidate with the smallest worst normalised excess, and its noise turned by an
    angle towards that of its own seed (:class:`continuity.records.noise.Noise`: mean and variance stay those of plain
    noise). The angle is ``angle`` at first and shrinks by ``shrink`` with each try around the same candidate; after
    ``tries`` of them the next best one has its turn. A neighbour that misses by less is the best one from then on.

    What was aborted, failed, lost, could not be judged, or passed and was rejected by a person is no near miss, but
    counts as a try where it was one. A proposal follows from the history, the index and the settings alone, so that
    another worker, or another day, proposes the same.

    For pipelines that begin with noise (``DiffusersGenerator``). Every proposal is of origin ``learned``, the new seeds
    too: a promise about random candidates does not cover them, and a learned stream needs an audit of its own. With it
    a shot measures every candidate with every metric.

    Args:
        startup: so many new seeds before anything is learned.
        explore: share of later candidates that are new seeds all the same, by a coin for each index.
        angle: of the first try around a candidate, in radians, above 0 and up to pi / 2, which is a new seed.
        shrink: what the angle is multiplied with after each try, above 0 and up to 1.
        tries: around one candidate.
        seed: another number gives other coins.

    Raises:
        UsageError: a setting out of its range.
    """

    learns = True

    def __init__(
        self,
        *,
        startup: int = 8,
        explore: float = 0.25,
        angle: float = 0.8,
        shrink: float = 0.8,
        tries: int = 8,
        seed: int = 0,
    ) -> None:
        for name, number, least in (("startup", startup, 1), ("tries", tries, 1), ("seed", seed, 0)):
            if type(number) is not int or number < least:
                raise UsageError(f"nearby: {name} is a whole number from {least} up, got {number!r}")
        for name, share, most, said in (
            ("explore", explore, 1.0, "from 0 to 1"),
            ("angle", angle, math.pi / 2, "above 0 and up to pi / 2"),
            ("shrink", shrink, 1.0, "above 0 and up to 1"),
        ):
            in_range = type(share) in (int, float) and 0 <= share <= most and (share > 0 or name == "explore")
            if not in_range:
                raise UsageError(f"nearby: {name} is a number {said}, got {share!r}")
        self._startup, self._explore, self._seed = startup, float(explore), seed
        self._angle, self._shrink, self._tries = float(angle), float(shrink), tries

    @property
    def settings(self) -> Mapping[str, Json]:
        """All six arguments."""
        return {
            "startup": self._startup,
            "explore": self._explore,
            "angle": self._angle,
            "shrink": self._shrink,
            "tries": self._tries,
            "seed": self._seed,
        }

    def propose(self, history: Sequence[Trial], index: int) -> Proposal:
        """The noise of candidate ``index`` as a change, or none for a new seed; origin ``learned``."""
        if index < self._startup or self._coin(index) < self._explore:
            return Proposal(origin=Origin.LEARNED)
        tried: Counter[tuple[int, ...]] = Counter()
        misses: list[tuple[float, int, Mapping[str, Json], Noise]] = []
        for trial in history[-LATEST:]:
            noise = _noise(trial)
            if noise is None or trial.state is State.LOST:
                continue
            tried[noise.seeds[:-1]] += 1  # what it was turned from; seeds are unique in a shot
            excess = trial.worst_excess
            # One that passes and is rejected all the same is a person's no, and not near to anything.
            near = excess is not None and math.isfinite(excess) and excess > 0 and len(noise.seeds) < MOST_SEEDS
            if trial.state is State.REJECTED and near:
                misses.append((excess, trial.index, trial.changes, noise))  # type: ignore[arg-type]
        heapq.heapify(misses)
        while misses:
            _, _, changes, noise = heapq.heappop(misses)
            if (tries := tried[noise.seeds]) < self._tries:
                angle = round(self._angle * self._shrink**tries, DIGITS)
                return Proposal(changes={**changes, NOISE: noise.turned(angle)}, origin=Origin.LEARNED)
        return Proposal(origin=Origin.LEARNED)

    def _coin(self, index: int) -> float:
        text = json.dumps([self._seed, index])
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64

    def __repr__(self) -> str:
        return f"NearbySeeds({', '.join(f'{name}={value}' for name, value in self.settings.items())})"


def _noise(trial: Trial) -> Noise | None:
    """None where a change of another proposer has the name and says something else."""
    try:
        return Noise.of(trial.seed, trial.changes)
    except UsageError:
        return None
