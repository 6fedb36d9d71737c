"""What a forecast says to people: each shot, a new one, a campaign, and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Callable

from continuity import display
from continuity.display import Cell, Table, View, Word
from continuity.forecasting.records import MOST, Forecast, Range, ShotForecast
from continuity.words import counted, duration, number

MORE = f"> {MOST:,}"
LEAST = 1e-4  # a share below which digits say nothing


def view_of(found: Forecast) -> View:
    """Medians and intervals as a table, then the campaign and the grounds in sentences."""
    money = bool(found.campaign.cost.median)
    keeps_too = ("keeps",) if found.candidates_a_shot else ()
    price_too = (found.currency,) if money else ()
    names = ("accepted", "inconclusive", "P(accept)", "candidates", "budget", *keeps_too, "time", *price_too)
    rows = [
        (
            name,
            f"{one.accepted:,} of {one.trials:,}",
            f"{one.inconclusive:,}",
            span(one.probability, per_cent),
            span(one.candidates, whole),
            budget_of(one),
            *((f"{one.keeps:.0%}",) if one.keeps is not None else ()),
            span(one.seconds, duration),
            *((span(one.cost, amount),) if money else ()),
        )
        for name, one in [*((shot.name, shot) for shot in found.shots), ("a new shot", found.new)]
    ]
    explained = f"median [90 % interval]; budget: candidates that keep the shot with {found.chance:.0%}"
    parts: list[Cell | Table] = [
        Table(("shot", *names), tuple(rows), right=names[:2]),
        Word(explained, display.QUIET),
        "",
        _campaign(found),
    ]
    if found.pilot.discards:
        shares = ", ".join(f"{key} {share:.0%}" for key, share in found.pilot.discards.items())
        parts.append(f"fails alone, of {counted(found.pilot.fully, 'candidate')} measured fully: {shares}")
    parts += rests(found)
    parts += [Word(said, display.QUIET) for said in found.pilot.warnings]
    return View((), tuple(parts))


def _campaign(found: Forecast) -> str:
    one = found.campaign
    kept = f"{span(one.kept, whole)} kept, " if found.candidates_a_shot else ""
    price = f", {span(one.cost, amount)} {found.currency}" if one.cost.median else ""
    return (
        f"a campaign of {counted(one.shots, 'new shot')}: {kept}{span(one.candidates, whole)} candidates, "
        f"{span(one.seconds, duration)}{price}"
    )


def rests(found: Forecast) -> list[str]:
    """What it rests on, one sentence each."""
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


def budget_of(one: ShotForecast) -> str:
    """The budget that keeps the shot with the wanted probability."""
    return MORE if one.budget is None else f"{one.budget:,}"


def span(of: Range, said: Callable[[float], str]) -> str:
    """Median and 90 % interval, each as ``said`` says it."""
    low, median, high = (MORE if v is None else said(v) for v in (of.low, of.median, of.high))
    return f"{median} [{low}, {high}]"


def per_cent(value: float) -> str:
    """A share in per cent."""
    return "< 0.01 %" if 0 < value < LEAST else f"{number(100 * value)} %"


def whole(value: float) -> str:
    """A number of candidates or shots, rounded up."""
    return f"{math.ceil(value):,}"


def amount(value: float) -> str:
    """An amount of money without its currency."""
    return f"{value:,.2f}"
