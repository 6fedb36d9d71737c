from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from continuity.errors import MediaError, MissingWeights
from continuity.media import Clip, Frame, Sampling, open_media


def clip() -> Clip:
    chance = np.random.default_rng(0)
    return Clip.from_arrays([chance.integers(0, 255, (20, 30, 3), dtype=np.uint8) for _ in range(5)], Fraction(24))


def darker(frame: Frame) -> np.ndarray:
    return np.asarray(frame.pixels // 2 + frame.index, np.uint8)


def test_every_frame_is_changed_and_the_given_clip_is_not() -> None:
    given = clip()
    changed = given.changed(darker)
    assert (changed.frame_count, changed.rate, changed.size, changed.suffix) == (5, 24, (30, 20), ".mkv")
    assert changed.path is None and changed.digest != given.digest
    for before, after in zip(given.frames(), changed.frames(), strict=True):
        assert np.array_equal(after.pixels, darker(before)) and not after.pixels.flags.writeable
        assert after.seconds == before.seconds


def test_what_is_saved_opens_as_the_same_pixels(tmp_path: Path) -> None:
    changed = clip().changed(darker)
    changed.save(tmp_path / "changed.mkv")
    opened = open_media(tmp_path / "changed.mkv")
    every = Sampling(at_least=5)
    for one, other in zip(changed.frames(every), opened.frames(every), strict=True):
        assert np.array_equal(one.pixels, other.pixels)


def test_its_digest_is_that_of_its_pixels() -> None:
    changed = clip().changed(darker)
    again = Clip.from_arrays([frame.pixels for frame in changed.frames(Sampling(at_least=5))], Fraction(24))
    assert changed.digest == again.digest


@pytest.mark.parametrize("wrong", [np.zeros((20, 31, 3), np.uint8), np.zeros((20, 30, 3))])
def test_another_size_or_type_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(MediaError, match="what changes it gave"):
        list(clip().changed(lambda frame: wrong).frames())


def test_what_a_change_raises_names_the_frame() -> None:
    def fails(frame: Frame) -> np.ndarray:
        if frame.index == 3:
            raise ValueError("late")
        return frame.pixels

    with pytest.raises(MediaError, match="frame 3 could not be changed: ValueError: late"):
        _ = clip().changed(fails).digest
    with pytest.raises(MediaError, match="frame 0: what changes it gives an array, it gave NoneType"):
        _ = clip().changed(lambda frame: None).digest  # type: ignore[arg-type,return-value]


def test_missing_weights_and_an_interrupt_pass_through_a_change() -> None:
    for cause in (MissingWeights("pull them"), KeyboardInterrupt()):

        def fails(frame: Frame, cause: BaseException = cause) -> np.ndarray:
            raise cause

        with pytest.raises(type(cause)):
            _ = clip().changed(fails).digest


def test_a_frame_is_changed_once_however_often_it_is_asked_for(tmp_path: Path) -> None:
    asked: list[int] = []

    def counted(frame: Frame) -> np.ndarray:
        asked.append(frame.index)
        return darker(frame)

    changed = clip().changed(counted)
    some = list(changed.frames(Sampling(per_second=0, at_least=2)))
    assert asked == [frame.index for frame in some] == [0, 4]
    digest = changed.digest
    changed.save(tmp_path / "changed.mkv")
    again = list(changed.frames(Sampling(at_least=5)))
    assert sorted(asked) == [0, 1, 2, 3, 4]
    assert [frame.index for frame in again] == [0, 1, 2, 3, 4]
    assert digest == clip().changed(darker).digest
    for one, other in zip(again, clip().changed(darker).frames(Sampling(at_least=5)), strict=True):
        assert np.array_equal(one.pixels, other.pixels) and one.seconds == other.seconds


def test_what_is_kept_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    from continuity.media import changed as module

    monkeypatch.setattr(module, "KEPT", 2 * 20 * 30 * 3)
    asked: list[int] = []

    def counted(frame: Frame) -> np.ndarray:
        asked.append(frame.index)
        return darker(frame)

    changed = clip().changed(counted)
    first, second = ([f.pixels for f in changed.frames(Sampling(at_least=5))] for _ in range(2))
    assert asked == [0, 1, 2, 3, 4, 2, 3, 4]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_frames_are_still_changed_one_at_a_time() -> None:
    asked: list[int] = []

    def counted(frame: Frame) -> np.ndarray:
        asked.append(frame.index)
        return darker(frame)

    next(iter(clip().changed(counted).frames(Sampling(at_least=5))))
    assert asked == [0]
