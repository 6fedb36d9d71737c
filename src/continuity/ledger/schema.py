"""The tables of a ledger, format 3. Released: a change needs the next format, a migration and a decision record."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    select,
)

from continuity.errors import FormatError

FORMAT = 3
APPLICATION_ID = 0x43544E59  # "CTNY" in the header of the file: an SQLite file of another program is never touched

metadata = MetaData()

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

shots = Table(
    "shots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("digest", Text, nullable=False),  # of the spec
    Column("spec", Text, nullable=False),  # JSON
    Column("asked", Integer, nullable=False, default=0),  # candidates so far, which is also the next index
    Column("kept", Integer),  # a candidate
    Column("created", Text, nullable=False),
    UniqueConstraint("name", "revision"),
    UniqueConstraint("name", "digest"),
)

streams = Table(
    "streams",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("description", Text, nullable=False),  # JSON
    Column("created", Text, nullable=False),
)

candidates = Table(
    "candidates",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("shot", ForeignKey("shots.id"), nullable=False),
    Column("index", Integer, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("stream", ForeignKey("streams.digest"), nullable=False),
    Column("state", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("measure_fully", Boolean, nullable=False),
    Column("asked_at", Text, nullable=False),
    Column("told_at", Text),  # null until it is told; a second tell finds it set
    Column("verdict", Text),
    Column("worst_excess", Float),  # normalised, of the finding that decides; null where that has no value
    Column("worst_key", Text, nullable=False, default=""),
    Column("host", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("boot", Text, nullable=False),
    Column("pids", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", Text, nullable=False),
    Column("lease_until", Text, nullable=False),
    Column("cost", Text),  # JSON
    Column("error", Text, nullable=False, default=""),
    Column("recipe", Text, nullable=False),  # JSON
    Column("attempt", Integer, nullable=False, server_default="0"),  # the one that decides (format 3): 0, or a repair
    UniqueConstraint("shot", "index"),
    UniqueConstraint("shot", "seed"),
    Index("by_state", "shot", "state", "worst_excess"),
)

# Attempt 0 is the render itself; what a repair makes of it, or why it would not, is the next one of the candidate.
attempts = Table(
    "attempts",
    metadata,
    Column("candidate", ForeignKey("candidates.id"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("repair", Text, nullable=False),
    Column("digest", Text, nullable=False),  # of the media
    Column("thumbnail", Text, nullable=False),  # paths in the media store, empty where nothing is stored
    Column("media", Text, nullable=False),
    Column("report", LargeBinary),  # zlib over JSON
    # Of repairs (format 3), null in attempt 0:
    Column("fitted", Text),  # JSON: the metric keys that it was fitted to
    Column("stream", Text),
    Column("verdict", Text),
    Column("settings", Text),  # JSON
    Column("cost", Text),  # JSON
    Column("declined", Text),  # why there is no verdict
    sqlite_with_rowid=False,
)

measurements = Table(
    "measurements",
    metadata,
    Column("candidate", ForeignKey("candidates.id"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("value", Float),
    Column("limit", Float),
    Column("scale", Float),
    Column("unit", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("normalised_excess", Float),
    Column("instrument", Text),  # digest
    Column("reason", Text, nullable=False),
    Column("evidence", Text, nullable=False),  # JSON
    sqlite_with_rowid=False,
)

# Running sums, so that a budget is checked at the same price at the first candidate and at the hundred thousandth.
totals = Table(
    "totals",
    metadata,
    Column("shot", ForeignKey("shots.id"), primary_key=True),
    Column("device", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # a kind of Cost.seconds, or "renders": full-render equivalents
    Column("amount", Float, nullable=False),
    sqlite_with_rowid=False,
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("candidate", ForeignKey("candidates.id"), nullable=False),
    Column("accept", Boolean, nullable=False),
    Column("who", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("when", Text, nullable=False),
    Index("of_candidate", "candidate"),
)

# What a watch saw of a running render (format 2). A row without limit was seen before anything was learned.
previews = Table(
    "previews",
    metadata,
    Column("candidate", ForeignKey("candidates.id"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("steps", Integer, nullable=False),
    Column("pool", Text, nullable=False),  # digest of what acceptable candidates are drawn from
    Column("instrument", Text, nullable=False),  # digest
    Column("value", Float),
    Column("limit", Float),
    Column("let_through", Boolean, nullable=False),  # settled before the first preview
    Column("passed", Boolean, nullable=False),  # this metric, once the render was finished, or mended
    Column("accepted", Boolean, nullable=False),  # all metrics, likewise
    Index("learned_from", "pool", "let_through", "passed", "accepted", "candidate"),
    sqlite_with_rowid=False,
)


def _add_previews(connection: Connection) -> None:
    previews.create(connection)


def _add_repairs(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE candidates ADD COLUMN attempt INTEGER DEFAULT '0' NOT NULL")
    for name in ("fitted", "stream", "verdict", "settings", "cost", "declined"):
        connection.exec_driver_sql(f"ALTER TABLE attempts ADD COLUMN {name} TEXT")


# format n -> what makes it n + 1, inside the transaction that also writes the new number
MIGRATIONS: Mapping[int, Callable[[Connection], None]] = {1: _add_previews, 2: _add_repairs}


def create(connection: Connection) -> None:
    """Writes an empty ledger into an empty file, inside the caller's transaction."""
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    metadata.create_all(connection)
    connection.execute(meta.insert(), {"key": "format", "value": str(FORMAT)})


def is_empty(connection: Connection, name: str) -> bool:
    """Whether the file holds nothing yet; False for a ledger.

    Raises:
        FormatError: it is an SQLite file of another program.
    """
    # in this order: another process may make the ledger in between, number and tables in one transaction
    something = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
    if connection.exec_driver_sql("PRAGMA application_id").scalar() == APPLICATION_ID:
        return False
    if something:
        raise FormatError(f"a ledger was wanted, {name} is an SQLite file of another program: name another file")
    return True


def found_format(connection: Connection, name: str) -> int:
    """The format of a ledger, at most :data:`FORMAT`.

    Raises:
        FormatError: newer than this version can read, or none at all.
    """
    text = connection.execute(select(meta.c.value).where(meta.c.key == "format")).scalar_one_or_none()
    if text is None or not str(text).isdecimal() or int(text) < 1:
        raise FormatError(f"a ledger of format {FORMAT} was wanted, {name} has format {text!r}: it is damaged")
    if int(text) > FORMAT:
        raise FormatError(
            f"a ledger of format {FORMAT} was wanted, {name} has the newer format {text}: update continuity to read it"
        )
    return int(text)


def migrate(connection: Connection, found: int, wanted: int, steps: Mapping[int, Callable[[Connection], None]]) -> None:
    """Brings an older ledger forward, format by format, inside the caller's transaction."""
    for number in range(found, wanted):
        steps[number](connection)
    connection.execute(meta.update().where(meta.c.key == "format").values(value=str(wanted)))
