"""``continuity ledger show | export SHOW.db``: what was made, what was kept, what it cost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from continuity.cli.words import counted, duration, nearest, plain
from continuity.errors import UsageError

if TYPE_CHECKING:
    from continuity.ledger import Bill, Ledger, ShotRow
    from continuity.records import Rates, State

FORMAT = 1


@click.group()
def ledger() -> None:
    """What was made, what was kept, what it cost."""


@ledger.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
@click.option("--shot", metavar="NAME", help="The candidates of this shot instead of all shots.")
@click.option(
    "--rates", "rates_file", metavar="FILE", type=click.Path(path_type=Path), help="A TOML file with [rates]."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout and nothing else.")
def show(path: Path, shot: str | None, rates_file: Path | None, as_json: bool) -> None:
    """Shows the shots of a ledger with their candidates, or the candidates of one shot.

    The generation ratio counts all candidates of all shots, also of those that kept none, per shot kept. Renders count
    an aborted one by the steps it ran.
    """
    from continuity.ledger import Ledger
    from continuity.records import Rates

    rates = Rates()
    if rates_file is not None:
        from continuity.cli.shot_file import read_rates

        rates = read_rates(rates_file)
    with Ledger.open(path, create=False) as opened:
        if shot is not None:
            for revision in revisions(opened, shot):
                _candidates(opened, revision, rates, as_json)
        else:
            _shots(opened, rates, as_json)


@ledger.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
def export(path: Path) -> None:
    """Prints every row of every table as one JSON object a line, as of one moment."""
    from continuity.ledger import Ledger

    with Ledger.open(path, create=False) as opened:
        for row in opened.export():
            click.echo(json.dumps(row, allow_nan=False))


def revisions(opened: Ledger, name: str) -> Sequence[ShotRow]:
    """All revisions of a shot.

    Raises:
        UsageError: the ledger has no such shot.
    """
    shots = opened.shots()
    found = [one for one in shots if one.name == name]
    if not found:
        raise UsageError(f"{plain(opened.path.name)}: {nearest('shot', name, dict.fromkeys(s.name for s in shots))}")
    return found


def money(amount: float, rates: Rates) -> str:
    """An amount with its currency, or a dash where nothing has a price."""
    return f"{amount:,.2f} {rates.currency}" if any(rates.per_second.values()) else "-"


def _shots(opened: Ledger, rates: Rates, as_json: bool) -> None:
    rows = [(one, Counter(c.state for c in opened.candidates(one))) for one in opened.shots()]
    bill = opened.bill(rates)
    if as_json:
        for one, states in rows:
            click.echo(json.dumps(_shot_json(one, states, opened.failures(one), rates), allow_nan=False))
        click.echo(json.dumps(_bill_json(bill), allow_nan=False))
        return
    from continuity.cli.console import console, table
    from continuity.records import State

    out = console()
    if not rows:
        out.print("no shot yet")
        return
    occurring = [state for state in State if any(states[state] for _, states in rows)]
    numbers = ("candidates", *map(str, occurring), "renders", "seconds", "cost")
    names = ("shot", "kept", *numbers, "fails most on")
    shown = table(*(n for n in names if n != "cost" or money(0, rates) != "-"), right=numbers)
    for one, states in rows:
        worst = next(iter(opened.failures(one).items()), None)
        cells = [
            plain(one.name) + (f" (revision {one.revision})" if one.revision > 1 else ""),
            "-" if one.kept is None else f"#{one.kept}",
            f"{one.totals.candidates:,}",
            *(f"{states[state]:,}" for state in occurring),
            f"{one.totals.renders:,.1f}",
            f"{one.totals.total_seconds:,.1f}",
            *([money(one.totals.money(rates), rates)] if money(0, rates) != "-" else []),
            f"{worst[0]} ({worst[1]})" if worst else "-",
        ]
        shown.add_row(*cells)
    out.print(shown)
    for line in bill_lines(bill):
        out.print(line, soft_wrap=True)


def bill_lines(bill: Bill) -> list[str]:
    """What all shots came to, in sentences."""
    lines = [f"{counted(bill.totals.candidates, 'candidate')} of {counted(bill.shots, 'shot')}, {bill.kept} kept"]
    if bill.generation_ratio is not None and bill.renders_per_kept is not None:
        lines.append(
            f"generation ratio {bill.generation_ratio:.1f} candidates per shot kept, "
            f"{bill.renders_per_kept:.1f} full renders per shot kept"
        )
    spent = f"{duration(bill.totals.total_seconds)} in all, {duration(bill.totals.score_seconds)} of it scoring"
    lines.append(spent + (f", {money(bill.money, bill.rates)}" if money(0, bill.rates) != "-" else ""))
    if bill.inconclusive:
        lines.append("inconclusive: " + ", ".join(f"{plain(key)} {n}" for key, n in bill.inconclusive.items()))
    return lines


def _candidates(opened: Ledger, shot: ShotRow, rates: Rates, as_json: bool) -> None:
    if as_json:
        for row in opened.candidates(shot):
            click.echo(json.dumps({"format": FORMAT, **asdict(row)}, allow_nan=False))
        return
    from continuity.cli.console import console, table, told, word

    priced = money(0, rates) != "-"
    shown = table("", "seed", "state", "worst finding", "seconds", *(["cost"] * priced), right=("seconds", "cost"))
    kept = ""
    for row in opened.candidates(shot):
        report = opened.report(row.id)
        shown.add_row(
            f"#{row.id}",
            str(row.seed),
            word(row.state) + (" kept" if row.kept else ""),
            told(report.worst) if report else plain(row.error) or "-",
            f"{row.cost.total:.2f}",
            *([money(row.cost.total * rates.price(row.cost.device), rates)] if priced else []),
        )
        if row.kept and row.media:
            kept = f"kept #{row.id}: {plain(opened.media.path(row.media))}"
    out = console()
    out.print(plain(shot.name) + (f", revision {shot.revision}" if shot.revision > 1 else ""), style="bold")
    out.print(shown)
    if kept:
        out.print(kept, soft_wrap=True)


def _shot_json(
    one: ShotRow, states: Mapping[State, int], failures: Mapping[str, int], rates: Rates
) -> Mapping[str, Any]:
    return {
        "format": FORMAT,
        "shot": one.name,
        "revision": one.revision,
        "kept": one.kept,
        "candidates": one.totals.candidates,
        "states": {str(state): count for state, count in states.items()},
        "failing": dict(failures),
        **_spent_json(one.totals.renders, one.totals.total_seconds, one.totals.gpu_seconds, one.totals.score_seconds),
        "cost": one.totals.money(rates),
        "currency": rates.currency,
    }


def _bill_json(bill: Bill) -> Mapping[str, Any]:
    spent = bill.totals
    return {
        "format": FORMAT,
        "shots": bill.shots,
        "kept": bill.kept,
        "candidates": spent.candidates,
        "generation_ratio": bill.generation_ratio,
        "renders_per_kept": bill.renders_per_kept,
        "states": {str(state): count for state, count in bill.states.items()},
        "inconclusive": dict(bill.inconclusive),
        **_spent_json(bill.renders, spent.total_seconds, spent.gpu_seconds, spent.score_seconds),
        "cost": bill.money,
        "currency": bill.rates.currency,
    }


def _spent_json(renders: float, seconds: float, gpu: float, score: float) -> Mapping[str, float]:
    return {"renders": renders, "seconds": seconds, "gpu_seconds": gpu, "score_seconds": score}
