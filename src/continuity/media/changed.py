"""A clip whose frames are changed on the way: what a repair makes of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from continuity.errors import ContinuityError, MediaError
from continuity.media.arrays import encode
from continuity.media.frames import Frame, digest_of_clip, frozen

if TYPE_CHECKING:
    from continuity.media.clip import Reel


KEPT = 256 * 2**20  # bytes of changed frames: 81 of 832 x 480 take 93 MiB, 41 of 1920 x 1080 fill it


class ChangedReel:
    """The frames of another reel, each changed when it is first asked for.

    Those that come first are kept up to ``KEPT`` bytes, so that a clip is changed once although it is measured, told by
    its digest and saved; what that does not hold is changed again each time, and memory has a bound. The first are kept
    rather than the last: every pass goes from start to end, and would find the last ones just gone.
    """

    path: Path | None = None
    suffix = ".mkv"

    def __init__(self, reel: Reel, change: Callable[[Frame], NDArray[np.uint8]]) -> None:
        self._reel = reel
        self._change = change
        self._digest: str | None = None
        self._kept: dict[int, Frame] = {}
        self._bytes = 0
        self.missing = int(getattr(reel, "missing", 0))
        self.starts: NDArray[np.float64] | None = getattr(reel, "starts", None)

    @property
    def size(self) -> tuple[int, int]:
        """That of the other reel."""
        return self._reel.size

    @property
    def rate(self) -> Fraction:
        """That of the other reel."""
        return self._reel.rate

    @property
    def frame_count(self) -> int:
        """That of the other reel."""
        return self._reel.frame_count

    @property
    def seconds(self) -> float:
        """Those of the other reel."""
        return self._reel.seconds

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the other reel."""
        return self._reel.notes

    @property
    def digest(self) -> str:
        """Digest of rate, shapes and pixels: decodes and changes every frame that is not kept."""
        if self._digest is None:
            self._digest = digest_of_clip(self._every(), self.rate)
        return self._digest

    def decode(self, indices: Sequence[int]) -> Iterator[Frame]:
        """Yield the changed frames at ascending ``indices``.

        Raises:
            MediaError: a frame could not be read or changed, or came out in another size or type; names the frame.
        """
        kept = [self._kept[index] for index in indices if index in self._kept]
        known = {frame.index for frame in kept}
        new = self._new([index for index in indices if index not in known])
        yield from merge(kept, new, key=lambda frame: frame.index)

    def _new(self, indices: Sequence[int]) -> Iterator[Frame]:
        for frame in self._reel.decode(indices) if indices else ():
            changed = Frame(frame.index, frame.seconds, frozen(self._changed(frame)))
            if self._bytes + changed.pixels.nbytes <= KEPT and frame.index not in self._kept:
                self._kept[frame.index] = changed
                self._bytes += changed.pixels.nbytes
            yield changed

    def _changed(self, frame: Frame) -> NDArray[np.uint8]:
        try:
            pixels: object = self._change(frame)
        except ContinuityError:
            raise
        except (Exception, SystemExit) as cause:  # it may be a plugin's, and is called long after that was guarded
            raise MediaError(f"frame {frame.index} could not be changed: {type(cause).__name__}: {cause}") from cause
        if not isinstance(pixels, np.ndarray):
            raise MediaError(f"frame {frame.index}: what changes it gives an array, it gave {type(pixels).__name__}")
        if pixels.shape != frame.pixels.shape or pixels.dtype != np.uint8:
            raise MediaError(
                f"frame {frame.index} was wanted as uint8 of shape {frame.pixels.shape}, "
                f"what changes it gave {pixels.dtype} {pixels.shape}"
            )
        return pixels

    def save(self, target: Path) -> None:
        """Encode the frames losslessly to ``target``."""
        encode(target, self._every(), size=self.size, rate=self.rate)

    def _every(self) -> Iterator[NDArray[np.uint8]]:
        return (frame.pixels for frame in self.decode(range(self.frame_count)))
