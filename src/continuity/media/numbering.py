"""Which files are the frames of one sequence: those of a folder, or those that shot.####.exr stands for."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from continuity.errors import MediaError
from continuity.media.files import shown, translated
from continuity.media.formats import READABLE, Format

Numbered = list[tuple[int, Path]]

_NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>\d+)(?P<suffix>\.[^.\d]+)", re.DOTALL)
_PLACE = re.compile(r"#+|%(?:0(?P<width>\d))?d")
_PICTURES = {
    suffix for kind in (Format.PNG, Format.JPEG, Format.WEBP, Format.TIFF, Format.EXR) for suffix in kind.value
}
_UNREAD = {".dpx", ".hdr"}


def is_pattern(path: Path) -> bool:
    """Whether a path stands for numbered frames: ``shot.####.exr`` (as many digits as ``#``) or ``shot.%04d.exr``."""
    return _PLACE.search(path.name) is not None and not os.path.lexists(path)


def of_pattern(pattern: Path) -> Numbered:
    """Number and path of each frame that a pattern means, by number; a number of more digits than asked counts too.

    Raises:
        MediaError: no such frame, a pattern of two places, or a frame missing between two that are there: a sequence
            that is asked for by name is wanted whole. On twos or any other even step none is missing.
    """
    places = list(_PLACE.finditer(pattern.name))
    if len(places) != 1:
        raise MediaError(
            f"cannot read {shown(pattern)}: one place for the frame number was wanted, it has {len(places)}; "
            "name it like shot.####.exr or shot.%04d.exr"
        )
    place = places[0]
    width = len(place[0]) if place[0][0] == "#" else int(place["width"] or 1)
    before, after = pattern.name[: place.start()], pattern.name[place.end() :]
    wanted = re.compile(re.escape(before) + r"(\d+)" + re.escape(after), re.DOTALL)
    frames = sorted(
        (int(match[1]), pattern.with_name(name))
        for name in _names(pattern.parent)
        if (match := wanted.fullmatch(name)) and match[1] == f"{int(match[1]):0{width}d}"
    )
    if not frames:
        raise MediaError(
            f"cannot read {shown(pattern)}: no frame of it is in {shown(pattern.parent)}; check the name and how many "
            "digits its numbers have"
        )
    numbers = [number for number, _ in frames]
    if missing(numbers):
        absent = next(a + 1 for a, b in pairwise(numbers) if b > a + 1)
        raise MediaError(
            f"cannot read {shown(pattern)}: frame {absent} is missing ({before}{absent:0{width}d}{after}), "
            f"{missing(numbers)} in all of {numbers[0]} to {numbers[-1]}; render them, or give a folder with these "
            "frames, of which holes are stated and counted"
        )
    return frames


def of_folder(folder: Path) -> Numbered:
    """Number and path of each frame in a folder, by number. Hidden files and files that are no pictures are left aside.

    Raises:
        MediaError: no numbered frames, more than one sequence, or a number twice.
    """
    found: dict[tuple[str, str], Numbered] = {}
    for name in _names(folder):
        suffix = Path(name).suffix.lower()
        if suffix in _UNREAD:
            raise MediaError(
                f"cannot read {shown(folder / name)}: {suffix[1:].upper()} is not read yet; "
                "export OpenEXR, PNG or TIFF frames, or a movie"
            )
        if suffix in _PICTURES:
            match = _NUMBERED.fullmatch(name)
            if match is None:
                raise MediaError(
                    f"cannot read {shown(folder)} as a clip: {shown(name)} has no frame number at the end of its name; "
                    "name frames like shot.0001.png, or open the picture by itself"
                )
            frames = found.setdefault((match["stem"], suffix), [])
            frames.append((int(match["number"]), folder / name))
    if not found:
        raise MediaError(f"cannot read {shown(folder)}: no numbered frames are in it; give one of {READABLE}")
    if len(found) > 1:
        names = [f"{stem}####{suffix} ({len(frames)})" for (stem, suffix), frames in list(found.items())[:4]]
        raise MediaError(
            f"cannot read {shown(folder)} as a clip: it holds {len(found)} sequences, {', '.join(map(shown, names))}; "
            "name one of them, or give each a folder of its own"
        )
    frames = sorted(next(iter(found.values())))
    for (before, first), (after, second) in pairwise(frames):
        if before == after:
            raise MediaError(
                f"cannot read {shown(folder)} as a clip: {shown(first.name)} and {shown(second.name)} are both frame "
                f"{after}; remove one"
            )
    return frames


def missing(numbers: Sequence[int]) -> int:
    """How many numbers between the first and the last are not there; none where all steps are alike (on twos, say)."""
    steps = {b - a for a, b in pairwise(numbers)}
    return numbers[-1] - numbers[0] + 1 - len(numbers) if len(steps) > 1 else 0


def gaps(numbers: Sequence[int]) -> str | None:
    """One line on the numbers that are not there, even where all steps are alike."""
    count = numbers[-1] - numbers[0] + 1 - len(numbers)
    if not count:
        return None
    holes = [(a + 1, b - 1) for a, b in pairwise(numbers) if b > a + 1]
    listed = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in holes[:5]) + (" and more" if len(holes) > 5 else "")
    return f"{count} of {count + len(numbers)} numbered frames are missing: {listed}"


def _names(folder: Path) -> list[str]:
    with translated("read", folder, "check the path and its permissions"):
        return sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
