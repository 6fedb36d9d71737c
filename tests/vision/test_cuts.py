"""Cuts told from motion and flashes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import continuity as ct
from continuity.media import Frame
from continuity.vision import cuts

RATE = 24


def picture(seed: int, width: int = 96) -> np.ndarray:
    """Soft patches of colour, 54 px high."""
    coarse = np.random.default_rng(seed).integers(30, 225, (6, 8 * width // 96, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, 54), Image.Resampling.BICUBIC))


def take(seed: int, length: int) -> list[np.ndarray]:
    """A window that drifts over a picture, with grain."""
    grain = np.random.default_rng(seed + 100)
    wide = picture(seed, 120).astype(int)
    moved = (wide[:, n * 24 // length : n * 24 // length + 96] for n in range(length))
    return [np.clip(one + grain.integers(-3, 4, one.shape), 0, 255).astype(np.uint8) for one in moved]


def found(frames: Sequence[np.ndarray], sampling: ct.Sampling | None = None) -> tuple[int, ...]:
    clip = ct.Clip.from_arrays(frames, RATE)
    sampled = [(f.index, cuts.small(f.pixels)) for f in clip.frames(sampling)]
    return cuts.find(sampled, clip.frame_count, clip.at)


def flashed(frames: list[np.ndarray], at: int, length: int) -> list[np.ndarray]:
    bright = [np.clip(f * 1.5 + 90, 0, 255).astype(np.uint8) for f in frames[at : at + length]]
    return [*frames[:at], *bright, *frames[at + length :]]


def test_cuts_are_found_to_the_frame_wherever_the_sampled_frames_lie() -> None:
    edit = [*take(1, 31), *take(2, 45), *take(3, 24)]
    assert found(edit) == (31, 76)
    assert found(edit, ct.Sampling(per_second=0, at_least=2)) == (31, 76)
    assert found(edit, ct.Sampling(per_second=24)) == (31, 76)


def test_a_clip_without_a_cut_has_none_and_where_frames_are_alike_nothing_more_is_decoded() -> None:
    def nothing(indices: Sequence[int]) -> Iterator[Frame]:
        assert not indices
        return iter(())

    assert found(take(1, 100)) == ()
    still = [(n, cuts.small(picture(1))) for n in range(0, 100, 10)]
    assert cuts.find(still, 100, nothing) == ()
    assert cuts.find(still[:1], 1, nothing) == ()
    assert cuts.find([], 1, nothing) == ()


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("at", [0, 30, 48, 97, 98])
def test_a_flash_is_no_cut_also_at_either_end(at: int, length: int) -> None:
    frames = flashed(take(1, 99), at, length)
    assert found(frames, ct.Sampling(per_second=24)) == ()


def test_a_cut_through_a_flash_is_one_cut() -> None:
    frames = flashed([*take(1, 50), *take(2, 50)], 50, 2)
    assert found(frames) == (50,)


def test_a_black_last_frame_is_no_shot() -> None:
    assert found([*take(1, 60), np.zeros((54, 96, 3), np.uint8)]) == ()


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_a_pan_is_no_cut_even_if_it_starts_at_once(seconds: float) -> None:
    wide = np.hstack([picture(4), picture(5)])
    length = int(seconds * RATE)
    places = [0] * 30 + [96 * n // length for n in range(length)] + [96] * 30
    assert found([wide[:, x : x + 96] for x in places]) == ()


def test_pictures_that_are_shown_four_times_move_and_are_no_cuts() -> None:
    wide = picture(6, 240)
    assert found([wide[:, 8 * (n // 4) : 8 * (n // 4) + 96] for n in range(60)]) == ()


def test_a_fade_is_no_cut() -> None:
    frames = take(1, 80)
    assert found([(f * min(1.0, abs(n - 40) / 12)).astype(np.uint8) for n, f in enumerate(frames)]) == ()


def test_a_frame_of_any_size_has_a_small_form() -> None:
    for height, width in ((1, 1), (1, 500), (9, 4), (1080, 1920)):
        grey = np.full((height, width, 3), 119, np.uint8)
        assert cuts.small(grey) == pytest.approx(cuts.small(np.full((32, 32, 3), 119, np.uint8)), abs=1e-4)


def test_real_clips_have_a_cut_where_they_are_joined_and_nowhere_else(footage: Path) -> None:
    """Five clips of 16 frames of people; benchmarks/cuts.py tells more."""
    takes = []
    for path in sorted(footage.glob("clips/generated_identity/*/*.gif"))[:5]:
        frames = [f.pixels[::4, ::4] for f in ct.open_media(path).frames()]
        assert found(frames) == ()
        takes.append(frames)
    joined = [frame for frames in takes for frame in frames]
    begins = np.cumsum([len(frames) for frames in takes])[:-1]
    assert found(joined) == tuple(begins)


@pytest.mark.parametrize("kept", [0, 3, 12])
def test_where_fewer_frames_come_than_asked_for_there_is_no_cut(kept: int) -> None:
    clip = ct.Clip.from_arrays([*take(1, 31), *take(2, 45)], RATE)
    sampled = [(f.index, cuts.small(f.pixels)) for f in clip.frames()]

    def short(indices: Sequence[int]) -> Iterator[Frame]:
        return clip.at(indices[:kept])

    assert cuts.find(sampled, clip.frame_count, clip.at) == (31,)
    assert cuts.find(sampled, clip.frame_count, short) == ()
