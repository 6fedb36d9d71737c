"""The strip below a drawn picture: the verdict, and each finding with value, limit and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from continuity import words
from continuity.records import Finding, Report
from continuity.report import ink
from continuity.report.naming import MACHINE_WORDS, judged, scale, short

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

CELL = 34  # letters that a finding needs beside another one
HEAD, FOOT = 2.8, 1.5  # heights of the line above and of the line below
PLAIN, BLIND, NOTED = 2.15, 2.6, 3.15  # heights of a finding: value alone, words alone, both
WHEEL = 10  # side of a wheel or another scope
DARK: ink.Rgb = (16, 16, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """What stands below the picture, and where. ``unit`` is the size of a letter; all is measured in it."""

    report: Report
    title: str
    width: int
    unit: int
    columns: int
    wheels: int
    footer: str

    @classmethod
    def of(cls, report: Report, title: str, width: int, unit: int, wheels: int) -> Legend:
        """A legend for a picture of that width."""
        # Narrow pictures come with letters that suit their height: the strip must still hold a finding.
        unit = max(12, min(round(0.85 * unit), width // CELL))
        room = width - (wheels * (WHEEL + 1) + 2) * unit
        several = len(report.findings) > 2 and room // 2 >= CELL * unit * 0.72
        return cls(
            report=report,
            title=title,
            width=width,
            unit=unit,
            columns=2 if several else 1,
            wheels=wheels,
            footer=_footer(report),
        )

    @property
    def placed(self) -> Sequence[tuple[Finding, int, float]]:
        """The findings, those that decide first, each with its column and how far down it is, in letters."""
        ordered = sorted(self.report, key=lambda f: -f.verdict.rank)
        rows = -(-len(ordered) // self.columns)
        made, down = [], 0.0
        for number, finding in enumerate(ordered):
            column, row = divmod(number, rows)
            down = 0.0 if row == 0 else down
            made.append((finding, column, down))
            down += _tall(finding)
        return made

    @property
    def height(self) -> int:
        """Height of the strip in pixels."""
        body = max([down + _tall(finding) for finding, _, down in self.placed] + [(WHEEL + 0.6) * bool(self.wheels)])
        return round((HEAD + 0.5 + body + FOOT * bool(self.footer)) * self.unit)

    def place(self, number: int, top: int) -> tuple[int, int, int]:
        """(left, top, side) of a wheel, the first one furthest to the right."""
        side = WHEEL * self.unit
        left = self.width - (number + 1) * (side + self.unit)
        return left, top + round(HEAD * self.unit), side

    def put(self, canvas: Picture, top: int) -> None:
        """Draws it, from ``top`` on."""
        from PIL import ImageDraw

        draw = ImageDraw.Draw(canvas)
        u = self.unit
        verdict, colour = self.report.verdict, ink.VERDICT_COLOURS[self.report.verdict]
        draw.rectangle((0, top, self.width, top + max(2, u // 5)), fill=colour)
        base = top + 1.85 * u
        said, face = ink.written(MACHINE_WORDS[verdict].upper(), u)
        length = draw.textlength(said, font=face)
        draw.rounded_rectangle((u, base - 1.15 * u, 2 * u + length, base + 0.45 * u), radius=0.35 * u, fill=colour)
        draw.text((1.5 * u, base), said, font=face, fill=DARK, anchor="ls")
        name = self.report.measurements.identity_name
        right = ink.put(draw, (self.width - u, base), name, u, ink.FAINT, self.width * 0.3, "rs") if name else 0.0
        start = 2.8 * u + length
        ink.put(draw, (start, base), self.title, u, ink.TEXT, self.width - start - right - 2 * u)
        room = self.width - (self.wheels * (WHEEL + 1) + 1) * u
        across = (room - u * self.columns) / self.columns
        for finding, column, down in self.placed:
            self._finding(draw, finding, (u + column * (across + u), top + (HEAD + down) * u), across)
        if self.footer:
            ink.put(draw, (u, top + self.height - 0.7 * u), self.footer, round(0.78 * u), ink.FAINT, self.width - 2 * u)

    def _finding(self, draw: ImageDraw, finding: Finding, at: tuple[float, float], width: float) -> None:
        """Key, value, limit and verdict; the gauge; what is said of it."""
        u, small = self.unit, round(self.unit * 0.82)
        x, y = at
        base, right = y + 0.95 * u, x + width
        word, kind = judged(finding)
        colour = ink.FAINT if kind == "none" else ink.VERDICT_COLOURS[finding.verdict]
        taken = ink.put(draw, (right, base), word, small, colour, width * 0.3, "rs") + 0.8 * u
        value, limit = finding.value, finding.limit
        if value is not None and limit is not None:
            text = f"limit {limit:.3g} {scale(finding.unit)}".rstrip()
            taken += ink.put(draw, (right - taken, base), text, small, ink.FAINT, width * 0.4, "rs") + 0.6 * u
            taken += ink.put(draw, (right - taken, base), words.number(value), u, colour, width * 0.25, "rs") + 0.8 * u
            ratio = value / limit if limit > 0 else (2.0 if value > 0 else 0.0)
            ink.gauge(draw, (x, y + 1.4 * u), width, ratio, colour, height=max(4, u // 4))
        ink.put(draw, (x, base), short(finding.key), u, ink.TEXT, width - taken)
        lower = y + (2.5 if value is not None else 1.95) * u
        ink.put(draw, (x, lower), _said(finding), small, ink.FAINT if value is not None else colour, width)


def _tall(finding: Finding) -> float:
    """How many letters high a finding is."""
    if finding.value is None:
        return BLIND
    return NOTED if _said(finding) else PLAIN


def _said(finding: Finding) -> str:
    return finding.reason or finding.measurement.note


def _footer(report: Report) -> str:
    """What a reader must know before relying on it: limits nobody calibrated, models not for commercial use."""
    said = []
    if any(f.tolerance is not None and not f.tolerance.calibrated for f in report):
        said.append("limits are not calibrated")
    noncommercial = sorted({m.licence for m in report.models if not m.commercial})
    if noncommercial:
        said.append(f"not for commercial use: {', '.join(noncommercial)}")
    standins = sorted({f"{m.role}: {m.note}" for m in report.models if "stand-in" in m.note})
    return " · ".join([*said, *standins])
