"""How reports are shown: one in full, several as a table with the worst finding of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from continuity.cli.console import console, footer, table, told, word
from continuity.cli.words import counted, duration, number, plain
from continuity.records import Verdict

if TYPE_CHECKING:
    from continuity.cli.score import Scored
    from continuity.records import Finding, Json

NOT_SCORED = "not scored"
SHOWN_EVIDENCE = 5  # items of evidence a finding shows; --json has them all


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
    out = console()
    if one.report is None:
        out.print(f"{plain(one.file)}: {plain(one.error)}", style="bold magenta", soft_wrap=True)
        return
    seen = one.report.measurements
    frames = "" if seen.frame_count == 1 else f", {seen.frames} of {counted(seen.frame_count, 'frame')}"
    out.print(word(one.report.verdict), f" {plain(one.file)}  ({duration(one.seconds)}{frames})", soft_wrap=True)
    rows = table("metric", "verdict", "value", "limit", "unit", "what it saw", right=("value", "limit"))
    for finding in one.report:
        rows.add_row(
            finding.key,
            word(finding.verdict),
            "-" if finding.value is None else number(finding.value),
            "-" if finding.limit is None else f"{finding.limit:.3g}",
            plain(finding.unit),
            "; ".join(remarks(finding)),
        )
    out.print(rows)
    drawn = [f"drawn: {plain(path)}" for path in one.drawn]
    if one.error:
        drawn.append(f"not drawn: {plain(one.error)}")
    for line in (*(plain(w) for w in seen.warnings), *footer(one.report), *drawn):
        out.print(line, style="dim", soft_wrap=True)


def remarks(finding: Finding) -> Iterator[str]:
    """The reason, the worst frame, the coverage and the evidence of a finding, in words."""
    seen = finding.measurement
    if finding.reason or seen.note:
        yield plain(finding.reason or seen.note)
    if seen.worst_frame is not None and len(seen.frames) > 1:
        yield f"worst at frame {seen.worst_frame}"
    if seen.coverage is not None and seen.coverage < 1 and seen.frames:
        yield f"measured in {seen.coverage:.0%} of the frames"
    if finding.verdict is Verdict.PASS:
        return  # numbers behind a pass are for --json
    items = list(flat(seen.evidence))
    yield from (f"{plain(name)} {text}" for name, text in items[:SHOWN_EVIDENCE])
    if len(items) > SHOWN_EVIDENCE:
        yield f"{len(items) - SHOWN_EVIDENCE} more with --json"


def flat(evidence: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested evidence as names and short texts."""
    for name, value in evidence.items():
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from flat(value, f"{label} ")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            short = len(value) <= 4 and not any(isinstance(v, Mapping | list | tuple) for v in value)
            yield label, " ".join(_short(v) for v in value) if short else counted(len(value), "value")
        elif value is not None:
            yield label, _short(value)


def _short(value: Json) -> str:
    return f"{value:.3g}" if isinstance(value, float) else plain(str(value))
