from __future__ import annotations

import itertools

import numpy as np
import pytest

import continuity as ct
from continuity.generators.simulator.face import DIRECTIONS, WEIGHTS, warp_face
from continuity.generators.simulator.faults import FAULTS, HARMLESS, Scene
from continuity.interfaces import Pixels
from continuity.records import Box

BOX = Box(177, 82, 272, 177)  # of the astronaut's face, from brows to chin


def mixtures(length: float) -> list[list[float]]:
    signs = [(*first, *rest) for first in DIRECTIONS for rest in itertools.product((-1, 1), repeat=2)]
    return [[length * sign * weight for sign, weight in zip(four, WEIGHTS, strict=True)] for four in signs]


def test_no_mixture_changes_nothing(astronaut: Pixels) -> None:
    assert np.array_equal(warp_face(astronaut, BOX, (0, 0, 0, 0)), astronaut)


def test_nothing_changes_far_from_the_face(astronaut: Pixels) -> None:
    before = astronaut.copy()
    changed = (warp_face(astronaut, BOX, mixtures(1.0)[0]) != astronaut).any(axis=-1)
    assert np.array_equal(before, astronaut)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert BOX.top - 0.46 * BOX.height <= rows[0] < BOX.top < BOX.bottom < rows[-1] <= BOX.bottom + 0.46 * BOX.height
    assert BOX.left - 0.46 * BOX.width <= columns[0] < columns[-1] <= BOX.right + 0.46 * BOX.width


def test_it_bends_and_never_folds() -> None:
    y, x = np.mgrid[0:200, 0:200]
    across = np.repeat(x[..., None], 3, axis=-1).astype(np.uint8)
    down = np.repeat(y[..., None], 3, axis=-1).astype(np.uint8)
    for mixture in mixtures(1.05):
        for ramp, axis in ((across, 1), (down, 0)):
            steps = np.diff(warp_face(ramp, Box(50, 50, 150, 150), mixture)[..., 0].astype(int), axis=axis)
            assert steps.min() >= -1  # a level of rounding; a fold would run backwards for many pixels
            assert steps.max() <= 5  # nor does it tear


@pytest.mark.parametrize(
    "box", [Box(-30, -30, 60, 60), Box(480, 300, 530, 350), Box(0, 0, 512, 512), Box(5, 5, 13, 500)]
)
def test_boxes_over_the_edge_and_of_odd_shape(astronaut: Pixels, box: Box) -> None:
    warped = warp_face(astronaut, box, mixtures(1.0)[3])
    assert warped.shape == astronaut.shape
    assert not np.array_equal(warped, astronaut)


def test_it_grows_with_the_mixture(astronaut: Pixels) -> None:
    moved = [
        np.abs(warp_face(astronaut, BOX, mixture).astype(int) - astronaut).mean()
        for mixture in (mixtures(length)[5] for length in (0.05, 0.2, 0.5, 1.0))
    ]
    assert moved == sorted(moved)
    assert moved[0] > 0


def test_a_recogniser_sees_somebody_else_at_the_full_amount(astronaut: Pixels, backends: ct.LocalBackends) -> None:
    def embedding(pixels: Pixels) -> np.ndarray:
        return backends.faces.embed(pixels, backends.faces.detect(pixels)[0])[None]

    face = backends.faces.detect(astronaut)[0].box
    reference = embedding(astronaut)

    def distances(amount: float) -> list[float]:
        edits = [FAULTS["face"].draw(amount, np.random.default_rng(seed)) for seed in range(8)]
        return [
            float(backends.faces.distance(reference, embedding(edit(astronaut, Scene(astronaut, face))))[0, 0])
            for edit in edits
        ]

    assert min(distances(1.0)) >= 0.4  # beyond the shipped limit
    assert max(distances(HARMLESS)) <= 0.25
