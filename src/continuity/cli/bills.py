"""Bills as the commands show them: in sentences, and priced by a file of rates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from continuity.cli.words import counted, duration, plain

if TYPE_CHECKING:
    from continuity.ledger import Bill
    from continuity.records import Rates

FORMAT = 1  # of the JSON of shots and bills
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
