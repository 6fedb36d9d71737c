"""OpenEXR pictures of every shape that renderers write, and files that are none."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from continuity.errors import MediaError
from continuity.media import Image, open_media

REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
SAID = {"chromaticities": REC709}
GREY = np.full((6, 8, 3), 0.2140, np.float32)  # sRGB 127
NOISE = np.random.default_rng(0).random((48, 40, 4), dtype=np.float32)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)
    monkeypatch.delenv("CONTINUITY_COLORSPACE", raising=False)


def notes_of(picture: Any) -> list[str]:
    assert picture.notes[0].startswith("colours read as ")
    return list(picture.notes[1:])


def test_a_picture_is_measured_and_saved_untouched(tmp_path: Path, make: Any) -> None:
    path = make.exr(tmp_path / "a.exr", GREY, **SAID)
    picture = open_media(path)
    assert isinstance(picture, Image) and picture.size == (8, 6) and picture.suffix == ".exr"
    assert (picture.pixels == 127).all() and picture.pixels.dtype == np.uint8 and not picture.pixels.flags.writeable
    picture.save(tmp_path / "b.exr")
    assert (tmp_path / "b.exr").read_bytes() == path.read_bytes()
    with pytest.raises(MediaError, match=r"name the target 'b.exr'"):
        picture.save(tmp_path / "b.png")
    path.rename(tmp_path / "a.png")
    assert "the name says .png, the content is EXR" in open_media(tmp_path / "a.png").notes


@pytest.mark.parametrize("depth", ["half", "float"])
@pytest.mark.parametrize("compression", ["none", "rle", "zips", "zip", "piz", "pxr24", "b44", "dwaa", "dwab"])
def test_compressions_and_depths(tmp_path: Path, make: Any, compression: str, depth: str) -> None:
    smooth = np.linspace(0.05, 0.9, 64 * 64 * 3, dtype=np.float32).reshape(64, 64, 3)
    path = make.exr(tmp_path / "a.exr", smooth, depth=depth, compression=compression, **SAID)
    off = np.abs(Image.open(path).pixels - make.srgb_encoded(smooth)).max()
    assert off <= (3 if compression in ("b44", "dwaa", "dwab") else 0.6)


def test_whole_numbers_have_no_white(tmp_path: Path, make: Any) -> None:
    path = make.exr(tmp_path / "a.exr", GREY, depth="uint", **SAID)
    with pytest.raises(MediaError, match="channel R holds whole numbers"):
        open_media(path)


def test_luminance_alone_is_grey(tmp_path: Path, make: Any) -> None:
    picture = Image.open(make.exr(tmp_path / "a.exr", GREY[..., :1], names="Y", **SAID))
    assert (picture.pixels == 127).all() and picture.pixels.shape == (6, 8, 3)


@pytest.mark.parametrize(
    "names, words",
    [
        (["R", "G"], "channels R, G and B, or Y, were wanted, it has 'R', 'G'"),
        (["beauty.R", "beauty.G", "beauty.B"], "'beauty.R', .*name the layer"),
        (["Y", "RY", "BY"], "luminance and chroma"),
        (["Z"], "it has 'Z'"),
        ([f"c{n}" for n in range(12)], "and more"),
    ],
)
def test_missing_channels(tmp_path: Path, make: Any, names: list[str], words: str) -> None:
    path = make.exr(tmp_path / "a.exr", np.zeros((4, 4, len(names)), np.float32), names=names, **SAID)
    with pytest.raises(MediaError, match=words):
        open_media(path)


def test_other_channels_are_left_aside(tmp_path: Path, make: Any) -> None:
    pixels = np.concatenate([np.full((6, 8, 2), 9, np.float32), GREY, np.full((6, 8, 1), 5, np.float32)], axis=2)
    picture = Image.open(make.exr(tmp_path / "a.exr", pixels, names=["Z", "diffuse.R", "R", "G", "B", "id"], **SAID))
    assert (picture.pixels == 127).all() and notes_of(picture) == []


def test_alpha_is_premultiplied_and_composited_in_linear_light(tmp_path: Path, make: Any) -> None:
    pixels = np.zeros((4, 8, 4), np.float32)
    pixels[:, :2] = (0.5, 0.25, 0.125, 1)  # covered
    pixels[:, 2:4] = (0.25, 0.125, 0.0625, 0.5)  # half covered by the same colour
    pixels[:, 6:] = (0.5, 0.5, 0.5, 0)  # light without a surface: flames, glows
    picture = Image.open(make.exr(tmp_path / "a.exr", pixels, **SAID))
    matte = ((119 / 255 + 0.055) / 1.055) ** 2.4
    true = make.srgb_encoded(pixels[..., :3] + (1 - pixels[..., 3:]) * matte)
    assert np.abs(picture.pixels - true).max() <= 0.51 and (picture.pixels[:, 4] == 119).all()
    assert notes_of(picture) == ["transparent parts are measured over middle grey (sRGB 119)"]
    pixels[..., 3] = 1
    assert notes_of(Image.open(make.exr(tmp_path / "b.exr", pixels, **SAID))) == []


def test_alpha_of_a_space_with_a_curve(tmp_path: Path, make: Any) -> None:
    straight = np.full((4, 4, 3), 0.4135884, np.float32)  # ACEScct of 0.18
    pixels = np.concatenate([straight * 0.5, np.full((4, 4, 1), 0.5, np.float32)], axis=2)
    picture = Image.open(make.exr(tmp_path / "a.exr", pixels), colorspace="ACEScct")
    matte = ((119 / 255 + 0.055) / 1.055) ** 2.4
    assert np.abs(picture.pixels - make.srgb_encoded(np.array(0.09 + 0.5 * matte))).max() <= 0.6


def test_data_and_display_window(tmp_path: Path, make: Any) -> None:
    marked = np.zeros((6, 8, 3), np.float32)
    marked[2, 3] = 1
    inside = Image.open(make.exr(tmp_path / "a.exr", marked, at=(5, 4), display=(20, 16), **SAID))
    assert inside.size == (20, 16) and list(zip(*np.nonzero(inside.pixels[..., 0]), strict=True)) == [(6, 8)]
    assert notes_of(inside) == ["85.0% of the display window has no pixels: black"]
    overscan = Image.open(make.exr(tmp_path / "b.exr", marked, at=(-2, -1), display=(4, 4), **SAID))
    assert overscan.size == (4, 4) and list(zip(*np.nonzero(overscan.pixels[..., 0]), strict=True)) == [(1, 1)]
    assert notes_of(overscan) == ["pixels beyond the display window of 4x4 are not measured"]
    clear = np.ones((6, 8, 4), np.float32)
    cut = Image.open(make.exr(tmp_path / "c.exr", clear, at=(-4, 2), display=(8, 8), **SAID))
    assert (cut.pixels[2:, :4] == 255).all() and (cut.pixels[:2] == 119).all() and (cut.pixels[:, 4:] == 119).all()
    away = Image.open(make.exr(tmp_path / "d.exr", clear, at=(100, 100), display=(8, 8), **SAID))
    assert (away.pixels == 119).all() and "100.0% of the display window has no pixels: transparent" in away.notes


def test_pixels_that_are_no_numbers_are_told(tmp_path: Path, make: Any) -> None:
    pixels = np.full((100, 100, 3), 0.2140, np.float32)
    pixels[3, 4, 1], pixels[5, 6] = np.nan, np.inf
    picture = Image.open(make.exr(tmp_path / "a.exr", pixels, **SAID))
    assert notes_of(picture) == [
        "2 pixels are no numbers (NaN or infinite), measured as 0: look at them before delivery"
    ]
    assert not picture.pixels[3, 4].any() and not picture.pixels[5, 6].any() and (picture.pixels[0] == 127).all()
    pixels[:2] = -np.inf
    path = make.exr(tmp_path / "b.exr", pixels, **SAID)
    with pytest.raises(MediaError, match=r"2.0% of its pixels are no numbers"):
        list(open_media(path).frames())


def test_what_is_outside_of_srgb_is_clipped_and_told(tmp_path: Path, make: Any) -> None:
    pixels = np.full((10, 10, 3), 0.2140, np.float32)
    pixels[0], pixels[1, :5, 0] = 40.0, -0.5
    picture = Image.open(make.exr(tmp_path / "a.exr", pixels, **SAID))
    assert (picture.pixels[0] == 255).all() and (picture.pixels[1, :5, 0] == 0).all()
    assert notes_of(picture) == ["15.0% of the pixels lie outside of sRGB and are clipped"]


def test_squeezed_pixels_are_told(tmp_path: Path, make: Any) -> None:
    picture = Image.open(make.exr(tmp_path / "a.exr", GREY, PixelAspectRatio=2.0, **SAID))
    assert notes_of(picture) == []  # an attribute of that name is not the one
    import OpenImageIO

    spec = OpenImageIO.ImageSpec(8, 6, 3, "half")
    spec.attribute("PixelAspectRatio", 2.0)
    spec.attribute("chromaticities", "float[8]", REC709)
    file = OpenImageIO.ImageOutput.create(str(tmp_path / "b.exr"))
    assert file.open(str(tmp_path / "b.exr"), spec) and file.write_image(GREY) and file.close()
    assert notes_of(Image.open(tmp_path / "b.exr")) == ["pixels are not square (2:1): measured as stored"]


def parts(path: Path, *channels: tuple[str, ...], deep: bool = False) -> Path:
    import OpenImageIO

    specs = []
    for number, names in enumerate(channels):
        spec = OpenImageIO.ImageSpec(8, 6, len(names), "float")
        spec.channelnames, spec.deep = names, deep
        spec.attribute("oiio:subimagename", f"part{number}")
        spec.attribute("chromaticities", "float[8]", REC709)
        specs.append(spec)
    file = OpenImageIO.ImageOutput.create(str(path))
    assert file.open(str(path), specs[0] if deep else tuple(specs)), file.geterror()
    for number, spec in enumerate(specs):
        if number:
            assert file.open(str(path), spec, "AppendSubimage"), file.geterror()
        if deep:
            samples = OpenImageIO.DeepData()
            samples.init(48, spec.nchannels, ("float",) * spec.nchannels, spec.channelnames)
            assert file.write_deep_image(samples), file.geterror()
        else:
            assert file.write_image(np.full((6, 8, spec.nchannels), 0.2140, np.float32)), file.geterror()
    assert file.close()
    return path


def test_several_parts(tmp_path: Path) -> None:
    picture = Image.open(parts(tmp_path / "a.exr", ("Z",), ("R", "G", "B"), ("Y",)))
    assert (picture.pixels == 127).all() and notes_of(picture) == ["3 parts: the first that has colours is measured"]
    with pytest.raises(MediaError, match="it has 'Z', 'id'"):
        open_media(parts(tmp_path / "b.exr", ("Z",), ("id",)))


def test_deep_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="deep samples; flatten it"):
        open_media(parts(tmp_path / "a.exr", ("R", "G", "B", "A", "Z"), deep=True))


@pytest.mark.parametrize("window", [b"dataWindow", b"displayWindow"])
@pytest.mark.parametrize("corner", [(99_999, 99_999), (2**31 - 1, 0), (-2, -2), (9000, 5)])
def test_headers_that_promise_too_much(tmp_path: Path, make: Any, window: bytes, corner: tuple[int, int]) -> None:
    content = bytearray(make.exr(tmp_path / "a.exr", GREY, **SAID).read_bytes())
    place = content.index(window + b"\0box2i\0") + len(window) + 7 + 4 + 8
    content[place : place + 8] = np.array(corner, "<i4").tobytes()
    (tmp_path / "b.exr").write_bytes(content)
    with pytest.raises(MediaError, match=r"^cannot read '.*b.exr': ") as caught:
        list(open_media(tmp_path / "b.exr").frames())
    assert ";" in str(caught.value)


@pytest.mark.parametrize("compression", ["zip", "piz", "none", "dwaa"])
def test_cut_short_anywhere(tmp_path: Path, make: Any, compression: str, capfd: pytest.CaptureFixture[str]) -> None:
    whole = make.exr(tmp_path / "a.exr", NOISE, compression=compression, **SAID).read_bytes()
    path = tmp_path / "b.exr"
    for length in (4, 9, 40, 200, *range(400, len(whole), max(1, len(whole) // 9)), len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(MediaError, match=r"^cannot read '.*b.exr': .*; "):
            list(open_media(path).frames())
    path.write_bytes(b"")
    with pytest.raises(MediaError, match="empty"):
        open_media(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("compression", ["zip", "piz", "dwaa", "rle"])
def test_mutated_files_are_read_or_refused(
    tmp_path: Path, make: Any, compression: str, capfd: pytest.CaptureFixture[str]
) -> None:
    data = make.exr(tmp_path / "a.exr", NOISE, compression=compression, **SAID).read_bytes()
    rng = np.random.default_rng(zlib.crc32(compression.encode()))
    path, refused = tmp_path / "b.exr", 0
    for _ in range(120):
        changed = bytearray(data)
        reach = len(data) if rng.random() < 0.5 else 600
        for spot in rng.integers(0, reach, int(rng.integers(1, 12))):
            changed[spot] = int(rng.integers(256))
        path.write_bytes(changed)
        try:
            media = open_media(path)
            for frame in media.frames():
                assert frame.pixels.dtype == np.uint8 and frame.pixels.shape == (*media.size[::-1], 3)
        except MediaError as error:
            refused += 1
            assert str(error).startswith("cannot read '") and "; " in str(error) and "\n" not in str(error)
    assert refused > 30
    assert capfd.readouterr() == ("", "")


def test_a_file_that_changes_between_header_and_pixels_is_refused(tmp_path: Path, make: Any) -> None:
    path = make.exr(tmp_path / "a.exr", GREY, **SAID)
    picture = open_media(path)
    make.exr(path, NOISE, **SAID)
    with pytest.raises(MediaError, match="changed since it was first opened"):
        list(picture.frames())


@pytest.mark.parametrize("before, after", [(b"R\0", b"\xff\0"), (b"lin_ap1_scene", b"\xff" * 13), (b"G\0", b"\n\0")])
def test_text_that_is_no_text(tmp_path: Path, make: Any, before: bytes, after: bytes) -> None:
    path = make.exr(tmp_path / "a.exr", GREY, colorInteropID="lin_ap1_scene")
    path.write_bytes(path.read_bytes().replace(before, after, 1))
    with pytest.raises(MediaError, match=r"^cannot read '.*a\.exr': ") as caught:
        list(open_media(path).frames())
    assert ";" in str(caught.value) and str(caught.value).isprintable()
