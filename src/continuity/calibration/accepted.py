"""What a ledger knows of labels of an accepted stream: which gate accepted them, and what stood before them.

A promise is of what one gate keeps. Candidates that another gate accepted say nothing of what lies between the two: a
stricter one hid it, a looser one kept other candidates in their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from continuity.calibration.labels import Label, Labels
from continuity.calibration.measuring import Gates
from continuity.errors import UsageError
from continuity.gate import Gate
from continuity.ledger import Ledger
from continuity.records import Origin, Report, State


def of_this_gate(gates: Gates, labels: Labels) -> Labels:
    """The labels of candidates that this gate accepted, of each shot as far as nobody left one of them out.

    Only labels that name candidates of a ledger can be told apart; the others stay.

    Raises:
        UsageError: another gate accepted them all, or of a shot what would be kept was never judged, but a later one.
    """
    ledger = labels.ledger
    if ledger is None or all(label.candidate is None for label in labels.items):
        return labels
    other: dict[int, str] = {}
    mine: dict[int, Gate] = {}
    for label in labels.items:
        if label.candidate is not None:
            gate = gates.of(label)
            difference = _difference(gate, ledger.report(label.candidate))
            if difference:
                other[label.candidate] = difference
            else:
                mine[label.candidate] = gate
    notes = list(labels.notes)
    if other:
        said = f"{len(other)} of {len(other) + len(mine)} labelled candidates were judged by another gate than this one"
        first = f"(candidate {min(other)}: {other[min(other)]})"
        if not mine and all(label.candidate is not None for label in labels.items):
            raise UsageError(
                f"labels of what this gate accepted were wanted, {said} {first}: between the two nothing is known. "
                "Give the gate what they were accepted under, or say drawn='other mix'"
            )
        notes.append(f"{said} {first}: they are no part of this")
    heard, unheard = _without_gaps(ledger, mine)
    if unheard:
        notes.append(
            f"{unheard} judged candidates come after one of their shot that this gate accepted and nobody judged: they "
            "are no part of this"
        )
    items = tuple(label for label in labels.items if label.candidate is None or label.candidate in heard)
    rendered: Mapping[str, int] = {} if other else labels.rendered  # how many were asked for under which gate: unknown
    return replace(labels, items=items, rendered=rendered, notes=tuple(notes))


def _without_gaps(ledger: Ledger, judged: Mapping[int, Gate]) -> tuple[set[int], int]:
    """Candidates up to the first of their shot that the gate accepted and nobody judged; how many come after one."""
    shots: dict[tuple[str, int], list[int]] = {}
    for row in ledger.candidates():
        if row.state is State.ACCEPTED or row.id in judged:
            shots.setdefault((row.shot, row.revision), []).append(row.id)
    heard: set[int] = set()
    first_unjudged = []
    for candidates in shots.values():
        gate = next((judged[number] for number in candidates if number in judged), None)
        if gate is None:
            continue
        for place, number in enumerate(candidates):
            if number in judged:
                heard.add(number)
            elif not _difference(gate, ledger.report(number)):
                if heard.isdisjoint(candidates[:place]):
                    first_unjudged.append(number)
                break
    if first_unjudged:
        named = ", ".join(map(str, first_unjudged[:5])) + (" ..." if len(first_unjudged) > 5 else "")
        raise UsageError(
            f"labels of the first candidate that each shot accepted were wanted, since limits keep the first that "
            f"passes; in {len(first_unjudged)} shots a later one was judged and not the first (as with ct.BestOf): "
            f"judge candidates {named} too"
        )
    return heard, len(judged) - len(heard)


def _difference(gate: Gate, report: Report | None) -> str:
    """How the gate that made a report differs from this one, in words; empty where it is the same."""
    if report is None:
        return "it was never judged"
    if report.measurements.identity != gate.identity.digest:
        return "another identity"
    here, tolerances = gate.instruments, gate.tolerances
    expects = {metric.key: str(metric.expect) for metric in gate.metrics}
    there = {finding.key: finding for finding in report.findings}
    for key in {**there, **here}:
        if key not in there or key not in here:
            return f"{key} is measured {'here' if key in here else 'there'} alone"
        finding, instrument = there[key], there[key].measurement.instrument
        if instrument is None or instrument.digest != here[key].digest:
            return f"{key} by another instrument"
        if str(finding.measurement.expect) != expects.get(key):
            return f"{key} {finding.measurement.expect} there, {expects.get(key)} here"
        if finding.limit != tolerances[key].limit:
            return f"{key} limit {finding.limit!r} there, {tolerances[key].limit!r} here"
    return ""


def learned(labels: Labels) -> tuple[str, ...]:
    """A note where a proposer that learns chose what was labelled: what it draws may move under one stream."""
    ledger, numbers = labels.ledger, {label.candidate for label in labels.items if label.candidate is not None}
    if ledger is None or not numbers:
        return ()
    found = sum(row.id in numbers and row.origin is Origin.LEARNED for row in ledger.candidates())
    if not found:
        return ()
    return (
        f"{found} of {len(numbers)} labelled candidates were proposed by what learns (origin learned): what it draws "
        "may move from shot to shot under the same stream, so this is shown of what was drawn until now and not of "
        "later shots; go on with continuity audit",
    )


def from_files(labels: Labels) -> tuple[Label, ...]:
    """Labels of which no ledger says what accepted them."""
    return tuple(label for label in labels.items if label.candidate is None or labels.ledger is None)
