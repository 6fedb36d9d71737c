"""``module:name`` in a shot file: code of one's own, imported from beside the file."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from continuity.cli.words import nearest
from continuity.errors import ContinuityError, MissingDependency, UsageError


def imported(name: str, folders: Sequence[Path], where: str) -> Any:
    """The object behind ``module:name``; the module may lie in one of ``folders``.

    Raises:
        UsageError: no such module or name, or an import that fails.
        MissingDependency: the module needs a package that is not installed.
    """
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise UsageError(f'{where}: function = "module:name" was wanted, got {name!r}')
    for folder in reversed(folders):
        if str(folder.resolve()) not in sys.path:
            sys.path.insert(0, str(folder.resolve()))
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as cause:
        if cause.name and cause.name != module_name and not module_name.startswith(f"{cause.name}."):
            raise MissingDependency(
                f"{where}: {module_name} needs the package {cause.name!r}, which is not installed here"
            ) from cause
        raise UsageError(
            f"{where}: the module {module_name!r} was wanted in {str(folders[0])!r} or among the installed packages"
        ) from None
    except ContinuityError:
        raise
    except (Exception, SystemExit) as cause:  # an import may raise anything
        raise UsageError(f"{where}: {name} cannot be imported ({type(cause).__name__}: {cause})") from cause
    for part in attribute.split("."):
        if not hasattr(found, part):
            known = [n for n in vars(found) if not n.startswith("_")] if hasattr(found, "__dict__") else []
            raise UsageError(f"{where}: in {module_name} {nearest('name', part, known)}")
        found = getattr(found, part)
    if not callable(found) and not callable(getattr(found, "render", None)):
        raise UsageError(f"{where}: {name} is no function and no generator, it is {type(found).__name__}")
    return found
