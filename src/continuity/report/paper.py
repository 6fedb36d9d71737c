"""The bill as a PDF to send: the numbers of the first page, in the same words, black on white."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from continuity.installs import require
from continuity.report import ink
from continuity.report.accounts import PARTS, Account
from continuity.report.budgets import uncovered
from continuity.report.figures import clock, percent, ratio
from continuity.report.naming import short
from continuity.report.reasons import FEW

EXTRA = "'continuity-gate[pdf]'"
GREY = 90
SIZE, SMALL, LARGE = 9, 7.5, 16  # points


def library() -> Any:
    """fpdf2.

    Raises:
        MissingDependency: it is not installed; has the exact pip line.
    """
    return require("fpdf", EXTRA)


def bill_pdf(
    path: Path,
    title: str,
    made: str,
    lines: Sequence[tuple[str, str, Account]],
    whole: Account,
    unchecked: Sequence[str],
) -> None:
    """Writes the bill of ``whole`` and of each (level, name, account) of ``lines``.

    Raises:
        MissingDependency: fpdf2 is not installed.
        OSError: the file cannot be written.
    """
    page = _Paper(title)
    page.heading(title, LARGE)
    page.said(f"{made}. {_counted(whole)}")
    for one in whole.ratios:
        told = (
            f"{ratio(one.takes)} takes per {one.name}; in full renders {ratio(one.renders)}. {one.told} {one.warning}"
        )
        page.said(told if one.shots else f"There is no {one.name} yet.")
    page.heading("Where the machine time went")
    page.table(*_spent(whole))
    if whole.priced:
        page.said("Each amount is rounded to cents by itself, so a sum can be a cent off its parts.")
    if whole.unpriced:
        page.said(f"No rate is given for {', '.join(whole.unpriced)}: that time counts as free of charge.")
    if whole.budget:
        page.heading("Budget and actual")
        if said := uncovered(whole.budget):
            page.said(said)
        page.table(
            ("limit", "shots covered", "budget", "used", "share"),
            [
                (a.unit, f"{a.shots} of {a.of}", f"{a.allowed:,.0f}", f"{a.used:,.0f}", percent(a.used, a.allowed))
                for a in whole.budget
            ],
        )
        page.said(" ".join(f"{one.unit[:1].upper()}{one.unit[1:]}: {one.made_of}." for one in whole.budget))
    if len(whole.rounds) > 1:
        page.heading("Client rounds")
        page.table(*_accounts([("round", str(number), one) for number, one in whole.rounds.items()], whole))
    page.heading("What takes failed on")
    if whole.unjudged:
        keys = ", ".join(f"{short(key)} in {count:,}" for key, count in whole.unjudged.most_common())
        page.said(f"Could not be judged, of all {whole.bill.totals.candidates:,} takes: {keys}.")
    if whole.fully:
        page.said(
            f"Counted on {whole.fully:,} of {whole.bill.totals.candidates:,} takes: those picked at random to be "
            "checked on every point." + (" So few say little." if whole.fully < FEW else "")
        )
        page.table(
            ("checked", "failed", "of these", "nothing else failed", "could not be judged, of these"),
            [(short(c.key), c.failed, percent(c.failed, whole.fully), c.alone, c.inconclusive) for c in whole.causes],
        )
    else:
        page.said("Not known: no take was checked on every point.")
    for level, name in (("scene", "Scene by scene"), ("shot", "Shot by shot")):
        if found := [line for line in lines if line[0] == level]:
            page.heading(name)
            page.table(*_accounts(found, whole))
    page.heading("What was not checked")
    page.said(", ".join(unchecked) or "The gate names nothing. It checks no more than what is listed here.")
    page.write(path)


def _counted(whole: Account) -> str:
    bill = whole.bill
    return f"{bill.shots:,} shots, {bill.kept:,} kept, {bill.totals.candidates:,} takes."


def _spent(whole: Account) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    seconds, money = whole.by_part, whole.money_by_part
    total = sum(seconds.values())
    head = ["spent on", "time (h:mm:ss)", "share", *([whole.rates.currency] if whole.priced else [])]
    rows = [
        [words, clock(seconds[part]), percent(seconds[part], total), *([f"{money[part]:,.2f}"] if whole.priced else [])]
        for part, words in PARTS.items()
    ]
    rows.append(["together", clock(total), "", *([f"{sum(money.values()):,.2f}"] if whole.priced else [])])
    return head, rows


def _accounts(
    lines: Sequence[tuple[str, str, Account]], whole: Account
) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    head = [lines[0][0], "kept", "takes", "per kept", "full renders", "time"]
    head += [whole.rates.currency] if whole.priced else []
    rows = []
    for _, name, one in lines:
        bill = one.bill
        row = [name, bill.kept, f"{bill.totals.candidates:,}", ratio(bill.generation_ratio), f"{bill.renders:,.1f}"]
        row += [clock(sum(one.by_part.values()))]
        rows.append([*row, *([f"{sum(one.money_by_part.values()):,.2f}"] if whole.priced else [])])
    return head, rows


class _Paper:
    """A4 pages, numbered, in a font that has the letters of this machine's names."""

    def __init__(self, title: str) -> None:
        fpdf = library()
        self._spaced: dict[str, Any] = {"new_x": fpdf.XPos.LMARGIN, "new_y": fpdf.YPos.NEXT}
        self._pdf = fpdf.FPDF(format="A4")
        self._pdf.set_title(title)
        self._pdf.set_margin(15)
        self._pdf.set_auto_page_break(True, 15)
        wide = ink.wide_font(12)
        self._font = "Helvetica"
        found = getattr(wide, "path", None)
        if isinstance(found, str):
            self._font = "wide"
            for style in ("", "B"):
                self._pdf.add_font(self._font, style, found)
        self._pdf.add_page()

    def heading(self, text: str, size: float = 12) -> None:
        self._pdf.ln(0 if size == LARGE else 4)
        self._pdf.set_font(self._font, "B", size)
        self._pdf.multi_cell(0, size * 0.55, self._shown(text), **self._spaced)
        self._pdf.ln(1)

    def said(self, text: str) -> None:
        self._pdf.set_font(self._font, "", SIZE)
        self._pdf.multi_cell(0, 4.6, self._shown(text), **self._spaced)
        self._pdf.ln(0.8)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        fpdf = library()
        self._pdf.set_font(self._font, "", SMALL)
        style = fpdf.fonts.FontFace(emphasis="", color=GREY)
        widths = (3, *[1] * (len(head) - 1))
        aligned = ("LEFT", *["RIGHT"] * (len(head) - 1))
        with self._pdf.table(
            col_widths=widths, text_align=aligned, borders_layout="HORIZONTAL_LINES", line_height=4.2, padding=(0.7, 1),
            headings_style=style, width=min(self._pdf.epw, 60 + 24 * (len(head) - 1)), align="LEFT",
        ) as made:  # fmt: skip
            for cells in (head, *rows):
                line = made.row()
                for cell in cells:
                    line.cell(self._shown(str(cell)))

    def write(self, path: Path) -> None:
        path.write_bytes(bytes(self._pdf.output()))

    def _shown(self, text: str) -> str:
        plain = "".join(c if c.isprintable() else "?" for c in text)
        return plain if self._font == "wide" else plain.replace("–", "-").encode("latin-1", "replace").decode("latin-1")
