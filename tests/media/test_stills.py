from __future__ import annotations

import os
import struct
import threading
import warnings
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from PIL import ImageCms, ImageFile

from continuity.errors import MediaError
from continuity.media import Image, open_media
from continuity.media.frames import MATTE
from continuity.media.pillow import strict_pillow

RNG = np.random.default_rng(3)
RGB = RNG.integers(0, 256, (24, 36, 3), dtype=np.uint8)
GREY = RGB[..., 0].copy()
DEEP = RNG.integers(0, 65536, (24, 36, 4), dtype=np.uint16)


def read(tmp_path: Path, data: bytes | Pillow.Image, name: str = "a.png", **options: Any) -> Image:
    path = tmp_path / name
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        data.save(path, **options)
    media = open_media(path)
    assert isinstance(media, Image)
    return media


def mixed(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    weight = alpha[..., None] / 255
    return rgb * weight + MATTE * (1 - weight)


@pytest.mark.parametrize(
    "name, options",
    [
        ("a.png", {}), ("a.tif", {}), ("a.tif", {"compression": "tiff_lzw"}),
        ("a.tif", {"compression": "tiff_deflate"}), ("a.webp", {"lossless": True}), ("a.gif", {}),
    ],
)  # fmt: skip
def test_lossless_formats_come_back_exactly(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    picture = Pillow.fromarray(RGB // 64 * 64)  # few colours: GIF keeps them all
    truth = np.asarray(picture)
    media = read(tmp_path, picture.quantize(256) if name == "a.gif" else picture, name, **options)
    assert (media.pixels == truth).all()
    assert media.notes == () and media.size == (36, 24) and media.frame_count == 1
    assert media.pixels.flags.c_contiguous and not media.pixels.flags.writeable and media.pixels.dtype == np.uint8


def test_jpeg_and_lossy_webp_are_close(tmp_path: Path) -> None:
    smooth = np.linspace(40, 200, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)
    for name in ("a.jpg", "a.webp"):
        media = read(tmp_path, Pillow.fromarray(smooth), name, quality=95)
        assert np.abs(media.pixels.astype(int) - smooth).max() <= 6


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "PA", "RGBA"])
def test_pillow_modes(tmp_path: Path, mode: str) -> None:
    name = "a.tif" if mode == "PA" else "a.png"
    picture = Pillow.fromarray(RGB).convert("P").convert("PA") if mode == "PA" else Pillow.fromarray(RGB).convert(mode)
    media = read(tmp_path, picture, name)
    assert (media.pixels == np.asarray(picture.convert("RGB"))).all()
    assert media.notes == ()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_exif_orientation(tmp_path: Path, orientation: int, name: str) -> None:
    corners = np.zeros((32, 48, 3), np.uint8)
    corners[:16, :24], corners[:16, 24:], corners[16:, :24] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transpose that stores what orientation n displays
    upright = Pillow.fromarray(corners)
    stored = upright.transpose(Pillow.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95, "subsampling": 0} if name == "a.jpg" else {"lossless": True} if name == "a.webp" else {}
    media = read(tmp_path, stored, name, exif=exif, **options)
    assert media.size == (48, 32)
    assert np.abs(media.pixels.astype(int) - corners)[4:-4, 4:-4].max() <= 60  # JPEG rings at the corners' edges
    assert np.abs(media.pixels.astype(int) - corners).mean() < 2
    assert media.notes == ()


# -- transparency -----------------------------------------------------------------------------------------------------


def test_alpha_shows_middle_grey_and_says_so(tmp_path: Path) -> None:
    alpha = RNG.integers(0, 256, (24, 36), dtype=np.uint8)
    media = read(tmp_path, Pillow.fromarray(np.dstack([RGB, alpha])))
    assert np.abs(media.pixels - mixed(RGB, alpha)).max() <= 0.5 + 1e-9
    assert media.notes == ("transparent parts are measured over middle grey (sRGB 119)",)


def test_opaque_alpha_changes_nothing_and_says_nothing(tmp_path: Path) -> None:
    media = read(tmp_path, Pillow.fromarray(np.dstack([RGB, np.full_like(GREY, 255)])))
    assert (media.pixels == RGB).all() and media.notes == ()


def test_grey_with_alpha(tmp_path: Path) -> None:
    alpha = RNG.integers(0, 256, (24, 36), dtype=np.uint8)
    media = read(tmp_path, Pillow.merge("LA", [Pillow.fromarray(GREY), Pillow.fromarray(alpha)]))
    assert np.abs(media.pixels - mixed(np.dstack([GREY] * 3), alpha)).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("mode, colour", [("P", 3), ("L", 200), ("RGB", (9, 8, 7)), ("1", 0)])
def test_the_transparent_colour_of_a_png(tmp_path: Path, mode: str, colour: Any) -> None:
    picture = Pillow.new(mode, (8, 8), 1 if mode == "1" else 0)
    if mode == "P":
        picture.putpalette([v for i in range(256) for v in (i, 255 - i, i)])
    picture.paste(colour, (0, 0, 8, 4))
    media = read(tmp_path, picture, transparency=colour)
    assert (media.pixels[:4] == MATTE).all()
    assert not (media.pixels[4:] == MATTE).all()
    assert len(media.notes) == 1


def test_palette_with_partial_transparency(tmp_path: Path) -> None:
    picture = Pillow.new("P", (8, 2), 1)
    picture.putpalette([0, 0, 0, 200, 100, 50])
    media = read(tmp_path, picture, transparency=bytes([255, 128]))
    assert np.abs(media.pixels - mixed(np.full((2, 8, 3), (200, 100, 50)), np.full((2, 8), 128))).max() <= 0.5 + 1e-9


# -- sixteen bits -----------------------------------------------------------------------------------------------------


def rounded(deep: np.ndarray) -> np.ndarray:
    return np.round(deep / 257).astype(np.uint8)


EDGES = np.array(
    [0, 1, 127, 128, 129, 254, 255, 256, 257, 258, 384, 385, 386, 32767, 32768, 65151, 65278, 65406, 65407, 65535]
)


def test_all_sixteen_bit_values_are_rounded(tmp_path: Path, make: Any) -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    media = read(tmp_path, make.png(np.dstack([ramp] * 3)))
    assert (media.pixels == np.dstack([rounded(ramp)] * 3)).all()
    assert media.notes == ("16 bits a channel, reduced to 8 for measuring",)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png(tmp_path: Path, make: Any, channels: int) -> None:
    deep = DEEP[..., :channels].copy()
    media = read(tmp_path, make.png(deep))
    eight = rounded(deep)
    colours = eight[..., : 3 if channels > 2 else 1]
    truth = np.broadcast_to(colours, (24, 36, 3)).astype(float)
    if channels in (2, 4):
        truth = mixed(truth, eight[..., -1])
    assert np.abs(media.pixels - truth).max() <= 0.5 + 1e-9
    assert len(media.notes) == 1 + (channels in (2, 4))


@pytest.mark.parametrize("channels, mark", [(1, "H"), (3, "3H")])
def test_the_transparent_colour_of_a_sixteen_bit_png_counts_all_bits(
    tmp_path: Path, make: Any, channels: int, mark: str
) -> None:
    deep = np.full((4, 4, channels), 40_000, np.uint16)
    deep[:2] += 1  # the same upper byte
    media = read(tmp_path, make.png(deep, chunks=[(b"tRNS", struct.pack(f">{mark}", *[40_000] * channels))]))
    assert (media.pixels[2:] == MATTE).all()
    assert (media.pixels[:2] == rounded(np.array(40_001))).all()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib", "predictor": True}, {"compression": "zlib"}, {"tile": (16, 16)}, {"bigtiff": True}],
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bit_tiff(tmp_path: Path, order: str, options: dict[str, Any], channels: int) -> None:
    if options == {"bigtiff": True} and order == ">":
        options = {}
    deep = DEEP[..., :channels].squeeze()
    extra: dict[str, Any] = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    extra["byteorder"] = order
    photometric = "minisblack" if channels == 1 else "rgb"
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric=photometric, **options, **extra)
    media = open_media(tmp_path / "a.tif")
    eight = rounded(deep if channels > 1 else deep[..., None])
    truth = np.broadcast_to(eight[..., :3], (24, 36, 3)).astype(float)
    if channels == 4:
        truth = mixed(truth, eight[..., 3])
    assert np.abs(media.pixels - truth).max() <= 0.5 + 1e-9  # type: ignore[union-attr]
    assert media.notes[0].startswith("16 bits")


