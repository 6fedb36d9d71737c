"""Whether what is installed can work: packages that are missing, and packages that overwrite each other."""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from continuity.errors import ConflictingInstall, MissingDependency

SAME_FOLDER = (("onnxruntime", "onnxruntime-gpu"),)


def require(module: str, distribution: str, purpose: str = "") -> Any:
    """Imports a package that not everybody has; ``distribution`` is what pip installs, an extra in quotes.

    Raises:
        MissingDependency: it is not installed, or a library it needs is not there; has the exact pip line.
    """
    try:
        return importlib.import_module(module)
    except ImportError as cause:
        name = module.partition(".")[0] if "[" in distribution else distribution
        raise MissingDependency(
            f"the package {name} was wanted{purpose and ' for ' + purpose} and cannot be imported ({cause}): "
            f"pip install {distribution}"
        ) from cause


def check_installs() -> None:
    """Refuses two packages that write the same folder: which of them runs would be an accident.

    Raises:
        ConflictingInstall: both are installed.
    """
    for one, other in SAME_FOLDER:
        if _installed(one) and _installed(other):
            raise ConflictingInstall(
                f"{one} and {other} write the same folder and are both installed: "
                f"pip uninstall {one} {other}, then pip install the one you want"
            )


def _installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
