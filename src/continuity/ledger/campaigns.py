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
# What differs from shot to shot where the generator is the same: digests of what it reads, and prompts among its
# arguments, as pipelines of diffusers name them. Weights and adapters have digests of their own beside these.
OF_THE_SHOT = (
    "$.generator.settings.inputs",
    *(
        f"$.generator.settings.arguments.{what}{n}"
        for what in ("prompt", "negative_prompt")
        for n in ("", "_2", "_3", "_4")
    ),
)

_LIKE = func.json_remove(shots.c.spec, "$.prompt")  # identity, metrics and limits
_FROM = func.json_extract(func.json_remove(streams.c.description, *OF_THE_SHOT), "$.generator")
_STREAMS = select(streams.c.digest).where(
    _FROM.is_not_distinct_from(select(_FROM).where(streams.c.digest == bindparam("named")).scalar_subquery())
)
_TEACHES = (candidates.c.stream.in_(_STREAMS), candidates.c.state.in_(TAUGHT))
_SHOTS = (
    select(
        shots.c.id,
        select(func.count()).where(candidates.c.shot == shots.c.id, *_TEACHES).scalar_subquery().label("taught"),
    )
    .where(
        shots.c.id != bindparam("of"),
        shots.c.asked > 0,
        select(_LIKE).where(shots.c.id == bindparam("of")).scalar_subquery() == _LIKE,
    )
    .order_by(shots.c.id.desc())
)
_TRIALS: Select[Any] = (
    select(*(candidates.c[n] for n in ("index", "seed", "state", "worst_excess", "recipe")), LAST_WORD.label("said"))
    .where(candidates.c.shot.in_(bindparam("among", expanding=True)), *_TEACHES)
    .order_by(candidates.c.shot.desc(), candidates.c.index.desc())
    .limit(bindparam("most"))
)


def past(connection: Connection, shot_id: int, stream: str) -> tuple[Trial, ...]:
    """The latest candidates that ended in other shots with the same spec but for the prompt, the latest first, under
    the generator of this stream, whatever media and prompts it was given. What a person said of one is its state."""
    among: list[int] = []
    left = LATEST
    for row in connection.execute(_SHOTS, {"of": shot_id, "named": stream}):  # the latest first, no more than it takes
        if row.taught:
            among.append(row.id)
            left -= row.taught
        if left <= 0:
            break
    found = connection.execute(_TRIALS, {"among": among, "named": stream, "most": LATEST}) if among else ()
    return tuple(rows.trial(row) for row in found)
