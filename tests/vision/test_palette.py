from __future__ import annotations

import numpy as np

from continuity.vision.palette import cubes_of, frequent


def test_a_colour_lies_in_one_cube_whatever_else_is_there() -> None:
    colours = np.array([[50, -30, 7], [51, -29, 6], [50, 90, 7], [0, -30, 7]], np.float32)
    number, cubes = cubes_of(colours, 24)
    assert number[0] == number[1]
    assert len(set(number.tolist())) == 3 == len(cubes)
    assert np.array_equal(cubes[number], np.round(colours / 24))


def test_cubes_are_the_unique_rows_in_their_order() -> None:
    colours = np.random.default_rng(0).normal(0, 40, (3000, 3)).astype(np.float32)
    rows, number = np.unique((colours / 10).round().astype(np.int64), axis=0, return_inverse=True)
    found, cubes = cubes_of(colours, 10)
    assert np.array_equal(cubes, rows) and np.array_equal(found, number.ravel())


def test_frequent_colours_are_those_that_many_lie_near() -> None:
    colours = np.repeat(np.array([[50, 0, 0], [20, 30, -40], [80, 0, 0]], np.float32), (90, 6, 4), axis=0)
    assert frequent(colours, 10, 0.05).tolist() == [[20, 30, -40], [50, 0, 0]]
    assert frequent(colours, 10, 0.95).shape == (0, 3)
    assert frequent(colours[:0], 10, 0.05).shape == (0, 3)
