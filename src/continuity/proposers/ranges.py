"""How values to choose from are written: a list, or a range of numbers."""

from __future__ import annotations

import json
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
