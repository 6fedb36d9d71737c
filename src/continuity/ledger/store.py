"""The media store beside a ledger: files named by digest, whole or not there, written before the row that names them.

show.db
show.media/thumbnails/3/b2-3f07....jpg      256 px, of every finished candidate
show.media/full/3/b2-3f07....mp4            the untouched source, of what is worth keeping
show.media/full/3/b2-3f07....exr.told       what only its caller said of it: its colour space, its frame rate
show.media/inputs/9a/9a41....png            what a render read besides its recipe, by SHA-256

Sixteen folders and not 256: each one is made and synced during some render, which a short run would mostly do.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from continuity.errors import LedgerError, MediaError, StorageFull
from continuity.media import Clip, Media, middle, open_media, thumbnail, write_atomic
from continuity.media.files import PIECE, is_folder, replacing, shown, sync_folder, translated
from continuity.media.frames import digest_of_clip, digest_of_pixels
from continuity.records import InputMedium

FLOOR = 512 * 2**20  # bytes that have to be free before the next render
FULL = {errno.ENOSPC, errno.EDQUOT}
THUMBNAILS, WHOLE, INPUTS = "thumbnails", "full", "inputs"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"(\.[^./\\\x00-\x1f]{1,32})?")


@dataclass(frozen=True, slots=True)
class StoredMedia:
    """Paths in the store, relative and with ``/``: the thumbnail, the full media if kept, and the digest of both."""

    thumbnail: str
    full: str | None
    digest: str = ""


class MediaStore:
    """The folder of one ledger, which moves together with it. Nothing is made before the first ``put``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def beside(cls, ledger: Path) -> MediaStore:
        """The store of a ledger file: ``show.db`` has ``show.media``."""
        root = ledger.with_suffix(".media")
        return cls(root if root != ledger else ledger.with_name(ledger.name + ".media"))

    def put(self, media: Media, *, full: bool) -> StoredMedia:
        """Stores a thumbnail, and with ``full`` the untouched source. What is there already is not written again.

        Raises:
            StorageFull: the disk is full; no half-written file is left.
            LedgerError, MediaError: the folder cannot be written, or the media cannot be read.
        """
        digest = media.digest
        small = self._place(THUMBNAILS, digest, ".jpg")
        whole = PurePosixPath(self.place(media)) if full else None
        with _room(self.root):
            if not (self.root / small).exists():
                self._folder(small)
                write_atomic(self.root / small, thumbnail(middle(media).pixels))
            if whole is not None and not (self.root / whole).exists():
                self._folder(whole)
                _tell(media, self.root / whole)
                self._save(media, self.root / whole)
        return StoredMedia(str(small), None if whole is None else str(whole), digest)

    def restore(self, media: Media) -> StoredMedia:
        """As ``put`` with ``full``, but what lies at the place is compared first, and replaced where it is not this.

        A file is replaced atomically. A folder is moved aside first: a crash then leaves nothing at the place.

        Raises:
            StorageFull, LedgerError, MediaError: as ``put``; what lay at the place lies there still.
        """
        place = self.place(media)
        target = self.root / place
        if os.path.lexists(target) and not self.holds(place, media.digest):
            with _room(self.root):
                _tell(media, target)
                _replace(media, target)
        return self.put(media, full=True)

    def holds(self, relative: str, digest: str) -> bool:
        """Whether :meth:`open_as` opens them; False where nothing lies there, or nothing that can be read.

        Raises:
            LedgerError: the path leads out of the store.
        """
        self.path(relative)
        try:
            self.open_as(relative, digest)
        except (LedgerError, MediaError):
            return False
        return True

    def place(self, media: Media) -> str:
        """Where the full media lie, or would lie."""
        return str(self._place(WHOLE, media.digest, media.suffix))

    def put_input(self, medium: InputMedium) -> None:
        """Stores the bytes of an input, copied in pieces. What is there already is neither read nor written again.

        Raises:
            StorageFull: the disk is full; no half-written file is left.
            MediaError: its bytes cannot be read, or are no longer those of its digest.
            LedgerError: the folder cannot be written.
        """
        if self._input(medium.digest) is not None:
            return
        if not _SUFFIX.fullmatch(medium.suffix):
            raise MediaError(f"an input with a suffix such as .png was wanted, got {medium.suffix!r}: give it another")
        place = PurePosixPath(INPUTS, medium.digest[:2], medium.digest + medium.suffix)
        with _room(self.root):
            self._folder(place)
            with replacing(self.root / place) as out:
                if _copied(medium, out) != medium.digest:
                    raise MediaError(_changed(medium))

    def input(self, digest: str) -> InputMedium:
        """What ``put_input`` stored; its bytes are read and compared with the digest.

        Raises:
            MediaError: it is not there, or damaged; names the digest.
        """
        path = self._input(digest)
        if path is None:
            raise MediaError(f"input {digest} is not in {self.root.name}: bring its file back")
        medium = InputMedium(digest=digest, suffix=path.name.removeprefix(digest), path=path)
        if _copied(medium, None) != digest:
            raise MediaError(f"input {digest} is damaged: {shown(path)} has other bytes; bring the file back")
        return medium

    def open(self, relative: str) -> Media:
        """Opens what ``put`` stored.

        Raises:
            LedgerError: the path leads out of the store, or what was told of the file is damaged.
            MediaError: the file is missing or damaged.
        """
        path = self.path(relative)
        beside = _told(path)
        try:
            said: dict[str, Any] = json.loads(beside.read_bytes()) if beside.is_file() else {"format": 1}
            fps = Fraction(said["fps"]) if "fps" in said else None
            if said["format"] != 1:
                raise ValueError(f"format {said['format']!r} where 1 was wanted")
        except (OSError, ValueError, TypeError, KeyError, ZeroDivisionError) as cause:
            raise LedgerError(
                f"{shown(beside)} cannot be read ({cause}): bring it back, or update continuity"
            ) from None
        return open_media(path, fps=fps, colorspace=said.get("colorspace"))

    def open_as(self, relative: str, digest: str) -> Media:
        """Opens what ``put`` stored of media of this digest, all of it read and compared with it first.

        A file by its bytes, a folder by those of its frames; of ``px-`` the decoded pixels, in all their bits, and of a
        clip each frame and the rate. A rate that Matroska does not bring back (3.14159 a second; whole ones and those
        of broadcast it does) makes another digest: a clip made in memory at such a rate is not taken for itself.

        Raises:
            LedgerError: as ``open``.
            MediaError: as ``open``; or they are damaged, or others.
        """
        there = self.open(relative)
        if there.digest != digest and not (digest.startswith("px-") and _digest_of_pixels(there) == digest):
            raise MediaError(
                f"{shown(self.path(relative))} is not what was stored (its digest was to be {digest}): the file was "
                "changed, or it is a clip at a rate that its container does not hold; bring it back, or render it again"
            )
        return there

    def path(self, relative: str) -> Path:
        """Where a stored file lies.

        Raises:
            LedgerError: the path leads out of the store, as in a ledger that somebody has tampered with.
        """
        parts = PurePosixPath(relative).parts
        plain = bool(parts) and not relative.startswith("/") and ".." not in parts and "\0" not in relative
        if plain and (self.root / relative).resolve().is_relative_to(self.root.resolve()):
            return self.root / relative
        raise LedgerError(f"a path inside {self.root.name} was wanted, the ledger names {relative!r}: it is not opened")

    def check_space(self, floor: int = FLOOR) -> None:
        """Passes while at least ``floor`` bytes are free where the store and the ledger lie.

        Raises:
            StorageFull: less is free.
        """
        for folder in {self.root.parent, self.root if self.root.is_dir() else self.root.parent}:
            free = shutil.disk_usage(folder).free
            if free < floor:
                raise StorageFull(
                    f"{floor / 2**20:.0f} MiB free space were wanted for the next candidate, "
                    f"{free / 2**20:.0f} MiB are left on {folder}: free some space and run again"
                )

    def _input(self, digest: str) -> Path | None:
        """Where an input lies, whatever its suffix."""
        if not _SHA256.fullmatch(digest):
            raise MediaError(f"an input is named by a SHA-256 of 64 hexadecimal digits, got {digest!r}")
        return next(iter(sorted((self.root / INPUTS / digest[:2]).glob(digest + "*"))), None)

    @staticmethod
    def _place(part: str, digest: str, suffix: str) -> PurePosixPath:
        return PurePosixPath(part, digest.rpartition("-")[2][:1], digest + suffix)

    def _folder(self, relative: PurePosixPath) -> None:
        folder = (self.root / relative).parent
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)

    @staticmethod
    def _save(media: Media, target: Path) -> None:
        try:
            media.save(target)
        except MediaError:
            if not target.exists():  # else another worker has just stored the same media
                raise


