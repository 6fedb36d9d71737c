"""``continuity audit``: what is drawn, how answers count, and that asking again changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import continuity as ct
from continuity.testing import FakeBackends, FakeMetric, PatternGenerator

Run = Callable[..., tuple[int, str, str]]
LIMITS = ct.Tolerances((ct.Tolerance(key="bright", limit=100.0, scale=1.0),))
SHOTS = 25


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    nobody = ct.Identity(name="nobody", enrolled=())
    gate = ct.Gate([FakeMetric("bright")], identity=nobody, tolerances=LIMITS, backends=FakeBackends())
    with ct.Ledger.open(folder / "show.db") as ledger:
        for i in range(SHOTS):
            ct.Shot(f"sc{i}", gate=gate, ledger=ledger).run(PatternGenerator(size=4), budget=ct.Budget(candidates=40))
    return folder / "show.db"


@pytest.fixture
def show(made: Path, tmp_path: Path) -> Path:
    (tmp_path / "show.db").write_bytes(made.read_bytes())
    LIMITS.save(tmp_path / "limits.toml")
    return tmp_path / "show.db"


@pytest.fixture
def audit(run: Run, show: Path) -> Run:
    """The command on the show with its limits; further words go last."""
    return lambda *more: run("audit", show, "--tolerances", show.parent / "limits.toml", *more)


def drawn(audit: Run, *more: object) -> dict[str, object]:
    _, out, err = audit("--json", *more)
    assert err == ""
    (line,) = out.splitlines()
    return dict(json.loads(line))


def test_a_page_that_says_whom_to_ask(audit: Run, show: Path) -> None:
    code, out, err = audit("--max-bad-share", "0.05", "--rejects", "0")
    assert (code, err) == (3, "")
    for words in ("at most 5 % bad is neither confirmed nor refuted yet", "0 bad in 0 kept shots drawn and judged",
                  "20 decides, at any time", "answers would reveal twice that share",
                  f"{SHOTS} candidates drawn and not judged: #", " ..."):  # fmt: skip
        assert words in out
    assert (show.parent / "show.audit.jsonl").is_file()


def test_draws_answers_and_a_broken_promise_from_end_to_end(audit: Run, run: Run, show: Path) -> None:
    waiting = drawn(audit, "--max-bad-share", "0.05", "--rejects", "0")["waiting"]
    assert isinstance(waiting, list) and len(waiting) == SHOTS
    for number, candidate in enumerate(waiting[:12]):
        done = run(
            "decide", show, candidate, "reject" if number % 2 else "accept", "--who", "ann", "--role", "supervisor"
        )
        assert done[0] == 0, done
    one = drawn(audit, "--max-bad-share", "0.05", "--rejects", "0")
    assert (one["format"], one["answers"], one["bad"], one["verdict"]) == (1, 12, 6, "broken")
    assert one["waiting"] == waiting[12:]
    code, out, _ = audit("--max-bad-share", "0.05", "--rejects", "0")
    assert code == 1 and "at most 5 % bad is broken" in out and "6 bad in 12 kept shots" in out


def test_a_promise_that_holds(audit: Run, run: Run, show: Path) -> None:
    audit("--max-bad-share", "0.3")
    with ct.Ledger.open(show) as ledger:
        for row in [r for r in ledger.candidates() if r.state is ct.State.ACCEPTED]:
            ledger.decide(ct.Decision(candidate=row.id, accept=True, who="ann"))
    code, out, _ = audit("--max-bad-share", "0.3")
    assert code == 0 and "at most 30 % bad holds" in out
    assert audit("--max-bad-share", "0.02")[0] == 3


def test_asking_again_draws_the_same(audit: Run, show: Path) -> None:
    first = drawn(audit, "--max-bad-share", "0.05", "--accepts", "0.4", "--rejects", "0.3")
    record = (show.parent / "show.audit.jsonl").read_bytes()
    for share in ("0.4", "1.0"):  # what was passed over once stays passed over
        assert drawn(audit, "--max-bad-share", "0.05", "--accepts", share, "--rejects", share) == first
    assert (show.parent / "show.audit.jsonl").read_bytes() == record
    waiting = first["waiting"]
    assert isinstance(waiting, list) and 0 < len(waiting) < SHOTS * 2


def test_what_was_decided_before_the_draw_does_not_count(audit: Run, run: Run, show: Path) -> None:
    with ct.Ledger.open(show, create=False) as ledger:
        kept = next(row.id for row in ledger.candidates() if row.state is ct.State.ACCEPTED)
    assert run("decide", show, kept, "accept", "--who", "ann", "--role", "supervisor")[0] == 0
    code, out, _ = audit("--max-bad-share", "0.05", "--rejects", "0")
    assert code == 3 and "1 kept shot not counted: somebody decided before the draw" in out
    assert f"{SHOTS - 1} candidates drawn and not judged" in out


def test_rejected_ones_that_are_good(audit: Run, run: Run, show: Path) -> None:
    waiting = drawn(audit, "--max-bad-share", "0.05", "--accepts", "0", "--rejects", "0.5")["waiting"]
    assert isinstance(waiting, list)
    for candidate, word in zip(waiting, ("accept", "reject", "reject"), strict=False):
        assert run("decide", show, candidate, word, "--who", "ann", "--role", "supervisor")[0] == 0
    _, out, _ = audit("--max-bad-share", "0.05", "--accepts", "0", "--rejects", "0.5")
    assert "1 of 3 rejected ones that were drawn and judged are good after all" in out


def test_a_promise_in_the_file_is_the_one_that_is_asked(run: Run, show: Path, tmp_path: Path) -> None:
    promise = ct.Promise(
        max_bad_share=0.1, confidence=0.95, route="accepted-stream", stream="elsewhere", kept=60, bad=0, bound=0.049
    )
    ct.Tolerances(tuple(LIMITS), promise).save(tmp_path / "promised.toml")
    code, out, err = run("audit", show, "--tolerances", tmp_path / "promised.toml")
    assert code == 3 and "at most 10 % bad" in out, err
    assert "the promise was made for another stream: it was never established here" in out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "--max-bad-share"),
        (["--max-bad-share", "0"], "max_bad_share"),
        (["--max-bad-share", "1"], "max_bad_share"),
        (["--max-bad-share", "nan"], "max_bad_share"),
        (["--max-bad-share", "few"], "not a valid float"),
        (["--max-bad-share", "0.1", "--accepts", "1.5"], "accepts"),
        (["--max-bad-share", "0.1", "--rejects", "-1"], "rejects"),
        (["--max-bad-share", "0.1", "--confidence", "1"], "confidence"),
    ],
)
def test_shares_that_are_none(audit: Run, show: Path, more: list[str], said: str) -> None:
    code, out, err = audit(*more)
    assert (code, out) == (2, "") and said in err and "Traceback" not in err
    assert not (show.parent / "show.audit.jsonl").exists()


def test_ledgers_limits_and_records_that_cannot_be_read(run: Run, audit: Run, show: Path, tmp_path: Path) -> None:
    words = ("--max-bad-share", "0.1", "--tolerances", tmp_path / "limits.toml")
    code, _, err = run("audit", tmp_path / "none.db", *words)
    assert code == 2 and "none.db" in err and not (tmp_path / "none.db").exists()
    (tmp_path / "text.db").write_text("no ledger")
    assert run("audit", tmp_path / "text.db", *words)[0] == 2
    assert run("audit", show, "--max-bad-share", "0.1", "--tolerances", tmp_path / "none.toml")[0] == 2
    ct.Tolerances((ct.Tolerance(key="bright", limit=90.0, scale=1.0),)).save(tmp_path / "other.toml")
    code, _, err = run("audit", show, "--max-bad-share", "0.1", "--tolerances", tmp_path / "other.toml")
    assert code == 2 and "judged under these limits" in err
    for damaged in ("[" * 100_000, '{"format": 99}', "\0\n", '{"format":1,"candidate":"x"}\n'):
        (show.parent / "show.audit.jsonl").write_text(damaged + "\n")
        code, out, err = audit("--max-bad-share", "0.1")
        assert (code, out) == (2, "") and "audit" in err and "Traceback" not in err
        assert (show.parent / "show.audit.jsonl").read_text() == damaged + "\n", "nothing is written over"


def test_an_empty_ledger(run: Run, tmp_path: Path) -> None:
    ct.Ledger.open(tmp_path / "empty.db").close()
    LIMITS.save(tmp_path / "limits.toml")
    code, out, err = run(
        "audit", tmp_path / "empty.db", "--tolerances", tmp_path / "limits.toml", "--max-bad-share=0.1"
    )
    assert (code, out) == (2, "") and "has none" in err


def test_a_name_with_control_characters_stays_on_its_line(show: Path, tmp_path: Path) -> None:
    odd = tmp_path / "show\x1b[31m.db"
    odd.write_bytes(show.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "continuity", "audit", odd, "--tolerances", tmp_path / "none.toml"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2 and "\x1b[31m" not in done.stdout + done.stderr and "Traceback" not in done.stderr
