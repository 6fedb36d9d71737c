"""One request and one answer as lines of JSON, and the checks of what a stranger sent."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from continuity.errors import FormatError, UsageError
from continuity.words import nearest

FORMAT = 1
MOST = 256 * 2**20  # bytes of a line: a raw picture of 64 megapixels as base64
SCALAR = (str, int, type(None))
NAMES = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
}

Keys: TypeAlias = Mapping[str, tuple[type, ...]]
Request: TypeAlias = dict[str, Any]


def parsed(line: bytes) -> Request:
    """The JSON object of a line, its ``id`` checked and its format not yet.

    Raises:
        UsageError: no JSON object in UTF-8, or an ``id`` that is neither text nor a whole number.
    """
    if len(line) > MOST:
        raise UsageError(f"a line of at most {MOST // 2**20} MiB was wanted, got a longer one: send a path instead")
    try:
        found = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as cause:
        raise UsageError(f"one JSON object a line was wanted, got {line[:40]!r} ({cause})") from None
    if not isinstance(found, dict):
        raise UsageError(f"a JSON object was wanted, got {NAMES.get(type(found), 'null')}")
    if type(found.get("id")) not in SCALAR:
        raise UsageError('"id": text or a whole number was wanted, or none at all')
    return found


def kind_of(request: Request, kinds: Mapping[str, Keys]) -> str:
    """What is asked for, after a look at the format and at all keys.

    Raises:
        FormatError: of another format.
        UsageError: no such kind, a key that it does not have, or a value of another type.
    """
    found = request.get("format")
    if type(found) is not int or found != FORMAT:
        newer = isinstance(found, int) and found > FORMAT
        hint = "update continuity" if newer else f'send "format": {FORMAT}'
        raise FormatError(f"a request of format {FORMAT} was wanted, got {found!r}: {hint}")
    kind = request.get("do")
    if not isinstance(kind, str) or kind not in kinds:
        raise UsageError(f'"do": {nearest("request", str(kind), kinds)}')
    keys: Keys = {"format": (int,), "id": SCALAR, "do": (str,), **kinds[kind]}
    for key, value in request.items():
        if key not in keys:
            raise UsageError(f"{kind}: {nearest('key', key, keys)}")
        if type(value) not in keys[key]:
            raise UsageError(f'{kind}: "{key}": {NAMES[keys[key][0]]} was wanted, got {json.dumps(value)[:40]}')
    return kind


def needed(request: Request, key: str) -> Any:
    """A value that has to be there.

    Raises:
        UsageError: it is not.
    """
    if key not in request:
        raise UsageError(f'{request["do"]}: "{key}" must be given')
    return request[key]


def numbers(request: Request, key: str) -> dict[str, float]:
    """An object of finite numbers; empty where there is none.

    Raises:
        UsageError: a value is no finite number.
    """
    for name, value in request.get(key, {}).items():
        if type(value) not in (int, float) or not math.isfinite(value):
            raise UsageError(f'{request["do"]}: "{key}": {name}: a finite number was wanted, got {value!r}')
    return dict(request.get(key, {}))


def texts(request: Request, key: str) -> dict[str, str]:
    """An object of texts; empty where there is none.

    Raises:
        UsageError: a value is no text.
    """
    for name, value in request.get(key, {}).items():
        if not isinstance(value, str):
            raise UsageError(f'{request["do"]}: "{key}": {name}: text was wanted, got {value!r}')
    return dict(request.get(key, {}))


def answered(ident: str | int | None, row: Mapping[str, Any]) -> bytes:
    """The line that answers the request of an ``id``."""
    return json.dumps({"format": FORMAT, "id": ident, **row}, allow_nan=False).encode() + b"\n"


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no JSON")
