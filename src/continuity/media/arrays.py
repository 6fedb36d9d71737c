"""A clip in memory, as generators return it, with a lossless movie as its source."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from continuity.errors import MediaError
from continuity.media.files import replacing
from continuity.media.frames import Frame, checked, digest_of_clip


class ArrayReel:
    """Frames as arrays, saved as FFV1 (RFC 9043) in Matroska: lossless 8 bit RGB, so a saved clip measures the same."""

    path: Path | None = None
    suffix = ".mkv"
    notes: tuple[str, ...] = ()

    def __init__(self, arrays: Iterable[NDArray[np.uint8]], rate: Fraction | float) -> None:
        if not math.isfinite(rate) or rate <= 0:
            raise MediaError(f"a clip needs a frame rate above 0, not {rate!r}; give frames a second")
        self.rate = Fraction(rate).limit_denominator(100_000)
        if not 0 < self.rate <= 100_000:
            raise MediaError(f"a clip cannot have {rate!r} frames a second; give a rate between 0.00001 and 100000")
        self._arrays = [checked(array, f"frame {index}") for index, array in enumerate(arrays)]
        if not self._arrays:
            raise MediaError("a clip needs at least one frame, and none was given; give HxWx3 uint8 arrays")
        first = self._arrays[0].shape
        for index, array in enumerate(self._arrays):
            if array.shape != first:
                raise MediaError(
                    f"frames of a clip have one size: frame 0 has shape {first}, frame {index} {array.shape}"
                )
        self.size = (first[1], first[0])
        self.frame_count = len(self._arrays)
        self.seconds = float(self.frame_count / self.rate)
        self._digest: str | None = None

    @property
    def digest(self) -> str:
        """Digest of rate, shapes and pixels."""
        if self._digest is None:
            self._digest = digest_of_clip(self._arrays, self.rate)
        return self._digest

    def decode(self, indices: Sequence[int]) -> Iterator[Frame]:
        """Yield the arrays at ``indices``."""
        for index in indices:
            yield Frame(index, float(index / self.rate), self._arrays[index])

    def save(self, target: Path) -> None:
        """Encode the frames losslessly to ``target``."""
        encode(target, self._arrays, size=self.size, rate=self.rate)


def encode(target: Path, arrays: Iterable[NDArray[np.uint8]], *, size: tuple[int, int], rate: Fraction) -> None:
    """Writes frames to ``target``, losslessly and one at a time."""
    import av

    with (
        replacing(target) as file,
        av.open(file, "w", format="matroska", container_options={"fflags": "+bitexact"}) as container,
    ):
        stream = container.add_stream("ffv1", rate=rate, options={"level": "3", "g": "1"})
        stream.width, stream.height = size
        stream.pix_fmt = "bgr0"
        for array in arrays:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(array, format="rgb24")))
        container.mux(stream.encode(None))
