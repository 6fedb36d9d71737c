"""Limits, the instruments they belong to, and the evidence behind them; read from and written to TOML."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from numbers import Real
from typing import Any, TypeAlias

from continuity.errors import FormatError, InstrumentMismatch, ToleranceError, UnknownKey
from continuity.media import path_of, write_atomic
from continuity.records import Instrument, Tolerance

FORMAT = 1
BY_HAND = "typed by hand, never calibrated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What was shown for a whole set of limits: of the shots kept in one stream at most ``max_bad_share`` are bad.

    It is wrong with probability ``1 - confidence`` at most, and says nothing of any other stream.

    Attributes:
        max_bad_share: the share of bad among kept shots.
        confidence: of the test that showed it.
        route: how the labels were drawn, and so what the test rests on.
        stream: digest of the stream; empty where the labels named none.
        kept: shots of the verification part that these limits keep; ``bad`` of them were rejected by a person.
        bound: the upper bound on the share of bad that they give.
        base_rate: share of good candidates that was taken for granted, with labels of another mix.
        use: how many times the same labels have verified something, this time included.
        expects: what was expected of each metric, by key: what is let through when nothing is there is part of it.
    """

    max_bad_share: float
    confidence: float
    route: str
    stream: str
    kept: int
    bad: int
    bound: float
    base_rate: float | None = None
    use: int = 1
    expects: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def of(self) -> str:
        """What it is a share of: a base rate stands for every shot alike, and what they keep is what is accepted."""
        return "the shots kept" if self.base_rate is None else "what is accepted at that base rate"

    def __str__(self) -> str:
        """One sentence."""
        return (
            f"at most {self.max_bad_share:.3g} of {self.of} are bad, with confidence {self.confidence:.4g}: "
            f"{self.bad} bad in {self.kept} judged ({self.route})"
        )


@dataclass(frozen=True, slots=True)
class Tolerances:
    """A set of tolerances, one per metric key, and the promise that was shown for all of them together, if any."""

    items: tuple[Tolerance, ...] = ()
    promise: Promise | None = None

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
            UsageError: no path.
            FormatError: not readable, damaged, or of a newer format.
            ToleranceError: a limit or scale that cannot be used.
        """
        where = path_of(path, "a tolerance file")
        try:
            table = tomllib.loads(where.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValueError) as cause:
            raise FormatError(f"a tolerance file was wanted, {str(path)!r} cannot be read: {cause}") from None
        found = table.get("format")
        if found != FORMAT:
            newer = isinstance(found, int) and found > FORMAT
            hint = "update continuity to read it" if newer else f"write `format = {FORMAT}` in its first line"
            raise FormatError(f"{path}: format {FORMAT} was wanted, got {found!r}: {hint}")
        unknown = [key for key in table if key not in ("format", "tolerance", "promise")]
        rows = table.get("tolerance")
        if unknown or not isinstance(rows, list) or not rows:
            got = ", ".join(unknown) or ("none" if not rows else type(rows).__name__)
            raise FormatError(f"{path}: [[tolerance]] tables with key, limit and scale were wanted, got {got}")
        promise = table.get("promise")
        return cls(
            tuple(Tolerance(**_fields(row, TOLERANCE, f"{path}: tolerance {i}")) for i, row in enumerate(rows, 1)),
            None if promise is None else Promise(**_fields(promise, PROMISE, f"{path}: promise")),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the tolerances, whole or not at all."""
        import tomli_w

        table: dict[str, Any] = {"format": FORMAT}
        if self.promise:
            table["promise"] = {n: v for n, v in asdict(self.promise).items() if v is not None and v != {}}
        table["tolerance"] = [asdict(t) for t in self.items]
        write_atomic(path_of(path, "a tolerance file"), tomli_w.dumps(table).encode())


Given: TypeAlias = "Tolerances | Mapping[str, float | Tolerance] | None"


def resolve(
    given: Given,
    instruments: Mapping[str, Instrument],
    identity: str = "",
    stream: str = "",
    expects: Mapping[str, str] | None = None,
) -> tuple[dict[str, Tolerance], tuple[str, ...]]:
    """One tolerance per metric key, and what a report must say about them.

    ``given`` wins; what it leaves out comes from the shipped provisional defaults of the instrument. ``expects`` is
    what is expected of each metric here; None where nobody says, and then it is not compared with that of a promise.

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
    promise = given.promise if isinstance(given, Tolerances) else None
    if promise and not (stream and stream == promise.stream):
        warnings.append(
            f"promise not established for this stream ({stream or 'which is not known here'}): what was shown for "
            f"{promise.stream or 'labels that name no stream'} is {promise}"
        )
    if promise and promise.expects and expects is not None and (other := _differing(promise.expects, expects)):
        warnings.append(f"promise not established for these expectations ({other}): tune again with them")
    return chosen, tuple(warnings)


def _differing(promised: Mapping[str, str], expects: Mapping[str, str]) -> str:
    """What is expected otherwise than promised, in words; empty where nothing is."""
    keys = [key for key in {**promised, **expects} if promised.get(key) != expects.get(key)]
    return ", ".join(
        f"{k} {expects.get(k) or 'not measured'}, promised {promised.get(k) or 'without it'}" for k in keys
    )


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


Kinds: TypeAlias = Mapping[str, tuple[type, ...]]
NUMBER = (int, float)
TOLERANCE: Kinds = {
    "key": (str,),
    "limit": NUMBER,
    "scale": NUMBER,
    "instrument": (str,),
    "instrument_name": (str,),
    "identity": (str,),
    "calibrated": (bool,),
    "evidence": (str,),
}
PROMISE: Kinds = {
    "max_bad_share": NUMBER,
    "confidence": NUMBER,
    "route": (str,),
    "stream": (str,),
    "kept": (int,),
    "bad": (int,),
    "bound": NUMBER,
    "base_rate": NUMBER,
    "use": (int,),
    "expects": (dict,),
}
OPTIONAL = {"instrument", "instrument_name", "identity", "calibrated", "evidence", "base_rate", "use", "expects"}


def _fields(row: Any, kinds: Kinds, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise FormatError(f"{where}: a table was wanted, got {type(row).__name__}")
    for name, value in row.items():
        if name not in kinds:
            raise FormatError(f"{where}: {name!r} is nothing that stands here; there are: {', '.join(kinds)}")
        if not isinstance(value, kinds[name]) or (isinstance(value, bool) and bool not in kinds[name]):
            raise FormatError(f"{where}: {name} = {value!r} is of the wrong type")
    if not all(isinstance(word, str) for word in row.get("expects", {}).values()):
        raise FormatError(f"{where}: expects = {row['expects']!r}: a word for each metric key was wanted")
    missing = [n for n in kinds if n not in row and n not in OPTIONAL]
    if missing:
        raise FormatError(f"{where}: {' and '.join(missing)} must be given")
    return row
