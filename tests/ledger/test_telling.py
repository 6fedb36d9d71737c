from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from continuity.errors import LedgerError, UsageError
from continuity.ledger import Ledger, StoredMedia
from continuity.records import Cost, Decision, Recipe, Report, State, Verdict

if TYPE_CHECKING:
    from conftest import Clock, Loop

Reported = Callable[..., Report]


def measurements(ledger: Ledger, candidate: int) -> list[dict[str, object]]:
    rows = [row for row in ledger.export() if row["table"] == "measurements"]
    return [row for row in rows if row["candidate"] == candidate]


def test_everything_told_is_found_again(loop: Loop, reported: Reported) -> None:
    ticket = loop.ask()
    report = reported(face=2.5, grade=-1, hands="not_measurable", logo="skipped")
    cost = Cost(render=1.5, score=0.25, device="cuda:0", steps_run=12, steps_planned=30)
    recipe = replace(ticket.recipe, details={"model": "m"}, inputs={"pose": "b2-1"})
    media = StoredMedia("thumbnails/ab/b2-ab.jpg", "full/ab/b2-ab.png", "b2-ab")
    assert loop.ledger.tell(ticket, State.REJECTED, recipe=recipe, cost=cost, report=report, media=media)
    row = loop.ledger.candidate(ticket.candidate)
    assert (row.state, row.verdict, row.worst_key, row.cost) == (State.REJECTED, Verdict.FAIL, "face", cost)
    assert row.worst_excess == pytest.approx(2.5)
    assert (row.thumbnail, row.media, row.digest) == (media.thumbnail, media.full, media.digest)
    assert row.device == "cuda:0" and row.told_at and row.told_at >= row.asked_at
    assert loop.ledger.recipe(row.id) == recipe
    assert loop.ledger.report(row.id) == report
    found = {m["key"]: m for m in measurements(loop.ledger, row.id)}
    assert list(found) == ["face", "grade", "hands", "logo"]
    assert [found[k]["status"] for k in found] == ["measured", "measured", "not_measurable", "skipped"]
    assert [found[k]["verdict"] for k in found] == ["fail", "pass", "inconclusive", "pass"]
    assert (found["face"]["limit"], found["face"]["scale"], found["hands"]["value"]) == (0.5, 0.1, None)
    assert found["face"]["instrument"] == report["face"].measurement.instrument.digest  # type: ignore[union-attr]
    attempt = next(r for r in loop.ledger.export() if r["table"] == "attempts")
    assert (attempt["attempt"], attempt["repair"], attempt["report"]["verdict"]) == (0, "", "fail")


@pytest.mark.parametrize("state", [State.FAILED, State.ABORTED])
def test_what_has_no_picture_has_an_error_and_a_cost(loop: Loop, state: State) -> None:
    ticket = loop.ask()
    cost = Cost(render=3, steps_run=3, steps_planned=30)
    assert loop.ledger.tell(ticket, state, cost=cost, error="CUDA out of memory \udcff\0")
    row = loop.ledger.candidate(ticket.candidate)
    assert (row.state, row.cost, row.verdict, row.media, row.thumbnail) == (state, cost, None, "", "")
    assert row.error.startswith("CUDA out of memory")
    assert loop.ledger.report(row.id) is None
    assert loop.ledger.totals(loop.shot).renders == pytest.approx(0.1)


def test_only_the_first_word_counts(loop: Loop, reported: Reported) -> None:
    ticket = loop.ask()
    assert loop.tell(ticket, Cost(render=2), face=1)
    before = list(loop.ledger.export())
    assert not loop.tell(ticket, Cost(render=2), face=1)
    assert not loop.tell(ticket, Cost(render=9), face=-1)
    assert not loop.ledger.tell(ticket, State.FAILED, error="late")
    assert list(loop.ledger.export()) == before


