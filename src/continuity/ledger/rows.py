"""The records that a ledger gives back, and how values become rows: JSON without NaN, text that SQLite can hold."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from continuity.errors import FormatError, UsageError
from continuity.ledger.accounting import Totals
from continuity.records import Cost, Json, Origin, Recipe, Report, State, Trial, Verdict
from continuity.records.wire import plain, report_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotRow:
    """One revision of a shot, as it stood when it was read. ``kept`` is the id of a candidate."""

    id: int
    name: str
    revision: int
    spec_digest: str
    kept: int | None
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRow:
    """One candidate, as it stood when it was read.

    ``worst_excess`` (normalised) and ``worst_key`` are of the finding that decides; the excess is None where that
    finding has no value. ``thumbnail`` and ``media`` are paths in the media store, empty where nothing is stored.

    Where a repair made an accepted picture of a rejected one, verdict, excess, digest, media and stream are of that
    attempt; ``repair`` names who made it, ``fitted`` the metrics that it was fitted to.
    """

    id: int
    shot: str
    revision: int
    index: int
    seed: int
    state: State
    origin: Origin
    stream: str
    measure_fully: bool
    verdict: Verdict | None
    worst_excess: float | None
    worst_key: str
    cost: Cost
    error: str
    digest: str  # of the media
    thumbnail: str
    media: str
    asked_at: str
    told_at: str | None
    host: str
    device: str
    kept: bool
    attempt: int = 0  # the one that decides
    repair: str = ""
    fitted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """What was made of a candidate: attempt 0 is the render itself, the others are what repairs made or declined.

    ``repair`` names the repairs that made it, in order; ``fitted`` the metrics that they were fitted to. ``declined``
    is why there is no verdict, also where there is a report. ``cost`` is of this attempt alone, None of the render.
    """

    attempt: int
    repair: str
    fitted: tuple[str, ...]
    stream: str
    verdict: Verdict | None
    settings: Mapping[str, Json]
    cost: Cost | None
    declined: str
    digest: str
    thumbnail: str
    media: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """How often a metric failed, and the failing value that came nearest to the limit, where one had a value."""

    count: int
    value: float | None
    limit: float | None
    unit: str


def candidate_row(row: Any) -> CandidateRow:
    """The record of one joined row of candidates, shots and attempts."""
    values = dict(row._mapping)
    values["state"] = State(values["state"])
    values["origin"] = Origin(values["origin"])
    values["verdict"] = Verdict(values["verdict"]) if values["verdict"] else None
    values["cost"] = cost(values["cost"])
    for name in ("digest", "thumbnail", "media", "repair"):
        values[name] = values[name] or ""
    values["fitted"] = tuple(json.loads(values["fitted"] or "[]"))
    values["kept"] = bool(values["kept"])
    return CandidateRow(**values)


def trial(row: Any) -> Trial:
    """A trial of index, seed, state, worst excess, recipe and what a person said last, which outranks the state."""
    index, seed, state, excess, text, said = row
    ended = State(state) if said is None else State.ACCEPTED if said else State.REJECTED
    return Trial(index=index, seed=seed, changes=recipe(text).changes, state=ended, worst_excess=excess)


def attempt_row(row: Any) -> AttemptRow:
    """The record of one row of attempts."""
    return AttemptRow(
        attempt=row.attempt,
        repair=row.repair,
        fitted=tuple(json.loads(row.fitted or "[]")),
        stream=row.stream or "",
        verdict=Verdict(row.verdict) if row.verdict else None,
        settings=json.loads(row.settings or "{}"),
        cost=cost(row.cost) if row.cost else None,
        declined=row.declined or "",
        digest=row.digest,
        thumbnail=row.thumbnail,
        media=row.media,
    )


def dump(value: Any, what: str = "") -> str:
    """One line of JSON without NaN. With ``what`` a number that is not finite is refused, else it becomes null.

    Raises:
        UsageError: ``what`` is given and the value is no JSON.
    """
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), default=_mapping if what else plain)
    except (TypeError, ValueError) as cause:
        if what:
            raise UsageError(f"{what}: plain JSON values with finite numbers were wanted: {cause}") from None
    return json.dumps(plain(value), allow_nan=False, separators=(",", ":"))


def digest(value: Mapping[str, Json], what: str) -> tuple[str, str]:
    """Digest (32 hexadecimal digits) and JSON of a mapping; the order of its keys does not count.

    Raises:
        UsageError: it is no JSON.
    """
    text = dump(value, what)
    ordered = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(ordered.encode(), digest_size=16).hexdigest(), ordered


def pack(value: Any) -> bytes:
    """JSON, compressed with zlib."""
    return zlib.compress(dump(value).encode(), 1)


def unpack(packed: bytes) -> Any:
    """What :func:`pack` packed.

    Raises:
        FormatError: damaged.
    """
    try:
        return json.loads(zlib.decompress(packed))
    except (zlib.error, ValueError) as cause:
        raise FormatError(f"a stored report is damaged: {cause}") from cause


def report(packed: bytes) -> Report:
    """The report of a packed JSON form."""
    return report_from_json(unpack(packed))


def recipe(text: str) -> Recipe:
    """The recipe of its JSON form."""
    return Recipe(**json.loads(text))


def cost(text: str | None) -> Cost:
    """The cost of its JSON form; none yet where there is none."""
    stored = json.loads(text) if text else {}
    return Cost(**{**stored, "elsewhere": tuple(Cost(**one) for one in stored.get("elsewhere", ()))})


def finite(value: float | None) -> float | None:
    """The value, or None where it is not a finite number."""
    return value if value is not None and math.isfinite(value) else None


def text(value: str) -> str:
    """Text that SQLite and UTF-8 can hold: half a surrogate pair (from a file name in another encoding) is escaped."""
    return value.encode("utf-8", "backslashreplace").decode()


def _mapping(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
