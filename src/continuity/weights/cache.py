"""The folder the model files are kept in: plain files, so it can be copied to a machine without a network as it is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

import platformdirs

from continuity.errors import DownloadError, MissingWeights
from continuity.weights.entries import WeightFile, select, weight_file

State = Literal["present", "missing", "damaged"]
_FileState = tuple[int, int, int]

# What was hashed in this interpreter: path -> inode, mtime and size at that moment, with the digest.
_hashed: dict[Path, tuple[_FileState, str]] = {}


@dataclass(frozen=True, slots=True)
class Check:
    """What is on this machine of one model file. ``why`` is empty when it is present."""

    weight: WeightFile
    path: Path
    state: State
    why: str = ""


def cache_folder() -> Path:
    """Where the model files are kept: ``CONTINUITY_WEIGHTS``, else ``continuity/weights`` among the user's caches."""
    named = os.environ.get("CONTINUITY_WEIGHTS", "")
    folder = Path(named).expanduser() if named else platformdirs.user_cache_path("continuity", False) / "weights"
    return folder.absolute()


def path_of(role: str) -> Path:
    """The model file of a role, verified: the size each time, the sha256 once per state of the file.

    Raises:
        MissingWeights: not here, or not the file that the catalogue names; says which command gets it.
        UsageError: no such role.
    """
    check = inspect(weight_file(role), cache_folder())
    if check.state != "present":
        raise MissingWeights(
            f'the model file of "{role}", {check.weight.file}, is wanted in {check.path.parent}, but {check.why}; '
            f"get it with: continuity weights pull {role}"
        )
    return check.path


def verify(roles: Iterable[str] | None = None) -> tuple[Check, ...]:
    """Reads every byte of the model files of some roles (None: all that are not optional) and compares the digests.

    Raises:
        UsageError: no such role.
    """
    folder = cache_folder()
    return tuple(inspect(weight, folder, again=True) for weight in select(roles))


def inspect(weight: WeightFile, folder: Path, *, again: bool = False) -> Check:
    """What is in ``folder`` of one model file; ``again`` reads it even if it was read before and has not changed."""
    path = folder / weight.stored_as
    try:
        status = path.stat()
        if not path.is_file():
            return Check(weight, path, "damaged", f"{path.name} is not a file")
        if status.st_size != weight.size:
            return Check(weight, path, "damaged", f"{path.name} has {status.st_size} bytes instead of {weight.size}")
        found = _digest(path, (status.st_ino, status.st_mtime_ns, status.st_size), again)
    except (FileNotFoundError, NotADirectoryError):
        return Check(weight, path, "missing", f"there is no {path.name}")
    except OSError as failure:
        return Check(weight, path, "damaged", f"{path.name} cannot be read ({failure.strerror or failure})")
    if found != weight.sha256:
        return Check(
            weight, path, "damaged", f"the sha256 of {path.name} is {found[:12]}... instead of {weight.sha256[:12]}..."
        )
    return Check(weight, path, "present")


def sha256_of(path: Path) -> str:
    """The sha256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def place(weight: WeightFile, chunks: Iterable[bytes], folder: Path) -> Path:
    """Writes a model file under its name: whole and verified, or not at all.

    Raises:
        DownloadError: the chunks are not the file that the catalogue names.
        OSError: the folder cannot be written to.
    """
    final = folder / weight.stored_as
    unfinished = folder / f".{weight.stored_as}.{uuid4().hex}.new"
    digest, size = hashlib.sha256(), 0
    try:
        with unfinished.open("xb") as stream:
            for chunk in chunks:
                size += len(chunk)
                if size > weight.size:
                    raise DownloadError(f"it is longer than the {weight.size} bytes of {weight.file}")
                digest.update(chunk)
                stream.write(chunk)
            if size != weight.size:
                raise DownloadError(f"it has {size} bytes, {weight.file} has {weight.size}")
            if digest.hexdigest() != weight.sha256:
                raise DownloadError(f"its sha256 is {digest.hexdigest()[:12]}... instead of {weight.sha256[:12]}...")
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(final)
    finally:
        unfinished.unlink(missing_ok=True)
    _fsync_folder(folder)
    return final


def _digest(path: Path, state: _FileState, again: bool) -> str:
    known = _hashed.get(path)
    if known is not None and known[0] == state and not again:
        return known[1]
    digest = sha256_of(path)
    _hashed[path] = (state, digest)
    return digest


def _fsync_folder(folder: Path) -> None:
    with suppress(OSError):  # some network file systems refuse; the file itself is synced
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
