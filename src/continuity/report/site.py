"""The report of a ledger: a folder of static pages that opens from disk, without server, network or foreign script."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from continuity.aborts.savings import savings_of
from continuity.errors import UsageError
from continuity.identity import Identity
from continuity.ledger import CandidateRow, Ledger, ShotRow
from continuity.media import path_of
from continuity.records import Budget, Decision, Rates, Report
from continuity.records.naming import parts_of
from continuity.report import paper
from continuity.report.accounts import PARTS, Account, Words, bill_csv
from continuity.report.budgets import against, uncovered
from continuity.report.cards import Card, Picture, card_of, whom
from continuity.report.figures import clock, percent, ratio
from continuity.report.groups import grouped
from continuity.report.naming import meaning, named, short
from continuity.report.pictures import Pictures
from continuity.report.reasons import why
from continuity.report.replacing import replacing
from continuity.report.rounds import bill_of, closings, round_of
from continuity.report.table import Table
from continuity.words import counted

if TYPE_CHECKING:
    from jinja2 import Environment

STATIC = ("report.css", "report.js")
SAID = 3  # rejections that a to-do repeats, the newest
TABLE, PAPER = "measurements.parquet", "bill.pdf"


@dataclass(slots=True, kw_only=True)
class _Known:
    """What all pages end with: collected from reports on the way."""

    not_checked: dict[str, None] = field(default_factory=dict)
    models: dict[str, None] = field(default_factory=dict)
    uncalibrated: dict[str, None] = field(default_factory=dict)
    identities: dict[str, None] = field(default_factory=dict)
    judged: int = 0

    def add(self, report: Report | None) -> None:
        if report is None:
            return
        self.judged += 1
        self.not_checked |= dict.fromkeys(report.not_checked)
        self.models |= dict.fromkeys(f"{model.role} {model.name} ({model.licence})" for model in report.models)
        typed = (f.key for f in report if f.tolerance is not None and not f.tolerance.calibrated)
        self.uncalibrated |= dict.fromkeys(typed)
        self.identities |= dict.fromkeys([report.measurements.identity])

    def update(self, other: _Known) -> None:
        for name in ("not_checked", "models", "uncalibrated", "identities"):
            setattr(self, name, getattr(self, name) | getattr(other, name))
        self.judged += other.judged


@dataclass(slots=True, kw_only=True)
class _Page:
    """One shot, as the index names it."""

    name: str
    path: str
    account: Account
    known: _Known
    kept: Card | None
    waiting: int  # takes that a person has to look at before anything can be kept
    objections: Sequence[tuple[int, Decision]]  # by people, with the take: what the next one must not show again


def write_report(
    ledger: Ledger,
    folder: str | os.PathLike[str],
    *,
    shots: Sequence[str] = (),
    rates: Rates | None = None,
    identity: Identity | None = None,
    budgets: Mapping[str, Budget] | None = None,
    pdf: bool = False,
    parquet: bool = False,
) -> Path:
    """Writes index.html, a page for each shot, bill.csv and the pictures; returns the path of index.html.

    The folder appears as a whole or not at all; that of an earlier report is replaced. Nothing in it points outside.

    Args:
        ledger: is only read.
        folder: new, empty, or of an earlier report.
        shots: names; left out, all.
        rates: what prices the seconds.
        identity: its references are shown beside what is kept.
        budgets: by shot, compared with what was used.
        pdf: also writes bill.pdf.
        parquet: also writes measurements.parquet, a row for each metric of each candidate.

    Raises:
        MissingDependency: fpdf2 or pyarrow is wanted and not installed.
        UsageError: the folder has something else in it or cannot be written, or there is no such shot.
        LedgerError: the ledger cannot be read.
    """
    target = path_of(folder, "a folder for the report").absolute()
    wanted = _wanted(ledger, shots)
    if pdf:
        paper.library()  # before anything is written
    with replacing(target) as root, ExitStack() as stack:
        table = stack.enter_context(Table(root / TABLE)) if parquet else None
        site = _Site(ledger, root, rates or Rates(), identity, budgets or {}, table)
        return target / site.write(wanted, pdf=pdf)


class _Site:
    """Writes the pages of one report, shot after shot: of each only the sums stay in memory."""

    def __init__(
        self,
        ledger: Ledger,
        root: Path,
        rates: Rates,
        identity: Identity | None,
        budgets: Mapping[str, Budget],
        table: Table | None,
    ) -> None:
        self._ledger, self._root, self._identity, self._budgets, self._table = ledger, root, identity, budgets, table
        self._pages = environment()
        self._pictures = Pictures(root, ledger.media)
        self._references: Sequence[Picture]
        self._missing: Sequence[str]
        self._references, self._missing = self._pictures.references(identity) if identity else ((), ())
        self._bills = ledger.bills(rates)
        self._rates = rates
        self._made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        said: dict[int, list[Decision]] = {}
        for decision in ledger.decisions():
            said.setdefault(decision.candidate, []).append(decision)
        self._words = {number: Words(decisions=tuple(each)) for number, each in said.items()}
        self._said: dict[str, list[Decision]] = {}
        for number, each in said.items():
            self._said.setdefault(ledger.candidate(number).shot, []).extend(each)

    def write(self, shots: Mapping[str, Sequence[ShotRow]], *, pdf: bool) -> str:
        for name in STATIC:
            source = files("continuity.report").joinpath("static", name).read_text(encoding="utf-8")
            (self._root / name).write_text(source, encoding="utf-8")
        width = len(str(len(shots)))
        pages = [
            self._shot(name, revisions, f"shot-{number:0{width}}{_slug(name)}.html")
            for number, (name, revisions) in enumerate(shots.items(), 1)
        ]
        by_scene: dict[str, list[_Page]] = {}
        for page in pages:
            by_scene.setdefault(parts_of(page.name)[0], []).append(page)
        whole = self._together(pages)
        scenes = {name: self._together(each) for name, each in by_scene.items() if name} if len(by_scene) > 1 else {}
        known = _Known()
        for page in pages:
            known.update(page.known)
        savings = savings_of(self._ledger) if len(shots) == len(self._bills) else ()
        written = ["bill.csv", *([PAPER] if pdf else []), *([TABLE] if self._table else [])]
        given = {"pages": pages, "account": whole, "known": known, "scenes": scenes, "savings": savings}
        self._page("index.html", "index.html", files=written, **given)
        lines = [("shot", page.name, page.account) for page in pages]
        lines += [("scene", name, account) for name, account in scenes.items()]
        table = bill_csv([*lines, ("campaign", "(all shots)", whole)])
        (self._root / "bill.csv").write_text(table, encoding="utf-8", newline="")
        if pdf:
            title = f"{self._ledger.path.name}: the bill"
            paper.bill_pdf(self._root / PAPER, title, self._made, lines, whole, list(known.not_checked))
        return "index.html"

    def _together(self, pages: Sequence[_Page]) -> Account:
        whole = Account.of_all([page.account for page in pages], self._rates)
        whole.budget = against(self._budgets, {page.name: page.account.bill for page in pages})
        return whole

    def _shot(self, name: str, revisions: Sequence[ShotRow], path: str) -> _Page:
        account, known = Account(bill=self._bills[name]), _Known()
        account.budget = against(self._budgets, {name: account.bill})
        closed = closings(self._said.get(name, ()))
        rounds: dict[int, Account] = {}
        rows: dict[int, list[CandidateRow]] = {}
        cards: list[Card] = []
        for revision in revisions:
            for row in self._ledger.candidates(revision):
                report = self._ledger.report(row.id)
                words = self._words.get(row.id, Words())
                number = round_of(row, closed)
                rows.setdefault(number, []).append(row)
                of_round = rounds.setdefault(number, Account(bill=bill_of((), self._rates)))
                for one in (account, of_round):
                    one.add(row, report, words)
                if self._table:
                    self._table.add(row, report, words, number)
                known.add(report)
                attempts = self._ledger.attempts(row.id) if row.cost.seconds["repair"] else ()
                cards.append(self._card(card_of(row, report, words, attempts)))
        for number, of_round in sorted(rounds.items()):
            of_round.bill = bill_of(rows[number], self._rates)
            account.rounds[number] = of_round
        kept = next((card for card in reversed(cards) if card.row.kept), None)
        groups, rest = grouped(cards, kept)
        objections = [(card.take, said) for card in cards for said in card.words.decisions if not said.accept]
        objections = sorted(objections, key=lambda one: one[1].when)[-SAID:]
        if kept:
            self._draw(kept, clean=True)
        for group in groups:
            for card in group.cards:
                self._draw(card, clean=group.name != "missed")  # what people judge they see without anything on it
        self._page(
            "shot.html",
            path,
            name=name,
            account=account,
            known=known,
            kept=kept,
            why=why(account, cards),
            objections=objections,
            groups=groups,
            rest=rest,
            metrics=list(dict.fromkeys(line.key for card in cards for line in card.lines)),
            verdicts=list(dict.fromkeys(card.word for card in cards if card is not kept)),
            revisions=len(revisions),
            references=self._references,
            missing=self._missing,
            foreign=bool(self._identity and known.identities and self._identity.digest not in known.identities),
        )
        waiting = 0 if kept else sum(group.of for group in groups if group.name == "waiting")
        return _Page(
            name=name, path=path, account=account, known=known, kept=kept, waiting=waiting, objections=objections
        )

    def _card(self, card: Card) -> Card:
        card.thumbnail, why = self._pictures.thumbnail(card.row)
        card.note = "; ".join(filter(None, (card.note, why)))
        return card

    def _draw(self, card: Card, *, clean: bool) -> None:
        """The large pictures of a card; its report is read once more, so that those of all others need not stay."""
        plain, why = self._pictures.clean(card.row) if clean else (None, "")
        card.marked, drawn, why_not = self._pictures.drawn(card.row, self._ledger.report(card.row.id))
        card.pictures = (*([plain] if plain else []), *drawn)
        card.note = "; ".join(dict.fromkeys(filter(None, (card.note, why, why_not))))

    def _page(self, template: str, path: str, **given: Any) -> None:
        text = self._pages.get_template(template).render(
            ledger=self._ledger.path.name, made=self._made, identity=self._identity, parts=PARTS, **given
        )
        (self._root / path).write_text(text, encoding="utf-8")


def environment() -> Environment:
    """Templates that escape everything, and refuse a name that nobody gave them."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("continuity.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    made.filters |= {"clock": clock, "ratio": ratio, "percent": percent, "named": named, "short": short}
    made.filters |= {"meaning": meaning, "uncovered": uncovered, "counted": counted, "whom": whom}
    return made


def _visible(value: Any) -> Any:
    """Text without characters that change how the text around them reads, such as a change of direction."""
    if type(value) is not str or value.isprintable():
        return value
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in value)


def _wanted(ledger: Ledger, names: Sequence[str]) -> dict[str, list[ShotRow]]:
    """The revisions of the wanted shots by name."""
    found: dict[str, list[ShotRow]] = {}
    for row in ledger.shots():
        found.setdefault(row.name, []).append(row)
    missing = [name for name in names if name not in found]
    if missing:
        known = ", ".join(map(repr, list(found)[:10])) + (" ..." if len(found) > 10 else "")
        raise UsageError(f"{ledger.path.name} has no shot {missing[0]!r}; it has {known or 'none'}")
    return {name: rows for name, rows in found.items() if not names or name in names}


def _slug(name: str) -> str:
    """What of a shot's name a file may be called by, anywhere; the number before it makes it unique."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:48].strip("-")
    return f"-{plain}" if plain else ""
