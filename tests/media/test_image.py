from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from continuity.errors import MediaError
from continuity.media import Clip, Image, Sampling, open_media, thumbnail

RGB = np.random.default_rng(5).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_source_is_saved_untouched(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(RGB).save(path, quality=50, exif=exif, comment=b"kept")
    media = open_media(path)
    assert isinstance(media, Image)
    _ = media.pixels
    media.save(tmp_path / "b.jpeg")
    assert (tmp_path / "b.jpeg").read_bytes() == path.read_bytes() == media.source_bytes()
    assert media.digest == "b2-" + hashlib.blake2b(path.read_bytes(), digest_size=32).hexdigest()
    assert media.suffix == ".jpg" and media.path == path


def test_saving_over_itself_keeps_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Pillow.fromarray(RGB).save(path)
    before = path.read_bytes()
    Image.open(path).save(path)
    assert path.read_bytes() == before and listing(tmp_path) == ["a.png"]


@pytest.mark.parametrize("target", ["b.jpg", "b", "b.PNG.tif", ".png", "b.mp4"])
def test_another_suffix_is_refused(tmp_path: Path, target: str) -> None:
    with pytest.raises(MediaError, match=r"it is a \.png file"):
        Image.from_array(RGB).save(tmp_path / target)
    assert listing(tmp_path) == []


def test_suffixes_are_compared_without_case(tmp_path: Path) -> None:
    Image.from_array(RGB).save(tmp_path / "b.PNG")
    assert (Image.open(tmp_path / "b.PNG").pixels == RGB).all()


def test_a_picture_under_a_wrong_name_is_read_and_saved_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Pillow.fromarray(RGB).save(path, "JPEG")
    media = Image.open(path)
    assert media.suffix == ".jpg"
    assert media.notes == ("the name says .png, the content is JPEG",)
    with pytest.raises(MediaError):
        media.save(tmp_path / "b.png")


def test_what_was_measured_is_what_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.from_array(RGB).save(path)
    media = Image.open(path)
    _ = media.pixels
    Image.from_array(255 - RGB).save(path)  # the next render overwrites it
    with pytest.raises(MediaError, match="changed since it was first opened"):
        media.save(tmp_path / "kept.png")
    assert not (tmp_path / "kept.png").exists()
    assert (media.pixels == RGB).all()


def test_a_file_deleted_after_opening_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.from_array(RGB).save(path)
    media = Image.open(path)
    path.unlink()
    with pytest.raises(MediaError, match="No such file"):
        _ = media.pixels


def test_an_array_becomes_a_png_that_reads_the_same(tmp_path: Path) -> None:
    array = RGB.copy()
    media = Image.from_array(array, notes=("made by a test",))
    array[:] = 0
    assert (media.pixels == RGB).all() and media.notes == ("made by a test",)
    assert media.path is None and media.suffix == ".png" and media.size == (30, 20)
    media.save(tmp_path / "a.png")
    assert (np.asarray(Pillow.open(BytesIO(media.source_bytes()))) == RGB).all()
    assert (Image.open(tmp_path / "a.png").pixels == RGB).all()


def test_the_digest_of_an_array_is_that_of_its_pixels() -> None:
    assert Image.from_array(RGB).digest == Image.from_array(np.asfortranarray(RGB)).digest
    assert Image.from_array(RGB).digest.startswith("px-") and len(Image.from_array(RGB).digest) == 3 + 64
    assert Image.from_array(RGB).digest != Image.from_array(RGB.reshape(30, 20, 3)).digest


def test_a_still_is_a_clip_of_one_frame() -> None:
    media = Image.from_array(RGB)
    for sampling in (None, Sampling()):
        (frame,) = media.frames(sampling)
        assert frame.index == 0 and frame.seconds is None and frame.pixels is media.pixels
    assert media.frame_count == 1


def test_opening_reads_no_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.from_array(RGB.repeat(20, 0).repeat(20, 1)).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    media = Image.open(path)
    for look in (lambda: media.pixels, lambda: media.size, lambda: media.notes):
        with pytest.raises(MediaError, match="truncated"):
            look()


def test_a_clip_is_no_picture_and_a_picture_no_clip(tmp_path: Path) -> None:
    frames = [Pillow.fromarray(RGB), Pillow.fromarray(255 - RGB)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.png")
    with pytest.raises(MediaError, match="it is a clip"):
        Image.open(tmp_path / "a.webp")
    with pytest.raises(MediaError, match="it is a single picture"):
        Clip.open(tmp_path / "a.png")


@pytest.mark.parametrize(
    "shape, size",
    [((512, 1024, 3), (256, 128)), ((1024, 512, 3), (128, 256)), ((20, 30, 3), (30, 20)), ((1, 5000, 3), (256, 1))],
)
def test_thumbnails_keep_proportions_and_never_grow(shape: tuple[int, int, int], size: tuple[int, int]) -> None:
    picture = np.full(shape, (200, 100, 50), np.uint8)
    small = Pillow.open(BytesIO(thumbnail(picture)))
    assert small.format == "JPEG" and small.size == size
    assert np.abs(np.asarray(small).astype(int) - (200, 100, 50)).max() <= 4


def test_a_thumbnail_of_something_else_is_refused() -> None:
    with pytest.raises(MediaError, match="thumbnail"):
        thumbnail(np.zeros((4, 4), np.uint8))


def test_importing_loads_neither_pillow_nor_pyav() -> None:
    import subprocess
    import sys

    code = "import sys, continuity.media; print([name for name in ('PIL', 'av', 'tifffile') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"
