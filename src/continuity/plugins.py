"""Metrics, generators, proposers and repairs of other distributions, found through entry points.

Groups: ``continuity.metrics``, ``continuity.generators``, ``continuity.proposers``, ``continuity.repairs``. Nothing is
loaded until it is asked for by name, and a broken one is an error of its own name alone.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from continuity.errors import PluginError

GROUPS = ("metrics", "generators", "proposers", "repairs")


def names(group: str) -> tuple[str, ...]:
    """Names registered for a group, sorted; loads none of them."""
    return tuple(sorted({e.name for e in entry_points(group=f"continuity.{group}")}))


def load(group: str, name: str) -> Any:
    """The object behind one name.

    Raises:
        PluginError: there is none, there are several, or it cannot be imported.
    """
    found = tuple(entry_points(group=f"continuity.{group}", name=name))
    if not found:
        raise PluginError(
            f"no installed package offers {name!r} as one of continuity.{group}; there are: {names(group)}"
        )
    if len(found) > 1:
        owners = ", ".join(sorted(e.dist.name if e.dist else "?" for e in found))
        raise PluginError(f"several packages offer {name!r} in continuity.{group} ({owners}): uninstall all but one")
    try:
        return found[0].load()
    except (Exception, SystemExit) as cause:  # an import may raise anything
        owner = found[0].dist.name if found[0].dist else "an unknown package"
        raise PluginError(f"{name!r} of {owner} cannot be loaded ({type(cause).__name__}: {cause})") from cause
