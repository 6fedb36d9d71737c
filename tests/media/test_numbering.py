"""Sequences named by a pattern: which frames they mean, what is missing, how fast they run."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from continuity.errors import MediaError, UsageError
from continuity.media import Clip, Sampling, open_media
from continuity.media.folder import rate_of

REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
ALL = Sampling(per_second=0, at_least=100)


def rendered(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for index, name in enumerate(names):
        Pillow.new("RGB", (16, 12), (index,) * 3).save(folder / name)
    return folder


def exrs(make: Any, folder: Path, numbers: range | list[int], **attributes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        level = np.full((6, 8, 3), (number % 10) / 10, np.float32)
        make.exr(folder / f"shot.{number:04d}.exr", level, **{"chromaticities": REC709, **attributes})
    return folder


def clip_of(path: Path, **options: Any) -> Clip:
    clip = open_media(path, **options)
    assert isinstance(clip, Clip)
    return clip


@pytest.mark.parametrize(
    "pattern, names",
    [
        ("shot.####.png", ["shot.1001.png", "shot.1002.png", "shot.1003.png"]),
        ("shot.%04d.png", ["shot.1001.png", "shot.1002.png", "shot.1003.png"]),
        ("shot_###_v2.png", ["shot_008_v2.png", "shot_009_v2.png", "shot_010_v2.png"]),
        ("%d.png", ["9.png", "10.png", "11.png"]),
        ("s#.png", ["s9.png", "s10.png", "s11.png"]),
        ("a.####.png", ["a.9999.png", "a.10000.png", "a.10001.png"]),
        ("[a](b)+.####.png", ["[a](b)+.1001.png", "[a](b)+.1002.png", "[a](b)+.1003.png"]),
    ],
)
def test_a_pattern_means_its_frames_and_no_others(tmp_path: Path, pattern: str, names: list[str]) -> None:
    folder = rendered(tmp_path / "shot", *names, "other.1001.png", "shot.1001.jpg", "sheet.png", "shot.001.png")
    clip = clip_of(folder / pattern)
    assert [frame.pixels[0, 0, 0] for frame in clip.frames(ALL)] == [0, 1, 2]
    assert clip.path == folder / pattern and clip.suffix == "" and clip.missing == 0
    clip.save(tmp_path / "copy")
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == sorted(names)


def test_a_missing_frame_is_named(tmp_path: Path) -> None:
    names = [f"shot.{number}.png" for number in (1001, 1002, 1004, 1005, 1009)]
    folder = rendered(tmp_path / "shot", *names)
    with pytest.raises(
        MediaError, match=r"frame 1003 is missing \(shot\.1003\.png\), 4 in all of 1001 to 1009; "
    ) as said:
        open_media(folder / "shot.####.png")
    assert "give a folder" in str(said.value)
    assert clip_of(folder).missing == 4  # a folder states its holes, and the gate counts them


def test_an_even_step_has_no_hole(tmp_path: Path) -> None:
    folder = rendered(tmp_path / "shot", *[f"shot.{number}.png" for number in (1001, 1003, 1005)])
    clip = clip_of(folder / "shot.####.png")
    assert clip.missing == 0 and "2 of 5 numbered frames are missing: 1002, 1004" in clip.notes
    assert [frame.seconds for frame in clip.frames(ALL)] == [0, 2 / 24, 4 / 24]


@pytest.mark.parametrize(
    "pattern, words",
    [
        ("shot.####.exr", "no frame of it is in"), ("shot.#####.png", "how many digits"),
        ("####.####.png", "one place for the frame number was wanted, it has 2"),
        ("nowhere/a.####.png", "No such file"),
    ],
)  # fmt: skip
def test_patterns_that_mean_nothing(tmp_path: Path, pattern: str, words: str) -> None:
    folder = rendered(tmp_path / "shot", "shot.1001.png")
    with pytest.raises(MediaError, match=words):
        open_media(folder / pattern)


def test_a_file_of_that_very_name_is_a_file(tmp_path: Path) -> None:
    rendered(tmp_path / "shot", "take#1.png", "take1.png")
    assert not isinstance(open_media(tmp_path / "shot" / "take#1.png"), Clip)


def test_a_sequence_of_exr_says_its_rate(tmp_path: Path, make: Any) -> None:
    folder = exrs(make, tmp_path / "shot", range(1001, 1004), framesPerSecond=(24000, 1001))
    clip = clip_of(folder / "shot.####.exr")
    assert clip.rate == Fraction(24000, 1001) and clip.frame_count == 3 and clip.size == (8, 6) and clip.told == {}
    assert not [note for note in clip.notes if "a second" in note]
    given = clip_of(folder / "shot.####.exr", fps=25)
    assert given.rate == 25 and "the frames say 24000/1001 a second: read at 25, as given" in given.notes
    assert given.told == {"fps": "25"} and given.digest != clip.digest
    assert clip_of(folder / "shot.####.exr", fps=23.976).digest == clip.digest
    levels = [int(frame.pixels[0, 0, 0]) for frame in clip.frames(ALL)]
    assert levels == [89, 124, 149]  # sRGB of 0.1, 0.2 and 0.3
    assert any(note.startswith("colours read as Linear Rec.709") for note in clip.notes)


def test_folders_and_patterns_of_the_same_frames_are_the_same_media(tmp_path: Path, make: Any) -> None:
    folder = exrs(make, tmp_path / "shot", range(1001, 1004))
    by_folder, by_pattern = clip_of(folder), clip_of(folder / "shot.%04d.exr")
    assert by_folder.digest == by_pattern.digest and by_folder.rate == by_pattern.rate == 24
    by_pattern.save(tmp_path / "copy")
    assert clip_of(tmp_path / "copy").digest == by_folder.digest


def test_what_is_told_opens_a_copy_as_the_same_clip(tmp_path: Path, make: Any) -> None:
    folder = exrs(make, tmp_path / "shot", range(1001, 1004), chromaticities=())
    with pytest.raises(MediaError, match="does not say which colour space"):
        open_media(folder)
    clip = clip_of(folder / "shot.####.exr", fps=Fraction(30000, 1001), colorspace="ACEScg")
    clip.save(tmp_path / "copy")
    told = dict(clip.told)
    again = clip_of(tmp_path / "copy", fps=Fraction(told["fps"]), colorspace=told["colorspace"])
    assert told == {"fps": "30000/1001", "colorspace": "ACEScg"} and again.digest == clip.digest


def test_frames_of_several_colour_spaces_are_no_clip(tmp_path: Path, make: Any) -> None:
    folder = exrs(make, tmp_path / "shot", range(1001, 1004))
    exrs(make, folder, [1002], colorInteropID="lin_ap1_scene", chromaticities=())
    with pytest.raises(MediaError, match=r"first frame is in Linear Rec.709 \(sRGB\) and 'shot.1002.exr' in ACEScg"):
        open_media(folder / "shot.####.exr")


def test_damage_anywhere_shows_on_opening_or_names_its_frame(tmp_path: Path, make: Any) -> None:
    folder = exrs(make, tmp_path / "shot", range(1001, 1030))
    (folder / "shot.1017.exr").write_bytes((folder / "shot.1017.exr").read_bytes()[:300])
    with pytest.raises(MediaError, match=r"shot\.1017\.exr"):
        open_media(folder / "shot.####.exr")


@pytest.mark.parametrize("fps", [0, -24, float("nan"), float("inf"), 1e9, "24", True])
def test_rates_that_are_none(tmp_path: Path, fps: Any) -> None:
    folder = rendered(tmp_path / "shot", "shot.1001.png")
    with pytest.raises(UsageError, match="a frame rate above 0"):
        open_media(folder, fps=fps)


def test_a_rate_for_one_file_is_refused(tmp_path: Path) -> None:
    folder = rendered(tmp_path / "shot", "shot.1001.png")
    with pytest.raises(UsageError, match="a frame rate is for numbered frames"):
        open_media(folder / "shot.1001.png", fps=24)


@pytest.mark.parametrize(
    "fps, rate",
    [
        (24, 24), (25.0, 25), (23.976, Fraction(24000, 1001)), (23.98, Fraction(24000, 1001)), (1, 1),
        (29.97, Fraction(30000, 1001)), (59.94, Fraction(60000, 1001)), (12.5, Fraction(25, 2)),
        (Fraction(1, 3), Fraction(1, 3)),
    ],
)  # fmt: skip
def test_rates(fps: Any, rate: Fraction) -> None:
    assert rate_of(fps) == rate
