"""What the name of a shot says: sequence and shot, as productions write them."""

from __future__ import annotations

import re

_PARTS = re.compile(r"(?P<scene>.+?)[_.-](?P<shot>[^_.-]+)", re.DOTALL)


def parts_of(name: str) -> tuple[str, str]:
    """Scene (or sequence) and shot: ``sc042_010`` is shot 010 of sc042; no scene where the name has no such parts."""
    match = _PARTS.fullmatch(name)
    return (match["scene"], match["shot"]) if match else ("", name)
