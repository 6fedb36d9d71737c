"""Simulated shots of one production: a real metric, real pixel operations, previews behind a blur that lifts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.testing import FakeBackends

LIMIT = 1.7  # of the grade, in Lab; about one candidate in five is within it


@pytest.fixture(scope="session")
def photograph() -> Any:
    from skimage import data

    return np.ascontiguousarray(data.astronaut())


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory, photograph: Any) -> ct.Identity:
    folder = tmp_path_factory.mktemp("identity")
    Pil.fromarray(photograph).resize((128, 128)).save(folder / "reference.png")
    return ct.enrol(folder / "mara", grade=[folder / "reference.png"], name="mara")


@pytest.fixture(scope="session")
def gate(identity: ct.Identity) -> ct.Gate:
    return ct.Gate([ct.GradeDrift()], identity=identity, tolerances={"grade": LIMIT}, backends=FakeBackends())


@pytest.fixture(scope="session")
def simulator(photograph: Any) -> ct.Simulator:
    return ct.Simulator(photograph, acceptable=0.2, aspects=["grade", "light"], size=64, severity=(0.3, 1.0))


@pytest.fixture
def abort(gate: ct.Gate) -> Callable[..., ct.PreviewAbort]:
    def make(**settings: Any) -> ct.PreviewAbort:
        return ct.PreviewAbort(gate.metrics, identity=gate.identity, backends=FakeBackends(), **settings)

    return make


@pytest.fixture
def shots(tmp_path: Path, gate: ct.Gate, simulator: ct.Simulator) -> Callable[..., ct.Ledger]:
    """Runs shots in a ledger of their own; each ends with its first accepted candidate."""

    def run(
        count: int, aborts: ct.PreviewAbort | None, *, name: str = "show", first: int = 0, **settings: Any
    ) -> ct.Ledger:
        ledger = ct.Ledger.open(tmp_path / f"{name}.db")
        for number in range(first, first + count):
            shot = ct.Shot(f"sc{number:04}", gate=gate, ledger=ledger, **settings)
            shot.run(simulator, budget=ct.Budget(candidates=60), aborts=aborts)
        return ledger

    return run
