"""How far two renders of one recipe are apart: pixel by pixel, or as far as a thumbnail can show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from continuity.media import Clip, Frame, Image, Media, Sampling, thumbnail

BLOCK = 16  # pixels: what JPEG with halved colour codes as one
# What coding alone adds to the mean of a block, in 8-bit steps: at most 1.8 over 8 pictures in 6 sizes, photographs and
# noise, changed by 1 to 8 steps evenly or at random (384 pairs).
CODING = 2.0
ROUNDING = 0.0015  # seconds: Matroska rounds the times of the first and the last frame to milliseconds


class Against(StrEnum):
    """What of the recorded render was there to compare with, the strongest evidence first."""

    DIGEST = "digest"  # equal digests: equal pixels or equal files
    MEDIA = "media"
    THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelDifference:
    """How far the replayed picture is from the recorded one.

    ``largest`` is in 8-bit steps: of single values where media were compared, of the means of 16 x 16 blocks where only
    a thumbnail was (JPEG changes single values by tens of steps); None where the two cannot be laid over each other,
    and ``note`` says why. ``share`` is that of the pixels that differ at all, ``frame`` the index of the worst one;
    a thumbnail tells neither.
    """

    against: Against
    largest: float | None
    share: float | None = None
    frame: int | None = None
    note: str = ""

    @property
    def equal(self) -> bool:
        """Whether every pixel is known to be equal."""
        return self.largest == 0 and self.against is not Against.THUMBNAIL

    def within(self, tolerance: float) -> bool:
        """Whether nothing differs by more than ``tolerance`` 8-bit steps, as far as the evidence shows."""
        allowed = tolerance + (CODING if self.against is Against.THUMBNAIL else 0.0)
        return self.largest is not None and self.largest <= allowed


def media_difference(recorded: Media, replayed: Media) -> PixelDifference:
    """Compares every pixel of every frame, one frame in memory at a time.

    Raises:
        MediaError: one of them cannot be decoded.
    """
    then, now = _form(recorded), _form(replayed)
    if then != now or not _same_rate(recorded, replayed):
        return PixelDifference(
            against=Against.MEDIA, largest=None, note=f"recorded {_said(recorded)}, now {_said(replayed)}"
        )
    largest, worst, differing, pixels = 0, 0, 0, 0
    for one, other in zip(every_frame(recorded), every_frame(replayed), strict=True):
        if one.pixels.shape != other.pixels.shape:
            note = f"frame {one.index} has another size: {one.pixels.shape[:2]} recorded, {other.pixels.shape[:2]} now"
            return PixelDifference(against=Against.MEDIA, largest=None, note=note)
        steps = np.maximum(one.pixels, other.pixels) - np.minimum(one.pixels, other.pixels)
        found = int(steps.max())
        if found > largest:
            largest, worst = found, one.index
        differing += int(np.count_nonzero(steps.any(axis=2)))
        pixels += steps.shape[0] * steps.shape[1]
    return PixelDifference(against=Against.MEDIA, largest=float(largest), share=differing / pixels, frame=worst)


def thumbnail_difference(recorded: Media, replayed: Media) -> PixelDifference:
    """Compares a stored thumbnail with one made of the replayed media in the same way, block by block.

    Raises:
        MediaError: one of them cannot be decoded.
    """
    then, now = next(every_frame(recorded)).pixels, made_thumbnail(replayed)
    if then.shape != now.shape:
        sizes = [f"{shape[1]} x {shape[0]}" for shape in (then.shape, now.shape)]
        return PixelDifference(
            against=Against.THUMBNAIL, largest=None, note=f"the thumbnail was {sizes[0]}, now it is {sizes[1]}"
        )
    largest = float(np.abs(_blocks(then) - _blocks(now)).max())
    return PixelDifference(against=Against.THUMBNAIL, largest=round(largest, 3))


def made_thumbnail(media: Media) -> NDArray[np.uint8]:
    """The thumbnail that a media store makes of the media, decoded: h x w x 3 uint8 sRGB."""
    from PIL import Image as Pillow

    frames = list(islice(media.frames(Sampling(per_second=0, at_least=3)), 2))  # of a clip, the middle one
    return np.asarray(Pillow.open(BytesIO(thumbnail(frames[-1].pixels))).convert("RGB"))


def every_frame(media: Media) -> Iterator[Frame]:
    """All frames, not a sample."""
    return media.frames(Sampling(per_second=0, at_least=media.frame_count))


def _blocks(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Means of 16 x 16 blocks; those at the right and lower edge have 8 to 23 pixels, or all that there are."""
    rows, columns = (np.arange(0, max(side - BLOCK // 2, 0) + 1, BLOCK) for side in pixels.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(pixels.astype(np.float64), rows, axis=0), columns, axis=1)
    heights, widths = (np.diff(np.append(s, e)) for s, e in zip((rows, columns), pixels.shape[:2], strict=True))
    return np.asarray(sums / (heights[:, None, None] * widths[None, :, None]))


def _form(media: Media) -> tuple[bool, int, tuple[int, int]]:
    return isinstance(media, Clip), media.frame_count, media.size


def _same_rate(one: Media, other: Media) -> bool:
    if not (isinstance(one, Clip) and isinstance(other, Clip)):
        return True
    return abs((one.frame_count - 1) * float(1 / one.rate - 1 / other.rate)) <= ROUNDING


def _said(media: Media) -> str:
    size = "{} x {}".format(*media.size)
    if isinstance(media, Image):
        return f"a picture of {size}"
    return f"{media.frame_count} frames of {size}, {float(media.rate):g} a second"
