"""The pictures of a report: copied or drawn into its folder, so that it can be moved and sent as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from continuity.errors import ContinuityError
from continuity.identity import Identity, Reference
from continuity.ledger import CandidateRow, MediaStore
from continuity.media import middle
from continuity.records import Report
from continuity.report.cards import Picture
from continuity.report.draw import draw, evidence, pointed
from continuity.report.naming import short
from continuity.report.referring import pixels_of

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

FOLDER = "media"
CARD = (250, 280)  # px that a card has for its picture
LONGEST = 1600  # px of the longer side: fills a laptop's screen


class Pictures:
    """Writes into ``root``/media. What cannot be read is no picture: the page says why and goes on."""

    def __init__(self, root: Path, store: MediaStore) -> None:
        self._root, self._store = root, store
        (root / FOLDER).mkdir()

    def thumbnail(self, row: CandidateRow) -> tuple[Picture | None, str]:
        """A candidate's small picture, or why there is none."""
        from PIL import Image

        if not row.thumbnail:
            return None, ""
        name = f"{FOLDER}/{row.id}.jpg"
        try:
            content = self._store.path(row.thumbnail).read_bytes()
            (self._root / name).write_bytes(content)
            with Image.open(self._root / name, formats=("JPEG",)) as opened:
                width, height = opened.size
        except (ContinuityError, OSError) as cause:
            (self._root / name).unlink(missing_ok=True)
            return None, f"its picture cannot be read: {getattr(cause, 'strerror', None) or cause}"
        return Picture(path=name, caption=f"candidate {row.id}", width=width, height=height), ""

    def clean(self, row: CandidateRow) -> tuple[Picture | None, str]:
        """The stored picture, or the middle frame of the stored clip, without anything on it; or why there is none."""
        if not row.media:
            return None, ""
        try:
            media = self._store.open(row.media)
            return self._write(f"{row.id}-clean", _picture(middle(media).pixels), "as rendered"), ""
        except ContinuityError as cause:
            return None, f"its picture cannot be read: {cause}"

    def drawn(self, row: CandidateRow, report: Report | None) -> tuple[Picture | None, Sequence[Picture], str]:
        """The picture of a card, marked where it fails; all evidence on large ones, for a clip on the worst frames.

        The last word says why there are none, or not all.
        """
        if not row.media or report is None:
            return None, (), ""
        first = report.failing[0].key if report.failing else ""
        small, made = None, list[Picture]()
        try:
            for number, (key, pixels, seen, title) in enumerate(evidence(self._store.open(row.media), report)):
                caption = f"what was seen, worst frame for {short(key)}" if key else "what was seen"
                made.append(self._write(f"{row.id}-seen{number}", draw(pixels, seen, title=title), caption))
                if small is None or key == first:
                    marked = pointed(pixels, seen, CARD)
                    marked.thumbnail((2 * CARD[0], 2 * CARD[1]))  # sharp on screens of double density
                    small = self._write(f"{row.id}-card", marked, "marked where it fails")
        except ContinuityError as cause:
            return small, made, f"its picture cannot be read: {cause}"
        return small, made, ""

    def references(self, identity: Identity) -> tuple[Sequence[Picture], Sequence[str]]:
        """One picture of each enrolled thing, and why there is none of others; what stands for several comes once."""
        made, missing = [], []
        found: dict[str, tuple[Reference, list[str]]] = {}
        for enrolled in identity.enrolled:
            for reference in enrolled.references[:1]:
                _, names = found.setdefault(reference.digest, (reference, []))
                names.append(enrolled.key.replace("/", " "))
        for number, (reference, names) in enumerate(found.values()):
            try:
                picture = pixels_of(identity, reference)
                made.append(self._write(f"reference-{number}", _picture(picture), f"reference: {', '.join(names)}"))
            except (ContinuityError, OSError) as cause:
                missing.append(f"The reference of {', '.join(names)} cannot be shown: {cause}")
        return made, missing

    def _write(self, name: str, picture: Pixels, caption: str) -> Picture:
        from PIL import Image

        picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
        path = f"{FOLDER}/{name}.jpg"
        picture.save(self._root / path, "JPEG", quality=88)
        return Picture(path=path, caption=caption, width=picture.width, height=picture.height)


def _picture(pixels: object) -> Pixels:
    from PIL import Image

    return Image.fromarray(pixels)  # type: ignore[arg-type]
