"""The contact sheet: the references and the kept candidate large, then every discarded one with what it failed on."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from continuity import words
from continuity.media import path_of, write_atomic
from continuity.records import Box, Finding, Rectangle, Report, State, Verdict
from continuity.report import ink
from continuity.report.naming import judged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

WIDTH = 1920
MARGIN = 56
GAP = 24
HERO = 560  # height of the large pictures
COLUMNS = (5, 6, 4)  # cards beside each other: the first that leaves the fewest places empty
LOWEST, HIGHEST = 190, 430  # height of a thumbnail: as most pictures need it, within these
HEADING = 40  # height of the line above the cards
ROW, NOTE = 46, 20  # height of one finding under a thumbnail, and of the note on it if any card has one
FINDINGS = 3  # findings shown under a thumbnail
KEPT_SIDE = 900  # longest side of a picture that waits in a tile


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One picture on the sheet, with what is said of it. ``boxes`` are in pixels of ``picture``, failed ones on top."""

    title: str
    picture: Picture | None
    state: State | None = None
    report: Report | None = None
    note: str = ""
    boxes: tuple[tuple[ink.Rgb, Box], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a contact sheet shows. ``left_out`` discarded candidates are not among ``discarded``, and it says so."""

    title: str
    subtitle: str = ""
    references: Sequence[Tile] = ()
    kept: Tile | None = None
    discarded: Sequence[Tile] = field(default_factory=tuple)
    left_out: int = 0
    footer: str = ""


def tile_of(
    pixels: NDArray[np.uint8] | None,
    *,
    title: str,
    state: State | None = None,
    report: Report | None = None,
    note: str = "",
    boxed: bool = True,
) -> Tile:
    """A tile of HxWx3 uint8 sRGB pixels, reduced to what the sheet can show.

    With ``boxed`` it gets the boxes of the report, which must have been measured on these very pixels.
    """
    from PIL import Image

    if pixels is None:
        return Tile(title=title, picture=None, state=state, report=report, note=note)
    picture = Image.fromarray(pixels)
    width, height = picture.size
    picture.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS)
    across, down = picture.width / width, picture.height / height
    found = []
    for finding in report or () if boxed else ():
        for shape in finding.measurement.shapes:
            if not isinstance(shape, Rectangle):
                continue
            label, b = shape.label, shape.box
            where = Box(b.left * across, b.top * down, b.right * across, b.bottom * down)
            own = label == finding.key  # else it was beside the subject, such as the face of somebody else
            rank = finding.verdict.rank if own else -1
            found.append((rank, ink.VERDICT_COLOURS[finding.verdict] if own else ink.FAINT, where))
    boxes = tuple((colour, where) for _, colour, where in sorted(found, key=lambda f: f[0]))
    return Tile(title=title, picture=picture, state=state, report=report, note=note, boxes=boxes)


def contact_sheet(sheet: Sheet, path: str | os.PathLike[str]) -> Path:
    """Draws the sheet as a PNG, whole or not at all, and returns its path.

    Raises:
        MediaError: the file cannot be written.
    """
    from PIL import Image, ImageDraw

    top = MARGIN + 84
    below = top + (HERO + 92 if sheet.references or sheet.kept else 0)
    grid = _Grid.of(sheet.discarded)
    height = below + grid.height + (70 if sheet.footer else 0) + MARGIN - GAP
    canvas = Image.new("RGB", (WIDTH, height), ink.PAPER)
    draw = ImageDraw.Draw(canvas)

    inner = WIDTH - 2 * MARGIN
    ink.put(draw, (MARGIN, MARGIN + 30), sheet.title, 40, ink.TEXT, inner)
    ink.put(draw, (MARGIN, MARGIN + 62), sheet.subtitle, 21, ink.FAINT, inner)
    if below > top:
        _hero(canvas, draw, sheet, top)
    if sheet.discarded:
        left_out = f", {sheet.left_out} more are not shown" if sheet.left_out else ""
        ink.put(draw, (MARGIN, below + 20), f"Discarded: {len(sheet.discarded)}{left_out}", 24, ink.TEXT, inner)
    for number, tile in enumerate(sheet.discarded):
        _card(canvas, draw, tile, grid.place(number, below), grid)
    said = ink.lines(draw, sheet.footer, 18, inner, 2)
    for number, text in enumerate(said):
        ink.put(draw, (MARGIN, height - MARGIN - 14 + 26 * number), text, 18, ink.FAINT, inner)

    sink = BytesIO()
    canvas.save(sink, "PNG")
    target = path_of(path, "a contact sheet")
    write_atomic(target, sink.getvalue())
    return target


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where the cards lie: how many beside each other, their size, the height of the pictures on them."""

    columns: int
    rows: int
    across: float
    thumb: int
    row: int
    card: int

    @classmethod
    def of(cls, tiles: Sequence[Tile]) -> _Grid:
        columns = min(COLUMNS, key=lambda number: -len(tiles) % number)
        across = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns
        thumb = _thumb_height(tiles, across)
        found = [shown(tile.report)[:FINDINGS] for tile in tiles]
        noted = any(f.value is not None and f.measurement.note for some in found for f in some)
        row = ROW + NOTE * noted
        card = thumb + 54 + max([1, *map(len, found)]) * row
        return cls(columns, math.ceil(len(tiles) / columns), across, thumb, row, card)

    @property
    def height(self) -> int:
        return HEADING + self.rows * (self.card + GAP) if self.rows else 0

    def place(self, number: int, top: int) -> tuple[int, int, int, int]:
        x = MARGIN + number % self.columns * (self.across + GAP)
        y = top + HEADING + number // self.columns * (self.card + GAP)
        return round(x), y, round(x + self.across), y + self.card


def shown(report: Report | None) -> Sequence[Finding]:
    """The findings that a card shows: those that decide, the worst first; all that were measured where none does."""
    if report is None:
        return ()
    deciding = [f for f in report if f.verdict is not Verdict.PASS and f.status != "skipped"]
    failing = {f.key: n for n, f in enumerate(report.failing)}
    return sorted(deciding, key=lambda f: failing.get(f.key, len(failing))) or list(report)


def _hero(canvas: Picture, draw: ImageDraw, sheet: Sheet, top: int) -> None:
    """References and the kept candidate side by side at one height, its findings to the right."""
    column = 470 if sheet.kept else 0
    tiles = [*sheet.references[:2], *([sheet.kept] if sheet.kept else [])]
    room = WIDTH - 2 * MARGIN - column - (GAP * len(tiles))
    ratio = sum(t.picture.width / t.picture.height if t.picture else 1.0 for t in tiles)
    height = min(HERO, int(room / ratio))
    x = float(MARGIN)
    for tile in tiles:
        across = height * (tile.picture.width / tile.picture.height if tile.picture else 1.0)
        box = (round(x), top, round(x + across), top + height)
        _picture(canvas, draw, tile, box, fit=True)
        kept = tile is sheet.kept
        if kept:
            draw.rectangle((box[0] - 4, box[1] - 4, box[2] + 3, box[3] + 3), outline=ink.GREEN, width=4)
        ink.put(draw, (x, top + height + 34), tile.title, 24, ink.GREEN if kept else ink.TEXT, across)
        ink.put(draw, (x, top + height + 60), tile.note, 18, ink.FAINT, across)
        x += across + GAP
    if sheet.kept and sheet.kept.report:
        _verdicts(draw, sheet.kept.report, (x + 16, top), WIDTH - MARGIN - x - 16)


def _verdicts(draw: ImageDraw, report: Report, at: tuple[float, float], width: float) -> None:
    x, y = at
    ink.put(draw, (x, y + 24), "What was measured", 24, ink.TEXT, width)
    y += 64
    for finding in report.findings[:7]:
        _finding(draw, finding, (x, y), width, size=21, unit=True)
        y += 66 + NOTE * bool(finding.measurement.note)
    y += 8
    for text in ink.lines(draw, "Not checked: " + ", ".join(report.not_checked), 18, width, 5):
        ink.put(draw, (x, y + 16), text, 18, ink.FAINT, width)
        y += 24


def _finding(
    draw: ImageDraw, finding: Finding, at: tuple[float, float], width: float, size: int, *, unit: bool = False
) -> None:
    """One finding in two lines: what, value and limit; then the gauge, or the reason why there is none."""
    x, y = at
    colour = ink.VERDICT_COLOURS[finding.verdict]
    value, limit = finding.value, finding.limit
    if value is not None and limit is not None:
        base, right = y + size - 3, x + width
        taken = ink.put(draw, (right, base), f"limit {limit:.3g}", size - 3, ink.FAINT, width * 0.4, anchor="rs") + 10
        taken += ink.put(draw, (right - taken, base), words.number(value), size, colour, width * 0.3, anchor="rs") + 12
        ink.put(
            draw, (x, base), f"{finding.key} ({finding.unit})" if unit else finding.key, size, ink.TEXT, width - taken
        )
        ratio = value / limit if limit > 0 else (2.0 if value > 0 else 0.0)
        ink.gauge(draw, (x, y + size + 8), width, ratio, colour)
        ink.put(draw, (x, y + 2 * size + 14), finding.measurement.note, size - 3, ink.FAINT, width)
    else:
        blind = ink.FAINT if judged(finding)[1] == "none" else colour
        ink.put(draw, (x, y + size - 3), finding.key, size, ink.TEXT, width)
        ink.put(draw, (x, y + 2 * size + 1), finding.reason or str(finding.status), size - 3, blind, width)


def _card(canvas: Picture, draw: ImageDraw, tile: Tile, box: tuple[int, int, int, int], grid: _Grid) -> None:
    left, top, right, bottom = box
    draw.rectangle((left, top, right, bottom), fill=ink.CARD)
    _picture(canvas, draw, tile, (left, top, right, top + grid.thumb))
    y = top + grid.thumb
    pad = 14
    width = right - left - 2 * pad
    colour = ink.COLOURS[tile.state] if tile.state else ink.FAINT
    state = str(tile.state or "")
    taken = ink.put(draw, (right - pad, y + 29), state, 19, colour, width / 2, anchor="rs")
    ink.put(draw, (left + pad, y + 29), tile.title, 19, ink.TEXT, width - taken - 8)
    y += 42
    found = shown(tile.report)
    for finding in found[:FINDINGS]:
        _finding(draw, finding, (left + pad, y), width, size=17)
        y += grid.row
    if not found:
        for text in ink.lines(draw, tile.note, 16, width, 2):
            ink.put(draw, (left + pad, y + 14), text, 16, ink.FAINT, width)
            y += 20


def _thumb_height(tiles: Sequence[Tile], across: float) -> int:
    """What the middle one of the pictures needs to fill the width of its card."""
    ratios = sorted(t.picture.height / t.picture.width for t in tiles if t.picture)
    wanted = across * ratios[len(ratios) // 2] if ratios else LOWEST
    return round(min(max(wanted, LOWEST), HIGHEST))


def _picture(
    canvas: Picture, draw: ImageDraw, tile: Tile, box: tuple[int, int, int, int], *, fit: bool = False
) -> None:
    """The picture inside a box, never cropped: what was cut off could be what failed."""
    from PIL import Image

    left, top, right, bottom = box
    if tile.picture is None:
        draw.rectangle((left, top, right, bottom), fill=ink.LINE)
        middle = ((left + right) / 2, (top + bottom) / 2)
        ink.put(draw, middle, "no picture", 18, ink.FAINT, right - left, anchor="mm")
        return
    scale = min((right - left) / tile.picture.width, (bottom - top) / tile.picture.height)
    size = (max(1, round(tile.picture.width * scale)), max(1, round(tile.picture.height * scale)))
    x = left if fit else (left + right - size[0]) // 2
    y = top if fit else (top + bottom - size[1]) // 2
    canvas.paste(tile.picture.resize(size, Image.Resampling.LANCZOS), (x, y))
    for colour, where in tile.boxes:
        edges = (x + where.left * scale, y + where.top * scale, x + where.right * scale, y + where.bottom * scale)
        clipped = (max(edges[0], x), max(edges[1], y), min(edges[2], x + size[0] - 1), min(edges[3], y + size[1] - 1))
        if clipped[0] < clipped[2] and clipped[1] < clipped[3]:
            draw.rectangle(clipped, outline=colour, width=2)
