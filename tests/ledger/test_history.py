from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from continuity.ledger import history as module
from continuity.records import Decision, Origin, Proposal, State

if TYPE_CHECKING:
    from conftest import Loop


def fill(loop: Loop, number: int) -> None:
    for i in range(number):
        ticket = loop.ledger.propose(loop.ask(), Proposal(changes={"step": i}, origin=Origin.LEARNED))
        loop.tell(ticket, face=i - 5)


def test_it_is_a_sequence_like_any_other(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 7)
    fill(loop, 30)
    loop.ask()
    history = loop.ledger.history(loop.shot)
    plain = list(history)
    assert len(history) == len(plain) == 31
    assert [t.index for t in plain] == list(range(31))
    assert plain[3].changes == {"step": 3} and plain[3].worst_excess == pytest.approx(-2)
    assert [t.state for t in plain[4:7]] == [State.ACCEPTED, State.ACCEPTED, State.REJECTED]
    assert plain[-1].state is State.ASKED and plain[-1].worst_excess is None
    for at in (0, 5, 30, -1, -31):
        assert history[at] == plain[at]
    for cut in (slice(None), slice(3, 9), slice(-4, None), slice(None, None, -1), slice(2, 25, 6), slice(9, 3)):
        assert list(history[cut]) == plain[cut]
    assert list(reversed(history)) == plain[::-1]
    assert plain[4] in history and history.index(plain[9]) == 9
    for out in (31, -32):
        with pytest.raises(IndexError, match="31 trials"):
            history[out]


def test_a_person_has_the_last_word(loop: Loop) -> None:
    fill(loop, 8)  # the first six are accepted
    rows = list(loop.ledger.candidates(loop.shot))
    for row, accept in ((rows[0], False), (rows[1], False), (rows[1], True), (rows[7], True)):
        loop.ledger.decide(Decision(candidate=row.id, accept=accept, who="Ines"))
    history = loop.ledger.history(loop.shot)
    said = [State.REJECTED, *[State.ACCEPTED] * 5, State.REJECTED, State.ACCEPTED]
    assert [trial.state for trial in history] == said
    assert history[0].worst_excess == pytest.approx(-5)  # what was measured stays
    assert [row.state for row in loop.ledger.candidates(loop.shot)] == [row.state for row in rows]  # and the verdicts


def test_an_empty_history(loop: Loop) -> None:
    history = loop.ledger.history(loop.shot)
    assert len(history) == 0 and list(history) == [] and list(history[:]) == [] and not history


def test_its_length_is_that_of_the_moment_it_was_asked_for(loop: Loop) -> None:
    fill(loop, 3)
    history = loop.ledger.history(loop.shot)
    fill(loop, 3)
    assert len(history) == len(list(history)) == 3


def test_it_is_of_one_revision(loop: Loop, begin: Callable[..., Loop]) -> None:
    fill(loop, 3)
    fill(begin(loop.ledger, "another"), 2)
    assert len(loop.ledger.history(loop.shot)) == 3


def test_walking_through_it_holds_one_page(loop: Loop) -> None:
    fill(loop, 5)
    with loop.ledger._database.writing() as connection:
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 5 UNION ALL SELECT i + 1 FROM n WHERE i < 7999) INSERT INTO candidates "
            '(shot, "index", seed, stream, state, origin, measure_fully, asked_at, worst_key, host, device, boot, pids,'
            " pid, started, lease_until, error, recipe) SELECT 1, i, -i, stream, state, origin, 0, asked_at, '', host,"
            " device, boot, pids, pid, started, lease_until, '', recipe FROM candidates, n WHERE candidates.id = 1"
        )
        connection.exec_driver_sql("UPDATE shots SET asked = 8000")
    history = loop.ledger.history(loop.shot)
    history[0]
    tracemalloc.start()
    try:
        assert sum(1 for _ in history) == 8_000
        assert tracemalloc.get_traced_memory()[1] < 2**20
        assert sum(1 for _ in loop.ledger.candidates(loop.shot)) == 8_000
        assert sum(1 for row in loop.ledger.export() if row["table"] == "candidates") == 8_000
        assert tracemalloc.get_traced_memory()[1] < 3 * 2**20
    finally:
        tracemalloc.stop()
