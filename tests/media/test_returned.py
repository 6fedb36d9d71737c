from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

from continuity.errors import MediaError, UsageError
from continuity.media import Clip, Image, media_of

GREY = np.full((8, 12, 3), 90, dtype=np.uint8)


def test_pictures_become_stills_and_lists_clips(tmp_path: Path) -> None:
    Pil.fromarray(GREY).save(tmp_path / "a.png")
    for given in (GREY, Pil.fromarray(GREY), [GREY], Image.from_array(GREY), tmp_path / "a.png"):
        made = media_of(given, 24)
        assert isinstance(made, Image)
        assert np.array_equal(made.pixels, GREY)
    clip = media_of([GREY, Pil.fromarray(GREY // 2)], 12)
    assert isinstance(clip, Clip)
    assert (clip.rate, clip.frame_count) == (12, 2)


@pytest.mark.parametrize(
    "wrong", [None, [], 3, GREY * 0, [GREY * 0], GREY / 255, np.full((4, 4, 3), np.nan), GREY[..., :1], [GREY, None]]
)
def test_what_is_no_picture_is_refused(wrong: Any) -> None:
    with pytest.raises((UsageError, MediaError)):
        media_of(wrong, 24)
