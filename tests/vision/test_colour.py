from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wasserstein_distance
from skimage.color import rgb2lab

from continuity.errors import UsageError
from continuity.vision import colour


def _scene(height: int = 96, width: int = 128, seed: int = 3) -> np.ndarray:
    """A smooth coloured picture with some grain: gradients, so that it survives being made smaller."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    waves = np.stack([0.5 + 0.4 * np.sin(3 * x + k) * np.cos(2 * y - k) for k in range(3)], -1)
    grain = np.random.default_rng(seed).normal(0, 0.01, waves.shape)
    return np.rint(np.clip(waves + grain, 0, 1) * 255).astype(np.uint8)


def _cube(step: int, top: int = 256) -> np.ndarray:
    axis = np.arange(0, top, step, dtype=np.uint8)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 1, 3)


@pytest.mark.parametrize("rgb", [_cube(5), _cube(1, 24), np.random.default_rng(0).random((300, 1, 3))])
def test_lab_agrees_with_skimage(rgb: np.ndarray) -> None:
    apart = np.sqrt(np.square(colour.lab_of(rgb) - rgb2lab(rgb)).sum(axis=-1))
    assert apart.max() < 0.01


def test_lab_of_white_black_and_a_known_red() -> None:
    lab = colour.lab_of(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]], np.uint8))
    assert lab.dtype == np.float32
    np.testing.assert_allclose(lab, [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]], atol=0.02)


def test_lab_keeps_the_shape_of_what_it_gets() -> None:
    assert colour.lab_of(np.zeros(3, np.uint8)).shape == (3,)
    assert colour.lab_of(np.zeros((2, 0, 3), np.uint8)).shape == (2, 0, 3)
    strided = np.zeros((8, 8, 6), np.uint8)[::2, ::-1, ::2]
    assert colour.lab_of(strided).shape == (4, 8, 3)


def test_float_and_uint8_colours_are_the_same_colours() -> None:
    cube = _cube(16)
    np.testing.assert_allclose(colour.lab_of(cube / 255), colour.lab_of(cube), atol=1e-3)


@pytest.mark.parametrize(
    ("rgb", "said"),
    [
        (np.zeros((4, 4), np.uint8), "shape"),
        (np.zeros((4, 4, 4), np.uint8), "shape"),
        (np.uint8(3), "shape"),
        (np.zeros((4, 4, 3), np.int32), "int32"),
        (np.zeros((4, 4, 3), bool), "bool"),
        (np.full((2, 3), 255.0), r"\[0, 1\]"),
        (np.full((2, 3), -0.01), r"\[0, 1\]"),
        (np.array([0.5, np.nan, 0.5]), r"\[0, 1\]"),
        (np.array([0.5, np.inf, 0.5]), r"\[0, 1\]"),
    ],
)
def test_what_is_no_srgb_is_refused_in_words(rgb: np.ndarray, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        colour.lab_of(rgb)


@pytest.mark.parametrize(
    ("size", "reduced"),
    [
        ((512, 256), (256, 128)),
        ((256, 256), (256, 256)),
        ((20, 30), (20, 30)),
        ((1, 1), (1, 1)),
        ((1, 5000), (1, 256)),
        ((300, 2), (256, 2)),
        ((1080, 1920), (144, 256)),
    ],
)
def test_reduced_to_256_px_and_never_enlarged(size: tuple[int, int], reduced: tuple[int, int]) -> None:
    lab = colour.reduced_lab(np.full((*size, 3), 90, np.uint8))
    assert colour.reduced(np.full((*size, 3), 90, np.uint8)).shape == lab.shape
    assert lab.shape == (*reduced, 3)
    assert lab.dtype == np.float32
    np.testing.assert_allclose(lab, np.broadcast_to(colour.lab_of(np.full(3, 90, np.uint8)), lab.shape), atol=1e-4)


def test_reducing_averages_areas() -> None:
    board = np.zeros((512, 512, 3), np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 200
    np.testing.assert_allclose(
        colour.reduced_lab(board), np.broadcast_to(colour.lab_of(np.full(3, 100, np.uint8)), (256, 256, 3)), atol=0.5
    )


def test_the_same_picture_at_several_sizes_has_the_same_colours() -> None:
    small = _scene(128, 128)
    known = colour.quantiles(colour.reduced_lab(small))
    for times in (2, 3, 8):
        large = small.repeat(times, axis=0).repeat(times, axis=1)
        assert colour.wasserstein(colour.quantiles(colour.reduced_lab(large)), known).max() < 0.5
    twice = small.repeat(8, axis=0).repeat(8, axis=1)
    np.testing.assert_array_equal(colour.reduced_lab(twice), colour.reduced_lab(twice.copy(order="F")))


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((2, 4, 4, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(UsageError, match="picture"):
        colour.reduced_lab(pixels)


def test_a_side_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="side"):
        colour.reduced_lab(np.zeros((4, 4, 3), np.uint8), side=0)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 1), (7, 300), (255, 256), (1000, 5000), (9216, 16384)])
def test_wasserstein_agrees_with_scipy(n: int, m: int) -> None:
    random = np.random.default_rng(n + m)
    a = random.normal(40, 10, (n, 3)).astype(np.float32)
    b = random.gamma(2, 20, (m, 3)).astype(np.float32)
    exact = [wasserstein_distance(a[:, i], b[:, i]) for i in range(3)]
    mine = colour.wasserstein(colour.quantiles(a), colour.quantiles(b))
    np.testing.assert_allclose(mine, exact, rtol=5e-3, atol=1e-4)
    assert (mine <= np.array(exact) + 1e-3).all()  # shares can only hide what crosses inside one


def test_quantiles_ascend_and_keep_the_mean() -> None:
    lab = colour.reduced_lab(_scene())
    shares = colour.quantiles(lab)
    assert shares.shape == (3, colour.BINS)
    assert shares.dtype == np.float32
    assert (np.diff(shares, axis=1) > -1e-3).all()
    np.testing.assert_allclose(shares.mean(axis=1), lab.reshape(-1, 3).mean(axis=0), atol=1e-3)


def test_wasserstein_is_a_distance_and_a_shift_is_its_size() -> None:
    a = colour.quantiles(colour.reduced_lab(_scene(seed=1)))
    b = colour.quantiles(colour.reduced_lab(255 - _scene(seed=2)))
    assert colour.wasserstein(a, a).max() == 0
    np.testing.assert_array_equal(colour.wasserstein(a, b), colour.wasserstein(b, a))
    np.testing.assert_allclose(colour.wasserstein(a, a + np.float32(4.25)), 4.25, atol=1e-5)
    many = colour.wasserstein(np.stack([a, b, a]), a)
    assert many.shape == (3, 3)
    assert (many[[0, 2]] == 0).all()
    assert (many[1] > 0).all()


def test_golden_values_of_the_distribution() -> None:
    """These move only with the version of the instrument (metrics/grade.py, VERSION)."""
    shares = colour.quantiles(colour.reduced_lab(_scene(700, 900, seed=7)))
    np.testing.assert_allclose(
        shares[:, [0, 64, 128, 255]],
        [[33.95, 54.01, 70.69, 85.25], [-38.58, -31.50, -13.14, 42.24], [-31.37, 14.83, 30.96, 42.45]],
        atol=0.02,
    )


def test_skin_distance_counts_lightness_by_half() -> None:
    assert colour.skin_distance([60, 15, 20], [54, 15, 20]) == pytest.approx(3)
    assert colour.skin_distance([60, 15, 20], [60, 12, 16]) == pytest.approx(5)
    assert colour.skin_distance(np.zeros((4, 3)), np.zeros(3)).shape == (4,)


def test_the_way_back_to_xyz_and_srgb() -> None:
    from skimage.color import lab2rgb, lab2xyz

    lab = np.array([[[light, a, b] for a in (-40, 0, 40)] for b in (-40, 0, 40) for light in (30, 62)], np.float64)
    assert np.abs(colour.srgb_of(lab) - lab2rgb(lab)).max() < 0.01
    assert np.abs(colour.xyz_of(lab) - lab2xyz(lab)).max() < 0.01
    cube = _cube(6)
    np.testing.assert_allclose(colour.srgb_of(colour.lab_of(cube)) * 255, cube, atol=0.1)
    assert colour.xyz_of([-5.0, 0, 0]) == pytest.approx(0, abs=1e-9)


def test_one_colour_everywhere_is_measured() -> None:
    flat = colour.quantiles(colour.reduced_lab(np.full((40, 30, 3), (200, 30, 30), np.uint8)))
    assert np.isfinite(flat).all()
    assert np.ptp(flat, axis=1).max() < 1e-3
    assert colour.wasserstein(flat, flat).max() == 0
