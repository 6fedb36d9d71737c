"""An RGB parade: the waveforms of red, green and blue side by side, the reference in grey, the picture in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuity.records.shapes import Parade
from continuity.report import ink

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

CHANNELS: tuple[ink.Rgb, ...] = ((236, 92, 84), (92, 200, 108), (96, 140, 246))
REFERENCE: ink.Rgb = (200, 200, 200)
FIELD: ink.Rgb = (10, 10, 10)
FINE = 3  # drawn this much larger, then reduced: Pillow draws lines with steps
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
BAND = 96  # opacity of a waveform's body, of 255


def put(canvas: Picture, box: tuple[int, int, int], shape: Parade, unit: int) -> None:
    """Draws the parade at (left, top, side): sRGB from black below to white above, columns as in the picture.

    A body reaches from the 5 % to the 95 % quantile of a column, the line in it is the median.
    """
    from PIL import Image, ImageDraw

    left, top, side = box
    text = round(unit * 0.72)
    tall = side - 2 * round(unit * 0.95)
    width, height = side * FINE, tall * FINE
    field = Image.new("RGB", (width, height), FIELD)
    pen = ImageDraw.Draw(field, "RGBA")
    edge = 0.04 * height
    gap = 0.02 * width
    panel = (width - 4 * gap) / 3

    def level(value: float) -> float:
        return height - edge - min(max(value, 0.0), 1.0) * (height - 2 * edge)

    for value in LEVELS:
        pen.line((0, level(value), width, level(value)), fill=(*ink.LINE, 255), width=FINE)
    for number, colour in enumerate(CHANNELS):
        start = gap + number * (panel + gap)
        for waves, fill in ((shape.reference, REFERENCE), (shape.found, colour)):
            if number >= len(waves) or not waves[number]:
                continue
            columns = waves[number]
            across = [start + panel * (n + 0.5) / len(columns) for n in range(len(columns))]
            lows, middles, highs = (
                [(x, level(c[part])) for x, c in zip(across, columns, strict=True)] for part in range(3)
            )
            if len(columns) > 1:
                pen.polygon([*highs, *reversed(lows)], fill=(*fill, BAND))
                for line in (highs, lows):
                    pen.line(line, fill=(*fill, 200), width=FINE)
                pen.line(middles, fill=(*fill, 255), width=round(0.12 * unit * FINE), joint="curve")
    canvas.paste(field.resize((side, tall), Image.Resampling.LANCZOS), (left, top))
    draw = ImageDraw.Draw(canvas)
    ink.put(draw, (left + side / 2, top + tall + 1.15 * text), f"{shape.label}, RGB parade", text, ink.TEXT, side, "ms")
    base, reach = top + tall + 2.5 * text, 0.32 * text
    for name, fills, x in (
        ("reference", (REFERENCE,), left + 0.4 * text),
        ("picture", CHANNELS, left + side / 2 + 0.6 * text),
    ):
        y = base - 0.35 * text
        for n, fill in enumerate(fills):
            pen_left = x + n * 0.75 * text
            draw.ellipse((pen_left, y - reach, pen_left + 2 * reach, y + reach), fill=fill)
        ink.put(draw, (x + (len(fills) * 0.75 + 0.25) * text, base), name, text, ink.FAINT, side / 2)
