"""``continuity run SHOT.toml``: renders candidates until one is within tolerance; of a campaign, shot by shot."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from continuity.cli.words import counted, duration, plain

if TYPE_CHECKING:
    from continuity.cli.planning import Plan
    from continuity.ledger import Ledger
    from continuity.shot import Outcome, Told

FORMAT = 1
_Command = TypeVar("_Command", bound=Callable[..., Any])


def instead_of_the_file(command: _Command) -> _Command:
    """The options ``--identity`` and ``--tolerances``, which win over the shot file."""
    kind = click.Path(path_type=Path)
    identity = click.option(
        "--identity",
        metavar="DIR",
        envvar="CONTINUITY_IDENTITY",
        type=kind,
        help="An enrolled identity, instead of the file's.",
    )
    tolerances = click.option(
        "--tolerances",
        metavar="FILE",
        envvar="CONTINUITY_TOLERANCES",
        type=kind,
        help="A tolerance file, instead of the file's.",
    )
    return identity(tolerances(command))


@click.command()
@click.argument("shot_file", metavar="SHOT.toml|CAMPAIGN.toml", type=click.Path(path_type=Path))
@instead_of_the_file
@click.option(
    "--ledger",
    metavar="SHOW.db",
    envvar="CONTINUITY_LEDGER",
    type=click.Path(path_type=Path),
    help="The ledger, instead of the file's.",
)
@click.option("--candidates", type=int, envvar="CONTINUITY_CANDIDATES", help="At most so many, over all runs.")
@click.option("--seconds", type=float, envvar="CONTINUITY_SECONDS", help="At most so many, of all kinds.")
@click.option("--gpu-seconds", type=float, envvar="CONTINUITY_GPU_SECONDS", help="At most so many on a GPU.")
@click.option("--cost", type=float, envvar="CONTINUITY_COST", help="At most so much, in the currency of [rates].")
@click.option("--dry-run", is_flag=True, help="Check everything, say what would run, render and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a shot on stdout and nothing else.")
def run(
    shot_file: Path,
    identity: Path | None,
    tolerances: Path | None,
    ledger: Path | None,
    candidates: int | None,
    seconds: float | None,
    gpu_seconds: float | None,
    cost: float | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Renders candidates of a shot, measures each, and keeps the first one within tolerance.

    Goes on where an earlier run stopped. Options win over the environment (CONTINUITY_LEDGER and so on), that over
    SHOT.toml. Ctrl-C stops after the running candidate. Ends with 0 when a candidate is kept, 4 when the budget is
    spent, 3 when too many in a row could not be judged, else 1.

    A file with [[shots]] is a campaign: its shots run in order, those that have a kept candidate are passed over, and
    a bill of all of them comes last. Everything is checked for all shots before the first render. Ends with the first
    that any shot ended with of 130, 70, 5, 2, 1, 4, 3, 0.
    """
    from continuity.cli.planning import Planner, Typed
    from continuity.cli.shot_file import shot_of
    from continuity.cli.tables import opened

    given = {"candidates": candidates, "seconds": seconds, "gpu_seconds": gpu_seconds, "cost": cost}
    limits = {name: value for name, value in given.items() if value is not None}
    planner = Planner(Typed(identity=identity, tolerances=tolerances, ledger=ledger, limits=limits))
    table = opened(shot_file)
    if "shots" in table:
        from continuity.cli import campaign

        return campaign.run(table, shot_file, planner, dry_run=dry_run, as_json=as_json)
    file = shot_of(table, shot_file, plain(shot_file))
    with redirect_stdout(sys.stderr):  # what a render function prints must not get between the results
        plan = planner.plan(file)
        outcome = None if dry_run else _run(plan)
    if outcome is None:
        from continuity.cli.dry import show

        show(plan, as_json=as_json)
        return 0
    if as_json:
        click.echo(json.dumps(outcome_json(outcome), allow_nan=False))
    else:
        _show(outcome)
    return exit_code(outcome)


