"""Identity: what must stay the same. A folder that holds references by digest, and what was computed from them.

    identities/mara/
        identity.toml                 format = 1, names, references, digests
        references/<digest>.jpg       the enrolled pictures, untouched
        features/<space>.safetensors  what one feature space makes of them; a new space is a new file

Face embeddings are biometric data: the folder never leaves the machine by itself, and deleting it deletes them.
Those of candidates, where a shot keeps them, lie beside its ledger: `continuity ledger forget` erases them.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity import display
from continuity.display import Picture, Shown, Table, View, Word
from continuity.errors import ContinuityError, EnrolmentError, FormatError
from continuity.media import open_media, path_of, small

FORMAT = 1
FILE = "identity.toml"
KINDS = ("actor", "grade", "look", "logo", "wardrobe", "product", "set")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One enrolled picture: where it lies in the folder, the digest of its bytes, and the file name it came with.

    ``colorspace`` is that of an OpenEXR picture that does not say it itself, as it was given at enrolment.
    """

    path: str
    digest: str
    source: str
    colorspace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """One thing that must stay the same: an actor, the grade, later a logo or a tie."""

    kind: str  # one of KINDS
    name: str  # empty where there is only one of the kind
    references: tuple[Reference, ...]
    texts: tuple[str, ...] = ()  # what the look is in words

    @property
    def key(self) -> str:
        """``actor/mara`` or ``grade``: the prefix of its features."""
        return f"{self.kind}/{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity(Shown):
    """Enrolled references and their features. Holds and opens; ``continuity.enrolment`` makes one."""

    name: str
    enrolled: tuple[Enrolled, ...]
    warnings: tuple[str, ...] = ()
    folder: Path | None = None
    stored_features: Mapping[str, Mapping[str, NDArray[np.float32]]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits over what is enrolled under which name, not over where it lies or what was computed."""
        parts = sorted(
            [e.kind, e.name, [r.digest + r.colorspace for r in e.references], e.texts] for e in self.enrolled
        )
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()

    def __repr__(self) -> str:
        things = ", ".join(f"{e.key} ({len(e.references)})" for e in self.enrolled) or "nothing"
        return f"<Identity {self.name} [{self.digest}]: {things}>"

    def _view(self) -> View:
        rows = tuple(
            (e.kind, e.name, ", ".join(r.source for r in e.references) + "".join(f'; "{text}"' for text in e.texts))
            for e in self.enrolled
        )
        spaces = Word(f"computed for: {', '.join(self.stored_features) or 'nothing yet'}", display.QUIET)
        return View(
            (
                Word(self.name, display.STRONG),
                Word(f"  identity {self.digest}, {self.folder or 'not saved'}", display.QUIET),
            ),
            (Table(("kind", "name", "references"), rows), *self.warnings, spaces),
        )

    def _pictures(self) -> Sequence[Picture]:
        if self.folder is None:
            return []
        found: dict[str, tuple[Path, list[str]]] = {}
        for enrolled in self.enrolled:
            for reference in enrolled.references[:1]:  # one that stands for several things comes once
                _, names = found.setdefault(reference.digest, (self.reference_file(reference), []))
                names.append(enrolled.key.replace("/", " "))
        shown = []
        for path, names in found.values():
            try:
                jpeg = small(open_media(path))
            except ContinuityError:  # artwork of a logo may be no picture
                continue
            shown += [Picture(jpeg, ", ".join(names))] if jpeg else []
        return shown

    def source(self, key: str, number: int) -> str:
        """The file name of a reference of :attr:`Enrolled.key`; its number, from 0, where none is listed."""
        listed = [r.source for e in self.enrolled if e.key == key for r in e.references]
        return listed[number] if number < len(listed) else str(number)

    @property
    def actors(self) -> tuple[str, ...]:
        """Names of the enrolled actors."""
        return self.names("actor")

    @property
    def logos(self) -> tuple[str, ...]:
        """Names of the enrolled logos."""
        return self.names("logo")

    @property
    def wardrobes(self) -> tuple[str, ...]:
        """Names of the actors whose wardrobe is enrolled."""
        return self.names("wardrobe")

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the enrolled products."""
        return self.names("product")

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the enrolled sets."""
        return self.names("set")

    def names(self, kind: str) -> tuple[str, ...]:
        """Names of all that is enrolled of one kind."""
        return tuple(e.name for e in self.enrolled if e.kind == kind)

    @property
    def texts(self) -> tuple[str, ...]:
        """What the look is in words."""
        return tuple(t for e in self.enrolled if e.kind == "look" for t in e.texts)

    def has(self, kind: str, name: str = "") -> bool:
        """Whether something of this kind and name is enrolled."""
        return any(e.kind == kind and e.name == name for e in self.enrolled)

    def features(self, space: str) -> Mapping[str, NDArray[np.float32]]:
        """The arrays that one feature space made of the references, by :attr:`Enrolled.key`.

        Raises:
            EnrolmentError: the references were never computed in this space.
        """
        try:
            return self.stored_features[space]
        except KeyError:
            known = ", ".join(self.stored_features) or "none"
            again = f"continuity enrol {self.folder} --refresh" if self.folder else "enrol it again"
            raise EnrolmentError(
                f"identity {self.name!r} was wanted in feature space {space}, it has {known}: run `{again}`"
            ) from None

    def reference_file(self, reference: Reference) -> Path:
        """The file of a reference. Raises EnrolmentError for an identity that was never saved."""
        if self.folder is None:
            raise EnrolmentError(f"identity {self.name!r} has no folder, so {reference.source!r} has no file: save it")
        return self.folder / reference.path

    @classmethod
    def open(cls, folder: str | os.PathLike[str], *, features: bool = True) -> Identity:
        """Opens an enrolled identity; without ``features`` the references alone, to compute them anew.

        Raises:
            EnrolmentError: no identity there, or a file of it is missing or was changed.
            FormatError: identity.toml is damaged or newer than this version.
            UsageError: no path.
        """
        root = path_of(folder, "an identity folder")
        try:
            text = (root / FILE).read_text(encoding="utf-8")
        except PermissionError as cause:
            raise EnrolmentError(
                f"the identity in {str(folder)!r} cannot be read ({cause.strerror}): it is readable by its owner only, "
                "so run this as the one who enrolled it, or ask for the rights"
            ) from None
        except (OSError, UnicodeDecodeError, ValueError) as cause:
            raise EnrolmentError(
                f"an identity folder with {FILE} was wanted, got {str(folder)!r} ({cause}): "
                f"make one with `continuity enrol {folder} --actor NAME=PICTURES`"
            ) from None
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as cause:
            raise FormatError(f"{root / FILE} is no readable TOML: {cause}") from None
        found = table.get("format")
        if found != FORMAT:
            newer = isinstance(found, int) and found > FORMAT
            raise FormatError(
                f"{root / FILE}: format {FORMAT} was wanted, got {found!r}: "
                + ("update continuity to read it" if newer else "enrol it again")
            )
        unknown = [key for key in table if key not in ("format", "name", "warnings", "features", *KINDS)]
        if unknown:
            raise FormatError(f"{root / FILE}: {', '.join(unknown)} is nothing this version knows: update continuity")
        try:
            enrolled = tuple(_enrolled(root, kind, e) for kind in KINDS for e in table.get(kind, []))
            stored = {f["space"]: _features(root, f) for f in table.get("features", [])} if features else {}
            return cls(
                name=str(table["name"]),
                enrolled=enrolled,
                warnings=tuple(map(str, table.get("warnings", []))),
                folder=root,
                stored_features=stored,
            )
        except (KeyError, TypeError, AttributeError) as cause:
            raise FormatError(f"{root / FILE} is damaged ({type(cause).__name__}: {cause}): enrol it again") from None


def inside(root: Path, relative: str) -> Path:
    """``root / relative`` for a relative path with '/' that stays inside ``root``.

    Raises:
        FormatError: the path is absolute or climbs out.
    """
    pure = PurePosixPath(relative)
    if pure.is_absolute() or ".." in pure.parts or "\\" in relative or "\0" in relative or not pure.parts:
        raise FormatError(f"a path inside {root} was wanted, got {relative!r}: the file is damaged or hostile")
    return root.joinpath(*pure.parts)


def file_digest(path: Path) -> str:
    """blake2b (256 bits) of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


def _enrolled(root: Path, kind: str, table: Mapping[str, Any]) -> Enrolled:
    references = tuple(
        Reference(
            path=str(r["path"]),
            digest=str(r["digest"]),
            source=str(r["source"]),
            colorspace=str(r.get("colorspace", "")),
        )
        for r in table["reference"]
    )
    for reference in references:
        path = inside(root, reference.path)
        if not path.is_file():
            raise EnrolmentError(f"reference {reference.source!r} was wanted at {path}, there is no file: enrol again")
        if file_digest(path) != reference.digest:
            raise EnrolmentError(f"reference {path} is not the file that was enrolled (digest differs): enrol again")
    texts = tuple(map(str, table.get("texts", [])))
    return Enrolled(kind=kind, name=str(table.get("name", "")), references=references, texts=texts)


def _features(root: Path, table: Mapping[str, Any]) -> Mapping[str, NDArray[np.float32]]:
    from safetensors.numpy import load_file

    path = inside(root, str(table["path"]))
    if not path.is_file() or file_digest(path) != table["digest"]:
        raise EnrolmentError(f"the features in {path} are missing or changed: run `continuity enrol {root} --refresh`")
    return load_file(path)
