"""Animated GIF, WebP and PNG through Pillow, which composes their partial frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from continuity.errors import MediaError
from continuity.media.files import SourceFile, shown, translated
from continuity.media.formats import Format, require_clip_size, suffix_of
from continuity.media.frames import Frame, frozen
from continuity.media.pillow import open_pillow, strict_pillow
from continuity.media.stills import AGAIN, convert

_UNSET = Fraction(1, 10)  # what browsers show a frame for that says 0


class Animation:
    """One animated picture file; all of it is decoded once on opening, one frame at a time, for the durations.

    Raises:
        MediaError: damaged, cut short or too large.
    """

    def __init__(self, source: SourceFile, kind: Format) -> None:
        self.source = source
        self._kind = kind
        self.notes: tuple[str, ...] = ()
        durations = []
        with source.open() as file, translated("read", source.path, AGAIN), strict_pillow():
            image = open_pillow(file, kind, source.path)
            require_clip_size(source.path, *image.size)
            self.size = image.size
            # A PNG may hold a picture for programs that know no animation: it is not part of it.
            self._skipped = 1 if getattr(image, "default_image", False) else 0
            self.frame_count = getattr(image, "n_frames", 1) - self._skipped
            for position in range(self.frame_count):
                image.seek(position + self._skipped)
                image.load()
                durations.append(Fraction(round(1000 * image.info.get("duration", 0)), 1_000_000))
        if min(durations) <= 0:
            durations = [duration if duration > 0 else _UNSET for duration in durations]
            self.notes += ("frames without a duration are taken as 0.1 s, as browsers show them",)
        if len(set(durations)) > 1:
            low, high = (float(1 / duration) for duration in (max(durations), min(durations)))
            self.notes += (f"variable frame rate: {low:.3g} to {high:.3g} frames a second",)
        self._starts = (Fraction(0), *accumulate(durations))
        self.starts: NDArray[np.float64] | None = None
        if len(set(durations)) > 1:
            self.starts = np.array(self._starts, np.float64)
        self.rate = self.frame_count / self._starts[-1]
        self.seconds = float(self._starts[-1])

    @property
    def path(self) -> Path | None:
        """The file."""
        return self.source.path

    @property
    def suffix(self) -> str:
        """``.gif``, ``.webp`` or ``.png``."""
        return suffix_of(self._kind, self.source.path)

    @property
    def digest(self) -> str:
        """Digest of the file's bytes."""
        return self.source.digest

    def save(self, target: Path) -> None:
        """Copy the file."""
        self.source.copy(target)

    def decode(self, indices: Sequence[int]) -> Iterator[Frame]:
        """Yield the frames at ``indices`` (ascending), decoding all up to them: partial frames build on each other."""
        wanted = set(indices)
        with self.source.open() as file:
            with translated("read", self.source.path, AGAIN), strict_pillow():
                image = open_pillow(file, self._kind, self.source.path)
            for position in range(max(wanted) + 1):
                with translated("read", self.source.path, AGAIN), strict_pillow():
                    image.seek(position + self._skipped)
                    image.load()
                    if position not in wanted:
                        continue
                    pixels, said = convert(image, self.source.path)
                    if pixels.shape[1::-1] != self.size:
                        raise MediaError(
                            f"cannot read {shown(self.source.path)}: frame {position} has another size; {AGAIN}"
                        )
                self.notes += tuple(note for note in said if note not in self.notes)
                yield Frame(position, float(self._starts[position]), frozen(pixels))
