"""``continuity forecast SHOW.db``: what a shot and a campaign will take, under limits or two sets of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from continuity.cli.bills import RATES_FILE, rates_of
from continuity.cli.words import counted, duration, plain
from continuity.errors import UsageError

if TYPE_CHECKING:
    from continuity.forecasting import Forecast
    from continuity.records import Rates
    from continuity.tolerances import Given

RECORDED = "as recorded"


@click.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
@click.option("--tolerances", metavar="FILE", multiple=True, help="Limits; twice sets two side by side.")
@click.option("--limit", "limits", metavar="KEY=NUMBER", multiple=True, help="A limit typed by hand; repeatable.")
@click.option("--shot", metavar="NAME", help="Rest on this shot alone, in all its revisions.")
@click.option("--budget", metavar="N", type=int, help="Candidates a shot at most.")
@click.option("--chance", metavar="SHARE", type=float, default=0.9, show_default=True,
              help="Probability with which the budget that is looked for keeps a shot.")  # fmt: skip
@click.option("--campaign", metavar="N", type=int, help="So many new shots; as many as the ledger has if left out.")
@RATES_FILE
@click.option("--json", "as_json", is_flag=True, help="One JSON object a set of limits on stdout and nothing else.")
def forecast(
    path: Path,
    tolerances: Sequence[str],
    limits: Sequence[str],
    shot: str | None,
    budget: int | None,
    chance: float,
    campaign: int | None,
    rates_file: Path | None,
    as_json: bool,
) -> None:
    """Forecasts from a pilot or a past ledger: acceptance, candidates, seconds and cost of a shot and a campaign.

    Medians and 90 % intervals, posterior predictive by shot: few shots give wide intervals. Limits that are left out
    stay as each shot had them. Where other limits make verdicts unknown, since a candidate was stopped at its first
    fail, they are inferred from those that were measured fully by the coin (measure_fully in SHOT.toml).

    \b
      continuity forecast pilot.db --budget 50 --rates rates.toml
      continuity forecast pilot.db --tolerances ours.toml --tolerances theirs.toml
    """
    from continuity.cli.ledger import revisions
    from continuity.forecasting import forecast as predicted
    from continuity.forecasting.showing import view_of
    from continuity.ledger import Ledger

    rates = rates_of(rates_file)
    sets = _sets(tolerances, limits)
    with Ledger.open(path, create=False) as opened:
        shots = revisions(opened, shot) if shot is not None else None
        found = {
            name: predicted(opened, given, budget=budget, rates=rates, chance=chance, campaign=campaign, shots=shots)
            for name, given in sets.items()
        }
    if as_json:
        for name, one in found.items():
            click.echo(json.dumps({"tolerances": name, **one.to_json()}, allow_nan=False))
    elif len(found) == 1:
        from continuity.cli.console import show

        show(view_of(next(iter(found.values()))))
    else:
        _side_by_side(found, rates)


def _sets(files: Sequence[str], limits: Sequence[str]) -> dict[str, Given]:
    """The sets of limits by the names under which they are shown."""
    from continuity.cli.gates import numbers
    from continuity.tolerances import Tolerances

    typed = numbers(limits, "--limit")
    if len(files) > 2 or (len(files) == 2 and typed):
        raise UsageError("--tolerances FILE once or twice was wanted, and with --limit at most once")
    if not files:
        return {", ".join(limits) or RECORDED: typed or None}
    opened = {name: Tolerances.open(name) for name in files}
    if len(opened) < len(files):
        raise UsageError(f"two tolerance files were wanted, got {files[0]!r} twice")
    if typed:
        return {name: {**{one.key: one for one in each}, **typed} for name, each in opened.items()}
    return dict(opened)


def _side_by_side(found: dict[str, Forecast], rates: Rates) -> None:
    """Two bids: what a shot and a campaign take under each, and which limits make the difference."""
    from continuity.cli.console import console, table
    from continuity.forecasting.showing import amount, budget_of, per_cent, rests, span, whole

    out = console()
    names = [plain(name) for name in found]
    each = list(found.values())
    shown = table("", *names)
    budget = each[0].candidates_a_shot
    rows: list[tuple[str, list[str]]] = [
        ("P(accept), a new shot", [span(f.new.probability, per_cent) for f in each]),
        ("inconclusive", [f"{f.new.inconclusive_share or 0:.1%}" for f in each]),
        ("candidates, a new shot", [span(f.new.candidates, whole) for f in each]),
        (f"budget for {each[0].chance:.0%}", [budget_of(f.new) for f in each]),
        *([("keeps within the budget", [f"{f.new.keeps or 0:.0%}" for f in each])] if budget else []),
        ("time, a new shot", [span(f.new.seconds, duration) for f in each]),
        *([(f"{rates.currency}, a new shot", [span(f.new.cost, amount) for f in each])] if rates.priced else []),
        (
            f"candidates, {counted(each[0].campaign.shots, 'shot')}",
            [span(f.campaign.candidates, whole) for f in each],
        ),
        *([("kept of them", [span(f.campaign.kept, whole) for f in each])] if budget else []),
        ("time of all", [span(f.campaign.seconds, duration) for f in each]),
        *([(f"{rates.currency} of all", [span(f.campaign.cost, amount) for f in each])] if rates.priced else []),
    ]
    for name, cells in rows:
        shown.add_row(name, *cells)
    out.print(shown)
    out.print()
    keys = list(dict.fromkeys(key for f in each for key in (*f.pilot.discards, *f.pilot.limits)))
    why = table("limit, and the share that fails it alone", *names)
    for key in keys:
        why.add_row(plain(key), *(_limit(f, key) for f in each))
    out.print(why)
    for name, one in zip(names, each, strict=True):
        for line in rests(one):
            out.print(f"{name}: {line}", soft_wrap=True)
    for text in dict.fromkeys(text for f in each for text in f.pilot.warnings):
        out.print(plain(text), style="dim", soft_wrap=True)


def _limit(found: Forecast, key: str) -> str:
    limit, share = found.pilot.limits.get(key), found.pilot.discards.get(key)
    return f"{'differs' if limit is None else f'{limit:.3g}'}, {'-' if share is None else f'{share:.0%}'}"
