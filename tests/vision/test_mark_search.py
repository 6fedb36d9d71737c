"""The search: no seam between tiles, a correlation is one, and the fine grid finds what the coarse one cannot."""

from __future__ import annotations

import numpy as np
import pytest
from laid_marks import drawn, pose_of
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from continuity.vision import mark_search, marks
from continuity.vision.edges import channels, field_of, premultiplied, smooth
from continuity.vision.mark_search import COARSE, FINE, Grid
from continuity.vision.marks import Mark, Pyramid


@pytest.fixture(scope="module")
def rings() -> Mark:
    """Small rings and thin bars: at 20 px hardly anything is left of them."""
    picture = Pil.new("RGBA", (600, 600), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    for x in range(60, 600, 160):
        for y in range(60, 600, 160):
            draw.ellipse((x - 50, y - 50, x + 50, y + 50), outline=(20, 20, 20, 255), width=18)
            draw.line((x + 50, y, x + 110, y), fill=(20, 20, 20, 255), width=14)
    return Mark(np.asarray(picture.crop(picture.getbbox()), np.float32))


@pytest.fixture(scope="module")
def word() -> Mark:
    """Seven times as wide as it is high."""
    picture = Pil.new("RGBA", (900, 160), (0, 0, 0, 0))
    ImageDraw.Draw(picture).text(
        (450, 80), "headless badge", font=ImageFont.load_default(110), fill=(20, 80, 180, 255), anchor="mm"
    )
    return Mark(np.asarray(picture.crop(picture.getbbox()), np.float32))


def rank(frame: np.ndarray, mark: Mark, pose: np.ndarray, grid: Grid) -> int | None:
    """The first candidate with its corners within 15 % of where the mark is."""
    wanted = marks.corners(mark, pose)
    for number, (_, found) in enumerate(mark_search.candidates(Pyramid(frame), mark, grid)):
        if np.abs(marks.corners(mark, found) - wanted).max() < 0.15 * 2 * np.hypot(*pose[:2, 0]):
            return number
    return None


@pytest.mark.parametrize(("x", "y", "long", "degrees"), [(280, 300, 150, 7), (150, 150, 100, 6)])
def test_the_fine_grid_finds_what_is_nothing_at_20_px(
    astronaut: np.ndarray, rings: Mark, x: float, y: float, long: float, degrees: float
) -> None:
    pose = pose_of(x, y, long, degrees)
    frame = drawn(astronaut, rings, pose)
    assert rank(frame, rings, pose, COARSE) is None
    assert rank(frame, rings, pose, FINE) == 0


@pytest.mark.parametrize(("y", "long", "degrees"), [(300, 180, -5), (200, 150, 6)])
def test_the_fine_grid_finds_long_words_between_the_turns_of_the_coarse_one(
    astronaut: np.ndarray, word: Mark, y: float, long: float, degrees: float
) -> None:
    pose = pose_of(256, y, long, degrees)
    frame = drawn(astronaut, word, pose)
    assert rank(frame, word, pose, COARSE) != 0
    assert rank(frame, word, pose, FINE) == 0


@pytest.mark.parametrize("grid", [COARSE, FINE])
@pytest.mark.parametrize(("x", "y"), [(30, 30), (320, 320), (319, 200), (610, 330)])
def test_tiles_leave_no_seam(rings: Mark, grid: Grid, x: float, y: float) -> None:
    """At their corners, across them and at the picture's edge: the score is that of the middle of a tile."""
    grey = np.full((640, 640, 3), 150, np.uint8)
    size = 40
    edges = mark_search._edges(drawn(grey, rings, pose_of(x, y, size, 0)))
    best, _ = mark_search._correlated(edges, rings, size, grid)
    middle, _ = mark_search._correlated(
        mark_search._edges(drawn(grey, rings, pose_of(x % 1 + 160, y % 1 + 160, size, 0))), rings, size, grid
    )
    spot = np.unravel_index(best.argmax(), best.shape)
    assert np.hypot(spot[0] - y, spot[1] - x) <= 1.5
    assert best.max() == pytest.approx(middle.max(), abs=0.02)


def test_it_is_the_normalised_correlation_under_the_mask(astronaut: np.ndarray, rings: Mark) -> None:
    """Against sums over one window, place by place."""
    size, grid = 41, Grid(41, 41, 1.3, (0.0,))
    edges = mark_search._edges(astronaut)
    best, _ = mark_search._correlated(edges, rings, size, grid)
    room = round(size * 1.5) | 1
    patch = premultiplied(rings.rgba, pose_of(room / 2, room / 2, size, 0), (room, room))
    mask = smooth(patch[..., 3], 1.0) > 0.05
    kernel = np.where(mask, field_of(channels(patch), mark_search.BLUR), 0)
    energy = float((np.abs(kernel) ** 2).sum())
    field = edges[0] + 1j * edges[1]
    for y, x in ((100, 100), (255, 256), (400, 90), (319, 321)):
        seen = field[y - room // 2 : y + room // 2 + 1, x - room // 2 : x + room // 2 + 1] * mask
        there = max(float((np.abs(seen) ** 2).sum()), mark_search.QUIET * energy)
        wanted = float((seen * np.conj(kernel)).real.sum()) / np.sqrt(energy * there)
        assert best[y, x] == pytest.approx(wanted, abs=1e-4)


def test_templates_of_ever_new_sizes_of_pictures_are_not_kept_for_ever(
    rings: Mark, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, few = Mark(rings.rgba), 12 * 2**20
    monkeypatch.setattr(mark_search, "HELD", few)
    first = [mark_search.candidates(Pyramid(np.zeros((200, 240, 3), np.uint8)), mark) for _ in range(2)]
    kept = dict(mark.made["templates"])
    for side in range(200, 360, 20):
        mark_search.candidates(Pyramid(np.zeros((side, 240, 3), np.uint8)), mark)
    held = sum(one.bytes for one in mark.made["templates"].values())
    assert few / 2 < held <= few
    assert not kept.keys() <= mark.made["templates"].keys()
    again = mark_search.candidates(Pyramid(np.zeros((200, 240, 3), np.uint8)), mark)
    assert len(first[0]) == len(first[1]) == len(again)
