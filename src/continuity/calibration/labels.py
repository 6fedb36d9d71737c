"""Labels: what people said of candidates, and how those candidates were drawn."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from continuity.errors import UsageError
from continuity.media import path_of
from continuity.statistics.agreement import cohen_kappa

if TYPE_CHECKING:
    from continuity.ledger import Ledger


class Drawn(StrEnum):
    """How the labelled candidates were drawn: a promise about kept shots can be read off only one of the two."""

    ACCEPTED_STREAM = "accepted-stream"  # accepted by this gate on the stream it will run on, then judged by a person
    OTHER_MIX = "other mix"  # anything else


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One person's word on one candidate: a file, or a candidate of a ledger.

    Labels of one shot stand in the order in which its candidates were rendered.
    """

    accept: bool
    shot: str
    path: str = ""
    candidate: int | None = None
    person: str = ""
    reason: str = ""
    rater: str = ""
    role: str = ""
    round: int = 1
    digest: str = ""  # of the media; filled where they are opened

    def __post_init__(self) -> None:
        if not (self.path or self.candidate is not None or self.digest):
            raise UsageError("a label needs the path of a file or the number of a candidate, got neither")
        if self.candidate is not None and not 0 <= self.candidate < 2**63:
            raise UsageError(f"the number of a candidate was wanted, got {self.candidate}")
        if not self.shot:
            raise UsageError(f"{self.name}: a shot was wanted, got none: candidates of one shot are not independent")

    @property
    def name(self) -> str:
        """What was judged, for messages."""
        return self.path or (f"candidate {self.candidate}" if self.candidate is not None else self.digest)

    @property
    def subject(self) -> tuple[object, ...]:
        """What was judged, such that two labels of one thing compare equal: a candidate, as that person."""
        what = (self.digest,) if self.digest else (self.candidate, self.path if self.candidate is None else "")
        return (*what, self.person)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two raters on the candidates that both judged; kappa is None where chance explains everything."""

    raters: tuple[str, str]
    count: int
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels and where they come from.

    Args:
        items: in the order in which the candidates were rendered.
        drawn: how the candidates were drawn.
        stream: digest of the stream they came out of; empty where nobody said.
        source: the file or ledger they were read from; beside it is remembered what they were used for.
        ledger: where labels that name a candidate find its media.
        notes: what people should know, such as columns that were not read.
        waiting: candidates that are listed and that nobody judged yet; whether they accept means nothing.
        rendered: how many candidates each shot asked for, where that is known.
    """

    items: tuple[Label, ...]
    drawn: Drawn | None = None
    stream: str = ""
    source: Path | None = None
    ledger: Ledger | None = None
    notes: tuple[str, ...] = ()
    waiting: tuple[Label, ...] = ()
    rendered: Mapping[str, int] = field(default_factory=dict, compare=False)
    uses: list[Mapping[str, Any]] = field(default_factory=list, compare=False, repr=False)  # of labels in memory

    def __post_init__(self) -> None:
        if not self.items and not self.waiting:
            raise UsageError("labels were wanted, got none")
        if self.drawn is not None and self.drawn not in list(Drawn):
            raise UsageError(f"labels are drawn as {' or '.join(map(repr, map(str, Drawn)))}, got {self.drawn!r}")
        object.__setattr__(self, "drawn", self.drawn and Drawn(self.drawn))

    def __len__(self) -> int:
        return len(self.items)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        drawn: str | None = None,
        stream: str = "",
        ledger: Ledger | None = None,
    ) -> Labels:
        """Reads a CSV file with a header, or JSONL where the name ends in ``.jsonl``.

        Columns: ``path`` (relative to the file) or ``candidate`` (of ``ledger``), ``label`` (accept or reject),
        ``shot``; and where there is something to say ``person``, ``reason``, ``rater``, ``role``, ``round``, and the
        same on every line ``drawn`` (``accepted-stream`` or ``other mix``) and ``stream``. A line without a label is a
        candidate that waits for one.

        Raises:
            FormatError: not readable, a line that is no label, or a column that looks mistyped.
        """
        from continuity.calibration.reading import read

        return read(path_of(path, "a file of labels"), drawn=drawn, stream=stream, ledger=ledger)

    @classmethod
    def from_ledger(cls, ledger: Ledger, *, drawn: str = Drawn.ACCEPTED_STREAM, stream: str = "") -> Labels:
        """The decisions of a ledger: of each person the last one on each candidate.

        For the accepted stream those on candidates that the gate accepted; of another mix, all.

        Raises:
            UsageError: no such candidate, or several streams and none is named.
        """
        from continuity.calibration.reading import from_ledger

        return from_ledger(ledger, drawn=Drawn(drawn), stream=stream)

    def agreement(self) -> tuple[Agreement, ...]:
        """Every two raters who judged the same candidates, those with most in common first."""
        words: dict[str, dict[object, bool]] = {}
        for label in _last_words(self.items):
            words.setdefault(label.rater, {})[label.subject] = label.accept
        found = []
        for one, other in combinations(sorted(words), 2):
            both = sorted(words[one].keys() & words[other].keys(), key=repr)
            if both:
                kappa = cohen_kappa([words[one][s] for s in both], [words[other][s] for s in both])
                found.append(Agreement(raters=(one, other), count=len(both), kappa=kappa))
        return tuple(sorted(found, key=lambda a: -a.count))

    def conflicts(self) -> tuple[str, ...]:
        """Names of candidates on which people disagree."""
        return tuple(group[0].name for group in self._subjects() if len({label.accept for label in group}) > 1)

    def merged(self, *, conflicts_reject: bool = False) -> Labels:
        """One label a candidate: duplicates fall together where they say the same.

        Args:
            conflicts_reject: a candidate on which people disagree counts as rejected, the cautious reading.

        Raises:
            UsageError: people disagree, and nobody said how to read that.
        """
        undecided = self.conflicts()
        if undecided and not conflicts_reject:
            raise UsageError(
                f"one word on each candidate was wanted, people disagree on {len(undecided)}, first on "
                f"{', '.join(undecided[:3])}: let them decide together, or count these as rejected "
                "(conflicts='reject', --conflicts reject)"
            )
        merged = [
            group[0] if len(group) == 1 else replace(group[0], accept=all(label.accept for label in group))
            for group in self._subjects()
        ]
        return replace(self, items=tuple(merged))

    def _subjects(self) -> Iterable[Sequence[Label]]:
        groups: dict[object, list[Label]] = {}
        for label in _last_words(self.items):
            groups.setdefault(label.subject, []).append(label)
        return groups.values()


def _last_words(labels: Sequence[Label]) -> Iterable[Label]:
    """What each rater said of each candidate in the last round in which he said something."""
    last: dict[object, int] = {}
    for label in labels:
        key = (label.subject, label.rater)
        last[key] = max(label.round, last.get(key, label.round))
    return [label for label in labels if label.round == last[label.subject, label.rater]]
