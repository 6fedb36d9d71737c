"""Faces followed by where they are: swaps are found, people who move are not taken for swapped."""

from __future__ import annotations

from continuity.records import Box
from continuity.vision.tracks import who_stands_there

LEFT, RIGHT, FAR = Box(0, 0, 100, 100), Box(300, 0, 400, 100), Box(600, 0, 700, 100)


def moved(box: Box, right: float) -> Box:
    return Box(box.left + right, box.top, box.right + right, box.bottom)


def test_nobody_is_nobody_and_one_alone_is_followed_by_recognition() -> None:
    assert who_stands_there([]) == ()
    assert who_stands_there([[LEFT], [RIGHT], [moved(LEFT, 20)]]) == (0, 0, 0)


def test_two_that_stay_are_themselves() -> None:
    assert who_stands_there([[LEFT, RIGHT]] * 4) == (0, 0, 0, 0)


def test_a_swap_is_followed_by_place_until_it_is_undone() -> None:
    before, after = [LEFT, RIGHT], [RIGHT, LEFT]
    assert who_stands_there([before, before, after, after]) == (0, 0, 1, 1)
    assert who_stands_there([before, after, after, before, before]) == (0, 1, 1, 0, 0)


def test_heads_that_move_a_little_are_still_swapped() -> None:
    frames = [[LEFT, RIGHT], [moved(RIGHT, 10), moved(LEFT, 15)], [moved(RIGHT, 25), moved(LEFT, 35)]]
    assert who_stands_there(frames) == (0, 1, 1)


def test_a_third_face_is_not_mistaken() -> None:
    assert who_stands_there([[LEFT, FAR, RIGHT], [RIGHT, FAR, LEFT]]) == (0, 2)


def test_people_who_walk_leave_or_come_in_are_not_swapped() -> None:
    assert who_stands_there([[LEFT, RIGHT], [FAR, LEFT]]) == (0, 0)  # one left the frame's left, another came there
    assert who_stands_there([[LEFT, RIGHT], [RIGHT]]) == (0, 0)  # walked over, the other is gone
    assert who_stands_there([[LEFT], [RIGHT, LEFT]]) == (0, 0)
    assert who_stands_there([[LEFT, RIGHT], [moved(LEFT, 150), RIGHT], [RIGHT, moved(LEFT, 150)]]) == (0, 0, 1)


def test_an_empty_place_ends_the_swap() -> None:
    assert who_stands_there([[LEFT, RIGHT], [RIGHT, LEFT], [RIGHT], [RIGHT]]) == (0, 1, 0, 0)
