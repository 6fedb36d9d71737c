"""How far two pictures are apart, and how little a thumbnail can say of it."""

from __future__ import annotations

import numpy as np
import pytest

import continuity as ct
from continuity.media import thumbnail
from continuity.replaying.comparing import CODING, made_thumbnail, media_difference, thumbnail_difference


def shifted(pixels: np.ndarray, by: int, seed: int | None) -> np.ndarray:
    """All values moved by ``by``, or each at random by up to that."""
    moved = by if seed is None else np.random.default_rng(seed).integers(-by, by + 1, pixels.shape)
    return np.clip(pixels.astype(int) + moved, 0, 255).astype(np.uint8)


def through_a_thumbnail(one: np.ndarray, other: np.ndarray, tmp_path_of: ct.Image | None = None) -> float:
    stored = made_thumbnail(ct.Image.from_array(one))
    found = thumbnail_difference(_AsStored(stored), ct.Image.from_array(other))
    assert found.largest is not None
    return found.largest


class _AsStored(ct.Image):
    """A decoded thumbnail as the media store opens it."""

    def __init__(self, pixels: np.ndarray) -> None:
        super().__init__(None, pixels)


@pytest.mark.parametrize("by", [1, 2, 4])
@pytest.mark.parametrize("seed", [None, 5])
def test_replay_thumbnails_of_close_pictures_differ_by_little_more(
    by: int, seed: int | None, astronaut: np.ndarray
) -> None:
    """Coding adds no more than its allowance: pictures that the allowance was not read from."""
    from skimage import data

    for picture in (data.cat(), astronaut[100:300, 50:350], np.ascontiguousarray(data.immunohistochemistry())):
        assert through_a_thumbnail(picture, shifted(picture, by, seed)) <= by + CODING


def test_replay_thumbnails_of_another_picture_differ_by_more(astronaut: np.ndarray) -> None:
    patched = astronaut.copy()
    patched[200:264, 200:264] = (200, 0, 0)
    assert through_a_thumbnail(astronaut, patched) > 2 + CODING
    assert through_a_thumbnail(astronaut, shifted(astronaut, 12, None)) > 2 + CODING
    assert through_a_thumbnail(astronaut, astronaut) == 0


def test_replay_compares_with_a_stored_thumbnail_as_it_is_decoded(tmp_path: object, astronaut: np.ndarray) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "thumbnail.jpg"
    path.write_bytes(thumbnail(astronaut))
    np.testing.assert_array_equal(ct.Image.open(path).pixels, made_thumbnail(ct.Image.from_array(astronaut)))


@pytest.mark.parametrize("shape", [(1, 1), (15, 17), (16, 16), (40, 31)])
def test_replay_compares_pictures_of_any_size(shape: tuple[int, int]) -> None:
    one = np.random.default_rng(1).integers(0, 200, (*shape, 3)).astype(np.uint8)
    other = one.copy()
    other[-1, -1] += 50
    found = media_difference(ct.Image.from_array(one), ct.Image.from_array(other))
    assert (found.largest, found.share, found.frame) == (50, 1 / (shape[0] * shape[1]), 0)
    assert through_a_thumbnail(one, one) == 0


def test_replay_sees_a_small_difference_across_the_middle_of_the_scale() -> None:
    """Values are unsigned: 0 against 255 is 255, not 1."""
    black, white = (ct.Image.from_array(np.full((4, 4, 3), level, dtype=np.uint8)) for level in (0, 255))
    for pair in ((black, white), (white, black)):
        assert media_difference(*pair).largest == 255


@pytest.mark.parametrize("rate", [24, 23.976, 30, 120])
@pytest.mark.parametrize("count", [2, 3, 17])
def test_replay_takes_no_rounded_rate_for_another_one(rate: float, count: int, tmp_path: object) -> None:
    from pathlib import Path

    clip = ct.Clip.from_arrays([np.full((16, 16, 3), k, dtype=np.uint8) for k in range(count)], rate)
    clip.save(path := Path(str(tmp_path)) / "clip.mkv")
    assert media_difference(ct.open_media(path), clip).largest == 0
