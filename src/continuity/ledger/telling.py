"""How a candidate ended, which one is kept, and what a person said of it.

Each function runs inside one immediate transaction of its caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.dialects import sqlite

from continuity.errors import LedgerError, UsageError
from continuity.ledger import accounting, previews, rows
from continuity.ledger.leases import Machine, stamp
from continuity.ledger.schema import attempts, candidates, decisions, measurements, shots, totals
from continuity.ledger.store import StoredMedia
from continuity.records import Cost, Decision, Finding, Json, Previews, Recipe, Report, State, Ticket, Verdict

JUDGED = {State.ACCEPTED: Verdict.PASS, State.REJECTED: Verdict.FAIL, State.INCONCLUSIVE: Verdict.INCONCLUSIVE}
SEEN = (State.ACCEPTED, State.REJECTED, State.INCONCLUSIVE)  # states with a picture that a person can decide on

_OPEN = select(candidates.c.shot, candidates.c.told_at).where(
    candidates.c.id == bindparam("of"), candidates.c.seed == bindparam("seeded")
)
_TOLD = ("state", "told_at", "verdict", "worst_excess", "worst_key", "device", "cost", "error", "recipe", "attempt")
_TELL = update(candidates).where(candidates.c.id == bindparam("of")).values({n: bindparam(f"told_{n}") for n in _TOLD})
_ATTEMPT, _MEASURED = insert(attempts), insert(measurements)
_ADD = sqlite.insert(totals)
_ADD = _ADD.on_conflict_do_update(
    index_elements=["shot", "device", "kind"], set_={"amount": totals.c.amount + _ADD.excluded.amount}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a repair made of a candidate, or why it declined. ``cost`` is of this attempt alone.

    A sentence in ``declined`` outweighs the report, where there is one: what passes by itself may have passed by
    destroying what it mends, or could not be stored.
    """

    repair: str  # the repairs that made it, in order
    fitted: tuple[str, ...]  # the metric keys that they were fitted to
    stream: str
    cost: Cost
    settings: Mapping[str, Json] = field(default_factory=dict)
    report: Report | None = None
    media: StoredMedia | None = None
    declined: str = ""

    @property
    def passed(self) -> bool:
        """Whether it makes the candidate accepted."""
        return self.verdict is Verdict.PASS

    @property
    def verdict(self) -> Verdict | None:
        """That of its report; None where it declined."""
        return self.report.verdict if self.report is not None and not self.declined else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """All that is told of a finished candidate; ``report`` and ``media`` are of the render itself."""

    state: State
    recipe: Recipe
    cost: Cost
    report: Report | None
    error: str
    media: StoredMedia | None
    attempts: Sequence[Attempt] = ()
    previews: Previews | None = None

    def __post_init__(self) -> None:
        if self.state in (State.ASKED, State.LOST):
            raise UsageError(f"a candidate is told as finished, got state {self.state}: that is for the ledger to say")
        wanted = JUDGED.get(self.state)
        got = self.decided.verdict if self.decided else None
        if wanted is not None and got is not wanted:
            raise UsageError(f"a candidate is {self.state} by a report with verdict {wanted}, got {got or 'no report'}")

    @property
    def attempt(self) -> int:
        """The attempt that decides: the last repair where it passes, else 0, the render itself."""
        return len(self.attempts) if self.attempts and self.attempts[-1].passed else 0

    @property
    def decided(self) -> Report | None:
        """The report on that attempt."""
        return self.attempts[self.attempt - 1].report if self.attempt else self.report


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
    report = told.decided
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
        "attempt": told.attempt,
    }
    connection.execute(_TELL, {"of": ticket.candidate, **{f"told_{k}": v for k, v in values.items()}})
    connection.execute(_ATTEMPT, [_attempt(ticket.candidate, 0, told.report, told.media)])
    repaired = [_attempt(ticket.candidate, n, a.report, a.media, a) for n, a in enumerate(told.attempts, 1)]
    if repaired:
        connection.execute(_ATTEMPT, repaired)
    reports = enumerate((told.report, *(a.report for a in told.attempts)))
    measured = [_measurement(ticket.candidate, n, f) for n, one in reports if one for f in one.findings]
    if measured:
        connection.execute(_MEASURED, measured)
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


def require_render(connection: Connection, candidate: int, digest: str) -> tuple[str, str]:
    """Thumbnail and media of a candidate's render, paths in the store, if its digest is this one.

    Raises:
        LedgerError: it is not, or no such render was told.
    """
    wanted = select(attempts.c.digest, attempts.c.thumbnail, attempts.c.media)
    found = connection.execute(wanted.where(attempts.c.candidate == candidate, attempts.c.attempt == 0)).one_or_none()
    if found is None or not digest or found.digest != digest:
        recorded = (found.digest if found else "") or "no picture"
        raise LedgerError(
            f"candidate {candidate} has {recorded}, media with {digest or 'no digest'} were to be stored as its own: "
            "nothing is changed"
        )
    return found.thumbnail, found.media


def restore(connection: Connection, candidate: int, media: StoredMedia) -> str:
    """Names stored media in the row of the render that they are, where it names none; the path that stands there now.

    Raises:
        LedgerError: as :func:`require_render`.
    """
    recorded = require_render(connection, candidate, media.digest)
    filled = recorded[0] or media.thumbnail, recorded[1] or media.full or ""
    if filled != recorded:
        row = update(attempts).where(attempts.c.candidate == candidate, attempts.c.attempt == 0)
        connection.execute(row.values(thumbnail=filled[0], media=filled[1]))
    return filled[1]


def _rejected(connection: Connection, candidate: int) -> bool:
    """Whether a person's last word on it was no: no machine keeps it again."""
    last = select(decisions.c.accept).where(decisions.c.candidate == candidate).order_by(decisions.c.id.desc()).limit(1)
    return connection.execute(last).scalar() is False


def _attempt(
    candidate: int, number: int, report: Report | None, media: StoredMedia | None, repaired: Attempt | None = None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "candidate": candidate,
        "attempt": number,
        "repair": "",
        "digest": media.digest if media else report.measurements.media if report else "",
        "thumbnail": media.thumbnail if media else "",
        "media": (media.full or "") if media else "",
        "report": rows.pack(report.to_json()) if report else None,
    }
    if repaired is not None:
        row |= {
            "repair": rows.text(repaired.repair),
            "fitted": rows.dump(list(repaired.fitted)),
            "stream": repaired.stream,
            "verdict": str(repaired.verdict) if repaired.verdict else None,
            "settings": rows.dump(repaired.settings),
            "cost": rows.dump(repaired.cost.to_json()),
            "declined": rows.text(repaired.declined),
        }
    return row


def _measurement(candidate: int, attempt: int, finding: Finding) -> dict[str, Any]:
    measured = finding.measurement
    return {
        "candidate": candidate,
        "attempt": attempt,
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
