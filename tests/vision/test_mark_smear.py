"""A smeared mark is found to a fraction of a pixel and drawn sharp there; what is no smear of it is left alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from continuity.vision.edges import premultiplied
from continuity.vision.homography import Matrix, of_points
from continuity.vision.mark_smear import unsmeared
from continuity.vision.marks import Mark, corners

Floats = NDArray[np.float32]
LAYOUT = (60.0, 50.0, 80.0)  # left, top, width in px


@pytest.fixture(scope="module")
def mark() -> Mark:
    drawn = Image.new("RGBA", (160, 80))
    pen = ImageDraw.Draw(drawn)
    pen.rounded_rectangle((0, 0, 159, 79), 16, fill=(20, 40, 120, 255))
    pen.ellipse((10, 14, 62, 66), fill=(250, 190, 30, 255))
    pen.rectangle((80, 20, 140, 30), fill="white")
    pen.rectangle((80, 48, 120, 58), fill="white")
    return Mark(np.asarray(drawn, np.float32))


@pytest.fixture(scope="module")
def plate() -> Floats:
    noise = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(160, 220, 3)), (14, 14, 0))
    return np.asarray(np.clip(0.55 + 0.05 * noise / noise.std(), 0, 1), np.float32)


def pose_at(mark: Mark, left: float, top: float, wide: float) -> Matrix:
    right, bottom = left + wide, top + wide * mark.half[1] / mark.half[0]
    return of_points(corners(mark, np.eye(3)), np.array([[left, top], [right, top], [right, bottom], [left, bottom]]))


def drawn(plate: Floats, mark: Mark, place: tuple[float, float, float]) -> Floats:
    art = premultiplied(mark.rgba, pose_at(mark, *place), plate.shape[:2])
    return np.asarray(plate * (1 - art[..., 3:]) + art[..., :3], np.float32)


def smeared(picture: Floats, angle: float, reach: float) -> Floats:
    """The part around the mark alone, by moved copies of it: not as the search does it."""
    part = picture[42:98, 50:152]
    moves = [(math.sin(angle) * far, math.cos(angle) * far, 0) for far in np.linspace(-reach, reach, 13)]
    out = picture.copy()
    out[42:98, 50:152] = np.mean([ndimage.shift(part, move, order=1, mode="nearest") for move in moves], axis=0)
    return out


@pytest.mark.parametrize(("angle", "reach"), [(0.5, 9.0), pytest.param(2.2, 12.0, marks=pytest.mark.slow)])
def test_a_smeared_mark_is_drawn_sharp_where_it_was(mark: Mark, plate: Floats, angle: float, reach: float) -> None:
    place = (61.7, 48.6, 82.0)  # not where the layout has it
    true = drawn(plate, mark, place)
    made = unsmeared(smeared(true, angle, reach), mark, pose_at(mark, *LAYOUT))
    assert made is not None
    inside = slice(49, 89), slice(62, 143)
    off = float(np.abs(made - true)[inside].mean())
    beside = drawn(plate, mark, (place[0] + 1, place[1], place[2]))  # a pixel from its place
    assert off < float(np.abs(beside - true)[inside].mean())
    assert np.abs(made - true)[110:].max() == 0  # far from it nothing is touched


def test_what_is_no_smear_of_it_is_left(mark: Mark, plate: Floats) -> None:
    pose = pose_at(mark, *LAYOUT)
    other = mark.rgba.copy()
    y, x = np.mgrid[0:80, 0:160]
    other[..., :3] = np.where((np.sin(x / 9 + y / 5) > 0)[..., None], (200, 60, 60), (40, 160, 90))
    assert unsmeared(drawn(plate, Mark(other), LAYOUT), mark, pose) is None
    assert unsmeared(drawn(plate, mark, LAYOUT), mark, pose) is None  # sharp as it is
    assert unsmeared(plate, mark, pose) is None
    assert unsmeared(np.full_like(plate, 0.5), mark, pose) is None  # one colour


def test_a_place_at_the_edge_of_the_picture_is_no_error(mark: Mark, plate: Floats) -> None:
    assert unsmeared(plate, mark, pose_at(mark, 180.0, 130.0, 80.0)) is None


def test_artwork_that_would_not_be_seen_is_no_smear(mark: Mark, plate: Floats) -> None:
    for place in ((66.0, 159.8, 44.0), (219.9, 159.9, 80.0)):  # as good as beyond the edge
        assert unsmeared(plate, mark, pose_at(mark, *place)) is None
    disc = np.zeros((80, 80, 4), np.float32)
    y, x = np.mgrid[-40:40, -40:40]
    disc[x**2 + y**2 < 1400] = 255
    white = Mark(disc)
    assert unsmeared(np.ones_like(plate), white, pose_at(white, *LAYOUT)) is None
