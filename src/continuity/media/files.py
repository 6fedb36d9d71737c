"""Files as media need them: opened without blocking, digested in pieces, replaced as a whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from continuity.errors import ContinuityError, MediaError, UsageError

PIECE = 1 << 20  # bytes read at once when a file is digested or copied


def path_of(given: str | os.PathLike[str], what: str) -> Path:
    """Return a path that a caller gave for ``what``, in words such as ``a ledger``.

    Raises:
        UsageError: it is no path, which is easily so where a variable was never set.
    """
    try:
        return Path(os.fsdecode(given))
    except TypeError:
        got = repr(given) if given is None or isinstance(given, int | float) else f"an object of {type(given).__name__}"
        raise UsageError(f"the path of {what} was wanted, got {got}: give it as text or as a pathlib.Path") from None


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path as messages show it: quoted, with control characters and undecodable bytes escaped."""
    return repr(os.fspath(path))


def reason(error: BaseException) -> str:
    """Return what went wrong in one line, whatever raised it."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0].strip().rstrip(".") or type(error).__name__


@contextlib.contextmanager
def translated(doing: str, path: str | os.PathLike[str], remedy: str) -> Iterator[None]:
    """Turn any foreign exception into a ``MediaError`` that names the file, the cause and what to do.

    Decoders given damaged input raise whatever comes up (``struct.error``, ``SyntaxError``, ``IndexError``), so no list
    of exception types is complete here.
    """
    try:
        yield
    except ContinuityError:
        raise
    except Exception as error:
        raise MediaError(f"cannot {doing} {shown(path)}: {reason(error)}; {remedy}") from error


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; False also where it cannot be looked at: opening it then gives the sentence."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def digest_of(content: bytes) -> str:
    """Return the digest of source bytes: 256 bits of BLAKE2b as ``b2-<hex>``."""
    return "b2-" + hashlib.blake2b(content, digest_size=32).hexdigest()


@dataclass(slots=True)
class SourceFile:
    """A regular file that must stay the same from the first look to the last copy.

    What was measured has to be what is saved, so every opening compares device, inode, size and time of change with
    those of the first, and every full reading compares digests.

    Raises:
        MediaError: the file is missing, not readable, not a regular file, empty, or changed since it was first opened.
    """

    path: Path
    _identity: tuple[int, int, int, int] | None = field(default=None, repr=False)
    _digest: str | None = field(default=None, repr=False)

    def open(self) -> BinaryIO:
        """Open the file for reading. A FIFO, socket or device is refused without being waited for."""
        with translated("read", self.path, "check the path and its permissions"):
            self._refuse_special(self.path.stat())  # before opening: opening some devices already acts on them
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                status = os.fstat(descriptor)
                self._refuse_special(status)
                self._compare(status)
                return os.fdopen(descriptor, "rb")
            except BaseException:
                os.close(descriptor)
                raise

    def read(self) -> bytes:
        """Return the whole content; for pictures, which have to be decoded from memory anyway."""
        with self.open() as file, translated("read", self.path, "check the disk"):
            content = file.read()
        self._settle(digest_of(content))
        return content

    @property
    def digest(self) -> str:
        """BLAKE2b of the content, read in pieces."""
        if self._digest is None:
            sink = hashlib.blake2b(digest_size=32)
            with self.open() as file, translated("read", self.path, "check the disk"):
                while piece := file.read(PIECE):
                    sink.update(piece)
            self._settle("b2-" + sink.hexdigest())
        assert self._digest is not None  # noqa: S101  (for the type checker: _settle has just set it)
        return self._digest

    def copy(self, target: Path) -> None:
        """Copy the bytes to ``target``, which appears as a whole or not at all."""
        sink = hashlib.blake2b(digest_size=32)
        with self.open() as file, replacing(target) as out:
            while piece := file.read(PIECE):
                sink.update(piece)
                out.write(piece)
            self._settle("b2-" + sink.hexdigest())  # inside, so that a changed source leaves the target as it was

    def _refuse_special(self, status: os.stat_result) -> None:
        if stat.S_ISDIR(status.st_mode):
            raise MediaError(f"cannot read {shown(self.path)}: it is a folder where a file was expected; name a file")
        if not stat.S_ISREG(status.st_mode):
            raise MediaError(f"cannot read {shown(self.path)}: it is a pipe, socket or device; save to a file first")
        if status.st_size == 0:
            raise MediaError(f"cannot read {shown(self.path)}: it is empty (0 bytes); render or copy it again")

    def _compare(self, status: os.stat_result) -> None:
        identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if self._identity is None:
            self._identity = identity
        elif self._identity != identity:
            raise self._changed()

    def _settle(self, digest: str) -> None:
        if self._digest is None:
            self._digest = digest
        elif self._digest != digest:
            raise self._changed()

    def _changed(self) -> MediaError:
        return MediaError(
            f"cannot read {shown(self.path)}: it changed since it was first opened, so what was measured is no longer "
            "there; open it again, and give each render a name of its own"
        )


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """Give a file to write; on leaving without an exception it replaces ``target`` durably and atomically.

    The bytes go to a temporary file in the same folder, which is synced and renamed over the target; then the folder is
    synced. After any exception the target is as it was and the temporary file is gone.

    Raises:
        MediaError: the folder does not exist, is not writable, or the disk is full; ``__cause__`` is the ``OSError``.
    """
    temporary = target.parent / f".continuity-{secrets.token_hex(8)}.tmp"
    with translated("write", target, "check that the folder exists, is writable and has room"):
        if target.is_dir():
            raise MediaError(f"cannot write {shown(target)}: a folder of that name exists; choose another name")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(target.parent)


def write_atomic(path: str | os.PathLike[str], content: bytes) -> None:
    """Write ``content`` to ``path`` so that after a crash either the old or the new content is there, whole.

    Raises:
        MediaError: as ``replacing``.
    """
    with replacing(Path(path)) as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` durable. Some network file systems cannot sync a folder: they are left to it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
