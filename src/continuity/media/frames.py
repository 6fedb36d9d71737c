"""A frame, which frames of a clip are looked at, and what an array of pixels has to be."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.errors import MediaError, UsageError

# Where a picture is transparent it shows whatever lies behind, which nobody knows. Black or white would pull the
# grade towards dark or bright, so the measuring copy shows middle grey: sRGB 119 is CIELAB L* = 50, a* = b* = 0.
MATTE = 119
CUTS = "cuts1"  # by which rule the sampled frames are divided into shots (vision/cuts.py)
SLACK = 1e-6  # steps, or seconds: times are floats
SLOW = 2.0  # frames a second; under that a picture that stands counts by half seconds
TRANSPARENT = f"transparent parts are measured over middle grey (sRGB {MATTE})"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded frame of a clip, or a still.

    Attributes:
        index: position in the source, from 0.
        seconds: display time after the first frame; None for a still.
        pixels: HxWx3 uint8, sRGB, C-contiguous, read-only: metrics share it.
        held: later times at which it is sampled again, since it is still on the screen.
    """

    index: int
    seconds: float | None
    pixels: NDArray[np.uint8]
    held: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """The rule by which frames of a clip are chosen: evenly spread, with the first and the last.

    A picture that stands on the screen for two sampling steps or more is always among them, and counts at every step.

    Attributes:
        per_second: frames for each second between the first and the last frame, rounded up.
        at_least: frames taken even of a short clip, as far as it has them.

    Raises:
        UsageError: ``per_second`` is negative or not finite, or ``at_least`` is not a positive whole number.
    """

    per_second: float = 2.0
    at_least: int = 16

    def __post_init__(self) -> None:
        if not math.isfinite(self.per_second) or self.per_second < 0:
            raise UsageError(
                f"Sampling needs a finite number of frames a second, not {self.per_second!r}; give 0 or more"
            )
        if not isinstance(self.at_least, int) or self.at_least < 1:
            raise UsageError(f"Sampling needs to take at least 1 frame, not {self.at_least!r}; give a whole number")

    @property
    def name(self) -> str:
        """The rule in short, part of an instrument: ``2/s>=16+ends,cuts1``."""
        return f"{float(self.per_second)!r}".removesuffix(".0") + f"/s>={self.at_least}+ends,{CUTS}"

    def indices(self, frame_count: int, rate: Fraction) -> tuple[int, ...]:
        """Return the positions to look at in a clip of ``frame_count`` frames at ``rate`` frames a second, ascending.

        Exact integer arithmetic, so every machine takes the same frames.

        Raises:
            UsageError: there is no frame, or the rate is not positive.
        """
        if frame_count < 1 or rate <= 0:
            raise UsageError(
                f"sampling needs a clip with frames and a rate, not {frame_count} frames at {rate} a second"
            )
        last = frame_count - 1
        wanted = math.ceil(Fraction(self.per_second) * last / rate) + 1
        count = min(frame_count, max(wanted, self.at_least, 2))
        if count == 1:
            return (0,)
        return tuple((2 * step * last + count - 1) // (2 * (count - 1)) for step in range(count))

    def held(self, starts: Iterable[float]) -> dict[int, tuple[float, ...]]:
        """Return the frames that stand for two steps or more, and at which times each is sampled again.

        ``starts`` has the seconds at which the frames come on the screen, ascending, and last the end of the clip. A
        step is no shorter than the frame that stands shortest, or half a second where that is slower.
        """
        spans = list(pairwise(starts))
        fastest = 1 / max(min((end - start for start, end in spans), default=1.0), SLACK)
        rate = min(self.per_second, max(fastest, SLOW))
        found = {}
        for index, (start, end) in enumerate(spans):
            steps = math.floor((end - start) * rate + SLACK)
            if steps > 1:
                found[index] = tuple(start + step / rate for step in range(1, steps))
        return found


def checked(array: NDArray[np.uint8], what: str = "a picture") -> NDArray[np.uint8]:
    """Return a read-only, C-contiguous copy of an HxWx3 uint8 array.

    Raises:
        MediaError: another type, dtype or shape, or no pixels.
    """
    if not isinstance(array, np.ndarray):
        raise MediaError(f"{what} has to be a numpy array of HxWx3 uint8, not {type(array).__name__}; convert it first")
    if array.dtype != np.uint8:
        raise MediaError(
            f"{what} has to be uint8 with values from 0 to 255, not {array.dtype}; "
            "for floats from 0 to 1 give (array * 255).round().astype('uint8')"
        )
    if array.ndim != 3 or array.shape[2] != 3:
        raise MediaError(
            f"{what} has to be of shape HxWx3 (RGB), not {array.shape}; remove alpha, stack grey three times"
        )
    if array.size == 0:
        raise MediaError(f"{what} has no pixels (shape {array.shape}); give at least one")
    return frozen(np.array(array, dtype=np.uint8, order="C", copy=True))


def frozen(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the array C-contiguous and read-only, so that no metric changes what the next one sees."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array


def digest_of_pixels(arrays: Iterable[NDArray[Any]], prefix: str = "") -> str:
    """Return the digest of decoded pixels: 256 bits of BLAKE2b over shape, dtype and bytes as ``px-<hex>``."""
    sink = hashlib.blake2b(prefix.encode(), digest_size=32)
    for array in arrays:
        sink.update(f"{array.shape}{array.dtype}".encode())
        sink.update(np.ascontiguousarray(array).data)
    return "px-" + sink.hexdigest()


def over_matte(rgba: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], bool]:
    """Composite straight-alpha HxWx4 sRGB over middle grey, in sRGB code values as viewers do.

    Returns the HxWx3 result and whether anything was transparent at all.
    """
    alpha = rgba[..., 3]
    if alpha.min() == 255:
        return rgba[..., :3], False
    weight = alpha.astype(np.uint16)[..., None]
    mixed = rgba[..., :3] * weight + np.uint16(MATTE) * (255 - weight)  # at most 255 * 255: fits 16 bits
    return ((mixed + 127) // 255).astype(np.uint8), True
