from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from continuity.errors import MediaError
from continuity.media import Clip, Sampling, open_media
from continuity.media.formats import Format


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def grey(value: int, size: tuple[int, int] = (16, 12)) -> Pillow.Image:
    return Pillow.new("RGB", size, (value,) * 3)


def folder(tmp_path: Path, *names: str) -> Path:
    where = tmp_path / "shot"
    where.mkdir()
    for index, name in enumerate(names):
        grey(index).save(where / name)
    return where


def opened(where: Path) -> Clip:
    clip = open_media(where)
    assert isinstance(clip, Clip)
    return clip


def test_numbered_frames_are_a_clip_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    clip = opened(folder(tmp_path, "mara.8.png", "mara.9.png", "mara.10.png", "mara.11.png"))
    assert clip.frame_count == 4 and clip.size == (16, 12) and clip.rate == Fraction(24) and clip.suffix == ""
    assert [(f.index, int(f.pixels[0, 0, 0])) for f in clip.frames()] == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert [f.seconds for f in clip.frames()] == [0, 1 / 24, 2 / 24, 3 / 24]
    assert clip.notes == ("a folder has no frame rate: 24 a second assumed",)
    assert clip.path == tmp_path / "shot"


@pytest.mark.parametrize(
    "names", [["1.png", "2.png"], ["a_0001.jpg", "a_0002.jpg"], ["v2.1001.tif", "v2.1002.tif"], ["f7.webp"]]
)
def test_ways_to_number(tmp_path: Path, names: list[str]) -> None:
    assert opened(folder(tmp_path, *names)).frame_count == len(names)


def test_gaps_are_noted_and_seconds_follow_the_numbers(tmp_path: Path) -> None:
    clip = opened(folder(tmp_path, "a.0001.png", "a.0002.png", "a.0005.png", "a.0007.png"))
    assert "3 of 7 numbered frames are missing: 3-4, 6" in clip.notes
    assert [f.index for f in clip.frames()] == [0, 1, 2, 3]
    assert [f.seconds for f in clip.frames()] == [0, 1 / 24, 4 / 24, 6 / 24]
    assert clip.seconds == 7 / 24


def test_a_long_list_of_gaps_is_shortened(tmp_path: Path) -> None:
    clip = opened(folder(tmp_path, *[f"a.{n}.png" for n in range(1, 40, 3)], f"a.{10**60}.png"))
    (note,) = (n for n in clip.notes if "missing" in n)
    assert note.endswith("and more") and len(note) < 200


def test_only_sampled_frames_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from continuity.media import stills

    clip = opened(folder(tmp_path, *[f"a.{n:04}.png" for n in range(100)]))
    decoded = []
    original = stills.decode

    def counting(data: bytes, kind: Format, path: Path, *more: object) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
        decoded.append(path)
        return original(data, kind, path, *more)

    monkeypatch.setattr(stills, "decode", counting)
    seen = [f.index for f in clip.frames()]
    assert seen == list(Sampling().indices(100, Fraction(24))) and len(decoded) == 16


def test_files_that_are_no_frames_are_left_aside(tmp_path: Path) -> None:
    where = folder(tmp_path, "a.1.png", "a.2.png")
    (where / ".DS_Store").write_bytes(b"x")
    (where / ".a.3.png").write_bytes(b"")
    (where / "render.log").write_text("done")
    (where / "sub").mkdir()
    assert opened(where).frame_count == 2


@pytest.mark.parametrize(
    "names, words",
    [
        ([], "no numbered frames are in it"), (["a.1.png", "b.1.png"], "2 sequences"),
        (["a.1.png", "a.1.jpg"], "2 sequences"), (["a.1.png", "a.01.png"], "both frame 1"),
        (["a.1.png", "sheet.png"], "'sheet.png' has no frame number"),
    ],
)  # fmt: skip
def test_folders_that_are_no_clip(tmp_path: Path, names: list[str], words: str) -> None:
    with pytest.raises(MediaError, match=words):
        open_media(folder(tmp_path, *names))


