"""The ledger in columns: the same as row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from continuity.errors import FormatError
from continuity.ledger import NOTHING, STATUSES, Ledger
from continuity.records import Decision, State, Status


def test_columns_are_the_rows(ledger: Ledger, begin: Callable[..., Any]) -> None:
    one, two = begin(ledger, "sc010"), begin(ledger, "sc020")
    first = one.candidate(face=0.2, grade="absent")
    other = two.candidate(face=-0.3)
    second = one.candidate(face="skipped", grade=0.1)
    ticket = one.ask()
    ledger.tell(ticket, State.FAILED, error="no paint")
    ledger.decide(Decision(candidate=first, accept=True))
    ledger.decide(Decision(candidate=first, accept=False))
    here, there = ledger.columns()
    assert (here.shot.name, there.shot.name) == ("sc010", "sc020")
    assert here.ids.tolist() == [first, second, ticket.candidate]
    assert here.indices.tolist() == [0, 1, 2]
    assert here.states == (State.REJECTED, State.REJECTED, State.FAILED)
    assert here.accepted_by_person == (False, None, None)
    (face, grade) = (here.metrics[key, tool] for key, tool in sorted(here.metrics))
    assert [STATUSES[code] for code in face.status[:2]] == [Status.MEASURED, Status.SKIPPED]
    assert face.status[2] == NOTHING
    np.testing.assert_allclose(face.value, [0.52, np.nan, np.nan])
    np.testing.assert_allclose(grade.limit, [0.5, 0.5, np.nan])
    assert there.ids.tolist() == [other]
    (alone,) = ledger.columns([two.shot])
    assert alone.ids.tolist() == [other]
    assert alone.metrics.keys() == there.metrics.keys()


def test_an_empty_ledger_has_no_columns(ledger: Ledger, begin: Callable[..., Any]) -> None:
    assert list(ledger.columns()) == []
    loop = begin(ledger)
    assert list(ledger.columns()) == []
    assert list(ledger.columns([loop.shot])) == []


def test_a_damaged_row_is_a_sentence(ledger: Ledger, begin: Callable[..., Any]) -> None:
    begin(ledger).candidate(face=0.2)
    with ledger._database.writing() as connection:
        connection.exec_driver_sql("UPDATE measurements SET status = 'perhaps'")
    with pytest.raises(FormatError, match="damaged"):
        ledger.columns()
