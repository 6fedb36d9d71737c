"""What a replay finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from continuity.ledger import CandidateRow, Ledger
from continuity.media import Media
from continuity.records import Cost, Finding, Json, Report, Verdict
from continuity.records.wire import plain
from continuity.replaying.comparing import PixelDifference

FORMAT = 1


class ReplayOutcome(StrEnum):
    """What a replay came to."""

    IDENTICAL = "identical"  # every pixel equal; or a failed candidate fails in the same words
    CLOSE = "close"  # within the tolerance, or all that is stored to compare with looks alike
    DIFFERENT = "different"
    INCONCLUSIVE = "inconclusive"  # nothing was recorded that it could be compared with


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it was recorded; None where it was not recorded, or is not there now."""

    name: str  # a dotted path
    recorded: Json
    now: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredAgain:
    """One metric, as recorded and as measured now; None where a gate did not have it or was not asked."""

    key: str
    recorded: Finding | None
    now: Finding | None

    @property
    def unit(self) -> str:
        """Unit of the values."""
        found = self.now or self.recorded
        return found.unit if found else ""

    @property
    def difference(self) -> float | None:
        """Value now - value recorded; None where one of them is missing or another instrument measured."""
        if self.recorded is None or self.now is None or not self.same_instrument:
            return None
        if self.recorded.value is None or self.now.value is None:
            return None
        return self.now.value - self.recorded.value

    @property
    def same_instrument(self) -> bool:
        """Whether both values come from one instrument: else they cannot be compared."""
        then, now = (_instrument(f) for f in (self.recorded, self.now))
        return then is not None and then == now

    @property
    def same_limit(self) -> bool:
        """Whether both were judged by one limit and one expectation."""
        if self.recorded is None or self.now is None:
            return False
        expects = [f.measurement.expect for f in (self.recorded, self.now)]
        return self.recorded.limit == self.now.limit and expects[0] is expects[1]

    def to_json(self) -> dict[str, Any]:
        """A plain mapping."""
        return {
            "key": self.key,
            "unit": self.unit,
            "recorded": _finding_json(self.recorded),
            "now": _finding_json(self.now),
            "difference": self.difference,
            "same_instrument": self.same_instrument,
            "same_limit": self.same_limit,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What became of the wish to keep replayed media: their path in the media store, empty where they are not there."""

    media: str
    stored: bool  # now, by this replay
    reason: str

    def to_json(self) -> dict[str, Any]:
        """A plain mapping."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A candidate rendered again, beside what the ledger has of it.

    ``error`` says why nothing was rendered now. ``recorded`` is the stored picture that it was compared with, perhaps
    a thumbnail; ``media`` what was rendered now. ``environment`` (versions, device, threads) and ``settings`` (the
    generator, its pipeline, inputs) list what is not as it was. ``notes`` say what could not be compared.
    """

    row: CandidateRow
    outcome: ReplayOutcome
    reason: str
    tolerance: float  # 8-bit steps
    pixels: PixelDifference | None = None
    error: str = ""
    report: Report | None = None  # measured now
    measurements: tuple[MeasuredAgain, ...] = ()
    environment: tuple[Difference, ...] = ()
    settings: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    cost: Cost
    recorded: Media | None = None
    media: Media | None = None

    def __repr__(self) -> str:
        return f"<Replay of candidate {self.row.id}: {self.outcome}, {self.reason}>"

    @property
    def candidate(self) -> int:
        """Its number in the ledger."""
        return self.row.id

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on what was rendered now; None without a gate or a picture."""
        return self.report.verdict if self.report else None

    @property
    def same_verdict(self) -> bool | None:
        """Whether the verdict is the recorded one; None where there is none to compare."""
        if self.verdict is None or self.row.verdict is None:
            return None
        return self.verdict is self.row.verdict

    def keep(self, ledger: Ledger) -> Keeping:
        """Puts replayed media back into the media store, as those of the candidate, if they have the recorded digest.

        So what was discarded with no more than a thumbnail, and was accepted by a person since, can be handed over.
        Media are written before the row that names them, and nothing recorded is changed. What lies at their place
        is left alone if it has the recorded digest, and replaced if not: it may be called again after a crash.

        Raises:
            LedgerError: the ledger or its media store cannot be written.
            StorageFull: the disk is full; nothing is stored.
            MediaError: the media cannot be read any more.
        """
        row = ledger.candidate(self.candidate)
        there = bool(row.media) and ledger.media.path(row.media).exists()
        if row.attempt:
            counts = f"it is what {row.repair} repaired that counts, and a replay does not repair"
            if there:
                return Keeping(media=row.media, stored=False, reason=f"its media are stored, not compared: {counts}")
            return Keeping(media="", stored=False, reason=f"nothing is stored: {counts}")
        if there and ledger.media.holds(row.media, row.digest):
            return Keeping(media=row.media, stored=False, reason="its media are stored already: nothing to do")
        same = self.media is not None and self.media.digest == row.digest != ""
        if self.media is None or not same or row.media not in ("", ledger.media.place(self.media)):
            found = f"{row.media} is damaged, and " if there else ""
            reason = f"nothing is stored: {found}only media with the digest that was recorded can stand for it"
            return Keeping(media="", stored=False, reason=reason)
        path = ledger.restore(row.id, self.media)
        return Keeping(media=path, stored=True, reason="its media are stored: `continuity export` finds them")

    def to_json(self) -> dict[str, Any]:
        """A plain mapping with ``format = 1``."""
        return {
            "format": FORMAT,
            "candidate": self.row.id,
            "shot": self.row.shot,
            "revision": self.row.revision,
            "seed": self.row.seed,
            "outcome": str(self.outcome),
            "reason": self.reason,
            "tolerance": self.tolerance,
            "pixels": plain(asdict(self.pixels)) if self.pixels else None,
            "state": str(self.row.state),
            "error": {"recorded": self.row.error, "now": self.error},
            "digest": {"recorded": self.row.digest, "now": self.media.digest if self.media else ""},
            "verdict": {"recorded": _text(self.row.verdict), "now": _text(self.verdict), "same": self.same_verdict},
            "measurements": [one.to_json() for one in self.measurements],
            "environment": [plain(asdict(one)) for one in self.environment],
            "settings": [plain(asdict(one)) for one in self.settings],
            "notes": list(self.notes),
            "cost": self.cost.to_json(),
        }


def _instrument(finding: Finding | None) -> str | None:
    instrument = finding.measurement.instrument if finding else None
    return instrument.digest if instrument else None


def _finding_json(finding: Finding | None) -> Mapping[str, Json] | None:
    if finding is None:
        return None
    instrument = finding.measurement.instrument
    return {
        "status": str(finding.status),
        "value": finding.value,
        "limit": finding.limit,
        "verdict": str(finding.verdict),
        "instrument": instrument.name if instrument else None,
    }


def _text(verdict: Verdict | None) -> str | None:
    return str(verdict) if verdict else None