def test_frames_of_another_kind_are_named(tmp_path: Path) -> None:
    where = folder(tmp_path, "a.1.png")
    (where / "a.0002.dpx").write_bytes(b"SDPX")
    with pytest.raises(MediaError, match="DPX is not read yet"):
        open_media(where)


def test_mixed_sizes_are_refused_wherever_they_are(tmp_path: Path) -> None:
    where = folder(tmp_path, *[f"a.{n:04}.png" for n in range(40)])
    grey(1, (12, 16)).save(where / "a.0019.png")
    with pytest.raises(MediaError, match=r"'a\.0019\.png' has 12x16"):
        open_media(where)


def test_frames_that_differ_only_once_turned_are_refused(tmp_path: Path) -> None:
    where = folder(tmp_path, "a.1.jpg", "a.2.jpg", "a.3.jpg")
    exif = Pillow.Exif()
    exif[0x0112] = 6
    grey(1).save(where / "a.2.jpg", exif=exif)
    with pytest.raises(MediaError, match=r"differ in size.*'a\.2\.jpg' has 12x16"):
        list(opened(where).frames())


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n\0\0"])
def test_a_broken_frame_anywhere_is_found_on_opening(tmp_path: Path, content: bytes) -> None:
    where = folder(tmp_path, *[f"a.{n:04}.png" for n in range(40)])
    (where / "a.0019.png").write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.0019\.png"):
        open_media(where)


def test_a_frame_cut_short_is_found_when_sampled(tmp_path: Path) -> None:
    where = folder(tmp_path, "a.1.png", "a.2.png")
    Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)).save(where / "a.2.png")
    (where / "a.2.png").write_bytes((where / "a.2.png").read_bytes()[:200])
    with pytest.raises(MediaError, match=r"a\.2\.png"):
        list(opened(where).frames())


def test_a_pipe_among_the_frames_is_refused(tmp_path: Path) -> None:
    where = folder(tmp_path, "a.1.png")
    os.mkfifo(where / "a.2.png")
    with pytest.raises(MediaError, match="pipe"):
        open_media(where)


def test_the_digest_covers_names_and_contents(tmp_path: Path) -> None:
    where = folder(tmp_path, "a.1.png", "a.2.png")
    first = opened(where).digest
    assert first == opened(where).digest and first.startswith("b2-")
    (where / "ignored.txt").write_text("x")
    assert opened(where).digest == first
    (where / "a.2.png").rename(where / "a.3.png")
    assert opened(where).digest != first
    (where / "a.3.png").rename(where / "a.2.png")
    grey(9).save(where / "a.2.png")
    assert opened(where).digest != first


def test_a_folder_is_saved_as_a_new_folder(tmp_path: Path) -> None:
    clip = opened(folder(tmp_path, "a.1.png", "a.2.png"))
    (tmp_path / "shot" / "render.log").write_text("not part of the clip")
    clip.save(tmp_path / "kept.v2")
    assert listing(tmp_path / "kept.v2") == ["a.1.png", "a.2.png"]
    assert opened(tmp_path / "kept.v2").digest == clip.digest
    with pytest.raises(MediaError, match="it exists already"):
        clip.save(tmp_path / "kept.v2")
    assert listing(tmp_path) == ["kept.v2", "shot"]


def test_a_frame_that_changed_is_refused_and_no_half_copy_left(tmp_path: Path) -> None:
    where = folder(tmp_path, "a.1.png", "a.2.png")
    clip = opened(where)
    grey(200, (16, 12)).save(where / "a.2.png", compress_level=0)
    with pytest.raises(MediaError, match="changed since"):
        clip.save(tmp_path / "kept")
    with pytest.raises(MediaError, match="changed since"):
        list(clip.frames())
    assert listing(tmp_path) == ["shot"]
