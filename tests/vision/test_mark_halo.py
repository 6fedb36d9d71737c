"""What reaches out from under a mark is told from plate that merely changes a little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw
from scipy import ndimage

from continuity.enrolment.logo import Artwork, features
from continuity.vision.homography import Matrix
from continuity.vision.mark_halo import reach_of
from continuity.vision.marks import Mark

LEFT, TOP, LONG = 90, 80, 120


@pytest.fixture(scope="module")
def badge() -> Mark:
    picture = Pillow.new("RGBA", (480, 240))
    ImageDraw.Draw(picture).rounded_rectangle((0, 0, 479, 239), 48, fill="#143c78")
    made = features({"badge": Artwork(Path("badge"), "", ".png", np.asarray(picture), b"")})
    return Mark(made["logo/badge"])


def pose(mark: Mark, left: float = LEFT) -> Matrix:
    size = LONG / 2 / mark.half[0]
    return np.array([[size, 0, left + LONG / 2], [0, size, TOP + LONG / 4], [0, 0, 1.0]])


def scene(reach: int, amount: float = 0.5, left: int = LEFT, soft: float = 0.0) -> NDArray[np.float32]:
    """CIELAB of a plate with a darker badge on it, around which a share of another colour is seen so far."""
    chance = np.random.default_rng(4)
    lab = np.zeros((240, 320, 3), np.float32)
    lab[...] = (60, 10, 20)
    lab[..., 0] += 30 * ndimage.gaussian_filter(chance.normal(size=lab.shape[:2]), 12)
    lab += 40 * np.linspace(0, 0.5, 320, dtype=np.float32)[:, None] * np.array([1, 0, 0], np.float32)
    halo = np.zeros(lab.shape[:2], np.float32)
    halo[TOP - reach : TOP + LONG // 2 + reach, max(left - reach, 0) : left + LONG + reach] = amount
    if soft:
        halo = ndimage.gaussian_filter(halo, soft)
    lab += halo[..., None] * (np.array([20, 15, -55], np.float32) - lab)
    lab[TOP : TOP + LONG // 2, max(left, 0) : left + LONG] = (40, -50, 30)
    return lab


def test_beside_a_mark_without_a_halo_nothing_reaches_out(badge: Mark) -> None:
    assert reach_of(scene(0), badge, pose(badge)) == 0


@pytest.mark.parametrize("far", [6, 9])
@pytest.mark.parametrize("amount", [0.4, 0.8])
def test_a_halo_is_told_to_its_end(badge: Mark, far: int, amount: float) -> None:
    found = reach_of(scene(far, amount), badge, pose(badge))
    assert far - 0.5 <= found <= far + 3


def test_what_fades_out_is_followed_while_it_is_seen(badge: Mark) -> None:
    found = reach_of(scene(5, 0.8, soft=2.0), badge, pose(badge))
    assert 5 <= found <= 12


def test_what_has_no_end_is_the_plates_own(badge: Mark) -> None:
    assert reach_of(scene(10, 1.0, soft=9.0), badge, pose(badge)) == 0


def test_the_sides_in_the_picture_tell(badge: Mark) -> None:
    assert reach_of(scene(0, left=-20), badge, pose(badge, -20)) == 0
    found = reach_of(scene(6, left=-20), badge, pose(badge, -20))
    assert 5.5 <= found <= 9
