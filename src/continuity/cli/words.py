"""Words for people (:mod:`continuity.words`), and paths as people type them."""

from __future__ import annotations

from pathlib import Path

from continuity.errors import UsageError
from continuity.words import counted, duration, nearest, number, plain

__all__ = ["EXPECT_HELP", "counted", "duration", "nearest", "number", "path_of", "plain"]

EXPECT_HELP = "required, if_present, if_measurable or not_expected; off leaves the metric out."


def path_of(text: str) -> Path:
    """A path as typed, with ``~`` expanded where that user exists.

    Raises:
        UsageError: it has a NUL in it, which no path has.
    """
    if "\0" in text:
        raise UsageError(f"a path was wanted, got {text!r}")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # no such user: then it is a name with a tilde
        return Path(text)
