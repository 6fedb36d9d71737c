"""The presenter as a stage: a learned model whose failures are its own, every render of it made once for all."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import continuity as ct
from continuity.backends import LocalBackends
from continuity.errors import Aborted
from continuity.interfaces import Generator, Metric, Repair, Watch
from continuity.media import Image, Media
from continuity.metrics import GradeDrift, LookDistance
from continuity.records import Cost, Json, Recipe, Rendered

from .pool import Pool, Pooled
from .stage import Cell

TIE = "red"
Pixels = NDArray[np.uint8]


class Replayed:
    """A generator whose renders are made once, with what a watch would see of them at some shares of the steps, and
    then shown again step by step. The seconds are those of the render that was made, a like share of them a step.
    """

    version = 1

    def __init__(self, generator: Generator, steps: int, path: Path, at: tuple[float, ...]) -> None:
        self._made, self._steps = generator, steps
        self._at = {int(np.ceil(share * steps - 1e-9)) for share in at}
        self._rows = sqlite3.connect(path, timeout=60, isolation_level=None)
        self._rows.execute("PRAGMA journal_mode=WAL")
        self._rows.execute(
            "CREATE TABLE IF NOT EXISTS renders (of TEXT, step INT, side INT, seconds REAL, pixels BLOB, "
            "PRIMARY KEY (of, step))"
        )

    @property
    def settings(self) -> Mapping[str, Json]:
        """Of the generator."""
        return self._made.settings

    def render(self, recipe: Recipe, watch: Watch | None = None) -> Rendered:
        """The render of ``recipe.seed``; what it changes changes nothing.

        Raises:
            Aborted: the watch said no.
        """
        found = self._found(recipe) or self._render(recipe)
        whole, previewed = found[self._steps][1], 0.0
        for step in range(1, self._steps + 1):
            pixels, seconds = found.get(step, found[self._steps])
            if step in self._at and watch is not None:
                previewed += seconds
            if watch is not None and not watch.look(step, self._steps, lambda shown=pixels: Image.from_array(shown)):  # type: ignore[misc]
                raise Aborted(f"stopped at step {step}", cost=self._cost(whole, previewed, step), recipe=recipe)
        final = Image.from_array(found[self._steps][0])
        return Rendered(media=final, cost=self._cost(whole, previewed, self._steps), recipe=recipe)

    def _cost(self, whole: float, previewed: float, step: int) -> Cost:
        return Cost(render=whole * step / self._steps, preview=previewed, steps_run=step, steps_planned=self._steps)

    def _found(self, recipe: Recipe) -> dict[int, tuple[Pixels, float]]:
        rows = self._rows.execute(
            "SELECT step, side, seconds, pixels FROM renders WHERE of = ?", (self._key(recipe),)
        ).fetchall()
        found = {
            step: (np.frombuffer(pixels, np.uint8).reshape(side, -1, 3), seconds)
            for step, side, seconds, pixels in rows
        }
        return found if {*self._at, self._steps} <= found.keys() else {}  # cut off, or looked at elsewhere

    def _render(self, recipe: Recipe) -> dict[int, tuple[Pixels, float]]:
        seen = _Recorder(self._at)
        began = time.perf_counter()
        made = self._made.render(recipe, seen)
        took = time.perf_counter() - began - seen.spent
        assert isinstance(made.media, Image)
        found = {**seen.found, self._steps: (made.media.pixels, took)}
        for step, (pixels, seconds) in found.items():
            row = (self._key(recipe), step, len(pixels), seconds, pixels.tobytes())
            self._rows.execute("INSERT OR IGNORE INTO renders VALUES (?, ?, ?, ?, ?)", row)
        return found

    def _key(self, recipe: Recipe) -> str:
        return f"{recipe.seed} {sorted(self.settings.items(), key=lambda one: one[0])!r}"


class _Recorder:
    """Takes the previews that are wanted, and lets everything go on."""

    def __init__(self, at: set[int]) -> None:
        self._at, self.spent = at, 0.0
        self.found: dict[int, tuple[Pixels, float]] = {}

    @property
    def settings(self) -> Mapping[str, Json]:
        """None that would change a render."""
        return {}

    def look(self, step: int, steps: int, preview: Callable[[], Image]) -> bool:
        """True."""
        if step in self._at:
            began = time.perf_counter()
            pixels = preview().pixels
            took = time.perf_counter() - began
            self.spent += took
            self.found[step] = pixels, took
        return True


class PresenterStage:
    """A presenter with a red tie, under shipped limits; an oracle that reads fixed places is the truth."""

    prompt = ""
    vary: Mapping[str, Any] = {}
    abort_at: tuple[float, ...] = (0.15,)
    abort_by: tuple[str, ...] = ("tie", "grade")  # a wrong set shows in the grade; the mark is hardly ever wrong
    let_through = 0.05

    def __init__(self, folder: Path, pool: Pool) -> None:
        import presenter

        self._folder, self.backends = folder, LocalBackends()
        self._presenter, self._made = presenter, dict[float, Replayed]()
        identity = presenter.identity(folder / "presenter", TIE, backends=self.backends)
        metrics: list[Metric] = [GradeDrift(), LookDistance(), presenter.TieColour(), presenter.MarkDrift()]
        self.gate = ct.Gate(
            [Pooled(one, pool) for one in metrics],
            identity=identity, tolerances=dict(presenter.LIMITS), backends=self.backends,
        )  # fmt: skip

    @cached_property
    def _pipe(self) -> Any:
        import torch

        torch.set_num_threads(1)  # a worker a core
        return self._presenter.pipeline()

    def measure_for_limits(self, part: slice) -> None:
        """Nothing: its limits ship with it."""

    def generator(self, cell: Cell) -> Replayed:
        """The renders of a share."""
        if cell.share not in self._made:
            called = self._presenter.SETTINGS[cell.share]
            generator = ct.DiffusersGenerator(self._pipe, **called)
            steps = int(called["num_inference_steps"])
            self._made[cell.share] = Replayed(generator, steps, self._folder / "renders.db", self.abort_at)
        return self._made[cell.share]

    def repairs(self) -> tuple[Repair, ...]:
        """Nothing here has a closed form."""
        return ()

    def good(self, cell: Cell, seed: int, changes: Mapping[str, Json], media: Media) -> bool:
        """Whether the oracle finds nothing wrong."""
        from presenter.oracle import faults

        assert isinstance(media, Image)
        return not faults(media.pixels, TIE)

    def acceptable(self, cell: Cell, seed: int, changes: Mapping[str, Json]) -> bool:
        """Whether the oracle finds nothing wrong with the finished render."""
        return self.good(cell, seed, changes, self.generator(cell).render(Recipe(seed=seed, changes=changes)).media)
