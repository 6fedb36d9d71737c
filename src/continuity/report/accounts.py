"""The bill as people read it: where the device seconds went, what discarded the candidates, who approved what is kept.

Everything follows from rows of the ledger. Money is derived from rates.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from continuity.ledger import Bill, CandidateRow
from continuity.ledger.accounting import together
from continuity.records import Decision, Rates, Report, State, Status, Verdict
from continuity.report.budgets import Against
from continuity.report.naming import short
from continuity.words import counted

PARTS = {
    "kept": "rendering what is kept",
    "discarded": "rendering what is not kept",
    "aborted": "renders stopped early",
    "scoring": "checking the takes",
    "repair": "repairing takes",
}
ENOUGH = 5  # shots, below which a ratio over all takes is mostly made of other shots
SUPERVISOR, CLIENT = "supervisor", "client"
BILL_COLUMNS = (
    "level", "name", "round", "shots",
    "kept", "gate_accepted_unreviewed", "supervisor_approved", "client_final", "candidates",
    *(str(state) for state in State), "render_equivalents", "candidates_per_kept", "renders_per_kept",
    *(f"seconds_{part}" for part in PARTS), "seconds", *(f"cost_{part}" for part in PARTS), "cost", "currency",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What one metric did among the candidates that were measured fully: failed, failed alone, could not judge."""

    key: str
    failed: int
    alone: int
    inconclusive: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """What one shot took, of those that ``name`` says: ``told`` is what was divided by what.

    ``warning`` says that too few shots are among them; empty where they are enough.
    """

    name: str
    shots: int
    takes: float | None
    renders: float | None
    told: str
    warning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What people said of one candidate, in order; a person's last word in a role stands."""

    decisions: tuple[Decision, ...] = ()

    @property
    def last(self) -> Decision | None:
        """The last one of anybody."""
        return self.decisions[-1] if self.decisions else None

    def accepted_by(self, role: str) -> bool:
        """Whether the last word in this role was to accept."""
        said = [d.accept for d in self.decisions if d.role == role]
        return bool(said) and said[-1]

    def took_back(self, passed: bool) -> bool:
        """Whether a no came after a yes: of the gate, if it ``passed``, or of a person."""
        said = [d.accept for d in self.decisions]
        return False in (said if passed else said[said.index(True) :] if True in said else ())


