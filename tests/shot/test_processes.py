"""Several processes on one shot, and processes that are killed: nothing told is lost, no seed is used twice."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import continuity as ct
from continuity.records import State

WORKER = Path(__file__).with_name("worker.py")


def start(ledger: Path, candidates: int, seconds: float = 0.0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WORKER), str(ledger), str(candidates), str(seconds)], stdout=subprocess.PIPE, text=True
    )


def told_lines(output: str) -> list[tuple[int, int]]:
    """(candidate, seed) of every whole line that a worker printed."""
    pairs = (line.split() for line in output.splitlines(keepends=True) if line.endswith("\n"))
    return [(int(a), int(b)) for a, b in (p for p in pairs if len(p) == 2)]


def check_whole(path: Path, told: list[tuple[int, int]]) -> list[State]:
    """The ledger opens, is intact, holds all that was told, and has no seed twice; its states."""
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with ct.Ledger.open(path) as ledger:
        rows = list(ledger.candidates())
    found = {row.id: row for row in rows}
    for candidate, seed in told:
        assert found[candidate].seed == seed
        assert found[candidate].state is State.REJECTED
    assert len({row.seed for row in rows}) == len(rows)
    assert [row.index for row in rows] == list(range(len(rows)))
    return [row.state for row in rows]


def test_four_processes_share_seeds_rows_and_one_budget(tmp_path: Path) -> None:
    path = tmp_path / "show.db"
    workers = [start(path, 60, 0.005) for _ in range(4)]
    outputs = [worker.communicate(timeout=120)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4
    assert all(output.endswith("candidates\n") for output in outputs)
    told = [pair for output in outputs for pair in told_lines(output)]
    assert len(told) == 60
    assert check_whole(path, told) == [State.REJECTED] * 60
    assert sum(bool(told_lines(output)) for output in outputs) >= 2


@pytest.mark.parametrize("moments", [pytest.param(3, id="3"), pytest.param(50, id="50", marks=pytest.mark.slow)])
def test_killed_at_random_moments(tmp_path: Path, moments: int) -> None:
    path = tmp_path / "show.db"
    chance = random.Random(moments)
    told: list[tuple[int, int]] = []
    for _ in range(moments):
        worker = start(path, 1_000_000)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        if not told:  # on a busy machine nothing might be told in all those moments
            told += told_lines(worker.stdout.readline())
        time.sleep(chance.uniform(0, 0.4))
        worker.send_signal(signal.SIGKILL)
        told += told_lines(worker.communicate(timeout=60)[0])
        check_whole(path, told)
    assert told
    with ct.Ledger.open(path) as ledger:
        before = len(list(ledger.candidates()))
    last = start(path, before + 3)
    told += told_lines(last.communicate(timeout=60)[0])
    states = check_whole(path, told)
    assert last.returncode == 0
    assert len(states) == before + 3
    assert State.ASKED not in states, "a dead worker's candidate is lost, and the next run says so"
    assert states.count(State.LOST) <= moments
