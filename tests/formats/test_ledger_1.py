"""Ledger format 1, as it was released: ``ledger-1.db`` is brought forward by every later version.

The file was made by ``python tests/formats/test_ledger_1.py``, once; it is never made again.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from continuity.errors import FormatError
from continuity.ledger import Ledger, Machine, StoredMedia, schema
from continuity.records import (
    Budget,
    Cost,
    Decision,
    Expect,
    Finding,
    Instrument,
    Measurement,
    Measurements,
    ModelCard,
    Origin,
    Proposal,
    Report,
    State,
    Status,
    Tolerance,
    Verdict,
)

FILE = Path(__file__).with_name("ledger-1.db")


def test_who_only_reads_is_told_to_bring_it_forward() -> None:
    before = FILE.read_bytes()
    with pytest.raises(FormatError, match="older format 1: open it once for writing"):
        Ledger.open(FILE, create=False)
    assert FILE.read_bytes() == before


def test_everything_in_it_is_understood(tmp_path: Path) -> None:
    copy = Path(shutil.copy(FILE, tmp_path / "show.db"))
    Ledger.open(copy).close()
    with Ledger.open(copy, create=False) as ledger:
        check(ledger)
        assert ledger.watched() == ()
        rows = list(ledger.export())
    assert {row["table"] for row in rows} == {
        "meta", "shots", "streams", "candidates", "attempts", "measurements", "totals", "decisions",
    }  # fmt: skip
    assert {row["format"] for row in rows} == {schema.FORMAT}
    assert {row["value"] for row in rows if row["table"] == "meta"} == {str(schema.FORMAT)}


def test_work_goes_on_in_it(tmp_path: Path) -> None:
    copy = Path(shutil.copy(FILE, tmp_path / "show.db"))
    with Ledger.open(copy) as ledger:
        check(ledger)
        shot = ledger.shot("sc042_010", {"prompt": "Mara at the bar"})
        assert (shot.id, shot.revision) == (1, 1)
        stream = ledger.stream({"generator": "example"})
        ticket = ledger.ask(shot, stream=stream, budget=Budget(), prompt="", measure_fully=0)
        assert (ticket.index, ticket.seed) == (5, 1281653262)
        states = {row.index: row.state for row in ledger.candidates(shot)}
        assert states[4] is State.LOST  # its host is not seen any more, and its lease is long over


def check(ledger: Ledger) -> None:
    first, second = ledger.shots()
    assert [(s.name, s.revision, s.kept) for s in (first, second)] == [("sc042_010", 1, 3), ("sc042_010", 2, None)]
    rows = list(ledger.candidates())
    assert [str(row.state) for row in rows] == ["rejected", "inconclusive", "accepted", "failed", "asked"]
    assert [row.seed for row in rows][:2] == [4244516862, 2927299928]
    rejected, accepted = rows[0], rows[2]
    assert (rejected.worst_key, round(rejected.worst_excess or 0, 6)) == ("face:mara", 1.5)
    assert rejected.origin is Origin.LEARNED
    assert ledger.recipe(1).changes == {"guidance": 6.5}
    report = ledger.report(1)
    assert report is not None and report["face"].value == 0.65 and report["grade"].verdict is Verdict.PASS
    assert accepted.kept and accepted.media == "full/ab/b2-ab.png" and accepted.asked_at.startswith("2020-05-01T12:")
    assert rows[3].error == "no memory left" and rows[3].cost == Cost(render=3, device="cuda:0")
    assert first.totals.candidates == 5 and first.totals.total_seconds == 9.75


def make(path: Path) -> None:
    moments = (datetime(2020, 5, 1, 12, tzinfo=UTC) + timedelta(seconds=n) for n in range(10_000))
    machine = Machine(
        host="example", boot="boot", pids="pid", pid=lambda: 1, started=lambda _: "1", now=lambda: next(moments)
    )
    with Ledger.open(path, machine=machine) as ledger:
        shot = ledger.shot("sc042_010", {"prompt": "Mara at the bar"})
        ledger.shot("sc042_010", {"prompt": "Mara at the bar, 85mm"})
        stream = ledger.stream({"generator": "example"})
        ended: Iterable[tuple[float | None, float]] = ((0.65, 1.0), (None, 1.0), (0.4, 1.5))
        for number, (face, grade) in enumerate(ended):
            ticket = ledger.ask(shot, stream=stream, budget=Budget(), prompt="Mara at the bar", measure_fully=0.5)
            if number == 0:
                ticket = ledger.propose(ticket, Proposal(changes={"guidance": 6.5}, origin=Origin.LEARNED))
            report = _report(face, grade)
            state = {"pass": State.ACCEPTED, "fail": State.REJECTED, "inconclusive": State.INCONCLUSIVE}[report.verdict]
            stored = StoredMedia("thumbnails/ab/b2-ab.jpg", "full/ab/b2-ab.png" if number == 2 else None, "b2-ab")
            cost = Cost(render=2, score=0.25, device="cuda:0", steps_run=30, steps_planned=30)
            ledger.tell(ticket, state, cost=cost, report=report, media=stored)
        ledger.keep(shot, 3)
        ledger.decide(Decision(candidate=3, accept=True, who="Ana", role="supervisor", reason="her best side"))
        failed = ledger.ask(shot, stream=stream, budget=Budget(), prompt="Mara at the bar", measure_fully=0.5)
        ledger.tell(failed, State.FAILED, cost=Cost(render=3, device="cuda:0"), error="no memory left")
        ledger.ask(shot, stream=stream, budget=Budget(), prompt="Mara at the bar", measure_fully=0.5)
    small = sqlite3.connect(path)
    for statement in ("PRAGMA journal_mode = DELETE", "PRAGMA page_size = 512", "VACUUM", "PRAGMA journal_mode = WAL"):
        small.execute(statement)
    small.close()


def _report(face: float | None, grade: float) -> Report:
    card = ModelCard(role="face-embedding", name="example", digest="ab" * 32, licence="CC0", commercial=True)
    tool = Instrument(metric="FaceDistance", version=1, models=(card,), join="q95")
    findings = []
    for key, value, limit, unit in (("face:mara", face, 0.5, "Euclidean"), ("grade", grade, 4.0, "dE")):
        measured = Measurement(
            key=key,
            unit=unit,
            expect=Expect.REQUIRED,
            status=Status.NOT_MEASURABLE if value is None else Status.MEASURED,
            value=value,
            instrument=tool,
            evidence={"references": 3},
        )
        verdict = Verdict.INCONCLUSIVE if value is None else Verdict.PASS if value <= limit else Verdict.FAIL
        tolerance = Tolerance(key=key, limit=limit, scale=0.1, instrument=tool.digest)
        findings.append(Finding(measurement=measured, verdict=verdict, tolerance=tolerance))
    seen = Measurements(
        items=tuple(f.measurement for f in findings), media="b2-ab", identity="id", identity_name="mara"
    )
    return Report(
        verdict=max((f.verdict for f in findings), key=lambda v: v.rank), findings=tuple(findings), measurements=seen
    )


if __name__ == "__main__":
    if FILE.exists():
        sys.exit(f"{FILE.name} is released: it is not made again")
    make(FILE)
