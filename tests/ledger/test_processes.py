from __future__ import annotations

import random
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from continuity.ledger import Ledger, Totals
from continuity.records import State

Start = Callable[..., "subprocess.Popen[str]"]


def words(output: str, first: str) -> list[tuple[int, int]]:
    """(candidate, seed) of the whole lines that begin with a word; a kill may cut the last line."""
    lines = [line.split() for line in output.splitlines(keepends=True) if line.endswith("\n")]
    return [(int(line[1]), int(line[2])) for line in lines if line[0] == first]


def ready(worker: subprocess.Popen[str]) -> None:
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"


def go(worker: subprocess.Popen[str]) -> None:
    assert worker.stdin is not None
    worker.stdin.write("go\n")
    worker.stdin.flush()


def test_four_processes_on_one_shot_keep_one_budget(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "show.db"  # none of them finds it there: they also make it together
    workers = [start("work", path, 200) for _ in range(4)]
    for worker in workers:
        ready(worker)
    for worker in workers:
        go(worker)
    outputs = [worker.communicate(timeout=120) for worker in workers]
    assert all(out.splitlines()[-1:] == ["spent candidates"] for out, _ in outputs), [err for _, err in outputs]
    told = [pair for out, _ in outputs for pair in words(out, "told")]
    assert len(told) == 200
    assert sum(bool(words(out, "told")) for out, _ in outputs) > 1  # they did work side by side
    with Ledger.open(path) as ledger:
        rows = list(ledger.candidates())
        assert sorted(told) == [(row.id, row.seed) for row in rows]
        assert len({seed for _, seed in told}) == 200
        assert [row.index for row in rows] == list(range(200))
        assert {row.state for row in rows} == {State.FAILED}
        (shot,) = ledger.shots()
        assert (shot.totals.candidates, shot.totals.total_seconds) == (200, 200)


def killed(
    start: Start, path: Path, after: float, at_work: bool
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """What one worker printed as asked and as told before SIGKILL, ``after`` seconds from opening the ledger.

    From its first result where it has to be ``at_work`` by then: a busy machine may not let it begin sooner.
    """
    worker = start("work", path, 10**6)
    assert worker.stdout is not None
    ready(worker)
    go(worker)
    output = ""
    while at_work and not words(output, "told"):
        line = worker.stdout.readline()
        assert line, "the worker ended by itself"
        output += line
    timer = threading.Timer(after, worker.send_signal, (signal.SIGKILL,))
    timer.start()
    output += worker.stdout.read()
    timer.join()
    assert worker.wait(timeout=60) == -signal.SIGKILL
    return words(output, "asked"), words(output, "told")


@pytest.mark.parametrize("moments", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_kill_9_loses_nothing_that_was_told(start: Start, tmp_path: Path, moments: int) -> None:
    path = tmp_path / "show.db"
    chance = random.Random(moments)
    asked: list[tuple[int, int]] = []
    told: list[tuple[int, int]] = []
    for moment in range(moments):
        new = killed(start, path, chance.uniform(0, 0.4), at_work=moment % 4 != 3)
        asked += new[0]
        told += new[1]
        with Ledger.open(path) as ledger:
            found = ledger._database.connection().exec_driver_sql("PRAGMA integrity_check").scalar()
            assert found == "ok"
            rows = {row.id: row for row in ledger.candidates()}
            spent = sum((shot.totals for shot in ledger.shots()), Totals())
        assert all(rows[number].seed == seed for number, seed in asked)
        assert all(rows[number].state is State.FAILED and rows[number].told_at for number, _ in told)
        assert len({row.seed for row in rows.values()}) == len(rows) == spent.candidates
        assert spent.total_seconds == sum(row.state is State.FAILED for row in rows.values())
        assert sum(row.state is State.ASKED for row in rows.values()) <= 1  # earlier ones were found to be lost
    assert len(told) > moments // 2  # they did get to work before they were killed
    states = [row.state for row in rows.values()]
    assert states.count(State.LOST) + states.count(State.ASKED) <= moments


def test_threads_of_one_process_share_a_ledger(ledger: Ledger, begin: Callable[..., object]) -> None:
    loop = begin(ledger)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                loop.candidate(face=1)  # type: ignore[attr-defined]
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failed
    rows = list(ledger.candidates())
    assert len({row.seed for row in rows}) == len(rows) == 40
    assert {row.state for row in rows} == {State.REJECTED}
