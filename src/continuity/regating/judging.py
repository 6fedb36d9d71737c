"""Columns of stored measurements, judged at once under other limits.

What was not measured is unknown, never a pass. A fail is certain whatever was skipped: a gate is an AND.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from continuity.errors import ToleranceError, UsageError
from continuity.gate import Gate, verdict_of
from continuity.ledger import NOTHING, STATUSES, Column, Columns, Ledger
from continuity.records import Expect, Instrument, Measurement, State, Status, Tolerance, Verdict
from continuity.tolerances import BY_HAND, Given, Tolerances, resolve

UNKNOWN = -1  # in ``Judged.verdicts``; the others are ranks of verdicts
VERDICTS = tuple(Verdict)  # by rank
PASS, INCONCLUSIVE, FAIL = (verdict.rank for verdict in (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL))
JUDGED = frozenset((State.ACCEPTED, State.REJECTED, State.INCONCLUSIVE))  # states of candidates with a picture
Codes: TypeAlias = NDArray[np.int8]
Reading: TypeAlias = Callable[[int, str], Measurement | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """How one metric is judged: as which instrument, with what the shot expects, under which limit."""

    instrument: Instrument
    expect: Expect
    tolerance: Tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a candidate is judged by: an identity, one term per metric key, and what must be said of the limits."""

    identity: str
    terms: Mapping[str, Term]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Verdicts on the candidates of some columns, in their order.

    Attributes:
        verdicts: int8, rank of the verdict, or :data:`UNKNOWN`.
        worst: float64, largest normalised excess of all metrics that have one, NaN where none has.
        worst_key: the metric that has it, empty where none has.
        by_metric: the same as ``verdicts``, of each metric alone.
    """

    verdicts: Codes
    worst: NDArray[np.float64]
    worst_key: tuple[str, ...]
    by_metric: Mapping[str, Codes]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """The candidates of some columns judged again; without ``judged`` a reason why none of them could be."""

    columns: Columns
    judged: Judged | None
    reason: str = ""
    warnings: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)


def judge_all(ledger: Ledger, columns: Sequence[Columns], given: Gate | Given) -> tuple[Group, ...]:
    """Judges the stored measurements of all columns under limits, or by a gate.

    Raises:
        UnknownKey, ToleranceError, InstrumentMismatch: the limits fit none of them.
        MissingPiece, EnrolmentError: as the gate says.
    """
    wanted = terms_of_gate(given) if isinstance(given, Gate) else None
    groups, refused = [], list[ToleranceError | UsageError]()
    for one in columns:
        recorded = recorded_terms(ledger, one)
        terms = wanted
        if recorded is not None and not isinstance(given, Gate):
            try:
                terms = under(recorded, given, one.stream)
            except (ToleranceError, UsageError) as cause:
                refused.append(cause)
                groups.append(Group(columns=one, judged=None, reason=str(cause)))
                continue
        if terms is None:
            groups.append(Group(columns=one, judged=None))
            continue
        judged = judge(one, recorded, terms, partial(_measurement, ledger))
        limits = {key: term.tolerance.limit for key, term in terms.terms.items()}
        groups.append(Group(columns=one, judged=judged, warnings=terms.warnings, limits=limits))
    if refused and all(group.judged is None for group in groups):
        raise refused[0]
    return tuple(groups)


def recorded_terms(ledger: Ledger, columns: Columns) -> Terms | None:
    """What the candidates of some columns were measured as and judged by then; None where nothing was.

    One report speaks for all of them: instruments, identity and expectations are part of shot and stream.
    """
    first = next((at for at, state in enumerate(columns.states) if state in JUDGED), None)
    report = None if first is None else ledger.report(int(columns.ids[first]))
    if report is None:
        return None
    return Terms(
        identity=report.measurements.identity,
        terms={
            f.key: Term(instrument=f.measurement.instrument, expect=f.measurement.expect, tolerance=f.tolerance)
            for f in report
            if f.measurement.instrument is not None and f.tolerance is not None
        },
    )


def under(recorded: Terms, given: Given, stream: str = "") -> Terms:
    """The recorded terms under other limits; a limit that ``given`` leaves out stays as it was.

    Raises:
        UnknownKey: a limit for a metric that was not measured.
        ToleranceError: one that cannot be used.
        InstrumentMismatch: one that was tuned on another instrument.
    """
    before = {key: term.tolerance for key, term in recorded.terms.items()}
    instruments = {key: term.instrument for key, term in recorded.terms.items()}
    if isinstance(given, Tolerances):
        merged: Given = Tolerances(tuple({**before, **{t.key: t for t in given}}.values()), given.promise)
    elif isinstance(given, Mapping):
        merged = {**before, **{key: _typed(key, entry, before.get(key)) for key, entry in given.items()}}
    else:
        merged = before if given is None else given  # resolve says what is wrong with it
    chosen, warnings = resolve(merged, instruments, recorded.identity, stream)
    terms = {key: replace(term, tolerance=chosen[key]) for key, term in recorded.terms.items()}
    return Terms(identity=recorded.identity, terms=terms, warnings=warnings)


def terms_of_gate(gate: Gate) -> Terms:
    """What a gate judges by."""
    instruments, tolerances = gate.instruments, gate.tolerances
    return Terms(
        identity=gate.identity.digest,
        terms={
            m.key: Term(instrument=instruments[m.key], expect=Expect(m.expect), tolerance=tolerances[m.key])
            for m in gate.metrics
        },
    )


def judge(columns: Columns, recorded: Terms | None, terms: Terms, reading: Reading) -> Judged:
    """Judges what is stored of the candidates by ``terms``; metrics that nothing has a term for do not count.

    Args:
        columns: what is stored.
        recorded: what it was measured as; None where nothing was.
        terms: what to judge by. A measurement counts where identity, key, instrument and expectation are the same.
        reading: the whole measurement of a candidate by metric key, for what is not expected: one frame decides.
    """
    size = len(columns)
    verdicts = np.full(size, PASS, dtype=np.int8)
    unknown = np.full(size, not terms.terms)
    worst, worst_at = np.full(size, -np.inf), np.full(size, -1)
    checked = np.zeros(size, dtype=bool)
    same_identity = recorded is not None and recorded.identity == terms.identity
    keys = tuple(terms.terms)
    by_metric = {key: np.full(size, UNKNOWN, dtype=np.int8) for key in keys}
    for place, (key, term) in enumerate(terms.terms.items()):
        was = recorded.terms.get(key) if recorded is not None and same_identity else None
        column = columns.metrics.get((key, term.instrument.digest))
        if column is None or was is None or was.expect is not term.expect:
            unknown[:] = True
            continue
        codes = by_metric[key] = _codes(columns, key, term, column, reading)
        unknown |= codes == UNKNOWN
        checked |= column.status != STATUSES.index(Status.NOT_MEASURABLE)
        verdicts = np.maximum(verdicts, codes)
        if term.expect is not Expect.NOT_EXPECTED:
            excess = (column.value - term.tolerance.limit) / term.tolerance.scale
            larger = excess > worst  # False for NaN
            worst[larger], worst_at[larger] = excess[larger], place
    verdicts[(verdicts == PASS) & ~checked] = INCONCLUSIVE  # as the gate: nothing checked is no pass
    verdicts[unknown & (verdicts != FAIL)] = UNKNOWN
    return Judged(
        verdicts=verdicts,
        worst=np.where(worst_at < 0, np.nan, worst),
        worst_key=tuple(keys[at] if at >= 0 else "" for at in worst_at.tolist()),
        by_metric=by_metric,
    )


def _codes(columns: Columns, key: str, term: Term, column: Column, reading: Reading) -> Codes:
    """The rank of the verdict of one metric on each candidate, :data:`UNKNOWN` where it did not measure."""
    ranks = np.full(len(STATUSES) + 1, UNKNOWN, dtype=np.int8)  # the last one is what NOTHING indexes
    for code, status in enumerate(STATUSES):
        if status in (Status.ABSENT, Status.NOT_MEASURABLE):
            seen = Measurement(key=key, unit="", expect=term.expect, status=status)
            ranks[code] = verdict_of(seen, term.tolerance)[0].rank
    codes = ranks[np.where(column.status == NOTHING, len(STATUSES), column.status)]
    measured = (column.status == STATUSES.index(Status.MEASURED)) & ~np.isnan(column.value)
    within = column.value <= term.tolerance.limit
    if term.expect is not Expect.NOT_EXPECTED:
        codes[measured] = np.where(within[measured], PASS, FAIL)
        if term.expect is Expect.IF_MEASURABLE:  # why it could not be measured decides, and stands in the report alone
            blind = column.status == STATUSES.index(Status.NOT_MEASURABLE)
            _as_whole(columns, key, term, reading, np.flatnonzero(blind), codes)
        return codes
    codes[measured & within] = FAIL
    blind = column.status == STATUSES.index(Status.NOT_MEASURABLE)  # and yet seen in a frame: that is enough
    _as_whole(columns, key, term, reading, np.flatnonzero(blind | measured & ~within), codes)
    return codes


def _as_whole(columns: Columns, key: str, term: Term, reading: Reading, places: NDArray[np.intp], codes: Codes) -> None:
    """Sets the codes at ``places`` to the verdict on the whole measurement, where it is stored."""
    for at in places:
        seen_whole = reading(int(columns.ids[at]), key)
        if seen_whole is not None:
            codes[at] = verdict_of(seen_whole, term.tolerance)[0].rank


def _measurement(ledger: Ledger, candidate: int, key: str) -> Measurement | None:
    report = ledger.report(candidate)
    return None if report is None else next((m for m in report.measurements if m.key == key), None)


def _typed(key: str, entry: object, before: Tolerance | None) -> float | Tolerance:
    """A limit typed by hand keeps the scale by which the misses were compared."""
    if before is not None and isinstance(entry, int | float) and type(entry) is not bool:
        return Tolerance(key=key, limit=float(entry), scale=before.scale, evidence=BY_HAND)
    return entry  # type: ignore[return-value]  # resolve says what is wrong with it
