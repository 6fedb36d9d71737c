"""The price of a shot as tables: seconds by kind of work, and money where there are rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from continuity.cli.console import console, table
from continuity.cli.words import duration, plain
from continuity.records import State

if TYPE_CHECKING:
    from rich.table import Table

    from continuity.ledger import Bill

ALL, EACH = "all", "per shot kept"


def show(bills: Mapping[str, Bill], whole: Bill) -> None:
    """A row for each shot, one for all of them, and one for each shot kept, where there is one."""
    out = console()
    if not bills:
        out.print("no shot yet")
        return
    kinds = [kind for kind, seconds in whole.totals.by_kind.items() if seconds]
    out.print(_seconds(bills, whole, kinds))
    if whole.rates.priced:
        out.print()
        out.print(_money(bills, whole, kinds))
    out.print()
    for line in whole.sentences():
        out.print(line, soft_wrap=True)
    if whole.kept:
        said = f"a kept shot took {duration(whole.totals.total_seconds / whole.kept)}"
        price = f" and cost {whole.rates.money(whole.money / whole.kept)}" if whole.rates.priced else ""
        out.print(said + price, soft_wrap=True)


def _seconds(bills: Mapping[str, Bill], whole: Bill, kinds: Sequence[str]) -> Table:
    numbers = ("candidates", "renders", *kinds, "seconds")
    rows = table("shot", "kept", *numbers, "inconclusive", right=("kept", *numbers))

    def add(name: str, kept: str, bill: Bill) -> None:
        spent = bill.totals
        amounts = (bill.renders, *(spent.by_kind[kind] for kind in kinds), spent.total_seconds)
        rows.add_row(name, kept, f"{spent.candidates:,}", *(f"{a:,.1f}" for a in amounts), _inconclusive(bill))

    for name, bill in bills.items():
        add(plain(name), "yes" if bill.kept else "-", bill)
    add(ALL, f"{whole.kept:,}", whole)
    if whole.kept:
        spent = whole.totals
        every = (spent.candidates, whole.renders, *(spent.by_kind[kind] for kind in kinds), spent.total_seconds)
        rows.add_row(EACH, "", *(f"{amount / whole.kept:,.1f}" for amount in every))
    return rows


def _money(bills: Mapping[str, Bill], whole: Bill, kinds: Sequence[str]) -> Table:
    numbers = (*kinds, whole.rates.currency)
    rows = table("shot", *numbers, right=numbers)

    def add(name: str, bill: Bill, share: int) -> None:
        by_kind = bill.totals.money_by_kind(bill.rates)
        rows.add_row(name, *(f"{a / share:,.2f}" for a in (*(by_kind[kind] for kind in kinds), bill.money)))

    for name, bill in bills.items():
        add(plain(name), bill, 1)
    add(ALL, whole, 1)
    if whole.kept:
        add(EACH, whole, whole.kept)
    return rows


def _inconclusive(bill: Bill) -> str:
    """How many candidates nobody could judge, and by which metrics."""
    count = bill.states.get(State.INCONCLUSIVE, 0)
    return f"{count:,}" + (f" ({bill.by_metric()})" if bill.inconclusive else "")
