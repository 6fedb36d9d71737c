"""A grade wheel: the a*b* plane of CIELAB, and on it where the references lie and where the picture lies.

Read as a vectorscope: each fine line is a region that both show, from its colour in the reference to that in the
picture; the bold one is what they agree on.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from continuity.records.shapes import Wheel
from continuity.report import ink
from continuity.vision.colour import srgb_of

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LIGHTNESS = 62.0  # L* of the disc
STEP = 10.0  # the rim is at a whole multiple of this chroma
FINE = 3  # drawn this much larger, then reduced: Pillow draws circles with steps
DARK: ink.Rgb = (16, 16, 16)
GRID: ink.Rgb = (88, 88, 88)
REFERENCE: ink.Rgb = (255, 255, 255)


def put(canvas: Picture, box: tuple[int, int, int], shape: Wheel, colour: ink.Rgb, unit: int) -> None:
    """Draws the wheel at (left, top, side); +a* (red) is to the right, +b* (yellow) up, as a colourist reads it."""
    import numpy as np
    from PIL import Image, ImageDraw

    left, top, side = box
    caption = round(unit * 0.95)
    disc = side - 2 * caption
    rim = rim_of(shape)
    fine = disc * FINE
    rows, columns = np.mgrid[0:fine, 0:fine].astype(np.float32)
    a, b = (columns / fine * 2 - 1) * rim, (1 - rows / fine * 2) * rim
    colours = srgb_of(np.dstack([np.full_like(a, LIGHTNESS), a, b]))
    wheel = Image.fromarray((colours * 255).round().astype(np.uint8))
    draw = ImageDraw.Draw(wheel)
    middle, thin = fine / 2, max(FINE, round(unit * FINE / 14))

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return middle + point[0] / rim * middle, middle - point[1] / rim * middle

    for ring in np.arange(STEP, rim, STEP) if rim <= 6 * STEP else ():
        reach = ring / rim * middle
        draw.ellipse((middle - reach, middle - reach, middle + reach, middle + reach), outline=GRID, width=FINE)
    draw.line((0, middle, fine, middle), fill=GRID, width=FINE)
    draw.line((middle, 0, middle, fine), fill=GRID, width=FINE)
    small = unit * FINE * 0.11
    for a0, b0, a1, b1 in shape.moves:
        draw.line((*at((a0, b0)), *at((a1, b1))), fill=DARK, width=max(FINE, thin // 2))
    for a0, b0, a1, b1 in shape.moves:
        for (x, y), fill in ((at((a0, b0)), REFERENCE), (at((a1, b1)), colour)):
            draw.ellipse((x - small, y - small, x + small, y + small), fill=fill, outline=DARK)
    start, end = at(shape.reference), at(shape.found)
    draw.line((middle, middle, *start), fill=DARK, width=thin)
    draw.line((*start, *end), fill=DARK, width=3 * thin)
    draw.line((*start, *end), fill=(255, 255, 255), width=thin)
    dot = unit * FINE * 0.34
    for (x, y), fill in ((start, REFERENCE), (end, colour)):
        draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=fill, outline=DARK, width=thin)
    mask = Image.new("L", (fine, fine))
    ImageDraw.Draw(mask).ellipse((0, 0, fine - 1, fine - 1), fill=255)
    size = (disc, disc)
    spot = (left + caption, top)
    canvas.paste(wheel.resize(size, Image.Resampling.LANCZOS), spot, mask.resize(size, Image.Resampling.LANCZOS))
    pen = ImageDraw.Draw(canvas)
    text, x = round(unit * 0.72), left + side / 2
    said = f"{shape.label}, a*b* to {rim:.0f}"
    ink.put(pen, (x, top + disc + 1.15 * text), said, text, ink.TEXT, side, "ms")
    base, reach = top + disc + 2.5 * text, 0.32 * text
    for name, fill, start_x in (("reference", REFERENCE, left + 0.4 * text), ("picture", colour, x + 1.1 * text)):
        y = base - 0.35 * text
        pen.ellipse((start_x, y - reach, start_x + 2 * reach, y + reach), fill=fill)
        ink.put(pen, (start_x + text, base), name, text, ink.FAINT, side / 2)


def rim_of(shape: Wheel) -> float:
    """The chroma at the rim: all points inside, the two large ones well inside."""
    regions = (math.hypot(*point) / 1.1 for a0, b0, a1, b1 in shape.moves for point in ((a0, b0), (a1, b1)))
    furthest = max(math.hypot(*shape.reference), math.hypot(*shape.found), *regions)
    return max(2 * STEP, math.ceil(furthest * 1.15 / STEP) * STEP)
