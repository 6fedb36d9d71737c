"""What the tests of several processes start: ``worker.py JOB PATH [NUMBER]``. Prints one word a line."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

from continuity.errors import BudgetSpent, ContinuityError, StorageFull
from continuity.ledger import Ledger, MediaStore
from continuity.media import Image
from continuity.records import Budget, Cost, State

RENDER = 0.003  # seconds a candidate: a worker that never renders never lets go of the lock, and no other gets a turn


def say(*words: object) -> None:
    print(*words, flush=True)


def work(path: Path, candidates: int) -> None:
    """Waits for the word, then asks and tells until the budget is spent; says each step once it is stored."""
    say("ready")
    sys.stdin.readline()
    with Ledger.open(path) as ledger:
        shot, stream = ledger.shot("shared", {}), ledger.stream({"generator": "worker"})
        try:
            while True:
                budget = Budget(candidates=candidates)
                ticket = ledger.ask(shot, stream=stream, budget=budget, prompt="p", measure_fully=0.5)
                say("asked", ticket.candidate, ticket.seed)
                time.sleep(RENDER)
                ledger.tell(ticket, State.FAILED, cost=Cost(render=1), error="no picture")
                say("told", ticket.candidate, ticket.seed)
        except BudgetSpent as spent:
            say("spent", spent.limit)


def fill(path: Path, _: int) -> None:
    """Works until the disk is full, makes room, and works on."""
    ballast = path.with_name("ballast")
    ballast.write_bytes(bytes(400_000))
    with Ledger.open(path) as ledger:
        shot, stream = ledger.shot("shared", {}), ledger.stream({"generator": "worker"})
        told = 0
        for turn in ("full", "full again"):
            try:
                while True:
                    ticket = ledger.ask(shot, stream=stream, budget=Budget(), prompt="p" * 2000, measure_fully=0)
                    ledger.tell(ticket, State.FAILED, error="no picture")
                    told += 1
            except StorageFull as full:
                ended = sum(c.state is State.FAILED for c in ledger.candidates())
                say(turn, "|", told, "|", ended, "|", full)
            ballast.unlink(missing_ok=True)


def store(path: Path, _: int) -> None:
    """Stores a picture that is larger than the disk."""
    noise = np.random.default_rng(1).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    media = MediaStore.beside(path)
    try:
        media.put(Image.from_array(noise), full=True)
    except StorageFull as full:
        say("left", sum(p.is_file() and p.parent.parent.name != "thumbnails" for p in media.root.rglob("*")))
        say("StorageFull", full)


def refuse(path: Path, _: int) -> None:
    """Opens a file without any right to write, as an ordinary user."""
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    for create in (True, False):
        try:
            with Ledger.open(path, create=create) as ledger:
                say("opened", len(ledger.shots()))
        except ContinuityError as error:
            say(type(error).__name__, error)


if __name__ == "__main__":
    job, where, number = sys.argv[1], Path(sys.argv[2]), int((sys.argv[3:] or ["0"])[0])
    {"work": work, "fill": fill, "store": store, "refuse": refuse}[job](where, number)
