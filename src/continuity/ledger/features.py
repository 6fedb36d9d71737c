"""The store of features beside a ledger, kept by those shots that say so, erased with the identity they belong to.

show.db
show.features/3f0791bc52aa0e14/17.npz   by digest of the identity and number of the candidate

Embeddings of faces are biometric data: the folder is readable by its owner alone, and nothing is in it before a shot
that keeps features is told. A file that is lost or damaged costs no more than opening the media instead.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from continuity.errors import ContinuityError, FormatError, LedgerError, UsageError
from continuity.ledger.packing import LARGEST, Features, packed, unpacked
from continuity.media import write_atomic
from continuity.media.files import SourceFile, shown, sync_folder

log = logging.getLogger(__name__)

SUFFIX = ".npz"
_IDENTITY = re.compile(r"[0-9a-f]{16}")
_FILE = re.compile(r"[1-9][0-9]{0,17}\.npz", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one identity: the numbers of the candidates, and the bytes of their files."""

    candidates: tuple[int, ...]
    size: int


class FeatureStore:
    """The folder of one ledger, which moves together with it. Nothing is made before the first ``put``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def beside(cls, ledger: Path) -> FeatureStore:
        """The store of a ledger file: ``show.db`` has ``show.features``."""
        root = ledger.with_suffix(".features")
        return cls(root if root != ledger else ledger.with_name(ledger.name + ".features"))

    def put(self, candidate: int, identity: str, features: Features) -> int:
        """Stores the features of a candidate that was measured against an identity, whole or not at all; the bytes.

        Raises:
            LedgerError, MediaError: they cannot be written, or hold what is no finite number.
            UsageError: no digest of an identity.
        """
        folder = self._folder(identity)
        try:
            content = packed(features)
            if not folder.is_dir():
                self.root.mkdir(mode=0o700, exist_ok=True)
                folder.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self.root)
        except OSError as cause:
            raise LedgerError(
                f"features cannot be stored in {shown(folder)}: {cause.strerror}; check its rights"
            ) from None
        except (ValueError, TypeError) as cause:  # whatever a plugin's model says: NaN, rows of several lengths
            raise LedgerError(f"features of candidate {candidate} cannot be stored: {cause}") from None
        write_atomic(folder / f"{candidate}{SUFFIX}", content)
        return len(content)

    def has(self, candidate: int) -> bool:
        """Whether a file of features of this candidate is there, whatever is in it."""
        return self._file(candidate) is not None

    def open(self, candidate: int, media: str) -> Features | None:
        """The features of a candidate, if they are there, can be read, and were taken of media of this digest."""
        path = self._file(candidate)
        if path is None:
            return None
        try:
            if path.stat().st_size > LARGEST:
                raise FormatError(f"it has more than {LARGEST >> 20} MiB")
            found = unpacked(SourceFile(path).read())
        except (ContinuityError, OSError) as cause:
            log.warning("the features in %s are not used: %s", shown(path), cause)
            return None
        if found.media != media:
            log.warning("the features in %s are not used: they are of other media", shown(path))
            return None
        return found

    def kept(self) -> Mapping[str, Kept]:
        """What is kept, by digest of the identity."""
        return {folder.name: _kept(folder) for folder in self._folders()}

    def forget(self, identity: str) -> Kept:
        """Erases all that is kept of an identity, half-written files among it; says what was there.

        What was erased can still be on backups and snapshots of the disk. A run that goes on keeps new ones.

        Raises:
            LedgerError: it cannot be erased, or not all of it: what was not is still there.
            UsageError: no digest of an identity.
        """
        folder = self._folder(identity)
        if not folder.is_dir():
            return Kept((), 0)
        there = _kept(folder)
        try:
            shutil.rmtree(folder)
        except OSError as cause:
            raise LedgerError(
                f"the features in {shown(folder)} are not all erased: {cause.strerror or cause}; "
                "check its rights and erase them again"
            ) from None
        sync_folder(self.root)
        return there

    def _folder(self, identity: str) -> Path:
        if not _IDENTITY.fullmatch(identity):
            raise UsageError(f"an identity is named by its digest of 16 hexadecimal digits, got {identity!r}")
        return self.root / identity

    def _folders(self) -> list[Path]:
        try:
            return sorted(one for one in self.root.iterdir() if _IDENTITY.fullmatch(one.name) and one.is_dir())
        except OSError:
            return []

    def _file(self, candidate: int) -> Path | None:
        files = (folder / f"{candidate}{SUFFIX}" for folder in self._folders())
        return next((path for path in files if os.path.isfile(path)), None)  # noqa: PTH113 - False where nobody may look


def _kept(folder: Path) -> Kept:
    try:
        files = [path for path in folder.iterdir() if path.is_file()]
        size = sum(path.stat().st_size for path in files)
    except OSError as cause:
        raise LedgerError(
            f"the features in {shown(folder)} cannot be seen: {cause.strerror}; check its rights"
        ) from None
    return Kept(tuple(sorted(int(path.stem) for path in files if _FILE.fullmatch(path.name))), size)
