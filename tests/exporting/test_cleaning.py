"""Every format is filled with words, cleaned, and read back with the libraries that others read it with."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenImageIO
import pytest
import tifffile
from PIL import Image as Pil
from PIL import ImageCms, PngImagePlugin

import continuity as ct
from continuity.errors import MediaError
from continuity.exporting.cleaning import cleaned
from continuity.exporting.fields import fields_of
from continuity.exporting.stills import _chunk, png_chunks

SECRET = "SECRETPROMPT of mara.safetensors"
MARK = b"SECRETPROMPT"
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def exif(orientation: int = 1) -> Pil.Exif:
    made = Pil.Exif()
    made[0x010E] = made[0x0131] = SECRET
    made[0x9286] = SECRET.encode()
    made[0x0112] = orientation
    return made


def clean(source: Path, words: dict[str, str] | None = None) -> Path:
    """The copy, once it was seen that it has the pixels and none of the words, compressed ones included."""
    target = source.with_name("clean" + source.suffix)
    cleaned(source, target, words)
    content = target.read_bytes()
    assert MARK in source.read_bytes() or source.suffix == ".png"  # compressed there
    assert MARK not in content
    assert all(MARK.decode() not in value for value in fields_of(target).values())
    assert any(MARK.decode() in value for value in fields_of(source).values())
    return target


@pytest.mark.parametrize("orientation", [1, 6])
def test_png(tmp_path: Path, pixels: np.ndarray, orientation: int) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", SECRET)
    info.add_text("prompt", SECRET, zip=True)
    info.add_itxt("XML:com.adobe.xmp", SECRET)
    info.add(b"prIv", SECRET.encode())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = tmp_path / "a.png"
    Pil.fromarray(pixels).save(source, pnginfo=info, exif=exif(orientation), dpi=(72, 72), icc_profile=profile)
    source.write_bytes(source.read_bytes() + SECRET.encode())  # after the end
    with Pil.open(clean(source)) as read:
        read.load()
        assert not read.text
        assert dict(read.getexif()) == ({0x0112: 6} if orientation == 6 else {})
        assert read.info["icc_profile"] == profile
        assert round(read.info["dpi"][0]) == 72
        assert np.array_equal(np.asarray(read), pixels)


def test_the_name_of_a_profile_is_no_place_for_words(tmp_path: Path, pixels: np.ndarray) -> None:
    sink = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", SECRET)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Pil.fromarray(pixels).save(sink, "PNG", icc_profile=profile, pnginfo=info)
    content = sink.getvalue()
    at = content.index(b"iCCP")
    (length,) = struct.unpack_from(">I", content, at - 4)
    data = MARK + content[at + 4 : at + 4 + length][content[at + 4 :].index(b"\0") :]
    chunk = struct.pack(">I", len(data)) + b"iCCP" + data + struct.pack(">I", zlib.crc32(b"iCCP" + data))
    source = tmp_path / "a.png"
    source.write_bytes(content[: at - 4] + chunk + content[at + 8 + length :])
    with Pil.open(clean(source)) as read:
        assert read.info["icc_profile"]


@pytest.mark.parametrize("orientation", [1, 8])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 95, "subsampling": 0}])
def test_jpeg(tmp_path: Path, pixels: np.ndarray, orientation: int, options: dict[str, int]) -> None:
    source = tmp_path / "a.jpg"
    picture = Pil.fromarray(pixels)
    picture.save(source, exif=exif(orientation), comment=SECRET, xmp=SECRET.encode(), **options)
    source.write_bytes(source.read_bytes() + SECRET.encode())
    with Pil.open(source) as before, Pil.open(clean(source)) as read:
        assert np.array_equal(np.asarray(before), np.asarray(read))
        assert dict(read.getexif()) == ({0x0112: 8} if orientation == 8 else {})
        assert [name for name, _ in read.applist] == (["APP0", "APP1"] if orientation == 8 else ["APP0"])
        assert "comment" not in read.info
        assert "xmp" not in read.info


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_still_and_moving(tmp_path: Path, pixels: np.ndarray, lossless: bool) -> None:
    source = tmp_path / "a.webp"
    frames = [Pil.fromarray(np.roll(pixels, n, 0)) for n in range(3)]
    frames[0].save(source, lossless=lossless, exif=exif(), xmp=SECRET.encode())
    with Pil.open(clean(source)) as read:
        assert not {"exif", "xmp"} & set(read.info)
    frames[0].save(source, lossless=lossless, exif=exif(3), xmp=SECRET.encode(), save_all=True,
                   append_images=frames[1:], duration=40)  # fmt: skip
    with Pil.open(clean(source)) as read:
        assert (read.n_frames, dict(read.getexif())) == (3, {0x0112: 3})
        assert "xmp" not in read.info


def test_gif(tmp_path: Path, pixels: np.ndarray) -> None:
    source = tmp_path / "a.gif"
    frames = [Pil.fromarray(np.roll(pixels, n, 0)) for n in range(3)]
    frames[0].save(source, save_all=True, append_images=frames[1:], duration=40, loop=5, comment=SECRET)
    with Pil.open(clean(source)) as read:
        assert (read.n_frames, read.info["loop"], read.info["duration"]) == (3, 5, 40)
        assert "comment" not in read.info


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib", "predictor": True},
        {"tile": (16, 16)},
        {"byteorder": ">"},
        {"bigtiff": True},
    ],
)
def test_tiff(tmp_path: Path, pixels: np.ndarray, options: dict[str, object]) -> None:
    source = tmp_path / "a.tif"
    given = {"photometric": "rgb", "rowsperstrip": 7, **options}
    if "tile" in given:
        del given["rowsperstrip"]
    big, order = given.pop("bigtiff", False), given.pop("byteorder", "<")
    with tifffile.TiffWriter(source, bigtiff=bool(big), byteorder=order) as out:  # type: ignore[arg-type]
        more = [(65000, "s", 0, SECRET, True), (700, 1, len(SECRET), SECRET.encode(), True)]
        out.write(pixels, description=SECRET, software=SECRET, metadata=None, extratags=more, **given)
    before = tifffile.imread(source)
    with tifffile.TiffFile(clean(source)) as read:
        assert np.array_equal(read.pages[0].asarray(), before)
        names = {tag.name for tag in read.pages[0].tags}
        assert not names & {"ImageDescription", "Software", "XMP", "65000"}


def test_tiff_with_jpeg_inside(tmp_path: Path, pixels: np.ndarray) -> None:
    source = tmp_path / "a.tif"
    Pil.fromarray(pixels).save(source, compression="jpeg", description=SECRET)
    with Pil.open(source) as before, Pil.open(clean(source)) as read:
        assert np.array_equal(np.asarray(before), np.asarray(read))


def test_sixteen_bits_stay(tmp_path: Path) -> None:
    deep = np.random.default_rng(2).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, deep, photometric="rgb", description=SECRET)
    assert np.array_equal(tifffile.imread(clean(source)), deep)


def movie(path: Path, pixels: np.ndarray, codec: str, **options: str) -> Path:
    with av.open(str(path), "w", options=options) as out:
        out.metadata.update({"title": SECRET, "comment": SECRET, "description": SECRET})
        stream = out.add_stream(codec, rate=Fraction(24000, 1001))
        stream.width, stream.height = 64, 48
        stream.pix_fmt = {"ffv1": "bgr0", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        stream.metadata.update({"title": SECRET, "handler_name": SECRET, "language": "deu"})
        for n in range(30):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.roll(pixels, n, 1)), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("name", "codec", "options"), [
    ("a.mp4", "libx264", {}),
    ("a.mp4", "libx264", {"movflags": "faststart"}),
    ("a.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    ("a.mov", "libx264", {}),
    ("a.mov", "mjpeg", {"movflags": "use_metadata_tags"}),
    ("a.mkv", "ffv1", {}),
    ("a.mkv", "libx264", {}),
    ("a.mkv", "libx264", {"live": "1"}),
    ("a.webm", "libvpx-vp9", {}),
])  # fmt: skip
def test_movies(tmp_path: Path, pixels: np.ndarray, name: str, codec: str, options: dict[str, str]) -> None:
    source = movie(tmp_path / name, pixels, codec, **options)
    before = [f.pixels for f in ct.open_media(source).frames(ct.Sampling(per_second=100))]
    target = clean(source)
    after = ct.open_media(target)
    assert all(
        np.array_equal(a, f.pixels) for a, f in zip(before, after.frames(ct.Sampling(per_second=100)), strict=True)
    )
    assert after.rate == ct.open_media(source).rate
    assert target.stat().st_size == source.stat().st_size  # nothing moved
    with av.open(str(source)) as old, av.open(str(target)) as new:
        left = {name for name, value in new.metadata.items() if value}
        assert left <= {"major_brand", "minor_version", "compatible_brands"}
        assert set(new.streams.video[0].metadata) <= {"language", "vendor_id", "DURATION"}
        packets = [[bytes(p) for p in f.demux(video=0)] for f in (old, new)]
        assert packets[0] == packets[1]


def test_a_track_of_words_is_refused(tmp_path: Path, pixels: np.ndarray) -> None:
    source = movie(tmp_path / "a.mkv", pixels, "ffv1")
    content = source.read_bytes()
    at = content.index(b"\x83\x81\x01", content.index(b"\x16\x54\xae\x6b"))
    source.write_bytes(content[: at + 2] + b"\x11" + content[at + 3 :])  # now it says subtitles
    with pytest.raises(MediaError):
        cleaned(source, tmp_path / "b.mkv")
    assert not (tmp_path / "b.mkv").exists()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".gif", ".tif", ".mp4", ".mkv"])
def test_damage_is_a_sentence_and_no_file(tmp_path: Path, pixels: np.ndarray, suffix: str) -> None:
    source = tmp_path / f"a{suffix}"
    if suffix in (".mp4", ".mkv"):
        movie(source, pixels, "libx264")
    else:
        Pil.fromarray(pixels).save(source)
    content = source.read_bytes()
    for length in (40, len(content) // 3, len(content) // 2):
        source.write_bytes(content[:length])
        with pytest.raises(MediaError, match=r"a\."):
            cleaned(source, tmp_path / f"b{suffix}")
        assert not (tmp_path / f"b{suffix}").exists()


def test_what_hides_in_a_png_behind_the_end_of_its_pixels(tmp_path: Path, pixels: np.ndarray) -> None:
    source = tmp_path / "a.png"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Pil.fromarray(pixels).save(source, icc_profile=profile)
    content, out = source.read_bytes(), [source.read_bytes()[:8]]
    for name, data in png_chunks(content):
        hidden = data + SECRET.encode() if name in (b"IDAT", b"iCCP") else data
        out.append(_chunk(name, hidden))
        if name == b"IDAT":
            out.append(_chunk(name, SECRET.encode()))
    source.write_bytes(b"".join(out))
    cleaned(source, tmp_path / "b.png")
    assert MARK in source.read_bytes() and MARK not in (tmp_path / "b.png").read_bytes()
    with Pil.open(tmp_path / "b.png") as read:
        assert np.array_equal(np.asarray(read), pixels) and read.info["icc_profile"] == profile


def test_a_moving_png(tmp_path: Path, pixels: np.ndarray) -> None:
    source = tmp_path / "a.png"
    pictures = [Pil.fromarray(np.roll(pixels, n, 0)) for n in range(3)]
    for first_alone in (False, True):
        pictures[0].save(source, save_all=True, append_images=pictures[1:], duration=40, default_image=first_alone)
        cleaned(source, tmp_path / "b.png")
        with Pil.open(source) as before, Pil.open(tmp_path / "b.png") as after:
            assert before.n_frames == after.n_frames >= 3
            for n in range(before.n_frames):
                before.seek(n), after.seek(n)
                assert np.array_equal(np.asarray(before), np.asarray(after))


def test_room_that_quicktime_keeps_is_emptied(tmp_path: Path, pixels: np.ndarray) -> None:
    source = movie(tmp_path / "a.mov", pixels, "libx264")
    content = source.read_bytes()
    words = SECRET.encode()
    source.write_bytes(content + struct.pack(">I4s", 8 + len(words), b"wide") + words)
    cleaned(source, tmp_path / "b.mov")
    assert MARK not in (tmp_path / "b.mov").read_bytes()


@pytest.mark.parametrize("compression", ["none", "zip", "piz", "b44", "dwaa", "pxr24"])
@pytest.mark.parametrize("tile", [0, 16])
def test_exr(tmp_path: Path, compression: str, tile: int) -> None:
    source, target = tmp_path / "a.exr", tmp_path / "b.exr"
    names = ("R", "G", "B", "A", "depth.Z")
    data = np.random.default_rng(3).normal(0.5, 2, (50, 70, 5)).astype(np.float32)
    data[3, 4] = np.nan
    spec = OpenImageIO.ImageSpec(70, 50, 5, "float")
    spec.channelnames, spec.channelformats = names, tuple(OpenImageIO.TypeDesc(t) for t in (*["half"] * 4, "float"))
    spec.x, spec.y, spec.full_width, spec.full_height = 5, -3, 80, 48
    spec.tile_width = spec.tile_height = tile
    for name in ("comments", "owner", "Software", "renderer/prompt", "nuke/input/filename"):
        spec.attribute(name, SECRET)
    spec.attribute("compression", compression)
    spec.attribute("chromaticities", "float[8]", REC709)
    spec.attribute("framesPerSecond", "rational", (24000, 1001))
    spec.attribute("PixelAspectRatio", 2.0)
    out = OpenImageIO.ImageOutput.create(str(source))
    assert out.open(str(source), spec), out.geterror()
    assert out.write_image(data), out.geterror()
    out.close()
    source.write_bytes(source.read_bytes() + SECRET.encode())
    cleaned(source, target)
    assert MARK in source.read_bytes() and MARK not in target.read_bytes()
    (before, shown), (after, left) = (exr_of(path) for path in (source, target))
    assert before.tobytes() == after.tobytes() and before.shape == (50, 70, 5)
    for what in ("channelnames", "x", "y", "full_width", "full_height", "tile_width"):
        assert getattr(shown, what) == getattr(left, what)
    for what in ("compression", "chromaticities", "framesPerSecond", "PixelAspectRatio", "oiio:ColorSpace"):
        assert shown.getattribute(what) == left.getattribute(what)
    found = fields_of(target)
    assert found["channels"] == "R, G, B, A, depth.Z"
    assert set(found) <= {"channels", "chromaticities", "framesPerSecond", "FramesPerSecond", "oiio:ColorSpace"}
    assert fields_of(source)["owner" if "owner" in fields_of(source) else "Copyright"] == SECRET


def exr_of(path: Path) -> tuple[np.ndarray, OpenImageIO.ImageSpec]:
    opened = OpenImageIO.ImageInput.open(str(path))
    assert opened is not None, OpenImageIO.geterror()
    pixels = opened.read_image(0, 0, 0, 5, "float")
    assert pixels is not None, opened.geterror()
    return pixels, opened.spec()


def test_exr_of_two_parts(tmp_path: Path) -> None:
    source, target = tmp_path / "a.exr", tmp_path / "b.exr"
    specs = []
    for name in ("beauty", "matte"):
        spec = OpenImageIO.ImageSpec(20, 10, 3, "half")
        spec.attribute("oiio:subimagename", name)
        spec.attribute("comments", SECRET)
        specs.append(spec)
    out = OpenImageIO.ImageOutput.create(str(source))
    assert out.open(str(source), specs), out.geterror()
    data = np.random.default_rng(4).random((2, 10, 20, 3), dtype=np.float32)
    out.write_image(data[0])
    assert out.open(str(source), specs[1], "AppendSubimage"), out.geterror()
    out.write_image(data[1])
    out.close()
    cleaned(source, target)
    assert MARK in source.read_bytes() and MARK not in target.read_bytes()
    for part in range(2):
        files = [OpenImageIO.ImageInput.open(str(path)) for path in (source, target)]
        assert np.array_equal(*(f.read_image(part, 0, 0, 3, "half") for f in files))
    found = fields_of(target)
    assert found["part 2 channels"] == "R, G, B"
    assert found["part 2 oiio:subimagename"] == "matte"  # a name can say anything, so it is shown


def test_damaged_exr_is_a_sentence(tmp_path: Path, exr: Callable[..., Path], pixels: np.ndarray) -> None:
    content = exr(tmp_path / "a.exr", pixels, owner=SECRET).read_bytes()
    source = tmp_path / "c.exr"
    draw = np.random.default_rng(5)
    for _ in range(60):
        damaged = bytearray(content[: draw.integers(9, len(content))] if draw.random() < 0.3 else content)
        for at in draw.integers(4, min(len(damaged), 600), 3):
            damaged[at] = draw.integers(256)
        source.write_bytes(bytes(damaged))
        try:
            cleaned(source, tmp_path / "d.exr")
        except MediaError:
            assert not (tmp_path / "d.exr").exists()


def test_words_for_others_are_read_as_they_were_written(tmp_path: Path, pixels: np.ndarray) -> None:
    source = tmp_path / "a.png"
    Pil.fromarray(pixels).save(source)
    told = {"parameters": "Mara am Tresen, 85mm\nNegative prompt: fog\nSteps: 30", "prompt": '{"1": "Māra 像"}'}
    cleaned(source, tmp_path / "b.png", told)
    with Pil.open(tmp_path / "b.png") as read:
        assert read.info["parameters"] == told["parameters"]  # before the pixels: seen without decoding them
        assert read.text == told
