"""``continuity ledger ratio SHOW.db``: the price of a shot."""

from __future__ import annotations

import json
from pathlib import Path

import click

from continuity.cli.bills import RATES_FILE, rates_of


@click.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
@RATES_FILE
@click.option("--json", "as_json", is_flag=True, help="One JSON object a shot, then one for all of them.")
def ratio(path: Path, rates_file: Path | None, as_json: bool) -> None:
    """Says what a kept shot costs: candidates, full renders, seconds and money by kind of work.

    The generation ratio is all candidates of all shots, also of those that kept none, per shot kept. Renders are full
    ones: an aborted render counts the share of steps it ran, a lost one as a whole. A shot counts once, however many
    revisions it had. Inconclusive candidates, which no metric could be sure of, are a column of their own.

    Seconds become money by the file of --rates; a device has the rate of the longest name that its own begins with:

    \b
      format = 1
      [rates]
      currency = "EUR"
      per_second = { cuda = 0.0007, "cuda:NVIDIA H100" = 0.0011, cpu = 0.00002 }
    """
    from continuity.ledger import Ledger
    from continuity.ledger.accounting import together

    rates = rates_of(rates_file)
    with Ledger.open(path, create=False) as opened:
        bills = opened.bills(rates)
    whole = together(bills.values(), rates)
    if as_json:
        for name, bill in bills.items():
            click.echo(json.dumps({"shot": name, **bill.to_json()}, allow_nan=False))
        click.echo(json.dumps(whole.to_json(), allow_nan=False))
    else:
        from continuity.cli.prices import show

        show(bills, whole)
