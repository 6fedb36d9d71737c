"""Limits for previews, learned from what earlier candidates showed and how they ended. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from continuity.records import LEARNED_FROM, PastPreview
from continuity.statistics import tolerance_limits

Learn: TypeAlias = Literal["acceptable", "metric"]
Check: TypeAlias = tuple[int, str]  # after which step, which metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """At most ``max_lost`` of the acceptable candidates are stopped, at this confidence.

    With ``learn="metric"`` it is of the candidates that pass a metric, for each metric: the shares that they may lose
    add up to ``max_lost``, and so do the risks. A metric that few pass gets more of both.
    """

    max_lost: float = 0.1
    confidence: float = 0.95
    learn: Learn = "acceptable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What was learned: a limit by check, as far as there is one.

    ``in_force`` says whether the promise holds. Until then the limits only predict: they are the tightest that can be
    had. ``accepts`` counts the candidates that they rest on (of the metric that has the fewest), ``lost_at_most`` is
    the share that they lose at most, at the confidence of the promise.
    """

    limits: Mapping[Check, float] = field(default_factory=dict)
    in_force: bool = False
    accepts: int = 0
    lost_at_most: float = 1.0


def steps_of(at: Sequence[float], steps: int) -> tuple[int, ...]:
    """After which steps to look, for shares of all steps; never after the last one, when nothing is left to save."""
    found = {int(np.ceil(share * steps - 1e-9)) for share in at}
    return tuple(sorted(step for step in found if 1 <= step < steps))


def learned(
    past: Sequence[PastPreview], promise: Promise, *, at: Sequence[float], steps: int, instruments: Mapping[str, str]
) -> Learned:
    """The limits for renders of so many steps.

    Args:
        past: of candidates of one pool that were let through, finished, and pass the metric of the preview.
        promise: what the limits must keep.
        at: shares of the steps.
        steps: of the render.
        instruments: digest of the preview instrument by metric key; previews of another one do not count.
    """
    at_steps, keys = steps_of(at, steps), tuple(instruments)
    usable = [
        one
        for one in _even(past, (True,) if promise.learn == "acceptable" else (True, False))
        if one.steps == steps and one.step in at_steps and instruments.get(one.key) == one.instrument
    ]
    groups: Sequence[tuple[str, ...]] = [(key,) for key in keys]
    if promise.learn == "acceptable":
        groups = [keys]
    checks = [[(step, key) for step in at_steps for key in group] for group in groups]
    draws = [_draws([one for one in usable if one.key in group], of) for group, of in zip(groups, checks, strict=True)]
    counts = [len(drawn) for drawn in draws]
    cut, lost = _divided(counts, promise)
    limits = {
        check: float(limit)
        for of, drawn, spent in zip(checks, draws, cut, strict=True)
        for check, limit in zip(of, tolerance_limits.limits(drawn, spent), strict=True)
        if np.isfinite(limit)
    }
    return Learned(
        limits=limits,
        in_force=bool(limits) and lost <= promise.max_lost,
        accepts=min(counts),
        lost_at_most=min(1.0, lost),
    )


def _even(past: Sequence[PastPreview], accepted: Sequence[bool]) -> list[PastPreview]:
    """Those of these kinds, back to where all of them are handed out and each candidate whole.

    Before that one kind stands alone, and what passes a metric would be accepted more often, or less, than it is.
    """
    kinds = [[one for one in past if one.accepted is kind] for kind in accepted]
    cut_off = [min(one.candidate for one in kind) for kind in kinds if len(kind) >= LEARNED_FROM]
    return [one for kind in kinds for one in kind if one.candidate > max(cut_off, default=-1)]


def _divided(counts: Sequence[int], promise: Promise) -> tuple[list[int], float]:
    """How many draws each group may lose, and the bound on what all of them lose together.

    A group takes its part of the risk by one over its draws: with one cut each, the sum of the bounds is then smallest
    (of Wilks' bound, log(1 / risk) / n). Cuts go by draws, one at least, as many as the promise allows. Both follow
    from counts alone: whoever looked at the values could promise nothing.
    """
    wanted = [1 / max(1, n) for n in counts]
    sure = [1 - (1 - promise.confidence) * one / sum(wanted) for one in wanted]

    def spent(most: int) -> list[int]:
        return [min(n, max(1, most * n // max(1, *counts))) for n in counts]

    def lost(cut: Sequence[int]) -> float:
        each = zip(counts, cut, sure, strict=True)
        return sum(tolerance_limits.lost_at_most(n=n, cut=one, confidence=level) for n, one, level in each)

    below, above = 1, max(counts) + 1
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if lost(spent(middle)) <= promise.max_lost else (below, middle)
    return spent(below), lost(spent(below))


def _draws(past: Sequence[PastPreview], checks: Sequence[Check]) -> tolerance_limits.Floats:
    """Candidates x checks; -inf where a check could not be measured. Who was not seen in all of them is no draw."""
    column = {check: k for k, check in enumerate(checks)}
    row = {number: k for k, number in enumerate(dict.fromkeys(one.candidate for one in past))}
    draws, looked = np.full((len(row), len(column)), -np.inf), np.zeros((len(row), len(column)), dtype=bool)
    for one in past:
        at = row[one.candidate], column[one.step, one.key]
        looked[at] = True
        draws[at] = -np.inf if one.value is None else one.value
    kept: tolerance_limits.Floats = draws[looked.all(axis=1)]
    return kept
