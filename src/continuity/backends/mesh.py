"""The face mesh: 468 points on a face (MediaPipe Face Mesh; Kartynnik et al. 2019)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from continuity.backends.tflite import run
from continuity.errors import ModelError
from continuity.records import Face
from continuity.vision.detection import sigmoid
from continuity.vision.geometry import Window, angle_of, cut

ROLE = "face-mesh"
SIZE = 192
MARGIN = 1.5  # side of the window over the longer side of the face box, as in MediaPipe's graph
LEAST = 0.5  # presence
NOTHING = -20.0  # its logit where there is nothing to look at


def points(pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32] | None:
    """468 points (x, y) in pixels, or None where the model sees no face in the box.

    Raises:
        MissingWeights, ModelError: the model is not there, or fails.
    """
    found = _seen(pixels, face)
    if found is None or sigmoid(found[2]) < LEAST:
        return None
    window, places, _ = found
    return window.to_picture(places)


def presence(pixels: NDArray[np.uint8], face: Face) -> float:
    """How surely the model sees a whole face in the box: the logit of its presence; 0 is even, clear faces have 10.

    Raises:
        MissingWeights, ModelError: the model is not there, or fails.
    """
    found = _seen(pixels, face)
    return NOTHING if found is None else found[2]


def _seen(pixels: NDArray[np.uint8], face: Face) -> tuple[Window, NDArray[np.float64], float] | None:
    """Where was looked, the points there from 0 to 1, and the logit of presence; None for a box of no size."""
    x, y = face.box.centre
    side = MARGIN * max(face.box.width, face.box.height)
    if side <= 0:
        return None
    angle = angle_of(face.points[0], face.points[1]) if len(face.points) >= 2 else 0.0
    window = Window(x, y, side, angle)
    outputs = run(ROLE, cut(pixels, window, SIZE), signed=False)
    places, logit = outputs["conv2d_21"].reshape(468, 3)[:, :2] / SIZE, float(outputs["conv2d_31"].reshape(-1)[0])
    if not math.isfinite(logit):  # no number is less than any limit, and would pass for a whole face
        raise ModelError(f"a finite presence of a face was wanted of the model {ROLE}, it gave {logit}")
    return window, places, logit
