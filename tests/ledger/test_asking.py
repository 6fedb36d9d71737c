from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from continuity.errors import BudgetSpent, LedgerError, UsageError
from continuity.ledger import Ledger
from continuity.records import Budget, Cost, Origin, Proposal, Rates, State

if TYPE_CHECKING:
    from conftest import Clock, Loop

HOSTILE = [
    "'; DROP TABLE shots; --",
    "../../etc/passwd",
    "sc 042\n\t\0end",
    "%s %n {0} {name}",
    "x" * 100_000,
    "ß→🎬",
    "half a pair \udc80",
    " ",
    "1:1:0:a",
]


def test_the_same_spec_is_the_same_revision_and_another_one_the_next(ledger: Ledger) -> None:
    first = ledger.shot("sc042", {"prompt": "a", "limits": [["face", 0.5]]})
    assert ledger.shot("sc042", {"limits": (["face", 0.5],), "prompt": "a"}) == first
    second = ledger.shot("sc042", {"prompt": "b"})
    assert (first.revision, second.revision) == (1, 2)
    assert first.spec_digest != second.spec_digest
    assert ledger.shot("sc042", {"prompt": "a", "limits": [["face", 0.5]]}) == first
    assert ledger.shot("sc043", {"prompt": "a"}).revision == 1
    assert [(s.name, s.revision) for s in ledger.shots()] == [("sc042", 1), ("sc042", 2), ("sc043", 1)]


def test_revisions_have_seeds_and_budgets_of_their_own(ledger: Ledger, begin: Callable[..., Loop]) -> None:
    loop = begin(ledger)
    again = replace(loop, shot=ledger.shot(loop.shot.name, {"prompt": "another"}))
    seeds = [one.ask(budget=Budget(candidates=3)).seed for one in (loop, again) for _ in range(3)]
    assert len(set(seeds)) == 6


@pytest.mark.parametrize("name", HOSTILE)
def test_shot_names_are_free_text(ledger: Ledger, begin: Callable[..., Loop], name: str) -> None:
    loop = begin(ledger, name)
    assert loop.candidate(face=-1)
    assert ledger.shot(name, {"prompt": "Mara at the bar"}).totals.candidates == 1
    assert len(ledger.shots()) == 1
    assert ledger.shots()[0].name == next(ledger.candidates()).shot


def test_hostile_names_do_not_meet(ledger: Ledger) -> None:
    for name in HOSTILE:
        ledger.shot(name, {})
    assert len({s.name for s in ledger.shots()}) == len(HOSTILE)


def test_a_shot_needs_a_name_and_a_spec_of_json(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="needs a name"):
        ledger.shot("", {})
    for wrong in (float("nan"), float("inf"), object()):
        with pytest.raises(UsageError, match="plain JSON"):
            ledger.shot("sc042", {"limit": wrong})  # type: ignore[dict-item]
        with pytest.raises(UsageError, match="plain JSON"):
            ledger.stream({"settings": wrong})  # type: ignore[dict-item]
    assert ledger.shots() == ()


def test_a_stream_is_recorded_once_under_its_digest(ledger: Ledger) -> None:
    first = ledger.stream({"generator": "g", "settings": {"steps": 30}})
    assert ledger.stream({"settings": {"steps": 30}, "generator": "g"}) == first
    assert ledger.stream({"generator": "g", "settings": {"steps": 31}}) != first
    rows = [row for row in ledger.export() if row["table"] == "streams"]
    assert rows[0]["digest"] == first and rows[0]["description"] == {"generator": "g", "settings": {"steps": 30}}
    assert len(rows) == 2


def test_an_asked_row_has_all_that_is_known_before_it_is_rendered(loop: Loop) -> None:
    tickets = [loop.ask(device="cuda:NVIDIA H100") for _ in range(3)]
    assert [t.index for t in tickets] == [0, 1, 2]
    row = loop.ledger.candidate(tickets[1].candidate)
    assert (row.state, row.seed, row.index, row.shot) == (State.ASKED, tickets[1].seed, 1, "sc042_010")
    assert (row.stream, row.device, row.told_at, row.verdict) == (loop.stream, "cuda:NVIDIA H100", None, None)
    assert row.asked_at.endswith("+00:00") and row.cost == Cost()
    recipe = loop.ledger.recipe(row.id)
    assert recipe == tickets[1].recipe and recipe.prompt == "Mara at the bar"


