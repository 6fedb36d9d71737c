"""``continuity forecast SHOW.db``: what a shot and a campaign will take, under limits or two sets of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from continuity.cli.bills import RATES_FILE, rates_of
from continuity.cli.words import counted, duration, number, plain
from continuity.errors import UsageError

if TYPE_CHECKING:
    from continuity.forecasting import CampaignForecast, Forecast, Range, ShotForecast
    from continuity.records import Rates
    from continuity.tolerances import Given

RECORDED = "as recorded"
MORE = "> 1,000,000"


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
        _one(next(iter(found.values())), rates)
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


def _one(found: Forecast, rates: Rates) -> None:
    from continuity.cli.console import console, table

    out = console()
    money = rates.priced
    keeps_too = ("keeps",) if found.candidates_a_shot else ()
    price_too = (rates.currency,) if money else ()
    names = ("accepted", "inconclusive", "P(accept)", "candidates", "budget", *keeps_too, "time", *price_too)
    shown = table("shot", *names, right=names[:2])

    def add(name: str, one: ShotForecast) -> None:
        keeps = (f"{one.keeps:.0%}",) if one.keeps is not None else ()
        cost = (_span(one.cost, _money),) if money else ()
        share = f"{one.inconclusive:,}"
        shown.add_row(
            name, f"{one.accepted:,} of {one.trials:,}", share, _span(one.probability, _percent),
            _span(one.candidates, _count), _budget(one), *keeps, _span(one.seconds, duration), *cost,
        )  # fmt: skip

    for one in found.shots:
        add(plain(one.name), one)
    add("a new shot", found.new)
    out.print(shown)
    out.print(f"median [90 % interval]; budget: candidates that keep the shot with {found.chance:.0%}", style="dim")
    out.print()
    out.print(_campaign(found.campaign, rates, found.candidates_a_shot), soft_wrap=True)
    if found.pilot.discards:
        shares = ", ".join(f"{plain(key)} {share:.0%}" for key, share in found.pilot.discards.items())
        out.print(f"fails alone, of {counted(found.pilot.fully, 'candidate')} measured fully: {shares}", soft_wrap=True)
    for line in _rests(found):
        out.print(line, soft_wrap=True)
    for text in found.pilot.warnings:
        out.print(plain(text), style="dim", soft_wrap=True)


def _side_by_side(found: dict[str, Forecast], rates: Rates) -> None:
    """Two bids: what a shot and a campaign take under each, and which limits make the difference."""
    from continuity.cli.console import console, table

    out = console()
    names = [plain(name) for name in found]
    each = list(found.values())
    shown = table("", *names)
    budget = each[0].candidates_a_shot
    rows: list[tuple[str, list[str]]] = [
        ("P(accept), a new shot", [_span(f.new.probability, _percent) for f in each]),
        ("inconclusive", [f"{f.new.inconclusive_share or 0:.1%}" for f in each]),
        ("candidates, a new shot", [_span(f.new.candidates, _count) for f in each]),
        (f"budget for {each[0].chance:.0%}", [_budget(f.new) for f in each]),
        *([("keeps within the budget", [f"{f.new.keeps or 0:.0%}" for f in each])] if budget else []),
        ("time, a new shot", [_span(f.new.seconds, duration) for f in each]),
        *([(f"{rates.currency}, a new shot", [_span(f.new.cost, _money) for f in each])] if rates.priced else []),
        (
            f"candidates, {counted(each[0].campaign.shots, 'shot')}",
            [_span(f.campaign.candidates, _count) for f in each],
        ),
        *([("kept of them", [_span(f.campaign.kept, _count) for f in each])] if budget else []),
        ("time of all", [_span(f.campaign.seconds, duration) for f in each]),
        *([(f"{rates.currency} of all", [_span(f.campaign.cost, _money) for f in each])] if rates.priced else []),
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
        for line in _rests(one):
            out.print(f"{name}: {line}", soft_wrap=True)
    for text in dict.fromkeys(text for f in each for text in f.pilot.warnings):
        out.print(plain(text), style="dim", soft_wrap=True)


def _limit(found: Forecast, key: str) -> str:
    limit, share = found.pilot.limits.get(key), found.pilot.discards.get(key)
    return f"{'differs' if limit is None else f'{limit:.3g}'}, {'-' if share is None else f'{share:.0%}'}"


def _campaign(one: CampaignForecast, rates: Rates, budget: int | None) -> str:
    kept = f"{_span(one.kept, _count)} kept, " if budget else ""
    price = f", {_span(one.cost, _money)} {rates.currency}" if rates.priced else ""
    return (
        f"a campaign of {counted(one.shots, 'new shot')}: {kept}{_span(one.candidates, _count)} candidates, "
        f"{_span(one.seconds, duration)}{price}"
    )


def _rests(found: Forecast) -> list[str]:
    seen = found.pilot
    shots = sum(one.trials > 0 for one in seen.shots)
    lines = [f"rests on {counted(seen.rows, 'candidate')} of {counted(shots, 'shot')}"]
    if unknown := seen.total("unknown"):
        lines.append(
            f"unknown under these limits: {counted(unknown, 'rejected candidate')}, stopped at the first fail; "
            f"what becomes of them is inferred from {seen.total('fully'):,} that were measured fully"
        )
    if left_out := seen.total("left_out"):
        lines.append(f"left out, since these limits do not fit what measured them: {counted(left_out, 'candidate')}")
    return lines


def _budget(one: ShotForecast) -> str:
    return MORE if one.budget is None else f"{one.budget:,}"


def _span(of: Range, said: Callable[[float], str]) -> str:
    low, median, high = (MORE if v is None else said(v) for v in (of.low, of.median, of.high))
    return f"{median} [{low}, {high}]"


def _percent(value: float) -> str:
    return f"{number(100 * value)} %"


def _count(value: float) -> str:
    return f"{math.ceil(value):,}"


def _money(value: float) -> str:
    return f"{value:,.2f}"
