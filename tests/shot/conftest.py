from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

import continuity as ct
from continuity.interfaces import Watch
from continuity.records import Json, Recipe, Rendered
from continuity.testing import FakeBackends, FakeMetric


@dataclass
class Painter:
    """Flat pictures of given brightness, one after another, the last one for ever; None fails."""

    levels: tuple[int | None, ...]
    painted: list[Recipe] = field(default_factory=list)
    watched: list[Watch | None] = field(default_factory=list)
    settings: Mapping[str, Json] = field(default_factory=dict)

    def render(self, recipe: Recipe, watch: Watch | None = None) -> Rendered:
        level = self.levels[min(len(self.painted), len(self.levels) - 1)]
        self.painted.append(recipe)
        self.watched.append(watch)
        cost = ct.Cost(render=2.0)
        done = replace(recipe, details={"level": level})
        if level is None:
            raise ct.RenderFailed("no paint left", cost=cost, recipe=done)
        image = ct.Image.from_array(np.full((16, 16, 3), level, dtype=np.uint8))
        return Rendered(media=image, cost=cost, recipe=done)


@pytest.fixture
def painter() -> Callable[..., Painter]:
    """``painter(200, 3)``: renders a bright picture, then dark ones; the shots below accept up to brightness 16."""
    return lambda *levels: Painter(levels)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[ct.Ledger]:
    with ct.Ledger.open(tmp_path / "show.db") as opened:
        yield opened


@pytest.fixture
def begin(ledger: ct.Ledger) -> Callable[..., ct.Shot]:
    """A shot that accepts flat pictures of a brightness up to 16; its scale is 10 levels."""

    def make(name: str = "sc010", **settings: object) -> ct.Shot:
        limit = ct.Tolerances((ct.Tolerance(key="bright", limit=16.0, scale=10.0),))
        gate = ct.Gate(
            [FakeMetric("bright")],
            identity=ct.Identity(name="nobody", enrolled=()),
            tolerances=limit,
            backends=FakeBackends(),
        )
        return ct.Shot(name, gate=gate, ledger=ledger, **settings)  # type: ignore[arg-type]

    return make


@pytest.fixture
def foreground() -> Iterator[None]:
    """Ctrl-C as a terminal has it, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
