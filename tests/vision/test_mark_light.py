"""The light of a place, told by a mark of one colour."""

from __future__ import annotations

import numpy as np
import pytest

from continuity.vision.colour import lab_of
from continuity.vision.mark_light import light_of


def off(ink: tuple[int, int, int], seen: tuple[float, ...]) -> float:
    """What the light leaves of a colour, in CIELAB units."""
    art, there = (np.tile(lab_of(np.array(c, np.float32).reshape(1, 1, 3) / 255), (24, 24, 1)) for c in (ink, seen))
    gain, offset = light_of(art, there, np.ones((24, 24), np.float32), np.ones((24, 24)), 0.0, dims=True)
    return float(np.linalg.norm((art * gain + offset - there)[0, 0]))


@pytest.mark.parametrize("ink", [(0, 102, 255), (255, 184, 30), (230, 32, 235)])
@pytest.mark.parametrize("by", [0.85, 0.8])
def test_a_dimmed_colour_is_the_same_colour(ink: tuple[int, int, int], by: float) -> None:
    """A saturated one loses 20 and more units of chroma, which an offset alone does not reach."""
    assert off(ink, tuple(by * c for c in ink)) < 3


@pytest.mark.parametrize("ink", [(0, 102, 255), (230, 32, 235)])
def test_a_veil_is_no_light(ink: tuple[int, int, int]) -> None:
    assert off(ink, tuple(255 - 0.6 * (255 - c) for c in ink)) > 15
