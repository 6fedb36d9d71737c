"""Pictures without the words in them: PNG, JPEG, WebP and GIF taken apart into their pieces, and only those that decide
how the picture looks put together again. No pixel is encoded anew.

What stays is a list, not what goes: a piece that nobody thought of is left out. Of EXIF the orientation alone stays,
since without it the picture would lie on its side.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

PNG_MARK = b"\x89PNG\r\n\x1a\n"
PNG_STAYS = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"sBIT"))
PNG_STAYS |= {b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT", b"mDCV", b"mDCv", b"cLLI", b"cLLi"}
WEBP_STAYS = frozenset((b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ICCP"))
WEBP_EXIF, WEBP_XMP = 0x08, 0x04  # flags in VP8X
LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")  # the GIF extension that says how often it repeats
PROFILE_NAME = b"ICC"  # a PNG names its profile, and a name can say anything
PIECE = 1 << 20  # bytes that are unpacked at once, only to find the end
UPRIGHT = range(2, 9)  # orientations that need saying


class Damaged(Exception):
    """The pieces do not fit together; becomes a :class:`MediaError` where the file is known."""


def png(content: bytes, words: Mapping[str, str]) -> bytes:
    """A PNG (W3C, Portable Network Graphics, 3rd edition) without texts, times, histograms and private chunks.

    ``words`` are put in as text, Latin-1 where that holds them, else UTF-8, before the pixels as readers expect.
    """
    out = [PNG_MARK]
    written = False
    pixels = zlib.decompressobj()
    for name, data in png_chunks(content):
        if name in (b"IDAT", b"fdAT") and not written:
            out += [_text_chunk(key, text) for key, text in words.items()]
            written = True
        if name == b"iCCP":
            at = data.index(b"\0") + 2
            data = PROFILE_NAME + data[at - 2 : at] + _stream(zlib.decompressobj(), data[at:])
        elif name == b"IDAT":
            data = _stream(pixels, data)
        elif name == b"fcTL":
            pixels = zlib.decompressobj()  # each frame is a stream of its own; the first may be that of the IDAT
        elif name == b"fdAT":
            data = data[:4] + _stream(pixels, data[4:])
        elif name == b"eXIf":
            data = _turned(data)
            if not data:
                continue
        elif name not in PNG_STAYS:
            continue
        out.append(_chunk(name, data))
    return b"".join(out)


def _stream(state: zlib._Decompress, data: bytes) -> bytes:
    """The part of ``data`` that is of the compressed stream: what follows its end is read by nobody who shows it."""
    try:
        if not state.eof:
            rest = data
            while rest and not state.eof:
                state.decompress(rest, PIECE)
                rest = state.unconsumed_tail
            return data[: len(data) - len(state.unused_data)]
    except zlib.error as cause:
        raise Damaged(f"its compressed pixels or profile are damaged ({cause})") from cause
    return b""


def png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each chunk up to the end mark; what follows it is no part of the picture."""
    at = len(PNG_MARK)
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        name, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        if len(data) < length:
            break
        yield name, data
        if name == b"IEND":
            return
        at += 12 + length
    raise Damaged("it is cut short")


def png_words(content: bytes) -> dict[str, str]:
    """The texts of a PNG by key, the first of each."""
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(content), formats=("PNG",)) as opened:
        opened.load()
        found = getattr(opened, "text", {})
    return {str(key): str(value) for key, value in found.items()}


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _text_chunk(key: str, text: str) -> bytes:
    text = text.replace("\0", "").replace("\r\n", "\n")
    try:
        return _chunk(b"tEXt", key.encode("latin-1") + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        return _chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text.encode("utf-8", "replace"))


