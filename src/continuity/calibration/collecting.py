"""Which candidates a person should look at next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from continuity.calibration.labels import Labels
from continuity.calibration.measuring import Gates, OnMeasured, Remembered, digested, measured
from continuity.calibration.parts import uniform
from continuity.gate import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class ToJudge:
    """A candidate that the gate accepted and nobody judged. ``first`` if it would be the first judged of its shot."""

    name: str
    shot: str
    first: bool


def to_judge(
    gate: Gate | Mapping[str, Gate],
    labels: Labels,
    *,
    measurements: Path | None = None,
    on_measured: OnMeasured | None = None,
) -> tuple[ToJudge, ...]:
    """The candidates without a label that the gate accepts, in the order in which they should be judged.

    Raises:
        UsageError, MissingPiece: as :func:`continuity.calibration.calibrate`.
    """
    if not labels.waiting:
        return ()
    gates = Gates(gate)
    waiting, openers = digested(replace(labels, items=labels.waiting))
    rows, _ = measured(gates, waiting, openers, remembered=Remembered(measurements), on_measured=on_measured)
    limits = [tolerance.limit for tolerance in gates.limits]
    accepted = [
        row.label for row in rows if all(value <= limit for value, limit in zip(row.values, limits, strict=True))
    ]
    return in_order([(label.shot, label.name) for label in accepted], {label.shot for label in labels.items})


def in_order(candidates: Sequence[tuple[str, str]], judged: Iterable[str]) -> tuple[ToJudge, ...]:
    """(shot, name) of candidates, in the order in which a shot rendered them, as a list of work.

    One of each shot first, since only kept shots count; which shot comes when is drawn by its name, never by a value:
    whoever looks at the suspicious ones first has other labels than the stream.
    """
    seen = set(judged)
    first: list[ToJudge] = []
    later: list[ToJudge] = []
    for shot, name in candidates:
        (later if shot in seen else first).append(ToJudge(name=name, shot=shot, first=shot not in seen))
        seen.add(shot)
    return tuple(sorted(first, key=lambda one: uniform(one.shot)) + sorted(later, key=lambda one: uniform(one.shot)))
