"""The face mesh: 468 points on a face (MediaPipe Face Mesh; Kartynnik et al. 2019)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from continuity.backends.tflite import run
from continuity.records import Face
from continuity.vision.detection import sigmoid
from continuity.vision.geometry import Window, angle_of, cut

ROLE = "face-mesh"
SIZE = 192
MARGIN = 1.5  # side of the window over the longer side of the face box, as in MediaPipe's graph
LEAST = 0.5  # presence


def points(pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32] | None:
    """468 points (x, y) in pixels, or None where the model sees no face in the box.

    Raises:
        MissingWeights, ModelError: the model is not there, or fails.
    """
    x, y = face.box.centre
    side = MARGIN * max(face.box.width, face.box.height)
    if side <= 0:
        return None
    angle = angle_of(face.points[0], face.points[1]) if len(face.points) >= 2 else 0.0
    window = Window(x, y, side, angle)
    outputs = run(ROLE, cut(pixels, window, SIZE), signed=False)
    if float(sigmoid(outputs["conv2d_31"].reshape(-1))[0]) < LEAST:
        return None
    places = outputs["conv2d_21"].reshape(468, 3)[:, :2] / SIZE
    return window.to_picture(places)