def jpeg(content: bytes) -> bytes:
    """A JPEG (ITU-T T.81) without comments, EXIF, XMP, IPTC, previews and whatever follows its end.

    Of the application segments JFIF stays without its preview, and ICC and Adobe, which colours depend on.
    """
    out, at = [b"\xff\xd8"], 2
    while at + 4 <= len(content):
        if content[at] != 0xFF:
            raise Damaged("a JPEG marker was expected and is not there")
        marker = content[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        if marker == 0xD9:
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", content, at + 2)
        end = at + 2 + length
        if marker == 0xDA:
            end = _end_of_scan(content, end)
        out.append(_segment(marker, content[at:end]))
        at = end
    if content[at : at + 2] != b"\xff\xd9" and at < len(content):
        raise Damaged("it is cut short")
    return b"".join(out) + b"\xff\xd9"


def _segment(marker: int, segment: bytes) -> bytes:
    body = segment[4:]
    if marker == 0xFE:
        return b""
    if not 0xE0 <= marker <= 0xEF:
        return segment
    if marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 14:
        return b"\xff\xe0\x00\x10" + body[:12] + b"\0\0"
    if (marker == 0xE2 and body.startswith(b"ICC_PROFILE\0")) or (marker == 0xEE and body.startswith(b"Adobe")):
        return segment
    if marker == 0xE1 and body.startswith(b"Exif\0\0"):
        turned = _turned(body[6:])
        return b"\xff\xe1" + struct.pack(">H", len(turned) + 8) + b"Exif\0\0" + turned if turned else b""
    return b""


def _end_of_scan(content: bytes, at: int) -> int:
    """Where the next marker stands that is neither a restart nor a stuffed byte."""
    while True:
        at = content.find(b"\xff", at)
        if at < 0 or at + 1 >= len(content):
            return len(content)
        if content[at + 1] == 0 or 0xD0 <= content[at + 1] <= 0xD7:
            at += 2
        else:
            return at


def webp(content: bytes) -> bytes:
    """A WebP (RFC 9649) without EXIF, XMP and unknown chunks, also within its frames."""
    chunks = []
    exif = b""
    for name, data in _riff(content, 12, min(len(content), 8 + struct.unpack_from("<I", content, 4)[0])):
        if name == b"ANMF":
            frames = (_riff_chunk(n, d) for n, d in _riff(data, 16, len(data)) if n in WEBP_STAYS)
            chunks.append((name, data[:16] + b"".join(frames)))
        elif name == b"EXIF":
            exif = _turned(data.removeprefix(b"Exif\0\0"))
        elif name in WEBP_STAYS or name == b"VP8X":
            chunks.append((name, data))
    if exif:
        chunks.append((b"EXIF", exif))
    flags = WEBP_XMP | (0 if exif else WEBP_EXIF)
    body = b"".join(
        _riff_chunk(name, bytes([data[0] & ~flags]) + data[1:] if name == b"VP8X" else data) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _riff(content: bytes, at: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= end:
        (length,) = struct.unpack_from("<I", content, at + 4)
        if at + 8 + length > end:
            raise Damaged("it is cut short")
        yield content[at : at + 4], content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _riff_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def gif(content: bytes) -> bytes:
    """A GIF (GIF89a specification) without comments, texts and all application blocks but the number of repeats."""
    at = 13 + _table(content[10])
    out = [content[:at]]
    while True:
        start, mark = at, content[at : at + 1]
        if mark == b"\x3b":
            return b"".join(out) + mark
        if mark == b"\x21":
            end = _blocks_end(content, at + 2)
            if content[at + 1] == 0xF9:
                out.append(content[start:end])
            elif (
                content[at + 1] == 0xFF and content[at + 3 : at + 14] in LOOPS and content[at + 14 : at + 16] == b"\3\1"
            ):
                out.append(content[start : at + 18] + b"\0")
        elif mark == b"\x2c":
            end = _blocks_end(content, at + 10 + _table(content[at + 9]) + 1)
            out.append(content[start:end])
        else:
            raise Damaged("it is cut short")
        at = end


def _table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks_end(content: bytes, at: int) -> int:
    while content[at]:
        at += 1 + content[at]
    return at + 1


def _turned(exif: bytes) -> bytes:
    """EXIF with the orientation of this one and nothing else; empty where the picture stands upright."""
    from PIL import Image

    found = Image.Exif()
    try:
        found.load(exif)
        turn = found.get(0x0112, 1)
    except Exception as cause:
        raise Damaged(f"its EXIF cannot be read ({cause})") from cause
    if turn not in UPRIGHT:
        return b""
    # A TIFF header, one tag: orientation, SHORT, one value; no further directory.
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, turn, 0, 0)


TRANSLATED = (Damaged, struct.error, IndexError, ValueError)  # what taking damaged pieces apart raises
