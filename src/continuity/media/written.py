"""What a repair can write: sRGB of 8 or 16 bits without alpha."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.media.clip import Clip, Media
from continuity.media.frames import TRANSPARENT
from continuity.media.image import Image
from continuity.media.spaces import READ_AS

DEEP = "16 bits a channel"  # said anew of what is written in 16 bits


def lost(media: Media) -> str:
    """What a repaired copy of the media would lose, as a sentence that declines it; empty where it loses nothing.

    Of a clip, transparent parts are known of once its frames were read.
    """
    if any(note.startswith(READ_AS) for note in media.notes):
        return (
            "its colours are scene-linear or of another space than sRGB, and a repair writes sRGB: repair it upstream"
        )
    if TRANSPARENT in media.notes:
        return "it has transparent parts, and a repair writes none: repair it before it is cut out"
    if isinstance(media, Clip) and media.varies:
        return "its frames do not stand equally long, and a repair writes an even rate: bring it to an even rate first"
    return ""


def still_of(pixels: NDArray[Any], source: Image) -> Image:
    """A repaired still: H x W x 3 sRGB, uint8 or uint16, with the notes of the still that it was made of."""
    if pixels.dtype == np.uint16:
        return Image.from_deep(pixels, notes=tuple(note for note in source.notes if not note.startswith(DEEP)))
    return Image.from_array(pixels, notes=source.notes)
