"""What repairs make of a candidate that failed: tried only where every failing finding has one, and judged anew."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from continuity.errors import LedgerError, MediaError, MissingPiece, UsageError
from continuity.identity import Identity
from continuity.interfaces import Repair
from continuity.joining import broke
from continuity.ledger import Attempt
from continuity.media import Media
from continuity.records import Cost, Declined, Expect, Finding, Repaired, Report, Status, Verdict, span

log = logging.getLogger(__name__)

MOVED = ("look", "look_text")  # sees the whole frame: what is wrong with a grade or a mark may be wrong with it too


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One attempt: what the ledger is told of it, its report, and the media that it made, if it made any."""

    attempt: Attempt
    media: Media | None = None


def checked(repairs: Sequence[Repair], keys: Sequence[str]) -> tuple[Repair, ...]:
    """The repairs of a shot whose gate measures ``keys``.

    Raises:
        UsageError: something that is no repair, or that mends nothing that the gate measures.
    """
    for one in repairs:
        try:
            mends = list(one.keys) if isinstance(one, Repair) else None
        except Exception as cause:  # its properties are a plugin's
            raise UsageError(f"{type(one).__name__} cannot repair: {type(cause).__name__}: {cause}") from cause
        if mends is None:
            raise UsageError(f"repairs of a shot were wanted, such as GradeRepair(), got {one!r}")
        if not set(mends) & set(keys):
            raise UsageError(
                f"{type(one).__name__} mends {', '.join(mends) or 'nothing'}, and the gate measures only "
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
    longer found. Not so what raised, which says nothing of the media, and what is not expected: no repair takes
    anything away.
    """
    off = _off(report)
    mended = {key for one in repairs for key in one.keys}
    return bool(mended & {f.key for f in off}) and all(
        touched([f.key], repairs) and f.measurement.expect is not Expect.NOT_EXPECTED and not broke(f.measurement)
        for f in off
    )


def _off(report: Report) -> list[Finding]:
    """What fails or could not be judged."""
    return [f for f in report if f.verdict is not Verdict.PASS and f.status is not Status.SKIPPED]


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

    A second repair goes on with what the first one made. What was off has to be measured afterwards: a repair that
    leaves nothing to measure has destroyed what it mends, and its attempt is declined. ``report`` is on the media as
    they are, with no metric skipped; ``inspect`` judges media of a stream, ``stream`` records what came out of some
    repairs.

    Raises:
        MissingPiece: weights or packages are missing.
    """
    found: list[Tried] = []
    left, used = list(repairs), list[Repair]()
    fitted: dict[str, None] = {}
    owed: dict[str, None] = {}  # what was off, before this repair or an earlier one
    while mendable(report, left):
        off = [finding.key for finding in _off(report)]
        owed |= dict.fromkeys(off)
        repair = next(one for one in left if set(one.keys) & set(off))
        left.remove(repair)
        keys = (*fitted, *(key for key in repair.keys if key in off and key not in fitted))
        named = ", ".join(type(one).__name__ for one in (*used, repair))
        attempt, made = _repaired(repair, media, report, identity, partial(stream, [*used, repair]))
        attempt = replace(attempt, repair=named, fitted=keys)
        if made is not None:
            attempt = _inspected(attempt, made, inspect, report, owed)
        found.append(Tried(attempt=attempt, media=made if attempt.report is not None else None))
        if made is not None and attempt.report is not None and not attempt.declined:
            media, report = made, attempt.report
            used.append(repair)
            fitted = dict.fromkeys(keys)
    return found


def _repaired(
    repair: Repair, media: Media, report: Report, identity: Identity, stream: Callable[[], str]
) -> tuple[Attempt, Media | None]:
    """What one repair gives; one that raises, or gives what is no answer, has declined. All its seconds are repair."""
    attempt = Attempt(repair="", fitted=(), stream="", cost=Cost())
    began = time.perf_counter()
    try:
        settings = dict(repair.settings)
        attempt = replace(attempt, stream=stream(), settings=settings)
        result: object = repair.repair(media, report, identity)
        if isinstance(result, Repaired):
            return replace(
                attempt, cost=_of_repair(result.cost), settings={**settings, **result.settings}
            ), result.media
        said = f"it gives Repaired or Declined; it gave {type(result).__name__}"
        said = result.reason if isinstance(result, Declined) else said
    except (MissingPiece, LedgerError):
        raise
    except (Exception, SystemExit) as cause:  # a plugin may raise anything: a broken repair must not end the night
        log.warning("%s failed", type(repair).__name__, exc_info=True)
        said = f"it failed: {type(cause).__name__}: {cause}"
    return replace(attempt, declined=said, cost=Cost(repair=time.perf_counter() - began)), None


def _of_repair(cost: Cost) -> Cost:
    """The same seconds on the same devices, all of them as repair: whatever it did, it was done to repair."""
    own, *elsewhere = [Cost(repair=sum(kinds.values()), device=device) for device, kinds in cost.by_device.items()]
    return replace(own, elsewhere=tuple(elsewhere))


def _inspected(
    attempt: Attempt, made: Media, inspect: Callable[[Media, str], Report], before: Report, owed: Iterable[str]
) -> Attempt:
    """The attempt with the report on what was made, declined where that cannot be read or what was off is gone."""
    began = time.perf_counter()
    try:
        report = inspect(made, attempt.stream)
    except MissingPiece:
        raise
    except Exception as cause:  # frames of a clip are repaired as they are read, here for the first time
        log.warning("what %s made could not be inspected", attempt.repair, exc_info=True)
        known = isinstance(cause, MediaError)
        said = f"what it made could not be inspected: {cause if known else f'{type(cause).__name__}: {cause}'}"
        cost = replace(attempt.cost, score=time.perf_counter() - began)
        return replace(attempt, cost=cost, declined=said)
    attempt = replace(attempt, cost=replace(attempt.cost, score=report.measurements.seconds), report=report)
    gone = _gone(report, before, owed)
    return replace(attempt, declined=f"it destroyed what it mends: afterwards {', '.join(gone)}") if gone else attempt


def _gone(report: Report, before: Report, owed: Iterable[str]) -> list[str]:
    """Of what was off, in words, what passes without having been measured, in the whole clip or in a shot of it."""
    passing = [report[key] for key in owed if report[key].verdict is Verdict.PASS]
    gone = [f"{f.key} is {f.status.replace('_', ' ')}" for f in passing if f.status is not Status.MEASURED]
    for finding in passing:
        hidden = {f.index for f in before[finding.key].measurement.frames if f.status is not Status.MEASURED}
        for shot in finding.measurement.shots_left_out:
            if any(f.status is Status.NOT_MEASURABLE and f.index not in hidden for f in shot):
                gone.append(f"{finding.key} is not measurable in {span(shot)}")
    return gone
