"""The ledger: everything that happened, also what was aborted, failed, lost or overruled."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from sqlalchemy import insert, select

from continuity.errors import BudgetSpent, LedgerError, UsageError
from continuity.ledger import asking, queries, rows, telling
from continuity.ledger.database import Database
from continuity.ledger.features import FeatureStore
from continuity.ledger.leases import Machine, stamp
from continuity.ledger.questions import LARGEST, Questions, found, number_of
from continuity.ledger.rows import ShotRow
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
    Previews,
    Proposal,
    Recipe,
    Report,
    State,
    Ticket,
)

LEASE_SECONDS = 60.0


class Ledger(Questions):
    """One file of shots and candidates, with a media store beside it. Several processes and threads may share it.

    Everything that writes is one transaction, durable when it returns. Every method may raise LedgerError, and those
    that write StorageFull: then nothing of it is stored. What can be asked of it is in questions.py.
    """

    def __init__(self, database: Database, machine: Machine) -> None:
        super().__init__(database)
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

    def shot(self, name: str, spec: Mapping[str, Json]) -> ShotRow:
        """The revision of a shot that has this spec; another spec under the same name is a new revision.

        Raises:
            UsageError: no name, or a spec that is no JSON.
        """
        if not name:
            raise UsageError("a shot needs a name, got an empty one")
        with self._database.writing() as connection:
            number = asking.shot(connection, self._machine, rows.text(name), spec)
            return found(queries.shot(connection, number), f"shot {name!r}")

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
            return telling.keep(connection, shot.id, number_of(candidate))

    def decide(self, decision: Decision) -> Decision:
        """Records a person's decision, which outranks the machine; returns it with its time.

        Accepting a candidate makes it the kept one. Rejecting the kept one reopens the shot, with its seeds, costs and
        budget.

        Raises:
            UsageError: no such candidate, or one without a picture.
        """
        number_of(decision.candidate)
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
            _, recorded = telling.require_render(connection, number_of(candidate), media.digest)
        if recorded and recorded != (place := self.media.place(media)):
            raise LedgerError(
                f"candidate {candidate} is recorded with {recorded!r}, media for {place!r} were to be stored as its "
                "own: nothing is changed"
            )
        stored = self.media.restore(media)
        with self._database.writing() as connection:
            return telling.restore(connection, candidate, stored)
