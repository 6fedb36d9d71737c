"""What watches saw of running renders: written with the candidate, read by those that learn from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection, bindparam, insert, select, true

from continuity.ledger import rows
from continuity.ledger.schema import candidates, previews
from continuity.records import LEARNED_FROM, PastPreview, Preview, Previews, Report, State, Verdict

_PAST = (  # answered by the index learned_from alone, at the same price for every length of the table
    select(*(previews.c[n] for n in ("candidate", "step", "steps", "key", "instrument", "value", "accepted")))
    .where(previews.c.pool == bindparam("of"), previews.c.let_through == true(), previews.c.passed == true())
    .where(previews.c.accepted == bindparam("accepted"))
    .order_by(previews.c.candidate.desc())
    .limit(LEARNED_FROM)
)
_COLUMNS = ("step", "steps", "key", "instrument", "value", "limit", "pool", "let_through", "candidate")
_EVERY = (
    select(*(previews.c[n] for n in _COLUMNS), candidates.c.stream, candidates.c.state, candidates.c.cost)
    .join(candidates, candidates.c.id == previews.c.candidate)
    .order_by(previews.c.candidate, previews.c.step, previews.c.key)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One candidate that was watched, with how it ended and the share of a full render that it took."""

    candidate: int
    stream: str
    state: State
    renders: float
    previews: Previews


def write(connection: Connection, candidate: int, seen: Previews, state: State, report: Report | None) -> None:
    """Writes what was seen of a candidate, inside the transaction that tells how it ended. One that a repair made
    acceptable passes all metrics: whoever learned only from what passed as rendered would stop it."""
    passed = {f.key for f in report.findings if f.verdict is Verdict.PASS} if report else set()
    made = [
        {
            "candidate": candidate,
            "step": one.step,
            "key": rows.text(one.key),
            "steps": one.steps,
            "pool": seen.pool,
            "instrument": one.instrument,
            "value": one.value,
            "limit": one.limit,
            "let_through": seen.let_through,
            "passed": one.key in passed or state is State.ACCEPTED,
            "accepted": state is State.ACCEPTED,
        }
        for one in seen.items
    ]
    if made:
        connection.execute(insert(previews), made)


def past(connection: Connection, pool: str) -> tuple[PastPreview, ...]:
    """What limits of a pool can be learned from: of accepted candidates and of the others, the latest first."""
    found = (connection.execute(_PAST, {"of": pool, "accepted": accepted}) for accepted in (True, False))
    return tuple(PastPreview(**row._mapping) for kind in found for row in kind)


def every(connection: Connection) -> Iterator[Watched]:
    """All candidates that were watched, in order."""
    for number, group in groupby(connection.execute(_EVERY), key=lambda row: row.candidate):
        seen = list(group)
        items = tuple(
            Preview(step=r.step, steps=r.steps, key=r.key, instrument=r.instrument, value=r.value, limit=r.limit)
            for r in seen
        )
        first = seen[0]
        yield Watched(
            candidate=number,
            stream=first.stream,
            state=State(first.state),
            renders=rows.cost(first.cost).render_equivalents,
            previews=Previews(pool=first.pool, let_through=first.let_through, items=items),
        )
