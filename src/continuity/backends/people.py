"""Is anybody there? The pose detector's best guess, confirmed by the pose landmark model looking at it closely.

Alone, the detector takes one product photograph in five for a person. (BlazePose; Bazarevsky et al. 2020.)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from continuity.backends.tflite import run
from continuity.vision.detection import anchors, decode, suppress
from continuity.vision.geometry import Window, angle_of, cut

DETECTOR, LANDMARKS = "pose-detector", "pose-landmarks"
DETECTOR_SIZE, LANDMARKS_SIZE = 224, 256
CELLS = ((8, 2), (16, 2), (32, 6))
LEAST = 0.1  # detector score from which a guess is looked at
GUESSES = 2
MARGIN = 1.25


def evidence(pixels: NDArray[np.uint8]) -> float:
    """Evidence in [0, 1] that at least one person is in the picture: the lower of both models' scores, best guess.

    Raises:
        MissingWeights, ModelError: a model is not there, or fails.
    """
    window = Window.letterbox(*pixels.shape[:2])
    outputs = run(DETECTOR, cut(pixels, window, DETECTOR_SIZE), signed=True)
    middles = anchors(DETECTOR_SIZE, CELLS)
    rows, scores = suppress(*decode(outputs["Identity"], outputs["Identity_1"], middles, DETECTOR_SIZE, LEAST))
    best = 0.0
    for row, score in list(zip(rows, scores, strict=True))[:GUESSES]:
        hips, reach = (tuple(map(float, p)) for p in window.to_picture(row[4:8].reshape(2, 2)))
        side = 2 * MARGIN * math.dist(hips, reach)
        if side > 0:
            turn = angle_of((hips[0], hips[1]), (reach[0], reach[1])) + math.pi / 2  # that the body stands upright
            body = cut(pixels, Window(hips[0], hips[1], side, turn), LANDMARKS_SIZE)
            presence = float(run(LANDMARKS, body, signed=False)["Identity_1"].reshape(-1)[0])
            best = max(best, min(float(score), presence))
    return float(np.clip(best, 0.0, 1.0))
