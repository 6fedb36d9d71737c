"""OpenEXR without the words in it: headers with the attributes that decide how the picture looks, chunks as they were.

OpenEXR file layout (openexr.com, "OpenEXR File Layout", version 2). Pixels are not decoded, so those of the lossy
compressions stay as they are too. Whatever no offset table points to is not copied.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from continuity.exporting.stills import Damaged

TILED, DEEP, PARTS = 0x200, 0x800, 0x1000  # flags of the version field
STAYS = frozenset((
    b"channels", b"compression", b"dataWindow", b"displayWindow", b"lineOrder", b"pixelAspectRatio",
    b"screenWindowCenter", b"screenWindowWidth", b"tiles", b"name", b"type", b"version", b"chunkCount", b"view",
    b"multiView", b"chromaticities", b"whiteLuminance", b"adoptedNeutral", b"acesImageContainerFlag",
    b"colorInteropID", b"oiio:ColorSpace", b"framesPerSecond", b"envmap",
))  # fmt: skip
MOST_PARTS = 256


@dataclass(frozen=True, slots=True)
class _Part:
    header: bytes  # attributes that stay, with the mark of the end
    tiled: bool
    count: int | None  # of chunks, where it says so


def exr(content: bytes) -> bytes:
    """The file without comments, owner, dates, paths, previews and attributes of renderers."""
    (flags,) = struct.unpack_from("<I", content, 4)
    if flags & DEEP:
        raise Damaged("it holds deep samples, which cannot be taken apart: flatten it")
    parts: list[_Part] = []
    at = 8
    while content[at] or not parts:
        part, at = _part(content, at, bool(flags & TILED))
        parts.append(part)
        if not flags & PARTS:
            break
        if len(parts) > MOST_PARTS:
            raise Damaged("it has too many parts")
    at += 1 if flags & PARTS else 0
    out = content[:8] + b"".join(part.header for part in parts) + (b"\0" if flags & PARTS else b"")
    tables = []
    for part in parts:
        table = _table(content, at, part.count)
        at += 8 * len(table)
        tables.append(table)
    chunks: list[bytes] = []
    new: dict[int, int] = {}
    free = len(out) + 8 * sum(map(len, tables))
    end = at
    by_place = sorted((place, number) for number, table in enumerate(tables) for place in table)
    for place, number in by_place:
        if place < end:
            raise Damaged("its chunks do not lie where it says")
        head = (4 if flags & PARTS else 0) + (16 if parts[number].tiled else 4)
        (length,) = struct.unpack_from("<i", content, place + head)
        chunk = content[place : place + head + 4 + length]
        if length < 0 or len(chunk) < head + 4 + length:
            raise Damaged("it is cut short")
        end = place + len(chunk)
        new[place] = free
        free += len(chunk)
        chunks.append(chunk)
    offsets = [new[place] for table in tables for place in table]
    return out + struct.pack(f"<{len(offsets)}Q", *offsets) + b"".join(chunks)


def _part(content: bytes, at: int, tiled: bool) -> tuple[_Part, int]:
    """One header, and where the next thing begins."""
    kept: list[bytes] = []
    count: int | None = None
    while content[at]:
        start = at
        name, at = _word(content, at)
        _, at = _word(content, at)
        (size,) = struct.unpack_from("<i", content, at)
        value = content[at + 4 : at + 4 + size]
        if size < 0 or len(value) < size:
            raise Damaged("it is cut short")
        at += 4 + size
        if name in STAYS:
            kept.append(content[start:at])
        if name == b"chunkCount":
            (count,) = struct.unpack("<i", value)
        elif name == b"type":
            if value.startswith(b"deep"):
                raise Damaged("it holds deep samples, which cannot be taken apart: flatten it")
            tiled = value == b"tiledimage"
    return _Part(b"".join(kept) + b"\0", tiled, count), at + 1


def _word(content: bytes, at: int) -> tuple[bytes, int]:
    end = content.index(b"\0", at)
    return content[at:end], end + 1


def _table(content: bytes, at: int, count: int | None) -> list[int]:
    """Where the chunks lie. A file of one part need not say how many: its table ends where the first chunk begins."""
    found: list[int] = []
    first = len(content)
    while at + 8 * len(found) < first if count is None else len(found) < count:
        (place,) = struct.unpack_from("<Q", content, at + 8 * len(found))
        if not at < place < len(content):
            raise Damaged("its chunks do not lie where it says; render it again")
        first = min(first, place)
        found.append(place)
    return found
