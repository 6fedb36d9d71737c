"""Whether a promise still holds: candidates drawn for a person after the verdict, and bets on the answers.

What is drawn, and with which probability, is written down before anybody answers (``show.audit.jsonl`` beside the
ledger, format 1, one line a candidate). The coin is a hash of the candidate, so it depends neither on a value nor on
who asks. Answers are the decisions in the ledger; only those on drawn candidates count, and only those that came after
the draw, since nobody looks up the others at random. A promise is of limits: what was kept under others says nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from numbers import Real
from pathlib import Path
from typing import Any, TypeAlias

from continuity.calibration.parts import uniform
from continuity.errors import FormatError, UsageError
from continuity.ledger import CandidateRow, Ledger
from continuity.media import write_atomic
from continuity.records import Decision, Origin, State
from continuity.statistics import bounds
from continuity.statistics.betting import Wager
from continuity.tolerances import Tolerances

FORMAT = 1
KEPT, REJECTED = "kept", "rejected"
Metrics: TypeAlias = frozenset[tuple[str, float | None, str | None]]  # key, limit, digest of the instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A candidate that was drawn, or passed over: ``group`` is ``kept`` or ``rejected``.

    ``when`` is in UTC with offset, ISO 8601. Where it is empty nobody can say what came after: it is drawn anew.
    """

    candidate: int
    stream: str
    group: str
    probability: float
    drawn: bool
    when: str = ""

    def __post_init__(self) -> None:
        kinds = {"candidate": int, "stream": str, "group": str, "probability": Real, "drawn": bool, "when": str}
        for name, kind in kinds.items():
            value = getattr(self, name)
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise FormatError(f"{name} = {value!r} is of the wrong type")
        if self.group not in (KEPT, REJECTED) or not 0 <= self.probability <= 1:
            raise FormatError(f"a group and a probability were wanted, got {self.group!r}, {self.probability}")
        if self.when and _moment(self.when) is None:
            raise FormatError(f"a time in ISO 8601 with offset was wanted, got {self.when!r}")


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
        decided_before: kept shots on which somebody decided before they were drawn: they are no part of this.
        rejects: drawn rejected candidates that were judged; ``rejects_good`` of them a person accepts.
        learned: answers on what a proposer that learns chose (origin ``learned``). What it draws may move from shot to
            shot under the same stream: these say nothing of later shots.
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
    decided_before: int
    rejects: int
    rejects_good: int
    learned: int


def audit(
    ledger: Ledger,
    tolerances: Tolerances,
    *,
    max_bad_share: float | None = None,
    confidence: float = 0.95,
    accepts: float = 1.0,
    rejects: float = 0.05,
    record: Path | None = None,
) -> tuple[Audit, ...]:
    """Draws what was not drawn or passed over yet, and reads what people said of what was drawn; one for each stream.

    A kept shot is represented by the candidate that it keeps, in every revision, unless somebody decided on one of its
    accepted candidates before. Answers count in the order of the candidates. A candidate that anybody rejects in his
    last word is bad. Only candidates count that were judged under these limits, with these instruments.

    Args:
        ledger: is read only.
        tolerances: the limits that the promise is of, all of the gate's.
        max_bad_share: the promised share of bad among kept shots; None for that of the promise of ``tolerances``.
        confidence: 1 - the risk of calling a kept promise broken.
        accepts: share of kept shots that is drawn, of those not decided on by the coin before.
        rejects: share of rejected candidates that is drawn.
        record: where draws are written down; ``NAME.audit.jsonl`` beside the ledger if None.

    Raises:
        UsageError: a share out of range, no promise, nothing that was judged under these limits, or a record that
            cannot be written.
        FormatError: the record is damaged.
    """
    for name, share in (("accepts", accepts), ("rejects", rejects)):
        if not (_number(share) and 0 <= share <= 1):
            raise UsageError(f"{name} is a share from 0 to 1, got {share!r}")
    limits: object = tolerances
    if not isinstance(limits, Tolerances):
        raise UsageError(f"the limits of the promise were wanted, got {limits!r}: ct.Tolerances.open(path)")
    promise = tolerances.promise
    if max_bad_share is None and promise is None:
        raise UsageError("a promise was wanted, these limits come with none: say max_bad_share (--max-bad-share SHARE)")
    max_bad_share = promise.max_bad_share if max_bad_share is None and promise else max_bad_share
    for name, given in (("max_bad_share", max_bad_share), ("confidence", confidence)):
        if given is None or not (_number(given) and 0 < given < 1):
            raise UsageError(f"{name} is a share above 0 and below 1, got {given!r}")
    assert max_bad_share is not None  # noqa: S101  (for the type checker)
    bounds.sample_size(max_share=max_bad_share, confidence=confidence)  # refuses shares out of range
    path = record or ledger.path.with_suffix(".audit.jsonl")
    before = read(path)
    known = {one.candidate: one for one in before if one.when}
    decisions: dict[int, list[Decision]] = {}
    for decision in ledger.decisions():
        decisions.setdefault(decision.candidate, []).append(decision)
    mine = {number for number, metrics in ledger.judged_under().items() if _same(tolerances, metrics)}
    if not mine:
        raise UsageError(
            f"candidates that were judged under these limits, with these instruments, were wanted, {ledger.path.name} "
            "has none: a promise says nothing of other limits. Run a shot with this tolerance file first"
        )
    chosen, decided, learned = _candidates(ledger, mine, known, decisions, promise.expects if promise else {})
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    new = [
        Draw(
            candidate=row.id,
            stream=row.stream,
            group=group,
            probability=share,
            drawn=uniform(f"audit {row.shot} {row.revision} {row.seed}") < share,
            when=now,
        )
        for row, group in chosen
        if (share := accepts if group == KEPT else rejects) > 0
    ]
    _append(path, before, new)
    by_stream: dict[str, list[Draw]] = {stream: [] for stream in decided}
    for one in sorted([*known.values(), *new], key=lambda d: d.candidate):
        if one.candidate in mine:
            by_stream.setdefault(one.stream, []).append(one)
    return tuple(
        _audit(
            stream, drawn, _answers(drawn, decisions), max_bad_share, 1 - confidence, decided.get(stream, 0), learned
        )
        for stream, drawn in by_stream.items()
    )


