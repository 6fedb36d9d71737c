"""Numbered frames as renderers write them: name.1001.exr, name.1002.exr and so on, of a folder or of a pattern."""

from __future__ import annotations

import hashlib
import math
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from continuity.errors import MediaError, UsageError
from continuity.media import stills
from continuity.media.files import SourceFile, shown, sync_folder, translated
from continuity.media.formats import Format, require_clip_size, sniff
from continuity.media.frames import Frame
from continuity.media.image import not_applied
from continuity.media.numbering import Numbered, gaps, missing
from continuity.media.spaces import Space

RATE = Fraction(24)  # frames a second, where nobody says


class FrameFolder:
    """One sequence of equally large pictures. Every header is read on opening: farms leave empty and half files behind.

    Args:
        where: the folder, or the pattern.
        numbered: its frames.
        fps: frames a second; left out, what the first frame says, else 24.
        colorspace: of OpenEXR frames, by a name of OpenColorIO; it overrules what the files say.

    Raises:
        MediaError: mixed sizes or colour spaces, or a damaged frame.
        UsageError: a rate that is not above 0.
    """

    def __init__(
        self, where: Path, numbered: Numbered, *, fps: Fraction | float | None = None, colorspace: str | None = None
    ) -> None:
        self.where = where
        self._numbers = [number for number, _ in numbered]
        self._files = [SourceFile(path) for _, path in numbered]
        self._kinds = [sniff(file) for file in self._files]
        headers = [self._header(file, kind, colorspace) for file, kind in zip(self._files, self._kinds, strict=True)]
        first = headers[0]
        self._space = first.space
        for file, header in zip(self._files, headers, strict=True):
            self._require_same(file, header.size, first.size)
            self._require_space(file, header.space)
        require_clip_size(where, *first.size)
        self._given_rate = None if fps is None or rate_of(fps) == (first.rate or RATE) else rate_of(fps)
        self.rate = self._given_rate or first.rate or RATE
        self.frame_count = len(self._files)
        self.seconds = float((self._numbers[-1] - self._numbers[0] + 1) / self.rate)
        self.missing = missing(self._numbers)
        self.notes: tuple[str, ...] = not_applied(colorspace, first.space, self._kinds[0])
        if fps is None and first.rate is None:
            self.notes += (f"a folder has no frame rate: {self.rate} a second assumed",)
        elif self._given_rate and first.rate:
            self.notes += (f"the frames say {first.rate} a second: read at {self.rate}, as given",)
        if holes := gaps(self._numbers):
            self.notes += (holes,)
        self.size = (0, 0)
        for frame in self.decode([0]):
            self.size = (frame.pixels.shape[1], frame.pixels.shape[0])

    @property
    def path(self) -> Path | None:
        """The folder or the pattern."""
        return self.where

    @property
    def suffix(self) -> str:
        """Empty: a folder has none."""
        return ""

    @property
    def digest(self) -> str:
        """Digest over the names, sorted, and the digests of the files, and over what only the caller says of them."""
        sink = hashlib.blake2b(digest_size=32)
        for file in sorted(self._files, key=lambda file: file.path.name):
            digest = self._space.digest(file.digest) if self._space else file.digest
            sink.update(os.fsencode(file.path.name) + b"\0" + digest.encode() + b"\0")
        if self._given_rate:
            sink.update(str(self._given_rate).encode())
        return "b2-" + sink.hexdigest()

    @property
    def told(self) -> Mapping[str, str]:
        """What only the caller says: ``fps`` where the frames say none or another, ``colorspace`` where they do not."""
        rate = {"fps": str(self._given_rate)} if self._given_rate else {}
        return {**rate, **({"colorspace": self._space.name} if self._space and self._space.told else {})}

    def decode(self, indices: Sequence[int]) -> Iterator[Frame]:
        """Yield the frames at ``indices``; an index counts the files that are there, seconds follow their numbers."""
        for index in indices:
            file = self._files[index]
            pixels, said = stills.decode(file.read(), self._kinds[index], file.path, self._space)
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

    def _header(self, file: SourceFile, kind: Format, colorspace: str | None) -> stills.Header:
        if kind.is_movie or kind is Format.GIF:
            raise MediaError(
                f"cannot read {shown(file.path)} as a frame: it is a {kind.name}; give PNG, JPEG, WebP, TIFF or OpenEXR"
            )
        with file.open() as opened:
            return stills.header(opened, kind, file.path, colorspace)

    def _require_space(self, file: SourceFile, space: Space | None) -> None:
        if (
            space is not None
            and self._space is not None
            and (space.name, space.told) != (self._space.name, self._space.told)
        ):
            raise MediaError(
                f"cannot read {shown(self.where)} as a clip: the first frame is in {self._space.name} and "
                f"{shown(file.path.name)} in {space.name}; render them alike, or give colorspace= or --colorspace"
            )

    def _require_same(self, file: SourceFile, size: tuple[int, int], first: tuple[int, int]) -> None:
        if size != first:
            raise MediaError(
                f"cannot read {shown(self.where)} as a clip: frames differ in size, the first has "
                f"{first[0]}x{first[1]} pixels and {shown(file.path.name)} has {size[0]}x{size[1]}; render them alike"
            )


def rate_of(fps: Fraction | float) -> Fraction:
    """A frame rate as a fraction; 23.976 and 29.97 are what they stand for, 24000/1001 and 30000/1001.

    Raises:
        UsageError: it is not above 0, or above 1000.
    """
    if (
        isinstance(fps, bool)
        or not isinstance(fps, int | float | Fraction)
        or not math.isfinite(fps)
        or not 0 < fps <= 1000
    ):
        raise UsageError(f"a frame rate above 0 and up to 1000 a second was wanted, got {fps!r}")
    exact = Fraction(fps)
    pulled_down = (Fraction(nominal * 1000, 1001) for nominal in (24, 30, 48, 60, 120))
    return next((rate for rate in pulled_down if abs(rate - exact) < 0.005), exact.limit_denominator(100_000))
