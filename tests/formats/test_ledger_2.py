"""Ledger format 2: ``ledger-1.db`` brought forward, with one preview; it is never made again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from continuity.errors import FormatError
from continuity.ledger import Ledger

FILE = Path(__file__).with_name("ledger-2.db")


def test_who_only_reads_is_told_to_bring_it_forward() -> None:
    before = FILE.read_bytes()
    with pytest.raises(FormatError, match="older format 2: open it once for writing"):
        Ledger.open(FILE, create=False)
    assert FILE.read_bytes() == before


def test_everything_in_it_is_understood(tmp_path: Path) -> None:
    copy = Path(shutil.copy(FILE, tmp_path / "show.db"))
    Ledger.open(copy).close()
    with Ledger.open(copy, create=False) as ledger:
        (watched,) = ledger.watched()
        (past,) = ledger.past_previews("pool")
        row = ledger.candidate(past.candidate)
        assert (row.state, row.attempt, row.repair, row.fitted) == ("accepted", 0, "", ())
        assert [one.attempt for one in ledger.attempts(row.id)] == [0]
    assert (past.step, past.steps, past.key, past.value, past.accepted) == (3, 10, "grade", 1.25, True)
    assert watched.previews.items[0].value == 1.25
