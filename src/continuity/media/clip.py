"""A clip: moving pictures from a file, a folder of frames or memory, decoded lazily."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from continuity.errors import MediaError, UsageError
from continuity.media import numbering, stills
from continuity.media.animation import Animation
from continuity.media.arrays import ArrayReel
from continuity.media.changed import ChangedReel
from continuity.media.files import SourceFile, is_folder, path_of, shown
from continuity.media.folder import FrameFolder
from continuity.media.formats import require_suffix
from continuity.media.frames import SLOW, Frame, Sampling
from continuity.media.image import Image, not_applied, thumbnail
from continuity.media.movie import Movie


class Reel(Protocol):
    """Where the frames of a clip come from."""

    @property
    def path(self) -> Path | None:
        """File or folder, None in memory."""

    @property
    def suffix(self) -> str:
        """Suffix of a saved copy."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as displayed."""

    @property
    def rate(self) -> Fraction:
        """Mean frames a second."""

    @property
    def frame_count(self) -> int:
        """How many frames there are."""

    @property
    def seconds(self) -> float:
        """How long it runs."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed."""

    @property
    def digest(self) -> str:
        """Digest of the source."""

    def decode(self, indices: Sequence[int]) -> Iterator[Frame]:
        """Yield the frames at ascending ``indices``."""

    def save(self, target: Path) -> None:
        """Write the untouched source."""


