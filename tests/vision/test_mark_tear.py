"""A changed letter tears, light and a plate of the ink's own colour do not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageDraw, ImageFilter, ImageFont

from continuity.vision.colour import lab_of
from continuity.vision.mark_light import carried, drawn
from continuity.vision.mark_tear import torn

SIZE = 120


def word(text: str) -> np.ndarray:
    """Premultiplied RGBA in [0, 1] in a patch of 60 x 140."""
    picture = Pil.new("RGBA", (1120, 480), (0, 0, 0, 0))
    draw, x = ImageDraw.Draw(picture), 90
    for letter in text:  # each in a cell of its own
        draw.text((x + 110, 240), letter, font=ImageFont.load_default(280), fill=(20, 60, 160, 255), anchor="mm")
        x += 235
    return np.asarray(picture.convert("RGBa").resize((140, 60), Pil.Resampling.BOX), np.float32) / 255


def tear(seen: np.ndarray, art: np.ndarray) -> float:
    patch = lab_of(seen.astype(np.float32))
    return torn(drawn(carried(art, SIZE), art[..., 3], patch, SIZE, 1.0), patch, art[..., 3], SIZE, 80.0)


def over(art: np.ndarray, plate: np.ndarray) -> np.ndarray:
    return np.asarray(art[..., :3] + plate * (1 - art[..., 3:]), np.float32)


def plate_of(level: tuple[float, float, float], grain: float = 0.0) -> np.ndarray:
    rough = np.random.default_rng(4).normal(0, grain, (60, 140, 1)) if grain else 0.0
    return np.asarray(np.clip(np.full((60, 140, 3), level) + rough, 0, 1), np.float32)


def test_a_changed_letter_tears_and_what_is_the_same_does_not() -> None:
    art, other = word("NOVA"), word("NOXA")
    for plate in (plate_of((0.9, 0.88, 0.8)), plate_of((0.8, 0.7, 0.5), 0.05)):
        same, changed = tear(over(art, plate), art), tear(over(other, plate), art)
        assert same < 0.07
        assert changed > 0.25


def test_light_and_softness_do_not_tear() -> None:
    art, plate = word("NOVA"), plate_of((0.9, 0.88, 0.8))
    frame = over(art, plate)
    soft = np.asarray(Pil.fromarray((frame * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.0)), np.float32)
    assert tear(frame * np.array([0.8, 0.78, 0.72], np.float32), art) < 0.07
    assert tear(soft / 255, art) < 0.1


def test_ink_on_a_plate_of_its_own_colour_is_not_torn() -> None:
    art = word("NOVA")
    plate = plate_of((0.9, 0.88, 0.8))
    plate[:, :50] = np.array((20, 60, 160), np.float32) / 255  # the first letter is not to be seen
    assert tear(over(art, plate), art) < 0.15


def coded(frame: np.ndarray, quality: int) -> np.ndarray:
    stored = io.BytesIO()
    Pil.fromarray((frame * 255).round().astype(np.uint8)).save(stored, "JPEG", quality=quality)
    return np.asarray(Pil.open(stored).convert("RGB"), np.float32) / 255


@pytest.mark.parametrize(("text", "other"), [("Sensux", "Nensux"), ("BRISKA", "BRISKH")])
def test_one_of_six_letters_of_eleven_pixels_tears_on_a_plate_that_is_not_far_off(text: str, other: str) -> None:
    """Half of the ink of the one letter is that of the other: contrast alone says little."""
    art, changed = (small(one) for one in (text, other))
    plate = np.full((24, 70, 3), (0.55, 0.5, 0.45), np.float32)
    there = [lab_of(coded(over(one, plate), 75)) for one in (art, changed)]
    same, torn_out = (torn(drawn(carried(art, 60), art[..., 3], p, 60, 1.0), p, art[..., 3], 60, 33.0) for p in there)
    assert same < 0.04
    assert torn_out > 0.15  # it was .10 while contrast had half of the say


def small(text: str) -> np.ndarray:
    """Premultiplied RGBA in [0, 1] in a patch of 24 x 70."""
    picture = Pil.new("RGBA", (1400, 480), (0, 0, 0, 0))
    draw, x = ImageDraw.Draw(picture), 110
    for letter in text:
        draw.text((x + 95, 240), letter, font=ImageFont.load_default(260), fill=(60, 70, 90, 255), anchor="mm")
        x += 195
    return np.asarray(picture.convert("RGBa").resize((70, 24), Pil.Resampling.BOX), np.float32) / 255
