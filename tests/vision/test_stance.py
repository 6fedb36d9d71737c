"""What is below a face lies along its own axis; a body above it is seen."""

from __future__ import annotations

import numpy as np
import pytest

from continuity.interfaces import Body
from continuity.records import Box, Face
from continuity.vision import stance

FRAME = (100, 400, 3)


def face(*eyes: tuple[float, float]) -> Face:
    return Face(box=Box(80, 40, 120, 80), score=1.0, points=eyes)


@pytest.mark.parametrize(
    ("eyes", "faces"),
    [
        ((), 0.5),
        (((90, 55), (110, 55)), 0.5),
        (((100, 70), (100, 50)), 7.0),  # lying, the body to the right
        (((100, 50), (100, 70)), 2.0),
        (((110, 55), (90, 55)), 1.0),  # upside down
    ],
)
def test_what_is_below_a_face_lies_along_its_own_axis(eyes: tuple[tuple[float, float], ...], faces: float) -> None:
    assert stance.below(face(*eyes), FRAME) == pytest.approx(faces)


def body(rows: slice) -> Body:
    mask = np.zeros((64, 64), np.float32)
    mask[rows] = 1
    return Body(1.0, np.zeros((33, 3), np.float32), mask, (100.0, 60.0), 400.0)


def test_a_body_counts_only_where_the_head_ends() -> None:
    tall = (200, 400, 3)
    below, everywhere = body(slice(32, 64)), body(slice(None))
    assert stance.above(face(), below, tall) == 0
    assert stance.above(face(), everywhere, tall) == pytest.approx(stance.above(face(), None, tall))
    assert stance.above(face(), None, tall) > 3
    assert stance.above(face(), None, (45, 60, 3)) < stance.above(face(), None, tall) / 2
