"""The generator that ``[generator]`` in a shot file asks for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from continuity.cli.shot_file import NUMBER, ShotFile, check
from continuity.cli.words import nearest, path_of, plain
from continuity.errors import ContinuityError, MissingDependency, PluginError, UsageError
from continuity.interfaces import Backends, Generator

if TYPE_CHECKING:
    from continuity.generators import Simulator

Types = tuple[type, ...]
KIND: Mapping[str, Types] = {"kind": (str,)}
FUNCTION: Mapping[str, Types] = {
    **KIND,
    "function": (str,),
    "settings": (dict,),  # keyword arguments of every call
    "device": (str,),
    "steps": (int,),
    "rate": NUMBER,
}
FOLDER: Mapping[str, Types] = {**KIND, "folder": (str,), "pattern": (str,)}
PLUGIN: Mapping[str, Types] = {**KIND, "name": (str,), "settings": (dict,)}
SIMULATOR: Mapping[str, Types] = {
    **KIND,
    "source": (str, list),
    "acceptable": NUMBER,
    "aspects": (list,),
    "size": (int,),
    "severity": (list,),
    "face": (bool, list),  # true: find it; or left, top, right, bottom in pixels of the source
    "steps": (int,),
    "seconds_per_render": NUMBER,
    "device": (str,),
    "salt": (int,),
}


def generator_of(file: ShotFile, backends: Backends) -> Generator:
    """The generator of a shot file.

    Raises:
        UsageError: a key that does not exist or is missing, or a function that cannot be imported.
        MediaError, PluginError: as the generator says.
    """
    table, where = file.generator, f"{plain(file.path)} [generator]"
    kind = table.get("kind")
    makers: dict[str, tuple[Mapping[str, Types], str, Callable[[], Generator]]] = {
        "function": (FUNCTION, "function", lambda: _function(file, where)),
        "folder": (FOLDER, "folder", lambda: _folder(file)),
        "simulator": (SIMULATOR, "source", lambda: _simulator(file, backends)),
        "plugin": (PLUGIN, "name", lambda: _plugin(file, where)),
    }
    if kind not in makers:
        raise UsageError(f"{where}: {nearest('kind', str(kind or ''), makers)}")
    keys, needed, make = makers[kind]
    check(table, keys, where)
    if needed not in table:
        raise UsageError(f"{where}: a {kind} needs {needed!r}")
    return make()


def _function(file: ShotFile, where: str) -> Generator:
    from continuity.generators import FunctionGenerator

    found = imported(file.generator["function"], file.folder, where)
    settings = file.generator.get("settings", {})
    if callable(getattr(found, "render", None)):  # a generator of one's own, or its class
        return _made(found, settings, where) if isinstance(found, type) else _checked(found, where)
    named = {key: file.generator[key] for key in ("device", "steps", "rate") if key in file.generator}
    return FunctionGenerator(partial(found, **settings) if settings else found, **named)


def imported(name: str, folder: Path, where: str) -> Any:
    """The object behind ``module:name``; the module may lie in ``folder``.

    Raises:
        UsageError: no such module or name, or an import that fails.
        MissingDependency: the module needs a package that is not installed.
    """
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise UsageError(f'{where}: function = "module:name" was wanted, got {name!r}')
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
            f"{where}: the module {module_name!r} was wanted in {str(folder)!r} or among the installed packages"
        ) from None
    except ContinuityError:
        raise
    except Exception as cause:  # an import may raise anything
        raise UsageError(f"{where}: {module_name} cannot be imported ({type(cause).__name__}: {cause})") from cause
    for part in attribute.split("."):
        if not hasattr(found, part):
            known = [n for n in vars(found) if not n.startswith("_")] if hasattr(found, "__dict__") else []
            raise UsageError(f"{where}: in {module_name} {nearest('name', part, known)}")
        found = getattr(found, part)
    if not callable(found) and not callable(getattr(found, "render", None)):
        raise UsageError(f"{where}: {name} is no function and no generator, it is {type(found).__name__}")
    return found


def _folder(file: ShotFile) -> Generator:
    from continuity.generators import FolderGenerator

    pattern = {key: file.generator[key] for key in ("pattern",) if key in file.generator}
    return FolderGenerator(file.folder / path_of(file.generator["folder"]), **pattern)


def _simulator(file: ShotFile, backends: Backends) -> Simulator:
    from continuity.generators import Simulator

    options = {name: value for name, value in file.generator.items() if name not in ("kind", "source", "face")}
    if "severity" in options:
        options["severity"] = tuple(options["severity"])
    face = file.generator.get("face", False)
    if face is not False:
        options["face"] = backends.faces.detect if face is True else face
    source = file.generator["source"]
    paths = source if isinstance(source, list) else [source]
    return Simulator([file.folder / path_of(str(path)) for path in paths], **options)


def _plugin(file: ShotFile, where: str) -> Generator:
    from continuity import plugins

    found = plugins.load("generators", file.generator["name"])
    settings = file.generator.get("settings", {})
    return _made(found, settings, where) if callable(found) else _checked(found, where)


def _made(maker: Callable[..., Any], settings: Mapping[str, Any], where: str) -> Generator:
    try:
        return _checked(maker(**settings), where)
    except ContinuityError:
        raise
    except Exception as cause:  # somebody else's code
        raise PluginError(f"{where}: the generator cannot be made ({type(cause).__name__}: {cause})") from cause


def _checked(found: Any, where: str) -> Generator:
    if not callable(getattr(found, "render", None)) or not isinstance(getattr(found, "settings", None), Mapping):
        raise PluginError(f"{where}: a generator has render() and settings, got {type(found).__name__} without them")
    generator: Generator = found
    return generator
