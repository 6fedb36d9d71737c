"""Recorded, replayed, and the difference many times over, side by side: people would rather look than read."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from continuity.media import Image
from continuity.replaying.comparing import Against, every_frame, made_thumbnail
from continuity.replaying.records import Replay
from continuity.report import ink

Pixels = NDArray[np.uint8]

GAINS = (32, 16, 8, 4, 2, 1)
GAP, CAPTION, SIZE = 8, 28, 15  # pixels


def difference_picture(replay: Replay) -> Image | None:
    """The recorded picture, the replayed one and their difference times N; of a clip, the frame that differs most.

    N is the largest power of two up to 32 that cuts no difference off. Where only a thumbnail is stored, both are
    thumbnails. None where there is no recorded picture, where nothing differs, or where the sizes do.

    Raises:
        MediaError: one of them cannot be decoded.
    """
    compared = replay.pixels
    if compared is None or not compared.largest or replay.recorded is None or replay.media is None:
        return None
    number = compared.frame or 0
    then = next(islice(every_frame(replay.recorded), number, None)).pixels
    if compared.against is Against.THUMBNAIL:
        now = made_thumbnail(replay.media)
    else:
        now = next(islice(every_frame(replay.media), number, None)).pixels
    steps = np.maximum(then, now) - np.minimum(then, now)
    gain = next(g for g in GAINS if int(steps.max()) * g <= 255)
    of = f", frame {number}" if replay.recorded.frame_count > 1 else ""
    return _side_by_side({f"recorded{of}": then, f"replayed{of}": now, f"difference x {gain}": steps * np.uint8(gain)})


def _side_by_side(panels: Mapping[str, Pixels]) -> Image:
    from PIL import Image as Pillow
    from PIL import ImageDraw

    height, width = next(iter(panels.values())).shape[:2]
    sheet = Pillow.new("RGB", (len(panels) * (width + GAP) + GAP, height + CAPTION + GAP), ink.PAPER)
    pencil = ImageDraw.Draw(sheet)
    for place, (caption, pixels) in enumerate(panels.items()):
        left = GAP + place * (width + GAP)
        sheet.paste(Pillow.fromarray(pixels), (left, CAPTION))
        ink.put(pencil, (left, CAPTION - GAP), caption, SIZE, ink.TEXT, width)
    return Image.from_array(np.asarray(sheet))
