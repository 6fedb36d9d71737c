"""Limits, the instruments they belong to, and the evidence behind them; read from and written to TOML."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from numbers import Real
from pathlib import Path
from typing import Any, TypeAlias

from continuity.errors import FormatError, InstrumentMismatch, ToleranceError, UnknownKey
from continuity.media import write_atomic
from continuity.records import Instrument, Tolerance

FORMAT = 1
BY_HAND = "typed by hand, never calibrated"


@dataclass(frozen=True, slots=True)
class Tolerances:
    """A set of tolerances, one per metric key."""

    items: tuple[Tolerance, ...] = ()

    def __post_init__(self) -> None:
        keys = [t.key for t in self.items]
        twice = sorted({k for k in keys if keys.count(k) > 1})
        if twice:
            raise ToleranceError(f"one limit per metric was wanted, got several for {', '.join(twice)}")

    def __iter__(self) -> Iterator[Tolerance]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, key: str) -> Tolerance:
        for one in self.items:
            if one.key == key:
                return one
        raise UnknownKey(f"no limit for {key!r}; there are: {', '.join(t.key for t in self.items) or 'none'}")

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Tolerances:
        """Reads a tolerance file.

        Raises:
            FormatError: not readable, damaged, or of a newer format.
            ToleranceError: a limit or scale that cannot be used.
        """
        try:
            table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValueError) as cause:
            raise FormatError(f"a tolerance file was wanted, {str(path)!r} cannot be read: {cause}") from None
        found = table.get("format")
        if found != FORMAT:
            newer = isinstance(found, int) and found > FORMAT
            hint = "update continuity to read it" if newer else f"write `format = {FORMAT}` in its first line"
            raise FormatError(f"{path}: format {FORMAT} was wanted, got {found!r}: {hint}")
        unknown = [key for key in table if key not in ("format", "tolerance")]
        rows = table.get("tolerance")
        if unknown or not isinstance(rows, list) or not rows:
            got = ", ".join(unknown) or ("none" if not rows else type(rows).__name__)
            raise FormatError(f"{path}: [[tolerance]] tables with key, limit and scale were wanted, got {got}")
        return cls(tuple(_tolerance(row, f"{path}: tolerance {i}") for i, row in enumerate(rows, 1)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the tolerances, whole or not at all."""
        import tomli_w

        rows = [asdict(t) for t in self.items]
        write_atomic(Path(path), tomli_w.dumps({"format": FORMAT, "tolerance": rows}).encode())


Given: TypeAlias = "Tolerances | Mapping[str, float | Tolerance] | None"


def resolve(
    given: Given, instruments: Mapping[str, Instrument], identity: str = ""
) -> tuple[dict[str, Tolerance], tuple[str, ...]]:
    """One tolerance per metric key, and what a report must say about them.

    ``given`` wins; what it leaves out comes from the shipped provisional defaults of the instrument.

    Raises:
        UnknownKey: ``given`` names a metric that is not there.
        InstrumentMismatch: a tolerance was tuned on another instrument.
        ToleranceError: a metric has neither a given nor a shipped limit.
    """
    given = {} if given is None else given
    if not isinstance(given, Tolerances | Mapping):
        raise ToleranceError(
            f"limits by metric key were wanted, got {given!r}: open a file with ct.Tolerances.open(path)"
        )
    typed: dict[str, float | Tolerance] = {t.key: t for t in given} if isinstance(given, Tolerances) else dict(given)
    for key in typed:
        if key not in instruments:
            raise UnknownKey(f"a limit is given for {key!r}, but the metrics here are: {', '.join(instruments)}")
    chosen: dict[str, Tolerance] = {}
    warnings: list[str] = []
    for key, instrument in instruments.items():
        entry = typed.get(key)
        shipped = shipped_tolerance(key, instrument)
        if entry is None:
            if shipped is None:
                raise ToleranceError(
                    f"{key}: no limit was given and none ships for instrument {instrument.name}: "
                    f"pass tolerances={{{key!r}: LIMIT}} or a tolerance file"
                )
            tolerance = shipped
        elif isinstance(entry, Tolerance):
            tolerance = entry
            if entry.instrument and entry.instrument != instrument.digest:
                raise InstrumentMismatch(
                    f"{key}: the limit {entry.limit} was tuned on {entry.instrument_name or entry.instrument}, "
                    f"but {instrument.name} measures here: numbers of different instruments do not compare; tune again"
                )
            if entry.identity and identity and entry.identity != identity:
                warnings.append(f"{key}: the limit was tuned on another identity ({entry.identity})")
        else:
            limit = _number(entry, key)
            scale = shipped.scale if shipped else (abs(limit) or 1.0)  # of no matter but to compare misses
            tolerance = Tolerance(key=key, limit=limit, scale=scale, evidence=BY_HAND)
        if not tolerance.calibrated:
            source = "the provisional default" if tolerance == shipped else tolerance.evidence or BY_HAND
            warnings.append(f"{key}: limit {tolerance.limit:g} is uncalibrated ({source})")
        chosen[key] = tolerance
    return chosen, tuple(warnings)


def _number(entry: object, key: str) -> float:
    if isinstance(entry, bool) or not isinstance(entry, Real):
        raise ToleranceError(f"{key}: a limit is a number, got {entry!r}")
    return float(entry)


def shipped_tolerance(key: str, instrument: Instrument) -> Tolerance | None:
    """The provisional default that ships for this very instrument, or None."""
    for row in _shipped():
        if row["metric"] == instrument.metric and row["instrument"] == instrument.digest:
            rest = {k: v for k, v in row.items() if k != "metric"}
            return Tolerance(key=key, instrument_name=instrument.name, **rest)
    return None


@cache
def _shipped() -> tuple[Mapping[str, Any], ...]:
    text = resources.files("continuity").joinpath("default_tolerances.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text).get("tolerance", []))


def _tolerance(row: Any, where: str) -> Tolerance:
    if not isinstance(row, dict):
        raise FormatError(f"{where}: a table was wanted, got {type(row).__name__}")
    kinds: dict[str, tuple[type, ...]] = {
        "key": (str,),
        "limit": (int, float),
        "scale": (int, float),
        "instrument": (str,),
        "instrument_name": (str,),
        "identity": (str,),
        "calibrated": (bool,),
        "evidence": (str,),
    }
    for name, value in row.items():
        if name not in kinds:
            raise FormatError(f"{where}: {name!r} is no field of a tolerance; there are: {', '.join(kinds)}")
        if not isinstance(value, kinds[name]) or (isinstance(value, bool) and bool not in kinds[name]):
            raise FormatError(f"{where}: {name} = {value!r} is of the wrong type")
    missing = [n for n in ("key", "limit", "scale") if n not in row]
    if missing:
        raise FormatError(f"{where}: {' and '.join(missing)} must be given")
    return Tolerance(**row)
