"""Media that come inside a request, as base64: a file, an array in NPY, or bare pixels."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from continuity.errors import MediaError, UsageError
from continuity.media import Clip, Image, Media, open_media
from continuity.serving.lines import Keys, Request, cut, needed, path_in, told
from continuity.words import nearest

KEYS: Keys = {"bytes": (str,), "as": (str,), "shape": (list,), "rate": (float, int)}
KINDS = ("file", "npy", "raw")
AXES = (3, 4)  # of a picture, and of a clip


@contextmanager
def opened(request: Request) -> Iterator[Media]:
    """The picture or clip of a request: that of its ``path``, or what its ``bytes`` say.

    Raises:
        UsageError: neither or both, or bytes that are not what ``as`` says.
        MediaError: it cannot be read.
    """
    if ("path" in request) == ("bytes" in request):
        raise UsageError('score: either "path" or "bytes" was wanted, got both or neither')
    if "path" in request:
        yield open_media(Path(path_in(request, "path")))
        return
    content, kind = _content(request["bytes"]), needed(request, "as")
    if kind not in KINDS:
        raise UsageError(f'score: "as": {nearest("kind", cut(kind), KINDS)}')
    if kind == "file":
        with TemporaryDirectory(prefix="continuity-") as folder:
            file = Path(folder, "media")
            file.write_bytes(content)
            try:
                yield open_media(file)
            except MediaError as cause:  # whoever sent bytes knows no such file
                raise MediaError(str(cause).replace(os.fspath(file), cut(request.get("name") or "bytes"))) from cause
        return
    array = _npy(content) if kind == "npy" else _raw(content, needed(request, "shape"))
    yield Clip.from_arrays(array, needed(request, "rate")) if array.ndim == max(AXES) else Image.from_array(array)


def _content(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as cause:
        raise UsageError(f'score: "bytes": base64 was wanted ({cause})') from None


def _npy(content: bytes) -> NDArray[np.uint8]:
    try:
        found = np.load(BytesIO(content), allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError) as cause:
        raise MediaError(f"an array in NPY was wanted, the bytes cannot be read: {cause}") from None
    return _checked(found)


def _raw(content: bytes, shape: list[object]) -> NDArray[np.uint8]:
    if len(shape) not in AXES or not all(type(side) is int and side > 0 for side in shape):
        raise UsageError(
            f'score: "shape": [height, width, 3] or [frames, height, width, 3] was wanted, got {told(shape)}'
        )
    sides = [int(str(side)) for side in shape]
    wanted = int(np.prod(sides, dtype=object))
    if len(content) != wanted:
        raise MediaError(f"{wanted:,} bytes were wanted for shape {sides}, got {len(content):,}")
    return _checked(np.frombuffer(content, np.uint8).reshape(sides))


def _checked(found: object) -> NDArray[np.uint8]:
    if not isinstance(found, np.ndarray) or found.dtype != np.uint8 or found.ndim not in AXES:
        what = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise MediaError(f"a uint8 array of height x width x 3 was wanted, with frames first for a clip, got {what}")
    return found
