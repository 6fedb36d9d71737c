"""A campaign: shots in order, over what they have in common.

format = 1
identity = "identities/mara"        # whatever a shot file has, for every shot that says nothing else
ledger = "show.db"
[generator]
kind = "diffusers"
function = "render:pipe"
[budget]
candidates = 100
[rates]
currency = "EUR"
per_second = { cuda = 0.0007 }

[[shots]]
name = "sc042_010"
prompt = "Mara at the bar, 85mm"

[[shots]]
file = "sc042_020.toml"             # a shot file; what it says wins over what stands above, what stands here over both
budget = { candidates = 20 }

Tables are merged key by key; one that names its own kind or rule takes the place of the other. Paths are relative to
the file they are written in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from continuity.cli.shot_file import KEYS, ShotFile, rates_in, shot_of
from continuity.cli.tables import Keys, beside, check, opened, typed
from continuity.cli.words import plain
from continuity.errors import UsageError
from continuity.records import Rates

CAMPAIGN: Keys = {**{key: types for key, types in KEYS.items() if key != "name"}, "shots": (list,)}
SHOT: Keys = {**{key: types for key, types in KEYS.items() if key != "format"}, "file": (str,)}
OWN = frozenset({"kind", "rule"})  # what decides which other keys a table has
PATHS = ("identity", "ledger", "tolerances")
GENERATOR_PATHS = ("folder", "source", "inputs", "files")  # a path, a list of them, or a table of either


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """The shots of a campaign file, and what its bill is priced by."""

    path: Path
    shots: tuple[ShotFile, ...]
    rates: Rates


def campaign_of(table: Mapping[str, Any], path: Path) -> Campaign:
    """The campaign of a table that stands in the file ``path``.

    Raises:
        FormatError: a shot file that cannot be read.
        UsageError: a key that does not exist, is missing or has a value of the wrong type; no shots, or shots with
            different rates and none for all of them.
    """
    where = plain(path)
    check(table, CAMPAIGN, where)
    if not table["shots"]:
        raise UsageError(f"{where}: at least one [[shots]] was wanted, got none")
    common = resolved({key: value for key, value in table.items() if key != "shots"}, path)
    shots = tuple(_shot(one, common, path, f"{where} [[shots]] {k}") for k, one in enumerate(table["shots"], 1))
    return Campaign(path=path, shots=shots, rates=_rates(table, shots, where))


def _shot(one: Any, common: Mapping[str, Any], path: Path, where: str) -> ShotFile:
    typed("shots", one, (dict,), where)
    check(one, SHOT, where)
    own = resolved({key: value for key, value in one.items() if key != "file"}, path)
    if "file" not in one:
        return shot_of(merged(common, own), path, _named(where, own))
    beneath = beside(path, one["file"])
    written = check(opened(beneath), KEYS, f"{where}: {plain(beneath)}")
    table = merged(merged(common, resolved(written, beneath)), own)
    return shot_of(table, beneath, f"{where}: {plain(beneath)}", folders=(path.parent,))


def _named(where: str, table: Mapping[str, Any]) -> str:
    return f"{where} ({plain(table['name'])})" if table.get("name") else where


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables in one, key by key; what ``over`` says wins, and a table with a kind or rule replaces the other."""
    found = dict(under)
    for key, value in over.items():
        before = found.get(key)
        whole = not (isinstance(value, dict) and isinstance(before, dict)) or not OWN.isdisjoint(value)
        found[key] = value if whole else merged(before, value)  # type: ignore[arg-type]
    return found


def resolved(table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The table with its paths made absolute, so that it means the same beside another file; odd values stay for the
    checks to find."""
    found = {key: _absolute(value, path) if key in PATHS else value for key, value in table.items()}
    if isinstance(found.get("generator"), dict):
        found["generator"] = {
            key: _absolute(value, path) if key in GENERATOR_PATHS else value
            for key, value in found["generator"].items()
        }
    return found


def _absolute(value: Any, path: Path) -> Any:
    if isinstance(value, str):
        return str(beside(path, value).absolute())
    if isinstance(value, list):
        return [_absolute(one, path) for one in value]
    return {key: _absolute(one, path) for key, one in value.items()} if isinstance(value, dict) else value


def _rates(table: Mapping[str, Any], shots: tuple[ShotFile, ...], where: str) -> Rates:
    """The rates of the bill: one bill has one currency."""
    if "rates" in table:
        return rates_in(table, where)
    if any(shot.rates != shots[0].rates for shot in shots):
        raise UsageError(f"{where}: its shots have different rates: write [rates] at its top for the bill of them all")
    return shots[0].rates
