"""How shots went, candidate by candidate, and where one stands: what a stop rule asks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection, bindparam, case, func, select

from continuity.ledger.schema import candidates, shots
from continuity.records import State

JUDGED = frozenset(map(str, (State.ACCEPTED, State.REJECTED, State.INCONCLUSIVE)))

_MISS = case((candidates.c.state == str(State.REJECTED), candidates.c.worst_excess))
_COURSES = (
    select(candidates.c.shot, shots.c.name, candidates.c.state, _MISS.label("miss"))
    .select_from(candidates.join(shots, shots.c.id == candidates.c.shot))
    .where(shots.c.name != bindparam("named"), candidates.c.state != str(State.ASKED))
    .order_by(candidates.c.shot, candidates.c.index)
)


def _of_state(what: State, value: object) -> object:
    of = candidates.c.shot == bindparam("of")
    return select(value).where(of, candidates.c.state == str(what)).scalar_subquery()  # type: ignore[call-overload]


_STANDING = select(
    shots.c.asked,
    _of_state(State.ASKED, func.count()).label("open"),  # type: ignore[attr-defined]
    _of_state(State.ACCEPTED, func.count()).label("accepted"),  # type: ignore[attr-defined]
    _of_state(State.REJECTED, func.min(candidates.c.worst_excess)).label("nearest"),  # type: ignore[attr-defined]
).where(shots.c.id == bindparam("of"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One revision of a shot: its candidates that ended, in order of index, however they ended.

    ``misses`` are the worst normalised excesses of the rejected ones, None for the others and where there is none.
    """

    name: str
    accepted: tuple[bool, ...]
    misses: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a shot stands: candidates that ended, accepted ones, the smallest worst normalised excess of a rejected."""

    ended: int
    accepted: int
    nearest: float | None


def courses(connection: Connection, other_than: str) -> tuple[Course, ...]:
    """How the shots of other names went, as far as one of their candidates was judged; unfinished ones with what they
    have."""
    found: list[Course] = []
    for _, group in groupby(connection.execute(_COURSES, {"named": other_than}), key=itemgetter(0)):
        _, names, states, misses = zip(*group, strict=True)
        if not JUDGED.isdisjoint(states):
            accepted = tuple(state == State.ACCEPTED for state in states)
            found.append(Course(name=names[0], accepted=accepted, misses=misses))
    return tuple(found)


def standing(connection: Connection, shot_id: int) -> Standing:
    """Where a shot stands, at the same price at the first candidate and at the hundred thousandth."""
    row = connection.execute(_STANDING, {"of": shot_id}).one()
    return Standing(ended=row.asked - row.open, accepted=row.accepted, nearest=row.nearest)
