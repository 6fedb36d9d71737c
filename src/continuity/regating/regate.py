"""What was already rendered, judged again: after a client changed a limit, the tie or the grade."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

from continuity.errors import LedgerError, MediaError, MissingPiece, ModelError
from continuity.gate import Gate
from continuity.ledger import Ledger, ShotRow
from continuity.records import Report, State, Verdict
from continuity.regating.judging import JUDGED, UNKNOWN, VERDICTS, Group, judge_all
from continuity.tolerances import Given

log = logging.getLogger(__name__)

FORMAT = 1
OnMeasured: TypeAlias = Callable[[int, int], None]


class Source(StrEnum):
    """What a verdict rests on."""

    MEASUREMENTS = "measurements"  # as they are in the ledger
    FEATURES = "features"  # measured on what models said of it
    MEDIA = "media"  # measured again
    NONE = "cannot be judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """One candidate with a picture, judged again.

    Attributes:
        candidate: its number in the ledger; ``shot``, ``revision`` and ``index`` say which one it is.
        before: its state in the ledger, which stays as it is.
        now: the verdict under the new limits; None where it cannot be judged.
        source: what ``now`` rests on.
        worst_excess: largest normalised excess, of ``worst_key``; None where there is none.
        reason: why it cannot be judged.
        kept: it is the kept one of its shot.
        accepted_by_person: a person's last word on it, which outranks both verdicts; None where there is none.
        media: its full media in the store, empty where only a thumbnail is there.
    """

    candidate: int
    shot: str
    revision: int
    index: int
    before: State
    now: Verdict | None
    source: Source
    worst_excess: float | None
    worst_key: str
    reason: str
    kept: bool
    accepted_by_person: bool | None
    media: str

    def to_json(self) -> dict[str, Any]:
        """A plain mapping with ``format = 1``."""
        row = {name: getattr(self, name) for name in self.__dataclass_fields__}
        now = None if self.now is None else str(self.now)
        return {"format": FORMAT, **row, "before": str(self.before), "now": now, "source": str(self.source)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Regating:
    """Every candidate with a picture, judged again; nothing of it is written to the ledger.

    Attributes:
        items: in the order of the shots and candidates.
        without_picture: candidates that never became a picture (failed, aborted, lost) or still run.
        warnings: what must be said of the new limits.
    """

    items: tuple[Rejudged, ...]
    without_picture: int
    warnings: tuple[str, ...] = ()

    @property
    def passing(self) -> tuple[Rejudged, ...]:
        """What passes now and no person rejected, the furthest inside its limits first."""
        found = [one for one in self.items if one.now is Verdict.PASS and one.accepted_by_person is not False]
        return tuple(sorted(found, key=lambda o: -math.inf if o.worst_excess is None else o.worst_excess))

    @property
    def newly_passing(self) -> tuple[Rejudged, ...]:
        """Those of :attr:`passing` that were not accepted before."""
        return tuple(one for one in self.passing if one.before is not State.ACCEPTED)

    @property
    def no_longer_passing(self) -> tuple[Rejudged, ...]:
        """What was accepted, and fails now or is inconclusive; what cannot be judged is not among them."""
        found = (one for one in self.items if one.before is State.ACCEPTED)
        return tuple(one for one in found if one.now not in (None, Verdict.PASS))

    @property
    def kept_in_doubt(self) -> tuple[Rejudged, ...]:
        """Kept candidates that do not pass now, or cannot be judged."""
        return tuple(one for one in self.items if one.kept and one.now is not Verdict.PASS)

    @property
    def changes(self) -> Mapping[tuple[State, Verdict | None], int]:
        """How many candidates of each state have which verdict now."""
        return Counter((one.before, one.now) for one in self.items)

    @property
    def sources(self) -> Mapping[Source, int]:
        """What the verdicts rest on."""
        counts = Counter(one.source for one in self.items)
        return {source: counts[source] for source in Source}

    def to_json(self) -> dict[str, Any]:
        """The summary as a plain mapping with ``format = 1``; the items have forms of their own."""
        return {
            "format": FORMAT,
            "candidates": len(self.items),
            "without_picture": self.without_picture,
            "passing": [one.candidate for one in self.passing],
            "newly_passing": [one.candidate for one in self.newly_passing],
            "no_longer_passing": [one.candidate for one in self.no_longer_passing],
            "kept_in_doubt": [one.candidate for one in self.kept_in_doubt],
            "sources": {str(source): count for source, count in self.sources.items()},
            "warnings": list(self.warnings),
        }


def regate(
    ledger: Ledger,
    given: Gate | Given,
    *,
    shots: Sequence[ShotRow] | None = None,
    on_measured: OnMeasured | None = None,
) -> Regating:
    """Judges what was already rendered under other limits or against another identity. The ledger is only read.

    A candidate is judged from its stored measurements where they are complete, of the same instruments, identity and
    expectations, or show a certain fail. Else, where a gate is given, it is measured again: on its stored features
    where they are there and suffice, or on its full media where they are in the store. Else it cannot be judged.

    Args:
        ledger: what was rendered.
        given: a gate; or limits, under which the stored measurements alone are judged: what they leave out stays as it
            was for each shot.
        shots: revisions of shots; all if None.
        on_measured: called with (done, all) while candidates are measured again.

    Raises:
        UnknownKey, ToleranceError, InstrumentMismatch: the limits fit no shot of the ledger.
        MissingPiece, EnrolmentError: as the gate says.
    """
    groups = judge_all(ledger, ledger.columns(shots), given)
    items = [_item(group, at) for group in groups for at, state in enumerate(group.columns.states) if state in JUDGED]
    if isinstance(given, Gate):
        items = _measured_again(ledger, given, items, groups, on_measured)
    warnings = dict.fromkeys(text for group in groups for text in group.warnings)
    rendered = sum(len(group.columns) for group in groups)
    return Regating(items=tuple(items), without_picture=rendered - len(items), warnings=tuple(warnings))


def _item(group: Group, at: int) -> Rejudged:
    columns, judged, reason = group.columns, group.judged, group.reason
    code = UNKNOWN if judged is None else int(judged.verdicts[at])
    known = code != UNKNOWN
    excess = math.nan if judged is None else float(judged.worst[at])
    candidate, media = int(columns.ids[at]), columns.media[at]
    if not known and not reason:
        there = "its full media are stored, a gate could measure them" if media else "only a thumbnail is stored"
        reason = f"its measurements are not complete, and {there}"
    return Rejudged(
        candidate=candidate,
        shot=columns.shot.name,
        revision=columns.shot.revision,
        index=int(columns.indices[at]),
        before=columns.states[at],
        now=VERDICTS[code] if known else None,
        source=Source.MEASUREMENTS if known else Source.NONE,
        worst_excess=excess if known and math.isfinite(excess) else None,
        worst_key=judged.worst_key[at] if judged is not None and known else "",
        reason="" if known else reason,
        kept=columns.shot.kept == candidate,
        accepted_by_person=columns.accepted_by_person[at],
        media=media,
    )


def _measured_again(
    ledger: Ledger,
    gate: Gate,
    items: Sequence[Rejudged],
    groups: Iterable[Group],
    on_measured: OnMeasured | None,
) -> list[Rejudged]:
    """The items, those that measurements do not settle judged by what is stored of their pictures."""
    known = (group.columns for group in groups)
    digests = {int(number): digest for c in known for number, digest in zip(c.ids, c.digests, strict=True)}
    stored = {one.candidate for one in items if one.now is None and (one.media or ledger.features.has(one.candidate))}
    total = len(stored)
    found, done = [], 0
    for one in items:
        if one.candidate in stored:
            one = _again(ledger, gate, one, digests[one.candidate])
            done += 1
            if on_measured:
                on_measured(done, total)
        found.append(one)
    return found


def _again(ledger: Ledger, gate: Gate, one: Rejudged, digest: str) -> Rejudged:
    features = ledger.features.open(one.candidate, digest)
    recalled = None if features is None else gate.recall(features)
    if recalled is not None:
        return _judged(one, recalled, Source.FEATURES)
    if not one.media:
        return one
    try:
        report = gate.inspect(ledger.media.open_as(one.media, digest), stop_early=True)
    except MissingPiece:
        raise  # nothing is wrong with the candidate: the machine must be mended
    except (MediaError, LedgerError, ModelError) as cause:
        log.warning("candidate %d cannot be judged again: %s", one.candidate, cause)
        return replace(one, reason=str(cause))
    return _judged(one, report, Source.MEDIA)


def _judged(one: Rejudged, report: Report, source: Source) -> Rejudged:
    excess = report.worst_excess
    key = next((f.key for f in report if excess is not None and f.normalised_excess == excess), "")
    return replace(one, now=report.verdict, source=source, worst_excess=excess, worst_key=key, reason="")
