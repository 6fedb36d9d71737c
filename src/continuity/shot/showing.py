"""What an outcome says to people."""

from __future__ import annotations

from collections import Counter

from continuity import display
from continuity.display import Cell, View, Word
from continuity.records.showing import quiet_footer, told
from continuity.shot.outcome import Outcome, Told
from continuity.words import counted, duration, plain


def view_of(outcome: Outcome) -> View:
    """What was kept, or why nothing was and what came closest; what it took; what the verdict rests on."""
    parts: list[Cell] = []
    if outcome.kept:
        title: tuple[Cell, ...] = (
            Word(f"kept candidate {outcome.kept.candidate}", display.PASS),
            Word(f" (seed {outcome.kept.row.seed})", display.QUIET),
        )
        parts += filter(None, [path_of(outcome.kept), repaired(outcome.kept)])
    else:
        title = (Word("nothing kept", display.UNSURE), f": {outcome.reason}")
    parts.append(sentence(outcome))
    if outcome.says_most() and not outcome.kept:
        parts.append(f"fails most on {outcome.says_most()}")
    if outcome.closest and not outcome.kept:
        near = told(outcome.closest.report.worst if outcome.closest.report else None)
        where = path_of(outcome.closest)
        parts.append(f"closest: candidate {outcome.closest.candidate}, {near}{f', {where}' if where else ''}")
    judged = outcome.kept or outcome.closest
    if judged and judged.report:
        parts += quiet_footer(judged.report)
    return View(title, tuple(parts))


def path_of(told_one: Told) -> str:
    """Where the media of a candidate lie, empty where they are not stored."""
    return str(told_one.media.path) if told_one.media is not None and told_one.media.path else ""


def repaired(told_one: Told) -> str:
    """By what the media were repaired, and which metrics it was fitted to; empty where nothing was."""
    row = told_one.row
    if not row.repair:
        return ""
    return f"repaired by {row.repair}: it was fitted to {', '.join(row.fitted)}, by which it is judged too"


def sentence(outcome: Outcome) -> str:
    """How many candidates it took, how long, and what most of them failed on."""
    total, took = counted(outcome.candidates, "candidate"), duration(outcome.cost.total)
    said = f"{total} in all, {outcome.rendered:,} rendered now in {took}"
    failing = Counter(outcome.failing).most_common(4)
    if failing:
        said += "; failed on " + ", ".join(f"{plain(key)} ({count:,})" for key, count in failing)
    return said + "."
