"""Client revision rounds: which candidates were made before a client first said no, and which after each no."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from continuity.ledger import Bill, CandidateRow
from continuity.ledger.accounting import amounts, bill, totals
from continuity.records import Decision, Rates, State
from continuity.report.accounts import CLIENT

Closing = tuple[datetime, int]  # when a client said no, and in which round


def closings(decisions: Iterable[Decision]) -> Sequence[Closing]:
    """What ended rounds of one shot: rejections by a client. Those of a supervisor are work inside a round."""
    return [(datetime.fromisoformat(d.when), d.round) for d in decisions if d.role == CLIENT and not d.accept]


def round_of(row: CandidateRow, closed: Sequence[Closing]) -> int:
    """The round that a candidate was asked for in: one more than the last that a client had ended by then."""
    asked = datetime.fromisoformat(row.asked_at)
    return 1 + max((number for when, number in closed if when < asked), default=0)


def bill_of(rows: Sequence[CandidateRow], rates: Rates) -> Bill:
    """The bill of some candidates of one shot, counted as that of the whole shot is."""
    told = [row for row in rows if row.state not in (State.ASKED, State.LOST)]
    sums: dict[tuple[str, str], float] = {}
    for row in told:
        for place, amount in amounts(row.cost).items():
            sums[place] = sums.get(place, 0.0) + amount
    states = {state: n for state in State if (n := sum(row.state is state for row in rows))}
    kept = next((row.id for row in rows if row.kept), None)
    spent = totals(len(rows), [(device, kind, amount) for (device, kind), amount in sums.items()])
    return bill([("", kept, spent)], states, {}, rates)
