"""``continuity report SHOW.db -o report/``: contact sheet and bill as pages that open from disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from continuity.cli.bills import RATES_FILE, rates_of
from continuity.cli.words import plain

if TYPE_CHECKING:
    from continuity.records import Budget, Rates


@click.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="DIR", type=click.Path(path_type=Path), default="report", show_default=True,
              help="A new folder, or that of an earlier report.")  # fmt: skip
@click.option("--shot", "shots", metavar="NAME", multiple=True, help="This shot alone; several make a scene.")
@click.option(
    "--identity", metavar="DIR", envvar="CONTINUITY_IDENTITY", help="Shows its references beside what is kept."
)
@RATES_FILE
@click.option("--budget", "budget_file", metavar="FILE", type=click.Path(path_type=Path),
              help="SHOT.toml or CAMPAIGN.toml: its [budget] is compared, its [rates] price.")  # fmt: skip
@click.option("--pdf", is_flag=True, help="Also writes bill.pdf.")
@click.option("--parquet", is_flag=True, help="Also writes measurements.parquet, a row a measurement.")
def report(
    path: Path,
    output: Path,
    shots: tuple[str, ...],
    identity: str | None,
    rates_file: Path | None,
    budget_file: Path | None,
    pdf: bool,
    parquet: bool,
) -> None:
    """Writes the contact sheet and the bill as static pages: open DIR/index.html in any browser.

    A page for each shot has what is kept beside the references, what people turned down, what waits for them, the ten
    nearest misses with the evidence drawn on them, and the rest. The first page and bill.csv have what it cost and what
    takes failed on. The folder needs no network and no server, nothing in it points outside, and it may be moved.
    Decide with `continuity decide`.
    """
    from continuity.identity import Identity
    from continuity.ledger import Ledger
    from continuity.report.site import write_report

    budgets, own = budgets_of(budget_file) if budget_file else ({}, None)
    rates = own if own and rates_file is None else rates_of(rates_file)
    known = Identity.open(identity, features=False) if identity else None
    with Ledger.open(path, create=False) as opened:
        made = write_report(opened, output, shots=shots, rates=rates, identity=known, budgets=budgets, pdf=pdf,
                            parquet=parquet)  # fmt: skip
    click.echo(plain(made))


def budgets_of(path: Path) -> tuple[Mapping[str, Budget], Rates]:
    """The budget of each shot of a shot file or campaign, and its rates. A shot that names none has none.

    Raises:
        FormatError, UsageError: as the file says.
    """
    from continuity.cli.campaign_file import campaign_of
    from continuity.cli.shot_file import shot_of
    from continuity.cli.tables import opened
    from continuity.records import Budget

    table = opened(path)
    if "shots" in table:
        campaign = campaign_of(table, path)
        files, rates = campaign.shots, campaign.rates
    else:
        files = (shot_of(table, path, plain(path)),)
        rates = files[0].rates
    limits: list[tuple[str, dict[str, Any]]] = [(file.name, dict(file.budget)) for file in files]
    by_name = {file.name: file for file in files}
    return {name: Budget(**given, rates=by_name[name].rates) for name, given in limits if given}, rates
