"""What an identity was enrolled from, drawn side by side."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

from continuity.errors import ContinuityError, MediaError, UsageError
from continuity.identity import Identity
from continuity.media import path_of
from continuity.media.files import replacing, shown
from continuity.report import ink
from continuity.report.referring import pixels_of
from continuity.words import counted

MARGIN, GAP = 40, 20
CELL, PICTURE, CAPTION = 300, 300, 66  # px: width of a cell, height of the picture in it, height of the words below
COLUMNS = 5
PRIVATE = 0o600
MOST = 60  # references drawn; more of them are counted in words


def reference_sheet(identity: Identity, path: str | os.PathLike[str]) -> Path:
    """Draws the references of an identity as a new PNG, whole or not at all, and returns its path.

    A reference that stands for several things comes once under each. One that cannot be drawn is named with the reason.
    Nothing is written over, and only its owner can read the sheet, as is so of the identity: it may show faces.

    Raises:
        UsageError: no path, something lies there already, or it is inside the folder of the identity.
        MediaError: the path does not end in .png, or cannot be written.
        EnrolmentError: the identity was never saved, so it has no pictures.
    """
    from PIL import Image, ImageDraw

    target = path_of(path, "a picture of an identity")
    if target.suffix.lower() != ".png":
        raise MediaError(f"a picture of an identity is a PNG, got {str(target)!r}: name it {target.stem or 'NAME'}.png")
    if identity.folder is not None and target.resolve().is_relative_to(identity.folder.resolve()):
        raise UsageError(
            f"a picture of an identity lies outside of its folder, got {shown(target)}: name another place, "
            f"such as {target.name}"
        )
    if os.path.lexists(target):
        raise UsageError(f"a new file was wanted, {shown(target)} is there already: name another, or remove it first")
    every = [(e.key.replace("/", " "), r) for e in identity.enrolled for r in e.references]
    first = every[:MOST]
    columns = max(3, min(COLUMNS, len(first)))
    rows = -(-len(first) // columns)
    top = MARGIN + 86
    width = 2 * MARGIN + columns * CELL + (columns - 1) * GAP
    canvas = Image.new("RGB", (width, top + rows * (PICTURE + CAPTION + GAP) + MARGIN - GAP), ink.PAPER)
    draw = ImageDraw.Draw(canvas)
    inner = width - 2 * MARGIN
    ink.put(draw, (MARGIN, MARGIN + 26), identity.name, 34, ink.TEXT, inner)
    said = f"{counted(len(every), 'reference')}{f', the first {MOST} are shown' if len(every) > MOST else ''}"
    ink.put(draw, (MARGIN, MARGIN + 56), f"identity {identity.digest}, {said}", 18, ink.FAINT, inner)
    for number, (key, reference) in enumerate(first):
        x = MARGIN + number % columns * (CELL + GAP)
        y = top + number // columns * (PICTURE + CAPTION + GAP)
        identity.reference_file(reference)  # of one that was never saved nothing can be drawn at all
        try:
            picture = Image.fromarray(pixels_of(identity, reference))
        except (ContinuityError, OSError) as cause:
            draw.rectangle((x, y, x + CELL, y + PICTURE), fill=ink.LINE)
            for line, text in enumerate(ink.lines(draw, str(cause), 15, CELL - 20, 6)):
                ink.put(draw, (x + 10, y + 28 + 22 * line), text, 15, ink.FAINT, CELL - 20)
            note = reference.source
        else:
            drawn = reference.path.endswith(".svg")  # has no size of its own
            note = reference.source if drawn else f"{reference.source}, {picture.width} x {picture.height}"
            picture.thumbnail((CELL, PICTURE), Image.Resampling.LANCZOS)
            canvas.paste(picture, (x, y + PICTURE - picture.height))
        ink.put(draw, (x, y + PICTURE + 26), key, 20, ink.TEXT, CELL)
        ink.put(draw, (x, y + PICTURE + 50), note, 16, ink.FAINT, CELL)
    sink = BytesIO()
    canvas.save(sink, "PNG")
    with replacing(target) as file:
        os.fchmod(file.fileno(), PRIVATE)
        file.write(sink.getvalue())
    return target
