"""What can be asked of a ledger: shots, candidates, reports, decisions, bills. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from continuity.errors import UsageError
from continuity.ledger import accounting, campaigns, courses, previews, queries
from continuity.ledger.accounting import Bill, Totals
from continuity.ledger.columns import Columns, columns
from continuity.ledger.courses import Course, Standing
from continuity.ledger.database import Database
from continuity.ledger.history import History
from continuity.ledger.previews import Watched
from continuity.ledger.rows import AttemptRow, CandidateRow, Nearest, ShotRow
from continuity.records import Decision, Json, PastPreview, Rates, Recipe, Report, Trial

LARGEST = 2**63  # no whole number of SQLite is as large
_Record = TypeVar("_Record")


class Questions:
    """The part of a ledger that is only read: each question is one transaction, and may raise LedgerError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def history(self, shot: ShotRow) -> Sequence[Trial]:
        """All candidates of a shot so far, in order of index, read when they are looked at. What a person said of one
        is its state."""
        return History(self._database.reading, shot.id, self.totals(shot).candidates)

    def totals(self, shot: ShotRow) -> Totals:
        """What a shot has used so far, over all runs and workers."""
        with self._database.reading() as connection:
            return found(queries.shot(connection, shot.id), f"shot {shot.name!r}").totals

    def kept(self, shot: ShotRow) -> CandidateRow | None:
        """The candidate that is kept, or None."""
        with self._database.reading() as connection:
            return queries.kept(connection, shot.id)

    def accepted(self, shot: ShotRow, *, best_first: bool = False) -> Sequence[int]:
        """Ids of the accepted candidates that no person rejected, in order of index or of their worst excess."""
        with self._database.reading() as connection:
            return queries.accepted(connection, shot.id, best_first=best_first)

    def standing(self, shot: ShotRow) -> Standing:
        """Where a shot stands: candidates that ended, accepted ones, the nearest of the rejected."""
        with self._database.reading() as connection:
            return courses.standing(connection, shot.id)

    def courses(self, shot: ShotRow) -> Sequence[Course]:
        """How the shots of other names went, one by one: all that is known of them, read at once."""
        with self._database.reading() as connection:
            return courses.courses(connection, shot.name)

    def closest(self, shot: ShotRow) -> CandidateRow | None:
        """The rejected candidate whose worst normalised excess is smallest, else one that nobody could judge."""
        with self._database.reading() as connection:
            return queries.closest(connection, shot.id)

    def failures(self, shot: ShotRow) -> Mapping[str, int]:
        """How many candidates failed on a metric, by key, the most frequent first."""
        return {key: one.count for key, one in self.nearest(shot).items()}

    def nearest(self, shot: ShotRow) -> Mapping[str, Nearest]:
        """What fails, by metric key, the most frequent first: how often, and the failing value nearest to its limit."""
        with self._database.reading() as connection:
            return queries.failures(connection, shot.id)

    def shots(self) -> Sequence[ShotRow]:
        """All revisions of all shots, in the order in which they began."""
        with self._database.reading() as connection:
            return queries.every_shot(connection)

    def candidate(self, number: int) -> CandidateRow:
        """One candidate.

        Raises:
            UsageError: there is none of this number.
        """
        with self._database.reading() as connection:
            return found(queries.candidate(connection, number_of(number)), f"candidate {number}")

    def asked(self, number: int) -> tuple[str, bool]:
        """The stream in which a candidate was asked for, and whether it was told: all that telling it has to know.

        Raises:
            UsageError: there is none of this number.
        """
        with self._database.reading() as connection:
            return found(queries.asked(connection, number_of(number)), f"candidate {number}")

    def candidates(self, shot: ShotRow | None = None) -> Iterator[CandidateRow]:
        """All candidates, or those of one revision of a shot, in order; read in pages."""
        return queries.every_candidate(self._database.reading, None if shot is None else shot.id)

    def columns(self, shots: Sequence[ShotRow] | None = None) -> Sequence[Columns]:
        """What was measured of all candidates, or of those of some revisions of shots, read at once."""
        with self._database.snapshot() as connection:
            return columns(connection, queries.every_shot(connection) if shots is None else shots)

    def report(self, candidate: int, attempt: int | None = None) -> Report | None:
        """The whole report on a candidate, of the attempt that decides or of another; None where nothing was judged.

        Raises:
            UsageError: no number that a candidate can have.
        """
        with self._database.reading() as connection:
            return queries.report(connection, number_of(candidate), attempt)

    def attempts(self, candidate: int) -> Sequence[AttemptRow]:
        """What was made of a candidate: the render, then what repairs made of it or why they declined.

        Raises:
            UsageError: no number that a candidate can have.
        """
        with self._database.reading() as connection:
            return queries.every_attempt(connection, number_of(candidate))

    def judged_under(self) -> Mapping[int, frozenset[tuple[str, float | None, str | None]]]:
        """Under which limits each candidate was judged: (key, limit, digest of the instrument) of every metric."""
        with self._database.reading() as connection:
            return queries.judged_under(connection)

    def past_previews(self, pool: str) -> Sequence[PastPreview]:
        """What limits for previews of one pool can be learned from: the latest accepted, then the latest others."""
        with self._database.reading() as connection:
            return previews.past(connection, pool)

    def past_trials(self, shot: ShotRow, stream: str) -> Sequence[Trial]:
        """The latest candidates of other shots with this spec but for the prompt, under the generator of this stream,
        whatever media and prompts it was given. What a person said of one is its state."""
        with self._database.reading() as connection:
            return campaigns.past(connection, shot.id, stream)

    def watched(self) -> Sequence[Watched]:
        """All candidates that a watch saw something of, in order."""
        with self._database.reading() as connection:
            return tuple(previews.every(connection))

    def decisions(self) -> Sequence[Decision]:
        """All that people decided, in order."""
        with self._database.reading() as connection:
            return queries.every_decision(connection)

    def recipe(self, candidate: int) -> Recipe:
        """All that is needed to render a candidate again, as far as the generator told it.

        Raises:
            UsageError: there is none of this number.
        """
        with self._database.reading() as connection:
            return found(queries.recipe(connection, number_of(candidate)), f"candidate {candidate}")

    def description(self, stream: str) -> Mapping[str, Json]:
        """What candidates of a stream come out of, as :meth:`stream` was given it.

        Raises:
            UsageError: there is none of this digest.
        """
        with self._database.reading() as connection:
            return found(queries.description(connection, stream), f"stream {stream!r}")

    def bills(self, rates: Rates | None = None) -> Mapping[str, Bill]:
        """The bill of each shot by its name, over all its revisions, in the order in which they began."""
        with self._database.reading() as connection:
            every = queries.every_shot(connection)
            states, inconclusive = queries.states(connection), queries.inconclusive(connection)
        shots: dict[str, list[ShotRow]] = {}
        for one in every:
            shots.setdefault(one.name, []).append(one)
        return {
            name: accounting.bill(
                [(name, one.kept, one.totals) for one in revisions],
                states.get(name, {}),
                inconclusive.get(name, {}),
                rates or Rates(),
            )
            for name, revisions in shots.items()
        }

    def bill(self, rates: Rates | None = None) -> Bill:
        """What everything cost, per kept shot, with all that was discarded."""
        return accounting.together(self.bills(rates).values(), rates or Rates())

    def export(self) -> Iterator[dict[str, Any]]:
        """Every row of every table as JSON values, each with ``format`` and ``table``, as of one moment."""
        with self._database.snapshot() as connection:
            yield from queries.export(connection)


def found(record: _Record | None, what: str) -> _Record:
    """The record, if there is one.

    Raises:
        UsageError: there is none.
    """
    if record is None:
        raise UsageError(f"there is no {what} in this ledger")
    return record


def number_of(candidate: int) -> int:
    """The number of a candidate, if it is one that SQLite can store.

    Raises:
        UsageError: it is not, so no candidate has it.
    """
    if isinstance(candidate, bool) or not isinstance(candidate, int) or not 1 <= candidate < LARGEST:
        raise UsageError(f"there is no candidate {candidate!r} in this ledger")
    return candidate