class Clip:
    """Moving pictures. Frames are decoded when asked for and one at a time, so memory does not grow with length.

    ``notes`` says what was assumed: untagged colour, gaps in numbered frames, a variable frame rate. Notes that only
    decoding can find (transparent parts) are there once frames were read.
    """

    def __init__(self, reel: Reel, notes: tuple[str, ...] = ()) -> None:
        self._reel = reel
        self._notes = notes

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, fps: Fraction | float | None = None, colorspace: str | None = None
    ) -> Clip:
        """Open a movie, an animated picture, a folder of numbered frames or a pattern, as :func:`open_media` does.

        Raises:
            MediaError: as :func:`open_media`, or a still.
            UsageError, MissingDependency: as :func:`open_media`.
        """
        media = open_media(path, fps=fps, colorspace=colorspace)
        if isinstance(media, Image):
            raise MediaError(f"cannot read {shown(path)} as a clip: it is a single picture; open it with open_media")
        return media

    @classmethod
    def from_arrays(cls, arrays: Iterable[NDArray[np.uint8]], rate: Fraction | float) -> Clip:
        """Make a clip from HxWx3 uint8 sRGB frames, which are copied, and a rate in frames a second.

        Its source is FFV1 in Matroska, encoded when saved; opening that file gives the same pixels.

        Raises:
            MediaError: no frame, frames of different sizes, another dtype or shape, or a rate that is not above 0.
        """
        return cls(ArrayReel(arrays, rate))

    def changed(self, change: Callable[[Frame], NDArray[np.uint8]]) -> Clip:
        """The clip with every frame as ``change`` gives it: HxWx3 uint8 sRGB of the same size, the same at every call.

        Frames are changed when they are asked for. The source is FFV1 in Matroska, encoded when saved; without sound.
        """
        return Clip(ChangedReel(self._reel, change))

    @property
    def path(self) -> Path | None:
        """The source file or folder, or None for arrays."""
        return self._reel.path

    @property
    def digest(self) -> str:
        """``b2-<hex>`` over a file, or the names and digests of a folder; ``px-<hex>`` over arrays and rate."""
        return self._reel.digest

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as displayed."""
        return self._reel.size

    @property
    def rate(self) -> Fraction:
        """Mean frames a second."""
        return self._reel.rate

    @property
    def frame_count(self) -> int:
        """How many frames the source shows, found without decoding a movie."""
        return self._reel.frame_count

    @property
    def missing(self) -> int:
        """How many numbered frames of a folder are not there; 0 for everything else."""
        return int(getattr(self._reel, "missing", 0))

    @property
    def told(self) -> Mapping[str, str]:
        """What ``open_media`` has to be told to open a saved copy as this very clip: ``fps``, ``colorspace``."""
        return dict(getattr(self._reel, "told", {}))

    @property
    def seconds(self) -> float:
        """How long the clip runs."""
        return self._reel.seconds

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed to read the clip."""
        return self._notes + self._reel.notes

    @property
    def suffix(self) -> str:
        """The suffix that a saved copy has to have; empty for a folder of frames."""
        return self._reel.suffix

    def frames(self, sampling: Sampling | None = None) -> Iterator[Frame]:
        """Yield the sampled frames in order (default: ``Sampling()``); only one is held at a time.

        Raises:
            MediaError: a sampled frame, or one that it builds on, is damaged or missing; names file, frame and cause.
        """
        rule = sampling or Sampling()
        held = {} if (starts := self._starts()) is None else rule.over_time(starts)
        chosen: Collection[int] = held
        if not held or self.frame_count <= rule.at_least:
            chosen = {*held, *rule.indices(self.frame_count, self.rate)}
        for frame in self._reel.decode(sorted(chosen)):
            yield replace(frame, held=held[frame.index]) if held.get(frame.index) else frame

    @property
    def varies(self) -> bool:
        """Whether its frames do not stand equally long."""
        return getattr(self._reel, "starts", None) is not None

    def _starts(self) -> NDArray[np.float64] | None:
        if self.varies:
            return np.asarray(self._reel.starts, np.float64)  # type: ignore[attr-defined]
        return np.arange(self.frame_count + 1) / float(self.rate) if self.rate < SLOW else None

    def at(self, indices: Sequence[int]) -> Iterator[Frame]:
        """Yield the frames at ascending ``indices``; only one is held at a time. Nothing is opened for none.

        Raises:
            MediaError: as :meth:`frames`.
        """
        if indices:
            yield from self._reel.decode(indices)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the untouched source to ``path``, atomically: a file as a file, a folder as a new folder.

        Raises:
            MediaError: another suffix, a target that cannot be written, or a source that changed since it was opened.
        """
        self._reel.save(require_suffix(path, self.suffix) if self.suffix else path_of(path, "a file to save to"))

    def __repr__(self) -> str:
        return f"Clip({shown(self.path)})" if self.path else f"Clip.from_arrays({self.frame_count} frames)"


Media: TypeAlias = Image | Clip


def open_media(
    path: str | os.PathLike[str], *, fps: Fraction | float | None = None, colorspace: str | None = None
) -> Media:
    """Open a picture, a clip, a folder of numbered frames or those that a pattern means, told apart by content.

    Args:
        path: a file, a folder, or a pattern: ``shot.####.exr`` or ``shot.%04d.exr``.
        fps: frames a second of numbered frames; left out, what they say themselves, else 24.
        colorspace: of OpenEXR pictures, by a name of OpenColorIO; it overrules what they say. Left out and not said, it
            is taken from ``$CONTINUITY_COLORSPACE`` or from a file rule of ``$OCIO``; else they are refused.

    Raises:
        MediaError: missing, not readable, empty, damaged, cut short, too large, of a format that is not read, or an
            OpenEXR picture whose colour space nobody says. The message names the file, the cause and what to do. Damage
            inside a picture or clip shows when it is decoded.
        UsageError: no path; ``fps`` for what is not numbered frames, or not above 0.
        MissingDependency: what reads OpenEXR is not installed.
    """
    where = path_of(path, "a picture or a clip")
    if is_folder(where):
        return Clip(FrameFolder(where, numbering.of_folder(where), fps=fps, colorspace=colorspace))
    if numbering.is_pattern(where):
        return Clip(FrameFolder(where, numbering.of_pattern(where), fps=fps, colorspace=colorspace))
    if fps is not None:
        raise UsageError(f"a frame rate is for numbered frames, {shown(where)} is one file: leave fps out")
    source = SourceFile(where)
    kind, header = stills.examine(source, colorspace)
    if header is not None and header.frames == 1:
        return Image((source, kind), space=header.space, notes=not_applied(colorspace, header.space, kind))
    return Clip(Movie(source, kind) if header is None else Animation(source, kind), not_applied(colorspace, None, kind))


def middle(media: Media) -> Frame:
    """The middle frame, which stands for a clip: the first one may be black.

    Raises:
        MediaError: it cannot be decoded.
    """
    return list(islice(media.frames(Sampling(per_second=0, at_least=3)), 2))[-1]


def small(media: Media) -> bytes | None:
    """A JPEG of the picture or of the middle frame to be shown beside words; None where it cannot be read any more."""
    try:
        return thumbnail(middle(media).pixels)
    except MediaError:
        return None
