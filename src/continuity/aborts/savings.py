"""What aborting has saved, what it would have saved, and what it may have lost. Pure functions over watched renders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from continuity.aborts.learning import Promise, learned
from continuity.ledger import Ledger, Watched
from continuity.records import Json, PastPreview, State
from continuity.statistics import bounds

ABORT = "continuity.aborts.preview.PreviewAbort"


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """One pool at one number of steps, the unit in which limits are learned. Renders count in full-render equivalents.

    ``accepts`` and ``lost_at_most`` are of the limits as they stand now. What was *predicted* is what a limit that was
    there before the render said of candidates that were let through: how many it would have stopped, what that would
    have saved, and how many of the accepted ones among them (``lost`` of ``predicted_accepts``, with the upper bound at
    the confidence of the promise).
    """

    pool: str
    stream: str  # the latest
    steps: int
    promise: Promise
    in_force: bool
    accepts: int
    lost_at_most: float
    watched: int
    renders: float
    let_through: int
    aborted: int
    saved: float
    predicted: int
    would_abort: int
    would_save: float
    predicted_accepts: int
    lost: int
    lost_upper: float


def savings_of(ledger: Ledger) -> tuple[Savings, ...]:
    """Of all renders of a ledger that a :class:`PreviewAbort` watched.

    Raises:
        LedgerError: it cannot be read.
    """
    watched = ledger.watched()
    settings: dict[str, Mapping[str, Json]] = {}
    for stream in {one.stream for one in watched}:
        watch: Any = ledger.description(stream).get("aborts") or {}
        if watch.get("class") == ABORT:
            settings[stream] = watch["settings"]
    pools = {one.previews.pool for one in watched}
    return savings(watched, {pool: ledger.past_previews(pool) for pool in pools}, settings)


def savings(
    watched: Iterable[Watched], past: Mapping[str, Sequence[PastPreview]], settings: Mapping[str, Mapping[str, Json]]
) -> tuple[Savings, ...]:
    """One record for each pool and number of steps, in the order in which they began.

    Args:
        watched: all candidates that were watched.
        past: what is learned from, by pool.
        settings: of the :class:`PreviewAbort`, by stream; candidates of other streams are left out.
    """
    groups: dict[tuple[str, int], list[Watched]] = {}
    for one in watched:
        if one.stream in settings and one.previews.items:
            groups.setdefault((one.previews.pool, one.previews.items[0].steps), []).append(one)
    return tuple(
        _savings(pool, steps, seen, past.get(pool, ()), settings[seen[-1].stream])
        for (pool, steps), seen in groups.items()
    )


def _savings(
    pool: str, steps: int, seen: Sequence[Watched], past: Sequence[PastPreview], said: Mapping[str, Json]
) -> Savings:
    made: dict[str, object] = dict(said)
    promise = Promise(**{name: made[name] for name in ("max_lost", "confidence", "learn")})  # type: ignore[arg-type]
    found = learned(past, promise, at=made["at"], steps=steps, instruments=made["instruments"])  # type: ignore[arg-type]
    aborted = [one for one in seen if one.state is State.ABORTED]
    predicted = [
        one for one in seen if one.previews.let_through and any(p.limit is not None for p in one.previews.items)
    ]
    stops = [min((p.step for p in one.previews.items if p.beyond), default=None) for one in predicted]
    accepts = [stop for one, stop in zip(predicted, stops, strict=True) if one.state is State.ACCEPTED]
    lost = sum(stop is not None for stop in accepts)
    upper = bounds.upper(failures=lost, n=len(accepts), confidence=promise.confidence) if accepts else 1.0
    return Savings(
        pool=pool,
        stream=seen[-1].stream,
        steps=steps,
        promise=promise,
        in_force=found.in_force,
        accepts=found.accepts,
        lost_at_most=found.lost_at_most,
        watched=len(seen),
        renders=sum(one.renders for one in seen),
        let_through=sum(one.previews.let_through for one in seen),
        aborted=len(aborted),
        saved=sum(1 - one.renders for one in aborted),
        predicted=len(predicted),
        would_abort=sum(stop is not None for stop in stops),
        would_save=sum(1 - stop / steps for stop in stops if stop is not None),
        predicted_accepts=len(accepts),
        lost=lost,
        lost_upper=upper,
    )
