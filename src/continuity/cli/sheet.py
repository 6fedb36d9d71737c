"""``continuity sheet SHOW.db --shot NAME -o sheet.png``: a contact sheet for people who judge by eye."""

from __future__ import annotations

from pathlib import Path

import click

from continuity.cli.words import plain


@click.command()
@click.argument("path", metavar="SHOW.db", type=click.Path(path_type=Path))
@click.option("--shot", metavar="NAME", required=True, help="Whose candidates; its newest revision.")
@click.option("--identity", metavar="DIR", envvar="CONTINUITY_IDENTITY", help="Shows the references beside them.")
@click.option("--most", type=click.IntRange(0, 400), default=40, show_default=True, help="Discarded candidates shown.")
@click.option("-o", "--output", metavar="FILE.png", type=click.Path(path_type=Path), help="NAME.png if left out.")
def sheet(path: Path, shot: str, identity: str | None, most: int, output: Path | None) -> None:
    """Draws the kept candidate of a shot and what the discarded ones nearest to it failed on."""
    from continuity.cli.ledger import revisions
    from continuity.identity import Identity
    from continuity.ledger import Ledger
    from continuity.report import contact_sheet, sheet_of

    target = output or Path(f"{shot.replace('/', '_')}.png")
    known = Identity.open(identity) if identity else None
    with Ledger.open(path, create=False) as opened:
        newest = revisions(opened, shot)[-1]
        made = contact_sheet(sheet_of(opened, newest, identity=known, most=most), target)
    click.echo(plain(made))
