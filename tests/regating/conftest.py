"""Shots without models: flat pictures of two colours, one cheap metric for red and a dearer one for blue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

import continuity as ct
from continuity.identity import Enrolled
from continuity.interfaces import Observed, Watch
from continuity.records import Json
from continuity.testing import FakeBackends, FakeMetric

MakeGate = Callable[..., ct.Gate]
Colours = Sequence[tuple[int, int] | None]


@dataclass
class Painter:
    """Flat pictures of given red and blue, one after another; None fails."""

    colours: Colours
    painted: int = 0
    settings: Mapping[str, Json] = field(default_factory=dict)

    def render(self, recipe: ct.Recipe, watch: Watch | None = None) -> ct.Rendered:
        colour = self.colours[self.painted]
        self.painted += 1
        if colour is None:
            raise ct.RenderFailed("no paint left", cost=ct.Cost(render=1.0))
        pixels = np.zeros((8, 8, 3), dtype=np.uint8)
        pixels[..., 0], pixels[..., 2] = colour
        pixels[0, 0, 1] = self.painted  # the same bytes would be the same media
        return ct.Rendered(media=ct.Image.from_array(pixels), cost=ct.Cost(render=2.0), recipe=replace(recipe))


def channel(number: int) -> Callable[[Observed], float]:
    return lambda seen: float(seen.pixels[1:, :, number].mean())


@pytest.fixture
def make_gate() -> MakeGate:
    """Accepts red and blue up to 100 each; red is measured first."""

    def make(
        red: float = 100.0,
        blue: float = 100.0,
        *,
        version: int = 1,
        identity: str = "nobody",
        blue_expect: ct.Expect = ct.Expect.REQUIRED,
        measures: Callable[[Observed], float | ct.FrameMeasurement] | None = None,
    ) -> ct.Gate:
        parts = (("red", 0, 1.0, ct.Expect.REQUIRED), ("blue", 2, 2.0, blue_expect))
        metrics = [
            FakeMetric(key, measures or channel(place), cost=cost, version=version, expect=expect)
            for key, place, cost, expect in parts
        ]
        limits = ct.Tolerances(
            (ct.Tolerance(key="red", limit=red, scale=10.0), ct.Tolerance(key="blue", limit=blue, scale=20.0))
        )
        enrolled = () if identity == "nobody" else (Enrolled(kind="grade", name="", references=()),)
        someone = ct.Identity(name=identity, enrolled=enrolled)
        return ct.Gate(metrics, identity=someone, tolerances=limits, backends=FakeBackends())

    return make


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[ct.Ledger]:
    with ct.Ledger.open(tmp_path / "show.db") as opened:
        yield opened


@pytest.fixture
def shoot(ledger: ct.Ledger, make_gate: MakeGate) -> Callable[..., ct.Shot]:
    """Renders pictures of (red, blue) as one shot, all of them, and keeps the best accepted one."""

    def make(
        colours: Colours, name: str = "sc010", *, gate: ct.Gate | None = None, measure_fully: float = 0.0
    ) -> ct.Shot:
        shot = ct.Shot(name, gate=gate or make_gate(), ledger=ledger, stop=ct.BestOf(1000), measure_fully=measure_fully)
        before = ledger.totals(shot.row).candidates
        shot.run(Painter(colours), budget=ct.Budget(candidates=before + len(colours)))
        return shot

    return make
