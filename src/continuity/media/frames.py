"""A frame, which frames of a clip are looked at, and what an array of pixels has to be."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.errors import MediaError, UsageError

# Where a picture is transparent it shows whatever lies behind, which nobody knows. Black or white would pull the
# grade towards dark or bright, so the measuring copy shows middle grey: sRGB 119 is CIELAB L* = 50, a* = b* = 0.
MATTE = 119
CUTS = "cuts1"  # by which rule the sampled frames are divided into shots (vision/cuts.py)
SLACK = 1e-6  # steps, or seconds: times are floats
SLOW = 2.0  # frames a second; under that a picture counts by half seconds
MOST = 2**14  # times at which a clip is looked at, if its frames do not stand equally long: two hours of it
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

    In a clip whose frames do not stand equally long they are those on the screen at even times, as often as they are.

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

    def over_time(self, starts: NDArray[np.float64]) -> dict[int, tuple[float, ...]]:
        """Return the frames that are on the screen at even times, and at which of them each is after the first.

        For clips whose frames do not stand equally long, or longer than half a second: spread by number, one wrong
        picture could fill most of a clip and hardly count. Nothing is returned where no frames a second are asked for.

        Args:
            starts: seconds at which the frames come on the screen, ascending, and last the end of the clip.
        """
        count, length = len(starts) - 1, float(starts[-1] - starts[0])
        if not self.per_second or not length > 0:
            return {}
        fastest = 1 / max(float(np.diff(starts).min()), SLACK)
        rate = min(self.per_second, max(fastest, SLOW))
        wanted = math.ceil(min(length * rate, 2.0 * MOST) - SLACK)
        steps = min(max(wanted, min(count, self.at_least)), MOST)
        times = starts[0] + np.arange(steps) * (1 / rate if steps == wanted else length / steps)
        shown = np.clip(np.searchsorted(starts[:-1], times + SLACK, side="right") - 1, 0, count - 1)
        indices, first = np.unique(shown, return_index=True)
        held = (tuple(map(float, one[1:])) for one in np.split(times, first[1:]))
        return {count - 1: (), **dict(zip(map(int, indices), held, strict=True))}


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


def digest_of_clip(arrays: Iterable[NDArray[Any]], rate: Fraction) -> str:
    """Return the digest of the decoded frames of a clip and of its rate, as ``px-<hex>``."""
    return digest_of_pixels(arrays, prefix=str(rate))


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
