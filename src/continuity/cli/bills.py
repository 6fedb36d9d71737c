"""Rates for bills, from a file that a person wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
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
