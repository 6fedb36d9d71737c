"""Audits of a ledger: what is drawn, what counts as an answer, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import continuity as ct
from continuity.calibration.auditing import audit, read
from continuity.cli import main
from continuity.errors import FormatError, UsageError
from continuity.testing import FakeBackends, FakeMetric, PatternGenerator

LIMITS = ct.Tolerances((ct.Tolerance(key="bright", limit=100.0, scale=1.0),))


@pytest.fixture
def limits(tmp_path: Path) -> str:
    LIMITS.save(tmp_path / "limits.toml")
    return str(tmp_path / "limits.toml")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """25 shots, each with a kept candidate and some rejected ones."""
    folder = tmp_path_factory.mktemp("audit")
    nobody = ct.Identity(name="nobody", enrolled=())
    gate = ct.Gate([FakeMetric("bright")], identity=nobody, tolerances={"bright": 100.0}, backends=FakeBackends())
    with ct.Ledger.open(folder / "show.db") as ledger:
        for i in range(25):
            ct.Shot(f"sc{i}", gate=gate, ledger=ledger).run(PatternGenerator(size=4), budget=ct.Budget(candidates=40))
    return folder / "show.db"


@pytest.fixture
def show(made: Path, tmp_path: Path) -> ct.Ledger:
    """A copy of it, to decide on."""
    (tmp_path / "show.db").write_bytes(made.read_bytes())
    return ct.Ledger.open(tmp_path / "show.db")


def decide(ledger: ct.Ledger, accept: Callable[[int], bool], only: set[int] | None = None) -> None:
    for number, row in enumerate(r for r in list(ledger.candidates()) if r.state is ct.State.ACCEPTED):
        if only is None or row.id in only:
            ledger.decide(ct.Decision(candidate=row.id, accept=accept(number), who="ann"))


def test_answers_on_what_a_proposer_learned_to_draw_are_counted_and_said(
    tmp_path: Path, limits: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = ct.Identity(name="nobody", enrolled=())
    gate = ct.Gate([FakeMetric("bright")], identity=nobody, tolerances={"bright": 100.0}, backends=FakeBackends())
    vary: dict[str, list[ct.Json]] = {"x": [1, 2]}
    with ct.Ledger.open(tmp_path / "both.db") as ledger:
        for name, proposer in (("a", ct.LearnedVariations(vary)), ("b", ct.Variations(vary))):
            for i in range(3):
                shot = ct.Shot(f"{name}{i}", gate=gate, ledger=ledger, proposer=proposer)
                shot.run(PatternGenerator(size=4), budget=ct.Budget(candidates=40))
        audit(ledger, LIMITS, max_bad_share=0.05)
        decide(ledger, lambda i: True)
        found = audit(ledger, LIMITS, max_bad_share=0.05)
    assert sorted((one.learned, one.answers) for one in found) == [(0, 3), (3, 3)]
    main(["audit", str(tmp_path / "both.db"), "--tolerances", limits, "--max-bad-share", "0.05"])
    assert capsys.readouterr().out.count("3 of these answers are on what a proposer that learns chose") == 1


def test_everything_kept_is_drawn_and_waits(show: ct.Ledger) -> None:
    (one,) = audit(show, LIMITS, max_bad_share=0.05, rejects=0.0)
    assert len(one.waiting) == 25
    assert (one.answers, one.verdict, one.bound) == (0, "open", 1.0)
    assert one.to_fivefold is not None
    assert one.to_doubled is not None
    assert one.to_fivefold < one.to_doubled


def test_a_draw_is_made_once_and_written_down(show: ct.Ledger, tmp_path: Path) -> None:
    (first,) = audit(show, LIMITS, max_bad_share=0.05, accepts=0.4, rejects=0.3)
    lines = (tmp_path / "show.audit.jsonl").read_text().splitlines()
    assert len(lines) == sum(1 for row in show.candidates())
    assert {'"probability": 0.4' in line for line in lines} == {True, False}
    (again,) = audit(show, LIMITS, max_bad_share=0.05, accepts=1.0, rejects=1.0)  # passed over stays passed over
    assert again.waiting == first.waiting
    assert 3 < sum(show.candidate(n).state is ct.State.ACCEPTED for n in first.waiting) < 18


def test_answers_on_what_was_not_drawn_do_not_count(show: ct.Ledger) -> None:
    (first,) = audit(show, LIMITS, max_bad_share=0.05, accepts=0.4, rejects=0.0)
    decide(show, lambda i: False)
    (then,) = audit(show, LIMITS, max_bad_share=0.05, accepts=0.4, rejects=0.0)
    assert then.answers == then.bad == len(first.waiting)
    assert then.waiting == ()


def test_a_broken_promise_is_said_to_be(show: ct.Ledger, limits: str) -> None:
    audit(show, LIMITS, max_bad_share=0.05)
    decide(show, lambda i: i % 3 > 0)
    (one,) = audit(show, LIMITS, max_bad_share=0.05)
    assert (one.answers, one.bad, one.verdict) == (25, 9, "broken")
    assert one.broken >= 20
    assert main(["audit", str(show.path), "--tolerances", limits, "--max-bad-share", "0.05"]) == 1
    assert main(["audit", str(show.path), "--tolerances", limits, "--max-bad-share", "0.05", "--json"]) == 1


def test_a_promise_that_is_kept_far_enough_is_confirmed(show: ct.Ledger, limits: str) -> None:
    audit(show, LIMITS, max_bad_share=0.3)
    decide(show, lambda i: True)
    (one,) = audit(show, LIMITS, max_bad_share=0.3)
    assert (one.verdict, one.bad) == ("holds", 0)
    assert main(["audit", str(show.path), "--tolerances", limits, "--max-bad-share", "0.3"]) == 0
    assert main(["audit", str(show.path), "--tolerances", limits, "--max-bad-share", "0.02"]) == 3


def test_rejected_ones_show_what_is_lost(show: ct.Ledger) -> None:
    (first,) = audit(show, LIMITS, max_bad_share=0.05, accepts=0.0, rejects=0.5)
    for number in first.waiting[:4]:
        show.decide(ct.Decision(candidate=number, accept=number == first.waiting[0], who="ann"))
    (then,) = audit(show, LIMITS, max_bad_share=0.05, accepts=0.0, rejects=0.5)
    assert (then.rejects, then.rejects_good) == (4, 1)


def test_answers_that_are_older_than_the_draw_do_not_count(show: ct.Ledger) -> None:
    decide(show, lambda i: True)
    (one,) = audit(show, LIMITS, max_bad_share=0.3, rejects=0.0)
    assert (one.answers, one.waiting, one.decided_before, one.verdict) == (0, (), 25, "open")


def test_what_was_kept_under_other_limits_says_nothing(show: ct.Ledger) -> None:
    other = ct.Tolerances((replace(LIMITS["bright"], limit=90.0),))
    with pytest.raises(UsageError, match="under these limits"):
        audit(show, other, max_bad_share=0.3)
    nobody = ct.Identity(name="nobody", enrolled=())
    gate = ct.Gate([FakeMetric("bright")], identity=nobody, tolerances=other, backends=FakeBackends())
    for i in range(3):
        ct.Shot(f"new{i}", gate=gate, ledger=show).run(PatternGenerator(size=4), budget=ct.Budget(candidates=40))
    audit(show, LIMITS, max_bad_share=0.3)
    decide(show, lambda i: True)
    (one,) = audit(show, LIMITS, max_bad_share=0.3)
    assert one.answers == 25
    assert audit(show, other, max_bad_share=0.3)[0].answers == 0


def test_the_kept_candidate_is_drawn_and_not_the_first_accepted(show: ct.Ledger) -> None:
    nobody = ct.Identity(name="nobody", enrolled=())
    other = ct.Tolerances((replace(LIMITS["bright"], limit=240.0),))
    gate = ct.Gate([FakeMetric("bright")], identity=nobody, tolerances=other, backends=FakeBackends())
    kept = []
    for i in range(6):
        shot = ct.Shot(f"best{i}", gate=gate, ledger=show, stop=ct.BestOf(4))
        outcome = shot.run(PatternGenerator(size=4), budget=ct.Budget(candidates=20))
        assert outcome.kept is not None
        kept.append(outcome.kept)
    assert any(one.row.index > 0 for one in kept)
    (audited,) = audit(show, other, max_bad_share=0.3, rejects=0.0)
    assert set(audited.waiting) == {one.candidate for one in kept}


def test_a_last_line_that_was_cut_off_is_drawn_again(show: ct.Ledger, tmp_path: Path) -> None:
    audit(show, LIMITS, max_bad_share=0.3, rejects=0.0)
    record = tmp_path / "show.audit.jsonl"
    record.write_text(record.read_text()[:-30])
    for _ in range(2):
        assert len(audit(show, LIMITS, max_bad_share=0.3, rejects=0.0)[0].waiting) == 25
        assert len(read(record)) == 25
        assert record.read_text().endswith("\n")


@pytest.mark.parametrize("line", [
    "[" * 100_000, "3", '{"format": 1, "candidate"',
    '{"format":1,"candidate":"x","stream":"s","group":"kept","probability":1,"drawn":true}',
    '{"format":1,"candidate":1,"stream":"s","group":"odd","probability":1,"drawn":true}',
    '{"format":1,"candidate":1,"stream":"s","group":"kept","probability":1,"drawn":true,"when":"noon"}',
])  # fmt: skip
def test_a_damaged_record(show: ct.Ledger, tmp_path: Path, line: str) -> None:
    (tmp_path / "show.audit.jsonl").write_text(line + "\n")
    with pytest.raises(FormatError, match="drawn for the audit"):
        audit(show, LIMITS, max_bad_share=0.05)


def test_wrong_shares(show: ct.Ledger, limits: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="accepts"):
        audit(show, LIMITS, max_bad_share=0.05, accepts=1.5)
    for wrong in (0.0, "x"):
        with pytest.raises(UsageError, match="max_bad_share"):
            audit(show, LIMITS, max_bad_share=wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a promise was wanted"):
        audit(show, LIMITS)
    assert main(["audit", str(show.path), "--max-bad-share", "0.1"]) == 2
    assert "--tolerances" in capsys.readouterr().err
    assert main(["audit", str(show.path), "--tolerances", limits]) == 2
    assert "--max-bad-share" in capsys.readouterr().err