def test_a_lost_candidate_that_is_told_is_found(loop: Loop, machine: Callable[..., object], clock: Clock) -> None:
    far, near = loop.seen_by(machine(host="farm2")), loop.seen_by(machine())  # type: ignore[arg-type]
    ticket = far.ask()
    clock.pass_by(61)
    near.ask()
    assert near.ledger.candidate(ticket.candidate).state is State.LOST
    assert far.tell(ticket, Cost(render=5), face=-1)
    assert near.ledger.candidate(ticket.candidate).state is State.ACCEPTED
    assert near.ledger.totals(loop.shot).total_seconds == 5
    assert not far.tell(ticket, Cost(render=5), face=-1)


@pytest.mark.parametrize("state", [State.ASKED, State.LOST])
def test_a_state_that_is_no_end_is_refused(loop: Loop, state: State) -> None:
    with pytest.raises(UsageError, match="told as finished"):
        loop.ledger.tell(loop.ask(), state)


def test_nothing_is_accepted_without_a_report_that_passes(loop: Loop, reported: Reported) -> None:
    ticket = loop.ask()
    for state, report in (
        (State.ACCEPTED, None),
        (State.ACCEPTED, reported(face=1)),
        (State.ACCEPTED, reported(face="not_measurable")),
        (State.REJECTED, reported(face=-1)),
        (State.INCONCLUSIVE, None),
    ):
        with pytest.raises(UsageError, match="by a report with verdict"):
            loop.ledger.tell(ticket, state, report=report)
    assert loop.ledger.candidate(ticket.candidate).state is State.ASKED


def test_a_ticket_of_another_ledger_is_refused(loop: Loop, tmp_path: Path, begin: Callable[..., Loop]) -> None:
    with Ledger.open(tmp_path / "other.db") as other:
        ticket = begin(other, "another shot").ask()
        loop.ask()
        with pytest.raises(LedgerError, match="not in this ledger"):
            loop.tell(ticket, face=1)


def test_evidence_of_a_plugin_never_breaks_the_ledger(loop: Loop, reported: Reported) -> None:
    report = reported(face=1)
    strange: Any = {
        "nan": math.nan, "inf": [1.0, -math.inf], "array": np.array([[1, 2]]), "scalar": np.float32(0.5),
        "count": np.int64(3), "path": Path("a/b"),
        "set": {1}, "bytes": b"\0", "text": "\udc80",
        "nested": {1: math.nan},
    }  # fmt: skip
    measured = replace(report["face"].measurement, evidence=strange)
    odd = replace(report, findings=(replace(report["face"], measurement=measured),))
    ticket = loop.ask()
    assert loop.ledger.tell(ticket, State.REJECTED, report=odd)
    found = measurements(loop.ledger, ticket.candidate)[0]["evidence"]
    assert isinstance(found, dict)
    assert (found["nan"], found["inf"], found["array"], found["scalar"]) == (None, [1.0, None], [[1, 2]], 0.5)
    assert (found["count"], found["path"], found["nested"]) == (3, "a/b", {"1": None})
    stored = loop.ledger.report(ticket.candidate)
    assert stored is not None and stored["face"].value == odd["face"].value


def test_totals_are_the_sums_of_what_was_told(loop: Loop) -> None:
    costs = [
        Cost(render=0.1 * i, score=0.05, device=f"cuda:{i % 2}" if i % 3 else "cpu", steps_run=i, steps_planned=10)
        for i in range(12)
    ]
    for cost in costs:
        loop.candidate(cost, face=1)
    loop.ask()
    sums = loop.ledger.totals(loop.shot)
    assert sums.candidates == 13
    assert sums.total_seconds == pytest.approx(sum(c.total for c in costs))
    assert sums.gpu_seconds == pytest.approx(sum(c.gpu_seconds for c in costs))
    assert sums.score_seconds == pytest.approx(0.6)
    assert sums.renders == pytest.approx(sum(c.render_equivalents for c in costs))
    assert sums.seconds["cuda:1", "render"] == pytest.approx(sum(c.render for c in costs if c.device == "cuda:1"))
    assert loop.ledger.shot(loop.shot.name, {"prompt": "Mara at the bar"}).totals == sums


