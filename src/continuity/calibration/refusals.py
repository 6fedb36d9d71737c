"""Promises that cannot be shown: what was seen, what it promises instead, and how many labels would do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from continuity.calibration import verification
from continuity.calibration.choosing import Judged, Path, Target
from continuity.calibration.verification import Counts
from continuity.errors import NotEnoughLabels
from continuity.statistics import bounds


def check_size(judged: Judged, path: Path, target: Target) -> None:
    """Refuses before a verification label is looked at where not even the best answers would show the promise."""
    counts = judged.counts(path.limits, judged.verification)
    if target.base_rate is None:
        have = int(counts.kept[path.start])
        needed = bounds.sample_size(max_share=target.max_share, confidence=1 - target.risk)
        can_promise = bounds.upper(failures=0, n=have, confidence=1 - target.risk)
        wanted = f"{needed:,} kept shots in the verification part that are all good were wanted"
        looked = "No verification label was looked at"
        there = f"there are {have:,} ({judged.sizes[1]:,} of its shots are judged): even without a bad one they promise"
    else:
        best = replace(
            counts,
            false_accepts=np.zeros_like(counts.false_accepts),
            true_accepts=np.full_like(counts.true_accepts, counts.accepts),
        )
        have = counts.rejects
        can_promise = float(verification.bad_share_bound(best, target.base_rate, target.risk)[path.start])
        needed = _rejects_needed(counts, target)
        wanted = (
            f"{needed:,} shots with a rejected candidate, none of which passes, were wanted in the verification part"
        )
        looked = "Of the verification labels nothing but how many there are of each kind was looked at"
        there = (
            f"there are {have:,}, and {counts.accepts:,} with an accepted one: even if no rejected and every accepted "
            "candidate passes, they promise"
        )
    if can_promise > target.max_share:
        raise NotEnoughLabels(
            f"{wanted} to promise at most {_percent(target.max_share)} bad at confidence {1 - target.risk:.4g}, "
            f"{there} no less than {_percent(can_promise)}. {_plan(target)}{looked}",
            needed=needed,
            have=have,
            can_promise=can_promise,
        )


def _rejects_needed(counts: Counts, target: Target) -> int:
    assert target.base_rate is not None  # noqa: S101  (for the type checker)
    true = bounds.lower(failures=counts.accepts, n=counts.accepts, confidence=1 - target.risk / 2)
    share = verification.false_accepts_allowed(target.max_share, target.base_rate, max(true, 0.5))
    return bounds.sample_size(max_share=share, confidence=1 - target.risk / 2) if share < 1 else 1


def bound_at(counts: Counts, step: int, target: Target) -> float:
    """The upper bound on the share of bad that one step gives."""
    if target.base_rate is not None:
        return float(verification.bad_share_bound(counts, target.base_rate, target.risk)[step])
    return bounds.upper(failures=int(counts.bad[step]), n=int(counts.kept[step]), confidence=1 - target.risk)


def not_shown(counts: Counts, start: int, target: Target) -> NotEnoughLabels:
    """There were answers enough to hope, and too many of them were bad."""
    can_promise = bound_at(counts, start, target)
    if target.base_rate is None:
        have, bad = int(counts.kept[start]), int(counts.bad[start])
        needed = _needed_at(bad, have, target)
        seen = f"{bad} bad in {have:,} kept shots"
    else:
        have, needed = counts.rejects, None
        seen = (
            f"{counts.false_accepts[start]} of {have:,} rejected and {counts.true_accepts[start]:,} of "
            f"{counts.accepts:,} accepted candidates pass"
        )
    more = (
        f"if it stays at that share, {needed:,} would do"
        if needed is not None
        else "more labels alone will hardly do: a metric that tells these apart is missing, or the promise is too small"
    )
    parts = [part for part in (more, _plan(target).rstrip(". ")) if part]
    return NotEnoughLabels(
        f"a share of bad of at most {_percent(target.max_share)} was wanted, {seen} under the limits where it is most "
        f"likely: they promise {_percent(can_promise)} at confidence {1 - target.risk:.4g}; {'. '.join(parts)}",
        needed=needed,
        have=have,
        can_promise=can_promise,
    )


def _needed_at(bad: int, kept: int, target: Target) -> int | None:
    """Kept shots that would show the promise at the share of bad seen so far."""
    if bad >= target.max_share * kept:
        return None
    for failures in range(bad, 1000):
        n = bounds.sample_size(max_share=target.max_share, confidence=1 - target.risk, failures=failures)
        if failures * kept >= bad * n:
            return n
    return None


def _plan(target: Target) -> str:
    """What to plan with, for a gate that is twice as good as promised; nothing is known of that for another mix."""
    if target.base_rate is not None:
        return ""
    half = target.max_share / 2
    least = bounds.sample_size(max_share=target.max_share, confidence=1 - target.risk)
    chance = bounds.power(n=least, max_share=target.max_share, confidence=1 - target.risk, true_share=half)
    plan = bounds.planned_size(max_share=target.max_share, confidence=1 - target.risk, true_share=half)
    return f"A gate truly at {_percent(half)} passes with {least:,} kept shots in {100 * chance:.0f} % of cases" + (
        f", with {plan:,} in 80 %. " if plan else ". "
    )


def _percent(share: float) -> str:
    return f"{float(f'{100 * share:.2g}'):g} %"  # 100, not 1e+02
