"""What a ledger can be asked. Long answers come in pages, so that memory stays flat and no lock is held."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Any, TypeAlias

from sqlalchemy import Connection, LargeBinary, Row, Select, Table, bindparam, func, select, tuple_

from continuity.ledger import rows, schema
from continuity.ledger.accounting import Totals, totals
from continuity.ledger.schema import attempts, candidates, decisions, measurements, shots, streams
from continuity.records import Decision, Recipe, Report, State, Status, Verdict

Reading: TypeAlias = Callable[[], AbstractContextManager[Connection]]

PAGE = 500
JSON = {"spec", "description", "cost", "recipe", "evidence", "fitted", "settings"}  # columns that hold JSON

_IN_ROW = ("id", "index", "seed", "state", "origin", "measure_fully", "verdict", "worst_excess", "worst_key", "attempt")
_IN_ROW_TOO = ("cost", "error", "asked_at", "told_at", "host", "device")
_CANDIDATES = (
    select(
        *(candidates.c[name] for name in _IN_ROW + _IN_ROW_TOO),
        shots.c.name.label("shot"),
        shots.c.revision,
        (shots.c.kept == candidates.c.id).label("kept"),
        func.coalesce(attempts.c.stream, candidates.c.stream).label("stream"),
        attempts.c.repair,
        attempts.c.fitted,
        attempts.c.digest,
        attempts.c.thumbnail,
        attempts.c.media,
    )
    .select_from(candidates.join(shots, shots.c.id == candidates.c.shot))
    .outerjoin(attempts, (attempts.c.candidate == candidates.c.id) & (attempts.c.attempt == candidates.c.attempt))
)
_ONE = _CANDIDATES.where(candidates.c.id == bindparam("of"))
_ASKED = select(candidates.c.stream, candidates.c.told_at).where(candidates.c.id == bindparam("of"))
_KEPT = _CANDIDATES.where(shots.c.id == bindparam("of"), candidates.c.id == shots.c.kept)
_KEPT_ID = select(shots.c.kept).where(shots.c.id == bindparam("of"))
_ALL_PAGE = _CANDIDATES.where(candidates.c.id > bindparam("after")).order_by(candidates.c.id).limit(PAGE)
_SHOT_PAGE = (
    _CANDIDATES.where(candidates.c.shot == bindparam("of"), candidates.c.index > bindparam("after"))
    .order_by(candidates.c.index)
    .limit(PAGE)
)
_CLOSEST = (
    _CANDIDATES.where(candidates.c.shot == bindparam("of"), candidates.c.state == bindparam("ended"))
    .order_by(candidates.c.worst_excess.is_(None), candidates.c.worst_excess, candidates.c.id)
    .limit(1)
)
_CLOSEST_MEASURED = (  # the index by_state answers this at once
    _CANDIDATES.where(
        candidates.c.shot == bindparam("of"),
        candidates.c.state == bindparam("ended"),
        candidates.c.worst_excess.is_not(None),
    )
    .order_by(candidates.c.worst_excess, candidates.c.id)
    .limit(1)
)
_SHOT = select(shots).where(shots.c.id == bindparam("of"))
_TOTALS = select(schema.totals).where(schema.totals.c.shot == bindparam("of"))
_REPORT = (
    select(attempts.c.report)
    .join(candidates, candidates.c.id == attempts.c.candidate)
    .where(
        attempts.c.candidate == bindparam("of"),
        attempts.c.attempt == func.coalesce(bindparam("at"), candidates.c.attempt),
    )
)
_ATTEMPTS = (
    select(*(c for c in attempts.c if c.name not in ("candidate", "report")))
    .where(attempts.c.candidate == bindparam("of"))
    .order_by(attempts.c.attempt)
)
LAST_WORD = (  # of a person
    select(decisions.c.accept)
    .where(decisions.c.candidate == candidates.c.id)
    .order_by(decisions.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_RECIPE = select(candidates.c.recipe).where(candidates.c.id == bindparam("of"))


def shot(connection: Connection, shot_id: int) -> rows.ShotRow | None:
    """One revision of a shot with its totals."""
    row = connection.execute(_SHOT, {"of": shot_id}).one_or_none()
    return None if row is None else _shot(row, spent(connection, shot_id, row.asked))


def every_shot(connection: Connection) -> tuple[rows.ShotRow, ...]:
    """All revisions of all shots, in the order in which they began."""
    sums: dict[int, list[tuple[str, str, float]]] = {}
    for row in connection.execute(select(schema.totals)):
        sums.setdefault(row.shot, []).append((row.device, row.kind, row.amount))
    found = connection.execute(select(shots).order_by(shots.c.id))
    return tuple(_shot(row, totals(row.asked, sums.get(row.id, ()))) for row in found)


def spent(connection: Connection, shot_id: int, asked: int) -> Totals:
    """What a shot has used so far."""
    found = connection.execute(_TOTALS, {"of": shot_id})
    return totals(asked, [(row.device, row.kind, row.amount) for row in found])


def candidate(connection: Connection, number: int) -> rows.CandidateRow | None:
    """One candidate."""
    return _record(connection.execute(_ONE, {"of": number}).one_or_none())


def asked(connection: Connection, number: int) -> tuple[str, bool] | None:
    """The stream of one candidate, and whether it was told."""
    row = connection.execute(_ASKED, {"of": number}).one_or_none()
    return None if row is None else (row.stream, row.told_at is not None)


def kept(connection: Connection, shot_id: int) -> rows.CandidateRow | None:
    """The kept candidate of a shot. A loop asks after each candidate, and mostly there is none: that is asked first."""
    if connection.execute(_KEPT_ID, {"of": shot_id}).scalar() is None:
        return None
    return _record(connection.execute(_KEPT, {"of": shot_id}).one_or_none())


def accepted(connection: Connection, shot_id: int, *, best_first: bool) -> tuple[int, ...]:
    """Ids of the accepted candidates of a shot that no person rejected, in order of index or of their worst excess."""
    best = (candidates.c.worst_excess.is_(None), candidates.c.worst_excess) if best_first else ()
    found = connection.execute(
        select(candidates.c.id)
        .where(
            candidates.c.shot == shot_id, candidates.c.state == str(State.ACCEPTED), LAST_WORD.is_distinct_from(False)
        )
        .order_by(*best, candidates.c.index)
    )
    return tuple(int(row.id) for row in found)


def closest(connection: Connection, shot_id: int) -> rows.CandidateRow | None:
    """The rejected candidate with the smallest worst excess, else an inconclusive one."""
    for statement, state in (
        (_CLOSEST_MEASURED, State.REJECTED),
        (_CLOSEST, State.INCONCLUSIVE),
        (_CLOSEST, State.REJECTED),
    ):
        row = connection.execute(statement, {"of": shot_id, "ended": str(state)}).one_or_none()
        if row is not None:
            return rows.candidate_row(row)
    return None


def every_candidate(reading: Reading, shot_id: int | None) -> Iterator[rows.CandidateRow]:
    """All candidates, or those of a shot, in order."""
    after = -1
    while True:
        with reading() as connection:
            statement = _ALL_PAGE if shot_id is None else _SHOT_PAGE
            given = {"after": after} if shot_id is None else {"after": after, "of": shot_id}
            page = [rows.candidate_row(row) for row in connection.execute(statement, given)]
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].id if shot_id is None else page[-1].index


def report(connection: Connection, number: int, attempt: int | None) -> Report | None:
    """The report on one attempt of a candidate; None is the one that decides."""
    packed = connection.execute(_REPORT, {"of": number, "at": attempt}).scalar()
    return None if packed is None else rows.report(packed)


def every_attempt(connection: Connection, number: int) -> tuple[rows.AttemptRow, ...]:
    """What was made of a candidate, in order."""
    return tuple(rows.attempt_row(row) for row in connection.execute(_ATTEMPTS, {"of": number}))


def recipe(connection: Connection, number: int) -> Recipe | None:
    """The recipe of a candidate, completed once it was told."""
    text = connection.execute(_RECIPE, {"of": number}).scalar()
    return None if text is None else rows.recipe(text)


def description(connection: Connection, stream: str) -> dict[str, Any] | None:
    """What a stream was described as."""
    text = connection.execute(select(streams.c.description).where(streams.c.digest == stream)).scalar()
    return None if text is None else dict(json.loads(text))


def judged_under(connection: Connection) -> dict[int, frozenset[tuple[str, float | None, str | None]]]:
    """(key, limit, digest of the instrument) of each metric, by candidate; candidates judged alike share one set."""
    found = connection.execute(
        select(measurements.c.candidate, measurements.c.key, measurements.c.limit, measurements.c.instrument)
        .join(candidates, candidates.c.id == measurements.c.candidate)
        .where(measurements.c.attempt == candidates.c.attempt)
        .order_by(measurements.c.candidate)
    )
    alike: dict[frozenset[tuple[str, float | None, str | None]], frozenset[tuple[str, float | None, str | None]]] = {}
    under: dict[int, frozenset[tuple[str, float | None, str | None]]] = {}
    for number, metrics in groupby(found, key=lambda row: row.candidate):
        one = frozenset((row.key, row.limit, row.instrument) for row in metrics)
        under[int(number)] = alike.setdefault(one, one)
    return under


def failures(connection: Connection, shot_id: int) -> dict[str, rows.Nearest]:
    """What fails, by metric key, the most frequent first.

    SQLite takes the other columns from the row that has the minimum (its documentation, "bare columns").
    """
    nearest = func.min(measurements.c.normalised_excess)
    number = func.count()
    found = connection.execute(
        select(measurements.c.key, number.label("count"), nearest, *_bare("value", "limit", "unit"))
        .join(candidates, candidates.c.id == measurements.c.candidate)
        .where(
            candidates.c.shot == shot_id,
            measurements.c.verdict == str(Verdict.FAIL),
            measurements.c.attempt == candidates.c.attempt,
        )
        .group_by(measurements.c.key)
        .order_by(number.desc(), measurements.c.key)
    )
    return {row.key: rows.Nearest(count=row[1], value=row.value, limit=row.limit, unit=row.unit) for row in found}


def inconclusive(connection: Connection) -> dict[str, dict[str, int]]:
    """Candidates that a metric could not judge, by name of the shot and metric key."""
    found = connection.execute(
        select(shots.c.name, measurements.c.key, func.count())
        .select_from(measurements)
        .join(candidates, candidates.c.id == measurements.c.candidate)
        .join(shots, shots.c.id == candidates.c.shot)
        .where(
            measurements.c.verdict == str(Verdict.INCONCLUSIVE),
            measurements.c.status != str(Status.SKIPPED),
            measurements.c.attempt == candidates.c.attempt,
        )
        .group_by(shots.c.name, measurements.c.key)
    )
    counts: dict[str, dict[str, int]] = {}
    for name, key, count in found:
        counts.setdefault(name, {})[key] = count
    return counts


def states(connection: Connection) -> dict[str, dict[State, int]]:
    """Candidates by name of the shot and state."""
    found = connection.execute(
        select(shots.c.name, candidates.c.state, func.count())
        .join(shots, shots.c.id == candidates.c.shot)
        .group_by(shots.c.name, candidates.c.state)
    )
    counts: dict[str, dict[State, int]] = {}
    for name, state, count in found:
        counts.setdefault(name, {})[State(state)] = count
    return counts


def every_decision(connection: Connection) -> tuple[Decision, ...]:
    """All that people decided, in order."""
    found = connection.execute(select(decisions).order_by(decisions.c.id))
    return tuple(Decision(**{name: value for name, value in row._mapping.items() if name != "id"}) for row in found)


def export(connection: Connection) -> Iterator[dict[str, Any]]:
    """Every row of every table as plain JSON values, each with ``format`` and ``table``."""
    for table in schema.metadata.sorted_tables:
        for row in _pages(connection, table):
            yield {"format": schema.FORMAT, "table": table.name, **_plain(table, row)}


def _pages(connection: Connection, table: Table) -> Iterator[Row[Any]]:
    key = list(table.primary_key)
    pages: Select[Any] = select(table).order_by(*key).limit(PAGE)
    statement = pages
    while True:
        page = connection.execute(statement).all()
        yield from page
        if len(page) < PAGE:
            return
        statement = pages.where(tuple_(*key) > tuple_(*(page[-1]._mapping[c] for c in key)))


def _plain(table: Table, row: Row[Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for column, value in zip(table.columns, row, strict=True):
        if value is not None and isinstance(column.type, LargeBinary):
            value = rows.unpack(value)
        elif value is not None and column.name in JSON:
            value = json.loads(value)
        plain[column.name] = value
    return plain


def _bare(*names: str) -> list[Any]:
    return [measurements.c[name] for name in names]


def _record(row: Any) -> rows.CandidateRow | None:
    return None if row is None else rows.candidate_row(row)


def _shot(row: Any, own: Totals) -> rows.ShotRow:
    return rows.ShotRow(
        id=row.id, name=row.name, revision=row.revision, spec_digest=row.digest, kept=row.kept, totals=own
    )
