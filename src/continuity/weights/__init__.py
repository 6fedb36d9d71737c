"""Model files: a catalogue of where they come from and what they must be, a folder they are kept in, a way to get them.

Looking a file up opens no connection and loads no HTTP library; only :func:`pull` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from continuity.weights.cache import Check, cache_folder, path_of, verify
from continuity.weights.entries import Archive, WeightFile, catalogue, weight_file

if TYPE_CHECKING:
    from continuity.weights.pulling import Progress, Pulled, Step, pull

__all__ = [
    "Archive",
    "Check",
    "Progress",
    "Pulled",
    "Step",
    "WeightFile",
    "cache_folder",
    "catalogue",
    "path_of",
    "pull",
    "verify",
    "weight_file",
]


def __getattr__(name: str) -> Any:
    if name in {"Progress", "Pulled", "Step", "pull"}:
        from continuity.weights import pulling

        return getattr(pulling, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
