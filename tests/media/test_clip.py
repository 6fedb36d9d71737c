from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from continuity.errors import MediaError
from continuity.media import Clip, Sampling, open_media


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def noise(count: int, height: int = 20, width: int = 30) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("height, width", [(20, 30), (1, 1), (17, 23)])
def test_arrays_survive_saving_exactly(tmp_path: Path, height: int, width: int) -> None:
    arrays = noise(20, height, width)
    clip = Clip.from_arrays(arrays, Fraction(24000, 1001))
    assert clip.size == (width, height) and clip.frame_count == 20 and clip.suffix == ".mkv" and clip.path is None
    assert clip.notes == () and clip.rate == Fraction(24000, 1001)
    clip.save(tmp_path / "a.mkv")
    again = open_media(tmp_path / "a.mkv")
    assert isinstance(again, Clip) and again.notes == () and again.rate == clip.rate
    for sampling in (Sampling(), Sampling(1000)):
        for one, other in zip(clip.frames(sampling), again.frames(sampling), strict=True):
            assert one.index == other.index and (one.pixels == other.pixels).all()
            assert abs(one.seconds - other.seconds) < 0.001  # type: ignore[operator]


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mkv", "b.mkv"):
        Clip.from_arrays(noise(3), 24).save(tmp_path / name)
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


def test_arrays_are_copied_and_frames_cannot_be_changed() -> None:
    arrays = noise(3)
    clip = Clip.from_arrays(arrays, 24)
    arrays[:] = 0
    (first, *_) = clip.frames()
    assert first.pixels.any()
    with pytest.raises(ValueError, match="read-only"):
        first.pixels[0, 0, 0] = 1


def test_frames_are_given_by_number() -> None:
    clip = Clip.from_arrays([np.full((4, 4, 3), n, np.uint8) for n in range(9)], 24)
    assert [(f.index, int(f.pixels[0, 0, 0])) for f in clip.at([0, 3, 8])] == [(0, 0), (3, 3), (8, 8)]
    assert list(clip.at([])) == []


def test_frames_may_come_from_a_generator() -> None:
    def one_by_one() -> Iterator[np.ndarray]:
        yield from noise(4)

    clip = Clip.from_arrays(one_by_one(), 25)
    assert clip.frame_count == 4 and [f.seconds for f in clip.frames()] == [0, 0.04, 0.08, 0.12]


def test_the_digest_covers_pixels_order_and_rate() -> None:
    arrays = noise(3)
    clips = [(arrays, 24), (arrays[::-1], 24), (arrays, 25), (arrays[:2], 24)]
    digests = {Clip.from_arrays(a, rate).digest for a, rate in clips}
    assert len(digests) == 4 and all(d.startswith("px-") for d in digests)
    assert Clip.from_arrays(arrays, 24.0).digest == Clip.from_arrays(list(arrays), Fraction(24)).digest


@pytest.mark.parametrize(
    "arrays, rate, words",
    [
        ([], 24, "at least one frame"), (noise(2), 0, "above 0"), (noise(2), -1, "above 0"),
        (noise(2), float("nan"), "above 0"), (noise(2), float("inf"), "above 0"),
        (noise(2), 1e-9, "0.00001"), (noise(2), 1e9, "100000"),
        ([noise(1)[0], noise(1, 30, 20)[0]], 24, "frame 1"), ([noise(1)[0], None], 24, "frame 1"),
        (noise(2).astype(float), 24, "float64"), (noise(2)[..., 0], 24, "shape"),
    ],
)  # fmt: skip
def test_arrays_that_are_no_clip_are_refused(arrays: Any, rate: float, words: str) -> None:
    with pytest.raises(MediaError, match=words):
        Clip.from_arrays(arrays, rate)


@pytest.mark.parametrize("target", ["a.mp4", "a.png", "a", "missing/a.mkv"])
def test_arrays_are_saved_as_matroska_or_not_at_all(tmp_path: Path, target: str) -> None:
    with pytest.raises(MediaError):
        Clip.from_arrays(noise(2), 24).save(tmp_path / target)
    assert listing(tmp_path) == []


def test_any_clip_and_picture_can_be_described(tmp_path: Path) -> None:
    Clip.from_arrays(noise(2), 24).save(tmp_path / "a.mkv")
    assert repr(Clip.from_arrays(noise(2), 24)) == "Clip.from_arrays(2 frames)"
    assert repr(open_media(tmp_path / "a.mkv")) == f"Clip({str(tmp_path / 'a.mkv')!r})"
