"""The pose to a fraction of a pixel, on a restless plate and for thin strokes."""

from __future__ import annotations

import numpy as np
import pytest
from laid_marks import drawn, pose_of
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from continuity.vision.mark_pose import Found
from continuity.vision.mark_register import registered
from continuity.vision.marks import Mark, Pyramid, corners


@pytest.fixture(scope="module")
def word() -> Mark:
    picture = Pil.new("RGBA", (512, 170), (0, 0, 0, 0))
    ImageDraw.Draw(picture).text(
        (256, 85), "Lumen", font=ImageFont.load_default(150), fill=(20, 80, 180, 255), anchor="mm"
    )
    return Mark(np.asarray(picture, np.float32))


@pytest.mark.parametrize("long", [48, 90, 260])
@pytest.mark.parametrize("off", [(0.015, -0.01, 1.02, 0.5), (-0.01, 0.015, 0.98, -1.0)])
def test_a_pose_that_is_off_by_a_few_pixels_is_mended(
    astronaut: np.ndarray, word: Mark, long: float, off: tuple[float, float, float, float]
) -> None:
    true = pose_of(250, 300, long, 6)
    start = pose_of(250 + off[0] * long, 300 + off[1] * long, long * off[2], 6 + off[3])
    found = registered(Pyramid(drawn(astronaut, word, true)), word, Found(start, 0.5, fine=True))
    away = np.abs(corners(word, found.pose) - corners(word, true)).max()
    assert away < max(0.6, 0.008 * long)
    assert away < 0.5 * np.abs(corners(word, start) - corners(word, true)).max()
    assert (found.correlation, found.fine) == (0.5, True)


def test_where_nothing_is_a_pose_stays_near_and_finite(word: Mark) -> None:
    start = pose_of(60, 60, 70, 0)
    noise = np.random.default_rng(1).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    for frame in (noise, np.zeros((120, 120, 3), np.uint8), np.full((120, 120, 3), 255, np.uint8)):
        pose = registered(Pyramid(frame), word, Found(start, 0.2)).pose
        assert np.isfinite(pose).all()
        assert 0.5 < np.sqrt(np.linalg.det(pose[:2, :2]) / np.linalg.det(start[:2, :2])) < 2


@pytest.mark.parametrize("level", [0, 255])
def test_ink_of_the_colour_of_an_even_frame_moves_nothing(level: int) -> None:
    """A fade to black and black artwork: nothing stands out, and no step can be solved for."""
    picture = Pil.new("RGBA", (512, 170), (0, 0, 0, 0))
    ink = (level, level, level, 255)
    ImageDraw.Draw(picture).text((256, 85), "Lumen", font=ImageFont.load_default(150), fill=ink, anchor="mm")
    start = pose_of(60, 60, 70, 0)
    frame = np.full((120, 120, 3), level, np.uint8)
    found = registered(Pyramid(frame), Mark(np.asarray(picture, np.float32)), Found(start, 0.2))
    assert np.allclose(found.pose, start, atol=1e-3)
