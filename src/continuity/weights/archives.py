"""Reads one member of an archive by its exact name. Nothing is ever unpacked to a path that an archive names."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from continuity.errors import DownloadError

CHUNK = 2**20
_TAIL = 64 * 2**10  # an end-of-archive record and, in most wheels, the whole central directory
_PIECE_LIMIT = 64 * 2**20
_HEADER_SLACK = 4096  # a local header's extra field may be longer than the central one

Fetch = Callable[[int | None, int], tuple[bytes, int] | None]


def member_of(path: Path, name: str, size: int) -> Iterator[bytes]:
    """The bytes of one member of a zip (wheel) or tar.gz file, in chunks.

    Raises:
        DownloadError: no such member, not a file, not ``size`` bytes, or a damaged archive.
    """
    if path.name.removesuffix(".part").endswith(".tar.gz"):
        return _tar_member(path, name, size)
    return _zip_file_member(path, name, size)


def bunzipped(path: Path) -> Iterator[bytes]:
    """The content of a .bz2 file, in chunks.

    Raises:
        DownloadError: it is damaged.
    """
    with _translated(), bz2.open(path) as stream:
        yield from _chunks(stream)


def plain(path: Path) -> Iterator[bytes]:
    """The content of a file, in chunks."""
    with path.open("rb") as stream:
        yield from _chunks(stream)


class RemoteZip:
    """A zip file on a web server, of which only the directory and the members asked for are fetched.

    The digest of the archive cannot be checked this way; that of each member must be.
    """

    def __init__(self, remote: RemoteFile) -> None:
        self._remote = remote
        with _translated():
            self._zip = zipfile.ZipFile(remote)

    def member(self, name: str, size: int) -> Iterator[bytes]:
        """As :func:`member_of`."""
        with _translated():
            info = _zip_info(self._zip, name, size)
            if info.compress_size > size + size // 1000 + 1024:
                raise DownloadError(f"its {name} is longer packed than unpacked")
            header = 30 + len(info.orig_filename.encode()) + len(info.extra) + _HEADER_SLACK
            self._remote.fetch(info.header_offset, info.header_offset + header + info.compress_size)
            yield from _zip_member(self._zip, info)


class RemoteFile(io.RawIOBase):
    """A seekable file that lives on a server and fetches what is read, in as few ranges as the reader allows.

    ``get`` is given a start and the byte after the last (a start of None: the last that many bytes) and returns the
    bytes with the size of the whole; None means that the server has no ranges, which makes :meth:`opened` None.
    """

    def __init__(self, get: Fetch, tail: bytes, total: int) -> None:
        super().__init__()
        self._get, self._total, self._at = get, total, 0
        self._start, self._bytes = total - len(tail), tail

    @classmethod
    def opened(cls, get: Fetch) -> RemoteFile | None:
        """The file behind ``get``; None where the server has no ranges."""
        tail = get(None, _TAIL)
        return None if tail is None else cls(get, *tail)

    def fetch(self, start: int, stop: int) -> None:
        """Makes the bytes from ``start`` to before ``stop`` the ones that are here."""
        stop = min(stop, self._total)
        if not 0 <= start < stop or stop - start > _PIECE_LIMIT:
            raise DownloadError(f"its directory names the bytes {start} to {stop}, which cannot be")
        found = self._get(start, stop)
        if found is None or found[1] != self._total:
            raise DownloadError("it stopped serving ranges")
        self._start, self._bytes = start, found[0]

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position, in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As in :class:`io.IOBase`; fetches nothing."""
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._total}[whence])
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the file."""
        stop = self._total if size < 0 else min(self._at + size, self._total)
        if stop <= self._at:
            return b""
        if not (self._start <= self._at and stop <= self._start + len(self._bytes)):
            self.fetch(self._at, max(stop, self._at + _TAIL))
        found = self._bytes[self._at - self._start : stop - self._start]
        self._at = stop
        return found


class _Bounded(io.RawIOBase):
    """A stream that refuses to go on for ever: a few bytes of gzip can stand for terabytes."""

    def __init__(self, inner: IO[bytes], limit: int) -> None:
        super().__init__()
        self._inner, self._left = inner, limit

    def read(self, size: int = -1) -> bytes:
        found = self._inner.read(min(size, CHUNK) if size >= 0 else CHUNK)
        self._left -= len(found)
        if self._left < 0:
            raise DownloadError("it unpacks to far more than it should")
        return found


def _tar_member(path: Path, name: str, size: int) -> Iterator[bytes]:
    with _translated(), path.open("rb") as packed, gzip.GzipFile(fileobj=packed) as unpacked:
        bounded = _Bounded(unpacked, 4 * path.stat().st_size + size + 16 * 2**20)  # type: ignore[arg-type]
        with tarfile.open(fileobj=bounded, mode="r|") as tar:
            for info in tar:
                if info.name != name:
                    continue
                stream = tar.extractfile(info) if info.isreg() else None
                if stream is None:
                    raise DownloadError(f"its {name} is not a file")
                _same_size(name, info.size, size)
                yield from _chunks(stream)
                return
    raise DownloadError(f"it has no member {name}")


def _zip_file_member(path: Path, name: str, size: int) -> Iterator[bytes]:
    with _translated(), zipfile.ZipFile(path) as archive:
        yield from _zip_member(archive, _zip_info(archive, name, size))


def _zip_info(archive: zipfile.ZipFile, name: str, size: int) -> zipfile.ZipInfo:
    try:
        info = archive.getinfo(name)
    except KeyError as failure:
        raise DownloadError(f"it has no member {name}") from failure
    _same_size(name, info.file_size, size)
    return info


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(info) as stream:
        yield from _chunks(stream)


def _same_size(name: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise DownloadError(f"its {name} has {found} bytes instead of {wanted}")


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


@contextmanager
def _translated() -> Iterator[None]:
    """What the archive readers of the standard library raise, as one reason."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        lzma.LZMAError,
        struct.error,
        EOFError,
        OSError,
        ValueError,
        OverflowError,
        RuntimeError,  # an encrypted member; NotImplementedError, an unknown compression, is one
    ) as failure:
        raise DownloadError(f"it is damaged ({failure or type(failure).__name__})") from failure
