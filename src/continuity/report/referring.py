"""What an identity was enrolled from, as pixels to look at."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from continuity.enrolment import svg
from continuity.identity import Identity, Reference
from continuity.media import middle, open_media

SIDE = 1024  # px of the longer side of drawn artwork
PAPER = (160, 160, 160, 255)  # behind artwork, which may be white or black


def pixels_of(identity: Identity, reference: Reference) -> NDArray[np.uint8]:
    """A reference, or the middle frame of a clip, as H x W x 3 uint8 sRGB; artwork in SVG is drawn, on grey.

    Raises:
        ContinuityError, OSError: it cannot be read or drawn.
    """
    file = identity.reference_file(reference)
    if file.suffix != ".svg":
        return middle(open_media(file, colorspace=reference.colorspace or None)).pixels
    from PIL import Image

    with Image.open(BytesIO(svg.drawn(file.read_bytes(), file, SIDE)), formats=("PNG",)) as opened:
        drawn = opened.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", drawn.size, PAPER), drawn).convert("RGB"))
