"""Two metrics for the presenter, as a studio would write its own: the tie's colour, and the mark in the corner.

Both measure against the enrolled pictures of the look, in places given as shares of the frame, so frames of any size
from 32 px up are measured; both work on previews, which for a pixel-space pipeline are whole pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import continuity as ct
from continuity import joining
from continuity.errors import EnrolmentError
from continuity.identity import Identity
from continuity.interfaces import Backends, Observed
from continuity.records import Box, Expect, FrameMeasurement, Instrument, Measurement, Rectangle, Status
from continuity.vision.colour import reduced_lab

Floats = NDArray[np.float32]
Place = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the frame

SIDE = 64  # px that a place of the whole frame would have when it is measured
SMALLEST = 32  # px of the shorter side
FLAT = 3.0  # Lab, standard deviation: a frame that spreads less shows nothing
TIE: Place = (0.34, 0.80, 0.66, 1.0)
COLOURFUL = 16.0  # Lab chroma above which cloth is no suit and no shirt
LEAST_CLOTH = 0.06  # share of the place
MARK: Place = (0.078, 0.078, 0.266, 0.266)
REACH = 2  # px that the mark may be moved


@dataclass(frozen=True, slots=True)
class TieColour:
    """Distance of the tie's colour from the nearest enrolled picture's: Euclidean in a* and b* of CIELAB.

    The tie is the colourful cloth in the lower middle of the frame, its colour the median of those pixels. Lightness is
    left out: it follows the light. 0 is an enrolled picture; range 0 to about 200. Not measurable: a frame under 32 px
    or of one colour, or no colourful cloth there, as when the tie is hidden, grey or washed out.

    Args:
        expect: what the shot expects of the tie.
    """

    key: ClassVar[str] = "tie"
    unit: ClassVar[str] = "Lab a*b*"
    cost: ClassVar[float] = 3.0
    previewable: ClassVar[bool] = True

    expect: Expect = Expect.REQUIRED

    def instrument(self, backends: Backends) -> Instrument:
        """Colours alone: no model."""
        return Instrument(metric=type(self).__name__, version=1, join=joining.RULE)

    def ready(self, identity: Identity, backends: Backends) -> None:
        """Raises EnrolmentError where no enrolled picture of the look shows a tie."""
        _ties(identity)

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Measures one frame.

        Raises:
            EnrolmentError: no enrolled picture of the look shows a tie.
        """
        known = _ties(identity)
        if why := _unreadable(seen):
            return _blind(seen, TIE, "tie", why)
        found = _tie(_place(seen.lab, TIE))
        if found is None:
            return _blind(seen, TIE, "tie", "there is no colourful cloth where the tie is: hidden, grey or washed out")
        apart = np.linalg.norm(known - found, axis=1)
        nearest = known[int(apart.argmin())]
        return FrameMeasurement(
            status=Status.MEASURED,
            value=float(apart.min()),
            evidence={
                "found": [round(float(one), 2) for one in found],
                "nearest": [round(float(one), 2) for one in nearest],
            },
            shapes=(_drawn(seen, TIE, "tie"),),
            index=seen.index,
            seconds=seen.seconds,
        )

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """The upper 95 % quantile of the frames."""
        return joining.quantile(self, frames)


