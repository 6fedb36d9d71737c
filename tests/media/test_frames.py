from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuity.errors import MediaError, UsageError
from continuity.media import Sampling
from continuity.media.frames import MATTE, MOST, checked, digest_of_pixels, over_matte

RATES = [Fraction(24), Fraction(24000, 1001), Fraction(30), Fraction(25, 3), Fraction(120)]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("count", [1, 2, 3, 15, 16, 17, 48, 81, 250, 4320, 100_003])
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(0, 1), Sampling(1000, 1), Sampling(0.3, 5)])
def test_sampled_frames_are_spread_evenly_with_both_ends(rate: Fraction, count: int, sampling: Sampling) -> None:
    indices = sampling.indices(count, rate)
    assert indices[0] == 0 and indices[-1] == count - 1
    assert list(indices) == sorted(set(indices))
    steps = np.diff(indices)
    assert count == 1 or steps.max() - steps.min() <= 1
    assert len(indices) >= min(count, max(sampling.at_least, 2))
    if count > 1 and sampling.per_second:
        assert steps.max() <= max(1, math.ceil(rate / Fraction(sampling.per_second)))


def test_a_three_minute_clip_is_sampled_twice_a_second() -> None:
    assert len(Sampling().indices(4320, Fraction(24))) == 361
    assert len(Sampling().indices(48, Fraction(24))) == 16
    assert Sampling().indices(5, Fraction(24)) == (0, 1, 2, 3, 4)


def over_time(starts: Sequence[float], **rule: float) -> dict[int, tuple[float, ...]]:
    return Sampling(**{"at_least": 1, **rule}).over_time(np.array(starts, np.float64))  # type: ignore[arg-type]


def test_frames_are_sampled_as_often_as_they_are_on_the_screen() -> None:
    starts = [0.0, 0.04, 0.08, 2.08, 2.12]  # the third stands for two seconds
    assert over_time(starts) == {0: (), 2: pytest.approx((1.0, 1.5, 2.0)), 3: ()}
    assert over_time(starts, per_second=1) == {0: (), 2: pytest.approx((2.0,)), 3: ()}
    assert over_time(starts, per_second=0) == over_time([0, 0]) == {}
    assert sorted(over_time(starts, at_least=99)) == [0, 2, 3]


@given(gaps=st.lists(st.floats(0, 20), min_size=2, max_size=40), per_second=st.sampled_from([0.5, 2.0, 30.0]))
def test_every_time_is_given_to_the_frame_that_is_shown_then(gaps: list[float], per_second: float) -> None:
    starts = np.concatenate([[0], np.cumsum(gaps)])
    for index, times in over_time(list(starts), per_second=per_second).items():
        assert all(starts[index] - 1e-5 <= at <= starts[index + 1] + 1e-5 for at in times)


def test_a_slow_clip_counts_by_half_seconds_at_most() -> None:
    assert {n: len(at) for n, at in over_time([0, 5, 10], per_second=1000).items()} == {0: 9, 1: 9}


@pytest.mark.parametrize("starts", [[0, 2e9, 2e9 + 1], [0, 1e-9, 60_000, 2e15]])
def test_a_clip_that_says_it_lasts_for_years_is_looked_at_so_often_and_no_more(starts: list[float]) -> None:
    found = over_time(starts, per_second=1000)
    assert sum(1 + len(times) for times in found.values()) <= MOST + 1


def test_the_name_tells_rules_apart() -> None:
    assert Sampling().name == "2/s>=16+ends,cuts1"
    assert Sampling(0.5, 8).name == "0.5/s>=8+ends,cuts1"
    assert Sampling(2.00000001).name != Sampling(2).name


@pytest.mark.parametrize("wrong", [(float("nan"), 1), (float("inf"), 1), (-1.0, 1), (2.0, 0), (2.0, 1.5)])
def test_a_rule_that_makes_no_sense_is_refused(wrong: tuple[float, int]) -> None:
    with pytest.raises(UsageError):
        Sampling(*wrong)


@pytest.mark.parametrize("count, rate", [(0, Fraction(24)), (-1, Fraction(24)), (5, Fraction(0))])
def test_nothing_to_sample_is_refused(count: int, rate: Fraction) -> None:
    with pytest.raises(UsageError):
        Sampling().indices(count, rate)


@pytest.mark.parametrize(
    "wrong, word",
    [
        ([[1]], "list"), (np.zeros((4, 4, 3)), "float64"), (np.zeros((4, 4), np.uint8), "shape"),
        (np.zeros((4, 4, 4), np.uint8), "shape"), (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.zeros((4, 4, 3), np.int16), "int16"), (None, "NoneType"), (np.zeros((3, 4, 4), np.uint8), "shape"),
    ],
)  # fmt: skip
def test_arrays_that_are_no_picture_are_refused(wrong: object, word: str) -> None:
    with pytest.raises(MediaError, match=word):
        checked(wrong)  # type: ignore[arg-type]


def test_a_checked_array_is_a_read_only_copy() -> None:
    source = np.zeros((4, 6, 3), np.uint8)[:, ::2]
    copy = checked(source)
    source[:] = 9
    assert copy.max() == 0 and copy.flags.c_contiguous and not copy.flags.writeable


def test_the_pixel_digest_sees_shape_and_content() -> None:
    black = np.zeros((2, 6, 3), np.uint8)
    digests = {digest_of_pixels([a]) for a in (black, black.reshape(3, 4, 3), black.reshape(6, 2, 3), black + 1)}
    assert len(digests) == 4
    assert digest_of_pixels([black]) == digest_of_pixels([black.copy()])
    assert digest_of_pixels([black]).startswith("px-")


def test_the_matte_is_middle_grey_in_lab() -> None:
    from skimage.color import rgb2lab

    lightness, a, b = rgb2lab(np.full((1, 1, 3), MATTE, np.uint8))[0, 0]
    assert abs(lightness - 50) < 0.2 and abs(a) < 0.01 and abs(b) < 0.01


def test_alpha_is_composited_with_rounding() -> None:
    values = np.arange(256, dtype=np.uint8)
    rgba = np.stack(np.broadcast_arrays(values[:, None], 255 - values[:, None], values[:, None], values[None]), -1)
    mixed, transparent = over_matte(np.ascontiguousarray(rgba))
    alpha = rgba[..., 3:] / 255.0
    truth = rgba[..., :3] * alpha + MATTE * (1 - alpha)
    assert transparent and np.abs(mixed - truth).max() <= 0.5 + 1e-9
    opaque, transparent = over_matte(np.full((2, 2, 4), 255, np.uint8))
    assert not transparent and (opaque == 255).all()
