"""Heartbeats: leases are renewed while tickets are open, and nothing beats afterwards."""

from __future__ import annotations

import threading
import time

import pytest

import continuity as ct
from continuity.errors import LedgerError
from continuity.records import Origin, Recipe
from continuity.shot import alive


def ticket(number: int) -> ct.Ticket:
    return ct.Ticket(
        candidate=number,
        shot="s",
        revision=1,
        index=number,
        recipe=Recipe(),
        origin=Origin.RANDOM,
        measure_fully=False,
    )


class Counting:
    """A ledger that only counts its beats, and fails on one ticket."""

    def __init__(self) -> None:
        self.beats: list[int] = []

    def beat(self, ticket: ct.Ticket) -> bool:
        self.beats.append(ticket.candidate)
        if ticket.candidate == 2:
            raise LedgerError("locked")
        return True


def beating() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if t.name == "continuity-heartbeat"}


def test_open_tickets_beat_and_closed_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alive, "LEASE_SECONDS", 0.03)
    before, ledger = beating(), Counting()
    heart = alive.Heartbeat(ledger)  # type: ignore[arg-type]
    for number in (1, 2):
        heart.add(ticket(number))
    assert len(beating() - before) == 1, "those of other tests may end meanwhile"
    deadline = time.monotonic() + 5
    while not {1, 2} <= set(ledger.beats) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert {1, 2} <= set(ledger.beats), "an error of one lease stops no other"
    for number in (1, 2, 2):
        heart.remove(ticket(number))
    while beating() - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not beating() - before
    count = len(ledger.beats)
    time.sleep(0.05)
    assert len(ledger.beats) == count
    heart.add(ticket(3))
    assert len(beating() - before) == 1
    heart.remove(ticket(3))
