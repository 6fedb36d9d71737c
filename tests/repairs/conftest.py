"""Pictures with structure, and an identity that knows their grade."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import continuity as ct
from continuity.testing import FakeBackends

Pixels = NDArray[np.uint8]


def scene(seed: int = 0, height: int = 240, width: int = 320) -> Pixels:
    """Soft patches of many colours and of a lightness pattern of their own."""
    chance = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(chance.normal(size=(height, width, 3)), (18, 18, 0), mode="wrap")
    shared = ndimage.gaussian_filter(chance.normal(size=(height, width, 1)), (12, 12, 0), mode="wrap")
    field = 0.6 * field / field.std() + shared / shared.std()
    return np.asarray((127 + 45 * field).clip(16, 240), np.uint8)


@pytest.fixture(scope="session")
def true() -> Pixels:
    return scene()


@pytest.fixture(scope="session")
def identity(true: Pixels, tmp_path_factory: pytest.TempPathFactory) -> ct.Identity:
    folder = tmp_path_factory.mktemp("grade")
    ct.Image.from_array(true).save(folder / "reference.png")
    return ct.enrol(folder / "id", grade=[folder / "reference.png"], backends=FakeBackends())


@pytest.fixture(scope="session")
def gate(identity: ct.Identity) -> ct.Gate:
    return ct.Gate([ct.GradeDrift()], identity=identity, tolerances={"grade": 2.5}, backends=FakeBackends())


@pytest.fixture(scope="session")
def cold(true: Pixels) -> Pixels:
    """The scene under a cold and flat grade."""
    out = (true / 255 * (0.8, 0.92, 1.0) + (0.0, 0.02, 0.06)) ** (1.15, 1.05, 0.95)
    return np.asarray((out.clip(0, 1) * 255).round(), np.uint8)
