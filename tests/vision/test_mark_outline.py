"""The outline of a replaced mark is found by what changes across it, wherever the frame has put it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from continuity.vision.colour import lab_of
from continuity.vision.homography import of_points
from continuity.vision.mark_outline import outlined
from continuity.vision.marks import Mark, corners

HEIGHT, WIDTH, LEFT, TOP, LONG = 200, 260, 60.0, 70.0, 90.0


def board() -> Mark:
    """A board of two to one, as artwork."""
    return Mark(np.full((120, 240, 4), 255, np.float32))


def picture(left: float, top: float, long: float) -> NDArray[np.float32]:
    """Stripes in a box of two to one, by area averaging, on a plate with a slope and an edge of its own."""
    over = 8
    ys, xs = (np.mgrid[: HEIGHT * over, : WIDTH * over].astype(np.float32) + 0.5) / over
    inside = (xs > left) & (xs < left + long) & (ys > top) & (ys < top + long / 2)
    plate = np.where(xs + ys > 330, 0.75, 0.4 + 0.001 * xs)
    stripes = np.sin((xs + 0.6 * ys) / 6) > 0
    rgb = np.stack([np.where(inside, np.where(stripes, a, b), plate) for a, b in ((0.9, 0.1), (0.5, 0.2), (0.1, 0.7))])
    return np.asarray(rgb.reshape(3, HEIGHT, over, WIDTH, over).mean(axis=(2, 4)).transpose(1, 2, 0), np.float32)


def found(rgb: NDArray[np.float32], left: float = LEFT) -> tuple[NDArray[np.float64], float] | None:
    mark = board()
    box = np.array([[left, TOP], [left + LONG, TOP], [left + LONG, TOP + LONG / 2], [left, TOP + LONG / 2]])
    there = outlined(np.asarray(lab_of(rgb), np.float32), mark, of_points(corners(mark, np.eye(3)), box))
    return None if there is None else (corners(mark, there.pose), there.share)


@pytest.mark.parametrize(("left", "top", "long"), [(60.0, 70.0, 90.0), (66.3, 64.8, 93.6), (53.5, 75.2, 88.2)])
def test_moved_and_grown_to_a_pixel(left: float, top: float, long: float) -> None:
    there = found(picture(left, top, long))
    assert there is not None
    box, share = there
    assert np.abs(box[0] - (left, top)).max() < 1
    assert np.abs(box[2] - (left + long, top + long / 2)).max() < 1
    assert share > 0.8


def test_the_sides_that_are_in_the_picture_tell_where_it_goes_on() -> None:
    there = found(picture(-9.0, 68.0, 92.0), left=0.0)
    assert there is not None
    box, share = there
    assert np.abs(box[2] - (83.0, 114.0)).max() < 1
    assert abs(box[0, 0] + 9.0) < 2
    assert share > 0.8


def test_a_plate_alone_has_no_outline() -> None:
    rough = np.random.default_rng(2).normal(0.5, 0.03, (HEIGHT, WIDTH, 3)).clip(0, 1).astype(np.float32)
    for rgb in (picture(-200.0, 70.0, 90.0), rough):
        there = found(rgb)
        assert there is None or there[1] < 0.6


def test_what_lies_beyond_the_picture_is_not_looked_for() -> None:
    assert found(picture(60.0, 70.0, 90.0), left=-85.0) is None


@pytest.mark.parametrize("seed", range(4))
def test_it_stays_where_it_was_looked_for(seed: int) -> None:
    rough = np.random.default_rng(seed).random((HEIGHT, WIDTH, 3)).astype(np.float32)
    there = found(rough)
    assert there is not None
    box = there[0]
    assert 0.9 * LONG < box[1, 0] - box[0, 0] < 1.15 * LONG
    assert np.abs(box.mean(axis=0) - (LEFT + LONG / 2, TOP + LONG / 4)).max() < 0.2 * LONG


def test_a_large_one_is_found_in_a_smaller_picture_and_placed_in_the_whole_one() -> None:
    rgb = np.kron(picture(66.3, 64.8, 93.6), np.ones((8, 8, 1), np.float32))
    mark, box = board(), 8 * np.array([[60, 70], [150, 70], [150, 115], [60, 115]], np.float64)
    there = outlined(np.asarray(lab_of(rgb), np.float32), mark, of_points(corners(mark, np.eye(3)), box))
    assert there is not None
    assert np.abs(corners(mark, there.pose)[0] - (8 * 66.3, 8 * 64.8)).max() < 8


@pytest.mark.parametrize(("grown", "ended"), [(1.05, False), (1.08, True), (0.98, False), (0.96, True)])
def test_a_size_at_an_end_of_those_looked_at_is_told(grown: float, ended: bool) -> None:
    long = grown * LONG
    left, top = LEFT + (LONG - long) / 2, TOP + (LONG - long) / 4
    box = np.array([[LEFT, TOP], [LEFT + LONG, TOP], [LEFT + LONG, TOP + LONG / 2], [LEFT, TOP + LONG / 2]])
    mark = board()
    lab = np.asarray(lab_of(picture(left, top, long)), np.float32)
    there = outlined(lab, mark, of_points(corners(mark, np.eye(3)), box))
    assert there is not None
    assert there.ended == ended


@pytest.mark.parametrize(("height", "width", "long"), [(1, 1, 90.0), (1, 400, 90.0), (3, 400, 1200.0), (60, 60, 9e4)])
def test_a_picture_too_small_to_look_in_has_none(height: int, width: int, long: float) -> None:
    pose = np.array([[long / 2, 0, width / 2], [0, long / 2, height / 2], [0, 0, 1]])
    assert outlined(np.zeros((height, width, 3), np.float32), board(), pose) is None


def test_artwork_too_thin_for_an_outline_has_none() -> None:
    line = Mark(np.full((4, 900, 4), 255, np.float32))
    pose = np.array([[80.0, 0, 100], [0, 80, 60], [0, 0, 1]])
    assert outlined(np.zeros((120, 200, 3), np.float32), line, pose) is None