@dataclass(frozen=True, slots=True)
class MarkDrift:
    """Difference of the mark in the upper left corner from the nearest enrolled picture's: root mean square dE (1976).

    The mark may be moved by 2 of 64 pixels, and be as much lighter or redder all over as the light makes it: the mean
    difference is taken off, but for what exceeds 12 dE. 0 is an enrolled picture; range 0 to about 100. Not measurable:
    a frame under 32 px, or one colour in the whole corner.

    Args:
        expect: what the shot expects of the mark.
    """

    key: ClassVar[str] = "mark"
    unit: ClassVar[str] = "Lab"
    cost: ClassVar[float] = 4.0
    previewable: ClassVar[bool] = True
    light: ClassVar[float] = 12.0

    expect: Expect = Expect.REQUIRED

    def instrument(self, backends: Backends) -> Instrument:
        """Pixels alone: no model."""
        return Instrument(metric=type(self).__name__, version=1, join=joining.RULE)

    def ready(self, identity: Identity, backends: Backends) -> None:
        """Raises EnrolmentError where no picture of the look is enrolled."""
        _marks(identity)

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Measures one frame.

        Raises:
            EnrolmentError: no picture of the look is enrolled.
        """
        known = _marks(identity)
        if why := _unreadable(seen):
            return _blind(seen, MARK, "mark", why)
        wide = _place(seen.lab, MARK, REACH)
        height, width = known.shape[1:3]
        moves = [(y, x) for y in range(2 * REACH + 1) for x in range(2 * REACH + 1)]
        found = np.stack([_apart(known, wide[y : y + height, x : x + width], self.light) for y, x in moves])
        move, nearest = np.unravel_index(int(found.argmin()), found.shape)
        return FrameMeasurement(
            status=Status.MEASURED,
            value=float(found[move, nearest]),
            evidence={"moved": [moves[int(move)][1] - REACH, moves[int(move)][0] - REACH], "reference": int(nearest)},
            shapes=(_drawn(seen, MARK, "mark"),),
            index=seen.index,
            seconds=seen.seconds,
        )

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """The upper 95 % quantile of the frames."""
        return joining.quantile(self, frames)


def _apart(known: Floats, found: Floats, light: float) -> Floats:
    """Root mean square colour difference to n pictures, less what a change of the light may have made of it."""
    difference = found - known
    shift = difference.mean(axis=(1, 2), keepdims=True)
    size = np.linalg.norm(shift, axis=-1, keepdims=True)
    allowed = shift * np.minimum(1, light / np.maximum(size, 1e-6))
    squared = np.square(difference - allowed).sum(axis=-1)
    apart: Floats = np.sqrt(squared.mean(axis=(1, 2)))
    return apart


def _tie(lab: Floats) -> Floats | None:
    """Median a* and b* of the colourful pixels, or None where there are hardly any."""
    chroma = np.linalg.norm(lab[..., 1:], axis=-1)
    cloth = lab[chroma > COLOURFUL][:, 1:]
    return None if len(cloth) < LEAST_CLOTH * chroma.size else np.asarray(np.median(cloth, axis=0), np.float32)


def _place(lab: Floats, place: Place, margin: int = 0) -> Floats:
    """A place of a frame at the resolution at which places are compared, with so many pixels about it."""
    whole = lab
    if lab.shape[:2] != (SIDE, SIDE):
        layers = [Image.fromarray(np.ascontiguousarray(lab[..., c])).resize((SIDE, SIDE)) for c in range(3)]
        whole = np.stack([np.asarray(layer, np.float32) for layer in layers], axis=-1)
    left, top, right, bottom = (round(one * SIDE) for one in place)
    return whole[top - margin : bottom + margin, left - margin : right + margin]


def _unreadable(seen: Observed) -> str:
    height, width = seen.pixels.shape[:2]
    if min(height, width) < SMALLEST:
        return f"at least {SMALLEST} px were wanted, the frame has {width} x {height}"
    flat = float(seen.lab.std(axis=(0, 1)).max()) < FLAT
    return "the frame is of one colour, such as a fade to black: nothing can be read from it" if flat else ""


def _blind(seen: Observed, place: Place, label: str, why: str) -> FrameMeasurement:
    return FrameMeasurement(
        status=Status.NOT_MEASURABLE,
        note=why,
        shapes=(_drawn(seen, place, label),),
        index=seen.index,
        seconds=seen.seconds,
    )


def _drawn(seen: Observed, place: Place, label: str) -> Rectangle:
    height, width = seen.pixels.shape[:2]
    left, top, right, bottom = place
    return Rectangle(label=label, box=Box(left * width, top * height, right * width, bottom * height))


def _ties(identity: Identity) -> Floats:
    found = [tie for tie in (_tie(_place(lab, TIE)) for lab in _references(identity)) if tie is not None]
    if not found:
        raise EnrolmentError(f"a picture of the look that shows a tie was wanted, identity {identity.name!r} has none")
    return np.stack(found)


def _marks(identity: Identity) -> Floats:
    return np.stack([_place(lab, MARK) for lab in _references(identity)])


def _references(identity: Identity) -> tuple[Floats, ...]:
    files = [identity.reference_file(r) for e in identity.enrolled if e.kind == "look" for r in e.references]
    if not files:
        raise EnrolmentError(f"pictures of the look were wanted, identity {identity.name!r} has none: enrol some")
    return _opened(tuple(map(str, files)))


@lru_cache(maxsize=8)
def _opened(files: tuple[str, ...]) -> tuple[Floats, ...]:
    """Files of an identity are named by their digest: the same name is the same picture."""
    return tuple(reduced_lab(next(iter(ct.open_media(file).frames())).pixels) for file in files)
