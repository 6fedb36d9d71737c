"""A colour decision list: slope, offset and power of each channel, and a saturation (ASC CDL, release 1.2, 2009).

Nothing is clipped before the end, as OpenColorIO applies one (CDL_NO_CLAMP): what is below 0 keeps its value instead of
being raised to a power, and what passes 1 on the way is not lost to the saturation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from continuity.errors import UsageError

LUMA = (0.2126, 0.7152, 0.0722)  # Rec.709, as the standard has it
FARTHEST = 4.0  # a coded value that camera data may reach: what a CDL makes of it has to be a number
MOST = float(np.finfo(np.float64).max)
ROWS = 65536  # pixels worked on at once: they stay in the cache

Triple = tuple[float, float, float]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class CDL:
    """out = (in * slope + offset) ** power for each of red, green, blue, and then the saturation about Rec.709 luma."""

    slope: Triple = (1.0, 1.0, 1.0)
    offset: Triple = (0.0, 0.0, 0.0)
    power: Triple = (1.0, 1.0, 1.0)
    saturation: float = 1.0

    def __post_init__(self) -> None:
        triples = (self.slope, self.offset, self.power)
        if not all(isinstance(one, tuple) and len(one) == 3 and all(map(_finite, one)) for one in triples) or not (
            _finite(self.saturation)
        ):
            raise UsageError(f"a CDL has three finite numbers each of slope, offset and power, got {self}")
        numbers = (*self.slope, *self.offset, *self.power, self.saturation)
        if min(*self.slope, self.saturation) < 0 or min(self.power) <= 0:
            raise UsageError(f"a CDL has slopes and a saturation from 0 up and powers above 0, got {numbers}")
        with np.errstate(all="ignore"):
            ends = self.of_colours(np.array([[0.0] * 3, [1.0] * 3, [FARTHEST] * 3]))
        if not (np.abs(ends) <= np.finfo(np.float32).max).all():
            raise UsageError(f"a CDL makes finite values of those up to {FARTHEST:g}, got {numbers}")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> CDL:
        """The CDL of its plain mapping, such as the settings of an attempt in the ledger; other keys are let be.

        Raises:
            UsageError: slope, offset or power is no sequence of 3 finite numbers, the saturation is none, or they are
                no CDL.
        """
        try:
            triples = [settings[name] for name in ("slope", "offset", "power")]
            saturation = settings["saturation"]
        except (KeyError, TypeError):
            triples, saturation = [], None
        if not _finite(saturation) or not all(
            isinstance(one, list | tuple) and len(one) == 3 and all(map(_finite, one)) for one in triples
        ):
            raise UsageError(
                f"a CDL was wanted as slope, offset, power (3 numbers each) and saturation, got {settings!r}"
            )
        slope, offset, power = ((float(r), float(g), float(b)) for r, g, b in triples)
        return cls(slope=slope, offset=offset, power=power, saturation=float(saturation))

    def to_json(self) -> dict[str, Any]:
        """A plain mapping."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    def curve(self, coded: NDArray[Any]) -> NDArray[np.float64]:
        """Slope, offset and power of values (..., 3)."""
        moved = np.asarray(coded, np.float64) * self.slope + self.offset
        return np.where(moved > 0, np.maximum(moved, 0) ** self.power, moved)

    def of_colours(self, coded: NDArray[Any]) -> NDArray[np.float64]:
        """Colours (..., 3) of any floating type after the CDL, not clipped."""
        out = self.curve(coded)
        luma = (out @ np.array(LUMA))[..., None]
        return np.asarray(luma + self.saturation * (out - luma))

    def of_pixels(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """A picture (H x W x 3, uint8 or uint16) after the CDL, in its own type: computed in float32, rounded, clipped.

        Raises:
            UsageError: another type or shape.
        """
        if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise UsageError(f"a picture of uint8 or uint16, H x W x 3, was wanted, got {pixels.dtype} {pixels.shape}")
        top = int(np.iinfo(pixels.dtype).max)
        table = (self.curve(np.repeat(np.arange(top + 1)[:, None] / top, 3, axis=1)) * top + 0.5).astype(np.float32)
        flat = pixels.reshape(-1, 3)
        out = np.empty_like(flat)
        for first in range(0, len(flat), ROWS):
            piece = flat[first : first + ROWS]
            planes = [np.take(np.ascontiguousarray(table[:, c]), piece[:, c]) for c in range(3)]
            luma = sum(np.float32(share) * plane for share, plane in zip(LUMA, planes, strict=True))
            for c, plane in enumerate(planes):  # the 0.5 that rounds goes through: luma has it too
                plane -= luma
                plane *= np.float32(self.saturation)
                plane += luma
                out[first : first + ROWS, c] = np.clip(plane, 0, top, out=plane)
        return out.reshape(pixels.shape)


def _finite(value: Any) -> TypeGuard[float]:
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return number and bool(-MOST <= value <= MOST)  # NaN is in no interval
