"""``continuity ledger aborts SHOW.db``: what stopping renders early has saved, would have saved, and may have lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from continuity.cli.bills import FORMAT
from continuity.cli.words import counted, plain

if TYPE_CHECKING:
    from continuity.aborts import Savings


@click.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout and nothing else.")
def aborts(path: Path, as_json: bool) -> None:
    """Shows what aborting by previews promises today, what it saved, and what it would have saved.

    Limits are learned for candidates that are drawn alike: one generator, proposer, identity, instruments and limits,
    one number of steps. Until a promise holds nothing is stopped (shadow mode); what is predicted is then what the
    limits of the moment would have done. Every render counts, also those of shadow mode and those let through.
    """
    from continuity.aborts.savings import savings_of
    from continuity.ledger import Ledger

    with Ledger.open(path, create=False) as opened:
        found = savings_of(opened)
        named = {one.stream: _named(opened.description(one.stream)) for one in found}
    if as_json:
        for one in found:
            click.echo(json.dumps({"format": FORMAT, "generator": named[one.stream], **asdict(one)}, allow_nan=False))
        return
    from continuity.cli.console import console

    out = console()
    if not found:
        out.print("no render was watched yet: give shot.run(aborts=...), or write [aborts] in SHOT.toml")
    for one in found:
        out.print(f"{plain(named[one.stream])}, {counted(one.steps, 'step')}, pool {one.pool[:8]}", style="bold")
        for line in lines(one):
            out.print(line, soft_wrap=True)


def lines(one: Savings) -> Sequence[str]:
    """One pool in sentences."""
    promise = one.promise
    whom = "acceptable candidates" if promise.learn == "acceptable" else "candidates that pass a metric"
    wanted = f"{promise.max_lost:.0%} of {whom} lost with {promise.confidence:.0%} confidence"
    bound = f"at most {one.lost_at_most:.1%}, from {counted(one.accepts, 'accepted candidate')} that went to their end"
    if one.in_force:
        said = [f"in force: at most {wanted}; today {bound}"]
    else:
        said = [f"shadow mode, nothing is stopped: wanted at most {wanted}; today {bound}"]
    said.append(
        f"{counted(one.watched, 'candidate')} watched in {one.renders:,.1f} full renders; {one.aborted:,} stopped, "
        f"which saved {one.saved:,.1f} ({_share(one.saved, one.renders + one.saved)} of what they would have taken)"
    )
    said.append(
        f"{one.let_through:,} were let through, {one.predicted:,} of them with a limit to predict by: "
        f"{one.would_abort:,} would have been stopped and saved {one.would_save:,.1f} "
        f"({_share(one.would_save, one.predicted)})"
    )
    if one.predicted_accepts:
        said.append(
            f"of {counted(one.predicted_accepts, 'accepted candidate')} among those, {one.lost:,} would have been lost "
            f"(share at most {one.lost_upper:.1%})"
        )
    return said


def _named(description: Mapping[str, Any]) -> str:
    return str((description.get("generator") or {}).get("class", "a generator")).rsplit(".", 1)[-1]


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "-"
