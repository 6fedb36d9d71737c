"""Ledger format 2: ``ledger-1.db`` brought forward, with one preview; it is never made again."""

from __future__ import annotations

from pathlib import Path

from continuity.ledger import Ledger

FILE = Path(__file__).with_name("ledger-2.db")


def test_it_is_read_as_it_is() -> None:
    before = FILE.read_bytes()
    with Ledger.open(FILE, create=False) as ledger:
        (watched,) = ledger.watched()
        (past,) = ledger.past_previews("pool")
        assert ledger.candidate(past.candidate).state == "accepted"
    assert (past.step, past.steps, past.key, past.value, past.accepted) == (3, 10, "grade", 1.25, True)
    assert watched.previews.items[0].value == 1.25
    assert FILE.read_bytes() == before
