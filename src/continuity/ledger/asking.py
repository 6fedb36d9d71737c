"""Taking a candidate: which shot, which index and seed, under whose lease, within which budget.

Each function runs inside one immediate transaction of its caller, at the same price at the first candidate and at the
hundred thousandth: by primary key or index, never over all rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from continuity.errors import BudgetSpent, LedgerError
from continuity.ledger import accounting, queries, rows
from continuity.ledger.leases import Lease, Machine, dead, stamp
from continuity.ledger.schema import candidates, shots, streams
from continuity.ledger.seeds import draw
from continuity.records import Budget, Json, Origin, Proposal, Recipe, State, Ticket

_LEASES = select(
    candidates.c.id, *(candidates.c[n] for n in ("host", "boot", "pids", "pid", "started", "lease_until"))
).where(candidates.c.shot == bindparam("of"), candidates.c.state == str(State.ASKED))
_LOSE = (
    update(candidates)
    .where(candidates.c.id == bindparam("lost"), candidates.c.state == str(State.ASKED))
    .values(state=str(State.LOST))
)
_SHOT = select(shots.c.asked).where(shots.c.id == bindparam("of"), shots.c.name == bindparam("named"))
_SEED = select(candidates.c.id).where(candidates.c.shot == bindparam("of"), candidates.c.seed == bindparam("drawn"))
_STREAM = select(streams.c.digest).where(streams.c.digest == bindparam("named"))
_ASK = insert(candidates)
_COUNT = update(shots).where(shots.c.id == bindparam("of")).values(asked=bindparam("next"))
_PROPOSE = (
    update(candidates)
    .where(candidates.c.id == bindparam("of"), candidates.c.told_at.is_(None))
    .values(recipe=bindparam("filled"), origin=bindparam("from"))
)
_BEAT = (  # one that was given up too early comes back: whoever beats is alive
    update(candidates)
    .where(candidates.c.id == bindparam("of"), candidates.c.told_at.is_(None))
    .values(lease_until=bindparam("until"), state=str(State.ASKED))
)


def shot(connection: Connection, machine: Machine, name: str, spec: Mapping[str, Json]) -> int:
    """The id of the revision of a shot that has this spec; a new revision where there is none."""
    digest, text = rows.digest(spec, f"the spec of shot {name!r}")
    found = connection.execute(select(shots.c.id).where(shots.c.name == name, shots.c.digest == digest)).scalar()
    if found is not None:
        return int(found)
    latest = connection.execute(select(func.max(shots.c.revision)).where(shots.c.name == name)).scalar() or 0
    row = {"name": name, "revision": latest + 1, "digest": digest, "spec": text, "created": stamp(machine.now())}
    return _id(connection.execute(insert(shots), row).inserted_primary_key)


def lose(connection: Connection, machine: Machine, shot_id: int) -> int:
    """Marks the candidates of a shot whose lease is dead; looks only at those that are out. Returns how many."""
    gone = []
    for row in connection.execute(_LEASES, {"of": shot_id}):
        lease = Lease(
            host=row.host, boot=row.boot, pids=row.pids, pid=row.pid, started=row.started, until=row.lease_until
        )
        if dead(lease, machine):
            gone.append({"lost": row.id})
    if gone:
        connection.execute(_LOSE, gone)
    return len(gone)


def ask(
    connection: Connection,
    machine: Machine,
    row: rows.ShotRow,
    *,
    stream: str,
    budget: Budget,
    prompt: str,
    measure_fully: float,
    lease_seconds: float,
    device: str,
) -> Ticket | BudgetSpent:
    """The next candidate, or why there is none; either way the lost ones are marked.

    Raises:
        LedgerError: the shot or the stream is not of this ledger.
    """
    lose(connection, machine, row.id)
    found = connection.execute(_SHOT, {"of": row.id, "named": row.name}).one_or_none()
    if found is None:
        raise LedgerError(f"shot {row.name!r} is not in this ledger: ask with what ledger.shot() returned")
    limit = accounting.reached(budget, queries.spent(connection, row.id, found.asked))
    if limit is not None:
        return BudgetSpent(f"the budget of shot {row.name!r} is spent: {limit[1]}", limit=limit[0])
    if connection.execute(_STREAM, {"named": stream}).one_or_none() is None:
        raise LedgerError(f"stream {stream!r} is not in this ledger: record it with ledger.stream() first")
    index: int = found.asked
    seed, coin = draw(row.name, row.revision, index)
    again = 0
    while connection.execute(_SEED, {"of": row.id, "drawn": seed}).first() is not None:
        again += 1
        seed, _ = draw(row.name, row.revision, index, again)
    lease = machine.lease(lease_seconds)
    recipe = Recipe(prompt=prompt, seed=seed)
    fully = coin < measure_fully
    added = connection.execute(
        _ASK,
        {
            "shot": row.id,
            "index": index,
            "seed": seed,
            "stream": stream,
            "state": str(State.ASKED),
            "origin": str(Origin.RANDOM),
            "measure_fully": fully,
            "asked_at": stamp(machine.now()),
            "host": lease.host,
            "device": rows.text(device),
            "boot": lease.boot,
            "pids": lease.pids,
            "pid": lease.pid,
            "started": lease.started,
            "lease_until": lease.until,
            "recipe": rows.dump(recipe.to_json()),
        },
    )
    connection.execute(_COUNT, {"of": row.id, "next": index + 1})
    return Ticket(
        candidate=_id(added.inserted_primary_key),
        shot=row.name,
        revision=row.revision,
        index=index,
        recipe=recipe,
        origin=Origin.RANDOM,
        measure_fully=fully,
    )


def proposed(ticket: Ticket, proposal: Proposal) -> Ticket:
    """The ticket with what a proposer changed.

    Raises:
        UsageError: the changes are no JSON.
    """
    rows.dump(proposal.changes, f"the changes proposed for candidate {ticket.index} of {ticket.shot!r}")
    return replace(
        ticket, recipe=replace(ticket.recipe, changes=dict(proposal.changes)), origin=Origin(proposal.origin)
    )


def propose(connection: Connection, ticket: Ticket) -> None:
    """Stores recipe and origin of a ticket."""
    values = {"of": ticket.candidate, "filled": rows.dump(ticket.recipe.to_json()), "from": str(ticket.origin)}
    if not connection.execute(_PROPOSE, values).rowcount:
        raise LedgerError(
            f"candidate {ticket.index} of {ticket.shot!r} was told already: nothing can be proposed for it"
        )


def beat(connection: Connection, machine: Machine, ticket: Ticket, lease_seconds: float) -> bool:
    """Renews a lease; False when the candidate was told meanwhile."""
    until = machine.lease(lease_seconds).until
    return bool(connection.execute(_BEAT, {"of": ticket.candidate, "until": until}).rowcount)


def _id(key: Any) -> int:
    return int(key[0])
