"""Inputs made from scratch: colour bars converted to Y'CbCr by numpy, so that no test trusts the code under test."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

# 75 % and 100 % bars, skin and greys: (columns, 3) RGB.
BARS = np.array(
    [
        (255, 255, 255), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191), (0, 0, 0),
        (255, 0, 0), (0, 255, 0), (0, 0, 255), (224, 172, 105), (141, 85, 36), (64, 64, 64), (128, 128, 128),
        (12, 20, 30),
    ],
    dtype=np.uint8,
)  # fmt: skip
# Luma weights of red and blue: ITU-R BT.709-6, BT.601-7, BT.2020-2.
WEIGHTS = {"709": (0.2126, 0.0722), "601": (0.299, 0.114), "2020": (0.2627, 0.0593)}


def bars(width: int, height: int) -> np.ndarray:
    """The bars as a picture, each ``width / 16`` wide."""
    return np.broadcast_to(BARS.repeat(width // 16, axis=0), (height, width, 3)).copy()


def interiors(picture: np.ndarray) -> np.ndarray:
    """The middle of each bar, away from subsampled edges: (height, 16, 3)."""
    step = picture.shape[1] // 16
    return picture[:, step // 2 :: step]


def ycbcr(rgb: np.ndarray, standard: str, *, full: bool, bits: int) -> np.ndarray:
    """HxWx3 sRGB code values as quantised Y'CbCr: ITU-R BT.709-6, items 3.2 to 3.4 and 4.6, and JFIF for full range."""
    red_weight, blue_weight = WEIGHTS[standard]
    red, green, blue = np.moveaxis(rgb / 255.0, -1, 0)
    luma = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
    cb, cr = (blue - luma) / (2 - 2 * blue_weight), (red - luma) / (2 - 2 * red_weight)
    top, scale = 2**bits - 1, 2 ** (bits - 8)
    if full:
        planes = np.stack([luma * top, cb * top + (top + 1) / 2, cr * top + (top + 1) / 2], -1)
    else:
        planes = np.stack([16 + 219 * luma, 128 + 224 * cb, 128 + 224 * cr], -1) * scale
    return np.clip(np.round(planes), 0, top)


