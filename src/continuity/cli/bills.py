"""Bills as the commands show them: in sentences, as JSON, and priced by a file of rates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from continuity.cli.words import counted, duration, plain

if TYPE_CHECKING:
    from continuity.ledger import Bill
    from continuity.records import Rates

FORMAT = 1
RATES_FILE = click.option(
    "--rates", "rates_file", metavar="FILE", type=click.Path(path_type=Path), help="A TOML file with [rates]."
)


def rates_of(path: Path | None) -> Rates:
    """The rates of a file, or none.

    Raises:
        FormatError, UsageError: as the file says.
    """
    from continuity.records import Rates

    if path is None:
        return Rates()
    from continuity.cli.shot_file import read_rates

    return read_rates(path)


def priced(rates: Rates) -> bool:
    """Whether anything has a price."""
    return any(rates.per_second.values())


def money(amount: float, rates: Rates) -> str:
    """An amount with its currency, or a dash where nothing has a price."""
    return f"{amount:,.2f} {rates.currency}" if priced(rates) else "-"


def bill_lines(bill: Bill) -> list[str]:
    """What all shots came to, in sentences."""
    lines = [f"{counted(bill.totals.candidates, 'candidate')} of {counted(bill.shots, 'shot')}, {bill.kept} kept"]
    if bill.generation_ratio is not None and bill.renders_per_kept is not None:
        lines.append(
            f"generation ratio {bill.generation_ratio:.1f} candidates per shot kept, "
            f"{bill.renders_per_kept:.1f} full renders per shot kept"
        )
    spent = f"{duration(bill.totals.total_seconds)} in all, {duration(bill.totals.score_seconds)} of it scoring"
    lines.append(spent + (f", {money(bill.money, bill.rates)}" if priced(bill.rates) else ""))
    if bill.inconclusive:
        lines.append(f"inconclusive: {by_metric(bill)}")
    return lines


def by_metric(bill: Bill) -> str:
    """Which metrics could not judge, and how often."""
    return ", ".join(f"{plain(key)} {count:,}" for key, count in bill.inconclusive.items())


def bill_json(bill: Bill) -> Mapping[str, Any]:
    """A bill as plain JSON values; ``per_kept`` is None while nothing is kept."""
    spent, kept = bill.totals, bill.kept
    seconds, cost = spent.by_kind, spent.money_by_kind(bill.rates)
    return {
        "format": FORMAT,
        "shots": bill.shots,
        "kept": kept,
        "candidates": spent.candidates,
        "generation_ratio": bill.generation_ratio,
        "renders_per_kept": bill.renders_per_kept,
        "states": {str(state): count for state, count in bill.states.items()},
        "inconclusive": dict(bill.inconclusive),
        **spent_json(bill.renders, spent.total_seconds, spent.gpu_seconds, spent.score_seconds),
        "seconds_by_kind": dict(seconds),
        "cost": bill.money,
        "cost_by_kind": dict(cost),
        "per_kept": {
            "seconds": spent.total_seconds / kept,
            "seconds_by_kind": {kind: amount / kept for kind, amount in seconds.items()},
            "cost": bill.money / kept,
            "cost_by_kind": {kind: amount / kept for kind, amount in cost.items()},
        }
        if kept
        else None,
        "currency": bill.rates.currency,
    }


def spent_json(renders: float, seconds: float, gpu: float, score: float) -> Mapping[str, float]:
    """What was spent, as the JSON of shots and bills has it."""
    return {"renders": renders, "seconds": seconds, "gpu_seconds": gpu, "score_seconds": score}
