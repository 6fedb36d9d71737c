"""TIFF without the words in it: written again with the tags that decide how the picture looks, its strips as they were.

TIFF 6.0 (Adobe, 1992) and BigTIFF. Whatever no tag of the list points to is not copied.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from continuity.exporting.stills import Damaged

STAYS = frozenset((254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 282, 283, 284, 296, 301, 317, 318, 319))
STAYS |= {320, 322, 323, 324, 325, 338, 339, 340, 341, 347, 529, 530, 531, 532, 34675}
OFFSETS = {273: 279, 324: 325}  # strips and tiles: tag of the places, tag of the lengths
OLD_JPEG = 6  # compression: its tables lie where only its own tags point
SIZES = {1: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8, 18: 8}
CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}
MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class _Layout:
    """How this file writes numbers: byte order, and the wider fields of BigTIFF."""

    order: str
    big: bool

    @property
    def entry(self) -> str:
        return self.order + ("HHQ" if self.big else "HHI")

    @property
    def word(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def count(self) -> str:
        return self.order + ("Q" if self.big else "H")

    @property
    def inline(self) -> int:
        return 8 if self.big else 4


def tiff(content: bytes) -> bytes:
    """The file without descriptions, software, EXIF, XMP and private tags."""
    order = "<" if content[:2] == b"II" else ">"
    layout = _Layout(order, struct.unpack_from(order + "H", content, 2)[0] == 43)
    out = bytearray(content[: 16 if layout.big else 8])
    link = 8 if layout.big else 4  # where the place of the next directory is written
    (at,) = struct.unpack_from(layout.word, content, link)
    seen: set[int] = set()
    while at:
        if at in seen or len(seen) > MOST_PAGES:
            raise Damaged("its pages go round in a circle")
        seen.add(at)
        tags, at = _directory(content, at, layout)
        link = _write(out, content, tags, layout, link)
    if not seen:
        raise Damaged("it has no page")
    struct.pack_into(layout.word, out, link, 0)
    return bytes(out)


def _directory(content: bytes, at: int, layout: _Layout) -> tuple[dict[int, tuple[int, int, bytes]], int]:
    """The tags that stay, as (type, count, bytes of the value), and where the next directory is."""
    (number,) = struct.unpack_from(layout.count, content, at)
    at += struct.calcsize(layout.count)
    step = struct.calcsize(layout.entry) + layout.inline
    tags = {}
    for start in range(at, at + number * step, step):
        tag, kind, count = struct.unpack_from(layout.entry, content, start)
        if tag not in STAYS or kind not in SIZES:
            continue
        size = SIZES[kind] * count
        place = start + struct.calcsize(layout.entry)
        if size > layout.inline:
            (place,) = struct.unpack_from(layout.word, content, place)
        value = content[place : place + size]
        if len(value) < size:
            raise Damaged("it is cut short")
        tags[tag] = (kind, count, value)
    (following,) = struct.unpack_from(layout.word, content, at + number * step)
    return tags, following


def _write(out: bytearray, content: bytes, tags: dict[int, tuple[int, int, bytes]], layout: _Layout, link: int) -> int:
    """Adds strips, values and directory of one page; returns where the place of the next one is to be written."""
    compression = list(_numbers(tags[259], layout)) if 259 in tags else []
    if OLD_JPEG in compression:
        raise Damaged("it is compressed as JPEG in the old way (compression 6), which cannot be taken apart")
    for where, lengths in OFFSETS.items():
        if where not in tags:
            continue
        if lengths not in tags:
            raise Damaged("it does not say how long its strips are")
        places = []
        for start, length in zip(_numbers(tags[where], layout), _numbers(tags[lengths], layout), strict=True):
            strip = content[start : start + length]
            if len(strip) < length:
                raise Damaged("it is cut short")
            places.append(_added(out, strip))
        kind = 16 if layout.big else 4
        tags[where] = (kind, len(places), struct.pack(f"{layout.order}{len(places)}{CODES[kind]}", *places))
    entries = []
    for tag, (kind, count, value) in sorted(tags.items()):
        held = value if len(value) <= layout.inline else struct.pack(layout.word, _added(out, value))
        entries.append(struct.pack(layout.entry, tag, kind, count) + held.ljust(layout.inline, b"\0"))
    directory = struct.pack(layout.count, len(entries)) + b"".join(entries) + b"\0" * struct.calcsize(layout.word)
    place = _added(out, directory)
    struct.pack_into(layout.word, out, link, place)
    return len(out) - struct.calcsize(layout.word)


def _numbers(tag: tuple[int, int, bytes], layout: _Layout) -> Iterator[int]:
    kind, count, value = tag
    if kind not in CODES:
        raise Damaged(f"a whole number was expected, got type {kind}")
    yield from struct.unpack(f"{layout.order}{count}{CODES[kind]}", value)


def _added(out: bytearray, data: bytes) -> int:
    """Where ``data`` begins once it is there, at an even place."""
    if len(out) % 2:
        out += b"\0"
    out += data
    return len(out) - len(data)
