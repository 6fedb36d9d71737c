"""torch and diffusers, imported on first use."""

from __future__ import annotations

from typing import Any

from continuity.backends.torchvision_ops import ensure_torchvision
from continuity.installs import require

EXTRA = "'continuity-gate[diffusers]'"


def torch() -> Any:
    """The module.

    Raises:
        MissingDependency: it is not installed.
    """
    return require("torch", EXTRA)


def diffusers() -> Any:
    """The module, after torchvision has been made importable.

    Raises:
        MissingDependency: it or torch is not installed.
    """
    torch()
    ensure_torchvision()
    return require("diffusers", EXTRA)


def parts(pipe: Any) -> dict[str, Any]:
    """The components of a pipeline that are there, by name; ``pipe.components`` inspects a signature every time."""
    named = {name: vars(pipe).get(name) for name in pipe.config if not name.startswith("_")}
    plain = (bool, int, float, str, list, tuple, dict)
    return {name: part for name, part in sorted(named.items()) if part is not None and not isinstance(part, plain)}
