from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from continuity.errors import UsageError
from continuity.ledger import Nearest, queries, schema
from continuity.records import Decision, Preview, Previews, State

if TYPE_CHECKING:
    from conftest import Loop


def test_candidates_in_order_of_all_and_of_one_shot(
    loop: Loop, begin: Callable[..., Loop], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = begin(loop.ledger, "another")
    ids = [one.candidate(face=1) for _ in range(5) for one in (loop, other)]
    monkeypatch.setattr(queries, "_ALL_PAGE", queries._ALL_PAGE.limit(3))
    monkeypatch.setattr(queries, "_SHOT_PAGE", queries._SHOT_PAGE.limit(3))
    monkeypatch.setattr(queries, "PAGE", 3)
    assert [row.id for row in loop.ledger.candidates()] == ids
    assert [row.id for row in loop.ledger.candidates(other.shot)] == ids[1::2]
    assert [row.index for row in loop.ledger.candidates(loop.shot)] == [0, 1, 2, 3, 4]


def test_the_closest_is_the_rejected_one_with_the_smallest_worst_excess(loop: Loop) -> None:
    def closest() -> int | None:
        row = loop.ledger.closest(loop.shot)
        return None if row is None else row.id

    assert closest() is None
    loop.ask()
    loop.candidate(face=-1)
    assert closest() is None
    absent = loop.candidate(face="absent", grade=-3)  # fails without a value: nobody knows how far off it is
    assert closest() == absent
    blind = loop.candidate(face="not_measurable", grade=-1)
    assert closest() == blind
    loop.candidate(face=0.5, grade=4)
    second = loop.candidate(face=2, grade=1)
    assert closest() == second
    first = loop.candidate(face=1.5, grade=-1)
    loop.candidate(face=1.5, grade=-1)
    assert closest() == first


def test_what_fails_most_and_how_near_it_came(loop: Loop, begin: Callable[..., Loop]) -> None:
    begin(loop.ledger, "another").candidate(hands=1)
    loop.candidate(face=3, grade=1)
    loop.candidate(face=0.5, grade=-1)
    loop.candidate(face=2, logo="absent")
    loop.candidate(face=-2, grade="not_measurable")
    assert loop.ledger.failures(loop.shot) == {"face": 3, "grade": 1, "logo": 1}
    assert list(loop.ledger.failures(loop.shot)) == ["face", "grade", "logo"]
    nearest = loop.ledger.nearest(loop.shot)
    assert nearest["face"] == Nearest(count=3, value=0.55, limit=0.5, unit="Euclidean")
    assert nearest["logo"] == Nearest(count=1, value=None, limit=0.5, unit="Euclidean")


def test_unknown_numbers_are_a_sentence(loop: Loop) -> None:
    for question in (loop.ledger.candidate, loop.ledger.recipe):
        with pytest.raises(UsageError, match="there is no candidate 12 in"):
            question(12)
    assert loop.ledger.report(12) is None


def test_the_export_has_every_row_of_every_table(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE", 2)
    for excess in (1.0, -1.0, 1e308):
        loop.candidate(face=excess, grade="not_measurable" if excess < 0 else 2)
    loop.ledger.decide(Decision(candidate=1, accept=True, who="Ana"))
    seen = Preview(step=6, steps=20, key="grade", instrument="tool", value=1.5)
    loop.ledger.tell(loop.ask(), State.ABORTED, previews=Previews(pool="p", let_through=False, items=(seen,)))
    loop.ask()
    rows = list(loop.ledger.export())
    with loop.ledger._database.reading() as connection:
        for table in schema.metadata.sorted_tables:
            count = connection.exec_driver_sql(f"SELECT count(*) FROM {table.name}").scalar()
            mine = [row for row in rows if row["table"] == table.name]
            assert len(mine) == count and count, table.name
            assert all(set(row) == {"format", "table", *table.columns.keys()} for row in mine)
    assert all(row["format"] == schema.FORMAT for row in rows)
    assert [json.loads(json.dumps(row, allow_nan=False)) for row in rows] == rows
    assert next(r for r in rows if r["table"] == "attempts")["report"]["findings"][0]["key"] == "face"
    assert next(r for r in rows if r["table"] == "candidates")["recipe"]["prompt"] == "Mara at the bar"


@pytest.mark.parametrize("number", [0, -1, 2**63, 10**30, True, 1.0, "1"])
def test_a_number_that_no_candidate_can_have_is_a_sentence(number: int, loop: Loop) -> None:
    loop.candidate(face=-1)
    asked = (
        loop.ledger.candidate,
        loop.ledger.recipe,
        lambda of: loop.ledger.keep(loop.shot, of),
        lambda of: loop.ledger.decide(Decision(candidate=of, accept=True, who="ann")),
        loop.ledger.report,
    )
    for ask in asked:
        with pytest.raises(UsageError, match="there is no candidate"):
            ask(number)
    with pytest.raises(UsageError, match="round"):
        loop.ledger.decide(Decision(candidate=1, accept=True, round=10**30))
    assert not loop.ledger.decisions()
