"""What workers do: each holds one stage a generator, and writes the shots of its campaigns as they end."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

from .pool import Pool
from .presenter_stage import PresenterStage
from .stage import Cell, SimulatorStage, Stage
from .strategies import STRATEGIES, Shot, campaign

STAGES: Mapping[str, Callable[[Path, Pool], Stage]] = {"simulator": SimulatorStage, "presenter": PresenterStage}


@dataclass(frozen=True, slots=True)
class Task:
    """A campaign, or some shots of one in which no shot depends on another."""

    cell: Cell
    strategy: str
    first: int
    count: int
    every: int = 1  # only one shot of so many
    early: bool = False  # measuring ends at the first fail, whatever the strategy

    @property
    def name(self) -> str:
        """For files."""
        how = (f"-every{self.every}" if self.every > 1 else "") + ("-early" if self.early else "")
        return f"{self.cell.name}/{self.strategy}{how}-{self.first:04}-{self.count:04}"

    @property
    def shots(self) -> range:
        """The numbers of its shots."""
        return range(self.first, self.first + self.count * self.every, self.every)


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Campaigns that go on together, shot by shot: cut off anywhere, all of them have come about as far."""

    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Some of the candidates that limits come from."""

    generator: str
    first: int
    step: int


class Worker:
    """One process: its stages, made when first asked for, and when to stop."""

    def __init__(self, folder: Path, stopped: Callable[[], bool]) -> None:
        self.folder, self.stopped = folder, stopped
        self.pool = Pool(folder / "pool.db")
        self._stages: dict[str, Stage] = {}

    def stage(self, generator: str) -> Stage:
        """The stage of a generator."""
        if generator not in self._stages:
            self._stages[generator] = STAGES[generator](self.folder, self.pool)
        return self._stages[generator]

    def measure(self, part: Limits) -> None:
        """Measures a part of what limits come from, into the pool."""
        self.stage(part.generator).measure_for_limits(slice(part.first, None, part.step))

    def run(self, task: Task) -> None:
        """All shots of a task."""
        for _ in self.shots(task):
            pass

    def together(self, tasks: Sequence[Task]) -> None:
        """The next shot of each task that has come to it, for all numbers of shots."""
        open_ones = {task: self.shots(task) for task in tasks}
        turns = sorted((k, place) for place, task in enumerate(tasks) for k in task.shots)
        try:
            for _, place in turns:
                next(open_ones[tasks[place]], None)
            for one in open_ones.values():
                next(one, None)  # its end
        finally:
            for one in open_ones.values():
                one.close()

    def shots(self, task: Task) -> Generator[None, None, None]:
        """Writes ``NAME.part``, and waits after every shot; renames it to ``NAME.jsonl`` at the end."""
        part, whole = self.paths(task)
        if whole.exists():
            return
        part.parent.mkdir(parents=True, exist_ok=True)
        ledgers = self.folder / "ledgers" / task.name
        shutil.rmtree(ledgers, ignore_errors=True)  # an unfinished one is replayed: the pool remembers what it measured
        ledgers.mkdir(parents=True)
        done = 0
        try:
            with part.open("w", encoding="utf-8") as lines:
                for shot in campaign(
                    self.stage(task.cell.generator), self.pool, task.cell, STRATEGIES[task.strategy], task.shots,
                    ledgers / "show.db", self.stopped, early=task.early,
                ):  # fmt: skip
                    lines.write(shot.line() + "\n")
                    lines.flush()
                    done += 1
                    yield
            if done == task.count:
                part.replace(whole)
        finally:
            shutil.rmtree(ledgers, ignore_errors=True)

    def paths(self, task: Task) -> tuple[Path, Path]:
        """Where shots of an unfinished and of a finished task stand."""
        return paths(self.folder, task)


def paths(folder: Path, task: Task) -> tuple[Path, Path]:
    """Where shots of an unfinished and of a finished task stand."""
    stem = folder / "results" / task.name
    return stem.with_name(stem.name + ".part"), stem.with_name(stem.name + ".jsonl")


def shots_of(folder: Path, task: Task) -> list[Shot]:
    """The shots of a task that have ended, in order; a line cut off by a kill is left out."""
    found: list[Shot] = []
    for path in reversed(paths(folder, task)):
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    found.append(Shot(**json.loads(line)))
                except (ValueError, TypeError):
                    break
            break
    return found


def start(
    folder: Path, tasks: Queue[Task | SideBySide | Limits | None], stop: Event, deadline: float | None, parent: int
) -> None:
    """Works through tasks until there are none, it is told to stop, it is late, or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which tells

    def stopped() -> bool:
        return stop.is_set() or os.getppid() != parent or (deadline is not None and time.time() > deadline)

    worker = Worker(folder, stopped)
    while (task := tasks.get()) is not None and not stopped():
        if isinstance(task, Limits):
            worker.measure(task)
        elif isinstance(task, SideBySide):
            worker.together(task.tasks)
        else:
            worker.run(task)


def run_all(folder: Path, tasks: Sequence[Task | SideBySide | Limits], workers: int, deadline: float | None) -> None:
    """Runs tasks in so many processes and returns when all have ended.

    Raises:
        RuntimeError: a worker failed; it has said why.
        KeyboardInterrupt: the workers are stopped, the shots that had ended are written.
    """
    context = multiprocessing.get_context("spawn")
    queue, stop = context.Queue(), context.Event()
    for task in (*tasks, *[None] * workers):
        queue.put(task)
    made = [
        context.Process(target=start, args=(folder, queue, stop, deadline, os.getpid()), daemon=True)
        for _ in range(workers)
    ]
    try:
        for one in made:
            one.start()
        for one in made:
            one.join()
    except BaseException:
        stop.set()
        for one in made:
            one.terminate()
        raise
    finally:
        queue.cancel_join_thread()
    if any(one.exitcode for one in made):
        raise RuntimeError("a worker failed; what it said stands above")
