"""How reports are shown: one in full, several as a table with the worst finding of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from continuity.cli.console import console, table, word
from continuity.cli.console import show as show_view
from continuity.cli.words import counted, plain
from continuity.records.showing import footer, told, view_of

if TYPE_CHECKING:
    from continuity.cli.score import Scored

NOT_SCORED = "not scored"


def show(done: Sequence[Scored], *, alone: bool) -> None:
    """What was measured, on stdout."""
    if alone:
        show_one(done[0])
    else:
        show_several(done)


def show_several(done: Sequence[Scored]) -> None:
    """One row a file, then how many of each verdict, then what all of it rests on."""
    from rich.text import Text

    out = console()
    rows = table("file", "verdict", "worst finding", "seconds", right=("seconds",))
    for one in done:
        said = word(one.report.verdict) if one.report else Text(NOT_SCORED, style="bold magenta")
        rows.add_row(
            plain(one.file), said, told(one.report.worst) if one.report else plain(one.error), f"{one.seconds:.2f}"
        )
    out.print(rows)
    found = Counter(str(one.report.verdict) if one.report else NOT_SCORED for one in done)
    parts = ", ".join(f"{found[name]} {name}" for name in ("pass", "fail", "inconclusive", NOT_SCORED) if found[name])
    out.print(f"{counted(len(done), 'file')}: {parts}")
    reports = [one.report for one in done if one.report]
    lines = dict.fromkeys(line for report in reports for line in footer(report))
    remarks = sum(bool(report.measurements.warnings) for report in reports)
    if remarks:
        lines[f"{counted(remarks, 'file')} with remarks on the media: score one alone to read them"] = None
    drawn = [path for one in done for path in one.drawn]
    if drawn:
        lines[f"drawn: {counted(len(drawn), 'picture')} in {plain(drawn[0].parent)}"] = None
    lines |= {f"{plain(one.file)} is not drawn: {plain(one.error)}": None for one in done if one.report and one.error}
    for line in lines:
        out.print(line, style="dim", soft_wrap=True)


def show_one(one: Scored) -> None:
    """Everything that one report says."""
    if one.report is None:
        said = f"{plain(one.file)}: {plain(one.error)}"
        console().print(said, style="bold magenta", soft_wrap=True)
        return
    drawn = [f"drawn: {plain(path)}" for path in one.drawn]
    if one.error:
        drawn.append(f"not drawn: {plain(one.error)}")
    show_view(view_of(one.report, name=plain(one.file), seconds=one.seconds, more=drawn))
