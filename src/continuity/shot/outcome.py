"""How a run ends: the stop rule, the named reasons, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from continuity.errors import UsageError
from continuity.ledger import CandidateRow
from continuity.media import Media
from continuity.records import Cost, Json, Report, State, Verdict


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
    STORAGE = "storage"  # the disk is nearly full
    INTERRUPTED = "interrupted"

    @property
    def is_budget(self) -> bool:
        """Whether a limit of the budget was reached."""
        return self in (StoppedBy.CANDIDATES, StoppedBy.SECONDS, StoppedBy.GPU_SECONDS, StoppedBy.COST)


@dataclass(frozen=True, slots=True)
class FirstAccepted:
    """The stop rule: keep the first candidate that the gate passes.

    A run also stops after ``failures`` failed renders in a row, and after ``inconclusive`` candidates in a row that
    could not be judged for one cause.
    """

    failures: int = 3
    inconclusive: int = 5

    def __post_init__(self) -> None:
        if self.failures < 1 or self.inconclusive < 1:
            raise UsageError(
                f"a stop rule counts from 1 up, got {self.failures} failures, {self.inconclusive} inconclusive"
            )

    @property
    def settings(self) -> Mapping[str, Json]:
        """What it counts to."""
        return {"failures": self.failures, "inconclusive": self.inconclusive}

    def reached(self, streak: Streak) -> tuple[StoppedBy, str] | None:
        """Why to stop after this streak, and in words; None to go on."""
        if streak.failures >= self.failures:
            return StoppedBy.FAILURES, f"{streak.failures} renders in a row failed"
        if streak.inconclusive >= self.inconclusive:
            reason = f"{streak.inconclusive} candidates in a row could not be judged: {streak.cause}"
            return StoppedBy.INCONCLUSIVE, reason
        return None


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


@dataclass(frozen=True, slots=True)
class Streak:
    """What has happened without a break up to now."""

    failures: int = 0
    inconclusive: int = 0
    cause: str = ""  # the metrics that could not judge

    def after(self, told: Told) -> Streak:
        """The streak with one more candidate."""
        if told.row.state is State.FAILED:
            return Streak(failures=self.failures + 1)
        if told.row.state is not State.INCONCLUSIVE or told.report is None:
            return Streak()
        cause = ", ".join(f.key for f in told.report if f.verdict is Verdict.INCONCLUSIVE)
        return Streak(inconclusive=self.inconclusive + 1 if cause == self.cause else 1, cause=cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a run. ``kept`` and ``closest`` may come from earlier runs of the same shot."""

    shot: str
    stopped_by: StoppedBy
    reason: str
    kept: Told | None
    closest: Told | None
    rendered: int  # candidates of this run
    candidates: int  # candidates of the shot over all runs
    cost: Cost  # of this run
    failing: Mapping[str, int]  # candidates of the shot that failed, by metric key, the most frequent first

    def __repr__(self) -> str:
        end = f"kept candidate {self.kept.candidate}" if self.kept else f"stopped by {self.stopped_by}"
        return f"<Outcome of {self.shot}: {end}, {self.rendered} rendered now, {self.candidates} in all>"
