"""How candidates of the other shots of a campaign ended: what a proposer learns from beyond its own shot."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from continuity.ledger import rows
from continuity.ledger.queries import LAST_WORD
from continuity.ledger.schema import candidates, shots, streams
from continuity.records import State, Trial

LATEST = 2000  # candidates that are handed out: what asking costs does not grow for ever
TAUGHT = tuple(map(str, (State.ACCEPTED, State.REJECTED, State.INCONCLUSIVE, State.ABORTED, State.FAILED)))

_LIKE = func.json_remove(shots.c.spec, "$.prompt")  # identity, metrics and limits
_SHOTS = (
    select(shots.c.id, shots.c.asked)
    .where(
        shots.c.id != bindparam("of"),
        shots.c.asked > 0,
        select(_LIKE).where(shots.c.id == bindparam("of")).scalar_subquery() == _LIKE,
    )
    .order_by(shots.c.id.desc())
)
_FROM = func.json_extract(streams.c.description, "$.generator")
_STREAMS = select(streams.c.digest).where(
    _FROM.is_not_distinct_from(select(_FROM).where(streams.c.digest == bindparam("named")).scalar_subquery())
)
_TRIALS: Select[Any] = (
    select(*(candidates.c[n] for n in ("index", "seed", "state", "worst_excess", "recipe")), LAST_WORD.label("said"))
    .where(
        candidates.c.shot.in_(bindparam("among", expanding=True)),
        candidates.c.stream.in_(bindparam("from", expanding=True)),
        candidates.c.state.in_(TAUGHT),
    )
    .order_by(candidates.c.shot.desc(), candidates.c.index.desc())
    .limit(LATEST)
)


def past(connection: Connection, shot_id: int, stream: str) -> tuple[Trial, ...]:
    """Candidates that ended in other shots with the same spec but for the prompt, under the generator of this stream,
    the latest first. What a person said of one is its state."""
    among: list[int] = []
    left = LATEST
    for row in connection.execute(_SHOTS, {"of": shot_id}):
        among.append(row.id)
        left -= row.asked
        if left <= 0:
            break
    if not among:
        return ()
    alike = list(connection.execute(_STREAMS, {"named": stream}).scalars())
    found: list[Trial] = []
    for index, seed, state, excess, recipe, said in connection.execute(_TRIALS, {"among": among, "from": alike}):
        ended = State(state) if said is None else State.ACCEPTED if said else State.REJECTED
        changes = rows.recipe(recipe).changes
        found.append(Trial(index=index, seed=seed, changes=changes, state=ended, worst_excess=excess))
    return tuple(found)