@dataclass(slots=True)
class Account:
    """One shot, or several together: seconds by part and device, and what discarded its candidates.

    ``causes`` are counted on candidates whose coin said to measure them fully, drawn before anything was known of
    them. Of the others only the first failure is known, which depends on the order of the metrics.
    """

    bill: Bill
    seconds: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))  # device, part
    fully: int = 0  # candidates measured fully
    passed: int = 0  # of these
    failed: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)
    inconclusive: Counter[str] = field(default_factory=Counter)
    unjudged: Counter[str] = field(default_factory=Counter)  # of all candidates left to a person: on which metrics
    rejections: Counter[str] = field(default_factory=Counter)  # by the reason that people gave
    withdrawn: int = 0  # takes that were kept, or could have been, until a person said no
    undecided: int = 0  # left to a person, and none has spoken
    unreviewed: int = 0  # kept shots: accepted by the gate, and nobody decided on them
    approved: int = 0  # kept shots: last word of a supervisor
    final: int = 0  # kept shots: last word of a client
    spared: float = 0.0  # full renders that aborts did not run to their end
    rounds: dict[int, Account] = field(default_factory=dict)  # by client revision round; a round has none itself
    budget: tuple[Against, ...] = ()

    @property
    def rates(self) -> Rates:
        """What prices the seconds."""
        return self.bill.rates

    def add(self, row: CandidateRow, report: Report | None, words: Words) -> None:
        """Counts one candidate."""
        for device, kinds in row.cost.by_device.items():
            for kind, amount in kinds.items():
                if amount:
                    self.seconds[device, _part(row, kind)] += amount
        if row.state is State.ABORTED:
            self.spared += 1 - row.cost.render_equivalents
        self.withdrawn += words.took_back(row.state is State.ACCEPTED)
        self.undecided += row.state is State.INCONCLUSIVE and not words.decisions
        for said in words.decisions:
            if not said.accept:
                self.rejections[said.reason.partition(":")[0] or "no reason given"] += 1
        if row.kept:
            self.unreviewed += row.state is State.ACCEPTED and not words.decisions
            self.approved += words.accepted_by(SUPERVISOR)
            self.final += words.accepted_by(CLIENT)
        if report is None:
            return
        unsure = [f.key for f in report if f.verdict is Verdict.INCONCLUSIVE and f.status is not Status.SKIPPED]
        if row.state is State.INCONCLUSIVE:
            self.unjudged.update(unsure)
        if not row.measure_fully:
            return
        self.fully += 1
        self.passed += report.verdict is Verdict.PASS
        failing = [finding.key for finding in report.failing]
        self.failed.update(failing)
        self.alone.update(failing if len(failing) == 1 else ())
        self.inconclusive.update(unsure)

    def joined(self, others: Iterable[Account]) -> Account:
        """This account, of all shots together, with the counts of each."""
        for one in others:
            for place, amount in one.seconds.items():
                self.seconds[place] += amount
            for name in ("failed", "alone", "inconclusive", "unjudged", "rejections"):
                getattr(self, name).update(getattr(one, name))
            for name in ("fully", "passed", "withdrawn", "undecided", "unreviewed", "approved", "final", "spared"):
                setattr(self, name, getattr(self, name) + getattr(one, name))
        return self

    @classmethod
    def of_all(cls, accounts: Sequence[Account], rates: Rates) -> Account:
        """One account of several, each of other shots, with their client rounds together."""
        whole = cls(bill=together([one.bill for one in accounts], rates)).joined(accounts)
        for number in sorted({number for one in accounts for number in one.rounds}):
            whole.rounds[number] = cls.of_all([one.rounds[number] for one in accounts if number in one.rounds], rates)
        return whole

    @property
    def by_part(self) -> Mapping[str, float]:
        """Seconds on all devices by part, in the order of :data:`PARTS`."""
        return {part: sum(s for (_, of), s in self.seconds.items() if of == part) for part in PARTS}

    @property
    def money_by_part(self) -> Mapping[str, float]:
        """The price of the seconds of each part, in the currency of the rates."""
        priced = [(of, s * self.rates.price(device)) for (device, of), s in self.seconds.items()]
        return {part: sum(price for of, price in priced if of == part) for part in PARTS}

    @property
    def causes(self) -> Sequence[Cause]:
        """By metric, what failed most first."""
        keys = sorted({*self.failed, *self.inconclusive}, key=lambda k: (-self.failed[k], -self.inconclusive[k], k))
        return [
            Cause(key=k, failed=self.failed[k], alone=self.alone[k], inconclusive=self.inconclusive[k]) for k in keys
        ]

    @property
    def trouble(self) -> str:
        """The largest one, for a table: what failed most, or what could not be judged where that is more takes."""
        states = self.bill.states
        if self.unjudged and states.get(State.INCONCLUSIVE, 0) > states.get(State.REJECTED, 0):
            ((key, count),) = self.unjudged.most_common(1)
            return f"could not be judged: {short(key)}, {count:,} of {self.bill.totals.candidates:,}"
        if states.get(State.REJECTED) and not self.fully:
            return "not known: no take was checked on every point"
        worst = next(iter(self.causes), None)
        return f"fails: {short(worst.key)}, {worst.failed:,} of {self.fully:,}" if worst and worst.failed else ""

    @property
    def ratios(self) -> Sequence[Ratio]:
        """Takes and full renders for each shot that is kept, approved and final."""
        alone = "by the machine alone"
        kept = f"kept shot ({alone})" if self.unreviewed == self.bill.kept else "kept shot"
        some = f"{self.unreviewed} of the {self.bill.kept} kept {'is' if self.unreviewed == 1 else 'are'} kept {alone}."
        return [
            self._ratio(kept, "kept", self.bill.kept, some if 0 < self.unreviewed < self.bill.kept else ""),
            self._ratio("shot that a supervisor accepted", "accepted by a supervisor", self.approved),
            self._ratio("shot that the client accepted", "accepted by the client", self.final),
        ]

    def _ratio(self, name: str, what: str, shots: int, more: str = "") -> Ratio:
        takes, renders, whole = self.bill.totals.candidates, self.bill.renders, self.bill.shots
        said = [
            f"{counted(takes, 'take')} of {f'all {whole:,} shots' if whole > 1 else 'this shot'} for {shots:,} {what}.",
            more,
        ]
        few = 0 < shots < whole and (shots < ENOUGH or 2 * shots < whole)
        are = "is" if shots == 1 else "are"
        warning = f"Only {shots:,} of {whole:,} shots {are} {what}, and the takes of the others count too: this is not "
        return Ratio(
            name=name,
            shots=shots,
            takes=takes / shots if shots else None,
            renders=renders / shots if shots else None,
            told=" ".join(filter(None, said)) if shots else f"no shot is {what} yet",
            warning=f"{warning}what a shot costs." if few else "",
        )

    @property
    def unpriced(self) -> Sequence[str]:
        """Devices that were used and have no rate, where others have one."""
        return self.rates.unpriced(d for (d, _), s in self.seconds.items() if s) if self.priced else []

    @property
    def priced(self) -> bool:
        """Whether anything has a price."""
        return any(self.rates.per_second.values())


def _part(row: CandidateRow, kind: str) -> str:
    if kind in ("score", "repair"):
        return {"score": "scoring"}.get(kind, kind)
    return "kept" if row.kept else "aborted" if row.state is State.ABORTED else "discarded"


def bill_csv(lines: Iterable[tuple[str, str, Account]]) -> str:
    """The bill as CSV, of (level, name, account): a line for each, then one for each client round if it had several.

    Levels are shot, scene and campaign; lines of one level and no round add up to the campaign.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(BILL_COLUMNS)
    for level, name, one in lines:
        writer.writerow(_cells(level, name, "", one))
        for number, of_round in one.rounds.items() if len(one.rounds) > 1 else ():
            writer.writerow(_cells(level, name, number, of_round))
    return out.getvalue()


def _cells(level: str, name: str, number: object, one: Account) -> Iterator[object]:
    yield level
    bill = one.bill
    yield f"'{name}" if name.lstrip()[:1] in ("=", "+", "-", "@") else name  # a spreadsheet would run a formula
    yield from (number, bill.shots, bill.kept, one.unreviewed, one.approved, one.final, bill.totals.candidates)
    yield from (bill.states.get(state, 0) for state in State)
    yield from (_rounded(bill.renders), _rounded(bill.generation_ratio), _rounded(bill.renders_per_kept))
    yield from (*map(_rounded, one.by_part.values()), _rounded(sum(one.by_part.values())))
    money = one.money_by_part if one.priced else {}
    yield from (_rounded(money.get(part)) for part in PARTS)
    yield from (_rounded(sum(money.values())), one.rates.currency) if one.priced else ("", "")


def _rounded(amount: float | None) -> object:
    return "" if amount is None else round(amount, 6)
