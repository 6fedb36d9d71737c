from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from continuity.errors import UsageError
from continuity.ledger import Attempt, previews
from continuity.ledger.previews import _PAST
from continuity.ledger.seeds import preview_coin
from continuity.records import Cost, Preview, Previews, Report, State, Verdict

if TYPE_CHECKING:
    from conftest import Loop


def seen(*values: float | None, key: str = "grade", pool: str = "p", let_through: bool = True) -> Previews:
    items = tuple(
        Preview(step=6 * (k + 1), steps=20, key=key, instrument="tool", value=value, limit=1.5 if k else None)
        for k, value in enumerate(values)
    )
    return Previews(pool=pool, let_through=let_through, items=items)


Tell = Callable[..., int]
STATES = {Verdict.PASS: State.ACCEPTED, Verdict.FAIL: State.REJECTED, Verdict.INCONCLUSIVE: State.INCONCLUSIVE}


@pytest.fixture
def tell(loop: Loop, reported: Callable[..., Report]) -> Tell:
    def finish(given: Previews | None, **excesses: float | str) -> int:
        ticket = loop.ask()
        report = reported(**excesses)
        cost = Cost(render=1, steps_run=20, steps_planned=20)
        assert loop.ledger.tell(ticket, STATES[report.verdict], cost=cost, report=report, previews=given)
        return ticket.candidate

    return finish


def test_what_was_seen_is_read_again(loop: Loop, tell: Tell) -> None:
    plain = tell(None, grade=-1)
    number = tell(seen(2.0, None), grade=-1)
    ticket = loop.ask()
    stopped = Cost(render=0.5, steps_run=12, steps_planned=20)
    loop.ledger.tell(ticket, State.ABORTED, cost=stopped, error="stopped", previews=seen(1.0, 2.0, let_through=False))
    first, second = loop.ledger.watched()
    assert (first.candidate, first.state, first.renders) == (number, State.ACCEPTED, 1.0)
    assert first.previews == seen(2.0, None)
    assert (second.candidate, second.state, second.renders) == (ticket.candidate, State.ABORTED, 0.6)
    assert [p.beyond for p in second.previews.items] == [False, True]
    assert plain not in {first.candidate, second.candidate}
    exported = [row for row in loop.ledger.export() if row["table"] == "previews"]
    assert len(exported) == 4
    assert (exported[0]["passed"], exported[0]["accepted"]) == (True, True)


def test_only_what_passed_and_was_let_through_is_learned_from(loop: Loop, tell: Tell) -> None:
    accepted = tell(seen(1.0), grade=-1, look=-1)
    passes_this = tell(seen(2.0), grade=-1, look=1)
    tell(seen(3.0), grade=1, look=-1)  # fails it
    tell(seen(4.0, let_through=False), grade=-1)
    tell(seen(5.0), grade="not_measurable")
    elsewhere = tell(seen(6.0, pool="q"), grade=-1)
    latest = tell(seen(7.0), grade=-1)
    past = loop.ledger.past_previews("p")
    assert [(p.candidate, p.value, p.accepted) for p in past] == [
        (latest, 7.0, True), (accepted, 1.0, True), (passes_this, 2.0, False),
    ]  # fmt: skip
    assert [p.candidate for p in loop.ledger.past_previews("q")] == [elsewhere]
    assert loop.ledger.past_previews("none") == ()


def test_what_a_repair_made_acceptable_is_learned_from(loop: Loop, reported: Callable[..., Report]) -> None:
    mended, declined = loop.ask(), loop.ask()
    made = Attempt(repair="Mend", fitted=("grade",), stream="s", cost=Cost(), report=reported(grade=-1))
    for ticket, attempt, state in (
        (mended, made, State.ACCEPTED),
        (declined, replace(made, declined="it hides what it mends"), State.REJECTED),
    ):
        given: dict[str, Any] = {"report": reported(grade=1), "attempts": [attempt], "previews": seen(2.0)}
        assert loop.ledger.tell(ticket, state, cost=Cost(), **given)
    assert [(p.candidate, p.accepted) for p in loop.ledger.past_previews("p")] == [(mended.candidate, True)]


def test_the_question_is_answered_by_an_index(loop: Loop, tell: Tell) -> None:
    tell(seen(1.0), grade=-1)
    with loop.ledger._database.reading() as connection:
        text = (
            str(_PAST.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
            .replace(":of", "'p'")
            .replace(":accepted", "1")
        )
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", ())]
    assert any("learned_from" in line for line in plan)
    assert not any("TEMP B-TREE" in line or "SCAN" in line for line in plan)


def test_a_second_word_adds_nothing(loop: Loop) -> None:
    ticket = loop.ask()
    assert loop.ledger.tell(ticket, State.FAILED, previews=seen(1.0))
    assert not loop.ledger.tell(ticket, State.FAILED, previews=seen(1.0, 2.0))
    assert len(loop.ledger.watched()[0].previews.items) == 1


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_previews_have_finite_numbers_or_none(number: float) -> None:
    with pytest.raises(UsageError, match="finite value or none"):
        seen(number)
    with pytest.raises(UsageError, match="finite limit or none"):
        Preview(step=1, steps=2, key="k", instrument="i", value=1.0, limit=number)


def test_the_coin_is_even_and_belongs_to_the_candidate() -> None:
    coins = [preview_coin("sc010", 1, k) for k in range(4000)]
    assert len(set(coins)) == 4000
    assert min(coins) >= 0
    assert max(coins) < 1
    assert sum(c < 0.1 for c in coins) == pytest.approx(400, abs=4 * 19)
    assert preview_coin("sc042_010", 1, 0) == 0.8234464836383952
    assert preview_coin("sc042_010", 2, 0) != preview_coin("sc042_010", 1, 0)


def test_only_the_latest_are_read(loop: Loop, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [tell(seen(1.0, 2.0), grade=-1) for _ in range(3)]
    monkeypatch.setattr(previews, "_PAST", _PAST.limit(4))
    past = loop.ledger.past_previews("p")
    assert [p.candidate for p in past] == [numbers[2]] * 2 + [numbers[1]] * 2
