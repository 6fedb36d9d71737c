"""``continuity run campaign.toml``: shot after shot, and the bill of them all."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from continuity.cli import dry
from continuity.cli.campaign_file import campaign_of
from continuity.cli.console import console, table
from continuity.cli.planning import Plan, Planner
from continuity.cli.run import exit_code, outcome_json, run_plan
from continuity.cli.shot_file import ShotFile
from continuity.cli.words import counted, plain
from continuity.errors import ContinuityError, MissingPiece, UsageError
from continuity.ledger import Bill, CandidateRow, Ledger
from continuity.ledger.accounting import Totals, bill, together
from continuity.records import Cost, Rates
from continuity.shot import Outcome, Shot, StoppedBy
from continuity.shot.outcome import recalled

FORMAT = 1
INTERNAL, INTERRUPTED = 70, 130
WORST_FIRST = (INTERRUPTED, INTERNAL, 5, 2, 1, 4, 3, 0)
ENDS = (StoppedBy.INTERRUPTED, StoppedBy.STORAGE)  # what stops one shot and would stop the others too

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one shot of a campaign ended: with an outcome, or with the sentence of what came instead."""

    shot: str
    exit_code: int
    outcome: Outcome | None = None
    error: str = ""

    @property
    def ends_all(self) -> bool:
        """Whether the shots after it are not begun."""
        return self.exit_code == INTERRUPTED or (self.outcome is not None and self.outcome.stopped_by in ENDS)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        if self.outcome is not None:
            return outcome_json(self.outcome)
        return {"format": FORMAT, "shot": self.shot, "error": self.error, "exit_code": self.exit_code}


def run(given: Mapping[str, Any], path: Path, planner: Planner, *, dry_run: bool, as_json: bool) -> int:
    """Runs the shots of a campaign in order and returns the worst of their exit codes.

    Raises:
        ContinuityError: something is missing or wrong that shows before the first render; names every shot.
    """
    campaign = campaign_of(given, path)
    with redirect_stdout(sys.stderr):
        plans = _planned(planner, campaign.shots, whole=dry_run)
    if dry_run:
        dry.show_several(plans, as_json=as_json)
        return 0
    done: list[Ended] = []
    code = INTERRUPTED  # until the last shot is through
    with ExitStack() as stack:
        ledgers: dict[Path, Ledger] = {}
        try:
            for number, plan in enumerate(plans, 1):
                with redirect_stdout(sys.stderr):
                    done.append(_one(plan, ledgers, stack, f"shot {number} of {len(plans)}"))
                if as_json:
                    click.echo(json.dumps(done[-1].to_json(), allow_nan=False))
                if done[-1].ends_all:
                    break
            code = worst(one.exit_code for one in done)
        finally:  # whatever comes between two shots, what was done before it is shown
            bills = _bills(plans, ledgers, campaign.rates)
            whole = together(bills, campaign.rates)
            if as_json:
                click.echo(json.dumps({**whole.to_json(), "exit_code": code}, allow_nan=False))
            else:
                _show(plans, done, bills, whole)
    return code


def worst(codes: Iterable[int]) -> int:
    """The first of 130, 70, 5, 2, 1, 4, 3, 0 among exit codes: what a person has to mend comes before a spent budget,
    which more money mends; 130 where there is none, since nothing was done."""
    found = set(codes)
    return next((code for code in WORST_FIRST if code in found), INTERRUPTED)


def _planned(planner: Planner, files: Sequence[ShotFile], *, whole: bool) -> list[Plan]:
    """A plan for each shot. ``whole`` makes every generator, also pipes that would wait for their turn.

    Raises:
        ContinuityError: of the worst kind that any shot has, with a line for each shot that cannot run.
    """
    plans: list[Plan] = []
    failed: list[tuple[str, ContinuityError]] = []
    seen: dict[tuple[str, Path], int] = {}
    for number, file in enumerate(files, 1):
        try:
            plan = planner.plan(file)
            before = seen.setdefault((file.name, plan.ledger), number)
            if before != number:
                raise UsageError(f"{file.where}: shot {before} is called {file.name!r} too, in the same ledger")
            plan.so_far()
            if whole:
                plan.generator()
            plans.append(plan)
        except ContinuityError as cause:
            failed.append((file.name, cause))
        except SystemExit as cause:  # a plugin, or a generator of one's own
            said = f"something in it wanted to end the process ({cause.code!r}) instead of raising an error"
            failed.append((file.name, UsageError(f"{file.where}: {said}")))
    if not failed:
        return plans
    code = worst(cause.exit_code for _, cause in failed)
    kind = {2: UsageError, 5: MissingPiece}.get(code, ContinuityError)
    lines = "\n".join(f"  {plain(name)}: {cause}" for name, cause in failed)
    raise kind(f"{len(failed)} of {counted(len(files), 'shot')} cannot run, so none was begun:\n{lines}")


