"""A folder of numbered frames, as renderers write them: name.0001.png, name.0002.png and so on."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from continuity.errors import MediaError
from continuity.media import stills
from continuity.media.files import SourceFile, shown, sync_folder, translated
from continuity.media.formats import READABLE, Format, require_clip_size, sniff
from continuity.media.frames import Frame

RATE = Fraction(24)  # frames a second: a folder does not say
_NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>\d+)(?P<suffix>\.[^.\d]+)", re.DOTALL)
_PICTURES = {suffix for kind in (Format.PNG, Format.JPEG, Format.WEBP, Format.TIFF) for suffix in kind.value}
_SCENE_REFERRED = {".exr", ".dpx", ".hdr"}


class FrameFolder:
    """One sequence of equally large pictures. Every header is read on opening: farms leave empty and half files behind.

    Raises:
        MediaError: no numbered frames, more than one sequence, a number twice, mixed sizes, or a damaged frame.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        numbered = _sequence(folder)
        self._numbers = [number for number, _ in numbered]
        self._files = [SourceFile(path) for _, path in numbered]
        self._kinds = [sniff(file) for file in self._files]
        sizes = [self._header_size(file, kind) for file, kind in zip(self._files, self._kinds, strict=True)]
        for file, size in zip(self._files, sizes, strict=True):
            self._require_same(file, size, sizes[0])
        require_clip_size(folder, *sizes[0])
        self.rate = RATE
        self.frame_count = len(self._files)
        self.seconds = float((self._numbers[-1] - self._numbers[0] + 1) / self.rate)
        self.missing = _missing(self._numbers)
        self.notes: tuple[str, ...] = (f"a folder has no frame rate: {self.rate} a second assumed",)
        if gaps := _gaps(self._numbers):
            self.notes += (gaps,)
        self.size = (0, 0)
        for frame in self.decode([0]):
            self.size = (frame.pixels.shape[1], frame.pixels.shape[0])

    @property
    def path(self) -> Path | None:
        """The folder."""
        return self.folder

    @property
    def files(self) -> tuple[tuple[int, Path], ...]:
        """Number and path of each frame, by number."""
        return tuple(zip(self._numbers, (file.path for file in self._files), strict=True))

    @property
    def suffix(self) -> str:
        """Empty: a folder has none."""
        return ""

    @property
    def digest(self) -> str:
        """Digest over the names, sorted, and the digests of the files."""
        sink = hashlib.blake2b(digest_size=32)
        for file in sorted(self._files, key=lambda file: file.path.name):
            sink.update(os.fsencode(file.path.name) + b"\0" + file.digest.encode() + b"\0")
        return "b2-" + sink.hexdigest()

    def decode(self, indices: Sequence[int]) -> Iterator[Frame]:
        """Yield the frames at ``indices``; an index counts the files that are there, seconds follow their numbers."""
        for index in indices:
            file = self._files[index]
            pixels, said = stills.decode(file.read(), self._kinds[index], file.path)
            size = (pixels.shape[1], pixels.shape[0])
            self._require_same(file, size, size if self.size == (0, 0) else self.size)
            self.notes += tuple(note for note in said if note not in self.notes)
            yield Frame(index, float((self._numbers[index] - self._numbers[0]) / self.rate), pixels)

    def save(self, target: Path) -> None:
        """Copy the frames into a new folder, which appears with all of them or not at all."""
        temporary = target.parent / f".continuity-{secrets.token_hex(8)}.tmp"
        with translated("write", target, "check that the parent folder exists, is writable and has room"):
            if target.exists() or target.is_symlink():
                raise MediaError(f"cannot write {shown(target)}: it exists already; name a folder that does not")
            temporary.mkdir()
            try:
                for file in self._files:
                    file.copy(temporary / file.path.name)
                temporary.rename(target)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
            sync_folder(target.parent)

    def _header_size(self, file: SourceFile, kind: Format) -> tuple[int, int]:
        if kind.is_movie or kind is Format.GIF:
            raise MediaError(
                f"cannot read {shown(file.path)} as a frame: it is a {kind.name}; give PNG, JPEG, WebP or TIFF"
            )
        with file.open() as opened:
            return stills.header(opened, kind, file.path).size

    def _require_same(self, file: SourceFile, size: tuple[int, int], first: tuple[int, int]) -> None:
        if size != first:
            raise MediaError(
                f"cannot read {shown(self.folder)} as a clip: frames differ in size, the first has "
                f"{first[0]}x{first[1]} pixels and {shown(file.path.name)} has {size[0]}x{size[1]}; render them alike"
            )


def _sequence(folder: Path) -> list[tuple[int, Path]]:
    """Return number and path of each frame, by number. Hidden files and files that are no pictures are left aside."""
    with translated("read", folder, "check the path and its permissions"):
        names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    found: dict[tuple[str, str], list[tuple[int, Path]]] = {}
    for name in names:
        suffix = Path(name).suffix.lower()
        if suffix in _SCENE_REFERRED:
            raise MediaError(
                f"cannot read {shown(folder / name)}: {suffix[1:].upper()} is not read yet; "
                "export display-referred PNG or TIFF frames, or a movie"
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
            "give each a folder of its own"
        )
    frames = sorted(next(iter(found.values())))
    for (before, first), (after, second) in pairwise(frames):
        if before == after:
            raise MediaError(
                f"cannot read {shown(folder)} as a clip: {shown(first.name)} and {shown(second.name)} are both frame "
                f"{after}; remove one"
            )
    return frames


def _missing(numbers: Sequence[int]) -> int:
    """How many numbers between the first and the last are not there; none where all steps are alike (on twos, say)."""
    steps = {b - a for a, b in pairwise(numbers)}
    return numbers[-1] - numbers[0] + 1 - len(numbers) if len(steps) > 1 else 0


def _gaps(numbers: Sequence[int]) -> str | None:
    missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    if not missing:
        return None
    holes = [(a + 1, b - 1) for a, b in pairwise(numbers) if b > a + 1]
    listed = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in holes[:5]) + (" and more" if len(holes) > 5 else "")
    return f"{missing} of {missing + len(numbers)} numbered frames are missing: {listed}"