def test_sixteen_bit_tiff_turned_and_white_is_zero(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", DEEP[..., 0], photometric="miniswhite", extratags=[(274, 3, 1, 6, True)])
    media = open_media(tmp_path / "a.tif")
    assert isinstance(media, Image)
    assert (media.pixels[..., 0] == np.rot90(rounded(65535 - DEEP[..., 0]), -1)).all()


@pytest.mark.parametrize(
    "array, options, words",
    [
        (DEEP[..., :3].astype(np.float32), {"photometric": "rgb"}, "floating point"),
        (DEEP[..., 0].astype(np.float64), {"photometric": "minisblack"}, "floating point"),
        (DEEP[..., 0].astype(np.float16), {"photometric": "minisblack"}, "floating point"),
        (DEEP[..., 0].astype(np.uint32), {"photometric": "minisblack"}, "32 bit"),
        (np.moveaxis(DEEP[..., :3], 2, 0), {"photometric": "rgb", "planarconfig": "separate"}, "separate planes"),
    ],
)  # fmt: skip
def test_tiffs_that_pillow_would_misread_are_refused(
    tmp_path: Path, array: np.ndarray, options: dict[str, Any], words: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    with pytest.raises(MediaError, match=words):
        open_media(tmp_path / "a.tif")


def test_eight_bit_tiff_in_separate_planes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(RGB, 2, 0), photometric="rgb", planarconfig="separate")
    assert (open_media(tmp_path / "a.tif").pixels == RGB).all()  # type: ignore[union-attr]


def test_the_first_of_several_pages_is_measured_and_the_rest_noted(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([RGB, 255 - RGB]), photometric="rgb")
    media = open_media(tmp_path / "a.tif")
    assert isinstance(media, Image)
    assert (media.pixels == RGB).all() and media.notes == ("2 pages: the first is measured",)


# -- profiles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp"])
def test_display_p3_becomes_srgb(tmp_path: Path, make: Any, name: str) -> None:
    # Patches inside sRGB, described in P3: the truth is plain matrix arithmetic.
    wanted = np.array([[200, 80, 60], [60, 150, 70], [70, 90, 190], [128, 128, 128], [230, 220, 120]], float)
    linear = np.where(wanted <= 10.31475, wanted / 255 / 12.92, ((wanted / 255 + 0.055) / 1.055) ** 2.4)
    in_p3 = linear @ make.SRGB_TO_XYZ.T @ np.linalg.inv(make.P3_TO_XYZ).T
    codes = np.round(255 * np.clip(in_p3, 0, 1) ** (1 / 2.2)).astype(np.uint8)
    stored = np.broadcast_to(codes[:, None].repeat(16, 1).reshape(1, 80, 3), (16, 80, 3))
    options = {"quality": 100, "subsampling": 0} if name == "a.jpg" else {"lossless": True} if name == "a.webp" else {}
    media = read(tmp_path, Pillow.fromarray(stored.copy()), name, icc_profile=make.p3_profile(), **options)
    assert np.abs(media.pixels[8, 8::16] - wanted).max() <= 3
    assert np.abs(codes - wanted).max() > 10  # without the profile it would have been wrong
    assert media.notes == ()


def test_a_profile_counts_for_sixteen_bits_and_transparency_too(tmp_path: Path, make: Any) -> None:
    plain = read(tmp_path, Pillow.fromarray(RGB), icc_profile=make.p3_profile()).pixels
    deep = np.dstack([RGB, np.full_like(GREY, 255)]).astype(np.uint16) * 257
    chunk = (b"iCCP", b"p3\0\0" + zlib.compress(make.p3_profile()))
    assert (read(tmp_path, make.png(deep, chunks=[chunk])).pixels == plain).all()
    half = read(tmp_path, Pillow.fromarray(np.dstack([RGB, np.full_like(GREY, 128)])), icc_profile=make.p3_profile())
    assert np.abs(half.pixels - mixed(plain, np.full(GREY.shape, 128))).max() <= 0.5 + 1e-9


def test_srgb_by_any_name_changes_nothing(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    media = read(tmp_path, Pillow.fromarray(RGB), icc_profile=profile)
    assert (media.pixels == RGB).all() and media.notes == ()


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("gamma", [1.0, 1.8])
def test_a_grey_profile(tmp_path: Path, make: Any, alpha: bool, gamma: float) -> None:
    picture = Pillow.fromarray(GREY)
    if alpha:
        picture = Pillow.merge("LA", [picture, Pillow.new("L", picture.size, 255)])
    media = read(tmp_path, picture, icc_profile=make.grey_profile(gamma))
    truth = make.srgb_encoded((GREY / 255.0) ** gamma)
    assert np.abs(media.pixels - truth[..., None]).max() <= 1


@pytest.mark.parametrize("profile", [b"\0" * 200, b"not a profile", b"x"])
def test_a_broken_profile_is_noted(tmp_path: Path, profile: bytes) -> None:
    media = read(tmp_path, Pillow.fromarray(RGB), icc_profile=profile)
    assert (media.pixels == RGB).all()
    assert len(media.notes) == 1 and "ICC profile not used" in media.notes[0] and "sRGB" in media.notes[0]


def test_a_profile_of_another_colour_space_is_noted(tmp_path: Path, make: Any) -> None:
    media = read(tmp_path, Pillow.fromarray(RGB), icc_profile=make.grey_profile(1.0))
    assert (media.pixels == RGB).all() and "it is for GRAY, the picture is RGB" in media.notes[0]


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_without_a_profile_is_converted_naively_and_says_so(tmp_path: Path, name: str) -> None:
    inks = np.zeros((16, 64, 4), np.uint8)
    inks[:, :16, 0], inks[:, 16:32, 1], inks[:, 32:48, 2], inks[:, 48:, 3] = 255, 255, 255, 128
    options = {"quality": 100} if name == "a.jpg" else {}
    media = read(tmp_path, Pillow.fromarray(inks, "CMYK"), name, **options)
    truth = [(0, 255, 255), (255, 0, 255), (255, 255, 0), (127, 127, 127)]
    assert np.abs(media.pixels[8, 8::16].astype(int) - truth).max() <= 3
    assert media.notes == ("CMYK without an ICC profile: converted by (1 - C)(1 - K)",)


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_with_a_profile(tmp_path: Path, make: Any, name: str) -> None:
    from skimage.color import lab2xyz

    inks_to_lab = {
        (1, 0, 0, 0): (60.0, -20.0, -25.0),
        (0, 1, 0, 0): (48.0, 60.0, -5.0),
        (0, 0, 0, 0): (100.0, 0.0, 0.0),
    }
    profile = make.cmyk_profile(lambda inks: inks_to_lab.get(tuple(inks), (0.0, 0.0, 0.0)))
    inks = np.zeros((16, 48, 4), np.uint8)
    inks[:, :16, 0], inks[:, 16:32, 1] = 255, 255
    options = {"quality": 100} if name == "a.jpg" else {}
    media = read(tmp_path, Pillow.fromarray(inks, "CMYK"), name, icc_profile=profile, **options)
    linear = lab2xyz(np.array(list(inks_to_lab.values())), illuminant="D50") @ np.linalg.inv(make.SRGB_TO_XYZ).T
    assert media.notes == ()
    assert np.abs(media.pixels[8, 8::16] - make.srgb_encoded(linear)).max() <= 4


def test_a_png_gamma_that_is_not_srgb_is_noted(tmp_path: Path, make: Any) -> None:
    linear = read(tmp_path, make.png(RGB, bits=8, chunks=[(b"gAMA", struct.pack(">I", 100_000))]))
    assert linear.notes == ("PNG gamma 1 is not applied: read as sRGB",)
    assert read(tmp_path, make.png(RGB, bits=8, chunks=[(b"gAMA", struct.pack(">I", 45_455))])).notes == ()


# -- damage -----------------------------------------------------------------------------------------------------------


def saved(name: str, array: np.ndarray = RGB, **options: Any) -> bytes:
    sink = BytesIO()
    Pillow.fromarray(array).save(sink, {"jpg": "JPEG", "tif": "TIFF"}.get(name, name.upper()), **options)
    return sink.getvalue()


@pytest.mark.parametrize("pillow_is_lenient", [False, True])
@pytest.mark.parametrize("name", ["png", "jpg", "webp", "gif", "tif"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_file_cut_short_is_never_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, share: float, pillow_is_lenient: bool
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", pillow_is_lenient)
    big = RNG.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    data = saved(name, big, **({"compression": "tiff_lzw"} if name == "tif" else {}))
    path = tmp_path / f"a.{name}"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(MediaError, match="cannot read '.*a." + name):
        list(open_media(path).frames())
    assert ImageFile.LOAD_TRUNCATED_IMAGES is pillow_is_lenient


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "empty"), (b"hello, this is a text file\n" * 9, "not a picture or clip"),
        (b"\x89PNG\r\n\x1a\n", "cannot read"),
        (b"\xff\xd8\xff", "cannot read"), (b"GIF89a", "cannot read"), (b"RIFF\x10\0\0\0WEBP", "cannot read"),
        (b"II*\0\x08\0\0\0", "cannot read"), (b"MM\0+" + b"\0" * 60, "big-endian BigTIFF"),
        (b"x", "not a picture"),
        (b"\x76\x2f\x31\x01" + b"\0" * 60, "header is damaged"),
        (b"SDPX" + b"\0" * 60, "DPX"), (b"8BPS" + b"\0" * 60, "Photoshop"), (b"BM" + b"\0" * 60, "BMP"),
        (b"\0\0\0\x20ftypavif" + b"\0" * 60, "AVIF"), (b"\0\0\0\x20ftypheic" + b"\0" * 60, "HEIF"),
        (b"RIFF\x10\0\0\0AVI LIST", "AVI"), (b"#EXTM3U\nhttp://localhost/a.ts\n", "not a picture or clip"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "not a picture or clip"), (b"<svg xmlns='x'/>", "not a picture"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_named_by_its_content(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=words) as caught:
        open_media(path)
    assert repr(str(path)) in str(caught.value) and ";" in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="No such file"):
        open_media(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(saved("png"))
    with pytest.raises(MediaError, match="Not a directory"):
        open_media(tmp_path / "b.png" / "c.png")


def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(saved("png"))
    path.chmod(0)
    user = os.geteuid()
    if user == 0:  # root reads everything: ask as somebody else
        os.seteuid(65534)
    try:
        with pytest.raises(MediaError, match="Permission denied"):
            open_media(path)
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("width, height", [(20_000, 10_001), (100_000, 100_000), (2**31 - 1, 1)])
def test_a_picture_that_claims_too_many_pixels_is_not_decoded(
    tmp_path: Path, make: Any, width: int, height: int
) -> None:
    data = bytearray(make.png(RGB, bits=8))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(MediaError, match="limit is 200 megapixels"):
        open_media(path)


def test_a_picture_beyond_the_limit_of_pillow_is_read_quietly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (read(tmp_path, Pillow.fromarray(RGB)).pixels == RGB).all()


def test_a_picture_without_pixels_is_refused(tmp_path: Path, make: Any) -> None:
    data = bytearray(make.png(RGB, bits=8))
    data[16:24] = bytes(8)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(MediaError):
        _ = open_media(path).size


def test_pillow_settings_are_restored_with_threads_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    filters = list(warnings.filters)
    inside, leave = threading.Barrier(3), threading.Barrier(3)
    seen = []

    def one() -> None:
        with strict_pillow():
            inside.wait(10)
            seen.append(ImageFile.LOAD_TRUNCATED_IMAGES)
            leave.wait(10)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    leave.wait(10)
    for thread in threads:
        thread.join()
    assert seen == [False, False]
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True and list(warnings.filters) == filters
