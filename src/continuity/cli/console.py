"""Where the commands print: consoles that leave texts alone, and the look of a verdict."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from textwrap import shorten
from typing import TYPE_CHECKING

from continuity.cli.words import number, plain
from continuity.records import Finding, ModelCard, Report, State, Verdict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

NOTE = 52  # characters of a note beside a value: what weighs most stands first in it
PIPED_WIDTH = 200  # columns where there is no terminal to limit them
STYLES = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
    State.ACCEPTED: "bold green",
    State.REJECTED: "bold red",
    State.INCONCLUSIVE: "bold yellow",
    State.ABORTED: "magenta",
    State.FAILED: "bold magenta",
    State.LOST: "dim",
    State.ASKED: "cyan",
}


def console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr; NO_COLOR, TERM and COLUMNS are respected, markup in texts is not interpreted."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:  # rich would exit with 1, which says "fail" here
            raise BrokenPipeError

    stream = sys.stderr if stderr else sys.stdout
    free = not stream.isatty() and "COLUMNS" not in os.environ
    return Piped(stderr=stderr, markup=False, emoji=False, highlight=False, width=PIPED_WIDTH if free else None)


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table without lines, in which long texts fold rather than disappear."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return made


def word(said: Verdict | State) -> Text:
    """A verdict or a state in its colour."""
    from rich.text import Text

    return Text(str(said), style=STYLES[said])


def told(finding: Finding | None) -> str:
    """What a finding says in a few words: the value against its limit, or why there is none."""
    if finding is None:
        return "nothing was measured"
    if finding.value is not None and finding.limit is not None and not finding.reason:
        relation = "within" if finding.value <= finding.limit else "over"
        note = shorten(finding.measurement.note, NOTE, placeholder=" …") if relation == "over" else ""
        note = f" ({note})" if note else ""
        return plain(f"{finding.key} {number(finding.value)}, {relation} {finding.limit:.3g} {finding.unit}{note}")
    return plain(f"{finding.key}: {finding.reason or finding.status}")


def footer(report: Report) -> list[str]:
    """What a report rests on: limits that nobody calibrated, models with their licences, what was not looked at."""
    models = models_line(report.models)
    return [
        *(plain(w) for w in report.warnings),
        *([f"models: {models}"] if models else []),
        f"not checked: {plain(', '.join(report.not_checked))}",
    ]


def models_line(models: Iterable[ModelCard]) -> str:
    """Every model once, by its role, with its licence."""
    names = {f"{m.role} ({m.licence}{'' if m.commercial else ', not for commercial use'})" for m in models}
    return plain(", ".join(sorted(names)))
