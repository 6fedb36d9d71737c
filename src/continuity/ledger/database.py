"""One SQLite file: opened, refused, locked and translated. Knows no table but those that say what the file is."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from continuity.errors import ContinuityError, FormatError, LedgerError, StorageFull
from continuity.ledger import schema
from continuity.ledger.filesystems import refuse_network

BUSY_SECONDS = 30.0

# Connections that a fork brought along: SQLite forbids to use them and to close them in the child.
_inherited: list[Any] = []


class _Connection(sqlite3.Connection):
    """Rolls back before it closes: one that is closed in the midst of a statement would keep its lock for ever."""

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.rollback()
        super().close()


@dataclass(eq=False)
class _Held:
    connection: Connection
    raw: sqlite3.Connection
    pid: int
    immutable: bool

    def roll_back(self) -> None:
        """Ends whatever is open. On the raw connection: an interrupt may have left SQLAlchemy between two thoughts."""
        with suppress(sqlite3.Error):
            self.raw.rollback()

    def close(self) -> None:
        with suppress(Exception):
            self.connection.close()
        with suppress(sqlite3.Error):
            self.raw.close()


class Database:
    """The file of a ledger: one connection per thread and process, ``writing`` for one immediate transaction.

    WAL with synchronous=FULL: what is committed survives kill -9 and a power cut.
    """

    def __init__(self, path: Path, *, write: bool) -> None:
        self.path = path
        self.write = write
        self._closed = False
        self._here = threading.local()
        self._all: WeakSet[_Held] = WeakSet()
        self._lock = threading.Lock()
        self._engine = create_engine(
            "sqlite+pysqlite://", creator=self._connect, poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        event.listen(self._engine, "connect", _configure)

    @classmethod
    def open(cls, path: Path, *, create: bool) -> Database:
        """Opens a ledger; with ``create`` for writing, made when it is not there, else for reading only.

        Raises:
            LedgerError: no such file or folder, a folder, read-only, on a network file system.
            FormatError: damaged, of another program, or of a newer format.
        """
        if path.is_dir():
            raise LedgerError(
                f"a ledger file was wanted, {str(path)!r} is a folder: name a file in it, such as show.db"
            )
        if not path.parent.is_dir():
            raise LedgerError(f"a ledger was wanted in the folder {str(path.parent)!r}, which does not exist: make it")
        if not create and not path.exists():
            raise LedgerError(f"a ledger was wanted, there is no file {str(path)!r}")
        refuse_network(path.parent)
        database = cls(path, write=create)
        try:
            with database.translated():
                database._prepare() if create else database._look()
        except BaseException:
            database.close()
            raise
        return database

    def connection(self) -> Connection:
        """The connection of this thread in this process.

        Raises:
            LedgerError: the ledger was closed, or cannot be opened.
        """
        return self._mine().connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One immediate transaction: all of it is stored at the end, or nothing.

        Raises:
            StorageFull: the disk is full; the ledger is as it was before.
            LedgerError: read-only, locked for too long, or an error of the disk.
        """
        with self.translated():
            held = self._mine()
            held.roll_back()  # what an interrupt at the wrong moment may have left open
            try:
                held.connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield held.connection
                held.connection.exec_driver_sql("COMMIT")
            except BaseException:
                held.roll_back()
                raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The connection of this thread; whoever reads makes records of the rows in here.

        Raises:
            FormatError: a row does not hold what it should.
        """
        with self.translated(), self._sound():
            yield self.connection()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection of its own that sees one moment, whatever is written meanwhile; else as ``reading``."""
        with self.translated(), self._sound():
            held = self._new()
            try:
                held.connection.exec_driver_sql("BEGIN")
                yield held.connection
                if held.immutable and self._in_use():
                    raise LedgerError(f"{self.path.name} was written to while it was read: read it again")
            finally:
                held.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turns errors of SQLite into sentences."""
        try:
            yield
        except DBAPIError as cause:
            raise self._sentence(cause.orig) from cause
        except sqlite3.Error as cause:
            raise self._sentence(cause) from cause
        except UnicodeDecodeError as cause:
            raise self._damaged(cause) from cause

    def close(self) -> None:
        """Closes the connections of all threads of this process."""
        self._closed = True
        with self._lock:
            for held in list(self._all):
                if held.pid == os.getpid():
                    held.close()
                else:
                    _inherited.append(held)
            self._all.clear()

    @contextmanager
    def _sound(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError, KeyError) as cause:  # no such state, no JSON, a field too many
            raise self._damaged(cause) from cause

    def _connect(self) -> sqlite3.Connection:
        # Nobody writes: read without locks, which leaves no side files and works on a read-only disk.
        self._here.immutable = not self.write and not self._in_use()
        mode = "rwc" if self.write else "ro&immutable=1" if self._here.immutable else "ro"
        raw: sqlite3.Connection = sqlite3.connect(
            f"file:{quote(os.fsencode(self.path))}?mode={mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            factory=_Connection,
            check_same_thread=False,  # close() closes those of other threads
        )
        self._here.raw = raw
        return raw

    def _mine(self) -> _Held:
        held: _Held | None = getattr(self._here, "held", None)
        if held is not None and held.pid != os.getpid():
            _inherited.append(held)
            held = None
        if held is not None and (
            (held.immutable and self._in_use())  # somebody writes by now: read beside them, under locks
            or held.connection.closed
            or held.connection.invalidated
        ):
            held.close()
            held = None
        if held is None:
            held = self._here.held = self._new()
        return held

    def _new(self) -> _Held:
        if self._closed:
            raise LedgerError(f"{self.path.name} was closed: open the ledger again")
        with self.translated():
            connection = self._engine.connect()
        held = _Held(connection, self._here.raw, os.getpid(), self._here.immutable)
        with self._lock:
            self._all.add(held)
        return held

    def _in_use(self) -> bool:
        """Whether a write-ahead log lies beside the file: somebody writes, or was cut off and their rows are in it."""
        return Path(f"{self.path}-wal").exists()

    def _look(self) -> None:
        connection = self.connection()
        if schema.is_empty(connection, self.path.name):
            raise FormatError(f"a ledger was wanted, {self.path.name} is empty")
        found = schema.found_format(connection, self.path.name)
        if found < schema.FORMAT:
            raise FormatError(
                f"{self.path.name} has the older format {found}: open it once for writing to bring it forward"
            )

    def _prepare(self) -> None:
        connection = self.connection()
        schema.is_empty(connection, self.path.name)  # before anything is written into a file of another program
        self._use_wal(connection)
        with self.writing():
            if schema.is_empty(connection, self.path.name):
                schema.create(connection)
            found = schema.found_format(connection, self.path.name)
            if found < schema.FORMAT:
                schema.migrate(connection, found, schema.FORMAT, schema.MIGRATIONS)

    def _use_wal(self, connection: Connection) -> None:
        """Several may open a new file at once; for this one switch SQLite does not wait for a lock by itself."""
        end = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                mode = connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar()
            except DBAPIError as cause:
                if _code(cause.orig) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
                time.sleep(0.01)
                continue
            if mode != "wal":
                raise LedgerError(f"{self.path.name}: SQLite cannot keep a write-ahead log here: use a local disk")
            return

    def _sentence(self, cause: BaseException | None) -> ContinuityError:
        name, code, full = str(self.path), _code(cause), f"{type(cause).__name__}: {cause}"
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and self._disk_is_full()):
            return StorageFull(f"the disk is full: nothing more can be recorded in {name}; free some space and go on")
        if code == sqlite3.SQLITE_NOTADB:
            return FormatError(f"a ledger was wanted, {name} is no SQLite file")
        if code == sqlite3.SQLITE_CORRUPT or (code == sqlite3.SQLITE_ERROR and "no such" in str(cause)):
            return self._damaged(cause)
        if code == sqlite3.SQLITE_READONLY:
            why = (
                "it cannot be written to: check its rights and those of its folder"
                if self.write
                else "it was opened for reading only"
            )
            return LedgerError(f"{name} cannot record anything, {why}")
        if code == sqlite3.SQLITE_BUSY:
            return LedgerError(f"{name} was locked by others for {BUSY_SECONDS:.0f} s: is a run suspended? try again")
        if code == sqlite3.SQLITE_CANTOPEN:
            return LedgerError(f"{name} cannot be opened: check the rights of the file and of its folder")
        return LedgerError(f"{name} cannot be used: {full}")

    def _damaged(self, cause: BaseException | None) -> FormatError:
        return FormatError(f"{self.path} is damaged ({type(cause).__name__}: {cause}): restore it from a copy")

    def _disk_is_full(self) -> bool:
        with suppress(OSError):
            return shutil.disk_usage(self.path.parent).free < 2**20
        return False


def _configure(raw: sqlite3.Connection, _record: Any) -> None:
    for setting in ("foreign_keys = ON", "synchronous = FULL", "trusted_schema = OFF"):
        raw.execute(f"PRAGMA {setting}")


def _code(cause: BaseException | None) -> int:
    """The primary result code of SQLite, without the extension in its higher bytes; -1 where there is none."""
    code = getattr(cause, "sqlite_errorcode", None)
    return -1 if code is None else int(code) & 0xFF
