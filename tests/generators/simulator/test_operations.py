from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from continuity.generators.simulator import operations as op
from continuity.interfaces import Pixels


@pytest.fixture
def noise() -> Pixels:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    pixels.setflags(write=False)  # as the measuring copies of media are
    return pixels


@pytest.fixture
def mark() -> Pixels:
    mark = np.zeros((11, 21, 4), dtype=np.uint8)
    mark[2:9, 3:18] = (20, 60, 160, 255)
    mark[4:7, 8:13] = (250, 220, 30, 255)
    return mark


NEUTRAL: dict[str, Callable[[Pixels], Pixels]] = {
    "relight": lambda p: op.relight(p, 0, 0),
    "regrade": lambda p: op.regrade(p),
    "reframe": lambda p: op.reframe(p, 1, 0.7, -0.3),
    "blur": lambda p: op.blur(p, 0),
}


@pytest.mark.parametrize("name", NEUTRAL)
def test_neutral_parameters_leave_every_pixel(name: str, noise: Pixels) -> None:
    assert np.array_equal(NEUTRAL[name](noise), noise)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (300, 2, 3)])
def test_any_shape_stays_as_it_is(shape: tuple[int, int, int]) -> None:
    pixels = np.full(shape, 100, dtype=np.uint8)
    changed = [op.relight(pixels, 1, 1), op.regrade(pixels, slope=(1.2, 1, 0.8)), op.blur(pixels, 3)]
    changed += [op.reframe(pixels, zoom, x, y) for zoom in (1.01, 1.5) for x in (-1, 0.3, 1) for y in (-1, 1)]
    for one in changed:
        assert one.shape == shape
        assert one.dtype == np.uint8


def test_relight_is_in_stops_of_linear_light() -> None:
    grey = np.full((200, 300, 3), 100, dtype=np.uint8)
    lit = op.relight(grey, 0.8, 0)
    linear = (lit[0, :, 0] / 100.0) ** 2.2
    assert linear[-1] == pytest.approx(2**0.8, rel=0.02)
    assert linear[0] == pytest.approx(2**-0.8, rel=0.02)
    assert np.all(np.diff(lit[0, :, 0].astype(int)) >= 0)
    assert np.array_equal(lit[0], lit[-1])
    assert np.array_equal(op.relight(grey.transpose(1, 0, 2), 0, 0.8), lit.transpose(1, 0, 2))


def test_regrade_is_the_asc_cdl(noise: Pixels) -> None:
    slope, offset, power, saturation = (1.2, 0.9, 0.7), (0.05, 0.0, -0.08), (0.8, 1.0, 1.4), 0.6
    found = op.regrade(noise, slope=slope, offset=offset, power=power, saturation=saturation)
    toned = np.clip(noise / 255 * slope + np.array(offset), 0, 1) ** np.array(power)
    luma = toned @ np.array([0.2126, 0.7152, 0.0722])
    wanted = np.clip(luma[..., None] + saturation * (toned - luma[..., None]), 0, 1) * 255
    assert np.abs(found - wanted).max() <= 1.5  # rounded to 8 bits twice


def test_no_saturation_is_grey(noise: Pixels) -> None:
    found = op.regrade(noise, saturation=0).astype(int)
    assert np.ptp(found, axis=-1).max() == 0


@pytest.mark.parametrize(("right", "first"), [(-1, 0), (0, 50), (1, 100)])
def test_reframe_shows_the_window_that_it_names(right: float, first: int) -> None:
    ramp = np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (50, 1, 3))
    found = op.reframe(ramp, 2, right, 0)[25, :, 0].astype(int)
    assert found[2] == pytest.approx(first, abs=2)
    assert found[-3] == pytest.approx(first + 99, abs=2)


@pytest.mark.parametrize("sigma", [1.0, 2.5, 4.0])
def test_blur_has_the_width_that_it_names(sigma: float) -> None:
    edge = np.zeros((9, 200, 3), dtype=np.uint8)
    edge[:, 100:] = 255
    spread = np.diff(op.blur(edge, sigma)[4, :, 0].astype(float))
    spread /= spread.sum()
    middle = (spread * np.arange(199)).sum()
    assert np.sqrt((spread * (np.arange(199) - middle) ** 2).sum()) == pytest.approx(sigma, rel=0.1)


def test_an_unbent_mark_is_the_mark_in_the_middle_of_its_canvas(mark: Pixels) -> None:
    flat = op.bend(mark, 0, 1)
    inner = flat[5:16, 10:31]
    assert inner.shape == mark.shape
    assert np.array_equal(inner[..., 3], mark[..., 3])
    assert np.array_equal(inner[mark[..., 3] > 0], mark[mark[..., 3] > 0])
    assert flat[..., 3].sum() == mark[..., 3].sum()


def test_a_bent_mark_rises_in_its_middle_and_keeps_its_colours(mark: Pixels) -> None:
    def top(bent: Pixels, column: int) -> int:
        return int(np.argmax(bent[:, column, 3] > 127))

    bent = op.bend(mark, 0.4, 1)
    middle = bent.shape[1] // 2
    assert top(bent, middle) < top(bent, middle - 6)
    assert top(op.bend(mark, -0.4, 1), middle) > top(op.bend(mark, -0.4, 1), middle - 6)
    solid = bent[..., 3] > 250
    assert np.abs(bent[solid].astype(int)[:, :3] - (20, 60, 160)).sum(axis=1).min() == 0
    edge = (bent[..., 3] > 60) & (bent[..., 3] < 200) & (np.abs(np.arange(bent.shape[1]) - middle) > 6)
    assert np.abs(bent[edge].astype(int)[:, :3] - (20, 60, 160)).max() <= 6  # no dark fringe


def test_a_stretched_mark_is_as_wide_as_it_says(mark: Pixels) -> None:
    for stretch in (0.7, 1.4):
        columns = (op.bend(mark, 0, stretch)[..., 3] > 127).any(axis=0).sum()
        assert columns == pytest.approx(15 * stretch, abs=1)


def test_recolour_mixes_and_keeps_alpha(mark: Pixels) -> None:
    assert np.array_equal(op.recolour(mark, (9, 9, 9), 0), mark)
    half = op.recolour(mark, (120, 160, 60), 0.5)
    assert tuple(half[3, 4]) == (70, 110, 110, 255)
    assert np.array_equal(half[..., 3], mark[..., 3])


@pytest.mark.parametrize("corner", [(5, 5), (-10, -5), (50, 35), (200, 0), (0, -99)])
def test_composite_covers_what_lies_in_the_picture(noise: Pixels, mark: Pixels, corner: tuple[int, int]) -> None:
    found = op.composite(noise, mark, *corner)
    wanted = np.array(noise)
    for y, x in np.argwhere(mark[..., 3] > 0):
        row, column = y + corner[1], x + corner[0]
        if 0 <= row < 40 and 0 <= column < 60:
            wanted[row, column] = mark[y, x, :3]
    assert np.array_equal(found, wanted)


def test_composite_blends_by_alpha(noise: Pixels) -> None:
    veil = np.zeros((40, 60, 4), dtype=np.uint8)
    veil[..., 3] = 51
    found = op.composite(noise, veil, 0, 0)
    assert np.abs(found - noise * 0.8).max() <= 0.51