def _same(tolerances: Tolerances, metrics: Metrics) -> bool:
    """Whether a candidate was judged under these limits and no others, with the instruments that they belong to."""
    under = {key: (limit, instrument) for key, limit, instrument in metrics}
    return under.keys() == {one.key for one in tolerances} and all(
        under[one.key][0] == one.limit and one.instrument in ("", under[one.key][1]) for one in tolerances
    )


def _candidates(
    ledger: Ledger,
    mine: Set[int],
    known: Mapping[int, Draw],
    decisions: Mapping[int, list[Decision]],
    expects: Mapping[str, str],
) -> tuple[list[tuple[CandidateRow, str]], Counter[str], set[int]]:
    """Candidates to draw from; by stream how many kept shots are left out since people decided on them before; and
    accepted candidates that a proposer that learns chose."""
    found: list[tuple[CandidateRow, str]] = []
    kept: list[CandidateRow] = []
    learned: set[int] = set()
    decided: set[tuple[str, int]] = set()  # shots on which people decided
    drawn: set[tuple[str, int]] = set()  # shots that were drawn, or passed over: each counts once
    for row in ledger.candidates():
        shot = (row.shot, row.revision)
        one = known.get(row.id)
        if one is not None and one.group == KEPT:
            drawn.add(shot)
        if row.state is State.ACCEPTED and row.id in decisions:
            decided.add(shot)
        if row.state is State.ACCEPTED and row.origin is Origin.LEARNED:
            learned.add(row.id)
        if row.id not in mine or one is not None:
            continue
        if row.state is State.REJECTED and row.id not in decisions:
            found.append((row, REJECTED))
        elif row.kept and row.state is State.ACCEPTED:
            kept.append(row)
    left_out: Counter[str] = Counter()
    for row in kept:
        shot = (row.shot, row.revision)
        if shot in decided and shot not in drawn:
            left_out[row.stream] += 1
        elif shot not in drawn and _expected(ledger, row.id, expects):
            found.append((row, KEPT))
    return sorted(found, key=lambda one: one[0].id), left_out, learned


def _expected(ledger: Ledger, candidate: int, expects: Mapping[str, str]) -> bool:
    if not expects:
        return True
    report = ledger.report(candidate)
    return report is not None and {item.key: str(item.expect) for item in report.measurements} == dict(expects)


def _answers(drawn: Iterable[Draw], decisions: Mapping[int, list[Decision]]) -> Mapping[int, Mapping[str, bool]]:
    """Of each drawn candidate the last word of each person that came after the draw."""
    words: dict[int, dict[str, bool]] = {}
    for one in drawn:
        asked = _moment(one.when)
        for decision in decisions.get(one.candidate, []):
            said = _moment(decision.when)
            if asked is not None and said is not None and said > asked:
                words.setdefault(one.candidate, {})[decision.who] = decision.accept
    return words


def _number(value: object) -> bool:
    return isinstance(value, Real)


def _moment(text: str) -> datetime | None:
    """The time of an ISO 8601 text with offset; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _audit(
    stream: str,
    drawn: list[Draw],
    words: Mapping[int, Mapping[str, bool]],
    max_bad_share: float,
    risk: float,
    decided_before: int,
    learned: Set[int],
) -> Audit:
    against, for_it = Wager(max_bad_share), Wager(max_bad_share, against=False)
    waiting, rejects = [], []
    moving = 0
    for one in drawn:
        said = words.get(one.candidate)
        if one.drawn and said is None:
            waiting.append(one.candidate)
        elif one.drawn and said is not None and one.group == REJECTED:
            rejects.append(all(said.values()))
        elif one.drawn and said is not None:
            bad = not all(said.values())
            moving += one.candidate in learned
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
        decided_before=decided_before,
        rejects=len(rejects),
        rejects_good=sum(rejects),
        learned=moving,
    )


def read(path: Path) -> list[Draw]:
    """The record of an audit; empty where there is none yet.

    Raises:
        FormatError: damaged.
    """
    found: list[Draw] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        for line in lines:
            try:
                row: dict[str, Any] = json.loads(line)
                if row.pop("format") != FORMAT:
                    raise ValueError(f"format {FORMAT} was wanted")
                found.append(Draw(**row))
            except json.JSONDecodeError:
                if line.endswith("\n"):
                    raise
                # The last line was cut off: nobody was asked for what it drew, and it is drawn again.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, FormatError) as cause:
        raise FormatError(f"{path} says what was drawn for the audit, and cannot be read: {cause}") from None
    return found


def _append(path: Path, before: list[Draw], new: list[Draw]) -> None:
    """Adds draws; a record whose last line was cut off is written anew, or the next line would join it."""
    try:
        cut = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
        if cut:
            write_atomic(path, _lines([*before, *new]).encode())
        elif new:
            with path.open("a", encoding="utf-8") as file:
                file.write(_lines(new))
    except OSError as cause:
        raise UsageError(f"draws cannot be written to {str(path)!r}: {cause.strerror or cause}") from None


def _lines(drawn: list[Draw]) -> str:
    return "".join(json.dumps({"format": FORMAT, **asdict(one)}) + "\n" for one in drawn)
