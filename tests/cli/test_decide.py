from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import continuity as ct

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def show(tmp_path: Path, bright_gate: ct.Gate, flat: Callable[[int], ct.Image]) -> Path:
    """One rejected, one kept, one whose render failed."""
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shot = ct.Shot("sc010", gate=bright_gate, ledger=ledger)
        shot.tell(shot.ask(), flat(200))
        shot.tell(shot.ask(), flat(30))
        shot.tell(shot.ask(), error="no memory")
    return tmp_path / "show.db"


def decisions(show: Path) -> list[ct.Decision]:
    with ct.Ledger.open(show, create=False) as ledger:
        return list(ledger.decisions())


def test_rejecting_what_is_kept_reopens_the_shot(show: Path, run: Run) -> None:
    code, out, err = run("decide", show, "#2", "reject", "--role", "Supervisor", "--round", "2", "--reason", "tie",
                         "--who", "Ines")  # fmt: skip
    assert (code, err) == (0, "")
    assert out == "#2 of sc010: rejected by supervisor (tie); the shot is open again\n"
    (one,) = decisions(show)
    assert (one.candidate, one.accept, one.role, one.round, one.reason, one.who) == (
        2, False, "supervisor", 2, "tie", "Ines")  # fmt: skip
    with ct.Ledger.open(show, create=False) as ledger:
        assert ledger.shots()[0].kept is None


def test_json(show: Path, run: Run) -> None:
    code, out, _ = run("decide", show, "1", "accept", "--role", "client", "--json")
    said = json.loads(out)
    assert code == 0
    assert (said["candidate"], said["accept"], said["kept"], said["reopened"]) == (1, True, True, False)
    assert said["format"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("2", "perhaps", "--role", "client"), "accept or reject was wanted, got 'perhaps'"),
        (("2", "accept"), "a role was wanted"),
        (("2", "accept", "--role", "boss"), "there is no role 'boss'"),
        (("2", "reject", "--role", "client", "--reason", "fase"), "did you mean 'face'?"),
        (("2", "reject", "--role", "client", "--reason", "other"), "write what it is"),
        (("99", "accept", "--role", "client"), "99"),
        (("-1", "accept", "--role", "client"), ""),
        (("2", "accept", "--role", "client", "--round", "0"), "round is a whole number from 1 up"),
        (("3", "accept", "--role", "client"), "#3 is failed: nothing is recorded"),
        ((), "a candidate and accept or reject were wanted"),
    ],
)
def test_what_is_no_decision(show: Path, run: Run, words: tuple[str, ...], said: str) -> None:
    code, out, err = run("decide", show, *words)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
    assert not decisions(show)


def test_a_mistyped_ledger_is_not_made(tmp_path: Path, run: Run) -> None:
    code, _, _ = run("decide", tmp_path / "none.db", "1", "accept", "--role", "client")
    assert code == 2
    assert not list(tmp_path.iterdir())


def test_import_of_a_csv(show: Path, tmp_path: Path, run: Run) -> None:
    source = tmp_path / "decisions.csv"
    source.write_text(
        "\ufeffCandidate,decision,role,round,reason,who\r\n"
        '2,reject,supervisor,1,"tie: the knot, again",Ines\r\n1,,client,,,\r\n1,ACCEPT,client,2,,\r\n',
        encoding="utf-8",
    )
    code, out, err = run("decide", show, "--import", source)
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 2
    assert [(d.candidate, d.accept, d.reason, d.round) for d in decisions(show)] == [
        (2, False, "tie: the knot, again", 1),
        (1, True, "", 2),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "were wanted once each"),
        ("candidate,decision,role\n", "there is no line with one"),
        ("candidate,decision,roll\n1,accept,client\n", "there is no column 'roll': did you mean 'role'?"),
        ("candidate,decision,role\n1,accept,client\n2,maybe,client\n", "line 3: accept or reject was wanted"),
        ("candidate,decision,role\n1,accept,client\n3,accept,client\n", "#3 is failed: nothing is recorded"),
        ("candidate,decision,role\n1,accept\n", "line 2: 3 fields were wanted"),
        ("candidate,decision,role\n1,accept,client,x\n", "line 2: 3 fields were wanted"),
        ("candidate,decision,role,decision\n1,accept,client,accept\n", "once each"),
        ('candidate,decision,role\n1,"accept,client\n', "line"),
        ("candidate,decision,role\n1,ac\0cept,client\n", "NUL"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_of_a_csv_with_a_fault_nothing_is_recorded(
    show: Path, tmp_path: Path, run: Run, text: str | bytes, said: str
) -> None:
    source = tmp_path / "decisions.csv"
    source.write_bytes(text if isinstance(text, bytes) else text.encode())
    code, out, err = run("decide", show, "--import", source)
    assert (code, out) == (2, "")
    assert said in err
    assert not decisions(show)


def test_what_cannot_be_handed_over_is_said_when_it_is_accepted(show: Path, run: Run) -> None:
    with closing(sqlite3.connect(show)) as database, database:
        database.execute("update attempts set media = '' where candidate = 1")
    code, out, err = run("decide", show, "1", "accept", "--role", "client")
    assert code == 0
    assert "it is kept" in out
    assert "only a thumbnail of #1 is stored" in err
    assert f"continuity replay {show} 1" in err and "stores it where it comes out the same" in err
    _, _, err = run("decide", show, "2", "accept", "--role", "client")
    assert err == ""
    spaced = show.rename(show.with_name("a show.db"))
    _, _, err = run("decide", spaced, "1", "accept", "--role", "client")
    again = f"continuity replay '{spaced}' 1 --shot-file SHOT.toml --keep"
    assert again in err, "as a shell takes it"
    code, _, err = run("export", spaced, "-o", spaced.with_name("out"))
    assert (code, again in err, "where it comes out the same" in err) == (2, True, True)
