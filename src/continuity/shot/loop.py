"""A shot: ask and tell; the loop on top of them is in running.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from continuity.errors import Aborted, ContinuityError, MissingPiece, RenderError, StorageFull, UsageError
from continuity.gate import Gate
from continuity.interfaces import CampaignProposer, Generator, LearningProposer, Proposer, Repair, Watch
from continuity.ledger import Attempt, CandidateRow, Ledger
from continuity.media import Media
from continuity.observed import FrameFeatures
from continuity.proposers import Seeds
from continuity.records import Budget, Cost, Json, Previews, Recipe, Report, State, Ticket, Verdict
from continuity.shot import mending
from continuity.shot.alive import LEASE_SECONDS, Heartbeat
from continuity.shot.describing import part_of, pool_of, spec_of, stream_of
from continuity.shot.keeping import put_features, put_media
from continuity.shot.outcome import Outcome, Told, recalled
from continuity.shot.running import Run
from continuity.shot.stopping import FirstAccepted, StopRule

STATES = {Verdict.PASS: State.ACCEPTED, Verdict.FAIL: State.REJECTED, Verdict.INCONCLUSIVE: State.INCONCLUSIVE}


class Shot:
    """One shot and its loop.

    Args:
        name: name of the shot, such as ``sc042_010``; another spec under the same name is a new revision.
        gate: what judges.
        ledger: where everything is written down.
        prompt: goes into every recipe.
        proposer: what to change from candidate to candidate; new seeds by default.
        repairs: what may be made of a candidate all of whose failing metrics have one, in order; the whole gate judges
            what they make. A repair optimises the very metric that it is judged by: have another one watch.
        stop: when to stop.
        measure_fully: share of candidates, by a coin in the ledger, that are measured with every metric even after
            the first fail: without them nobody knows what discards most. All of them with a proposer that learns,
            since the worst excess of half a report is not what it should learn from.
        keep_features: store what models said of each candidate beside the ledger, so that it can be judged again where
            its media are not kept. It holds embeddings of faces, which are biometric data: agree on it with whom they
            are of. ``ledger.features.forget`` erases them.
    """

    def __init__(
        self,
        name: str,
        *,
        gate: Gate,
        ledger: Ledger,
        prompt: str = "",
        proposer: Proposer | None = None,
        repairs: Sequence[Repair] = (),
        stop: StopRule | None = None,
        measure_fully: float = 0.1,
        keep_features: bool = False,
    ) -> None:
        if not name.strip():
            raise UsageError("a shot needs a name, got an empty one")
        if not 0 <= measure_fully <= 1:
            raise UsageError(f"measure_fully is a share from 0 to 1, got {measure_fully}")
        self.name = name
        self.gate = gate
        self.ledger = ledger
        self.prompt = prompt
        self.proposer: Proposer = proposer or Seeds()
        self.stop: StopRule = stop or FirstAccepted()
        learns = isinstance(self.proposer, LearningProposer) and self.proposer.learns
        self.measure_fully = 1.0 if learns else measure_fully
        self.keep_features = keep_features
        if not isinstance(ledger, Ledger):
            raise UsageError(f"a ledger was wanted, got {ledger!r}: open it with ct.Ledger.open(path)")
        gate.check()
        self.repairs = mending.checked(repairs, list(gate.instruments))
        self.row = ledger.shot(name, spec_of(self.gate, prompt))
        self._beats = Heartbeat(ledger)
        self._generator: Mapping[str, Json] = {"class": "external"}  # until run() is given one
        self._open: dict[int, str] = {}  # candidates asked for here and not told here -> stream
        self._streams: dict[str, str] = {}  # description -> digest, so that it is recorded once and not per candidate

    def __repr__(self) -> str:
        return f"<Shot {self.name}, revision {self.row.revision}, {self.gate!r}>"

    # -- ask and tell: for farms and for loops of one's own --------------------------------------------------------

    def ask(self, budget: Budget | None = None) -> Ticket:
        """The next candidate to render, recorded before anyone renders it.

        Raises:
            BudgetSpent: a limit of the budget is reached, or the proposer has nothing left.
            StorageFull: there is too little disk to record another one.
        """
        self.ledger.check_space()
        history = self.ledger.history(self.row)
        index = len(history)
        stream = self._stream()
        proposer = self.proposer
        if isinstance(proposer, CampaignProposer):
            proposer = proposer.begin(self.ledger.past_trials(self.row, stream), self.name)
        proposal = proposer.propose(history, index)  # before a row says it was asked
        ticket = self.ledger.ask(
            self.row,
            stream=stream,
            budget=budget or Budget(),
            prompt=self.prompt,
            measure_fully=self.measure_fully,
            lease_seconds=LEASE_SECONDS,
        )
        self._beats.add(ticket)
        self._open[ticket.candidate] = stream
        try:
            if ticket.index != index:  # another worker was faster: this is another candidate
                proposal = proposer.propose(self.ledger.history(self.row), ticket.index)
            return self.ledger.propose(ticket, proposal)
        except BaseException as cause:
            self._end(ticket, State.FAILED, error=f"the proposer: {cause}")
            raise

    def tell(
        self,
        ticket: Ticket,
        media: Media | None = None,
        cost: Cost | None = None,
        *,
        recipe: Recipe | None = None,
        error: BaseException | str | None = None,
        previews: Previews | None = None,
        keep: bool = True,
    ) -> Told:
        """Inspects and records what became of a ticket: media, or the error that came instead.

        Telling the same ticket twice changes nothing: the first word stands and is returned. ``previews`` is what a
        watch saw of the render. With ``keep=False`` an accepted candidate is not yet kept: for those who tell several
        before one is chosen, and then call ``keep``.

        Raises:
            UsageError: neither media nor an error, or both.
        """
        if (media is None) == (error is None):
            raise UsageError("tell(ticket, media, cost) or tell(ticket, error=...) was wanted, got both or neither")
        cost = cost or Cost()
        here = self._open.get(ticket.candidate)  # one that another worker told meanwhile: the ledger says so at the end
        stream, is_told = (here, False) if here is not None else self.ledger.asked(ticket.candidate)
        if is_told:  # farms deliver twice: the first word stands
            return recalled(self.ledger, self.ledger.candidate(ticket.candidate))
        if error is not None or media is None:
            state = State.ABORTED if isinstance(error, Aborted) else State.FAILED
            if isinstance(error, RenderError):
                cost = error.cost or cost
                recipe = error.recipe or recipe
            said = str(error) or type(error).__name__
            return self._end(ticket, state, recipe=recipe, cost=cost, error=said, previews=previews)
        frames: list[FrameFeatures] = []
        on_frame = frames.append if self.keep_features else None
        try:
            early, beyond = not ticket.measure_fully, mending.touched(self.gate.instruments, self.repairs)
            report = self.gate.inspect(media, stop_early=early, stream=stream, beyond=beyond, on_frame=on_frame)
        except MissingPiece:
            raise  # nothing is wrong with the candidate: the machine must be mended, then it can be told again
        except ContinuityError as cause:
            said = f"could not be inspected: {cause}"
            return self._end(ticket, State.FAILED, recipe=recipe, cost=cost, error=said, previews=previews)
        cost = replace(cost, score=cost.score + report.measurements.seconds)
        if frames:
            put_features(self.ledger, ticket, media, self.gate, report, frames)
        repaired = self._repaired(media, report)
        for one in repaired:
            cost = cost + one.attempt.cost
        told = self._end(
            ticket,
            STATES[report.verdict],
            recipe=recipe,
            cost=cost,
            report=report,
            media=media,
            previews=previews,
            repaired=repaired,
        )
        if keep and told.row.state is State.ACCEPTED:
            self.keep(self.stop.wanted)
        return told

    def keep(self, at_least: int = 1) -> CandidateRow | None:
        """Keeps one of the accepted candidates by the stop rule, once there are ``at_least`` so many; the kept one.

        ``tell`` and ``run`` do this by themselves. Who asks and tells at a farm calls it where no more will come.
        What is kept stays kept, and what a person rejected is not.
        """
        accepted = self.ledger.accepted(self.row, best_first=self.stop.wanted > 1)
        if len(accepted) >= at_least:
            any(self.ledger.keep(self.row, candidate) for candidate in accepted)
        return self.ledger.kept(self.row)

    # -- the loop --------------------------------------------------------------------------------------------------

    def run(
        self,
        generator: Generator,
        *,
        budget: Budget,
        aborts: Watch | None = None,
        batch: int = 1,
        on_told: Callable[[Told], None] | None = None,
    ) -> Outcome:
        """Renders and judges until a candidate is kept, a limit of the budget is reached or nothing more makes sense.

        Goes on where an earlier run stopped, however it stopped. Ctrl-C ends it after the running render, a second
        Ctrl-C at once; either way the ledger is whole.

        Args:
            generator: renders.
            budget: belongs to the shot over all runs and workers.
            aborts: looks into each render and may stop it; never into a batch.
            batch: so many candidates are rendered in one call, fewer where the budget allows no more; by a generator
                without ``render_batch`` one after another. All of them are judged, in order of index.
            on_told: called after each candidate, for a live view; it must not touch the shot.

        Raises:
            MissingPiece: weights or packages are missing; raised before any render.
        """
        if not isinstance(generator, Generator):
            raise UsageError(
                f"a generator was wanted, got {generator!r}: wrap a function as ct.FunctionGenerator(function)"
            )
        self._generator = {"generator": part_of(generator), "aborts": part_of(aborts) if aborts else None}
        return Run(self, generator, budget=budget, aborts=aborts, batch=batch, on_told=on_told).outcome()

    def _end(
        self,
        ticket: Ticket,
        state: State,
        *,
        recipe: Recipe | None = None,
        cost: Cost | None = None,
        report: Report | None = None,
        media: Media | None = None,
        error: str = "",
        previews: Previews | None = None,
        repaired: Sequence[mending.Tried] = (),
    ) -> Told:
        """Stores media first, then the row that names them; the row is written also where they cannot be stored.

        A repair that passes makes it accepted, whatever ``state`` the render is in; not one whose media could not be
        stored: nobody would ever see what was accepted.
        """
        kept, cause = put_media(self.ledger, ticket, media, report)
        causes = [cause]
        attempts: list[Attempt] = []
        for one in repaired:
            made, cause = put_media(self.ledger, ticket, one.media, one.attempt.report)
            attempt = replace(one.attempt, media=made)
            if attempt.passed and cause is not None:
                attempt = replace(attempt, declined=f"what it made could not be stored: {cause}")
            attempts.append(attempt)
            causes.append(cause)
        if attempts and attempts[-1].passed:
            state = State.ACCEPTED
        recipe = recipe or ticket.recipe
        try:
            first = self.ledger.tell(
                ticket,
                state,
                recipe=replace(recipe, inputs={**ticket.recipe.inputs, **recipe.inputs}),
                cost=cost or Cost(),
                report=report,
                error=error,
                media=kept,
                attempts=attempts,
                previews=previews,
            )
        finally:
            self._beats.remove(ticket)
            self._open.pop(ticket.candidate, None)
        for cause in causes:
            if isinstance(cause, StorageFull):
                raise cause
        row = self.ledger.candidate(ticket.candidate)
        if not first:  # another worker delivered the same ticket meanwhile: its word stands
            return recalled(self.ledger, row)
        if row.attempt:
            report, media = repaired[row.attempt - 1].attempt.report, repaired[row.attempt - 1].media
        return Told(row=row, report=report, media=media)

    def _repaired(self, media: Media, report: Report) -> list[mending.Tried]:
        return mending.tried(
            media,
            report,
            repairs=self.repairs,
            identity=self.gate.identity,
            inspect=lambda made, stream: self.gate.inspect(made, stream=stream),
            stream=self._stream,
        )

    def pool(self, generator: Generator) -> dict[str, Json]:
        """What acceptable candidates are drawn from, whichever shot asks: all but name and prompt."""
        return pool_of(self.gate, generator, self.proposer, self.repairs)

    def _stream(self, repairs: Sequence[Repair] = ()) -> str:
        """The stream of what is rendered, or of what these repairs make of it."""
        description = stream_of(self.gate, self._generator, self.proposer, repairs)
        text = repr(description)
        if text not in self._streams:
            self._streams[text] = self.ledger.stream(description)
        return self._streams[text]
