"""One request and one answer as lines of JSON, and the checks of what a stranger sent."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any, TypeAlias

from continuity.errors import FormatError, UsageError
from continuity.words import nearest

FORMAT = 1
MOST = 256 * 2**20  # bytes of a line with media in it: a raw picture of 64 megapixels as base64
PLAIN = 2**20  # bytes of a line without them, or of what stands beside them: small text can become large objects
MEDIA = re.compile(rb'"bytes"\s*:\s*"[^"]*')  # base64 has no quotation mark, so this ends where the value ends
WORD = 40  # characters of a stranger's word that come back to him
SENTENCE = 2_000  # characters of an error
LARGEST = 1e15  # what is not between -LARGEST and LARGEST is no quantity of this world
LONGEST_PATH = 4096  # bytes
SCALAR = (str, int, type(None))
NAMES = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
}

_large = threading.Lock()  # large lines are parsed one at a time

Keys: TypeAlias = Mapping[str, tuple[type, ...]]
Request: TypeAlias = dict[str, Any]


def parsed(line: bytes) -> Request:
    """The JSON object of a line, its ``id`` checked and its format not yet.

    Raises:
        UsageError: no JSON object in UTF-8, or an ``id`` that is neither text nor a whole number.
    """
    media = MEDIA.search(line) if len(line) > PLAIN else None
    beside = len(line) - (media.end() - media.start() if media else 0)
    if len(line) > MOST or beside > PLAIN:
        raise UsageError(
            f'a line of at most {PLAIN:,} bytes was wanted, {MOST:,} with media in "bytes", got a longer one: send a '
            "path instead"
        )
    try:
        with _large if len(line) > PLAIN else nullcontext():
            found = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as cause:
        raise UsageError(f"one JSON object a line was wanted, got {line[:WORD]!r} ({cause})") from None
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
        raise FormatError(f"a request of format {FORMAT} was wanted, got {told(found)}: {hint}")
    kind = request.get("do")
    if not isinstance(kind, str) or kind not in kinds:
        raise UsageError(f'"do": {nearest("request", cut(str(kind)), kinds)}')
    keys: Keys = {"format": (int,), "id": SCALAR, "do": (str,), **kinds[kind]}
    for key, value in request.items():
        if key not in keys:
            raise UsageError(f"{kind}: {nearest('key', cut(key), keys)}")
        if type(value) not in keys[key]:
            raise UsageError(f'{kind}: "{key}": {NAMES[keys[key][0]]} was wanted, got {told(value)}')
        for one in _within(value) if key != "id" else ():
            _check(one, f'{kind}: "{key}"')
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
        if type(value) not in (int, float):
            raise UsageError(f'{request["do"]}: "{key}": {cut(name)}: a finite number was wanted, got {told(value)}')
    return dict(request.get(key, {}))


def texts(request: Request, key: str) -> dict[str, str]:
    """An object of texts; empty where there is none.

    Raises:
        UsageError: a value is no text.
    """
    for name, value in request.get(key, {}).items():
        if not isinstance(value, str):
            raise UsageError(f'{request["do"]}: "{key}": {cut(name)}: text was wanted, got {told(value)}')
    return dict(request.get(key, {}))


def path_in(request: Request, key: str) -> str:
    """The path under a key.

    Raises:
        UsageError: none is given, or no file can have it.
    """
    text: str = needed(request, key)
    if not text or "\0" in text or len(text.encode()) > LONGEST_PATH:
        raise UsageError(f'{request["do"]}: "{key}": {cut(text)!r} is no path')
    return text


def cut(text: str) -> str:
    """A word as it comes back to who sent it."""
    return text if len(text) <= WORD else f"{text[: WORD - 3]}..."


def told(value: object) -> str:
    """A JSON value as it comes back to who sent it."""
    try:
        return cut(json.dumps(value))
    except RecursionError:
        return "something deeply nested"


def refused(cause: object) -> str:
    """The sentence of an error, its middle left out where a stranger's words made it long."""
    said, half = str(cause), SENTENCE // 2
    return said if len(said) <= SENTENCE else f"{said[:half]} ... {said[-half:]}"


def answered(ident: str | int | None, row: Mapping[str, Any]) -> bytes:
    """The line that answers the request of an ``id``."""
    return json.dumps({"format": FORMAT, "id": ident, **row}, allow_nan=False).encode() + b"\n"


def _within(value: object) -> Iterator[object]:
    """All texts and numbers of a JSON value, however deep they are nested."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left += [*one, *one.values()]
        elif isinstance(one, list):
            left += one
        else:
            yield one


def _check(one: object, where: str) -> None:
    if isinstance(one, str):
        try:
            one.isascii() or one.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{where}: text in Unicode was wanted, got half a surrogate pair: {told(one)}") from None
    elif isinstance(one, int | float) and not -LARGEST <= one <= LARGEST:
        raise UsageError(f"{where}: a finite number between -{LARGEST:g} and {LARGEST:g} was wanted, got {told(one)}")


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no JSON")
