"""A gate for a changed identity that is otherwise what the shots of a ledger were judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from continuity.errors import UsageError
from continuity.gate import Gate
from continuity.identity import Identity
from continuity.interfaces import Backends
from continuity.ledger import Ledger, ShotRow
from continuity.metrics import OFF, metrics_for
from continuity.records import Tolerance
from continuity.regating.judging import Term, recorded_terms
from continuity.tolerances import Given, Tolerances


def gate_like(
    ledger: Ledger,
    identity: Identity,
    *,
    tolerances: Given = None,
    expects: Mapping[str, str] | None = None,
    shots: Sequence[ShotRow] | None = None,
    backends: Backends | None = None,
) -> Gate:
    """A gate for ``identity`` under the limits and expectations that the shots had, save those that are given.

    Of a shot with several revisions the latest counts.

    Raises:
        UsageError: shots had different limits or expectations for a metric, and none is given.
        UnknownKey, ToleranceError, InstrumentMismatch, EnrolmentError, MissingPiece: as the gate says.
    """
    rows = list(ledger.shots() if shots is None else shots)
    latest = {row.name: row for row in rows}
    found: dict[str, Term] = {}
    limits: dict[str, float | Tolerance] = _typed(tolerances)
    expected = dict(expects or {})
    for columns in ledger.columns(list(latest.values())):
        recorded = recorded_terms(ledger, columns)
        for key, term in recorded.terms.items() if recorded else ():
            other = found.setdefault(key, term)
            differ = [
                word
                for word, given, differs in (
                    ("limit", key in limits, _limit(other) != _limit(term)),
                    ("expect", key in expected, other.expect is not term.expect),
                )
                if differs and not given
            ]
            if differ:
                raise UsageError(
                    f"{key}: one {differ[0]} for all shots was wanted, {columns.shot.name!r} had another one than the "
                    f"shots before it: give --{differ[0]} {key}=..., or one --shot at a time"
                )
    there = {metric.key for metric in metrics_for(identity, {})}
    unasked = {} if "hands" in found else {"hands": OFF}  # nobody enrols hands: shots that left them out still do
    kept = {key: term for key, term in found.items() if key in there}
    promise = tolerances.promise if isinstance(tolerances, Tolerances) else None
    merged: dict[str, float | Tolerance] = {**{key: term.tolerance for key, term in kept.items()}, **limits}
    objects = tuple(one for one in merged.values() if isinstance(one, Tolerance))
    gate = Gate.for_identity(
        identity,
        tolerances=Tolerances(objects, promise) if len(objects) == len(merged) else merged,
        expects={**unasked, **{key: str(term.expect) for key, term in kept.items()}, **expected},
        backends=backends,
    )
    gate.check()
    return gate


def _typed(given: Given) -> dict[str, float | Tolerance]:
    if isinstance(given, Tolerances):
        return {one.key: one for one in given}
    return dict(given or {})


def _limit(term: Term) -> tuple[float, float]:
    return term.tolerance.limit, term.tolerance.scale
