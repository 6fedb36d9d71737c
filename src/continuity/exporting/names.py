"""File names for what is handed over: a template filled with plain words, which never leads out of the folder."""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from string import Formatter

from continuity.errors import UsageError
from continuity.records.naming import parts_of

TEMPLATE = "{show}_{seq}_{shot}_{task}_v{version:03d}"
FIELDS = ("show", "seq", "shot", "task", "version")
LONGEST = 80  # letters of one field
FIRST_FRAME = 1001
EMPTY = "\0"  # where a field is empty, until the separator after it is left out
_VERSION = re.compile(r"(0?[1-9]d?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How files are called: a template and the fields that are the same for all of them.

    A shot called ``sc042_010`` is shot 010 of sequence sc042; one without such parts has no sequence, and the
    separator after the empty field is left out. A ``/`` in the template makes folders.

    Raises:
        UsageError: a field that does not exist, a wrong format, or a template that leads out of the folder.
    """

    show: str
    task: str = "render"
    template: str = TEMPLATE

    def __post_init__(self) -> None:
        try:
            parts = list(Formatter().parse(self.template))
        except ValueError as cause:
            raise UsageError(f"a name template such as {TEMPLATE} was wanted, got {self.template!r}: {cause}") from None
        for _, name, spec, conversion in parts:
            if name is None:
                continue
            if name not in FIELDS:
                raise UsageError(f"the name template has a field {name!r}: use {', '.join(FIELDS)}")
            if conversion or not (_VERSION.fullmatch(spec or "") if name == "version" else not spec):
                raise UsageError(f"the name template writes {name} in a way that is not known: {{version:03d}} is one")
        self.of("sc010_020", 1)

    @property
    def counts(self) -> bool:
        """Whether names differ by version."""
        return any(name == "version" for _, name, _, _ in Formatter().parse(self.template))

    def of(self, shot: str, version: int) -> str:
        """The name of one shot's file, without suffix: a relative path whose parts are plain words."""
        return _pattern(self, shot).format(version=version)


@functools.lru_cache(maxsize=64)  # all versions of a shot are looked for, one after the other
def _pattern(names: Names, shot: str) -> str:
    """The name of a shot's file with the version left to be filled in."""
    seq, own = parts_of(shot) if plain(shot) == shot else ("", shot)
    given = {"show": plain(names.show), "seq": plain(seq), "shot": plain(own), "task": plain(names.task)}
    made = ""
    for literal, name, spec, _ in Formatter().parse(names.template):
        if made.endswith(EMPTY):
            made, literal = made.removesuffix(EMPTY), literal[1:] if literal[:1] in ("_", "-", ".") else literal
        made += literal.replace("{", "{{").replace("}", "}}")
        if name == "version":
            made += f"{{version:{spec}}}"
        elif name is not None:
            made += given[name] or EMPTY
    made = made.removesuffix(EMPTY)
    first = made.format(version=1)
    if (
        any(not step.strip(". ") or step.startswith(".") for step in first.split("/"))
        or "\\" in first
        or not first.isprintable()
    ):
        raise UsageError(f"the name template {names.template!r} gives {first!r}, which is no name inside a folder")
    return made


def plain(word: str) -> str:
    """A word of letters, digits, dots, underscores and hyphens; one that lost something ends with a digest of itself,
    so that two different words never become the same."""
    ascii_only = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()
    made = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._-]+", "-", ascii_only)).strip("-._")[:LONGEST]
    if made == word:
        return made
    mark = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    return f"{made}-{mark}" if made else mark
