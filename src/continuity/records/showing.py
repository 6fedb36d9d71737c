"""What reports say to people: the same words in a terminal, in a notebook and in a log line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import shorten

from continuity import display
from continuity.display import Cell, Table, View, Word
from continuity.records.judging import Finding, Report
from continuity.records.measuring import Json, ModelCard, Verdict
from continuity.records.rendering import State
from continuity.words import counted, duration, number, plain

NOTE = 52  # characters of a note beside a value: what weighs most stands first in it
EVIDENCE = 5  # items of evidence that a finding shows; its JSON has them all
TONES: Mapping[Verdict | State, str] = {
    Verdict.PASS: display.PASS,
    Verdict.FAIL: display.FAIL,
    Verdict.INCONCLUSIVE: display.UNSURE,
    State.ACCEPTED: display.PASS,
    State.REJECTED: display.FAIL,
    State.INCONCLUSIVE: display.UNSURE,
    State.ABORTED: display.ASIDE,
    State.FAILED: display.BROKEN,
    State.LOST: display.QUIET,
    State.ASKED: display.OPEN,
}


def word(said: Verdict | State) -> Word:
    """A verdict or a state in its tone."""
    return Word(str(said), TONES[said])


def view_of(report: Report, *, name: str = "", seconds: float | None = None, more: Sequence[str] = ()) -> View:
    """A report in full: ``name`` for what was measured, ``seconds`` that it took, ``more`` lines at its end."""
    seen = report.measurements
    frames = "" if seen.frame_count == 1 else f", {seen.frames} of {counted(seen.frame_count, 'frame')}"
    took = duration(seen.seconds if seconds is None else seconds)
    rows = tuple(
        (
            finding.key,
            word(finding.verdict),
            "-" if finding.value is None else number(finding.value),
            "-" if finding.limit is None else f"{finding.limit:.3g}",
            finding.unit,
            "; ".join(remarks(finding)),
        )
        for finding in report
    )
    columns = ("metric", "verdict", "value", "limit", "unit", "what it saw")
    return View(
        (word(report.verdict), f" {name or seen.path or 'a picture in memory'}  ({took}{frames})"),
        (
            Table(columns, rows, right=("value", "limit")),
            *(Word(line, display.QUIET) for line in (*map(plain, seen.warnings), *footer(report), *more)),
        ),
    )


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


def quiet_footer(report: Report) -> tuple[Cell, ...]:
    """The footer as lines of a view."""
    return tuple(Word(line, display.QUIET) for line in footer(report))


def models_line(models: Iterable[ModelCard]) -> str:
    """Every model once, by its role, with its licence."""
    names = {f"{m.role} ({m.licence}{'' if m.commercial else ', not for commercial use'})" for m in models}
    return plain(", ".join(sorted(names)))


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
        return  # numbers behind a pass are for its JSON
    items = list(flat(seen.evidence))
    yield from (f"{plain(name)} {said}" for name, said in items[:EVIDENCE])
    if len(items) > EVIDENCE:
        yield f"{len(items) - EVIDENCE} more in the JSON"


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
