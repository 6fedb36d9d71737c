"""Call arguments that are pictures, arrays, tensors or files: kept as bytes from which the very same argument is read.

==================  ===============================================================
argument            bytes
==================  ===============================================================
PIL image           ``.png``, its mode unchanged (RGB, L, RGBA, LA, P, 1)
numpy array         ``.npy``
torch tensor        ``.safetensors``, one entry: its dtype unchanged, on the CPU
list of any         ``.zip``, in order; nested lists are nested archives
mapping of any      ``.zip`` with the keys in ``keys.json``
path                the file itself
==================  ===============================================================
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from continuity.errors import ContinuityError, UsageError
from continuity.generators.diffusers import library
from continuity.media import Clip
from continuity.records import InputMedium

PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")
STILLS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
MOVIES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".gif")
KEYS = "keys.json"


class Kept:
    """An input as a value of our own, and as bytes once they are asked for."""

    def __init__(self, given: Any, medium: InputMedium | None = None) -> None:
        self._medium = encode(given) if isinstance(given, os.PathLike) else medium
        self.value = decode(self._medium) if self._medium and not medium else fresh(given)

    @property
    def medium(self) -> InputMedium:
        """The bytes.

        Raises:
            UsageError: as :func:`encode`.
        """
        if self._medium is None:
            self._medium = encode(self.value)
        return self._medium


def is_media(value: object) -> bool:
    """Whether an argument is, or holds, something that JSON cannot and a file can."""
    if isinstance(value, Mapping):
        return any(is_media(one) for one in value.values())
    if isinstance(value, list | tuple):
        return any(is_media(one) for one in value)
    return isinstance(value, np.ndarray | os.PathLike) or _is_picture(value) or _is_tensor(value)


def fresh(value: Any) -> Any:
    """A copy that a pipeline may change in place, with every path in it read."""
    if isinstance(value, Mapping):
        return {key: fresh(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [fresh(one) for one in value]
    if isinstance(value, os.PathLike):
        return decode(InputMedium.of_file(Path(value)))
    if _is_tensor(value):
        return value.detach().clone()
    return value.copy() if isinstance(value, np.ndarray) or _is_picture(value) else value


def encode(value: Any) -> InputMedium:
    """The bytes of an argument.

    Raises:
        UsageError: it is of a kind that the table above has no line for, or cannot be read.
    """
    if isinstance(value, os.PathLike):
        return InputMedium.of_file(Path(value))
    suffix, data = _encoded(value)
    return InputMedium.of_bytes(data, suffix)


def decode(medium: InputMedium) -> Any:
    """The argument that :func:`encode` was given; pictures and movies of other makers too, movies as lists of frames.

    Raises:
        UsageError: the bytes are damaged, or of a kind that is not read.
    """
    try:
        if medium.suffix.lower() in MOVIES:
            return _movie(medium)
        return _decoded(medium.suffix.lower(), medium.read())
    except UsageError:
        raise
    except Exception as cause:
        where = medium.path or f"the input {medium.digest[:12]}"
        raise UsageError(f"an input {medium.suffix or 'file'} was wanted, {where} cannot be read: {cause}") from cause


def _encoded(value: Any) -> tuple[str, bytes]:
    if isinstance(value, Mapping):
        return ".zip", _archive([list(value), *value.values()], first=KEYS)
    if isinstance(value, list | tuple):
        return ".zip", _archive(value)
    if isinstance(value, os.PathLike):
        return Path(value).suffix.lower(), InputMedium.of_file(Path(value)).read()
    file = io.BytesIO()
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        np.save(file, value, allow_pickle=False)
        return ".npy", file.getvalue()
    if _is_tensor(value):
        from safetensors.torch import save

        return ".safetensors", save({"tensor": value.detach().cpu().contiguous()})
    if _is_picture(value) and value.mode in PNG_MODES:
        value.save(file, "PNG", compress_level=1)
        return ".png", file.getvalue()
    if value is None or isinstance(value, bool | int | float | str):
        return ".json", json.dumps(value).encode()
    what = f"a picture of mode {value.mode}" if _is_picture(value) else f"a {type(value).__name__}"
    raise UsageError(
        f"an input is a picture ({', '.join(PNG_MODES)}), an array or tensor of numbers, a path, or a list of them; "
        f"got {what}: convert it first"
    )


def _archive(values: Any, first: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for k, one in enumerate(values):
            if first and k == 0:
                name, data = first, json.dumps(one).encode()
            else:
                suffix, data = _encoded(one)
                name = f"{k:06d}{suffix}"
            archive.writestr(zipfile.ZipInfo(name), data)  # ZipInfo's date is fixed: the same list, the same bytes
    return file.getvalue()


def _decoded(suffix: str, data: bytes) -> Any:
    match suffix:
        case ".npy":
            return np.load(io.BytesIO(data), allow_pickle=False)
        case ".safetensors":
            library.torch()
            from safetensors.torch import load

            return load(data)["tensor"]
        case ".json":
            return json.loads(data)
        case ".zip":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = archive.namelist()
                keys = json.loads(archive.read(names.pop(0))) if names[:1] == [KEYS] else None
                values = [_decoded(Path(name).suffix, archive.read(name)) for name in names]
            return values if keys is None else dict(zip(keys, values, strict=True))
        case _ if suffix in STILLS:
            from PIL import Image, ImageOps

            with Image.open(io.BytesIO(data)) as picture:
                picture.load()
                return ImageOps.exif_transpose(picture) if picture.getexif() else picture.copy()
    raise UsageError(f"an input of a kind that is read was wanted ({', '.join((*STILLS, *MOVIES))}), got {suffix!r}")


def _movie(medium: InputMedium) -> list[Any]:
    """All frames of a movie as RGB pictures, in order."""
    import tempfile

    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        path = medium.path
        if path is None:
            path = Path(folder) / f"input{medium.suffix}"
            path.write_bytes(medium.read())
        try:
            clip = Clip.open(path)  # frames() would sample: a pipeline is given what its user would give it
            return [Image.fromarray(frame.pixels) for frame in clip.at(range(clip.frame_count))]
        except ContinuityError as cause:
            raise UsageError(str(cause)) from cause


def _is_picture(value: object) -> bool:
    """Told without importing Pillow: who passes one has imported it."""
    import sys

    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(value, pillow.Image)


def _is_tensor(value: object) -> bool:
    import sys

    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
