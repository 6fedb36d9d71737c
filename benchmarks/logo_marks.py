"""Marks drawn for ``benchmarks/logo.py``: wordmarks, emblems and both together, other ones for every seed.

A mark is H x W x 4 uint8 with straight alpha.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Random = np.random.Generator
LONGEST = 480  # px of a drawn mark
WORDS = (
    "ACME", "NOVA", "Lumen", "TRIDENT", "Oro", "halcyon", "BRISK", "Quill", "VEXA", "Monday", "KEPLER", "fjord",
    "ZUNI", "Pearl", "Atlas", "RUNE", "Bravo", "delta",
)  # fmt: skip
GLYPHS = "AEFGHKMNRSTXYZ2345678&"
COLOURS = (
    (204, 30, 44), (24, 88, 176), (20, 130, 80), (240, 180, 30), (236, 102, 30), (110, 50, 140), (20, 20, 24),
    (250, 250, 248), (0, 160, 190), (226, 0, 116), (90, 60, 40), (130, 190, 50), (12, 40, 90),
)  # fmt: skip


def drawn(count: int, seed: int) -> list[tuple[str, Pixels]]:
    """Wordmarks, emblems and both together, in one colour and in several; other seeds draw other marks."""
    random = np.random.default_rng(seed)
    kinds: tuple[Callable[[Random, tuple[tuple[int, ...], ...]], Image.Image], ...] = (_word, _emblem, _lockup)
    marks = []
    for number in range(count):
        picked = random.permutation(len(COLOURS))
        one = number % 4 == 3
        colours = tuple((*COLOURS[i], 255) for i in (picked[[0] * 4] if one else picked[:4]))
        kind = kinds[number % len(kinds)]
        marks.append((f"drawn-{seed}-{number}", tight(np.asarray(kind(random, colours)))))
    return marks


def _word(random: Random, colours: tuple[tuple[int, ...], ...]) -> Image.Image:
    word = str(random.choice(WORDS))
    picture = Image.new("RGBA", (1800, 500), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(240)
    gap, stroke, x = int(random.integers(-4, 24)), int(random.integers(0, 9)), 60
    accent = int(random.integers(len(word)))
    for i, letter in enumerate(word):
        colour = colours[1] if i == accent else colours[0]
        draw.text((x, 330), letter, font=font, fill=colour, anchor="ls", stroke_width=stroke, stroke_fill=colour)
        x += round(draw.textlength(letter, font=font)) + gap
    if random.random() < 0.3:
        draw.rectangle((60, 360, x, 385), fill=colours[2])
    shear = float(random.choice([0.0, 0.0, 0.2]))
    return picture.transform(
        picture.size, Image.Transform.AFFINE, (1, shear, -shear * 250, 0, 1, 0), Image.Resampling.BICUBIC
    )


def _emblem(random: Random, colours: tuple[tuple[int, ...], ...]) -> Image.Image:
    size = 700
    picture = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    middle, radius = size / 2, 300.0
    clear = (0, 0, 0, 0) if colours[0] == colours[1] else colours[1]  # one colour: holes make the shape

    def star(points: int, inner: float, r: float, turn: float, fill: tuple[int, ...]) -> None:
        angles = turn + np.arange(2 * points) * np.pi / points
        reach = np.where(np.arange(2 * points) % 2, inner * r, r)
        draw.polygon(
            [(middle + q * np.sin(a), middle - q * np.cos(a)) for a, q in zip(angles, reach, strict=True)], fill=fill
        )

    def disc(r: float, fill: tuple[int, ...], dx: float = 0.0, dy: float = 0.0) -> None:
        draw.ellipse((middle - r + dx, middle - r + dy, middle + r + dx, middle + r + dy), fill=fill)

    outer = int(random.integers(5))
    if outer == 0:
        disc(radius, colours[0])
    elif outer == 1:
        draw.rounded_rectangle((60, 60, 640, 640), radius=int(random.integers(10, 160)), fill=colours[0])
    elif outer == 2:
        star(int(random.integers(5, 9)), 0.8, radius, 0.0, colours[0])
    elif outer == 3:
        draw.polygon([(70, 70), (630, 70), (630, 380), (350, 650), (70, 380)], fill=colours[0])
    else:
        disc(radius, colours[0])
        disc(radius * 0.82, clear)
        disc(radius * 0.72, colours[0])
    inner = int(random.integers(5))
    if inner == 0:
        star(int(random.integers(4, 8)), float(random.uniform(0.4, 0.6)), 190, float(random.uniform(0, 0.4)), clear)
    elif inner == 1:
        text = "".join(random.choice(list(GLYPHS), 2))
        draw.text(
            (middle, middle),
            text,
            font=ImageFont.load_default(230),
            fill=clear,
            anchor="mm",
            stroke_width=6,
            stroke_fill=clear,
        )
    elif inner == 2:
        disc(170, clear)
        disc(150, colours[2] if clear[3] else colours[0], dx=60, dy=-30)
    elif inner == 3:
        for step in range(3):
            top = 210 + 110 * step
            draw.polygon(
                [(190, top + 40), (350, top - 40), (510, top + 40), (510, top + 90), (350, top + 10), (190, top + 90)],
                fill=clear,
            )
    else:
        draw.rectangle((180, 180, 340, 340), fill=clear)
        draw.rectangle((360, 360, 520, 520), fill=colours[2] if clear[3] else clear)
        draw.polygon([(360, 340), (520, 340), (520, 180)], fill=colours[3] if clear[3] else clear)
    return picture


def _lockup(random: Random, colours: tuple[tuple[int, ...], ...]) -> Image.Image:
    emblem = Image.fromarray(tight(np.asarray(_emblem(random, colours))))
    word = Image.fromarray(tight(np.asarray(_word(random, (colours[0], colours[2], *colours[1:])))))
    if random.random() < 0.5:
        wide = emblem.resize((round(emblem.width * word.height * 1.6 / emblem.height), round(word.height * 1.6)))
        picture = Image.new("RGBA", (wide.width + word.width + 40, wide.height), (0, 0, 0, 0))
        picture.paste(wide, (0, 0))
        picture.paste(word, (wide.width + 40, (wide.height - word.height) // 2))
        return picture
    below = word.resize((emblem.width, max(1, round(word.height * emblem.width / word.width))))
    picture = Image.new("RGBA", (emblem.width, emblem.height + below.height + 40), (0, 0, 0, 0))
    picture.paste(emblem, (0, 0))
    picture.paste(below, (0, emblem.height + 40))
    return picture


def tight(mark: Pixels) -> Pixels:
    """The mark cut to what is visible, its longer side :data:`LONGEST` px, drawn premultiplied."""
    rows, columns = (np.flatnonzero((mark[..., 3] >= 128).any(axis=axis)) for axis in (1, 0))
    cut = mark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    grow = LONGEST / max(cut.shape[:2])
    size = max(1, round(cut.shape[1] * grow)), max(1, round(cut.shape[0] * grow))
    return np.asarray(Image.fromarray(cut).resize(size, Image.Resampling.LANCZOS))  # Pillow premultiplies RGBA
