from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from continuity.errors import MediaError
from continuity.media import Clip, Image, Sampling, open_media
from continuity.media.frames import MATTE

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]
KINDS = [("a.gif", {}), ("a.webp", {"lossless": True}), ("a.png", {})]


def frames(count: int = 5) -> list[Pillow.Image]:
    """Half of each frame changes, half stays: what a format may store as a part only."""
    made = []
    for index in range(count):
        frame = np.full((40, 60, 3), 128, np.uint8)
        frame[:20] = COLOURS[index % 5]
        made.append(Pillow.fromarray(frame))
    return made


def animation(path: Path, pictures: list[Pillow.Image], **options: Any) -> Clip:
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
    clip = open_media(path)
    assert isinstance(clip, Clip)
    return clip


@pytest.mark.parametrize("name, options", KINDS)
def test_frames_are_composed_and_durations_kept(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    durations = [40, 80, 120, 40, 120]
    clip = animation(tmp_path / name, frames(), duration=durations, loop=0, **options)
    assert clip.frame_count == 5 and clip.size == (60, 40) and clip.suffix == Path(name).suffix
    assert clip.rate == Fraction(5 * 1000, 400) and clip.seconds == 0.4
    seen = list(clip.frames())
    assert [f.index for f in seen] == [0, 1, 2, 3, 4]
    assert [f.seconds for f in seen] == [0.0, 0.04, 0.12, 0.24, 0.28]
    for frame, picture in zip(seen, frames(), strict=True):
        assert (frame.pixels == np.asarray(picture)).all()
        assert frame.pixels.flags.c_contiguous and not frame.pixels.flags.writeable
    assert clip.notes == ("variable frame rate: 8.33 to 25 frames a second",)


@pytest.mark.parametrize("name, options", KINDS)
def test_a_steady_rate_is_no_surprise_and_samples_match_a_full_read(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    clip = animation(tmp_path / name, frames(30), duration=100, **options)
    assert clip.notes == () and clip.rate == 10
    full = {f.index: f.pixels for f in clip.frames(Sampling(1000))}
    assert list(full) == list(range(30))
    for frame in clip.frames(Sampling(0, 7)):
        assert (frame.pixels == full[frame.index]).all()


@pytest.mark.parametrize("name, options", KINDS)
def test_one_frame_is_a_picture(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    frames(1)[0].save(tmp_path / name, save_all=True, **options)
    media = open_media(tmp_path / name)
    assert isinstance(media, Image) and (media.pixels == np.asarray(frames(1)[0])).all()


def test_frames_without_duration_last_as_browsers_show_them(tmp_path: Path) -> None:
    clip = animation(tmp_path / "a.gif", frames(4), duration=0)
    assert [f.seconds for f in clip.frames()] == [0.0, 0.1, 0.2, 0.3]
    assert clip.notes == ("frames without a duration are taken as 0.1 s, as browsers show them",)


def test_transparent_frames_show_middle_grey_and_say_so(tmp_path: Path) -> None:
    pictures = [Pillow.new("RGBA", (8, 8), (200, 0, 0, 255)), Pillow.new("RGBA", (8, 8), (0, 200, 0, 0))]
    clip = animation(tmp_path / "a.webp", pictures, duration=100, lossless=True, background=(0, 0, 0, 0))
    first, second = (f.pixels for f in clip.frames())
    assert (first == (200, 0, 0)).all() and (second == MATTE).all()
    assert any("middle grey" in note for note in clip.notes)


def test_the_fallback_picture_of_an_animated_png_is_not_a_frame(tmp_path: Path) -> None:
    pictures = frames(3)
    Pillow.new("RGB", (60, 40), (9, 9, 9)).save(
        tmp_path / "a.png", save_all=True, append_images=pictures, default_image=True, duration=50
    )
    clip = open_media(tmp_path / "a.png")
    assert isinstance(clip, Clip) and clip.frame_count == 3
    for frame, picture in zip(clip.frames(), pictures, strict=True):
        assert (frame.pixels == np.asarray(picture)).all()


@pytest.mark.parametrize("name, options", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_an_animation_cut_short_is_refused(tmp_path: Path, name: str, options: dict[str, Any], share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (6, 40, 60, 3), dtype=np.uint8)
    path = tmp_path / name
    animation(path, [Pillow.fromarray(n) for n in noise], duration=50, **options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(MediaError, match="cannot read"):
        media = open_media(path)
        list(media.frames())


def test_an_animation_is_saved_untouched(tmp_path: Path) -> None:
    clip = animation(tmp_path / "a.gif", frames(), duration=50)
    clip.save(tmp_path / "b.gif")
    assert (tmp_path / "b.gif").read_bytes() == (tmp_path / "a.gif").read_bytes()
    assert open_media(tmp_path / "b.gif").digest == clip.digest
    with pytest.raises(MediaError, match=r"it is a \.gif file"):
        clip.save(tmp_path / "b.mp4")


def test_real_animations_are_read_whole(footage: Path) -> None:
    paths = sorted((footage / "clips").rglob("*.gif"))
    assert paths
    for path in paths[:3]:
        clip = open_media(path)
        assert isinstance(clip, Clip)
        seen = list(clip.frames(Sampling(1000)))
        assert len(seen) == clip.frame_count == Pillow.open(path).n_frames  # type: ignore[attr-defined]


def test_the_last_picture_stands_until_the_end(tmp_path: Path) -> None:
    clip = animation(tmp_path / "a.gif", frames(), duration=[100, 100, 100, 100, 3000])
    assert [len(frame.held) for frame in clip.frames()] == [0, 0, 0, 0, 5]
