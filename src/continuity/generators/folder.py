"""Candidates that something else has rendered: the files of a folder, one after another."""

from __future__ import annotations

import fnmatch
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from continuity.errors import BudgetSpent, MediaError, RenderFailed, UsageError
from continuity.interfaces import Watch
from continuity.media import open_media, path_of
from continuity.records import Cost, Json, Origin, Proposal, Recipe, Rendered, State, Trial


class FolderGenerator:
    """Hands out the files of a folder in natural order (``take9`` before ``take10``); generator and proposer in one.

    Which file a candidate is, stands in its recipe (``changes["file"]``), so give the same object twice:
    ``Shot(..., proposer=takes)`` and ``shot.run(takes, ...)``. As a proposer it keeps no position of its own: candidate
    ``index`` is the file at that place, and past the last place come the files that no candidate has been yet, because
    they came later or their worker died. So a run goes on where the last one stopped, several processes share one
    folder, and where nothing is left :class:`BudgetSpent` ends the run. Each file is judged once; one that lands
    between others while a run goes on can make a neighbour be judged twice, never none.

    Folders in the folder are not candidates, nor are hidden files. A file that cannot be read is a failed candidate.

    Args:
        folder: where the files lie; it may be filled while it is judged.
        pattern: of their names, such as ``*.png``; case counts.

    Raises:
        UsageError: there is no such folder, or the pattern is none for names.
    """

    def __init__(self, folder: str | os.PathLike[str], pattern: str = "*") -> None:
        self._folder = path_of(folder, "a folder of renders")
        self._pattern = pattern
        if not pattern or "/" in pattern or os.sep in pattern:
            raise UsageError(f"a pattern of file names such as '*.png' was wanted, got {pattern!r}")
        self._files()

    @property
    def settings(self) -> Mapping[str, Json]:
        """Folder and pattern; which file was rendered stands in each recipe."""
        return {"folder": _text(self._folder.as_posix()), "pattern": _text(self._pattern)}

    def propose(self, history: Sequence[Trial], index: int) -> Proposal:
        """The file of candidate ``index`` as ``changes["file"]``, a name relative to the folder.

        Raises:
            BudgetSpent: every file has been a candidate, or there is none.
            UsageError: the folder is gone.
        """
        names = sorted(self._files(), key=_natural)
        if index < len(names):
            return Proposal(changes={"file": names[index]}, origin=Origin.RANDOM)
        judged = {trial.changes.get("file") for trial in history if trial.state is not State.LOST}
        for name in names:
            if name not in judged:
                return Proposal(changes={"file": name}, origin=Origin.RANDOM)
        said = (
            f"all {len(names)} files matching {self._what} have been judged"
            if names
            else f"no file matches {self._what}"
        )
        raise BudgetSpent(f"{said}: render more into it and run again")

    def render(self, recipe: Recipe, watch: Watch | None = None) -> Rendered:
        """Opens the file that the recipe names. It is rendered already, so there is nothing for a watch to stop.

        The cost is the time to open it and to decode its first frame.

        Raises:
            RenderFailed: the recipe names no file of this folder, or the file is damaged.
        """
        began = time.perf_counter()

        def cost() -> Cost:
            return Cost(render=time.perf_counter() - began)

        name = recipe.changes.get("file")
        try:
            if not isinstance(name, str):
                raise UsageError(
                    'a recipe with changes {"file": name} was wanted, got none: give this FolderGenerator to the shot '
                    "as its proposer too"
                )
            path = self._files().get(name)
            if path is None or len(recipe.changes) > 1:
                asked = ", ".join(f"{key} = {value!r}" for key, value in recipe.changes.items())
                raise UsageError(f"one of the files matching {self._what} was wanted and no other change, got {asked}")
            media = open_media(path)
            next(media.frames())
            digest = media.digest
        except (MediaError, UsageError) as cause:
            raise RenderFailed(str(cause), cost=cost(), recipe=recipe) from cause
        done = replace(
            recipe,
            details={**recipe.details, "generator": "FolderGenerator", "file": name},
            inputs={**recipe.inputs, "file": digest},
        )
        return Rendered(media=media, cost=cost(), recipe=done)

    def _files(self) -> dict[str, str]:
        """Names as recipes and ledgers can hold them, and where each file is."""
        try:
            with os.scandir(self._folder) as entries:
                return {_text(entry.name): entry.path for entry in entries if self._takes(entry)}
        except (OSError, ValueError) as cause:  # ValueError: a null character in the path
            why = getattr(cause, "strerror", None) or str(cause)
            raise UsageError(f"a folder of renders was wanted, got {_text(str(self._folder))!r}: {why}") from cause

    def _takes(self, entry: os.DirEntry[str]) -> bool:
        if entry.name.startswith(".") or not fnmatch.fnmatchcase(entry.name, self._pattern):
            return False
        try:
            return not entry.is_dir()
        except OSError:  # a link to itself: opening it will say so
            return True

    @property
    def _what(self) -> str:
        return f"{self._pattern!r} in {_text(str(self._folder))!r}"

    def __repr__(self) -> str:
        return f"FolderGenerator({str(self._folder)!r}, {self._pattern!r})"


def _text(name: str) -> str:
    """A name that is not UTF-8 with its odd bytes escaped: JSON and SQLite hold text only."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _natural(name: str) -> tuple[list[int | str], str]:
    """Numbers count as numbers: ``take9`` before ``take10``. Texts stand at even places, numbers at odd ones."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if k % 2 else part.casefold() for k, part in enumerate(parts)], name