# -- keeping and deciding ----------------------------------------------------------------------------------------------


def test_the_first_accepted_candidate_is_kept(loop: Loop) -> None:
    first, second, rejected = loop.candidate(face=-1), loop.candidate(face=-2), loop.candidate(face=1)
    assert loop.ledger.kept(loop.shot) is None
    assert loop.ledger.keep(loop.shot, first) and loop.ledger.keep(loop.shot, first)
    assert not loop.ledger.keep(loop.shot, second)
    row = loop.ledger.kept(loop.shot)
    assert row is not None and row.id == first and row.kept and row.state is State.ACCEPTED
    assert loop.ledger.shots()[0].kept == first
    assert [r.kept for r in loop.ledger.candidates()] == [True, False, False]
    for wrong in (rejected, loop.ask().candidate, 999):
        with pytest.raises(UsageError, match="accepted candidate of this shot"):
            loop.ledger.keep(loop.shot, wrong)


def test_a_candidate_of_another_shot_is_not_kept(loop: Loop, begin: Callable[..., Loop]) -> None:
    other = begin(loop.ledger, "another").candidate(face=-1)
    with pytest.raises(UsageError, match="none of it"):
        loop.ledger.keep(loop.shot, other)


def test_a_person_outranks_the_machine(loop: Loop, clock: Clock) -> None:
    accepted, rejected = loop.candidate(Cost(render=2), face=-1), loop.candidate(Cost(render=2), face=1)
    loop.ledger.keep(loop.shot, accepted)
    said = loop.ledger.decide(
        Decision(candidate=accepted, accept=False, who="Ana", role="supervisor", reason="eyeline")
    )
    assert said.when.endswith("+00:00")
    assert loop.ledger.kept(loop.shot) is None
    assert not loop.ledger.keep(loop.shot, accepted)  # the machine does not keep again what a person rejected
    again = loop.ledger.shot(loop.shot.name, {"prompt": "Mara at the bar"})
    assert (again.id, again.revision, again.totals.candidates) == (loop.shot.id, 1, 2)
    assert loop.ask().index == 2
    loop.ledger.decide(Decision(candidate=rejected, accept=True, who="Ana", round=2))
    row = loop.ledger.kept(loop.shot)
    assert row is not None and (row.id, row.state, row.verdict) == (rejected, State.REJECTED, Verdict.FAIL)
    loop.ledger.decide(Decision(candidate=accepted, accept=True, who="Ben", round=3))
    row = loop.ledger.kept(loop.shot)
    assert row is not None and row.id == accepted
    rows = [r for r in loop.ledger.export() if r["table"] == "decisions"]
    assert [(r["candidate"], r["accept"], r["who"], r["round"]) for r in rows] == [
        (accepted, False, "Ana", 1),
        (rejected, True, "Ana", 2),
        (accepted, True, "Ben", 3),
    ]


def test_rejecting_what_is_not_kept_changes_nothing_else(loop: Loop) -> None:
    kept, other = loop.candidate(face=-1), loop.candidate(face=-1)
    loop.ledger.keep(loop.shot, kept)
    loop.ledger.decide(Decision(candidate=other, accept=False))
    row = loop.ledger.kept(loop.shot)
    assert row is not None and row.id == kept


def test_nobody_decides_on_what_was_never_seen(loop: Loop) -> None:
    failed = loop.ask()
    loop.ledger.tell(failed, State.FAILED, recipe=Recipe(), error="no")
    for wrong in (failed.candidate, loop.ask().candidate, 999):
        with pytest.raises(UsageError, match="with a picture"):
            loop.ledger.decide(Decision(candidate=wrong, accept=True))