def _told(path: Path) -> Path:
    return path.with_name(path.name + ".told")


def _tell(media: Media, target: Path) -> None:
    """Writes beside the file what only its caller said of it; one that says nothing has no such file."""
    if media.told:
        write_atomic(_told(target), json.dumps({"format": 1, **media.told}).encode())
    else:
        _told(target).unlink(missing_ok=True)


def _replace(media: Media, target: Path) -> None:
    if media.suffix and not is_folder(target):
        media.save(target)
        return
    old = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    target.rename(old)
    try:
        media.save(target)
    except BaseException:
        old.rename(target)
        raise
    if is_folder(old):
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink(missing_ok=True)


def _digest_of_pixels(media: Media) -> str:
    """The digest that the arrays had which were encoded to these media."""
    if isinstance(media, Clip):
        return digest_of_clip((frame.pixels for frame in media.at(range(media.frame_count))), media.rate)
    return digest_of_pixels([media.pixels if media.deep is None else media.deep])


def _copied(medium: InputMedium, out: IO[bytes] | None) -> str:
    """Reads an input to its end, into ``out`` if there is one; returns the SHA-256 of what was read."""
    sink = hashlib.sha256()
    for piece in _pieces(medium):
        sink.update(piece)
        if out is not None:
            out.write(piece)
    return sink.hexdigest()


def _pieces(medium: InputMedium) -> Iterator[bytes]:
    if medium.path is None:
        yield medium.data or b""
        return
    reading = partial(translated, "read", medium.path, "check the path and its permissions")
    with reading():
        file = medium.path.open("rb")
    with file:
        while True:
            with reading():
                piece = file.read(PIECE)
            if not piece:
                return
            yield piece


def _changed(medium: InputMedium) -> str:
    where = f"input {shown(medium.path)}" if medium.path else "an input"
    return f"{where} changed since its digest {medium.digest} was taken: leave input files as they are during a run"


@contextmanager
def _room(root: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, MediaError) as cause:
        source = cause if isinstance(cause, OSError) else cause.__cause__
        if isinstance(source, OSError) and source.errno in FULL:
            raise StorageFull(f"the disk is full: the media cannot be stored in {root}; free some space") from cause
        if isinstance(cause, OSError):
            raise LedgerError(
                f"media cannot be stored in {root}: {cause.strerror or cause}; check its rights"
            ) from cause
        raise
