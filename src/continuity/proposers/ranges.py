"""How values to choose from are written: a list, or a range of numbers."""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from continuity.errors import UsageError
from continuity.records import Json

WANTED = "a list of values, or a range such as {low = 3, high = 9}"
DIGITS = 9  # of a number drawn: it is the same on every machine, whatever the last bit of its logarithm
MOST = 1e15  # beyond it nothing is a setting of this world


def checked(name: object, values: object, *, who: str, grid: bool = False) -> Any:
    """The values of one argument as plain JSON: a list, or a range with all its four keys low, high, log and whole.

    Raises:
        UsageError: no name, nothing to choose from, no plain JSON, or a range where a grid was wanted.
    """
    if not isinstance(name, str) or not name or name == "seed":
        raise UsageError(f"{who}: the name of an argument other than the seed was wanted, got {name!r}")
    try:
        plain = json.loads(json.dumps(values, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as cause:
        raise UsageError(f"{who}: {name} has a value that is no plain JSON ({cause})") from None
    if isinstance(plain, dict):
        return _range(name, plain, who, grid)
    if not isinstance(plain, list) or not plain:
        raise UsageError(f"{who}: for {name} {WANTED} was wanted, got {values!r}")
    return plain


def _range(name: str, given: dict[str, Any], who: str, grid: bool) -> dict[str, Json]:
    if grid:
        raise UsageError(f"{who}: {name} is a range, which has no grid: list its values, or say order = 'random'")
    made: dict[str, Any] = {"low": None, "high": None, "log": False, "whole": False, **given}
    low, high = made["low"], made["high"]
    numbers = len(made) == 4 and all(type(end) in (int, float) and abs(end) <= MOST for end in (low, high))
    if not numbers or not low < high:
        raise UsageError(f"{who}: {name}: low and high with low < high, log and whole were wanted, got {given}")
    if any(type(made[key]) is not bool for key in ("log", "whole")):
        raise UsageError(f"{who}: {name}: log and whole are true or false, got {given}")
    if made["log"] and low <= 0:
        raise UsageError(f"{who}: {name}: a logarithm needs a low above 0, got {low}")
    if made["whole"] and not (float(low).is_integer() and float(high).is_integer()):
        raise UsageError(f"{who}: {name}: whole numbers between whole numbers were wanted, got {low} and {high}")
    return made


def drawn(values: Any, chance: float) -> Json:
    """The value that a number in [0, 1) stands for: each of a list alike, a range evenly, or in its logarithm."""
    if isinstance(values, list):
        found: Json = values[int(chance * len(values))]
        return found
    low, high, whole = values["low"], values["high"], values["whole"]
    reached = _at(values, chance)
    rounded = math.floor(reached) if whole else float(f"{reached:.{DIGITS}g}")
    return min(max(rounded, int(low) if whole else low), int(high) if whole else high)


def split(values: Any, parts: int) -> list[Any]:
    """The same values in parts, each a list or a range again: every value of a list, a range in so many that are drawn
    alike often. Whole numbers are not split further than one by one, and a value named twice is one part."""
    if isinstance(values, list):
        return [[one] for one in {text_of(one): one for one in values}.values()]
    low, high = values["low"], values["high"]
    edges = [_at(values, k / parts) for k in range(1, parts)]
    if values["whole"]:
        cuts = [int(low), *sorted({cut for edge in edges if low < (cut := math.floor(edge)) <= high}), int(high) + 1]
        return [[a] if b == a + 1 else {**values, "low": a, "high": b - 1} for a, b in pairwise(cuts)]
    inner = sorted({edge for edge in edges if low < edge < high})
    return [{**values, "low": a, "high": b} for a, b in pairwise([low, *inner, high])]


class Places:
    """Which of some parts, as :func:`split` makes them, a value belongs to."""

    def __init__(self, values: Any, parts: Sequence[Any]) -> None:
        self._range = None if isinstance(values, list) else values
        self._texts = {text_of(part[0]): k for k, part in enumerate(parts) if self._range is None}
        self._lows = [part[0] if isinstance(part, list) else part["low"] for part in parts] if self._range else []

    def of(self, value: Any) -> int | None:
        """None where it is none of the values."""
        if self._range is None:
            return self._texts.get(text_of(value))
        number = isinstance(value, int | float) and not isinstance(value, bool)
        inside = number and self._range["low"] <= value <= self._range["high"]
        return bisect_right(self._lows, value) - 1 if inside else None


def text_of(value: Any) -> str:
    """JSON that is the same text for the same value: 4.0 is 4, as JSON knows one kind of number (RFC 8259)."""
    return json.dumps(_one_kind(value), sort_keys=True)


def chance_of(*what: Json) -> float:
    """A number in [0, 1) that follows from JSON values alone: BLAKE2b (RFC 7693) as a counter-based generator."""
    digest = hashlib.blake2b(json.dumps(what).encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / 2**53


def _one_kind(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _one_kind(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_one_kind(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _at(values: dict[str, Any], chance: float) -> float:
    """How far along a range that is; whole numbers: every one has an interval of its own."""
    low, end = values["low"], values["high"] + 1 if values["whole"] else values["high"]
    if values["log"]:
        return math.exp(math.log(low) + chance * (math.log(end) - math.log(low)))
    return float(low * (1 - chance) + end * chance)
