"""What a pilot or a past ledger says of each shot under some tolerances: the counts that a forecast rests on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from continuity.errors import UsageError
from continuity.ledger import Columns, Ledger, ShotRow, Totals
from continuity.records import Rates, State
from continuity.regating.judging import FAIL, INCONCLUSIVE, JUDGED, PASS, UNKNOWN, Group, judge_all
from continuity.tolerances import Given

UNTOLD = (State.ASKED, State.LOST)  # nobody knows what they cost
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a candidate of a shot took on average, over those whose cost was told."""

    seconds: float = 0.0
    gpu_seconds: float = 0.0
    cost: float = 0.0


@dataclass(slots=True, kw_only=True)
class Counts:
    """One shot under some tolerances, over all its revisions.

    Attributes:
        trials: candidates that ended, unless nothing of their stream can be judged: those are ``left_out``.
        accepted: known to pass; ``inconclusive`` likewise.
        unknown: of the trials, those whose measurements do not tell the verdict.
        rejected: were rejected when they were rendered, and not measured fully; ``unknown`` are among them.
        fully: were rejected, and the coin had chosen them to be measured fully; ``fully_accepted`` of them pass now.
        spent: what a candidate took.
    """

    name: str
    trials: int = 0
    accepted: int = 0
    inconclusive: int = 0
    unknown: int = 0
    left_out: int = 0
    rejected: int = 0
    fully: int = 0
    fully_accepted: int = 0
    spent: Spent = field(default_factory=Spent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """What all shots say.

    Attributes:
        shots: in the order in which they began.
        discards: share of the fully measured candidates that a metric fails, whatever the others say.
        fully: how many those are.
        limits: by metric key, as far as they are alike in all shots.
        warnings: what must be said of the tolerances.
    """

    shots: tuple[Counts, ...]
    discards: Mapping[str, float] = field(default_factory=dict)
    fully: int = 0
    limits: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def total(self, count: str) -> int:
        """The sum of one of the counts over all shots."""
        return sum(getattr(one, count) for one in self.shots)

    @property
    def rows(self) -> int:
        """Candidates that the forecast rests on: those with a known end."""
        return self.total("trials") - self.total("unknown")


def pilot(
    ledger: Ledger, given: Given = None, *, shots: Sequence[ShotRow] | None = None, rates: Rates | None = None
) -> Pilot:
    """Counts what a ledger says under ``given``; limits that it leaves out stay as each shot had them.

    A candidate that ended without a picture is a trial too: it used up budget. A verdict is unknown where a candidate
    was stopped at its first fail and that is none any more.

    Raises:
        UsageError: no candidate counts, or some are unknown and none like them was measured fully.
        UnknownKey, ToleranceError, InstrumentMismatch: the limits fit no shot.
    """
    groups = judge_all(ledger, ledger.columns(shots), given)
    names = {row.name: Counts(name=row.name) for row in (ledger.shots() if shots is None else shots)}
    own: dict[str, list[Columns]] = {}
    for group in groups:
        own.setdefault(group.columns.shot.name, []).append(group.columns)
        _count(names[group.columns.shot.name], group)
    for name, columns in own.items():
        names[name].spent = _spent(columns, rates or Rates())
    discards, fully = _discards(groups)
    found = Pilot(
        shots=tuple(names.values()),
        discards=discards,
        fully=fully,
        limits=_limits(groups),
        warnings=tuple(dict.fromkeys(text for group in groups for text in group.warnings)),
    )
    if not found.total("trials"):
        raise UsageError("judged candidates were wanted, this ledger has none that can be: render a pilot first")
    if found.total("unknown") and not found.total("fully"):
        raise UsageError(
            f"under these limits the verdict on {found.total('unknown'):,} rejected candidates is unknown: they were "
            "stopped at their first fail, and none like them was measured fully: render a pilot with measure_fully = 1"
        )
    return found


def _are(columns: Columns, states: Collection[State]) -> Mask:
    return np.array([state in states for state in columns.states], dtype=np.bool_)


def _count(counts: Counts, group: Group) -> None:
    columns, judged = group.columns, group.judged
    ended, seen, rejected = ~_are(columns, {State.ASKED}), _are(columns, JUDGED), _are(columns, {State.REJECTED})
    if judged is None and seen.any():  # nothing but its failed renders would be left to count
        counts.left_out += int(ended.sum())
        return
    verdicts = np.full(len(columns), UNKNOWN) if judged is None else judged.verdicts
    unknown = seen & (verdicts == UNKNOWN)
    fully = rejected & columns.measure_fully & ~unknown
    counts.trials += int(ended.sum())
    counts.accepted += int((seen & (verdicts == PASS)).sum())
    counts.inconclusive += int((seen & (verdicts == INCONCLUSIVE)).sum())
    counts.unknown += int(unknown.sum())
    counts.rejected += int((rejected & ~fully).sum())
    counts.fully += int(fully.sum())
    counts.fully_accepted += int((fully & (verdicts == PASS)).sum())


def _spent(own: Sequence[Columns], rates: Rates) -> Spent:
    told = sum(state not in UNTOLD for columns in own for state in columns.states)
    revisions = {columns.shot.id: columns.shot.totals for columns in own}
    whole = sum(revisions.values(), Totals())
    if not told:
        return Spent()
    return Spent(
        seconds=whole.total_seconds / told, gpu_seconds=whole.gpu_seconds / told, cost=whole.money(rates) / told
    )


def _discards(groups: Sequence[Group]) -> tuple[Mapping[str, float], int]:
    failed: dict[str, int] = {}
    measured: dict[str, int] = {}
    fully = 0
    for group in groups:
        if group.judged is None:
            continue
        coin = group.columns.measure_fully
        fully += int((coin & _are(group.columns, JUDGED)).sum())
        for key, codes in group.judged.by_metric.items():
            failed[key] = failed.get(key, 0) + int((coin & (codes == FAIL)).sum())
            measured[key] = measured.get(key, 0) + int((coin & (codes != UNKNOWN)).sum())
    shares = {key: failed[key] / number for key, number in measured.items() if number}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0]))), fully


def _limits(groups: Sequence[Group]) -> Mapping[str, float]:
    found: dict[str, set[float]] = {}
    for group in groups:
        for key, limit in group.limits.items():
            found.setdefault(key, set()).add(limit)
    return {key: min(limits) for key, limits in found.items() if len(limits) == 1}
