"""What a calibration gives back: the limits, and everything that people ask next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from continuity.calibration.choosing import Judged, Path, Target
from continuity.calibration.labels import Agreement, Labels
from continuity.calibration.measuring import Row
from continuity.calibration.paths import first_steps, kept_along, kept_at
from continuity.display import Shown, View
from continuity.statistics import bounds
from continuity.tolerances import Promise, Tolerances

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the path, on the verification part: from strict to loose, what it costs and what it lets through.

    ``passing`` is the share of good candidates that are accepted, ``ratio`` as in :class:`Tuning`; None where nothing
    is kept or there is no good candidate. ``kept`` are shots, ``bad`` of them keep a bad one; with labels of another
    mix both are candidates that pass.
    """

    limits: tuple[float, ...]
    passing: float | None
    ratio: float | None
    kept: int
    bad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """What the gate would do without one metric, all other limits as shipped."""

    key: str
    kept: int
    bad: int
    passing: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One identity of the verification part under the shipped limits; ``bound`` is for it alone."""

    name: str
    kept: int
    bad: int
    bound: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning(Shown):
    """Limits with their promise, and what it costs to keep it.

    Attributes:
        tolerances: new ones, bound to instruments, with the promise; save them with ``tolerances.save(path)``.
        keys: the metrics, in the order of all limits here.
        tuning_shots: shots that chose the path; ``verification_shots`` verified it.
        kept_apart: what no two parts share: ``people`` or ``shots``.
        power: how often so many kept shots pass if truly half as many are bad as promised.
        good: candidates of the verification part that people accepted; ``false_rejects`` of them fail,
            ``inconclusive`` could not be measured.
        ratio: expected generation ratio: ``ratio_of`` per kept shot. Candidates rendered where the labels come from a
            ledger, else those that were judged; of another mix candidates per accepted one, at the base rate.
        ratio_of: what the ratio counts.
        unjudged_shots: verification shots that keep nothing of what was judged. What they keep when they are rendered
            on is not in the promise.
        curve: every step of the path on the verification part; ``curve[start]`` was tested first, ``curve[shipped]`` is
            shipped. Whoever picks limits off it has to verify them on other labels.
        tuning_curve: the same steps on the part that chose them: of it everybody may look at all; empty without one.
        without: what the gate loses without each metric, on the part that chose the path; where none did, on the
            other.
        people: the worst identity first.
        agreement: of every two raters.
        duplicates: labels that said the same of the same media once more.
        conflicts: candidates on which people disagree; they count as rejected.
        unread: files that could not be decoded: never accepted.
    """

    tolerances: Tolerances
    keys: tuple[str, ...]
    tuning_shots: int
    verification_shots: int
    kept_apart: str
    power: float
    good: int
    false_rejects: int
    inconclusive: int
    ratio: float | None
    ratio_of: str
    unjudged_shots: int
    curve: tuple[Step, ...]
    tuning_curve: tuple[Step, ...]
    start: int
    shipped: int
    without: tuple[Without, ...]
    people: tuple[Person, ...]
    agreement: tuple[Agreement, ...]
    duplicates: int
    conflicts: tuple[str, ...]
    unread: tuple[str, ...]
    notes: tuple[str, ...]
    judged: Judged = field(repr=False)

    @property
    def promise(self) -> Promise:
        """What was shown, and for which stream."""
        assert self.tolerances.promise is not None  # noqa: S101  (a tuning without one is never made)
        return self.tolerances.promise

    def __repr__(self) -> str:
        return f"<Tuning: {self.promise}>"

    def _view(self) -> View:
        from continuity.calibration.showing import view_of

        return view_of(self)

    def to_json(self) -> dict[str, Any]:
        """A plain mapping with ``format = 1``."""
        names = [name for name in self.__dataclass_fields__ if name not in ("tolerances", "judged", "curve")]
        row = {name: _plain(getattr(self, name)) for name in names}
        return {
            "format": FORMAT,
            "promise": asdict(self.promise),
            "tolerances": [asdict(tolerance) for tolerance in self.tolerances],
            **row,
            "shipped_step": _plain(self.curve[self.shipped]),
            "verification_curve_never_pick_limits_off_it": _plain(self.curve),
        }


def outcome(
    *,
    tolerances: Tolerances,
    target: Target,
    judged: Judged,
    path: Path,
    step: int,
    rows: Sequence[Row],
    labels: Labels,
    keys: tuple[str, ...],
    unread: tuple[str, ...],
    apart: str,
) -> Tuning:
    """Everything that the verification part shows of the path and of the step that is shipped."""
    part = judged.verification
    values, bad = judged.values[part], judged.bad[part]
    stream = target.base_rate is None
    shots = judged.shots[part] if stream else np.arange(len(bad))  # of another mix nothing is kept: candidates count
    people = [row.label.person for row, verifies in zip(rows, part, strict=True) if verifies]
    first = first_steps(values, path.limits)
    mine = dict.fromkeys(row.label.shot for row, verifies in zip(rows, part, strict=True) if verifies)
    rendered = sum(labels.rendered.get(shot, 0) for shot in mine)
    curve = _curve(first, bad, shots, path, target, rendered or len(first))
    tuned = judged.values[~part], judged.bad[~part]
    tuning_curve: tuple[Step, ...] = ()
    its = shots
    if len(tuned[1]):
        its = judged.shots[~part] if stream else np.arange(len(tuned[1]))
        chose = dict.fromkeys(row.label.shot for row, verifies in zip(rows, part, strict=True) if not verifies)
        asked = sum(labels.rendered.get(shot, 0) for shot in chose)
        steps = first_steps(tuned[0], path.limits)
        tuning_curve = _curve(steps, tuned[1], its, path, target, asked or len(steps))
    accepted = first <= step
    blind = np.isnan(values).any(axis=1) & (np.nan_to_num(values, nan=-np.inf) <= path.limits[step]).all(axis=1)
    conflicts, promise = labels.conflicts(), tolerances.promise
    return Tuning(
        tolerances=tolerances,
        keys=keys,
        tuning_shots=judged.sizes[0],
        verification_shots=judged.sizes[1],
        kept_apart=apart,
        power=bounds.power(
            n=promise.kept if promise else 0,
            max_share=target.max_share,
            confidence=1 - target.risk,
            true_share=target.max_share / 2,
        ),
        good=int((~bad).sum()),
        false_rejects=int((~bad & ~accepted & ~blind).sum()),
        inconclusive=int((~bad & blind).sum()),
        ratio=curve[step].ratio,
        ratio_of="judged candidates" if stream and not rendered else "candidates",
        unjudged_shots=judged.sizes[1] - curve[step].kept if stream else 0,
        curve=curve,
        tuning_curve=tuning_curve,
        start=path.start,
        shipped=step,
        without=tuple(
            _without(*(tuned if len(tuned[1]) else (values, bad)), its, path.limits[step], i, key)
            for i, key in enumerate(keys)
        ),
        people=_people(kept_at(first, shots, step), bad, people, 1 - target.risk),
        agreement=labels.agreement(),
        duplicates=len(labels) - len(rows),
        conflicts=conflicts,
        unread=unread,
        notes=labels.notes,
        judged=judged,
    )


def _curve(
    first: np.ndarray, bad: np.ndarray, shots: np.ndarray, path: Path, target: Target, candidates: int
) -> tuple[Step, ...]:
    kept, kept_bad = kept_along(first, bad, shots, len(path.limits))
    made = []
    for number, limits in enumerate(path.limits):
        accepted = first <= number
        passing = _share(accepted & ~bad, ~bad)
        if target.base_rate is None:
            ratio = candidates / int(kept[number]) if kept[number] else None
        else:
            rate = target.base_rate * (passing or 0.0) + (1 - target.base_rate) * (_share(accepted & bad, bad) or 0.0)
            ratio = 1 / rate if rate else None
        made.append(
            Step(
                limits=tuple(map(float, limits)),
                passing=passing,
                ratio=ratio,
                kept=int(kept[number]),
                bad=int(kept_bad[number]),
            )
        )
    return tuple(made)


def _without(
    values: np.ndarray, bad: np.ndarray, shots: np.ndarray, limits: np.ndarray, number: int, key: str
) -> Without:
    others = np.delete(values, number, axis=1)
    first = first_steps(others, np.delete(limits, number)[None, :])
    kept, kept_bad = kept_along(first, bad, shots, 1)
    return Without(key=key, kept=int(kept[0]), bad=int(kept_bad[0]), passing=_share((first == 0) & ~bad, ~bad))


def _people(kept: np.ndarray, bad: np.ndarray, people: Sequence[str], confidence: float) -> tuple[Person, ...]:
    names = np.array(people)
    found = []
    for name in dict.fromkeys(people):
        mine = kept & (names == name)
        n, failures = int(mine.sum()), int((mine & bad).sum())
        bound = bounds.upper(failures=failures, n=n, confidence=confidence)
        found.append(Person(name=name, kept=n, bad=failures, bound=bound))
    return tuple(sorted(found, key=lambda p: (-(p.bad / p.kept if p.kept else 0.0), -p.bound, p.name)))


def _share(some: np.ndarray, of: np.ndarray) -> float | None:
    count = int(of.sum())
    return int(some.sum()) / count if count else None


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
