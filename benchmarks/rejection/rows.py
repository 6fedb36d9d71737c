"""From shots to rows, a table and a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import numpy as np

from continuity.statistics import bounds

from .stage import Cell
from .strategies import STRATEGIES, Shot

CONFIDENCE = 0.95
DRAWS = 4000  # of the bootstrap
KEYS = (
    "generator", "share", "repairable", "strategy", "shots", "candidates_per_kept", "render_equivalents_per_kept",
    "seconds_per_kept", "inconclusive_share", "bad_share", "bad_share_upper95",
    "aborted_share", "acceptable", "lost",
)  # fmt: skip
Results = Mapping[tuple[Cell, str], Sequence[Shot]]


@dataclass(frozen=True, slots=True)
class Row:
    """One strategy on one stream. What a shot cost that kept none is on the bill of the others."""

    cell: Cell
    strategy: str
    shots: Sequence[Shot]

    @property
    def kept(self) -> int:
        """Shots that kept one."""
        return sum(shot.kept for shot in self.shots)

    @property
    def bad(self) -> int:
        """Shots that kept a bad one."""
        return sum(bool(shot.bad) for shot in self.shots)

    @property
    def candidates(self) -> int:
        """Of all shots."""
        return sum(shot.candidates for shot in self.shots)

    def per_kept(self, amount: float) -> float | None:
        """None where nothing was kept."""
        return amount / self.kept if self.kept else None

    @property
    def renders_per_kept(self) -> float | None:
        """Full-render-equivalents."""
        return self.per_kept(sum(shot.renders for shot in self.shots))

    def to_json(self, environment: Mapping[str, Any], others: Sequence[Row] = ()) -> dict[str, Any]:
        """One row of the JSON file, with the saving over ``others`` of the same stream."""
        values = (
            self.cell.generator,
            self.cell.share,
            self.cell.repairable,
            self.strategy,
            len(self.shots),
            self.per_kept(self.candidates),
            self.renders_per_kept,
            self.per_kept(sum(shot.seconds for shot in self.shots)),
            sum(shot.inconclusive for shot in self.shots) / self.candidates if self.candidates else None,
            self.per_kept(self.bad),
            bounds.upper(failures=self.bad, n=self.kept, confidence=CONFIDENCE),
            sum(shot.aborted for shot in self.shots) / self.candidates if self.candidates else None,
            sum(shot.acceptable for shot in self.shots),
            sum(shot.lost for shot in self.shots),
        )
        learnable = {"learnable": self.cell.learnable}
        over = {one.strategy: asdict(found) for one in others if (found := saving(self, one)) is not None}
        return {
            **dict(zip(KEYS, values, strict=True)),
            "saving_over": over,
            "environment": {**environment, **learnable},
        }


def rows_of(results: Results) -> list[Row]:
    """Rows of all that has shots, streams and strategies in order."""
    found = [Row(cell, strategy, shots) for (cell, strategy), shots in results.items() if shots]
    order = list(STRATEGIES)
    return sorted(
        found,
        key=lambda r: (r.cell.generator, -r.cell.share, r.cell.repairable, r.cell.learnable, order.index(r.strategy)),
    )


def beside(row: Row, rows: Sequence[Row]) -> list[Row]:
    """What a row is compared with: ``fixed`` and ``first`` of its stream."""
    return [one for one in rows if one.cell == row.cell and one.strategy in ("fixed", "first")]


def table(rows: Sequence[Row]) -> str:
    """For people; the saving is over ``fixed`` and ``first`` on the shots that both have."""
    lines = []
    for cell in dict.fromkeys(row.cell for row in rows):
        here = {row.strategy: row for row in rows if row.cell == cell}
        learnable = f", learnable {cell.learnable:g}" if cell.learnable else ""
        lines += [
            "",
            f"{cell.generator} at 1:{1 / cell.share:.3g}, {cell.repairable:.0%} of failures repairable{learnable}",
            f"{'strategy':9} {'shots':>5} {'kept':>5} {'cand.':>7} {'renders':>8} {'seconds':>8} {'scoring':>8} "
            f"{'aborted':>7} {'repaired':>8} {'inconcl.':>8} {'bad':>4} {'<= 95 %':>7} {'lost':>7} "
            f"{'x fixed':>20} {'x first':>20}",
        ]
        for name, row in here.items():
            said = row.to_json({})
            gained = " ".join(f"{_said(saving(row, here.get(other))):>20}" for other in ("fixed", "first"))
            aborted = sum(s.aborted for s in row.shots) / max(1, row.candidates)
            lines.append(
                f"{name:9} {len(row.shots):5} {row.kept:5} {_number(said['candidates_per_kept']):>7} "
                f"{_number(said['render_equivalents_per_kept']):>8} {_number(said['seconds_per_kept']):>8} "
                f"{_number(row.per_kept(sum(s.scoring for s in row.shots))):>8} {aborted:7.1%} "
                f"{sum(s.repaired for s in row.shots):8} {said['inconclusive_share'] or 0:8.1%} {row.bad:4} "
                f"{said['bad_share_upper95']:7.2%} {said['lost']:3}/{said['acceptable']:<3} {gained}"
            )
    return "\n".join(lines).lstrip("\n")


@dataclass(frozen=True, slots=True)
class Saving:
    """How many times fewer render-equivalents a kept shot takes, with a 95 % interval, on the shots that both have."""

    ratio: float
    low: float
    high: float
    shots: int


def saving(row: Row, other: Row | None) -> Saving | None:
    """Over another strategy, paired by shot; None where they share no shot or one of them keeps none of those.

    The interval is of the percentile bootstrap (Efron 1979) over shots; a draw in which nothing is kept saves nothing.
    """
    if other is None or row.strategy == other.strategy:
        return None
    mine, theirs = ({shot.shot: shot for shot in one.shots} for one in (row, other))
    both = [name for name in mine if name in theirs]
    counts = [[(s.renders, s.kept) for s in (mine[name], theirs[name])] for name in both]
    table = np.array(counts, dtype=float).reshape(-1, 2, 2)  # shot, strategy, renders and kept
    if not len(both) or not table[..., 1].any(axis=0).all():
        return None
    picks = np.random.default_rng(0).integers(len(both), size=(DRAWS, len(both)))
    (mine_r, mine_k), (theirs_r, theirs_k) = table[picks].sum(axis=1).transpose(1, 2, 0)
    ratios = np.divide(theirs_r * mine_k, theirs_k * mine_r, out=np.zeros(DRAWS), where=theirs_k > 0)
    (a, b), (c, d) = table.sum(axis=0)
    low, high = np.quantile(ratios, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return Saving(float(c * b / (d * a)), float(low), float(high), len(both))


def _said(one: Saving | None) -> str:
    return f"{one.ratio:.1f} ({one.low:.1f}-{one.high:.1f})" if one else ""


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


INK, MUTED, BAR, BASE, GRID = "#1c2733", "#5b6875", "#2f6db3", "#a8b4c0", "#e3e8ed"
LEFT, WIDE, HIGH, GAP, HEAD = 92, 520, 18, 7, 40


def chart(rows: Sequence[Row]) -> str:
    """Render-equivalents a kept shot by strategy, one panel a stream, as SVG."""
    parts: list[str] = []
    y = 8.0
    for cell in dict.fromkeys(row.cell for row in rows):
        here = [row for row in rows if row.cell == cell and row.renders_per_kept]
        most = max((row.renders_per_kept or 0 for row in here), default=1.0)
        learnable = f", learnable {cell.learnable:g}" if cell.learnable else ""
        title = f"{cell.generator} at 1:{1 / cell.share:.3g}, {cell.repairable:.0%} of failures repairable{learnable}"
        parts.append(_text(8, y + 16, title, INK, 13, weight=600))
        parts.append(_text(8, y + 32, "full-render-equivalents a kept shot (95 % bound on bad among kept)", MUTED, 11))
        y += HEAD
        for row in here:
            value = row.renders_per_kept or 0.0
            width = WIDE * value / most
            colour = BASE if row.strategy in ("fixed", "first") else BAR
            parts.append(_text(LEFT - 8, y + HIGH - 5, row.strategy, INK, 12, anchor="end"))
            parts.append(f'<rect x="{LEFT}" y="{y:.1f}" width="{width:.1f}" height="{HIGH}" rx="2" fill="{colour}"/>')
            bound = row.to_json({})["bad_share_upper95"]
            words = f"{value:.1f}   (≤ {bound:.1%}, n = {row.kept})"
            parts.append(_text(LEFT + width + 6, y + HIGH - 5, words, MUTED, 11))
            y += HIGH + GAP
        parts.append(
            f'<line x1="{LEFT}" x2="{LEFT}" y1="{y - len(here) * (HIGH + GAP) - 3:.1f}" y2="{y:.1f}" stroke="{GRID}"/>'
        )
        y += 18
    width = LEFT + WIDE + 170
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y:.0f}" viewBox="0 0 {width} {y:.0f}" '
        f'font-family="system-ui, sans-serif"><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _text(x: float, y: float, text: str, colour: str, size: int, *, anchor: str = "start", weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
