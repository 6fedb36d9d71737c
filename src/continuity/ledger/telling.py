"""How a candidate ended, which one is kept, and what a person said of it.

Each function runs inside one immediate transaction of its caller.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.dialects import sqlite

from continuity.errors import LedgerError, UsageError
from continuity.ledger import accounting, previews, rows
from continuity.ledger.leases import Machine, stamp
from continuity.ledger.schema import attempts, candidates, decisions, measurements, shots, totals
from continuity.ledger.store import StoredMedia
from continuity.records import Cost, Decision, Finding, Previews, Recipe, Report, State, Ticket, Verdict

JUDGED = {State.ACCEPTED: Verdict.PASS, State.REJECTED: Verdict.FAIL, State.INCONCLUSIVE: Verdict.INCONCLUSIVE}
SEEN = (State.ACCEPTED, State.REJECTED, State.INCONCLUSIVE)  # states with a picture that a person can decide on

_OPEN = select(candidates.c.shot, candidates.c.told_at).where(
    candidates.c.id == bindparam("of"), candidates.c.seed == bindparam("seeded")
)
_TOLD = ("state", "told_at", "verdict", "worst_excess", "worst_key", "device", "cost", "error", "recipe")
_TELL = update(candidates).where(candidates.c.id == bindparam("of")).values({n: bindparam(f"told_{n}") for n in _TOLD})
_ADD = sqlite.insert(totals)
_ADD = _ADD.on_conflict_do_update(
    index_elements=["shot", "device", "kind"], set_={"amount": totals.c.amount + _ADD.excluded.amount}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """All that is told of a finished candidate."""

    state: State
    recipe: Recipe
    cost: Cost
    report: Report | None
    error: str
    media: StoredMedia | None
    repair: str
    previews: Previews | None = None

    def __post_init__(self) -> None:
        if self.state in (State.ASKED, State.LOST):
            raise UsageError(f"a candidate is told as finished, got state {self.state}: that is for the ledger to say")
        wanted = JUDGED.get(self.state)
        got = self.report.verdict if self.report else None
        if wanted is not None and got is not wanted:
            raise UsageError(f"a candidate is {self.state} by a report with verdict {wanted}, got {got or 'no report'}")


def tell(connection: Connection, machine: Machine, ticket: Ticket, told: Telling) -> bool:
    """Finishes a candidate; False, and nothing changed, when it was told before. A lost one that is told is found.

    Raises:
        LedgerError: the ticket is not of this ledger.
    """
    found = connection.execute(_OPEN, {"of": ticket.candidate, "seeded": ticket.seed}).one_or_none()
    if found is None:
        raise LedgerError(f"candidate {ticket.index} of {ticket.shot!r} is not in this ledger: tell the one that asked")
    if found.told_at is not None:
        return False
    report, media = told.report, told.media
    worst = report.worst if report else None
    values = {
        "state": str(told.state),
        "told_at": stamp(machine.now()),
        "verdict": str(report.verdict) if report else None,
        "worst_excess": rows.finite(worst.normalised_excess) if worst else None,
        "worst_key": rows.text(worst.key) if worst else "",
        "device": rows.text(told.cost.device),
        "cost": rows.dump(told.cost.to_json()),
        "error": rows.text(told.error),
        "recipe": rows.dump(told.recipe.to_json()),
    }
    connection.execute(_TELL, {"of": ticket.candidate, **{f"told_{k}": v for k, v in values.items()}})
    connection.execute(
        insert(attempts),
        {
            "candidate": ticket.candidate,
            "attempt": 0,
            "repair": told.repair,
            "digest": media.digest if media else report.measurements.media if report else "",
            "thumbnail": media.thumbnail if media else "",
            "media": (media.full or "") if media else "",
            "report": rows.pack(report.to_json()) if report else None,
        },
    )
    if report and report.findings:
        connection.execute(insert(measurements), [_measurement(ticket.candidate, f) for f in report.findings])
    if told.previews is not None:
        previews.write(connection, ticket.candidate, told.previews, told.state, report)
    added = accounting.amounts(told.cost)
    connection.execute(
        _ADD, [{"shot": found.shot, "device": rows.text(d), "kind": k, "amount": a} for (d, k), a in added.items()]
    )
    return True


def keep(connection: Connection, shot_id: int, candidate: int) -> bool:
    """Keeps an accepted candidate unless another one is kept; True when this one is kept now.

    Raises:
        UsageError: it is not an accepted candidate of this shot.
    """
    found = connection.execute(
        select(candidates.c.state, shots.c.kept).join(shots).where(candidates.c.id == candidate, shots.c.id == shot_id)
    ).one_or_none()
    if found is None or found.state != State.ACCEPTED:
        raise UsageError(
            f"an accepted candidate of this shot was wanted, candidate {candidate} is "
            f"{found.state if found else 'none of it'}"
        )
    if found.kept is None and not _rejected(connection, candidate):
        connection.execute(update(shots).where(shots.c.id == shot_id).values(kept=candidate))
        return True
    return bool(found.kept == candidate)


def decide(connection: Connection, machine: Machine, decision: Decision) -> Decision:
    """Records a person's word and follows it: accepting keeps, rejecting what is kept reopens the shot.

    Raises:
        UsageError: no such candidate, or one without a picture to decide on.
    """
    found = connection.execute(
        select(candidates.c.shot, candidates.c.state, shots.c.kept)
        .join(shots)
        .where(candidates.c.id == decision.candidate)
    ).one_or_none()
    if found is None or found.state not in SEEN:
        raise UsageError(
            f"a candidate with a picture was wanted to decide on, candidate {decision.candidate} is "
            f"{found.state if found else 'not in this ledger'}"
        )
    decision = replace(decision, when=decision.when or stamp(machine.now()))
    words = {n: rows.text(getattr(decision, n)) for n in ("who", "role", "reason", "when")}
    connection.execute(
        insert(decisions),
        {"candidate": decision.candidate, "accept": decision.accept, "round": decision.round, **words},
    )
    if decision.accept or found.kept == decision.candidate:
        choice = decision.candidate if decision.accept else None
        connection.execute(update(shots).where(shots.c.id == found.shot).values(kept=choice))
    return decision


def _rejected(connection: Connection, candidate: int) -> bool:
    """Whether a person's last word on it was no: no machine keeps it again."""
    last = select(decisions.c.accept).where(decisions.c.candidate == candidate).order_by(decisions.c.id.desc()).limit(1)
    return connection.execute(last).scalar() is False


def _measurement(candidate: int, finding: Finding) -> dict[str, Any]:
    measured = finding.measurement
    return {
        "candidate": candidate,
        "attempt": 0,
        "key": rows.text(finding.key),
        "status": str(finding.status),
        "value": finding.value,
        "limit": finding.limit,
        "scale": finding.tolerance.scale if finding.tolerance else None,
        "unit": rows.text(finding.unit),
        "verdict": str(finding.verdict),
        "normalised_excess": rows.finite(finding.normalised_excess),
        "instrument": measured.instrument.digest if measured.instrument else None,
        "reason": rows.text(finding.reason),
        "evidence": rows.dump(measured.evidence),
    }
