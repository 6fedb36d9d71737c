"""Finding marks: pose over scale, turn and perspective; light and colour do not matter; nothing is found in nothing."""

from __future__ import annotations

import numpy as np
import pytest
from laid_marks import drawn, pose_of
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont
from scipy import ndimage

from continuity.vision import mark_bend, mark_drift, mark_pose, mark_search, mark_traces, marks
from continuity.vision.colour import reduced_lab
from continuity.vision.edges import field_of, planes_of
from continuity.vision.marks import Mark, Pyramid


@pytest.fixture(scope="module")
def badge() -> Mark:
    picture = Pil.new("RGBA", (512, 512), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((6, 6, 506, 506), fill=(200, 30, 40, 255))
    draw.ellipse((46, 46, 466, 466), outline=(255, 255, 255, 255), width=16)
    draw.text((256, 250), "AC", font=ImageFont.load_default(230), fill=(255, 255, 255, 255), anchor="mm")
    return Mark(np.asarray(picture, np.float32))


@pytest.mark.parametrize(
    ("x", "y", "long", "degrees", "far"),
    [(80, 400, 36, 0, 0), (300, 150, 60, 14, 0), (200, 280, 130, -14, 0.06), (256, 256, 400, 5, -0.06)],
)
def test_the_pose_is_found(
    astronaut: np.ndarray, badge: Mark, x: float, y: float, long: float, degrees: float, far: float
) -> None:
    pose = pose_of(x, y, long, degrees, far)
    found = mark_pose.find(Pyramid(drawn(astronaut, badge, pose)), badge)
    assert found.correlation > 0.8
    assert np.abs(marks.corners(badge, found.pose) - marks.corners(badge, pose)).max() < max(1.5, 0.02 * long)


def test_light_colour_and_inversion_do_not_hide_it(astronaut: np.ndarray, badge: Mark) -> None:
    pose = pose_of(300, 300, 120, 3)
    frame = drawn(astronaut, badge, pose)
    for changed in ((frame * 0.5).astype(np.uint8), 255 - frame, np.ascontiguousarray(frame[..., ::-1])):
        found = mark_pose.find(Pyramid(changed), badge)
        assert found.correlation > 0.8
        assert np.abs(marks.corners(badge, found.pose) - marks.corners(badge, pose)).max() < 3


def test_nothing_is_found_where_nothing_is(astronaut: np.ndarray, badge: Mark) -> None:
    from skimage import data

    noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    for frame in (astronaut, data.coffee(), noise, np.full((200, 300, 3), 90, np.uint8)):
        assert mark_pose.find(Pyramid(frame), badge).correlation < 0.62


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (300, 2), (33, 33)])
def test_tiny_and_narrow_pictures_are_no_crash(badge: Mark, shape: tuple[int, int]) -> None:
    frame = np.random.default_rng(2).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = mark_pose.find(Pyramid(frame), badge)
    assert found is None or found.correlation < 0.9


def test_an_intact_composite_leaves_little(astronaut: np.ndarray, badge: Mark) -> None:
    pose = pose_of(300, 300, 140, 6, 0.03)
    pyramid = Pyramid(drawn(astronaut, badge, pose))
    drift = mark_drift.compare(pyramid, badge, mark_pose.find(pyramid, badge))
    assert drift.kinds.worst[1] < 0.15
    assert drift.grid.shape == (mark_drift.GRID, mark_drift.GRID)


def test_a_warm_and_dim_light_is_no_recolouring(astronaut: np.ndarray, badge: Mark) -> None:
    pose = pose_of(300, 300, 140)
    frame = drawn(astronaut, badge, pose)
    lit = (frame * [0.82, 0.78, 0.72]).astype(np.uint8)
    pyramid = Pyramid(lit)
    drift = mark_drift.compare(pyramid, badge, mark_pose.find(pyramid, badge))
    assert drift.kinds.recoloured < 0.2


def test_traces_are_the_marks_own_colours(astronaut: np.ndarray, badge: Mark) -> None:
    red = np.full((64, 64, 3), (120, 18, 24), np.uint8)  # the same red in the shade
    grey, blue = np.full((64, 64, 3), 120, np.uint8), np.full((64, 64, 3), (20, 60, 150), np.uint8)
    assert mark_traces.traces(badge, reduced_lab(red)) == 1
    assert mark_traces.traces(badge, reduced_lab(grey)) == 0
    assert mark_traces.traces(badge, reduced_lab(blue)) == 0
    black = Mark(badge.rgba * np.array([0, 0, 0, 1], np.float32))
    assert mark_traces.traces(black, reduced_lab(astronaut)) is None


def test_a_small_mark_beside_a_large_one_is_among_the_places(astronaut: np.ndarray, badge: Mark) -> None:
    """However well the large one fits."""
    small, large = pose_of(60, 440, 60), pose_of(330, 180, 240, 4)
    frame = drawn(drawn(astronaut, badge, large), badge, small)
    middles = [found.pose[:2, 2] / found.pose[2, 2] for found in mark_pose.places(Pyramid(frame), badge)]
    for pose in (small, large):
        assert min(np.hypot(*(middle - pose[:2, 2])) for middle in middles) < 2


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (97, 40), (193, 300)])
def test_edges_in_bands_are_those_of_the_whole_picture(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    whole = field_of(planes_of(pixels), mark_search.BLUR)
    assert np.array_equal(mark_search._edges(pixels), [whole.real, whole.imag])


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (31, 40)])
def test_a_picture_is_sampled_bilinearly(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(2)
    picture = random.random((*shape, 3)).astype(np.float32)
    shift = random.uniform(-6, 6, (2, *shape)).astype(np.float32)
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    at = ys + shift[1], xs + shift[0]
    wanted = [ndimage.map_coordinates(picture[..., c], at, order=1, mode="nearest") for c in range(3)]
    assert mark_bend.sampled(picture, shift) == pytest.approx(np.stack(wanted, axis=-1), abs=1e-5)
