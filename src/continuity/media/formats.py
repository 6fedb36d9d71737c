"""What a file is, told by its content: a suffix is a claim that anybody can make."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

from continuity.errors import MediaError
from continuity.media.files import SourceFile, path_of, shown

MAX_PICTURE_PIXELS = 200_000_000
MAX_CLIP_SIDE = 8192
READABLE = "PNG, JPEG, WebP, TIFF, OpenEXR, GIF, MP4, MOV, WebM, Matroska, or a folder of numbered frames"


class Format(Enum):
    """A file format that can be read, with the suffixes it goes by; the first is the usual one."""

    PNG = (".png", ".apng")
    JPEG = (".jpg", ".jpeg", ".jpe")
    WEBP = (".webp",)
    GIF = (".gif",)
    TIFF = (".tif", ".tiff")
    EXR = (".exr",)
    MP4 = (".mp4", ".mov", ".m4v")
    MATROSKA = (".mkv", ".webm")

    @property
    def is_movie(self) -> bool:
        """Whether PyAV reads it."""
        return self in (Format.MP4, Format.MATROSKA)


# Magic numbers of formats that people try, each with what to do instead.
_ELSEWHERE: tuple[tuple[bytes, str], ...] = (
    (b"SDPX", "a DPX picture"),
    (b"XPDS", "a DPX picture"),
    (b"#?RADIANCE", "a Radiance HDR picture"),
    (b"#?RGBE", "a Radiance HDR picture"),
    (b"8BPS", "a Photoshop document"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"MM\0+", "a big-endian BigTIFF picture"),
    (b"BM", "a BMP picture"),
    (b"\x06\x0e\x2b\x34", "an MXF clip"),
    (b"FLV\x01", "a Flash video"),
    (b"OggS", "an Ogg file"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
)
_STILL_BRANDS = {b"avif": "an AVIF picture", b"avis": "an AVIF picture"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "a HEIF picture"
)
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0")


def sniff(source: SourceFile) -> Format:
    """Return the format of a file by its first bytes.

    Raises:
        MediaError: the file cannot be opened, or is in none of the formats that are read.
    """
    with source.open() as file:
        head = file.read(32)
    found = _readable(head)
    if found is None:
        raise MediaError(f"cannot read {shown(source.path)}: it is {_unreadable(head)}; give one of {READABLE}")
    return found


def _readable(head: bytes) -> Format | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format.PNG
    if head.startswith(b"\xff\xd8\xff"):
        return Format.JPEG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if head.startswith((b"GIF87a", b"GIF89a")):
        return Format.GIF
    if head.startswith(_TIFF_MARKS):
        return Format.TIFF
    if head.startswith(b"\x76\x2f\x31\x01"):
        return Format.EXR
    if head[4:8] in _MP4_BOXES and head[8:12] not in _STILL_BRANDS:
        return Format.MP4
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return Format.MATROSKA
    return None


def _unreadable(head: bytes) -> str:
    if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS:
        return _STILL_BRANDS[head[8:12]] + ", which is not read yet"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "an AVI clip, which is not read yet"
    for mark, name in _ELSEWHERE:
        if head.startswith(mark):
            return name + ", which is not read yet"
    return "not a picture or clip, whatever its name says"


def suffix_of(kind: Format, path: Path) -> str:
    """Return the suffix that belongs to a file of this format: its own, where that is one of the format's."""
    own = path.suffix.lower()
    return own if own in kind.value else kind.value[0]


def require_suffix(target: str | os.PathLike[str], suffix: str) -> Path:
    """Return ``target`` as a path if its suffix names the same format as ``suffix``.

    ``.jpg`` and ``.jpeg`` are the same; ``.mp4`` and ``.mov`` are not, because players tell them apart by name.

    Raises:
        MediaError: the suffix differs, and the untouched source would be saved under a wrong name.
        UsageError: no path.
    """
    path = path_of(target, "a file to save to")
    same = {suffix}
    for kind in Format:
        if suffix in kind.value and not kind.is_movie:
            same = set(kind.value)
    if path.suffix.lower() not in same:
        raise MediaError(
            f"cannot save to {shown(path)}: the source is saved as it is, and it is a {suffix} file; "
            f"name the target {shown(path.with_suffix(suffix).name if path.name else suffix)}"
        )
    return path


def require_picture_size(path: str | os.PathLike[str], width: int, height: int) -> None:
    """Raise ``MediaError`` unless a picture of this size may be decoded."""
    if width < 1 or height < 1:
        raise MediaError(f"cannot read {shown(path)}: it has no pixels ({width}x{height}); render or export it again")
    if width * height > MAX_PICTURE_PIXELS:
        raise MediaError(
            f"cannot read {shown(path)}: it has {width}x{height} pixels and the limit is "
            f"{MAX_PICTURE_PIXELS // 1_000_000} megapixels; scale it down"
        )


def require_clip_size(path: str | os.PathLike[str], width: int, height: int) -> None:
    """Raise ``MediaError`` unless frames of this size may be decoded."""
    if width < 1 or height < 1:
        raise MediaError(f"cannot read {shown(path)}: its frames have no pixels ({width}x{height}); export it again")
    if width > MAX_CLIP_SIDE or height > MAX_CLIP_SIDE:
        raise MediaError(
            f"cannot read {shown(path)}: its frames have {width}x{height} pixels and the limit for a clip is "
            f"{MAX_CLIP_SIDE}x{MAX_CLIP_SIDE}; scale it down"
        )
