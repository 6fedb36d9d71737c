"""``continuity report SHOW.db -o report/``: contact sheet and bill as pages that open from disk."""

from __future__ import annotations

from pathlib import Path

import click

from continuity.cli.bills import RATES_FILE, rates_of
from continuity.cli.words import plain


@click.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="DIR", type=click.Path(path_type=Path), default="report", show_default=True,
              help="A new folder, or that of an earlier report.")  # fmt: skip
@click.option("--shot", "shots", metavar="NAME", multiple=True, help="This shot alone; several make a scene.")
@click.option(
    "--identity", metavar="DIR", envvar="CONTINUITY_IDENTITY", help="Shows its references beside what is kept."
)
@RATES_FILE
def report(path: Path, output: Path, shots: tuple[str, ...], identity: str | None, rates_file: Path | None) -> None:
    """Writes the contact sheet and the bill as static pages: open DIR/index.html in any browser.

    A page for each shot has what is kept beside the references, the ten nearest misses with the evidence drawn on
    them, and the rest. The first page and bill.csv have what it cost and what discarded the rest. The folder needs no
    network and no server, nothing in it points outside, and it may be moved. Decide with `continuity decide`.
    """
    from continuity.identity import Identity
    from continuity.ledger import Ledger
    from continuity.report.site import write_report

    rates = rates_of(rates_file)
    known = Identity.open(identity, features=False) if identity else None
    with Ledger.open(path, create=False) as opened:
        made = write_report(opened, output, shots=shots, rates=rates, identity=known)
    click.echo(plain(made))
