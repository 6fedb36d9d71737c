"""Regions seen again: found where they went, trusted by their pattern, blind to the grade."""

from __future__ import annotations

import numpy as np
import pytest

from continuity.vision import regions
from continuity.vision.colour import reduced_lab


def lab(pixels: np.ndarray) -> np.ndarray:
    return reduced_lab(np.ascontiguousarray(pixels))


def pairs(before: np.ndarray, after: np.ndarray) -> regions.Pairs:
    return regions.paired(regions.reference_patches(lab(before)), regions.frame_patches(lab(after)))


@pytest.mark.parametrize("shape", [(512, 512), (300, 512), (512, 90), (40, 400), (7, 7)])
def test_a_picture_finds_itself_exactly(shape: tuple[int, int], astronaut: np.ndarray) -> None:
    picture = astronaut[: shape[0], : shape[1]]
    found = pairs(picture, picture)
    np.testing.assert_array_equal(found.before, found.after)
    assert found.trust > 0.8
    assert found.weights.shape == (regions.SIDE**2,)


def test_shapes_types_and_range(astronaut: np.ndarray) -> None:
    reference = regions.reference_patches(lab(astronaut))
    assert (reference.shape, reference.dtype) == ((196, 3, 49), np.float32)
    frame = regions.frame_patches(lab(astronaut))
    assert frame.lab.shape[1:] == (3, 49)
    assert frame.places.shape == (len(frame.lab), 2)
    assert frame.places.min() == 0
    assert frame.places.max() == 1


def test_a_ramp_stays_in_its_place() -> None:
    """All patches of a ramp have one pattern; colour must still come from the same place."""
    y, x = np.mgrid[0:80, 0:100]
    ramp = np.stack([x * 2, y * 2 + 60, 255 - x], -1).astype(np.uint8)
    found = pairs(ramp, ramp)
    np.testing.assert_array_equal(found.before, found.after)


def test_what_moved_is_found_and_what_is_new_is_not_trusted(astronaut: np.ndarray) -> None:
    from skimage import data

    moved = pairs(astronaut[:, 64:], astronaut[:, :-64])
    sure = moved.weights > 0.3
    assert sure.mean() > 0.3
    assert np.median(np.abs(moved.after - moved.before)[sure]) < 1
    assert pairs(astronaut, data.coffee()).trust < 0.3 < moved.trust


def test_a_grade_does_not_hide_a_region(astronaut: np.ndarray) -> None:
    graded = np.rint(255 * np.clip((astronaut / 255) ** 0.8 * [1.1, 0.9, 0.7], 0, 1)).astype(np.uint8)
    assert pairs(astronaut, graded).trust > 0.8
    grey = np.repeat(astronaut.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    assert pairs(astronaut, grey).trust > 0.8


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (64, 64)])
def test_one_colour_has_no_pattern(size: tuple[int, int], astronaut: np.ndarray) -> None:
    flat = np.full((*size, 3), 90, np.uint8)
    for found in (pairs(flat, astronaut), pairs(astronaut, flat), pairs(flat, flat)):
        assert np.isfinite(found.after).all()
        assert found.trust < 0.02


def test_parts_of_regions_reach_further_than_their_means_and_have_their_weight(astronaut: np.ndarray) -> None:
    graded = np.rint(255 * np.clip((astronaut / 255) ** 0.8 * [1.1, 0.9, 0.7], 0, 1)).astype(np.uint8)
    reference, frame = regions.reference_patches(lab(astronaut)), regions.frame_patches(lab(graded))
    whole, parts = regions.paired(reference, frame), regions.paired_parts(reference, frame)
    assert parts.before.shape == (regions.PARTS * len(whole.before), 3) and parts.trust == whole.trust
    assert parts.weights.sum() == pytest.approx(whole.weights.sum(), rel=1e-5)
    assert np.ptp(parts.before[:, 0]) > np.ptp(whole.before[:, 0])
    means = [p.reshape(regions.PARTS, -1, 3).mean(axis=0) for p in (parts.before, parts.after)]
    np.testing.assert_allclose(means[0], whole.before, atol=1.5)
    np.testing.assert_allclose(means[1], whole.after, atol=1.5)


def test_parts_of_a_picture_that_finds_itself_are_the_same(astronaut: np.ndarray) -> None:
    found = regions.paired_parts(regions.reference_patches(lab(astronaut)), regions.frame_patches(lab(astronaut)))
    np.testing.assert_array_equal(found.before, found.after)


def test_a_closer_shot_is_seen_again_at_wider_framings(astronaut: np.ndarray) -> None:
    reference, close = regions.reference_patches(lab(astronaut)), lab(astronaut[64:320, 96:352])
    near, wide = (
        regions.paired(reference, regions.frame_patches(close, s)) for s in (regions.SCALES, regions.FRAMINGS)
    )
    assert wide.trust > 1.1 * near.trust


@pytest.mark.parametrize(("height", "width"), [(512, 512), (270, 480), (480, 270), (20, 4000)])
def test_the_middles_of_patches_lie_half_a_patch_inside(height: int, width: int) -> None:
    found = regions.centres(height, width)
    assert found.shape == (regions.SIDE * regions.SIDE, 2)
    assert found.mean(axis=0) == pytest.approx((0.5, 0.5), abs=0.01)
    cells = [max(regions.PATCH, round(side * regions.LONGER / max(height, width))) for side in (height, width)]
    assert found.min(axis=0) == pytest.approx([regions.PATCH / 2 / c for c in cells])
    assert found.max(axis=0) == pytest.approx([1 - regions.PATCH / 2 / c for c in cells])
