from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection

from continuity.errors import ContinuityError, FormatError, LedgerError, StorageFull
from continuity.ledger import Ledger, schema
from continuity.records import State

if TYPE_CHECKING:
    from conftest import Loop

Start = Callable[..., "subprocess.Popen[str]"]


def pragma(ledger: Ledger, text: str) -> Any:
    return ledger._database.connection().exec_driver_sql(f"PRAGMA {text}").scalar()


def test_every_connection_is_durable_and_strict(ledger: Ledger) -> None:
    found: list[list[Any]] = []
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "trusted_schema")
    threads = [threading.Thread(target=lambda: found.append([pragma(ledger, n) for n in names])) for _ in range(2)]
    for one in threads:
        one.start()
        one.join()
    assert found == [["wal", 2, 1, 30_000, 0]] * 2


@pytest.mark.parametrize("name", ["a?mode=memory#b%41.db", "ünï cödé.db", "line\nbreak.db", ":memory:", "show"])
def test_hostile_file_names_are_names(tmp_path: Path, name: str) -> None:
    with Ledger.open(tmp_path / name) as ledger:
        ledger.shot("one", {})
    assert [p.name for p in tmp_path.iterdir()] == [name]
    with Ledger.open(tmp_path / name, create=False) as again:
        assert [s.name for s in again.shots()] == ["one"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: p.mkdir(), "is a folder"),
        (lambda p: p.write_bytes(b"hello, this is no database at all" * 99), "no SQLite file"),
        (lambda p: p.write_bytes(b"SQLite format 3\0" + bytes(84)), "SQLite file|damaged"),
        (lambda p: p.write_bytes(b"xy"), "no SQLite file"),
    ],
)
@pytest.mark.parametrize("create", [True, False])
def test_what_is_no_ledger_is_refused_and_untouched(
    tmp_path: Path, make: Callable[[Path], object], said: str, create: bool
) -> None:
    path = tmp_path / "show.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises((LedgerError, FormatError), match=said):
        Ledger.open(path, create=create)
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert [p.name for p in tmp_path.iterdir()] == ["show.db"]


def test_a_missing_file_or_folder(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no file"):
        Ledger.open(tmp_path / "show.db", create=False)
    with pytest.raises(LedgerError, match="does not exist: make it"):
        Ledger.open(tmp_path / "nowhere" / "show.db")
    with pytest.raises(LedgerError, match="is no path"):
        Ledger.open(str(tmp_path) + "/a\0b.db")
    assert not list(tmp_path.iterdir())


def test_an_empty_file_becomes_a_ledger_only_for_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "show.db"
    path.touch()  # what a kill in the first moment leaves behind
    with pytest.raises(FormatError, match="is empty"):
        Ledger.open(path, create=False)
    Ledger.open(path).close()
    Ledger.open(path, create=False).close()


def test_a_database_of_another_program_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "show.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE shots (id INTEGER)")
    other.close()
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(FormatError, match="another program"):
            Ledger.open(path, create=create)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("written", "said"), [("4", "newer format 4: update"), ("x", "damaged"), ("0", "damaged"), (None, "damaged")]
)
def test_formats_that_cannot_be_read_are_named(tmp_path: Path, written: str | None, said: str) -> None:
    path = tmp_path / "show.db"
    Ledger.open(path).close()
    with sqlite3.connect(path) as other:
        other.execute("DELETE FROM meta") if written is None else other.execute("UPDATE meta SET value = ?", (written,))
    other.close()
    for create in (True, False):
        with pytest.raises(FormatError, match=said):
            Ledger.open(path, create=create)


def test_an_older_format_is_brought_forward(ledger: Ledger) -> None:
    def step(statement: str) -> Callable[[Connection], None]:
        def take(connection: Connection) -> None:
            connection.exec_driver_sql(statement)

        return take

    with ledger._database.writing() as connection:
        schema.migrate(
            connection,
            1,
            4,
            {
                1: step("ALTER TABLE shots ADD COLUMN note TEXT"),
                2: step("SELECT 1"),
                3: step("ALTER TABLE shots RENAME COLUMN note TO remark"),
            },
        )
        assert connection.exec_driver_sql("SELECT remark FROM shots").all() == []
        with pytest.raises(FormatError, match="newer format 4"):
            schema.found_format(connection, "show.db")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_is_cut_short_is_refused(loop: Loop, tmp_path: Path, share: float) -> None:
    for _ in range(20):
        loop.candidate(face=1)
    loop.ledger.close()
    whole = loop.ledger.path.read_bytes()
    cut = tmp_path / "cut.db"
    cut.write_bytes(whole[: int(len(whole) * share)])
    for create in (True, False):
        with pytest.raises(FormatError, match="damaged"):
            Ledger.open(cut, create=create)


def test_damage_inside_is_a_sentence_wherever_it_is_met(loop: Loop, tmp_path: Path) -> None:
    for _ in range(40):
        loop.candidate(face=1, grade=2)
    loop.ledger.close()
    whole = bytearray(loop.ledger.path.read_bytes())
    chance = random.Random(1)
    met = 0
    for turn in range(40):
        damaged = tmp_path / f"damaged{turn}.db"
        copy = whole.copy()
        for _ in range(3):
            at = chance.randrange(100, len(copy) - 64)
            copy[at : at + 64] = chance.randbytes(64)
        damaged.write_bytes(copy)
        try:
            with Ledger.open(damaged, create=False) as ledger:
                for row in ledger.candidates():
                    ledger.report(row.id)
                    ledger.recipe(row.id)
                sum(1 for _ in ledger.export())
        except ContinuityError as error:
            met += 1
            # a row that is listed may no longer be found by its number
            assert any(word in str(error) for word in (damaged.name, "damaged", "in this ledger"))
    assert met > 5


