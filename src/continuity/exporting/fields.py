"""What a file says besides its picture, read back with the libraries that others read it with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from continuity.errors import MediaError
from continuity.media.files import SourceFile, reason, shown
from continuity.media.formats import Format, sniff

LONGEST = 200  # letters of a value that are shown
# What OpenImageIO tells of how an OpenEXR file is laid out, which has no room for words.
EXR_LAYOUT = (
    "compression",
    "PixelAspectRatio",
    "screenWindow",
    "openexr:",
    "oiio:subimages",
    "oiio:RowsPer",
    "version",
)


def fields_of(path: Path) -> dict[str, str]:
    """Every field of a picture, movie, timeline, CDL or LUT by name, with its value as text, long ones cut."""
    suffix = path.suffix.lower()
    if suffix == ".otio":
        leaves = dict(_leaves(json.loads(path.read_text(encoding="utf-8")), ""))
        found = {name: str(value) for name, value in leaves.items() if isinstance(value, str) or ".metadata." in name}
        found["the rest"] = f"{len(leaves) - len(found)} numbers, such as times and frame rates"
    elif suffix in (".cc", ".cube"):
        lines = path.read_text(encoding="utf-8").splitlines()
        words = [line.strip() for line in lines if line.strip() and not line[0].isdigit()]
        found = {f"line {number}": text for number, text in enumerate(words, 1)}
    else:
        kind = sniff(SourceFile(path))
        read = _of_movie if kind.is_movie else _of_exr if kind is Format.EXR else _of_picture
        found = read(path, kind.name)
    return {name: text if len(text) <= LONGEST else text[:LONGEST] + "…" for name, text in found.items()}


def _of_picture(path: Path, kind: str) -> dict[str, str]:
    from PIL import Image
    from PIL.TiffTags import lookup

    found: dict[str, str] = {}
    with Image.open(path, formats=(kind, "MPO") if kind == "JPEG" else (kind,)) as opened:
        for number in range(getattr(opened, "n_frames", 1)):  # a GIF has a comment for each
            opened.seek(number)
            opened.load()
            for name, value in {**opened.info, **getattr(opened, "text", {})}.items():
                found.setdefault(str(name), _profile(value) if name == "icc_profile" else _shown(value))
        for tag, value in opened.getexif().items():
            found[f"EXIF {lookup(tag).name}" if kind != "TIFF" else lookup(tag).name] = _shown(value)
        for name, value in getattr(opened, "applist", ()):
            found[f"segment {name}"] = _shown(value)
    found.pop("exif", None)  # named tag by tag
    return found


def _of_movie(path: Path, _: str) -> dict[str, str]:
    import av

    with av.open(str(path), metadata_errors="replace") as opened:
        found = {name: value for name, value in opened.metadata.items() if value}
        for number, stream in enumerate(opened.streams):
            found |= {f"track {number + 1} {name}": value for name, value in stream.metadata.items() if value}
    return found


def _of_exr(path: Path, _: str) -> dict[str, str]:
    import OpenImageIO

    picture = OpenImageIO.ImageInput.open(str(path))
    if picture is None:
        raise MediaError(f"cannot read {shown(path)}: {str(OpenImageIO.geterror()).splitlines()[0]}; render it again")
    found: dict[str, str] = {}
    try:
        for part in count():
            if not picture.seek_subimage(part, 0):
                break
            spec, where = picture.spec(), f"part {part + 1} " if part else ""
            found[f"{where}channels"] = ", ".join(map(str, spec.channelnames))
            for one in spec.extra_attribs:
                if not one.name.startswith(EXR_LAYOUT):
                    found[f"{where}{one.name}"] = str(one.value)
    finally:
        picture.close()
    return found


def _profile(content: Any) -> str:
    from io import BytesIO

    from PIL import ImageCms

    try:
        return f"colour profile {ImageCms.getProfileDescription(ImageCms.getOpenProfile(BytesIO(content))).strip()}"
    except Exception as cause:
        return f"colour profile that cannot be read: {reason(cause)}"


def _shown(value: Any) -> str:
    if not isinstance(value, bytes):
        return str(value)
    text = value.decode("utf-8", "replace").strip("\0 ")
    return text if text.isprintable() and "\ufffd" not in text else f"{len(value)} bytes"


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value in JSON with the path to it; what says only of which class something is, is left out."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            if key != "OTIO_SCHEMA":
                yield from _leaves(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _leaves(one, f"{path}[{number}]")
    elif value is not None and value != "":
        yield path, value
