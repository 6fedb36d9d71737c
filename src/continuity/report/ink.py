"""Drawing for the contact sheet: neutral colours, text that fits, and a gauge for a value against its limit."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from continuity.records import State, Verdict

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

Rgb: TypeAlias = tuple[int, int, int]
Font: TypeAlias = "FreeTypeFont | ImageFont"

# Neutral greys: a coloured surround shifts how the eye takes the grade of the pictures in it.
PAPER: Rgb = (24, 24, 24)
CARD: Rgb = (36, 36, 36)
LINE: Rgb = (66, 66, 66)
TEXT: Rgb = (232, 232, 232)
FAINT: Rgb = (150, 150, 150)
GREEN: Rgb = (98, 196, 122)
RED: Rgb = (232, 98, 88)
AMBER: Rgb = (230, 176, 72)
VIOLET: Rgb = (178, 140, 222)

COLOURS = {
    State.ACCEPTED: GREEN,
    State.REJECTED: RED,
    State.INCONCLUSIVE: AMBER,
    State.ABORTED: VIOLET,
    State.FAILED: VIOLET,
    State.LOST: FAINT,
    State.ASKED: FAINT,
}
VERDICT_COLOURS = {Verdict.PASS: GREEN, Verdict.FAIL: RED, Verdict.INCONCLUSIVE: AMBER}
BUILT_IN = frozenset(map(chr, range(32, 127))) | {"·", "…"}  # what Pillow's built-in font can draw
FALLBACKS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf")


@cache
def font(size: int) -> Font:
    """Pillow's own font: the same on every machine."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


@cache
def wide_font(size: int) -> Font | None:
    """A font of this machine that has more letters, or None."""
    from PIL import ImageFont

    for name in FALLBACKS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return None


def written(text: str, size: int) -> tuple[str, Font]:
    """A text as it can be drawn, and the font to draw it with: letters nobody here can draw lose their accents."""
    text = " ".join(text.split())
    if BUILT_IN.issuperset(text):
        return text, font(size)
    wide = wide_font(size)
    if wide is not None:
        return "".join(c if c.isprintable() else "?" for c in text), wide
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if c in BUILT_IN else "?" for c in plain), font(size)


def put(
    draw: ImageDraw, at: tuple[float, float], text: str, size: int, colour: Rgb, width: float, anchor: str = "ls"
) -> float:
    """Writes one line on a baseline, cut with an ellipsis where it is longer than ``width``; returns its length."""
    text, face = written(text, size)
    if draw.textlength(text, font=face) > width:
        fits = bisect_right(range(len(text)), width, key=lambda n: draw.textlength(text[:n] + "…", font=face)) - 1
        text = text[: max(fits, 0)].rstrip() + "…"
    draw.text(at, text, font=face, fill=colour, anchor=anchor)
    return draw.textlength(text, font=face)


def lines(draw: ImageDraw, text: str, size: int, width: float, most: int) -> Sequence[str]:
    """A text broken between words into at most ``most`` lines; :func:`put` cuts what is still too long."""
    made: list[str] = []
    for word in text.split():
        longer = f"{made[-1]} {word}" if made else word
        shown, face = written(longer, size)
        if made and (draw.textlength(shown, font=face) <= width or len(made) == most):
            made[-1] = longer
        else:
            made.append(word)
    return made


def gauge(draw: ImageDraw, at: tuple[float, float], width: float, ratio: float, colour: Rgb, height: float = 6) -> None:
    """A bar for value / limit: the tick in its middle is the limit, its end twice the limit or more."""
    x, y = at
    draw.rounded_rectangle((x, y, x + width, y + height), radius=height / 2, fill=LINE)
    filled = width * min(max(ratio, 0.0), 2.0) / 2
    if filled >= height:
        draw.rounded_rectangle((x, y, x + filled, y + height), radius=height / 2, fill=colour)
    draw.rectangle((x + width / 2 - 1, y - 3, x + width / 2 + 1, y + height + 3), fill=TEXT)
