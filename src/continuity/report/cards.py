"""What a page says of one candidate: the machine's words and a person's apart, each finding with value and limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from continuity.ledger import AttemptRow, CandidateRow
from continuity.records import Finding, Report, State, Status, Verdict
from continuity.records.deciding import ROLES
from continuity.records.shapes import Parade, Wheel
from continuity.report.accounts import CLIENT, SUPERVISOR, Words
from continuity.report.naming import MACHINE_WORDS, judged, scale, short
from continuity.report.sheet import shown
from continuity.report.strip import Strip, strip
from continuity.words import number

LEADING = 3  # findings that a card shows with a bar
MACHINE = {
    State.ACCEPTED: (MACHINE_WORDS[Verdict.PASS], "pass"),
    State.REJECTED: (MACHINE_WORDS[Verdict.FAIL], "fail"),
    State.INCONCLUSIVE: (MACHINE_WORDS[Verdict.INCONCLUSIVE], "eyes"),
    State.ABORTED: ("stopped early", "none"),
    State.FAILED: ("render failed", "none"),
    State.LOST: ("lost with its machine", "none"),
    State.ASKED: ("not finished", "none"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One finding in the words of a page. ``kind`` is a class of the style; ``share`` is value / limit up to 2."""

    key: str
    name: str
    kind: str
    word: str
    value: float | None
    text: str
    limit: str
    unit: str
    share: float | None
    remark: str
    strip: Strip | None
    worst_frame: int | None
    skipped: bool  # whether an earlier fault ended the check before it
    placed: bool  # whether what it saw has a place that is marked on the picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of the report: its path in the folder, what it shows, and its size in pixels."""

    path: str
    caption: str
    width: int
    height: int


@dataclass(slots=True, kw_only=True)
class Card:
    """One candidate. ``lines`` are all findings, ``deciding`` those that say why.

    ``thumbnail`` is as rendered, ``marked`` what a card shows instead where its evidence is drawn, ``pictures`` the
    large ones.
    """

    row: CandidateRow
    word: str
    kind: str
    note: str
    lines: Sequence[Line]
    deciding: Sequence[Line]
    clip: bool
    words: Words
    thumbnail: Picture | None = None
    marked: Picture | None = None
    pictures: Sequence[Picture] = ()

    @property
    def take(self) -> int:
        """Takes are counted from 1, as on a slate."""
        return self.row.index + 1

    @property
    def passed(self) -> bool:
        """Whether the gate accepted it: then it missed nothing."""
        return self.row.state is State.ACCEPTED

    @property
    def failing(self) -> Sequence[str]:
        """Metrics that are over their limits, the worst first."""
        return [line.key for line in self.deciding if line.kind == "fail"]

    @property
    def stopped(self) -> bool:
        """Whether its check ended at a first fault, so that something was not checked."""
        return any(line.skipped for line in self.lines)

    @property
    def leading(self) -> Sequence[Line]:
        """What a card shows with a bar: what decides; of one that passed, the first."""
        return [line for line in self.deciding if line.kind not in ("pass", "none") or self.kind == "pass"][:LEADING]

    @property
    def also(self) -> Sequence[tuple[str, Sequence[Line]]]:
        """All other findings, by what is to be said of them, in that order: no check that was made is hidden."""
        shown = {line.key for line in self.leading}
        others = [line for line in self.lines if line.key not in shown]
        heads = {"fail": "Over too", "eyes": "Needs eyes too", "pass": "Within limits", "none": "Not checked"}
        found = [(head, [line for line in others if line.kind == kind]) for kind, head in heads.items()]
        return [(head, lines) for head, lines in found if lines]

    @property
    def waiting(self) -> bool:
        """Whether the machine left it to a person, and none has spoken."""
        return self.row.state is State.INCONCLUSIVE and not self.words.decisions

    @property
    def turned_down(self) -> bool:
        """Whether the last word of a person was no."""
        return self.words.last is not None and not self.words.last.accept

    @property
    def approved(self) -> bool:
        """Whether the last word of a supervisor, or of a client, was yes."""
        return self.words.accepted_by(SUPERVISOR) or self.final

    @property
    def final(self) -> bool:
        """Whether the last word of a client was yes: nobody else has to speak."""
        return self.words.accepted_by(CLIENT)

    @property
    def standing(self) -> str:
        """Of a kept one: who kept it, and what is still to come."""
        last = self.words.last
        if last is None:
            return "kept by the machine, not yet accepted by a person"
        if self.final:
            return "kept, final: the client accepted it"
        if self.words.accepted_by(SUPERVISOR):
            return "kept, accepted by the supervisor, not yet by the client"
        return f"kept, accepted by {whom(last.role)}, not yet by a supervisor"

    @property
    def decision(self) -> str:
        """What the page filters by."""
        last = self.words.last
        return "none" if last is None else "accept" if last.accept else "reject"


def whom(role: str) -> str:
    """Who spoke, in a sentence."""
    return f"the {role}" if role in ROLES else role or "a person"


def card_of(row: CandidateRow, report: Report | None, words: Words, attempts: Sequence[AttemptRow] = ()) -> Card:
    """The card of a candidate, without pictures. ``attempts`` are what was made of it, where repairs were tried."""
    word, kind = MACHINE[row.state]
    deciding = {f.key for f in shown(report)}
    lines = [line_of(finding) for finding in report or ()]
    first = [line for line in lines if line.key in deciding]
    order = {f.key: n for n, f in enumerate(shown(report))}
    return Card(
        row=row,
        word=word,
        kind=kind,
        note=row.error or _repairs(row, attempts),
        lines=lines,
        deciding=sorted(first, key=lambda line: order[line.key]),
        clip=report is not None and report.measurements.frame_count > 1,
        words=words,
    )


def _repairs(row: CandidateRow, attempts: Sequence[AttemptRow]) -> str:
    """What repairs made of it: of an accepted one, that it was fitted to what it is judged by."""
    if row.repair:
        metrics = ", ".join(row.fitted)
        return f"Repaired by {row.repair}, fitted to {metrics}: that value proves little, the others are watching"
    tried = [
        f"{one.repair} declined: {one.declined}" if one.declined else f"{one.repair} was not enough"
        for one in attempts
        if one.attempt
    ]
    return "; ".join(tried)


def line_of(finding: Finding) -> Line:
    """A finding in words."""
    measured, limit = finding.measurement, finding.limit
    word, kind = judged(finding)
    share = None
    if finding.value is not None and limit is not None:
        share = min(2.0, finding.value / limit) if limit > 0 else (2.0 if finding.value > 0 else 0.0)
    reason = finding.reason if finding.value is None else ""
    remarks = [reason, "" if measured.note in reason else measured.note]
    if finding.value is None and not any(remarks):
        remarks = [str(finding.status).replace("_", " ")]
    return Line(
        key=finding.key,
        name=short(finding.key),
        kind=kind,
        word=word,
        value=finding.value,
        text="" if finding.value is None else number(finding.value),
        limit="" if limit is None else f"{limit:.3g}",
        unit=scale(finding.unit),
        share=share,
        remark="; ".join(dict.fromkeys(filter(None, remarks))),
        strip=strip(finding),
        worst_frame=measured.worst_frame,
        skipped=finding.status is Status.SKIPPED,
        placed=any(not isinstance(shape, Wheel | Parade) for shape in measured.shapes),
    )
