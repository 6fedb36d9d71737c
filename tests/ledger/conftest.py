from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from continuity.ledger import Ledger, Machine, ShotRow
from continuity.records import (
    Budget,
    Cost,
    Expect,
    Finding,
    Instrument,
    Measurement,
    Measurements,
    ModelCard,
    Report,
    State,
    Status,
    Ticket,
    Tolerance,
    Verdict,
)

CARD = ModelCard(role="face-embedding", name="stand-in", digest="ab" * 32, licence="CC0", commercial=True)
TOOL = Instrument(metric="FaceDistance", version=1, models=(CARD,), join="q95")
STATES = {Verdict.PASS: State.ACCEPTED, Verdict.FAIL: State.REJECTED, Verdict.INCONCLUSIVE: State.INCONCLUSIVE}


def finding(key: str, excess: float | str, *, evidence: dict[str, object] | None = None) -> Finding:
    """A finding at a normalised excess, or of a status that has no value: absent fails, the others say nothing."""
    status = Status(excess) if isinstance(excess, str) else Status.MEASURED
    value = None if isinstance(excess, str) else 0.5 + excess * 0.1
    verdicts = {Status.ABSENT: Verdict.FAIL, Status.NOT_MEASURABLE: Verdict.INCONCLUSIVE, Status.SKIPPED: Verdict.PASS}
    verdict = verdicts.get(status) or (Verdict.PASS if value is not None and value <= 0.5 else Verdict.FAIL)
    measured = Measurement(
        key=key,
        unit="Euclidean",
        expect=Expect.REQUIRED,
        status=status,
        value=value,
        instrument=TOOL,
        evidence=evidence or {},  # type: ignore[arg-type]
    )
    return Finding(measurement=measured, verdict=verdict, tolerance=Tolerance(key=key, limit=0.5, scale=0.1))


def report_of(**excesses: float | str) -> Report:
    findings = tuple(finding(key, excess) for key, excess in excesses.items())
    seen = Measurements(items=tuple(f.measurement for f in findings), media="px-" + "0" * 64)
    return Report(
        verdict=max((f.verdict for f in findings), key=lambda v: v.rank), findings=findings, measurements=seen
    )


@dataclass
class Clock:
    """A time that moves when it is told to, and the processes that run by then."""

    time: datetime = datetime(2030, 5, 1, 12, tzinfo=UTC)
    running: dict[int, str] = field(default_factory=dict)

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class Loop:
    """The few steps that nearly every test takes."""

    ledger: Ledger
    shot: ShotRow
    stream: str

    def ask(self, **given: object) -> Ticket:
        asked = {"budget": Budget(), "prompt": "Mara at the bar", "measure_fully": 0.1, "stream": self.stream} | given
        return self.ledger.ask(self.shot, **asked)  # type: ignore[arg-type]

    def tell(self, ticket: Ticket, cost: Cost | None = None, **excesses: float | str) -> bool:
        report = report_of(**excesses)
        return self.ledger.tell(ticket, STATES[report.verdict], cost=cost, report=report)

    def candidate(self, cost: Cost | None = None, **excesses: float | str) -> int:
        ticket = self.ask()
        assert self.tell(ticket, cost, **excesses)
        return ticket.candidate

    def seen_by(self, machine: Machine) -> Loop:
        return replace(self, ledger=Ledger.open(self.ledger.path, machine=machine))


def loop_on(ledger: Ledger, name: str = "sc042_010") -> Loop:
    return Loop(ledger, ledger.shot(name, {"prompt": "Mara at the bar"}), ledger.stream({"generator": "test"}))


@pytest.fixture
def reported() -> Callable[..., Report]:
    """Reports by key and normalised excess (or status): ``reported(face=0.2, grade="absent")``."""
    return report_of


@pytest.fixture
def begin() -> Callable[..., Loop]:
    """A loop on any ledger."""
    return loop_on


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def machine(clock: Clock) -> Callable[..., Machine]:
    """A machine by name, boot and process; the process runs until the test removes it from ``clock.running``."""

    def make(host: str = "farm1", boot: str = "boot-a", pids: str = "pid:[1]", pid: int = 100) -> Machine:
        clock.running.setdefault(pid, f"started-{pid}")
        return Machine(
            host=host,
            boot=boot,
            pids=pids,
            pid=lambda: pid,
            started=lambda number: clock.running.get(number, ""),
            now=lambda: clock.time,
        )

    return make


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "show.db") as opened:
        yield opened


@pytest.fixture
def loop(ledger: Ledger) -> Loop:
    return loop_on(ledger)


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts ``worker.py`` in a fresh interpreter; whatever still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: object, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        script = Path(__file__).with_name("worker.py")
        command = [*before, sys.executable, str(script), *map(str, arguments)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield run
    for one in started:
        one.kill()
        one.communicate()
