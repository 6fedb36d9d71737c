"""From the colours of an ICC profile to sRGB."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}  # Pillow's mode -> ICC colour space


def to_srgb(picture: PilImage, profile: bytes | None) -> tuple[PilImage, tuple[str, ...]]:
    """Convert a picture of mode L, RGB or CMYK to RGB in sRGB, and say what was assumed.

    Relative colorimetric intent with black point compensation: colours inside sRGB arrive exactly, colours outside are
    clipped, and nothing else moves. The perceptual intent would move all of them, each profile maker by another amount.
    A picture without a profile is read as sRGB, CMYK by R = (1 - C)(1 - K).
    """
    if profile:
        transform, fault = _transform(profile, picture.mode)
        if transform is not None:
            converted = transform.apply(picture)
            return converted, ()
        if fault is None:
            return picture.convert("RGB"), ()
        fallback = "CMYK is converted without a profile" if picture.mode == "CMYK" else "read as sRGB"
        return picture.convert("RGB"), (f"ICC profile not used ({fault}): {fallback}",)
    if picture.mode == "CMYK":
        return picture.convert("RGB"), ("CMYK without an ICC profile: converted by (1 - C)(1 - K)",)
    return picture.convert("RGB"), ()


def needs_no_profile(profile: bytes | None, mode: str) -> bool:
    """Whether the colours of a picture of that mode are sRGB as they are."""
    return not profile or _transform(profile, mode) == (None, None)


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> tuple[Any, str | None]:
    """Return (transform, None), (None, None) for a profile that is sRGB in effect, or (None, why it cannot be used)."""
    from PIL import Image, ImageCms

    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space != _SPACES[mode]:
            return None, f"it is for {space}, the picture is {_SPACES[mode]}"
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE  # the cache is not safe between threads
        if mode == "L":
            flags |= ImageCms.Flags.NOOPTIMIZE  # optimised grey curves are off by up to 10/255 in the shadows
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags,
        )
        if mode == "CMYK":
            return transform, None
        # sRGB goes by many names and byte strings: what counts is whether it moves a lattice of colours at all.
        steps = np.linspace(0, 255, 9).round().astype(np.uint8)
        lattice = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
        before = Image.fromarray(lattice if mode == "RGB" else steps[None])
        after = transform.apply(before)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, KeyError) as error:
        return None, str(error).splitlines()[0] if str(error) else type(error).__name__
    moved = np.abs(np.asarray(after, dtype=np.int16) - np.asarray(before.convert("RGB"), dtype=np.int16)).max()
    return (None, None) if moved <= 1 else (transform, None)
