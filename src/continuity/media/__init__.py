"""Pictures and clips: opened by content, decoded for measuring, saved as they came.

The measuring copy is always HxWx3 uint8 sRGB. Importing this loads neither Pillow nor PyAV.
"""

from __future__ import annotations

from continuity.media.clip import Clip, Media, middle, open_media, small
from continuity.media.files import path_of, write_atomic
from continuity.media.folder import rate_of
from continuity.media.frames import Frame, Sampling
from continuity.media.image import Image, thumbnail
from continuity.media.returned import media_of

__all__ = [
    "Clip",
    "Frame",
    "Image",
    "Media",
    "Sampling",
    "media_of",
    "middle",
    "open_media",
    "path_of",
    "rate_of",
    "small",
    "thumbnail",
    "write_atomic",
]
