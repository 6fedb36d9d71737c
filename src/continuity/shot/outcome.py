"""How a run ends: the named reasons, and what became of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from continuity.display import Picture, Shown, View
from continuity.errors import ContinuityError
from continuity.ledger import CandidateRow, Ledger, Nearest
from continuity.media import Media, small
from continuity.records import Cost, Report

log = logging.getLogger(__name__)


class StoppedBy(StrEnum):
    """Why a run ended."""

    ACCEPTED = "accepted"
    CANDIDATES = "candidates"
    SECONDS = "seconds"
    GPU_SECONDS = "gpu_seconds"
    COST = "cost"
    EXHAUSTED = "exhausted"  # the proposer has nothing left to propose
    INCONCLUSIVE = "inconclusive"  # too many in a row that nobody could judge, for one cause
    FAILURES = "failures"  # too many failed renders in a row
    FUTILITY = "futility"  # past shots say that going on is hopeless
    STORAGE = "storage"  # the disk is nearly full
    INTERRUPTED = "interrupted"

    @property
    def is_budget(self) -> bool:
        """Whether a limit of the budget was reached."""
        return self in (StoppedBy.CANDIDATES, StoppedBy.SECONDS, StoppedBy.GPU_SECONDS, StoppedBy.COST)

    @property
    def is_final(self) -> bool:
        """Whether no more candidates can be expected: a rule that wants several keeps the best it has."""
        return self.is_budget or self in (StoppedBy.EXHAUSTED, StoppedBy.FUTILITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A candidate that has ended: how, with what report, what it cost."""

    row: CandidateRow
    report: Report | None
    media: Media | None

    def __repr__(self) -> str:
        said = self.report.summary() if self.report else self.row.error
        return f"<Told candidate {self.row.id}: {self.row.state}, {said}>"

    @property
    def candidate(self) -> int:
        """Its number in the ledger."""
        return self.row.id


def recalled(ledger: Ledger, row: CandidateRow) -> Told:
    """A candidate as the ledger has it; without its full media where they were not stored or are no longer there."""
    media = None
    try:
        media = ledger.media.open(row.media) if row.media else None
    except ContinuityError:
        log.warning("the media of candidate %d are not there any more", row.index, exc_info=True)
    return Told(row=row, report=ledger.report(row.id), media=media)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Shown):
    """What became of a run. ``kept`` and ``closest`` may come from earlier runs of the same shot."""

    shot: str
    stopped_by: StoppedBy
    reason: str
    kept: Told | None
    closest: Told | None
    rendered: int  # candidates of this run
    candidates: int  # candidates of the shot over all runs
    cost: Cost  # of this run
    nearest: Mapping[str, Nearest]  # what fails in the shot, by metric key, the most frequent first
    advice: str = ""  # what past shots say about going on, where they say anything

    @property
    def failing(self) -> Mapping[str, int]:
        """Candidates of the shot that failed, by metric key, the most frequent first."""
        return {key: found.count for key, found in self.nearest.items()}

    def says_most(self) -> str:
        """What fails most, and how near it came: ``41 of 50: face:mara; nearest 0.41, limit 0.38``.

        Empty where no metric fails.
        """
        for key, found in self.nearest.items():
            far = ""
            if found.value is not None and found.limit is not None:
                far = f"; nearest {found.value:.3g}, limit {found.limit:.3g} {found.unit}".rstrip()
            return f"{found.count} of {self.candidates}: {key}{far}"
        return ""

    def __repr__(self) -> str:
        most = self.says_most()
        end = f"kept candidate {self.kept.candidate}" if self.kept else f"stopped by {self.stopped_by}"
        end += f" ({most})" if most and not self.kept else ""
        return f"<Outcome of {self.shot}: {end}, {self.rendered} rendered now, {self.candidates} in all>"

    def _view(self) -> View:
        from continuity.shot.showing import view_of

        return view_of(self)

    def _pictures(self) -> Sequence[Picture]:
        shown = self.kept or self.closest
        jpeg = small(shown.media) if shown and shown.media else None
        return [Picture(jpeg, "kept" if self.kept else "closest")] if jpeg else []
