"""SHOT.toml: what a run needs, written by a person, checked key by key before anything is opened.

format = 1
name = "sc042_010"
prompt = "Mara at the bar, 85mm"
identity = "identities/mara"        # paths are relative to this file
ledger = "show.db"
tolerances = "mara.toml"            # optional; [limits] win over it
measure_fully = 0.1                 # optional: share of candidates measured with every metric

[limits]
"face:mara" = 0.55
[expect]
"grade" = "if_present"

[generator]
kind = "function"                   # or "folder", "simulator", "plugin"
function = "render:render"          # module:name, importable from the folder of this file

[budget]                            # the first one reached stops; 100 candidates if nothing is given
candidates = 100
seconds = 3600
gpu_seconds = 1800
cost = 20.0

[rates]
currency = "EUR"
per_second = { "cuda" = 0.0007 }

[stop]
failures = 3                        # failed renders in a row
inconclusive = 5                    # in a row, for one cause
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from continuity.cli.words import nearest, path_of, plain
from continuity.errors import FormatError, UsageError
from continuity.records import Rates
from continuity.shot import FirstAccepted

FORMAT = 1
NUMBER = (int, float)
MOST = 1e15  # what is not between -MOST and MOST is no quantity of this world, nan included
KEYS: Mapping[str, tuple[type, ...]] = {
    "format": (int,),
    "name": (str,),
    "prompt": (str,),
    "identity": (str,),
    "ledger": (str,),
    "tolerances": (str,),
    "measure_fully": NUMBER,
    "limits": (dict,),
    "expect": (dict,),
    "generator": (dict,),
    "budget": (dict,),
    "rates": (dict,),
    "stop": (dict,),
}
BUDGET: Mapping[str, tuple[type, ...]] = {
    "candidates": (int,),
    "seconds": NUMBER,
    "gpu_seconds": NUMBER,
    "cost": NUMBER,
}
RATES: Mapping[str, tuple[type, ...]] = {"currency": (str,), "per_second": (dict,)}
STOP: Mapping[str, tuple[type, ...]] = {"failures": (int,), "inconclusive": (int,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotFile:
    """What the file says; None or empty where it says nothing. ``generator`` is its table, checked by its loader."""

    path: Path
    name: str
    generator: Mapping[str, Any]
    prompt: str = ""
    identity: Path | None = None
    ledger: Path | None = None
    tolerances: Path | None = None
    measure_fully: float = 0.1
    limits: Mapping[str, float] = field(default_factory=dict)
    expects: Mapping[str, str] = field(default_factory=dict)
    budget: Mapping[str, float] = field(default_factory=dict)
    rates: Rates = field(default_factory=Rates)
    stop: FirstAccepted = field(default_factory=FirstAccepted)

    @property
    def folder(self) -> Path:
        """What relative paths in the file are relative to."""
        return self.path.parent


def read(path: Path) -> ShotFile:
    """Reads and checks a shot file.

    Raises:
        FormatError: not readable, no TOML, or of another format.
        UsageError: a key that does not exist, is missing or has a value of the wrong type.
    """
    table, where = opened(path), plain(path)
    check(table, KEYS, where)
    for key in ("name", "generator"):
        if key not in table:
            raise UsageError(f"{where}: {key!r} must be given")
    if not table["name"].strip():
        raise UsageError(f"{where}: a shot needs a name, got {table['name']!r}")
    if not 0 <= table.get("measure_fully", 0.1) <= 1:
        raise UsageError(f"{where}: measure_fully is a share from 0 to 1, got {table['measure_fully']}")
    stop = check(table.get("stop", {}), STOP, f"{where} [stop]")
    with said_of(where):
        rule = FirstAccepted(**stop)
    return ShotFile(
        path=path,
        name=table["name"],
        generator=table["generator"],
        prompt=table.get("prompt", ""),
        identity=_beside(path, table.get("identity")),
        ledger=_beside(path, table.get("ledger")),
        tolerances=_beside(path, table.get("tolerances")),
        measure_fully=float(table.get("measure_fully", 0.1)),
        limits=each(table.get("limits", {}), NUMBER, f"{where} [limits]"),
        expects=each(table.get("expect", {}), (str,), f"{where} [expect]"),
        budget=check(table.get("budget", {}), BUDGET, f"{where} [budget]"),
        rates=_rates(table, where),
        stop=rule,
    )


@contextmanager
def said_of(where: str) -> Iterator[None]:
    """Puts the file in front of a sentence about a value in it."""
    try:
        yield
    except UsageError as cause:
        raise UsageError(f"{where}: {cause}") from cause


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


def check(table: Mapping[str, Any], keys: Mapping[str, tuple[type, ...]], where: str) -> Mapping[str, Any]:
    """The table, if it has only these keys with values of these types.

    Raises:
        UsageError: names the key, and the nearest one that exists.
    """
    for key, value in table.items():
        if key not in keys:
            raise UsageError(f"{where}: {nearest('key', key, keys)}")
        _typed(key, value, keys[key], where)
    return table


def each(table: Mapping[str, Any], types: tuple[type, ...], where: str) -> Mapping[str, Any]:
    """The table, if all its values are of these types.

    Raises:
        UsageError: names the key.
    """
    for key, value in table.items():
        _typed(key, value, types, where)
    return table


def _rates(table: Mapping[str, Any], where: str) -> Rates:
    _typed("rates", table.get("rates", {}), (dict,), where)
    rates = check(table.get("rates", {}), RATES, f"{where} [rates]")
    prices = each(rates.get("per_second", {}), NUMBER, f"{where} [rates] per_second")
    with said_of(where):
        return Rates(**{**rates, "per_second": prices})


def _typed(key: str, value: Any, types: tuple[type, ...], where: str) -> None:
    if type(value) not in types:  # a bool is an int to isinstance, and no number to a person
        names = {str: "text", int: "a whole number", float: "a number", dict: "a table", list: "a list"}
        raise UsageError(f"{where}: {key} = {value!r}: {names[types[-1]]} was wanted")
    if isinstance(value, int | float) and not -MOST <= value <= MOST:
        raise UsageError(f"{where}: {key}: a number between -{MOST:g} and {MOST:g} was wanted")


def _beside(file: Path, path: str | None) -> Path | None:
    if path is None:
        return None
    with said_of(plain(file)):
        return file.parent / path_of(path)


def read_rates(path: Path) -> Rates:
    """The ``[rates]`` of a TOML file, which may be a shot file.

    Raises:
        FormatError: not readable, no TOML, or of another format.
        UsageError: no rates in it, or rates that cannot be used.
    """
    table = opened(path)
    if "rates" not in table:
        raise UsageError(f"{plain(path)}: a [rates] table with currency and per_second was wanted, there is none")
    return _rates(table, plain(path))
