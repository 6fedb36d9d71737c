"""Movies without the words in them: MP4, MOV, Matroska and WebM, cleaned in place.

Nothing moves: a box that says something becomes free space of the same length, filled with zeros, so that no offset
changes and every packet, time stamp and edit stays where it was. What an encoder wrote inside the pictures themselves
(x264 notes its settings there) is no field of the file and is left alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

from continuity.exporting.stills import Damaged

PIECE = 1 << 20

# -- MP4 and MOV: ISO/IEC 14496-12; QuickTime File Format ---

BOXES: dict[str, frozenset[str]] = {
    "": frozenset(("ftyp", "moov", "mdat", "moof", "mfra", "sidx", "styp")),
    "moov": frozenset(("mvhd", "trak", "mvex", "iods")),
    "trak": frozenset(("tkhd", "edts", "mdia", "tref", "tapt")),
    "mdia": frozenset(("mdhd", "hdlr", "minf", "elng")),
    "minf": frozenset(("vmhd", "smhd", "gmhd", "nmhd", "hdlr", "dinf", "stbl")),
    "dinf": frozenset(("dref",)),
    "stbl": frozenset(("stsd", "stts", "ctts", "cslg", "stss", "stsz", "stz2", "stsc", "stco", "co64", "sdtp"))
    | frozenset(("sbgp", "sgpd", "subs", "saiz", "saio", "stps")),
    "mvex": frozenset(("mehd", "trex", "leva")),
    "moof": frozenset(("mfhd", "traf")),
    "traf": frozenset(("tfhd", "tfdt", "trun", "sdtp", "sbgp", "sgpd", "subs", "saiz", "saio")),
}
DATED = frozenset(("mvhd", "tkhd", "mdhd"))
TRACKS = frozenset(("vide", "soun", "tmcd"))
HANDLERS = TRACKS | {"alis", "url "}  # QuickTime has a second one, for where the samples lie
TALKING = frozenset(("udta", "meta", "uuid", "free", "skip", "name"))  # within a sample description
ENTRY = {"vide": 86, "tmcd": 34}  # bytes of a sample description before the boxes in it


def mp4(file: IO[bytes]) -> None:
    """Cleans an MP4 or MOV file that is open for reading and writing.

    Raises:
        Damaged: its boxes do not fit together, or it has a track that is neither picture, sound nor time code.
    """
    _boxes(file, "", 0, file.seek(0, 2))


def _boxes(file: IO[bytes], parent: str, start: int, end: int) -> None:
    for name, at, body, after in _each_box(file, start, end):
        if name not in BOXES[parent]:
            _free(file, at, body, after)
        elif name in BOXES:
            _boxes(file, name, body, after)
        elif name in DATED:
            wide = _read(file, body, 1) == b"\1"
            _put(file, body + 4, b"\0" * (16 if wide else 8))
        elif name == "hdlr":
            kind = _read(file, body + 8, 4).decode("latin-1")
            if kind not in HANDLERS:
                raise Damaged(f"it has a track of kind {kind!r}, which may hold words: remove that track")
            _zeros(file, body + 24, after)
        elif name == "dref":
            for _, _, entry, entry_end in _each_box(file, body + 8, after):
                _zeros(file, entry + 4, entry_end)
        elif name == "stsd":
            _descriptions(file, body + 8, after)


def _descriptions(file: IO[bytes], start: int, end: int) -> None:
    """Blanks the compressor's name of pictures, and the boxes that say something beside what decoders need."""
    for name, at, _, after in _each_box(file, start, end):
        head = ENTRY["tmcd"] if name == "tmcd" else ENTRY["vide"] if _is_picture(file, at, after) else None
        if head is None:
            continue
        if name != "tmcd":
            _put(file, at + 50, b"\0" * 32)
        for inner, place, body, inner_end in _each_box(file, at + head, after):
            if inner in TALKING:
                _free(file, place, body, inner_end)


def _is_picture(file: IO[bytes], at: int, after: int) -> bool:
    """Whether a sample description has width, height and 72 dpi as pictures do (ISO/IEC 14496-12, 12.1.3)."""
    if after - at < ENTRY["vide"]:
        return False
    width, height, across, down = struct.unpack(">HHII", _read(file, at + 32, 12))
    return bool(width and height and across == down == 0x00480000)


def _each_box(file: IO[bytes], start: int, end: int) -> Iterator[tuple[str, int, int, int]]:
    """Name, place, place of the content and end of each box."""
    at = start
    while at + 8 <= end:
        length, name = struct.unpack(">I4s", _read(file, at, 8))
        body = at + 8
        if length == 1:
            (length,) = struct.unpack(">Q", _read(file, body, 8))
            body += 8
        elif length == 0:
            length = end - at
        after = at + length
        if after < body or after > end:
            if not any(_read(file, at, min(8, end - at))):  # QuickTime ends some lists with four zero bytes
                return
            raise Damaged("its boxes do not fit into each other")
        yield name.decode("latin-1"), at, body, after
        at = after


def _free(file: IO[bytes], at: int, body: int, after: int) -> None:
    _put(file, at + 4, b"free")
    _zeros(file, body, after)


