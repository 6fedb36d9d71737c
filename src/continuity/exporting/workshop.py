"""Where files wait until they are clean: beside the ledger, so that a kill leaves nothing of them in the hand-off."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from continuity.errors import UsageError

ABANDONED = 3600.0  # seconds without a write after which nobody is writing a file any more


def require_target(target: Path) -> None:
    """Passes if ``target`` is a folder, or one can be made there.

    Raises:
        UsageError: it is something else, or lies where nothing can be written.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UsageError(f"a folder for the hand-off was wanted, {str(target)!r} is none: name another one")
    above = next(one for one in (target, *target.parents) if os.path.lexists(one))
    if not above.is_dir():
        raise UsageError(f"{str(target)!r} cannot be made, {str(above)!r} is no folder: name another one")
    if not os.access(above, os.W_OK | os.X_OK):
        raise UsageError(f"{str(target)!r} cannot be written: nobody may write into {str(above)!r}, name another one")


@contextlib.contextmanager
def workshop(home: Path) -> Iterator[Path]:
    """A folder that nobody else can read, in ``home`` or else where temporary files lie; removed afterwards.

    It is locked as long as the process lives: the next export removes what a killed one left.
    """
    sweep(home, ".continuity-export-*.tmp")
    try:
        work, lock = _locked(home)
    except OSError:  # the ledger lies where nothing can be written
        work, lock = _locked(Path(tempfile.gettempdir()))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        os.close(lock)


def sweep(folder: Path, pattern: str = ".continuity-*.tmp") -> None:
    """Removes what killed exports left: folders that nobody has locked, files that nobody has written to for long."""
    for left in folder.glob(pattern):
        with contextlib.suppress(OSError):  # in use, gone, or somebody else's
            if left.is_dir() and not left.is_symlink():
                lock = _lock(left)
                try:
                    shutil.rmtree(left, ignore_errors=True)
                finally:
                    os.close(lock)
            elif left.is_file() and not left.is_symlink() and time.time() - left.stat().st_mtime > ABANDONED:
                left.unlink()


def _locked(home: Path) -> tuple[Path, int]:
    while True:
        work = home / f".continuity-export-{secrets.token_hex(4)}.tmp"
        work.mkdir(mode=0o700)
        try:
            return work, _lock(work)
        except (BlockingIOError, FileNotFoundError):  # another export sweeps just now
            continue


def _lock(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
