"""Is the whole file there? Told by the lengths that containers state, since decoders make do with what they get."""

from __future__ import annotations

import struct
from typing import BinaryIO

from continuity.media.formats import Format

_UNKNOWN = -1  # a length that was never filled in: live recordings


def missing_bytes(file: BinaryIO, kind: Format) -> int:
    """Return how many bytes a movie file lacks by its own account; 0 where it gives none."""
    size = file.seek(0, 2)
    end = _end_of_boxes(file, size) if kind is Format.MP4 else _end_of_segment(file)
    file.seek(0)
    return max(0, end - size)


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """Walk the top-level boxes of ISO/IEC 14496-12 (4.2) and return where the last one that matters says it ends."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        length, name = struct.unpack(">I4s", file.read(8))
        if length == 1:
            wide = file.read(8)
            length = struct.unpack(">Q", wide)[0] if len(wide) == 8 else 0
        if length < 8:  # 0: up to the end of the file; 2 to 7: damaged, which the demuxer will say
            return size
        position += length
        if position > size and name not in (b"moov", b"mdat", b"moof"):
            return size
    return position


def _end_of_segment(file: BinaryIO) -> int:
    """Return where the Segment element of a Matroska or WebM file (RFC 8794, RFC 9559) says it ends."""
    file.seek(4)  # past the id of the EBML header
    length = _element_length(file)
    if length == _UNKNOWN:
        return 0
    file.seek(length, 1)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    length = _element_length(file)
    return 0 if length == _UNKNOWN else file.tell() + length


def _element_length(file: BinaryIO) -> int:
    first = file.read(1)
    if not first or first[0] == 0:
        return _UNKNOWN
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    value = int.from_bytes(bytes([first[0] & ((1 << (8 - width)) - 1)]) + rest, "big")
    unknown = value == (1 << (7 * width)) - 1 or len(rest) < width - 1
    return _UNKNOWN if unknown else value
