"""TOML files that people write: opened, and checked key by key, with the nearest key named where there is none."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from continuity.cli.words import nearest, path_of, plain
from continuity.errors import FormatError, UsageError

FORMAT = 1
Types: TypeAlias = tuple[type, ...]
Keys: TypeAlias = Mapping[str, Types]
NUMBER: Types = (int, float)
MOST = 1e15  # what is not between -MOST and MOST is no quantity of this world, nan included


def opened(path: Path) -> Mapping[str, Any]:
    """The table of a TOML file of ours, its keys not yet checked.

    Raises:
        FormatError: not readable, no TOML, or of another format.
    """
    where = plain(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as cause:
        raise FormatError(f"a TOML file was wanted, {where} cannot be read: {cause}") from None
    found = table.get("format")
    if type(found) is not int or found != FORMAT:
        newer = isinstance(found, int) and found > FORMAT
        hint = "update continuity to read it" if newer else f"write `format = {FORMAT}` in its first line"
        raise FormatError(f"{where}: format {FORMAT} was wanted, got {found!r}: {hint}")
    return table


def check(table: Mapping[str, Any], keys: Keys, where: str) -> Mapping[str, Any]:
    """The table, if it has only these keys with values of these types.

    Raises:
        UsageError: names the key, and the nearest one that exists.
    """
    for key, value in table.items():
        if key not in keys:
            raise UsageError(f"{where}: {nearest('key', key, keys)}")
        typed(key, value, keys[key], where)
    return table


def each(table: Mapping[str, Any], types: Types, where: str) -> Mapping[str, Any]:
    """The table, if all its values are of these types.

    Raises:
        UsageError: names the key.
    """
    for key, value in table.items():
        typed(key, value, types, where)
    return table


def typed(key: str, value: Any, types: Types, where: str) -> None:
    """Passes a value of one of these types.

    Raises:
        UsageError: it is of another one, or a number beyond all measure.
    """
    if type(value) not in types:  # a bool is an int to isinstance, and no number to a person
        names = {
            str: "text",
            int: "a whole number",
            float: "a number",
            dict: "a table",
            list: "a list",
            bool: "true or false",
        }
        raise UsageError(f"{where}: {key} = {value!r}: {names[types[-1]]} was wanted")
    if isinstance(value, int | float) and not -MOST <= value <= MOST:
        raise UsageError(f"{where}: {key}: a number between -{MOST:g} and {MOST:g} was wanted")


def needed(table: Mapping[str, Any], *keys: str, where: str) -> None:
    """Passes where all of these keys are given.

    Raises:
        UsageError: names the first that is not.
    """
    for key in keys:
        if key not in table:
            raise UsageError(f"{where}: {key!r} must be given")


def beside(file: Path, path: str) -> Path:
    """A path written in a file, which is relative to the folder of that file.

    Raises:
        UsageError: it is no path.
    """
    with said_of(plain(file)):
        return file.parent / path_of(path)


@contextmanager
def said_of(where: str) -> Iterator[None]:
    """Puts the file in front of a sentence about a value in it."""
    try:
        yield
    except UsageError as cause:
        raise UsageError(f"{where}: {cause}") from cause