def _run(plan: Plan) -> Outcome:
    from continuity.ledger import Ledger

    with Ledger.open(plan.ledger) as opened:
        return run_plan(plan, opened)


def run_plan(plan: Plan, opened: Ledger, place: str = "") -> Outcome:
    """Runs one shot in an open ledger. ``place`` is shown beside its name, such as ``shot 3 of 20``."""
    from continuity.cli.live import View

    generator = plan.generator()
    shot = plan.shot(opened, plan.proposer(generator))
    with View(opened, plan.file.name, plan.budget, place) as view:
        batch = plan.file.batch
        return shot.run(generator, budget=plan.budget, aborts=plan.aborts(), batch=batch, on_told=view.tell)


def exit_code(outcome: Outcome) -> int:
    """0 kept, 130 interrupted, 4 a limit of the budget, 3 too many inconclusive, else 1."""
    from continuity.shot import StoppedBy

    if outcome.kept:
        return 0
    if outcome.stopped_by.is_budget:
        return 4
    return {StoppedBy.INTERRUPTED: 130, StoppedBy.INCONCLUSIVE: 3}.get(outcome.stopped_by, 1)


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """The outcome as plain JSON values."""
    return {
        "format": FORMAT,
        "shot": outcome.shot,
        "stopped_by": str(outcome.stopped_by),
        "reason": outcome.reason,
        "kept": _told_json(outcome.kept),
        "closest": _told_json(outcome.closest),
        "rendered": outcome.rendered,
        "candidates": outcome.candidates,
        "cost": outcome.cost.to_json(),
        "failing": dict(outcome.failing),
        "fails_most": outcome.says_most(),
        "advice": outcome.advice,
        "exit_code": exit_code(outcome),
    }


def _told_json(told: Told | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {
        "candidate": told.candidate,
        "seed": told.row.seed,
        "repair": told.row.repair,
        "fitted": list(told.row.fitted),
        "media": _path(told),
        "report": told.report.to_json() if told.report else None,
    }


def _path(told: Told) -> str:
    return str(told.media.path) if told.media is not None and told.media.path else ""


def _show(outcome: Outcome) -> None:
    from rich.text import Text

    from continuity.cli.console import console, footer, told

    out = console()
    if outcome.kept:
        head = Text("").append(f"kept candidate {outcome.kept.candidate}", style="bold green")
        out.print(head.append(f" (seed {outcome.kept.row.seed})", style="dim"))
        out.print(plain(_path(outcome.kept)), soft_wrap=True)
        if outcome.kept.row.repair:
            fitted = plain(", ".join(outcome.kept.row.fitted))
            by = plain(outcome.kept.row.repair)
            out.print(f"repaired by {by}: it was fitted to {fitted}, by which it is judged too", soft_wrap=True)
    else:
        head = Text("").append("nothing kept: ", style="bold yellow")
        out.print(head.append(plain(outcome.reason)), soft_wrap=True)
    out.print(sentence(outcome), soft_wrap=True)
    if outcome.says_most() and not outcome.kept:
        out.print(f"fails most on {plain(outcome.says_most())}", soft_wrap=True)
    if outcome.closest and not outcome.kept:
        near = told(outcome.closest.report.worst if outcome.closest.report else None)
        where = plain(_path(outcome.closest))
        out.print(
            f"closest: candidate {outcome.closest.candidate}, {near}{f', {where}' if where else ''}", soft_wrap=True
        )
    judged = outcome.kept or outcome.closest
    if judged and judged.report:
        for line in footer(judged.report):
            out.print(Text(line, style="dim"), soft_wrap=True)


def sentence(outcome: Outcome) -> str:
    """How many candidates it took, how long, and what most of them failed on."""
    total, took = counted(outcome.candidates, "candidate"), duration(outcome.cost.total)
    said = f"{total} in all, {outcome.rendered:,} rendered now in {took}"
    failing = Counter(outcome.failing).most_common(4)
    if failing:
        said += "; failed on " + ", ".join(f"{plain(key)} ({count:,})" for key, count in failing)
    return said + "."
