"""What was measured, in columns: all candidates of a shot at once, for those who judge them again.

Two queries for the whole ledger, however many candidates and shots there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from continuity.ledger.rows import ShotRow
from continuity.ledger.schema import attempts, candidates, decisions, measurements
from continuity.records import State, Status

STATUSES = tuple(Status)
NOTHING = -1  # in ``Column.status``: this metric left no row for the candidate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """What one metric, as one instrument, measured; one entry per candidate of the shot.

    Attributes:
        status: int8, index in :data:`STATUSES`, :data:`NOTHING` where there is no row.
        value: float64 in the metric's unit, NaN where there is none.
        limit, scale: float64, as it was judged then; NaN where there was no limit.
    """

    status: NDArray[np.int8]
    value: NDArray[np.float64]
    limit: NDArray[np.float64]
    scale: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """The candidates of one revision of a shot that came out of one stream, in order of index.

    Attributes:
        shot: the revision.
        stream: digest of the stream; what a repair has made is of another one than what it was made of.
        ids: int64, candidates; ``indices`` their places in the shot.
        states: as they stood when it was read.
        measure_fully: bool, the coin that was thrown when the candidate was asked for.
        digests: of the media; ``media`` are paths in the store, empty where the full media were not stored.
        accepted_by_person: a person's last word on a candidate, None where there is none.
        metrics: by metric key and digest of the instrument.
    """

    shot: ShotRow
    stream: str
    ids: NDArray[np.int64]
    indices: NDArray[np.int64]
    states: tuple[State, ...]
    measure_fully: NDArray[np.bool_]
    digests: tuple[str, ...]
    media: tuple[str, ...]
    accepted_by_person: tuple[bool | None, ...]
    metrics: Mapping[tuple[str, str], Column]

    def __len__(self) -> int:
        return len(self.ids)


def columns(connection: Connection, shots: Sequence[ShotRow]) -> tuple[Columns, ...]:
    """The candidates of some revisions of shots, in the order of the shots and then of their first candidate."""
    wanted = {shot.id: shot for shot in shots}
    words = _last_words(connection)
    groups: dict[tuple[int, str], list[Any]] = {}
    places: dict[int, tuple[tuple[int, str], int]] = {}
    ends = (
        min(wanted, default=0),
        max(wanted, default=-1),
    )  # one shot or all of them: no list of a thousand parameters
    found = (
        select(
            candidates.c.id,
            candidates.c.shot,
            func.coalesce(attempts.c.stream, candidates.c.stream),
            candidates.c.index,
            candidates.c.state,
            candidates.c.measure_fully,
            attempts.c.digest,
            attempts.c.media,
        )
        .outerjoin(attempts, (attempts.c.candidate == candidates.c.id) & (attempts.c.attempt == candidates.c.attempt))
        .where(candidates.c.shot.between(*ends))
        .order_by(candidates.c.shot, candidates.c.index)
    )
    for row in connection.execute(found).all():
        if row[1] in wanted:
            group = groups.setdefault((row[1], row[2]), [])
            places[row[0]] = (row[1], row[2]), len(group)
            group.append(row)
    cells = _cells(connection, places, whole=len(wanted) > 1)
    return tuple(
        _columns(wanted[key[0]], key[1], groups[key], words, cells.get(key, {}))
        for key in sorted(groups, key=lambda k: k[0])
    )


def _last_words(connection: Connection) -> dict[int, bool]:
    latest = select(func.max(decisions.c.id)).group_by(decisions.c.candidate)
    found = connection.execute(select(decisions.c.candidate, decisions.c.accept).where(decisions.c.id.in_(latest)))
    return {row.candidate: bool(row.accept) for row in found}


def _cells(connection: Connection, places: Mapping[int, tuple[tuple[int, str], int]], *, whole: bool) -> dict[Any, Any]:
    """Rows of measurements by group, then by metric and instrument: (place, status, value, limit, scale)."""
    m = measurements.c
    decides = (candidates.c.id == m.candidate) & (candidates.c.attempt == m.attempt)
    found = select(m.candidate, m.key, m.instrument, m.status, m.value, m.limit, m.scale).join(candidates, decides)
    if not whole:
        found = found.where(m.candidate.between(min(places, default=0), max(places, default=-1)))
    codes = {str(status): code for code, status in enumerate(STATUSES)}
    cells: dict[Any, dict[tuple[str, str], list[tuple[Any, ...]]]] = {}
    for candidate, key, instrument, status, value, limit, scale in connection.execute(found).all():
        place = places.get(candidate)
        if place is not None:
            of = cells.setdefault(place[0], {}).setdefault((key, instrument or ""), [])
            of.append((place[1], codes[status], value, limit, scale))
    return cells


def _columns(
    shot: ShotRow,
    stream: str,
    found: Sequence[Any],
    words: Mapping[int, bool],
    cells: Mapping[tuple[str, str], Sequence[tuple[Any, ...]]],
) -> Columns:
    ids, _, _, indices, states, coins, digests, media = zip(*found, strict=True)
    known = {str(state): state for state in State}
    return Columns(
        shot=shot,
        stream=stream,
        ids=np.array(ids, dtype=np.int64),
        indices=np.array(indices, dtype=np.int64),
        states=tuple(known[state] for state in states),
        measure_fully=np.array(coins, dtype=np.bool_),
        digests=tuple(digest or "" for digest in digests),
        media=tuple(path or "" for path in media),
        accepted_by_person=tuple(words.get(one) for one in ids),
        metrics={name: _column(rows, len(found)) for name, rows in cells.items()},
    )


def _column(rows: Sequence[tuple[Any, ...]], size: int) -> Column:
    places, status, *numbers = zip(*rows, strict=True)
    where = np.array(places, dtype=np.int64)
    codes = np.full(size, NOTHING, dtype=np.int8)
    codes[where] = status
    made = []
    for one in numbers:
        column = np.full(size, np.nan)
        column[where] = np.array(one, dtype=np.float64)  # None becomes NaN
        made.append(column)
    return Column(status=codes, value=made[0], limit=made[1], scale=made[2])
