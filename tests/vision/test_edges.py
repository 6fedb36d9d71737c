"""Artwork drawn into a patch."""

from __future__ import annotations

import numpy as np

from continuity.vision.edges import premultiplied


def test_a_pose_that_shrinks_artwork_to_nothing_draws_nothing() -> None:
    tiny = np.diag([1e-7, 1e-7, 1.0])
    assert not premultiplied(np.full((60, 80, 4), 255, np.float32), tiny, (20, 20))[5:, 5:].any()
