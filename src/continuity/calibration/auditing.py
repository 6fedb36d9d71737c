"""Whether a promise still holds: candidates drawn for a person after the verdict, and bets on the answers.

What is drawn, and with which probability, is written down before anybody answers (``show.audit.jsonl`` beside the
ledger, format 1, one line a candidate). The coin is a hash of the candidate, so it depends neither on a value nor on
who asks. Answers are the decisions in the ledger; only those on drawn candidates count, since nobody looks up the
others at random.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from continuity.calibration.parts import uniform
from continuity.errors import FormatError, UsageError
from continuity.ledger import CandidateRow, Ledger
from continuity.records import State
from continuity.statistics import bounds
from continuity.statistics.betting import Wager

FORMAT = 1
KEPT, REJECTED = "kept", "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A candidate that was drawn, or passed over: ``group`` is ``kept`` or ``rejected``."""

    candidate: int
    stream: str
    group: str
    probability: float
    drawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What the answers say of one stream.

    Attributes:
        stream: its digest.
        waiting: drawn candidates that nobody judged yet.
        answers: kept shots that were drawn and judged; ``bad`` of them a person rejected.
        bound: upper bound on the share of bad for these answers alone (exact, one look).
        broken: the capital of a bet that the share is above the promised one; 1 / risk refutes the promise at any time.
        holds: the capital of a bet that it is below; 1 / risk confirms it at any time.
        verdict: ``broken``, ``holds`` or ``open``.
        to_doubled: about how many more answers would reveal twice the promised share, ``to_fivefold`` five times.
        rejects: drawn rejected candidates that were judged; ``rejects_good`` of them a person accepts.
    """

    stream: str
    waiting: tuple[int, ...]
    answers: int
    bad: int
    bound: float
    broken: float
    holds: float
    verdict: str
    to_doubled: int | None
    to_fivefold: int | None
    rejects: int
    rejects_good: int


def audit(
    ledger: Ledger,
    *,
    max_bad_share: float,
    confidence: float = 0.95,
    accepts: float = 1.0,
    rejects: float = 0.05,
    record: Path | None = None,
) -> tuple[Audit, ...]:
    """Draws what was not drawn or passed over yet, and reads what people said of what was drawn; one for each stream.

    A kept shot is represented by the first candidate that its gate accepted, in every revision. Answers count in the
    order of the candidates. A candidate that anybody rejects in his last word is bad.

    Args:
        ledger: is read only.
        max_bad_share: the promised share of bad among kept shots.
        confidence: 1 - the risk of calling a kept promise broken.
        accepts: share of kept shots that is drawn, of those not decided on by the coin before.
        rejects: share of rejected candidates that is drawn.
        record: where draws are written down; ``NAME.audit.jsonl`` beside the ledger if None.

    Raises:
        UsageError: a share out of range, or a record that cannot be written.
        FormatError: the record is damaged.
    """
    for name, share in (("accepts", accepts), ("rejects", rejects)):
        if not 0 <= share <= 1:
            raise UsageError(f"{name} is a share from 0 to 1, got {share}")
    bounds.sample_size(max_share=max_bad_share, confidence=confidence)  # refuses shares out of range
    path = record or ledger.path.with_suffix(".audit.jsonl")
    known = {one.candidate: one for one in read(path)}
    new = [
        Draw(
            candidate=row.id,
            stream=row.stream,
            group=group,
            probability=share,
            drawn=uniform(f"audit {row.shot} {row.revision} {row.seed}") < share,
        )
        for row, group in _candidates(ledger)
        if row.id not in known and (share := accepts if group == KEPT else rejects) > 0
    ]
    _append(path, new)
    words: dict[int, dict[str, bool]] = {}
    for decision in ledger.decisions():
        words.setdefault(decision.candidate, {})[decision.who] = decision.accept
    by_stream: dict[str, list[Draw]] = {}
    for one in sorted([*known.values(), *new], key=lambda d: d.candidate):
        by_stream.setdefault(one.stream, []).append(one)
    return tuple(_audit(stream, drawn, words, max_bad_share, 1 - confidence) for stream, drawn in by_stream.items())


def _candidates(ledger: Ledger) -> Iterable[tuple[CandidateRow, str]]:
    shots: set[tuple[str, int]] = set()
    for row in ledger.candidates():
        if row.state is State.REJECTED:
            yield row, REJECTED
        elif row.state is State.ACCEPTED and (row.shot, row.revision) not in shots:
            shots.add((row.shot, row.revision))
            yield row, KEPT


def _audit(
    stream: str, drawn: list[Draw], words: Mapping[int, Mapping[str, bool]], max_bad_share: float, risk: float
) -> Audit:
    against, for_it = Wager(max_bad_share), Wager(max_bad_share, against=False)
    waiting, rejects = [], []
    for one in drawn:
        said = words.get(one.candidate)
        if one.drawn and said is None:
            waiting.append(one.candidate)
        elif one.drawn and said is not None and one.group == REJECTED:
            rejects.append(all(said.values()))
        elif one.drawn and said is not None:
            bad = not all(said.values())
            against.add(bad)
            for_it.add(bad)
    verdict = "broken" if against.capital >= 1 / risk else "holds" if for_it.capital >= 1 / risk else "open"
    return Audit(
        stream=stream,
        waiting=tuple(waiting),
        answers=against.answers,
        bad=against.bad,
        bound=bounds.upper(failures=against.bad, n=against.answers, confidence=1 - risk),
        broken=against.capital,
        holds=for_it.capital,
        verdict=verdict,
        to_doubled=against.answers_to(min(2 * max_bad_share, 1.0), risk),
        to_fivefold=against.answers_to(min(5 * max_bad_share, 1.0), risk),
        rejects=len(rejects),
        rejects_good=sum(rejects),
    )


def read(path: Path) -> list[Draw]:
    """The record of an audit; empty where there is none yet.

    Raises:
        FormatError: damaged.
    """
    if not path.exists():
        return []
    found = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            row: dict[str, Any] = json.loads(line)
            if row.pop("format") != FORMAT:
                raise ValueError(f"format {FORMAT} was wanted")
            found.append(Draw(**row))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
        raise FormatError(f"{path} says what was drawn for the audit, and cannot be read: {cause}") from None
    return found


def _append(path: Path, drawn: list[Draw]) -> None:
    rows = [{"format": FORMAT, **{name: getattr(one, name) for name in Draw.__dataclass_fields__}} for one in drawn]
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))
    except OSError as cause:
        raise UsageError(f"draws cannot be written to {str(path)!r}: {cause.strerror or cause}") from None
