"""What a pose that is off displaces is no bending; a wave is."""

from __future__ import annotations

import numpy as np
import pytest

from continuity.vision.homography import projected, warp
from continuity.vision.mark_bend import posed

SIZE = 100
TRUST = np.ones((90, 116), np.float32)
YS, XS = np.mgrid[:90, :116].astype(np.float64)
PLANE = np.stack([(XS + 0.5 - 58) / 50, (YS + 0.5 - 45) / 50], axis=-1)


@pytest.mark.parametrize("parameter", range(8))
def test_another_pose_is_told_from_what_it_displaces(parameter: int) -> None:
    off = warp(0.03 * np.eye(8)[parameter])
    shift = 50 * np.moveaxis(projected(off, PLANE.reshape(-1, 2)).reshape(PLANE.shape) - PLANE, -1, 0)
    mended, left = posed(shift.astype(np.float32), TRUST, SIZE)
    assert np.hypot(*shift).max() > 1.2
    assert np.hypot(*left).max() < 0.15
    assert np.abs(mended - off).max() < 0.003


def test_a_wave_stays() -> None:
    shift = np.stack([np.zeros_like(XS), 3 * np.sin(XS / 116 * 4 * np.pi)]).astype(np.float32)
    _, left = posed(shift, TRUST, SIZE)
    assert np.median(np.hypot(*left)) > 0.7 * np.median(np.hypot(*shift))


def test_places_that_tell_nothing_have_no_say() -> None:
    shift = np.zeros((2, 90, 116), np.float32)
    shift[:, :, :20] = 30
    trust = TRUST.copy()
    trust[:, :20] = 0
    mended, _ = posed(shift, trust, SIZE)
    assert np.abs(mended - np.eye(3)).max() < 1e-6
    assert np.array_equal(posed(shift, 0 * trust, SIZE)[1], shift)
