"""When a run ends: the stop rules, and what they count.

A rule decides how many accepted candidates a shot wants and when to give up. It is no part of the spec of a shot nor of
a stream: it chooses among candidates and changes none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from continuity.errors import UsageError
from continuity.records import Json, State, Verdict
from continuity.shot.outcome import StoppedBy, Told


@dataclass(frozen=True, slots=True)
class Futility:
    """Gives up where past shots of the same ledger say that going on is hopeless.

    A run stops when the chance that at least one of the remaining candidates of the budget is accepted falls under
    ``chance``; see :mod:`continuity.shot.prospects`. With fewer than ``past_shots`` other shots, without a limit on
    candidates, or where the whole budget was as hopeless from the start, it only advises.
    """

    chance: float = 0.05
    past_shots: int = 10

    def __post_init__(self) -> None:
        if not (_number(self.chance) and 0 < self.chance < 1):
            raise UsageError(f"futility: chance is a probability between 0 and 1, got {self.chance!r}")
        _count("futility: past_shots", self.past_shots)

    @property
    def settings(self) -> Mapping[str, Json]:
        """As plain JSON values."""
        return {"chance": self.chance, "past_shots": self.past_shots}


@dataclass(frozen=True, slots=True)
class FirstAccepted:
    """The stop rule: keep the first candidate that the gate passes.

    A run also stops after ``failures`` renders in a row that failed (a batch that failed as a whole is one), after
    ``inconclusive`` candidates in a row that could not be judged for one cause, and by ``futility``.
    """

    failures: int = 3
    inconclusive: int = 5
    futility: Futility | None = field(default_factory=Futility)

    def __post_init__(self) -> None:
        _check(self)

    @property
    def wanted(self) -> int:
        """Accepted candidates after which one is kept."""
        return 1

    @property
    def settings(self) -> Mapping[str, Json]:
        """As plain JSON values."""
        return _settings(self)


@dataclass(frozen=True, slots=True)
class BestOf:
    """The stop rule: go on until ``k`` candidates are accepted, and keep the one with the smallest worst excess.

    Where the budget, the proposals or hope end with fewer, the best so far is kept. One that a person rejected counts
    no more. Otherwise as :class:`FirstAccepted`.
    """

    k: int
    failures: int = 3
    inconclusive: int = 5
    futility: Futility | None = field(default_factory=Futility)

    def __post_init__(self) -> None:
        _count("best of", self.k)
        _check(self)

    @property
    def wanted(self) -> int:
        """Accepted candidates after which one is kept."""
        return self.k

    @property
    def settings(self) -> Mapping[str, Json]:
        """As plain JSON values."""
        return {"k": self.k, **_settings(self)}


StopRule: TypeAlias = FirstAccepted | BestOf


@dataclass(frozen=True, slots=True)
class Streak:
    """What has happened without a break up to now."""

    failures: int = 0
    inconclusive: int = 0
    cause: str = ""  # the metrics that could not judge

    def after(self, told: Sequence[Told]) -> Streak:
        """The streak with one more render: of one candidate, or of a batch in order of index."""
        if told and all(one.row.state is State.FAILED for one in told):
            return Streak(failures=self.failures + 1)
        streak = self
        for one in told:
            streak = streak._with(one)
        return streak

    def _with(self, told: Told) -> Streak:
        if told.row.state is not State.INCONCLUSIVE or told.report is None:
            return Streak()
        cause = ", ".join(f.key for f in told.report if f.verdict is Verdict.INCONCLUSIVE)
        return Streak(inconclusive=self.inconclusive + 1 if cause == self.cause else 1, cause=cause)

    def ended(self, rule: StopRule) -> tuple[StoppedBy, str] | None:
        """Why a rule stops after this streak, and in words; None to go on."""
        if self.failures >= rule.failures:
            return StoppedBy.FAILURES, f"{self.failures} renders in a row failed"
        if self.inconclusive >= rule.inconclusive:
            reason = f"{self.inconclusive} candidates in a row could not be judged: {self.cause}"
            return StoppedBy.INCONCLUSIVE, reason
        return None


def _settings(rule: StopRule) -> dict[str, Json]:
    futility = None if rule.futility is None else dict(rule.futility.settings)
    return {"failures": rule.failures, "inconclusive": rule.inconclusive, "futility": futility}


def _check(rule: StopRule) -> None:
    _count("a stop rule: failures", rule.failures)
    _count("a stop rule: inconclusive", rule.inconclusive)
    if rule.futility is not None and not isinstance(rule.futility, Futility):
        raise UsageError(f"a stop rule: futility is ct.Futility(...) or None, got {rule.futility!r}")


def _count(what: str, number: object) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise UsageError(f"{what} counts from 1 up, got {number!r}")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
