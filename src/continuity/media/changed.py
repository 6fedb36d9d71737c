"""A clip whose frames are changed on the way: what a repair makes of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from continuity.errors import ContinuityError, MediaError
from continuity.media.arrays import encode
from continuity.media.frames import Frame, digest_of_pixels, frozen

if TYPE_CHECKING:
    from continuity.media.clip import Reel


class ChangedReel:
    """The frames of another reel, each changed when it is asked for; one at a time, so memory stays flat."""

    path: Path | None = None
    suffix = ".mkv"

    def __init__(self, reel: Reel, change: Callable[[Frame], NDArray[np.uint8]]) -> None:
        self._reel = reel
        self._change = change
        self._digest: str | None = None
        self.missing = int(getattr(reel, "missing", 0))

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
        """Digest of rate, shapes and pixels: decodes and changes every frame once."""
        if self._digest is None:
            self._digest = digest_of_pixels(self._every(), prefix=str(self.rate))
        return self._digest

    def decode(self, indices: Sequence[int]) -> Iterator[Frame]:
        """Yield the changed frames at ascending ``indices``.

        Raises:
            MediaError: a frame could not be read or changed, or came out in another size or type; names the frame.
        """
        for frame in self._reel.decode(indices):
            yield Frame(frame.index, frame.seconds, frozen(self._changed(frame)))

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
