"""From judged values to certified limits: the pure part of calibration. Arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from continuity.calibration import verification
from continuity.calibration.paths import Flags, Floats, Ints, first_steps, limit_path, starting_step
from continuity.calibration.verification import Counts
from continuity.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Candidates that were measured, and judged by a person. Those of a shot stand together, in order.

    Attributes:
        values: candidates x metrics, float64: -inf passes under any limit, +inf under none, NaN is inconclusive.
        bad: which candidates the person rejected.
        shots: number of the shot of each candidate.
        verification: which candidates are of the verification part; whole shots.
    """

    values: Floats
    bad: Flags
    shots: Ints
    verification: Flags

    def __post_init__(self) -> None:
        n = len(self.values)
        if self.values.ndim != 2 or any(len(part) != n for part in (self.bad, self.shots, self.verification)):
            raise UsageError("values (candidates x metrics) with one label, shot and part for each were wanted")
        if n and (np.diff(self.shots) < 0).any():
            raise UsageError("the candidates of a shot stand together: shots in ascending order were wanted")

    def counts(self, path: Floats, part: Flags) -> Counts:
        """What each step of a path does with one part of the candidates."""
        first = first_steps(self.values[part], path)
        return Counts.along(first, self.bad[part], self.shots[part], len(path))

    @property
    def sizes(self) -> tuple[int, int]:
        """Shots of the tuning part, shots of the verification part."""
        of_verification = len(np.unique(self.shots[self.verification]))
        return len(np.unique(self.shots)) - of_verification, of_verification


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """Limits from strict to loose, and the step at which the tests start. Nothing of the verification labels is in it.

    ``limits`` is steps x metrics.
    """

    limits: Floats
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to be shown: at most ``max_share`` bad, wrong with probability ``risk`` at most.

    ``base_rate`` is the share of good candidates in the stream, for labels of another mix; None for labels of what the
    gate accepted on the stream itself.
    """

    max_share: float
    risk: float
    base_rate: float | None = None


def path_of(judged: Judged, loosest: Floats, target: Target) -> Path:
    """The path and its start, from the tuning part alone.

    Args:
        judged: values and labels; those of the verification part are not looked at.
        loosest: limits (metrics) beyond which nothing is known, or inf.
        target: what is to be shown.
    """
    tuning = ~judged.verification
    good = ~judged.bad[tuning]
    values = judged.values[tuning]
    of_tuning, of_verification = judged.sizes
    if not of_tuning:  # nothing to choose with: the limits as they are
        return Path(limits=loosest[None, :], start=0)
    seen = np.where(np.isfinite(values), values, -np.inf)[good].max(axis=0, initial=-np.inf)
    limits = limit_path(values, good, np.where(np.isfinite(loosest), loosest, seen))
    counts = judged.counts(limits, tuning)
    growth = of_verification / of_tuning
    if target.base_rate is None:
        start = starting_step(counts.kept, counts.bad, target.max_share, growth)
    else:
        start = verification.start_from_mix(counts, target.base_rate, target.risk, growth)
    return Path(limits=limits, start=start)


def certified(judged: Judged, path: Path, target: Target) -> tuple[int | None, Counts]:
    """The last step at which the verification part shows the promise, or None; and what every step did with it."""
    counts = judged.counts(path.limits, judged.verification)
    if target.base_rate is None:
        step = verification.certified_from_stream(counts, path.start, target.max_share, target.risk)
    else:
        step = verification.certified_from_mix(counts, path.start, target.max_share, target.base_rate, target.risk)
    return step, counts
