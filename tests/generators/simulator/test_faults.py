from __future__ import annotations

import itertools

import numpy as np
import pytest

from continuity.generators.simulator import operations as op
from continuity.generators.simulator.faults import FAULTS, HARMLESS, Scene
from continuity.interfaces import Pixels
from continuity.records import Box
from continuity.vision.colour import quantiles, reduced_lab, wasserstein

FACE = Box(177, 82, 272, 177)


@pytest.fixture(scope="module")
def scene() -> Scene:
    from skimage import data

    mark = np.zeros((30, 60, 4), dtype=np.uint8)
    mark[2:-2, 2:-2] = (20, 60, 160, 255)
    mark[8:22, 8:22] = (240, 200, 30, 255)
    photograph: Pixels = data.astronaut()  # type: ignore[no-untyped-call]
    return Scene(np.ascontiguousarray(photograph), FACE, mark, (30, 420))


def edited(scene: Scene, aspect: str, amount: float, seed: int) -> Pixels:
    return FAULTS[aspect].draw(amount, np.random.default_rng(seed))(scene.pixels, scene)


def drift(a: Pixels, b: Pixels) -> float:
    """Lab W1 over three channels."""
    apart = wasserstein(quantiles(reduced_lab(a)), quantiles(reduced_lab(b)))
    return float(np.sqrt(np.square(apart).sum()))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("aspect", FAULTS)
def test_every_aspect_grows_with_its_amount(scene: Scene, aspect: str, seed: int) -> None:
    base = edited(scene, aspect, 0.0, seed).astype(int)
    apart = [np.abs(edited(scene, aspect, amount, seed) - base).mean() for amount in (0, 0.03, 0.1, 0.4, 0.8, 1)]
    assert apart[0] == 0
    assert all(more > less for less, more in itertools.pairwise(apart))


@pytest.mark.parametrize("aspect", FAULTS)
def test_amount_zero_leaves_the_picture(scene: Scene, aspect: str) -> None:
    wanted = scene.pixels
    if aspect == "mark":
        assert scene.mark is not None
        wanted = op.composite(scene.pixels, scene.mark, *scene.corner)
    assert np.array_equal(edited(scene, aspect, 0.0, 3), wanted)


@pytest.mark.parametrize("aspect", FAULTS)
def test_directions_differ(scene: Scene, aspect: str) -> None:
    looks = {edited(scene, aspect, 1.0, seed).tobytes() for seed in range(6)}
    assert len(looks) >= (1 if aspect == "blur" else 3)


def test_a_grade_fault_is_far_beyond_what_is_harmless(scene: Scene) -> None:
    harmless = [drift(scene.pixels, edited(scene, "grade", HARMLESS, seed)) for seed in range(16)]
    faults = [drift(scene.pixels, edited(scene, "grade", 0.8, seed)) for seed in range(16)]
    assert max(harmless) < 3
    assert min(faults) > 6


def test_the_face_stays_in_the_frame(scene: Scene) -> None:
    marked = np.array(scene.pixels)
    marked[:] = 0
    marked[int(FACE.top) : int(FACE.bottom), int(FACE.left) : int(FACE.right)] = 255
    for seed in range(30):
        found = FAULTS["frame"].draw(1.0, np.random.default_rng(seed))(marked, scene)
        assert (found > 127).mean() == pytest.approx((marked > 127).mean() * 1.5**2, rel=0.03)


def test_without_a_face_any_window_will_do(scene: Scene) -> None:
    bare = Scene(scene.pixels)
    windows = {edited(bare, "frame", 1.0, seed)[:40, :40].tobytes() for seed in range(8)}
    assert len(windows) == 8


def test_a_mark_changes_where_it_is(scene: Scene) -> None:
    assert scene.mark is not None
    clean = op.composite(scene.pixels, scene.mark, *scene.corner)
    changed = (edited(scene, "mark", 1.0, 1) != clean).any(axis=-1)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert 420 - 15 <= rows[0] <= rows[-1] < 450 + 15
    assert 30 - 30 <= columns[0] <= columns[-1] < 90 + 30
