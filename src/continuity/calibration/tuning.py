"""From labels to limits with a promise: ``calibrate`` and what it gives back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from pathlib import Path as FilePath

import numpy as np

from continuity.calibration import accepted, parts, uses
from continuity.calibration.choosing import Judged, Path, Target, certified, path_of
from continuity.calibration.labels import Drawn, Labels
from continuity.calibration.measuring import Gates, OnMeasured, Remembered, Row, digested, measured
from continuity.calibration.outcome import Tuning, outcome
from continuity.calibration.paths import first_steps
from continuity.calibration.refusals import bound_at, check_size, not_shown
from continuity.errors import NotEnoughLabels, UsageError
from continuity.gate import Gate
from continuity.records import Tolerance
from continuity.statistics import bounds
from continuity.tolerances import Promise, Tolerances

TUNING_SHARE = 1 / 3  # of the shots choose the path; the others verify, where numbers count most
CONFLICTS = ("refuse", "reject")


def calibrate(
    gate: Gate | Mapping[str, Gate],
    labels: Labels,
    max_bad_share: float = 0.02,
    confidence: float = 0.95,
    *,
    base_rate: float | None = None,
    tuning_share: float = TUNING_SHARE,
    conflicts: str = "refuse",
    reuse: bool = False,
    measurements: str | os.PathLike[str] | None = None,
    on_measured: OnMeasured | None = None,
) -> Tuning:
    """Limits under which at most ``max_bad_share`` of the kept shots are bad, shown on labels that did not choose them.

    The labels are split by shot, and by person where nobody has most of the shots. One part chooses an ordered path of
    whole limit vectors and where to start on it; on the other, limits go looser step by step while an exact binomial
    test shows the promise, and the last that passes is shipped. The promise is wrong with probability
    ``1 - confidence`` at most. It holds for the stream of the labels, and for shots that get as many candidates judged
    as these did. Where a proposer that learns chose some of them, a note says that its draws may move away from what
    was judged. The gate is not changed.

    Labels of an accepted stream never loosen the gate that accepted them. Where a ledger says under which limits they
    were accepted, only those of this very gate count; where nobody says, no limit goes above the highest value seen.

    Args:
        gate: measures the candidates; or one gate for each person of the labels, alike but for their identity.
        labels: what people said, and how the candidates were drawn.
        max_bad_share: promised share of bad ones among kept shots.
        confidence: probability with which a promise that is made holds.
        base_rate: share of good candidates in the stream; needed for labels of another mix, and only there.
        tuning_share: share of the shots that chooses; 0 verifies the limits of the gate as they are with all labels.
        conflicts: ``refuse`` where people disagree, or ``reject``: what somebody rejected counts as rejected.
        reuse: verify again with labels that have verified before, at half the risk each time. The risk is kept only
            where whoever chose what is verified now has not seen how these labels came out before: picking limits off
            the page of an earlier run and verifying them on the same labels shows nothing. A request that is the
            same in all points is answered as before and is no new use.
        measurements: a JSONL file that remembers measurements, so that nothing is measured twice.
        on_measured: called with (done, all) after each candidate.

    Raises:
        NotEnoughLabels: the labels cannot show the promise; says what they can.
        UsageError: an argument, labels that do not say how they were drawn, conflicts, or labels used before.
        MissingPiece, EnrolmentError, ToleranceError: as the gate says.
    """
    _check_shares(max_bad_share, confidence, tuning_share, base_rate, conflicts)
    given: object = labels
    if not isinstance(given, Labels):
        raise UsageError(f"labels were wanted, got {given!r}: open them with ct.Labels.open(path)")
    if labels.drawn is None:
        raise UsageError(
            "labels that say how they were drawn were wanted: --drawn accepted-stream, in Python "
            "Labels.open(..., drawn='accepted-stream') (this gate accepted them on the stream it will run on, then a "
            "person judged), or 'other mix' (then with --base-rate, base_rate), or a column named drawn"
        )
    stream = labels.drawn is Drawn.ACCEPTED_STREAM
    if stream == (base_rate is not None) or not 0 < (base_rate or 0.5) < 1:
        raise UsageError(
            f"a base rate above 0 and below 1 goes with labels of another mix and only with them: these are "
            f"{labels.drawn}, base_rate = {base_rate}"
        )
    if not labels.items:
        raise UsageError(
            f"labels were wanted, all {len(labels.waiting)} candidates here still wait for one: judge some"
        )
    gates = Gates(gate)
    with_digests, openers = digested(labels)
    gates.check(with_digests)
    if stream:
        with_digests = accepted.of_this_gate(gates, with_digests)
    with_digests = replace(with_digests, notes=(*with_digests.notes, *accepted.learned(with_digests)))
    merged = with_digests.merged(conflicts_reject=conflicts == "reject")
    remembered = Remembered(None if measurements is None else FilePath(measurements))
    rows, unread = measured(gates, merged, openers, remembered=remembered, on_measured=on_measured)
    rows = _by_shot(rows)
    limits = np.array([tolerance.limit for tolerance in gates.limits])
    judged, apart = _judged(rows, tuning_share)
    if stream:
        _check_accepted(judged, limits)
    target = Target(max_share=max_bad_share, risk=1 - confidence, base_rate=base_rate)
    path = _path(judged, limits, target, stream=stream, tuning=tuning_share > 0)
    if stream and accepted.from_files(merged):
        path, notes = _within_seen(judged, path, gates.keys, tuning=tuning_share > 0)
        with_digests = replace(with_digests, notes=(*with_digests.notes, *notes))
    check_size(judged, path, target)
    verifying = [row.label.subject for row, verifies in zip(rows, judged.verification, strict=True) if verifies]
    use = uses.begin(
        merged,
        verifying,
        reuse=reuse,
        max_bad_share=max_bad_share,
        confidence=confidence,
        request=_request(rows, judged, path, target, gates, merged),
    )
    target = replace(target, risk=target.risk / 2 ** (use - 1))
    step, counts = certified(judged, path, target)
    if step is None:
        raise not_shown(counts, path.start, target)
    promise = Promise(
        max_bad_share=max_bad_share,
        confidence=1 - target.risk,
        route=str(labels.drawn),
        stream=labels.stream,
        kept=int(counts.kept[step] if stream else counts.false_accepts[step] + counts.true_accepts[step]),
        bad=int(counts.bad[step] if stream else counts.false_accepts[step]),
        bound=bound_at(counts, step, target),
        base_rate=base_rate,
        use=use,
        expects=gates.expects,
    )
    return outcome(
        tolerances=Tolerances(_tolerances(gates, judged, path.limits[step], promise), promise),
        target=target,
        judged=judged,
        path=path,
        step=step,
        rows=rows,
        labels=with_digests,
        keys=gates.keys,
        unread=tuple(unread),
        apart=apart,
    )


def _check_shares(
    max_bad_share: float, confidence: float, tuning_share: float, base_rate: float | None, conflicts: str
) -> None:
    for name, share in (("max_bad_share", max_bad_share), ("confidence", confidence)):
        if not (_number(share) and 0 < share < 1):  # NaN is neither
            raise UsageError(f"{name} is a share above 0 and below 1, got {share!r}")
    if not (_number(tuning_share) and 0 <= tuning_share < 1):
        raise UsageError(f"tuning_share is a share from 0 up and below 1, got {tuning_share!r}")
    if not (base_rate is None or _number(base_rate)):
        raise UsageError(f"base_rate is a share above 0 and below 1, got {base_rate!r}")
    if conflicts not in CONFLICTS:
        raise UsageError(f"conflicts is one of {', '.join(CONFLICTS)}, got {conflicts!r}")


def _number(value: object) -> bool:
    return isinstance(value, Real)


def _by_shot(rows: list[Row]) -> list[Row]:
    """The rows of a shot together, in the order in which they came."""
    number = {shot: i for i, shot in enumerate(dict.fromkeys(row.label.shot for row in rows))}
    return sorted(rows, key=lambda row: number[row.label.shot])


def _judged(rows: list[Row], tuning_share: float) -> tuple[Judged, str]:
    names = [row.label.shot for row in rows]
    part, apart = parts.verification_part(names, [row.label.person for row in rows], tuning_share)
    number = {shot: i for i, shot in enumerate(dict.fromkeys(names))}
    judged = Judged(
        values=np.array([row.values for row in rows], dtype=np.float64),
        bad=np.array([not row.label.accept for row in rows], dtype=np.bool_),
        shots=np.array([number[shot] for shot in names], dtype=np.int64),
        verification=part,
    )
    return judged, apart


def _check_accepted(judged: Judged, limits: np.ndarray) -> None:
    """What this gate accepted passes its limits; else the labels are not what they are said to be."""
    outside = int((first_steps(judged.values, limits[None, :]) > 0).sum())
    if outside:
        raise UsageError(
            f"labels of what this gate accepted were wanted, {outside} of {len(judged.values)} candidates do not pass "
            "it: give the gate the limits under which they were accepted, or say drawn='other mix'"
        )


def _path(judged: Judged, limits: np.ndarray, target: Target, *, stream: bool, tuning: bool) -> Path:
    """The path: for what a gate accepted never looser than that gate, since of what it refused nothing is known."""
    if not tuning:
        return Path(limits=limits[None, :], start=0)
    if not (~judged.bad & ~judged.verification).any():
        needed = bounds.sample_size(max_share=target.max_share, confidence=1 - target.risk)
        raise NotEnoughLabels(
            "accepted candidates were wanted among the labels that choose the limits, there is none: judge more",
            needed=needed,
            have=0,
            can_promise=1.0,
        )
    loosest = limits if stream else np.full(len(limits), np.inf)
    path = path_of(judged, loosest, target)
    usable = np.where(np.isfinite(path.limits), path.limits, limits)  # a metric that never measured one keeps its limit
    return Path(limits=np.maximum(usable, 0.0), start=path.start)


def _within_seen(judged: Judged, path: Path, keys: tuple[str, ...], *, tuning: bool) -> tuple[Path, list[str]]:
    """The path with no limit above the highest value that was seen to be accepted; and what people should know.

    Of files nobody recorded under which limits they were accepted: if those were stricter than the gate's, what lies
    between the two was never seen. Values of the part that chooses, so that the path owes the other one nothing; where
    no part chooses, all values. Labels are not looked at.
    """
    values = judged.values[~judged.verification] if tuning else judged.values
    highest = np.where(np.isfinite(values), values, -np.inf).max(axis=0, initial=-np.inf)
    never = [key for key, one in zip(keys, highest, strict=True) if not np.isfinite(one)]
    limits = np.minimum(path.limits, np.where(np.isfinite(highest), np.maximum(highest, 0.0), np.inf))
    notes = [f"{key} never measured a value in these labels: its limit is taken on trust" for key in never]
    if not tuning and (limits < path.limits).any():
        notes.append("limits are lowered to the highest value that was judged: above it nothing is known")
    kept = np.append(True, np.any(np.diff(limits, axis=0) > 0, axis=1))
    return Path(limits=limits[kept], start=int(np.cumsum(kept)[path.start]) - 1), notes


def _request(rows: list[Row], judged: Judged, path: Path, target: Target, gates: Gates, labels: Labels) -> str:
    """A digest of all that an answer follows from."""
    said = [(row.label.subject, row.label.accept, row.label.shot, row.values) for row in rows]
    made = [(one.key, one.limit, one.scale, gates.first.instruments[one.key].digest) for one in gates.limits]
    rest = (judged.verification.tolist(), path.limits.tolist(), path.start, made, sorted(gates.expects.items()))
    whole = repr((said, rest, target, str(labels.drawn), labels.stream, gates.identity))
    return hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _tolerances(gates: Gates, judged: Judged, limits: np.ndarray, promise: Promise) -> tuple[Tolerance, ...]:
    """The limits as tolerances, each with its instrument; the scale is how far good candidates spread upwards."""
    values = judged.values[~judged.bad & ~judged.verification]
    made = []
    for key, old, limit, column in zip(gates.keys, gates.limits, limits, values.T, strict=True):
        finite = column[np.isfinite(column)]
        spread = float(np.quantile(finite, 0.95) - np.quantile(finite, 0.5)) if finite.size else 0.0
        instrument = gates.first.instruments[key]
        made.append(
            Tolerance(
                key=key,
                limit=float(limit),
                scale=spread if spread > 0 else old.scale,
                instrument=instrument.digest,
                instrument_name=instrument.name,
                identity=gates.identity,
                calibrated=True,
                evidence=f"{promise}; {len(values)} accepted candidates chose the path; "
                f"stream {promise.stream or 'not named'}",
            )
        )
    return tuple(made)