def planar(rgb: np.ndarray, pix_fmt: str, standard: str, *, full: bool) -> av.VideoFrame:
    """A frame of planar Y'CbCr, subsampled by dropping: bars are wide enough for it."""
    bits = 10 if "10" in pix_fmt else 8
    dtype = np.dtype("<u2") if bits > 8 else np.dtype("u1")
    values = ycbcr(rgb, standard, full=full, bits=bits).astype(dtype)
    down, across = {"420": (2, 2), "422": (1, 2), "444": (1, 1)}[pix_fmt[4:7] if pix_fmt[3] == "j" else pix_fmt[3:6]]
    frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], pix_fmt)
    parts = [values[..., 0], values[::down, ::across, 1], values[::down, ::across, 2]]
    for plane, part in zip(frame.planes, parts, strict=True):
        rows = np.zeros((plane.height, plane.line_size // dtype.itemsize), dtype)
        rows[:, : part.shape[1]] = part
        plane.update(rows.tobytes())
    return frame


def encode(
    path: Path,
    frames: Iterable[np.ndarray | av.VideoFrame],
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: Fraction | int = 24,
    options: dict[str, str] | None = None,
    tags: dict[str, int] | None = None,
    matrix: Sequence[int] | None = None,
    times: Sequence[int] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write frames (RGB arrays go through libav's own conversion) as a movie; ``times`` in 1/1000 s."""
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=rate, options=options or {}))
        stream.pix_fmt = pix_fmt
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        started = False
        for index, item in enumerate(frames):
            frame = item if isinstance(item, av.VideoFrame) else av.VideoFrame.from_ndarray(item, format="rgb24")
            if not started:
                stream.width, stream.height = frame.width, frame.height
                if matrix is not None:
                    stream.set_display_matrix(matrix)
                started = True
            if times is not None:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def counted(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Frames that say their own number: left half grey 4 * index modulo 256, right half a moving pattern."""
    pattern = np.random.default_rng(7).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    pattern = pattern.repeat(8, 0).repeat(8, 1)
    frames = []
    for index in range(count):
        frame = np.roll(pattern, index * 3, axis=1)
        frame[:, : width // 2] = index * 4 % 256
        frames.append(frame)
    return frames


def png(array: np.ndarray, *, bits: int = 16, chunks: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """An uncompromising PNG writer (W3C PNG, no filter) for depths that Pillow cannot write."""
    height, width = array.shape[:2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[1 if array.ndim == 2 else array.shape[2]]
    rows = array.reshape(height, -1).astype(">u2" if bits == 16 else "u1")
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    body = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)),
        *chunks,
        (b"IDAT", data),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in body
    )


def _tag(name: bytes, content: bytes) -> tuple[bytes, bytes]:
    return name, content + b"\0" * (-len(content) % 4)


def icc(space: bytes, connection: bytes, tags: Sequence[tuple[bytes, bytes]], device: bytes = b"mntr") -> bytes:
    """An ICC version 2 profile (ICC.1:2001-04) from its tags."""
    head = 128 + 4 + 12 * len(tags)
    table, body = b"", b""
    for name, content in (_tag(*tag) for tag in tags):
        table += name + struct.pack(">II", head + len(body), len(content))
        body += content
    illuminant = struct.pack(">3i", *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)))
    header = struct.pack(">I", head + len(body)) + b"none" + struct.pack(">I", 0x02400000) + device + space + connection
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + illuminant
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _text(name: bytes, content: str) -> tuple[bytes, bytes]:
    raw = content.encode() + b"\0"
    if name == b"cprt":
        return name, b"text\0\0\0\0" + raw
    return name, b"desc\0\0\0\0" + struct.pack(">I", len(raw)) + raw + b"\0" * 78


def _xyz(name: bytes, values: Iterable[float]) -> tuple[bytes, bytes]:
    return name, b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def _gamma(name: bytes, gamma: float) -> tuple[bytes, bytes]:
    return name, b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


D50 = (0.9642, 1.0, 0.8249)
# Display P3 primaries, adapted to D50 by Bradford, as columns X, Y, Z of red, green, blue.
P3_TO_XYZ = np.array([[0.515102, 0.291965, 0.157153], [0.241182, 0.692236, 0.066582], [-0.001050, 0.041882, 0.784378]])
SRGB_TO_XYZ = np.array([[0.436066, 0.385147, 0.143066], [0.222488, 0.716873, 0.060608], [0.013916, 0.097076, 0.714096]])


def p3_profile(gamma: float = 2.2) -> bytes:
    """Display P3 primaries with a plain gamma."""
    return icc(
        b"RGB ", b"XYZ ",
        [_text(b"desc", "test P3"), _text(b"cprt", "none"), _xyz(b"wtpt", D50)]
        + [_xyz(name, P3_TO_XYZ[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))]
        + [_gamma(name, gamma) for name in (b"rTRC", b"gTRC", b"bTRC")],
    )  # fmt: skip


def grey_profile(gamma: float) -> bytes:
    """Grey with a plain gamma."""
    return icc(
        b"GRAY", b"XYZ ",
        [_text(b"desc", "test grey"), _text(b"cprt", "none"), _xyz(b"wtpt", D50), _gamma(b"kTRC", gamma)],
    )  # fmt: skip


def cmyk_profile(corner: Callable[[Sequence[int]], tuple[float, float, float]]) -> bytes:
    """CMYK by a table of its 16 corners to Lab (lut8Type): ``corner`` gives L*, a*, b* for inks of 0 or 1."""
    ramp = bytes(range(256))
    grid = b""
    for index in range(16):
        lightness, a, b = corner([index >> 3 & 1, index >> 2 & 1, index >> 1 & 1, index & 1])
        grid += bytes([round(lightness * 2.55), round(a + 128), round(b + 128)])
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + grid + ramp * 3
    return icc(
        b"CMYK", b"Lab ",
        [_text(b"desc", "test CMYK"), _text(b"cprt", "none"), _xyz(b"wtpt", D50), (b"A2B0", lut), (b"A2B1", lut)],
        device=b"prtr",
    )  # fmt: skip


def srgb_encoded(linear: np.ndarray) -> np.ndarray:
    """Linear light to sRGB code values (IEC 61966-2-1), clipped."""
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def exr(
    path: Path,
    pixels: np.ndarray,
    *,
    names: Sequence[str] = "RGBA",
    depth: str = "float",
    at: tuple[int, int] = (0, 0),
    display: tuple[int, int] | None = None,
    compression: str = "zip",
    **attributes: object,
) -> Path:
    """An OpenEXR file of HxWxC floats, its data window ``at`` (left, top) of a display window of (width, height)."""
    import OpenImageIO

    height, width, channels = pixels.shape
    spec = OpenImageIO.ImageSpec(width, height, channels, depth)
    spec.channelnames = tuple(names[:channels])
    spec.x, spec.y = at
    spec.full_width, spec.full_height = display or (width, height)
    spec.attribute("compression", compression)
    attributes = {name: value for name, value in attributes.items() if value != ()}
    for name, value in attributes.items():
        kind = {"chromaticities": "float[8]", "framesPerSecond": "rational"}.get(name)
        # The writer has its own mind on what it knows: written under another name and renamed below.
        spec.attribute(name, kind, value) if kind else spec.attribute(name[:-1] + "X", value)
    file = OpenImageIO.ImageOutput.create(str(path))
    assert file.open(str(path), spec) and file.write_image(np.ascontiguousarray(pixels)), file.geterror()
    assert file.close()
    content = path.read_bytes()
    for name in attributes:
        content = content.replace(name[:-1].encode() + b"X\0", name.encode() + b"\0")
    path.write_bytes(content.replace(b"oiio_ColorSpace\0", b"oiio:ColorSpace\0"))
    return path


@pytest.fixture(scope="session")
def make() -> object:
    """The functions of this file, for tests in files beside it."""
    import sys

    return sys.modules[__name__]
