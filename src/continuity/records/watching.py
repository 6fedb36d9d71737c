"""What a watch sees of renders that are not finished, and what is remembered of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from continuity.errors import UsageError

LEARNED_FROM = 1000  # previews of a pool that a limit is learned from: 250 candidates at four checks


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One metric on one preview of a running render, after ``step`` of ``steps``.

    ``value`` is finite, or None where the preview could not be measured. ``limit`` is what was learned by then, None
    where nothing was; ``instrument`` is the digest of a preview instrument, which never meets a final tolerance.
    """

    step: int
    steps: int
    key: str
    instrument: str
    value: float | None
    limit: float | None = None

    def __post_init__(self) -> None:
        for name, number in (("value", self.value), ("limit", self.limit)):
            if number is not None and not math.isfinite(number):
                raise UsageError(f"a preview has a finite {name} or none, got {number} for {self.key}")

    @property
    def beyond(self) -> bool:
        """Whether the value is beyond the limit."""
        return self.value is not None and self.limit is not None and self.value > self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Previews:
    """All previews of one candidate.

    ``pool`` is the digest of what its acceptable candidates are drawn from: limits are learned within one pool.
    ``let_through`` says that, whatever the previews show, this one was going to be rendered to its end; that was
    settled before the first preview.
    """

    pool: str
    let_through: bool
    items: tuple[Preview, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPreview:
    """A preview that a limit may be learned from: its candidate was let through and finished, and passes this metric;
    ``accepted`` says whether it passes all. Of either kind the latest :data:`LEARNED_FROM` are handed out."""

    candidate: int
    step: int
    steps: int
    key: str
    instrument: str
    value: float | None
    accepted: bool
