"""The repairs that ``[repairs]`` in a shot file asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from continuity.cli.importing import imported
from continuity.cli.shot_file import ShotFile
from continuity.cli.tables import Keys, beside, check, said_of
from continuity.errors import ContinuityError, PluginError, UsageError
from continuity.interfaces import Repair

KEYS: Keys = {"grade": (bool, dict), "logo": (list,), "function": (list,), "plugin": (list,)}
GRADE: Keys = {"config": (str,), "display": (str,), "residue": (int, float)}


def repairs_of(file: ShotFile) -> tuple[Repair, ...]:
    """The repairs of a shot file, in this order: grade, logos, functions, plugins.

    Raises:
        UsageError: a key that does not exist, a value of the wrong type, or a function that cannot be imported.
        PluginError: something that is no repair.
        MissingDependency: an OCIO config is named, and OpenColorIO is not installed.
    """
    from continuity import plugins
    from continuity.repairs import GradeRepair, LogoRepair

    where = f"{file.where} [repairs]"
    table = check(file.repairs, KEYS, where)
    found: list[Repair] = []
    with said_of(where):
        grade = table.get("grade", False)
        if grade is not False:
            given = {} if grade is True else dict(check(grade, GRADE, "grade"))
            if "config" in given and not given["config"].startswith("ocio://"):
                given["config"] = str(beside(file.path, given["config"]))
            found.append(GradeRepair(**given))
        found += [LogoRepair(name) for name in _names(table, "logo")]
    for name in _names(table, "function"):
        found.append(_repair(imported(name, (file.folder, *file.folders), where), where))
    for name in _names(table, "plugin"):
        found.append(_repair(plugins.load("repairs", name), where))
    return tuple(found)


def _names(table: Any, key: str) -> list[str]:
    names = table.get(key, [])
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"{key} is a list of names, got {names!r}")
    return list(names)


def _repair(found: Any, where: str) -> Repair:
    """The repair, or what a class or a function without arguments makes."""
    if isinstance(found, type) or not isinstance(found, Repair):
        found = _made(found, where) if callable(found) else found
    if not isinstance(found, Repair):
        raise PluginError(f"{where}: a repair has keys, settings and repair(), got {type(found).__name__} without them")
    return found


def _made(maker: Callable[[], Any], where: str) -> Any:
    try:
        return maker()
    except ContinuityError:
        raise
    except Exception as cause:  # somebody else's code
        raise PluginError(f"{where}: the repair cannot be made ({type(cause).__name__}: {cause})") from cause
