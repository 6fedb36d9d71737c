"""Damaged files of every kind: each is read or refused with a sentence, and nothing is printed or left open."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from continuity.errors import MediaError
from continuity.media import open_media

NOISE = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)


def picture(kind: str, **options: Any) -> Callable[[Path, Any], bytes]:
    def build(folder: Path, make: Any) -> bytes:
        sink = BytesIO()
        Pillow.fromarray(NOISE).save(sink, kind, icc_profile=make.p3_profile(), **options)
        return sink.getvalue()

    return build


def moving(kind: str) -> Callable[[Path, Any], bytes]:
    def build(folder: Path, make: Any) -> bytes:
        sink = BytesIO()
        frames = [Pillow.fromarray(np.roll(NOISE, 5 * i, 0)) for i in range(4)]
        frames[0].save(sink, kind, save_all=True, append_images=frames[1:], duration=40)
        return sink.getvalue()

    return build


def movie(name: str, codec: str, pix_fmt: str, **options: str) -> Callable[[Path, Any], bytes]:
    def build(folder: Path, make: Any) -> bytes:
        return bytes(
            make.encode(folder / name, make.counted(10), codec=codec, pix_fmt=pix_fmt, options=options).read_bytes()
        )

    return build


KINDS: dict[str, Callable[[Path, Any], bytes]] = {
    "a.png": picture("PNG"),
    "deep.png": lambda folder, make: bytes(make.png(NOISE.astype(np.uint16) * 257)),
    "a.jpg": picture("JPEG"),
    "a.webp": picture("WEBP"),
    "a.tif": picture("TIFF", compression="tiff_lzw"),
    "moving.gif": moving("GIF"),
    "moving.webp": moving("WEBP"),
    "moving.png": moving("PNG"),
    "a.mp4": movie("s.mp4", "libx264", "yuv420p"),
    "a.mov": movie("s.mov", "mjpeg", "yuvj420p"),
    "a.mkv": movie("s.mkv", "ffv1", "bgr0"),
    "a.webm": movie("s.webm", "libvpx-vp9", "yuv420p", deadline="realtime"),
}


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    place = int(rng.integers(len(data) - 4))
    way = int(rng.integers(5))
    if way == 0:
        for spot in rng.integers(0, len(data), int(rng.integers(1, 20))):
            changed[spot] = int(rng.integers(256))
    elif way == 1:
        del changed[place:]
    elif way == 2:
        changed[place:place] = rng.bytes(int(rng.integers(1, 60)))
    elif way == 3:
        del changed[place : place + int(rng.integers(1, 60))]
    else:
        changed[place : place + 4] = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1")[
            int(rng.integers(4))
        ]
    return bytes(changed)


@pytest.mark.parametrize("name", KINDS)
def test_mutated_files_are_read_or_refused(
    tmp_path: Path, make: Any, name: str, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    data = KINDS[name](tmp_path, make)
    path = tmp_path / name
    path.write_bytes(data)
    assert len(list(open_media(path).frames())) >= 1
    capfd.readouterr()
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    refused = 0
    for _ in range(30):
        path.write_bytes(mutated(data, rng))
        try:
            media = open_media(path)
            for frame in media.frames():
                assert frame.pixels.dtype == np.uint8 and frame.pixels.shape == (*media.size[::-1], 3)
        except MediaError as error:
            refused += 1
            assert str(error).startswith("cannot read '") and "; " in str(error) and "\n" not in str(error)
    assert refused > 0
    assert capfd.readouterr() == ("", "") and list(recwarn) == []
