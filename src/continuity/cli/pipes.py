"""``kind = "diffusers"`` in a shot file: a pipe from a function of one's own, with pictures and files beside it."""

from __future__ import annotations

import gc
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from continuity.cli.importing import imported
from continuity.cli.tables import beside, said_of, typed
from continuity.cli.words import plain
from continuity.errors import ContinuityError, MissingDependency, UsageError

if TYPE_CHECKING:
    from continuity.cli.shot_file import ShotFile
    from continuity.interfaces import Generator

BASE = "DiffusionPipeline"


@dataclass(slots=True)
class Pipes:
    """The pipe in use, and the generator around it. One of each is kept: two seldom fit one GPU.

    Shots that follow each other share a pipe where function and settings are the same, whatever else differs.
    """

    _pipe_key: str = ""
    _pipe: Any = None
    _key: str = ""
    _generator: Generator | None = None

    def has(self, file: ShotFile) -> bool:
        """Whether the generator of this file can be made without dropping a pipe that is loaded."""
        return self._pipe is None or self._pipe_key == _pipe_key(file)

    def generator(self, file: ShotFile, where: str) -> Generator:
        """The generator of a shot file; loads its pipe, and drops another one first.

        Raises:
            UsageError: the function fails or returns no pipe, or an argument, picture or file cannot be used.
            MissingDependency: diffusers, or something that the pipe needs, is not installed.
        """
        wanted = key(file.generator, *file.folders, file.folder)
        if wanted != self._key or self._generator is None:
            inputs = inputs_of(file, where)
            self._key, self._generator = "", None
            made = _generator(self._of(file, where), file, inputs, where)
            self._key, self._generator = wanted, made
        return self._generator

    def _of(self, file: ShotFile, where: str) -> Any:
        if self._pipe is None or self._pipe_key != _pipe_key(file):
            self._pipe_key, self._pipe = "", None
            gc.collect()  # a pipe is full of cycles, and its memory is needed for the next one now
            self._pipe = _made(file, where)
            self._pipe_key = _pipe_key(file)
        return self._pipe


def checked(file: ShotFile, where: str) -> None:
    """Passes where the function can be imported, and pictures and files are there; loads no pipe.

    Raises:
        UsageError, MissingDependency: as :meth:`Pipes.generator` does.
    """
    _function(file, where)
    inputs_of(file, where)
    files_of(file, where)


def is_pipe(thing: object) -> bool:
    """Whether it is a diffusers pipe; told without importing diffusers, since who has one has imported it."""
    return any(kind.__name__ == BASE for kind in type(thing).__mro__)


def inputs_of(file: ShotFile, where: str) -> dict[str, Path | list[Path]]:
    """The call arguments of ``[generator.inputs]``: paths of pictures and clips, or lists of them.

    Raises:
        UsageError: a value that is no path, or a file that is not there.
    """
    found: dict[str, Path | list[Path]] = {}
    for name, value in file.generator.get("inputs", {}).items():
        typed(name, value, (list, str), f"{where} inputs")
        paths = [there(file, name, path, f"{where} inputs") for path in (value if isinstance(value, list) else [value])]
        found[name] = paths if isinstance(value, list) else paths[0]
    return found


def files_of(file: ShotFile, where: str) -> dict[str, Path]:
    """The files of ``[generator.files]`` by role.

    Raises:
        UsageError: one is not there.
    """
    given = file.generator.get("files", {})
    return {role: there(file, role, path, f"{where} files") for role, path in given.items()}


def there(file: ShotFile, name: str, path: Any, where: str) -> Path:
    """The path of a file that is there.

    Raises:
        UsageError: no path, or no file at it.
    """
    typed(name, path, (str,), where)
    found = beside(file.path, path)
    if not found.is_file():
        raise UsageError(f"{where}: {name}: a file was wanted at {plain(found)}, there is none")
    return found


def _generator(pipe: Any, file: ShotFile, inputs: Mapping[str, Any], where: str) -> Generator:
    from continuity.generators import DiffusersGenerator

    arguments = file.generator.get("arguments", {})
    twice = sorted(set(arguments) & set(inputs))
    if twice:
        raise UsageError(f"{where}: {twice[0]} stands in arguments and in inputs: write it in one of them")
    more = {key: file.generator[key] for key in ("rate",) if key in file.generator}
    files = files_of(file, where)
    with said_of(where):
        made: Generator = DiffusersGenerator(pipe, files=files, **more, **arguments, **inputs)
        return made


def _function(file: ShotFile, where: str) -> Any:
    """What makes the pipe, imported where torchvision lets diffusers in (see backends/torchvision_ops.py)."""
    from continuity.backends.torchvision_ops import ensure_torchvision

    for package in ("torch", "diffusers"):
        if find_spec(package) is None:
            raise MissingDependency(
                f"{where}: the package {package} is not installed here: pip install 'continuity-gate[diffusers]'"
            )
    ensure_torchvision()
    return imported(file.generator["function"], (file.folder, *file.folders), where)


def _made(file: ShotFile, where: str) -> Any:
    function, name = _function(file, where), file.generator["function"]
    if is_pipe(function):
        return function
    try:
        pipe = function(**file.generator.get("settings", {}))
    except ContinuityError:
        raise
    except ImportError as cause:
        raise MissingDependency(f"{where}: the pipe of {name} cannot be made: {plain(str(cause))}") from cause
    except (Exception, SystemExit) as cause:  # somebody else's code
        said = plain(f"{type(cause).__name__}: {cause}")
        raise UsageError(f"{where}: the pipe of {name} cannot be made ({said})") from cause
    if not is_pipe(pipe):
        what = type(pipe).__name__
        raise UsageError(f'{where}: {name} returned {what} and no diffusers pipe; a renderer is kind = "function"')
    return pipe


def _pipe_key(file: ShotFile) -> str:
    return key({k: file.generator.get(k) for k in ("function", "settings")}, *file.folders, file.folder)


def key(table: Mapping[str, Any], *folders: Path) -> str:
    """What tells a table from another one, read where its paths and modules are looked for."""
    return json.dumps([table, [str(folder.resolve()) for folder in folders]], sort_keys=True, default=str)
