"""Media from what rendering code returns."""

from __future__ import annotations

import os
import sys
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from continuity.errors import UsageError
from continuity.media.clip import Clip, Media, open_media
from continuity.media.image import Image

WANTED = "a path, an Image or Clip, an H x W x 3 uint8 array, a PIL image, or a list of such pictures"


def media_of(result: object, rate: Fraction | float) -> Media:
    """Make media of what rendering code returned: a clip of a list of several pictures, else a still.

    Args:
        result: a path, an Image or Clip, an H x W x 3 uint8 sRGB array, a PIL image, or a list of such pictures.
        rate: frames a second of a clip that comes as a list.

    Raises:
        UsageError: it is none of these, has values that are no numbers, or is black all over, as pipelines return what
            they refuse or what overflowed.
        MediaError: a file cannot be read, or arrays have another shape or type.
    """
    if isinstance(result, str | os.PathLike):
        result = open_media(result)
    if isinstance(result, list | tuple):
        frames = [_pixels(one, f"frame {k}") for k, one in enumerate(result)]
        if not frames:
            raise UsageError(f"it returned an empty list; wanted was {WANTED}")
        if not any(frame.any() for frame in frames):
            raise UsageError("every frame is black all over")
        return Image.from_array(frames[0]) if len(frames) == 1 else Clip.from_arrays(frames, rate)
    if isinstance(result, Clip):
        next(result.frames())  # opened by its header alone so far: damage at the start shows now
        return result
    media = result if isinstance(result, Image) else Image.from_array(_pixels(result, "the picture"))
    if not media.pixels.any():
        raise UsageError("the picture is black all over")
    return media


def _pixels(result: object, what: str) -> NDArray[np.uint8]:
    """The pixels of one picture, or a sentence on what it is instead."""
    if isinstance(result, Image):
        return result.pixels
    if _is_pillow(result):
        return np.asarray(result.convert("RGB"))  # type: ignore[attr-defined]
    if not isinstance(result, np.ndarray):
        raise UsageError(f"{what} is {type(result).__name__}; wanted was {WANTED}")
    if np.issubdtype(result.dtype, np.floating) and not np.isfinite(result).all():
        raise UsageError(
            f"{what} has values that are no numbers (NaN or infinite), as an overflow in half precision leaves them"
        )
    return result  # type and shape are checked, with a sentence, where media are made


def _is_pillow(result: object) -> bool:
    """Told without importing Pillow: who returns one has imported it."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(result, pillow.Image)