def test_reading_leaves_nothing_behind(loop: Loop, tmp_path: Path) -> None:
    loop.candidate(face=-1)
    loop.ledger.close()
    before = loop.ledger.path.read_bytes()
    with Ledger.open(loop.ledger.path, create=False) as reader:
        assert len(list(reader.export())) > 5
        with pytest.raises(LedgerError, match="opened for reading only"):
            reader.shot("new", {})
        assert [p.name for p in tmp_path.iterdir()] == ["show.db"]
    assert loop.ledger.path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["show.db"]


def test_a_reader_sees_what_is_told_while_it_is_open(tmp_path: Path, begin: Callable[..., Loop]) -> None:
    path = tmp_path / "show.db"
    Ledger.open(path).close()
    with Ledger.open(path, create=False) as reader:
        assert list(reader.candidates()) == []  # read without locks: nobody writes
        with Ledger.open(path) as writer:
            told = begin(writer).candidate(face=-1)
            assert [row.id for row in reader.candidates()] == [told]
            with Ledger.open(path, create=False) as second:
                assert second.report(told) is not None


def test_an_export_is_of_one_moment(loop: Loop) -> None:
    for _ in range(3):
        loop.candidate(face=1)
    rows = loop.ledger.export()
    first = next(rows)
    for _ in range(3):
        loop.candidate(face=1)
    tables = [first["table"], *(row["table"] for row in rows)]
    assert tables.count("candidates") == tables.count("measurements") == 3


def test_an_export_that_somebody_began_to_write_under_says_so(tmp_path: Path, begin: Callable[..., Loop]) -> None:
    path = tmp_path / "show.db"
    with Ledger.open(path) as writer:
        begin(writer).candidate(face=1)
    with Ledger.open(path, create=False) as reader:
        rows = reader.export()
        next(rows)
        with Ledger.open(path) as writer:
            begin(writer).candidate(face=1)
            with pytest.raises(LedgerError, match="read it again"):
                list(rows)


def test_files_without_the_right_to_write(start: Start) -> None:
    folder = Path(mkdtemp(prefix="continuity-"))  # not below tmp_path, which other users may not enter
    try:
        path = folder / "show.db"
        with Ledger.open(path) as ledger:
            ledger.shot("one", {})
        path.chmod(0o444)
        folder.chmod(0o555)
        output = start("refuse", path).communicate(timeout=60)[0].splitlines()
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
    assert len(output) == 2
    assert output[0].startswith("LedgerError") and "check its rights" in output[0]
    assert output[1] == "opened 1"


def test_a_closed_ledger_says_so(loop: Loop) -> None:
    loop.ledger.close()
    loop.ledger.close()
    with pytest.raises(LedgerError, match="was closed"):
        loop.ask()


def test_a_fork_gets_connections_of_its_own(loop: Loop) -> None:
    loop.candidate(face=1)
    child = os.fork()
    if child == 0:
        try:
            loop.candidate(face=1)
            loop.ledger.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    loop.candidate(face=1)
    assert [row.index for row in loop.ledger.candidates()] == [0, 1, 2]
    assert pragma(loop.ledger, "integrity_check") == "ok"


def test_a_full_disk_stores_nothing_by_halves(loop: Loop) -> None:
    loop.candidate(face=1)
    pages = pragma(loop.ledger, "page_count")
    pragma(loop.ledger, f"max_page_count = {pages + 2}")
    told, ticket = 1, None
    with pytest.raises(StorageFull, match="disk is full"):
        while True:
            ticket = loop.ask()
            loop.tell(ticket, face=1, grade=2)
            told += 1
    rows = list(loop.ledger.candidates())
    assert sum(row.state is State.REJECTED for row in rows) == told
    assert all((loop.ledger.report(row.id) is None) == (row.state is State.ASKED) for row in rows)
    assert loop.ledger.totals(loop.shot).renders == told
    assert loop.ledger.totals(loop.shot).candidates == len(rows)
    pragma(loop.ledger, "max_page_count = 1000000")
    for row in rows:
        if row.state is State.ASKED and ticket is not None:
            assert loop.tell(ticket, face=1)
    loop.candidate(face=1)
    assert pragma(loop.ledger, "integrity_check") == "ok"


def test_a_disk_that_really_is_full(start: Start, tmp_path: Path) -> None:
    """A file system of 1.5 MB in a mount namespace of its own, filled by a run that then makes room and goes on."""
    mount = f'mount -t tmpfs -o size=1500k none {tmp_path} && exec "$@"'
    alone = ("unshare", "-Urm", "sh", "-c", mount, "sh")
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets no ordinary user mount a small disk")
    output, errors = start("fill", tmp_path / "show.db", before=alone).communicate(timeout=120)
    lines = [[part.strip() for part in line.split("|")] for line in output.splitlines()]
    assert [line[0] for line in lines] == ["full", "full again"], errors
    assert all("disk is full" in line[3] and line[1] == line[2] for line in lines)
    assert 0 < int(lines[0][1]) < int(lines[1][1])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # one may hit a finaliser
def test_interrupts_at_any_moment_leave_a_ledger_that_goes_on(loop: Loop) -> None:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    chance = random.Random(7)
    told: set[int] = set()
    hit = 0
    try:
        for _ in range(150):
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0001, 0.003))
                told.add(loop.candidate(face=1))
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                hit += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert hit > 20
    loop.candidate(face=1)
    rows = {row.id: row for row in loop.ledger.candidates()}
    assert all(rows[number].state is State.REJECTED for number in told)
    assert len({row.seed for row in rows.values()}) == len(rows) == loop.ledger.totals(loop.shot).candidates
    assert pragma(loop.ledger, "integrity_check") == "ok"
