"""The ledger: everything that happened, also what was aborted, failed, lost or overruled."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import insert, select

from continuity.errors import BudgetSpent, LedgerError, UsageError
from continuity.ledger import accounting, asking, campaigns, courses, previews, queries, rows, telling
from continuity.ledger.accounting import Bill, Totals
from continuity.ledger.columns import Columns, columns
from continuity.ledger.courses import Course, Standing
from continuity.ledger.database import Database
from continuity.ledger.features import FeatureStore
from continuity.ledger.history import History
from continuity.ledger.leases import Machine, stamp
from continuity.ledger.previews import Watched
from continuity.ledger.rows import AttemptRow, CandidateRow, Nearest, ShotRow
from continuity.ledger.schema import streams
from continuity.ledger.store import FLOOR, MediaStore, StoredMedia
from continuity.ledger.telling import Attempt
from continuity.media import Media, path_of
from continuity.records import (
    Budget,
    Cost,
    Decision,
    Json,
    Origin,
    PastPreview,
    Previews,
    Proposal,
    Rates,
    Recipe,
    Report,
    State,
    Ticket,
    Trial,
)

LEASE_SECONDS = 60.0
LARGEST = 2**63  # no whole number of SQLite is as large
_Record = TypeVar("_Record")


class Ledger:
    """One file of shots and candidates, with a media store beside it. Several processes and threads may share it.

    Everything that writes is one transaction, durable when it returns. Every method may raise LedgerError, and those
    that write StorageFull: then nothing of it is stored.
    """

    def __init__(self, database: Database, machine: Machine) -> None:
        self._database = database
        self._machine = machine
        self.media = MediaStore.beside(database.path)
        self.features = FeatureStore.beside(database.path)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = True, machine: Machine | None = None) -> Ledger:
        """Opens a ledger, making it where there is none. With ``create=False`` it is only read, and nothing is written.

        ``machine`` is what leases are held against; left out, the machine that this runs on.

        Raises:
            LedgerError: a folder, not there, not writable, or on NFS, SMB, Lustre or GPFS.
            FormatError: damaged, no ledger, or of a newer format.
            UsageError: no path.
        """
        where = path_of(path, "a ledger").absolute()
        if "\0" in str(where):
            raise LedgerError(f"a ledger file was wanted, {str(path)!r} is no path")
        return cls(Database.open(where, create=create), machine or Machine.here())

    @property
    def path(self) -> Path:
        """The file, absolute."""
        return self._database.path

    def close(self) -> None:
        """Closes the file; whatever was told is stored already."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Ledger({str(self.path)!r})"

    # -- the loop --------------------------------------------------------------------------------------------------

    def shot(self, name: str, spec: Mapping[str, Json]) -> ShotRow:
        """The revision of a shot that has this spec; another spec under the same name is a new revision.

        Raises:
            UsageError: no name, or a spec that is no JSON.
        """
        if not name:
            raise UsageError("a shot needs a name, got an empty one")
        with self._database.writing() as connection:
            number = asking.shot(connection, self._machine, rows.text(name), spec)
            return self._found(queries.shot(connection, number), f"shot {name!r}")

    def stream(self, description: Mapping[str, Json]) -> str:
        """Records what candidates come out of (generator, proposer, instruments, identity); returns its digest.

        Raises:
            UsageError: a description that is no JSON.
        """
        digest, text = rows.digest(description, "a stream")
        known = select(streams.c.digest).where(streams.c.digest == digest)
        with self._database.reading() as connection:
            if connection.execute(known).first() is not None:
                return digest
        with self._database.writing() as connection:
            if connection.execute(known).first() is None:
                row = {"digest": digest, "description": text, "created": stamp(self._machine.now())}
                connection.execute(insert(streams), row)
        return digest

    def check_space(self, floor: int = FLOOR) -> None:
        """Passes while at least ``floor`` bytes are free for the ledger and its media.

        Raises:
            StorageFull: less is free.
        """
        self.media.check_space(floor)

    def ask(
        self,
        shot: ShotRow,
        *,
        stream: str,
        budget: Budget,
        prompt: str,
        measure_fully: float,
        lease_seconds: float = LEASE_SECONDS,
        device: str = "",
    ) -> Ticket:
        """Takes the next candidate: index, seed and coin, counted against the budget, under a lease of this process.

        Candidates whose lease is dead are marked lost first. The budget counts all that were ever asked for.

        Raises:
            BudgetSpent: a limit is reached; says which and how much was used.
            LedgerError: the shot or the stream is not of this ledger.
        """
        if not 0 <= measure_fully <= 1:
            raise UsageError(f"measure_fully is a share from 0 to 1, got {measure_fully}")
        with self._database.writing() as connection:
            ticket = asking.ask(
                connection,
                self._machine,
                shot,
                stream=stream,
                budget=budget,
                prompt=prompt,
                measure_fully=measure_fully,
                lease_seconds=lease_seconds,
                device=device,
            )
        if isinstance(ticket, BudgetSpent):
            raise ticket
        return ticket

    def propose(self, ticket: Ticket, proposal: Proposal) -> Ticket:
        """The ticket with the proposed changes and their origin, stored unless there is nothing to store.

        Raises:
            UsageError: the changes are no JSON.
            LedgerError: the candidate was told already.
        """
        if not proposal.changes and proposal.origin is Origin.RANDOM:
            return ticket
        filled = asking.proposed(ticket, proposal)
        with self._database.writing() as connection:
            asking.propose(connection, filled)
        return filled

    def reads(self, ticket: Ticket, inputs: Mapping[str, str]) -> Ticket:
        """The ticket whose render reads these inputs (role -> SHA-256), stored before anyone renders it.

        Raises:
            LedgerError: the candidate was told already.
        """
        if not inputs:
            return ticket
        filled = replace(ticket, recipe=replace(ticket.recipe, inputs={**ticket.recipe.inputs, **inputs}))
        with self._database.writing() as connection:
            asking.propose(connection, filled)
        return filled

    def beat(self, ticket: Ticket, lease_seconds: float = LEASE_SECONDS) -> bool:
        """Renews the lease of a running candidate; False when it was told meanwhile. May be called from any thread."""
        with self._database.writing() as connection:
            return asking.beat(connection, self._machine, ticket, lease_seconds)

    def tell(
        self,
        ticket: Ticket,
        state: State,
        *,
        recipe: Recipe | None = None,
        cost: Cost | None = None,
        report: Report | None = None,
        error: str = "",
        media: StoredMedia | None = None,
        attempts: Sequence[Attempt] = (),
        previews: Previews | None = None,
    ) -> bool:
        """Records how a candidate ended. Only the first word counts: a second one changes nothing and returns False.

        A candidate that was given up as lost is taken all the same. ``report`` and ``media`` are of the render,
        ``attempts`` what repairs made of it: where the last one passes, its report decides. ``cost`` has the seconds
        of all of them, each on the device that spent them. ``previews`` is what a watch saw of the render.

        Raises:
            UsageError: a state that is not an end, or that does not follow from the verdict of the report.
            LedgerError: the ticket is not of this ledger.
        """
        told = telling.Telling(
            state=state,
            recipe=recipe or ticket.recipe,
            cost=cost or Cost(),
            report=report,
            error=error,
            media=media,
            attempts=attempts,
            previews=previews,
        )
        with self._database.writing() as connection:
            return telling.tell(connection, self._machine, ticket, told)

    def keep(self, shot: ShotRow, candidate: int) -> bool:
        """Keeps an accepted candidate: the first one wins, and none that a person rejected. True when it is kept now.

        Raises:
            UsageError: it is not an accepted candidate of this shot.
        """
        with self._database.writing() as connection:
            return telling.keep(connection, shot.id, _number(candidate))

    def decide(self, decision: Decision) -> Decision:
        """Records a person's decision, which outranks the machine; returns it with its time.

        Accepting a candidate makes it the kept one. Rejecting the kept one reopens the shot, with its seeds, costs and
        budget.

        Raises:
            UsageError: no such candidate, or one without a picture.
        """
        _number(decision.candidate)
        if not 0 <= decision.round < LARGEST:
            raise UsageError(f"the round of a decision is a number from 0 up, got {decision.round!r}")
        with self._database.writing() as connection:
            return telling.decide(connection, self._machine, decision)

    def restore(self, candidate: int, media: Media) -> str:
        """Stores the full media of a candidate's render, where they are not there any more; returns their path.

        What lies at their place is compared with them by its digest, and replaced where it differs: it is never taken
        for them. First the media, then the row that names them: an empty place in it is filled, nothing that is
        recorded is changed.

        Raises:
            UsageError: no number that a candidate can have.
            LedgerError: its render has another digest or none, or is recorded at another path than that of these
                media; the ledger or its media store cannot be written.
            StorageFull: the disk is full; nothing is stored.
            MediaError: the media cannot be read.
        """
        if not self._database.write:
            raise LedgerError(f"{self.path.name} was opened for reading only: open it with ct.Ledger.open(path)")
        with self._database.reading() as connection:
            _, recorded = telling.require_render(connection, _number(candidate), media.digest)
        if recorded and recorded != (place := self.media.place(media)):
            raise LedgerError(
                f"candidate {candidate} is recorded with {recorded!r}, media for {place!r} were to be stored as its "
                "own: nothing is changed"
            )
        stored = self.media.restore(media)
        with self._database.writing() as connection:
            return telling.restore(connection, candidate, stored)

    # -- questions -------------------------------------------------------------------------------------------------

    def history(self, shot: ShotRow) -> Sequence[Trial]:
        """All candidates of a shot so far, in order of index, read when they are looked at. What a person said of one
        is its state."""
        return History(self._database.reading, shot.id, self.totals(shot).candidates)

    def totals(self, shot: ShotRow) -> Totals:
        """What a shot has used so far, over all runs and workers."""
        with self._database.reading() as connection:
            return self._found(queries.shot(connection, shot.id), f"shot {shot.name!r}").totals

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
        return {key: found.count for key, found in self.nearest(shot).items()}

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
            return self._found(queries.candidate(connection, _number(number)), f"candidate {number}")

    def asked(self, number: int) -> tuple[str, bool]:
        """The stream in which a candidate was asked for, and whether it was told: all that telling it has to know.

        Raises:
            UsageError: there is none of this number.
        """
        with self._database.reading() as connection:
            return self._found(queries.asked(connection, _number(number)), f"candidate {number}")

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
            return queries.report(connection, _number(candidate), attempt)

    def attempts(self, candidate: int) -> Sequence[AttemptRow]:
        """What was made of a candidate: the render, then what repairs made of it or why they declined.

        Raises:
            UsageError: no number that a candidate can have.
        """
        with self._database.reading() as connection:
            return queries.every_attempt(connection, _number(candidate))

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
            return self._found(queries.recipe(connection, _number(candidate)), f"candidate {candidate}")

    def description(self, stream: str) -> Mapping[str, Json]:
        """What candidates of a stream come out of, as :meth:`stream` was given it.

        Raises:
            UsageError: there is none of this digest.
        """
        with self._database.reading() as connection:
            return self._found(queries.description(connection, stream), f"stream {stream!r}")

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

    @staticmethod
    def _found(record: _Record | None, what: str) -> _Record:
        if record is None:
            raise UsageError(f"there is no {what} in this ledger")
        return record


def _number(candidate: int) -> int:
    """The number of a candidate, if it is one that SQLite can store.

    Raises:
        UsageError: it is not, so no candidate has it.
    """
    if isinstance(candidate, bool) or not isinstance(candidate, int) or not 1 <= candidate < LARGEST:
        raise UsageError(f"there is no candidate {candidate!r} in this ledger")
    return candidate