# -- Matroska and WebM: RFC 8794 and RFC 9559 ---

SEGMENT, SEEK_HEAD, INFO, TRACKS_ID, CLUSTER = 0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1F43B675
CUES, SEEK, SEEK_ID, TRACK, CRC, VOID, EBML = 0x1C53BB6B, 0x4DBB, 0x53AB, 0xAE, 0xBF, 0xEC, 0x1A45DFA3
IN_CLUSTER = frozenset((0xE7, 0xA3, 0xA0, 0xA7, 0xAB, 0x5854))  # seen in a segment where clusters have no known end
IN_SEGMENT = frozenset((SEEK_HEAD, INFO, TRACKS_ID, CLUSTER, CUES)) | IN_CLUSTER
IN_INFO = frozenset((0x2AD7B1, 0x4489))  # scale and duration
PROGRAMS = frozenset((0x4D80, 0x5741))  # which must be there, and may be empty
NOT_IN_TRACK = frozenset((0x536E, 0x258688, 0x7446, CRC))  # name, name of the codec, attachments
TRACK_TYPE = 0x83
LASTING = (1, 2)  # pictures, sound
UNKNOWN = -1


def matroska(file: IO[bytes]) -> None:
    """Cleans a Matroska or WebM file that is open for reading and writing.

    Raises:
        Damaged: its elements do not fit together, or it has a track that is neither picture nor sound.
    """
    end = file.seek(0, 2)
    found = False
    for name, at, body, after in _elements(file, 0, end):
        if name == SEGMENT:
            found = True
            _segment(file, body, after)
        elif name != EBML:
            _void(file, at, after)
    if not found:
        raise Damaged("it has no segment")


def _segment(file: IO[bytes], start: int, end: int) -> None:
    for name, at, body, after in _elements(file, start, end):
        if name not in IN_SEGMENT:
            _void(file, at, after)
        elif name == SEEK_HEAD:
            _seeks(file, body, after)
        elif name == INFO:
            for inner, place, content, inner_end in _elements(file, body, after):
                if inner in PROGRAMS:
                    _zeros(file, content, inner_end)
                elif inner not in IN_INFO:
                    _void(file, place, inner_end)
        elif name == TRACKS_ID:
            for inner, place, content, inner_end in _elements(file, body, after):
                if inner == TRACK:
                    _track(file, content, inner_end)
                else:
                    _void(file, place, inner_end)


def _seeks(file: IO[bytes], start: int, end: int) -> None:
    """Forgets the places of what is no longer there."""
    for name, at, body, after in _elements(file, start, end):
        inner = _elements(file, body, after) if name == SEEK else ()
        wanted = [int.from_bytes(_read(file, b, e - b), "big") for of, _, b, e in inner if of == SEEK_ID]
        if not IN_SEGMENT.issuperset(wanted) or not wanted:
            _void(file, at, after)


def _track(file: IO[bytes], start: int, end: int) -> None:
    for name, at, body, after in _elements(file, start, end):
        if name == TRACK_TYPE and int.from_bytes(_read(file, body, after - body), "big") not in LASTING:
            raise Damaged("it has a track that is neither picture nor sound, which may hold words: remove that track")
        if name in NOT_IN_TRACK:
            _void(file, at, after)


def _elements(file: IO[bytes], start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Id, place, place of the content and end of each element; one without known length holds all that follows."""
    at = start
    while at < end:
        name, wide = _number(file, at, marked=True)
        length, more = _number(file, at + wide, marked=False)
        body = at + wide + more
        after = body + length if length != UNKNOWN else body if name == CLUSTER else end
        if after > end:
            raise Damaged("its elements do not fit into each other")
        yield name, at, body, after
        at = after


def _number(file: IO[bytes], at: int, *, marked: bool) -> tuple[int, int]:
    """A number of variable length and how many bytes it takes; ``marked`` keeps the mark of its length, as ids do."""
    first = _read(file, at, 1)[0]
    if first == 0:
        raise Damaged("its elements do not fit together")
    width = 9 - first.bit_length()
    value = int.from_bytes(_read(file, at, width), "big")
    if marked:
        return value, width
    value &= (1 << (7 * width)) - 1
    return (UNKNOWN if value == (1 << (7 * width)) - 1 else value), width


def _void(file: IO[bytes], at: int, after: int) -> None:
    """Makes an element free space of the same length, which is at least two bytes."""
    room = after - at
    head = bytes((VOID, 0x80 | (room - 2))) if room <= 128 else bytes((VOID, 1)) + (room - 9).to_bytes(7, "big")
    _put(file, at, head)
    _zeros(file, at + len(head), after)


# -- bytes ---


def _read(file: IO[bytes], at: int, count: int) -> bytes:
    file.seek(at)
    found = file.read(count)
    if len(found) < count:
        raise Damaged("it is cut short")
    return found


def _put(file: IO[bytes], at: int, data: bytes) -> None:
    file.seek(at)
    file.write(data)


def _zeros(file: IO[bytes], at: int, after: int) -> None:
    file.seek(at)
    for start in range(at, after, PIECE):
        file.write(b"\0" * min(PIECE, after - start))