def test_the_coin_is_thrown_once_and_written_down(loop: Loop) -> None:
    assert not any(loop.ask(measure_fully=0).measure_fully for _ in range(20))
    assert all(loop.ask(measure_fully=1).measure_fully for _ in range(20))
    thrown = [loop.ask(measure_fully=0.5) for _ in range(60)]
    assert 10 < sum(t.measure_fully for t in thrown) < 50
    stored = {row.id: row.measure_fully for row in loop.ledger.candidates()}
    assert all(stored[t.candidate] is t.measure_fully for t in thrown)
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="share from 0 to 1"):
            loop.ask(measure_fully=wrong)


def test_what_is_not_of_this_ledger_is_refused(loop: Loop) -> None:
    with pytest.raises(LedgerError, match="record it with"):
        loop.ask(stream="none")
    with pytest.raises(LedgerError, match="is not in this ledger"):
        replace(loop, shot=replace(loop.shot, id=99)).ask()
    with pytest.raises(LedgerError, match="is not in this ledger"):
        replace(loop, shot=replace(loop.shot, name="another")).ask()
    assert loop.ledger.totals(loop.shot).candidates == 0


def test_a_proposal_is_stored_with_its_origin(loop: Loop) -> None:
    ticket = loop.ask()
    assert loop.ledger.propose(ticket, Proposal()) is ticket
    filled = loop.ledger.propose(ticket, Proposal(changes={"guidance": 6.5}, origin=Origin.LEARNED))
    assert (filled.recipe.changes, filled.origin, filled.seed) == ({"guidance": 6.5}, Origin.LEARNED, ticket.seed)
    assert loop.ledger.recipe(ticket.candidate) == filled.recipe
    assert loop.ledger.candidate(ticket.candidate).origin is Origin.LEARNED
    with pytest.raises(UsageError, match="plain JSON"):
        loop.ledger.propose(ticket, Proposal(changes={"guidance": float("nan")}))
    loop.tell(filled, face=1)
    with pytest.raises(LedgerError, match="told already"):
        loop.ledger.propose(ticket, Proposal(changes={"guidance": 7}))


@pytest.mark.parametrize(
    ("budget", "limit", "said"),
    [
        (Budget(candidates=3), "candidates", "3 of 3 candidates"),
        (Budget(seconds=30), "seconds", "30.0 of 30 seconds"),
        (Budget(gpu_seconds=24), "gpu_seconds", "24.0 of 24 GPU seconds"),
        (Budget(cost=1.2, rates=Rates(currency="USD", per_second={"cuda": 0.04})), "cost", "1.20 of 1.20 USD"),
        (Budget(candidates=3, seconds=30), "candidates", "3 of 3"),
    ],
)
def test_the_first_limit_reached_stops_and_says_so(loop: Loop, budget: Budget, limit: str, said: str) -> None:
    cost = Cost(render=8, score=2, device="cuda:NVIDIA H100")
    for _ in range(3):
        ticket = loop.ask(budget=budget)
        loop.tell(ticket, cost, face=1)
    with pytest.raises(BudgetSpent, match=said) as spent:
        loop.ask(budget=budget)
    assert spent.value.limit == limit and "sc042_010" in str(spent.value)
    assert loop.ledger.totals(loop.shot).candidates == 3


def test_lost_candidates_count_and_are_marked_even_when_the_budget_is_spent(
    loop: Loop, machine: Callable[..., object], clock: Clock
) -> None:
    worker, other = (loop.seen_by(machine(pid=n)) for n in (1, 2))  # type: ignore[arg-type]
    worker.ask()
    worker.ask()
    del clock.running[1]
    with pytest.raises(BudgetSpent, match="2 of 2"):
        other.ask(budget=Budget(candidates=2))
    assert {row.state for row in loop.ledger.candidates()} == {State.LOST}