def _one(plan: Plan, ledgers: dict[Path, Ledger], stack: ExitStack, place: str) -> Ended:
    """One shot. Whatever goes wrong with it becomes a line: the others still want to be rendered. Its ledger is opened
    where no shot before it did so, for as long as ``stack`` lasts."""
    name, screen = plan.file.name, console(stderr=True)
    try:
        if plan.ledger not in ledgers:
            ledgers[plan.ledger] = stack.enter_context(Ledger.open(plan.ledger))
        opened = ledgers[plan.ledger]
        shot = plan.shot(opened)
        kept = shot.keep(shot.stop.wanted)  # also what an earlier run accepted and was cut off before it could keep
        if kept is not None:
            screen.print(f"{place}: {plain(name)} has kept candidate {kept.id}, passed over", soft_wrap=True)
            return Ended(shot=name, exit_code=0, outcome=_passed_over(shot, kept))
        screen.print(f"{place}: {plain(name)}", style="bold", soft_wrap=True)
        outcome = run_plan(plan, opened, place)
    except ContinuityError as cause:
        log.debug("raised here:", exc_info=True)
        screen.print(f"{place}: {plain(name)}: {plain(str(cause))}", soft_wrap=True)
        return Ended(shot=name, exit_code=cause.exit_code, error=str(cause))
    except KeyboardInterrupt:  # the second Ctrl-C, or one while a pipe is loaded
        error = "interrupted before it was through"
        screen.print(f"{place}: {plain(name)}: {error}", soft_wrap=True)
        return Ended(shot=name, exit_code=INTERRUPTED, error=error)
    except (Exception, SystemExit) as cause:  # one shot must never stop the rest
        log.debug("raised here:", exc_info=True)
        error = f"something went wrong inside continuity: {type(cause).__name__}: {cause}"
        screen.print(f"{place}: {plain(name)}: {plain(error)}", soft_wrap=True)
        return Ended(shot=name, exit_code=INTERNAL, error=error)
    return Ended(shot=name, exit_code=exit_code(outcome), outcome=outcome)


def _passed_over(shot: Shot, kept: CandidateRow) -> Outcome:
    """What a run of a shot with a kept candidate comes to; asks for no generator, which may be a pipe to load."""
    return Outcome(
        shot=shot.name,
        stopped_by=StoppedBy.ACCEPTED,
        reason="a candidate was kept by an earlier run",
        kept=recalled(shot.ledger, kept),
        closest=None,
        rendered=0,
        candidates=shot.ledger.totals(shot.row).candidates,
        cost=Cost(),
        nearest=shot.ledger.nearest(shot.row),
    )


def _bills(plans: Sequence[Plan], ledgers: Mapping[Path, Ledger], rates: Rates) -> list[Bill]:
    """The bill of each shot in its ledger, over all its runs and revisions; what was not begun is one shot that
    spent nothing."""
    found = {path: opened.bills(rates) for path, opened in ledgers.items()}
    return [
        found.get(plan.ledger, {}).get(plan.file.name) or bill([(plan.file.name, None, Totals())], {}, {}, rates)
        for plan in plans
    ]


def _show(plans: Sequence[Plan], done: Sequence[Ended], bills: Sequence[Bill], whole: Bill) -> None:
    from rich.text import Text

    cost = ["cost"] if whole.rates.priced else []
    numbers = ("kept", "candidates", "renders", "seconds", *cost)
    rows = table("shot", *numbers, "stopped by", "fails most on", right=numbers)
    ends: list[Ended | None] = [*done, *([None] * (len(plans) - len(done)))]
    for plan, end, one in zip(plans, ends, bills, strict=True):
        outcome = end.outcome if end else None
        said = Text("not begun", style="dim") if end is None else Text(plain(end.error), style="bold magenta")
        kept = outcome.kept if outcome else None
        rows.add_row(
            plain(plan.file.name),
            f"#{kept.candidate}" if kept else "-",
            *_amounts(one),
            Text(str(outcome.stopped_by), style="green" if kept else "yellow") if outcome else said,
            plain(outcome.says_most()) or "-" if outcome else "-",
        )
    rows.add_row("all", f"{whole.kept:,}", *_amounts(whole), "", "")
    out = console()
    out.print(rows)
    for line in whole.sentences():
        out.print(line, soft_wrap=True)


def _amounts(one: Bill) -> list[str]:
    spent = one.totals
    cost = [one.rates.money(one.money)] if one.rates.priced else []
    return [f"{spent.candidates:,}", f"{one.renders:,.1f}", f"{spent.total_seconds:,.1f}", *cost]
