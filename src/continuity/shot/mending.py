"""What repairs make of a candidate that failed: tried only where every failing finding has one, and judged anew."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from continuity.errors import ContinuityError, MissingPiece, UsageError
from continuity.identity import Identity
from continuity.interfaces import Repair
from continuity.ledger import Attempt
from continuity.media import Media
from continuity.records import Cost, Declined, Json, Repaired, Report, Status, Verdict

log = logging.getLogger(__name__)

MOVED = ("look", "look_text")  # sees the whole frame: what is wrong with a grade or a mark may be wrong with it too


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One attempt: what the ledger is told of it, its report, and the media that it made, if it made any."""

    attempt: Attempt
    media: Media | None = None

    @property
    def passed(self) -> bool:
        """Whether the whole gate passes what was made."""
        return self.attempt.report is not None and self.attempt.report.verdict is Verdict.PASS


def checked(repairs: Sequence[Repair], keys: Sequence[str]) -> tuple[Repair, ...]:
    """The repairs of a shot whose gate measures ``keys``.

    Raises:
        UsageError: something that is no repair, or that mends nothing that the gate measures.
    """
    for one in repairs:
        if not isinstance(one, Repair):
            raise UsageError(f"repairs of a shot were wanted, such as GradeRepair(), got {one!r}")
        if not set(one.keys) & set(keys):
            raise UsageError(
                f"{type(one).__name__} mends {', '.join(one.keys) or 'nothing'}, and the gate measures only "
                f"{', '.join(keys)}: give the gate the metric, or leave the repair out"
            )
    return tuple(repairs)


def touched(keys: Iterable[str], repairs: Sequence[Repair]) -> frozenset[str]:
    """Of these metric keys those that a repair mends or moves: a fail of one of them settles nothing."""
    mended = {key for one in repairs for key in one.keys}
    return frozenset(key for key in keys if repairs and (key in mended or aspect(key) in MOVED))


def mendable(report: Report, repairs: Sequence[Repair]) -> bool:
    """Whether a repair may make it pass: all that is off is mended by one, or moved by it, and something is mended.

    What could not be measured can be mended as well as what fails: a mark that is smeared beyond recognition is no
    longer found.
    """
    off = _off(report)
    mended = {key for one in repairs for key in one.keys}
    return bool(mended & set(off)) and set(off) <= touched(off, repairs)


def _off(report: Report) -> list[str]:
    """What fails or could not be judged, by metric key."""
    return [f.key for f in report if f.verdict is not Verdict.PASS and f.status is not Status.SKIPPED]


def aspect(key: str) -> str:
    """``logo`` of ``logo:acme``."""
    return key.split(":", 1)[0]


def tried(
    media: Media,
    report: Report,
    *,
    repairs: Sequence[Repair],
    identity: Identity,
    inspect: Callable[[Media, str], Report],
    stream: Callable[[Sequence[Repair]], str],
) -> list[Tried]:
    """Attempts in order, each repair used at most once, until one passes or nothing more can be mended.

    A second repair goes on with what the first one made. ``report`` is on the media as they are, with no metric
    skipped; ``inspect`` judges media of a stream, ``stream`` records what came out of some repairs.

    Raises:
        MissingPiece: weights or packages are missing.
    """
    found: list[Tried] = []
    left, used = list(repairs), list[Repair]()
    fitted: dict[str, None] = {}
    while mendable(report, left):
        failing = _off(report)
        repair = next(one for one in left if set(one.keys) & set(failing))
        left.remove(repair)
        began = time.perf_counter()
        result = _repaired(repair, media, report, identity)
        took = Cost(repair=time.perf_counter() - began)
        keys = (*fitted, *(key for key in repair.keys if key in failing and key not in fitted))
        named = ", ".join(type(one).__name__ for one in (*used, repair))
        attempt = Attempt(repair=named, fitted=keys, stream=stream([*used, repair]), cost=took)
        if isinstance(result, Declined):
            found.append(Tried(attempt=replace(attempt, declined=result.reason, settings=dict(repair.settings))))
            continue
        attempt = replace(attempt, cost=result.cost, settings=_settings(repair, result))
        try:
            after = inspect(result.media, attempt.stream)
        except MissingPiece:
            raise
        except ContinuityError as cause:
            found.append(Tried(attempt=replace(attempt, declined=f"what it made could not be inspected: {cause}")))
            continue
        cost = replace(attempt.cost, score=attempt.cost.score + after.measurements.seconds)
        found.append(Tried(attempt=replace(attempt, cost=cost, report=after), media=result.media))
        media, report = result.media, after
        used.append(repair)
        fitted = dict.fromkeys(keys)
    return found


def _repaired(repair: Repair, media: Media, report: Report, identity: Identity) -> Repaired | Declined:
    """What one repair gives; one that raises has declined."""
    try:
        result: object = repair.repair(media, report, identity)
        if isinstance(result, Repaired | Declined):
            return result
        return Declined(reason=f"it gives Repaired or Declined; it gave {type(result).__name__}")
    except MissingPiece:
        raise
    except Exception as cause:  # a plugin may raise anything, and a broken repair must not end the night
        log.warning("%s failed", type(repair).__name__, exc_info=True)
        return Declined(reason=f"it failed: {type(cause).__name__}: {cause}")


def _settings(repair: Repair, result: Repaired) -> Mapping[str, Json]:
    return {**repair.settings, **result.settings}
