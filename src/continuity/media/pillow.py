"""Pillow on our terms: by content, with our limit on pixels, strict about damage, and silent."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from continuity.errors import MediaError
from continuity.media.files import shown
from continuity.media.formats import Format, require_clip_size, require_picture_size

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_lock = threading.Lock()
_users = 0
_settings = contextlib.ExitStack()


@contextlib.contextmanager
def strict_pillow() -> Iterator[None]:
    """Run Pillow so that truncated files fail, whatever the program around us set, and nothing reaches the terminal.

    These are settings of the whole interpreter, so users are counted: the first makes them, the last one restores.
    """
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            _settings.enter_context(_refusing_truncated_files())
            _settings.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"PIL\.")
            _settings.enter_context(_silent_libtiff())
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _settings.close()


@contextlib.contextmanager
def _refusing_truncated_files() -> Iterator[None]:
    from PIL import ImageFile

    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


@contextlib.contextmanager
def _silent_libtiff() -> Iterator[None]:
    """Take away libtiff's message printers: what they write to stderr, Pillow raises as well.

    Pillow offers no switch, so they are set through the library that its extension module is linked to. Where that
    hides libtiff's symbols, the lines are printed.
    """
    import ctypes

    from PIL import _imaging

    printers = []
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(_imaging.__file__)
        for setter in (library.TIFFSetErrorHandler, library.TIFFSetWarningHandler):
            setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
            printers.append((setter, setter(None)))
    try:
        yield
    finally:
        for setter, printer in printers:
            setter(printer)


def open_pillow(file: IO[bytes], kind: Format, path: str | os.PathLike[str]) -> ImageFile:
    """Open a file with the one plugin that its content calls for, and check its size before anything is decoded.

    ``PIL.Image.open`` would try every plugin and apply its global limit on pixels; this applies ours.
    """
    from PIL.GifImagePlugin import GifImageFile
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.TiffImagePlugin import TiffImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    plugins: dict[Format, type[ImageFile]] = {
        Format.PNG: PngImageFile,
        Format.JPEG: JpegImageFile,
        Format.WEBP: WebPImageFile,
        Format.GIF: GifImageFile,
        Format.TIFF: TiffImageFile,
    }
    if kind is Format.TIFF:
        _require_readable_tiff(file, path)
    image = plugins[kind](file)
    require_picture_size(path, *image.size)
    if kind is Format.GIF:
        require_clip_size(path, *image.size)
    return image


_BITS, _PLANAR, _SAMPLE_FORMAT = 258, 284, 339


def _require_readable_tiff(file: IO[bytes], path: str | os.PathLike[str]) -> None:
    """Refuse the TIFF layouts that Pillow reads wrongly or not at all, with a sentence for each."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    start = file.tell()
    mark = file.read(8)
    if mark[2:3] == b"+":  # BigTIFF
        mark += file.read(8)
    tags = ImageFileDirectory_v2(mark)
    file.seek(tags.next)
    tags.load(file)
    file.seek(start)
    bits, layout = set(tags.get(_BITS, (1,))), set(tags.get(_SAMPLE_FORMAT, (1,)))
    if layout & {2, 3, 5, 6} or max(bits) > 16:
        name = "floating point" if 3 in layout else f"{max(bits)} bit"
        cause, remedy = f"{name} pixels have no fixed white", "export it display-referred, with 8 or 16 bits a channel"
    elif not bits <= {1, 2, 4, 8, 16}:
        cause, remedy = f"{sorted(bits)} bits a channel are not read", "export it with 8 or 16 bits a channel"
    elif 16 in bits and tags.get(_PLANAR) == 2 and len(tags.get(_BITS, (1,))) > 1:
        cause, remedy = "16 bit channels in separate planes are not read", "export it with interleaved channels"
    else:
        return
    raise MediaError(f"cannot read {shown(path)}: {cause}; {remedy}")
