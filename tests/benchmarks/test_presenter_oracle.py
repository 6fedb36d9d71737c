"""The oracle says what was drawn wrong, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from presenter.drawing import MARK, SETS, SKIN, TIES, frame
from presenter.oracle import SET, faults

SEEDS = range(60)
TIE_NAMES = [*TIES]


def named(seed: int, step: int = 0) -> str:
    return TIE_NAMES[(seed + step) % len(TIE_NAMES)]


def test_drawn_frames_have_no_fault() -> None:
    found = {seed: faults(frame(seed, named(seed), SET), named(seed)) for seed in range(200)}
    assert not {seed: wrong for seed, wrong in found.items() if wrong}


def test_another_tie_is_a_fault_of_the_tie_alone() -> None:
    assert {faults(frame(s, named(s, 1 + s % 5), SET), named(s)) for s in SEEDS} == {("tie",)}


def test_another_set_is_a_fault_of_the_set_alone() -> None:
    others = [name for name in SETS if name != SET]
    assert {faults(frame(s, named(s), others[s % 2]), named(s)) for s in SEEDS} == {("set",)}


def test_a_mark_that_is_not_there_or_has_another_colour_is_a_fault_of_the_mark_alone() -> None:
    for seed in SEEDS:
        assert faults(frame(seed, named(seed), SET, mark=False), named(seed)) == ("mark",)
        other = painted(frame(seed, named(seed), SET), (4, 4, 18, 18), MARK, (40, 90, 220))
        assert faults(other, named(seed)) == ("mark",)


def test_a_mark_at_another_place_or_twice_as_large_is_a_fault_of_the_mark() -> None:
    picture = frame(3, "red", SET)
    moved = picture.copy()
    moved[2:24, 2:24] = np.roll(picture[2:24, 2:24], (4, 4), (0, 1))
    large = picture.copy()
    large[1:23, 1:23] = picture[5:16, 5:16].repeat(2, 0).repeat(2, 1)
    assert "mark" in faults(moved, "red")
    assert "mark" in faults(large, "red")


@pytest.mark.parametrize(
    ("place", "colour"),
    [
        ((24, 22, 41, 30), SKIN),  # no eyes
        ((26, 30, 40, 38), SKIN),  # no mouth
        ((22, 22, 42, 40), (120, 160, 110)),  # green skin
        ((22, 12, 42, 20), (220, 210, 120)),  # fair hair
    ],
)
def test_a_face_that_is_not_the_presenters_is_a_fault_of_the_face_alone(
    place: tuple[int, int, int, int], colour: tuple[int, int, int]
) -> None:
    left, top, right, bottom = place
    for seed in range(12):
        picture = frame(seed, "red", SET)
        picture[top:bottom, left:right] = colour
        assert faults(picture, "red") == ("face",)


def test_noise_and_black_are_wrong_all_over() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    for picture in (noise, np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)):
        assert faults(picture, "red") == ("tie", "mark", "set", "face")


@pytest.mark.parametrize(("picture", "tie"), [(np.zeros((32, 32, 3), np.uint8), "red"), (frame(1, "red", SET), "pink")])
def test_what_it_cannot_read_is_a_sentence(picture: np.ndarray, tie: str) -> None:
    with pytest.raises(ValueError, match="was wanted"):
        faults(picture, tie)


def painted(
    picture: np.ndarray, place: tuple[int, int, int, int], colour: tuple[int, int, int], other: tuple[int, int, int]
) -> np.ndarray:
    """One colour within a place in place of another."""
    left, top, right, bottom = place
    found, changed = picture.copy(), picture[top:bottom, left:right]
    near = np.linalg.norm(changed.astype(float) - colour, axis=-1) < 90
    found[top:bottom, left:right][near] = other
    assert near.any()
    return found
