"""Words for people: what may be shown of a text from outside, numbers and times as people read them.

Commands, pages and notebooks say the same things in the same words because they all take them from here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches


def plain(text: str | os.PathLike[str], *, keep_lines: bool = False) -> str:
    """``text`` without anything that acts on a terminal: control characters and undecodable bytes are escaped."""
    keep = "\n" if keep_lines else ""
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in os.fspath(text))


def nearest(what: str, word: str, known: Iterable[str]) -> str:
    """A sentence saying that ``word`` is no such thing, with the known word it looks most like."""
    words = list(known)
    close = get_close_matches(word, words, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"use one of: {', '.join(words)}"
    return f"there is no {what} {word!r}: {hint}"


def number(value: float) -> str:
    """A value in three digits: ``0.700``, ``12.2``, ``140``; what is next to nothing is ``0.0000``."""
    if 0 < abs(value) < 1e-4:
        return f"{abs(value):.4f}"
    return f"{value:#.3g}".rstrip(".") if abs(value) < 1000 else f"{value:,.0f}"


def counted(number: int, one: str, many: str = "") -> str:
    """``1 file``, ``3 files``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """Seconds as people read them: ``0.31 s``, ``42 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def percent(share: float | None) -> str:
    """A share as people read it, a dash where there is none."""
    return "-" if share is None else f"{100 * share:.3g} %"
