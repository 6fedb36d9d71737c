"""The generator that ``[generator]`` in a shot file asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from continuity.cli import pipes
from continuity.cli.importing import imported
from continuity.cli.pipes import Pipes
from continuity.cli.shot_file import ShotFile
from continuity.cli.tables import NUMBER, Keys, check
from continuity.cli.words import nearest, path_of
from continuity.errors import ContinuityError, PluginError, UsageError
from continuity.interfaces import Backends, Generator

if TYPE_CHECKING:
    from continuity.generators import Simulator

KIND: Keys = {"kind": (str,)}
FUNCTION: Keys = {
    **KIND,
    "function": (str,),
    "settings": (dict,),  # keyword arguments of every call
    "device": (str,),
    "steps": (int,),
    "rate": NUMBER,
}
FOLDER: Keys = {**KIND, "folder": (str,), "pattern": (str,)}
PLUGIN: Keys = {**KIND, "name": (str,), "settings": (dict,)}
SIMULATOR: Keys = {
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
DIFFUSERS: Keys = {
    **KIND,
    "function": (str,),  # returns the pipe
    "settings": (dict,),  # keyword arguments of the function
    "arguments": (dict,),  # of every call of the pipe
    "inputs": (dict,),
    "files": (dict,),
    "rate": NUMBER,
}
KINDS: Mapping[str, tuple[Keys, str]] = {  # its keys, and the one that must be given
    "diffusers": (DIFFUSERS, "function"),
    "function": (FUNCTION, "function"),
    "folder": (FOLDER, "folder"),
    "simulator": (SIMULATOR, "source"),
    "plugin": (PLUGIN, "name"),
}
FOR_PIPES = 'write kind = "diffusers"'


class Loader:
    """Makes the generators of shot files, each once for as many shots as say the same of it."""

    def __init__(self) -> None:
        self._made: dict[str, Generator] = {}
        self._pipes = Pipes()

    def check(self, file: ShotFile, backends: Backends) -> Generator | None:
        """The generator; or None after all that can be checked of one without dropping a pipe that is loaded already.

        Raises:
            ContinuityError: as :meth:`generator` does.
        """
        if file.generator.get("kind") != "diffusers" or self._pipes.has(file):
            return self.generator(file, backends)
        pipes.checked(file, _checked_table(file))
        return None

    def generator(self, file: ShotFile, backends: Backends) -> Generator:
        """The generator of a shot file.

        Raises:
            UsageError: a key that does not exist or is missing, or a function that cannot be imported.
            MediaError, PluginError, MissingDependency: as the generator says.
        """
        where, kind = _checked_table(file), file.generator["kind"]
        if kind == "diffusers":
            return self._pipes.generator(file, where)
        key = pipes.key(file.generator, *file.folders, file.folder)
        if key not in self._made:
            if kind == "simulator":
                self._made[key] = _simulator(file, backends)
            else:
                self._made[key] = {"function": _function, "folder": _folder, "plugin": _plugin}[kind](file, where)
        return self._made[key]


def _checked_table(file: ShotFile) -> str:
    """Where the generator stands in its file, as sentences say it, after a look at its keys."""
    where, kind = f"{file.where} [generator]", str(file.generator.get("kind", ""))
    if kind not in KINDS:
        raise UsageError(f"{where}: {nearest('kind', kind, KINDS)}")
    keys, wanted = KINDS[kind]
    check(file.generator, keys, where)
    if wanted not in file.generator:
        raise UsageError(f"{where}: a {kind} needs {wanted!r}")
    return where


def _function(file: ShotFile, where: str) -> Generator:
    from continuity.generators import FunctionGenerator

    found = imported(file.generator["function"], (file.folder, *file.folders), where)
    settings = file.generator.get("settings", {})
    if pipes.is_pipe(found):
        raise UsageError(f"{where}: {file.generator['function']} is a diffusers pipe: {FOR_PIPES}")
    if callable(getattr(found, "render", None)):  # a generator of one's own, or its class
        return _made(found, settings, where) if isinstance(found, type) else _checked(found, where)
    named = {key: file.generator[key] for key in ("device", "steps", "rate") if key in file.generator}
    try:
        return FunctionGenerator(partial(found, **settings) if settings else found, **named)
    except UsageError as cause:
        raise UsageError(f"{where}: {cause}; where it returns a diffusers pipe, {FOR_PIPES}") from cause


def _folder(file: ShotFile, where: str) -> Generator:
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
    except (Exception, SystemExit) as cause:  # somebody else's code
        raise PluginError(f"{where}: the generator cannot be made ({type(cause).__name__}: {cause})") from cause


def _checked(found: Any, where: str) -> Generator:
    if not callable(getattr(found, "render", None)) or not isinstance(getattr(found, "settings", None), Mapping):
        raise PluginError(f"{where}: a generator has render() and settings, got {type(found).__name__} without them")
    generator: Generator = found
    return generator
