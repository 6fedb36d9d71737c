from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pil

from continuity.errors import UsageError
from continuity.generators.diffusers.media_arguments import PNG_MODES, decode, encode, fresh, is_media
from continuity.media import Clip
from continuity.records import InputMedium


def picture(mode: str) -> Any:
    noise = np.random.default_rng(1).integers(0, 255, (9, 7, 4), dtype=np.uint8)
    return Pil.fromarray(noise, "RGBA").convert("RGB").convert(mode) if mode != "RGBA" else Pil.fromarray(noise)


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple):
        return isinstance(other, list) and len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, Pil.Image):
        return (one.mode, one.size, one.tobytes()) == (other.mode, other.size, other.tobytes())
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)
    return type(one) is type(other) and one == other


VALUES: dict[str, Any] = {
    **{f"picture {mode}": picture(mode) for mode in PNG_MODES},
    "array of bytes": np.arange(24, dtype=np.uint8).reshape(2, 4, 3),
    "array of floats": np.linspace(-1, 1, 24, dtype=np.float16).reshape(1, 2, 4, 3),
    "array with NaN": np.array([np.nan, np.inf]),
    "no array to speak of": np.zeros((0, 3)),
    "tensor": torch.randn(1, 4, 8, 8),
    "tensor in bfloat16": torch.randn(2, 3).to(torch.bfloat16),
    "tensor that is no block": torch.arange(12).reshape(3, 4).T,
    "one number": torch.tensor(3.5),
    "pictures": [picture("RGB"), picture("L")],
    "tuple": (picture("RGB"), np.ones(2)),
    "lists in lists": [[picture("RGB")], [picture("RGB"), picture("RGBA")]],
    "with gaps": [None, picture("RGB"), 0.5, "left"],
    "mapping": {"masks": [torch.ones(1, 1, 4, 4)], "a/b": 1, "": picture("L")},
    "many": [np.full((1,), k) for k in range(12)],
}


@pytest.mark.parametrize("name", VALUES)
def test_the_very_same_argument_comes_back(name: str) -> None:
    value = VALUES[name]
    assert is_media(value)
    medium = encode(value)
    assert equal(value, decode(medium))
    assert equal(value, fresh(value))
    assert encode(value).digest == medium.digest == encode(decode(medium)).digest


@pytest.mark.parametrize("value", [None, 1, "a.png", [1, 2], (64, 64), {"a": [1.0]}, [], {}, b"bytes"])
def test_what_is_plain_stays_plain(value: Any) -> None:
    assert not is_media(value)


@pytest.mark.parametrize(
    "value", [Pil.new("CMYK", (2, 2)), Pil.new("F", (2, 2)), np.array([object()]), [np.ones(1), object()]]
)
def test_what_cannot_be_kept_exactly_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="convert it first"):
        encode(value)


def test_copies_are_copies() -> None:
    given = {"a": [np.zeros(2), torch.zeros(2), picture("L")]}
    copied = fresh(given)
    copied["a"][0][:] = 1
    copied["a"][1][:] = 1
    copied["a"][2].putpixel((0, 0), 7)
    assert given["a"][0].sum() == given["a"][1].sum() == 0
    assert equal(given["a"][2], picture("L"))


def test_files_are_read_as_what_they_are(tmp_path: Path) -> None:
    picture("RGB").save(tmp_path / "a.PNG", "PNG")
    np.save(tmp_path / "a.npy", np.ones(3))
    frames = [np.full((16, 16, 3), 10 * k, dtype=np.uint8) for k in range(3)]
    Clip.from_arrays(frames, 8).save(tmp_path / "a.mkv")
    assert equal(decode(encode(tmp_path / "a.PNG")), picture("RGB"))
    assert equal(fresh(tmp_path / "a.npy"), np.ones(3))
    movie = decode(encode(tmp_path / "a.mkv"))
    assert [np.asarray(frame)[0, 0, 0] for frame in movie] == [0, 10, 20]
    held = InputMedium.of_bytes((tmp_path / "a.mkv").read_bytes(), ".mkv")
    assert equal(decode(held), movie)
    assert equal(decode(encode([tmp_path / "a.PNG"])), [picture("RGB")])
    turned = Pil.new("RGB", (4, 2))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "phone.jpg", exif=exif)
    assert decode(encode(tmp_path / "phone.jpg")).size == (2, 4)


def test_a_control_clip_is_handed_over_whole_and_in_order(tmp_path: Path) -> None:
    """81 frames, as many as a video pipeline takes: judging would sample them."""
    frames = [np.full((16, 16, 3), 3 * k, dtype=np.uint8) for k in range(81)]
    Clip.from_arrays(frames, 16).save(tmp_path / "control.mkv")
    handed = [int(np.asarray(frame)[0, 0, 0]) for frame in decode(encode(tmp_path / "control.mkv"))]
    assert handed == [3 * k for k in range(81)]


def broken() -> dict[str, InputMedium]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("000000.exe", b"MZ")
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    png = encode(picture("RGB")).read()
    return {
        "empty": InputMedium.of_bytes(b"", ".png"),
        "cut short": InputMedium.of_bytes(png[: len(png) // 2], ".png"),
        "no array": InputMedium.of_bytes(b"\x93NUMPY", ".npy"),
        "pickled": InputMedium.of_bytes(pickled.getvalue(), ".npy"),
        "no archive": InputMedium.of_bytes(b"PK", ".zip"),
        "strange in an archive": InputMedium.of_bytes(file.getvalue(), ".zip"),
        "no tensor": InputMedium.of_bytes(b"{}", ".safetensors"),
        "no movie": InputMedium.of_bytes(b"moov", ".mp4"),
        "no kind": InputMedium.of_bytes(b"x", ""),
        "another kind": InputMedium.of_bytes(b"x", ".exe"),
    }


@pytest.mark.parametrize("name", broken())
def test_damage_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(UsageError, match=r"wanted|cannot read"):
        decode(broken()[name])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.png"):
        encode(tmp_path / "gone.png")
    with pytest.raises(UsageError, match=r"gone\.png"):
        encode([tmp_path / "gone.png"])
