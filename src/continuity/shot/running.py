"""One run of a shot: ask, render, inspect, tell, stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from continuity.errors import BudgetSpent, RenderError, RenderFailed, StorageFull, UsageError
from continuity.interfaces import BatchGenerator, Generator, InputGenerator, Watch
from continuity.records import Budget, Cost, State, Ticket
from continuity.shot.alive import interruptible
from continuity.shot.outcome import Outcome, StoppedBy, Told, recalled
from continuity.shot.prospects import Prospects
from continuity.shot.rendering import Result, render, shared
from continuity.shot.stopping import Streak
from continuity.shot.watching import Watching

if TYPE_CHECKING:
    from continuity.shot.loop import Shot

log = logging.getLogger(__name__)


class Run:
    """What one call of :meth:`Shot.run` does and has done; works through ask, tell and keep of the shot."""

    def __init__(
        self,
        shot: Shot,
        generator: Generator,
        *,
        budget: Budget,
        aborts: Watch | None,
        batch: int,
        on_told: Callable[[Told], None] | None,
    ) -> None:
        self._shot, self._ledger = shot, shot.ledger
        self._generator = generator
        self._reads = generator if isinstance(generator, InputGenerator) else None  # asked once: it looks at settings
        self._watching = Watching(shot.ledger, aborts, shot.pool(generator) if aborts else {})
        self._watch: Watch | None = None  # of the running render
        self._batch = _batch(generator, batch, aborts)
        self._budget = budget
        self._on_told = on_told
        self._told = 0
        self._cost: Cost | None = None
        self._streak = Streak()
        self._full: StorageFull | None = None  # the disk filled up on the way
        self._prospects: Prospects | None = None
        self._advice = ""

    def outcome(self) -> Outcome:
        """Runs to the end."""
        self._shot.keep(self._shot.stop.wanted)  # what an earlier run accepted and was cut off before it could keep
        with interruptible() as interrupted:
            while True:
                ended = self._ended(interrupted)
                tickets: list[Ticket] = []
                if ended is None:
                    tickets, ended = self._ask()
                if not tickets and ended is not None:
                    return self._outcome(*ended)
                told = self._render(tickets)
                if told and not self._told:
                    _warn_of_limits_that_never_bite(self._budget, told[0].row.cost)
                self._told += len(told)
                self._streak = self._streak.after(told)
                for one in told:
                    self._cost = one.row.cost if self._cost is None else self._cost + one.row.cost
                    if self._on_told is not None:
                        self._on_told(one)

    def _ended(self, interrupted: Callable[[], bool]) -> tuple[StoppedBy, str] | None:
        """Why nothing more is asked for, apart from a spent budget."""
        if self._ledger.kept(self._shot.row) is not None:
            return StoppedBy.ACCEPTED, "a candidate is kept"
        if self._full is not None:
            return StoppedBy.STORAGE, str(self._full)
        if ended := self._streak.ended(self._shot.stop):
            return ended
        if interrupted():
            return StoppedBy.INTERRUPTED, "interrupted"
        if self._hopeless():
            return StoppedBy.FUTILITY, self._advice
        return None

    def _hopeless(self) -> bool:
        """Whether past shots say to give up; what else they say is noted."""
        rule, limit = self._shot.stop.futility, self._budget.candidates
        if rule is None or limit is None:
            return False
        now = self._ledger.standing(self._shot.row)
        if not 0 < now.ended < limit:
            return False
        if self._prospects is None:
            self._prospects = Prospects(rule, self._ledger.courses(self._shot.row))
        said = self._prospects.advice(limit, now)
        if said.text and not self._advice:
            log.warning("%s: %s", self._shot.name, said.text)
        self._advice = said.text or self._advice
        return said.stop

    def _ask(self) -> tuple[list[Ticket], tuple[StoppedBy, str] | None]:
        """The tickets of one render call, or fewer and why there are no more."""
        tickets: list[Ticket] = []
        try:
            while len(tickets) < self._batch:
                tickets.append(self._shot.ask(self._budget))
        except BudgetSpent as cause:
            by = StoppedBy.EXHAUSTED if cause.limit == "proposals" else StoppedBy(cause.limit)
            return tickets, (by, str(cause))
        except StorageFull as cause:
            return tickets, (StoppedBy.STORAGE, str(cause))
        except BaseException as cause:
            for ticket in tickets:
                self._shot.tell(ticket, error=f"not rendered: asking for the next one failed: {cause}")
            raise
        return tickets, None

    def _render(self, tickets: Sequence[Ticket]) -> list[Told]:
        """Renders and inspects what was asked for, in order; whatever goes wrong is told of the candidates it hit."""
        began = time.perf_counter()
        told: list[Told] = []
        results: list[Result] = []
        try:
            ready = [self._with_inputs(ticket) for ticket in tickets]
            rendered = iter(self._rendered([one for one in ready if isinstance(one, Ticket)]))
            results = [next(rendered) if isinstance(one, Ticket) else one for one in ready]
            for asked, one, result in zip(tickets, ready, results, strict=True):
                ended = self._tell(one if isinstance(one, Ticket) else asked, result)
                told += [ended] if ended is not None else []
        except BaseException as cause:  # missing weights among them: what was rendered has its seconds on the bill
            share = shared(Cost(render=time.perf_counter() - began), len(tickets))
            why = "interrupted" if isinstance(cause, KeyboardInterrupt) else str(cause) or type(cause).__name__
            for place, ticket in enumerate(tickets):  # those that were told keep their first word
                cost = results[place].cost if results else share
                self._shot.tell(ticket, cost=cost, error=f"while it was rendered or inspected: {why}")
            raise
        if any(one.row.state is State.ACCEPTED for one in told):
            self._shot.keep(self._shot.stop.wanted)
        return told

    def _rendered(self, tickets: Sequence[Ticket]) -> Sequence[Result]:
        self._watch = None  # a batch is never watched
        if self._full is not None:
            return [RenderFailed(f"not rendered: {self._full}") for _ in tickets]
        if len(tickets) == 1:
            self._watch = self._watching.begin(tickets[0])
        return render(self._generator, [ticket.recipe for ticket in tickets], self._watch) if tickets else ()

    def _tell(self, ticket: Ticket, result: Result) -> Told | None:
        """Tells one result; None where the ledger itself has no room for it. A full disk ends the run afterwards."""
        seen = self._watching.seen(self._watch, failed=isinstance(result, RenderFailed))
        try:
            if isinstance(result, RenderError):
                return self._shot.tell(ticket, error=result, previews=seen)
            return self._shot.tell(ticket, result.media, result.cost, recipe=result.recipe, previews=seen, keep=False)
        except StorageFull as cause:
            self._full = cause
            row = self._ledger.candidate(ticket.candidate)
            return recalled(self._ledger, row) if row.told_at is not None else None  # told, without its media

    def _with_inputs(self, ticket: Ticket) -> Ticket | RenderFailed:
        """The ticket with the digests of what its render reads, all of it stored; or why that cannot be."""
        if self._reads is None:
            return ticket
        try:
            media = dict(self._reads.inputs(ticket.recipe))
            for medium in media.values():
                self._ledger.media.put_input(medium)
            return self._ledger.reads(ticket, {role: medium.digest for role, medium in media.items()})
        except (Exception, SystemExit) as cause:
            log.warning("the inputs of candidate %d are not there", ticket.index, exc_info=True)
            if isinstance(cause, StorageFull):
                self._full = cause
            return RenderFailed(f"its inputs: {str(cause) or type(cause).__name__}")

    def _outcome(self, by: StoppedBy, reason: str) -> Outcome:
        row = self._shot.row
        if by.is_final:
            self._shot.keep()
        kept, closest = self._ledger.kept(row), self._ledger.closest(row)
        accepted = len(self._ledger.accepted(row))
        if kept is None and accepted:
            reason += f"; {accepted} of {self._shot.stop.wanted} are accepted, one is kept when all are"
        return Outcome(
            shot=self._shot.name,
            stopped_by=by,
            reason=reason,
            kept=recalled(self._ledger, kept) if kept else None,
            closest=recalled(self._ledger, closest) if closest else None,
            rendered=self._told,
            candidates=self._ledger.totals(row).candidates,
            cost=self._cost or Cost(),
            nearest=self._ledger.nearest(row),
            advice=self._advice,
        )


def _batch(generator: Generator, batch: int, aborts: Watch | None) -> int:
    """How many candidates are rendered in one call; says so where it is another number than was wanted."""
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise UsageError(f"a batch counts candidates from 1 up, got {batch!r}")
    if batch > 1 and not isinstance(generator, BatchGenerator):
        log.warning("%s renders no batches: candidates are rendered one after another", type(generator).__name__)
        return 1
    if batch > 1 and aborts is not None:
        log.warning("a batch is never watched: nothing is aborted")
    return batch


def _warn_of_limits_that_never_bite(budget: Budget, cost: Cost) -> None:
    """Says so where a limit counts something that these renders do not use."""
    if budget.gpu_seconds is not None and not cost.gpu_seconds:
        log.warning("gpu_seconds is limited, but candidates are rendered on %s: the limit never bites", cost.device)
    if budget.cost is not None and not budget.rates.price(cost.device):
        log.warning("cost is limited, but no rate is given for %s: the limit never bites", cost.device)
