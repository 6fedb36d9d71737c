"""A gate from what was typed: identity, tolerance file, limits and expectations."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

from continuity.cli.words import nearest
from continuity.errors import UsageError
from continuity.gate import Gate
from continuity.metrics import OFF
from continuity.records import Expect

PathLike = str | os.PathLike[str]


def gate_for(
    identity: PathLike,
    *,
    tolerances: PathLike | None = None,
    limits: Mapping[str, float] | None = None,
    expects: Mapping[str, str] | None = None,
) -> Gate:
    """:meth:`Gate.open`, with the nearest expectation named where a mistyped word is none.

    Raises:
        EnrolmentError, FormatError, ToleranceError, UnknownKey, MissingPiece: as the library says.
    """
    require_words(expects or {})
    return Gate.open(identity, tolerances=tolerances, limits=limits, expects=expects)


def require_words(expects: Mapping[str, str]) -> None:
    """Passes if each is an expectation, or off.

    Raises:
        UsageError: one is not; names the nearest.
    """
    for key, value in expects.items():
        if value not in (*Expect, OFF):
            raise UsageError(f"{key}: {nearest('expectation', str(value), [*map(str, Expect), OFF])}")


def pairs(words: Sequence[str], option: str) -> dict[str, str]:
    """``KEY=VALUE`` words as a mapping; a key may hold a colon, and the last word for it wins.

    Raises:
        UsageError: a word is no such pair.
    """
    found = {}
    for word in words:
        key, equals, value = word.rpartition("=")
        if not (key and equals and value):
            raise UsageError(f"{option} KEY=VALUE was wanted, got {word!r}")
        found[key.strip()] = value.strip()
    return found


def numbers(words: Sequence[str], option: str) -> dict[str, float]:
    """``KEY=NUMBER`` words as a mapping.

    Raises:
        UsageError: a word is no such pair, or its number is not finite.
    """
    found = {}
    for key, text in pairs(words, option).items():
        try:
            found[key] = float(text)
        except ValueError:
            found[key] = math.nan
        if not math.isfinite(found[key]):
            raise UsageError(f"{option} {key}: a finite number was wanted, got {text!r}")
    return found
