"""Local features: SIFT (Lowe 2004, IJCV 60:91) of OpenCV, with the square root of Arandjelovic and Zisserman (2012)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from continuity.errors import ModelError
from continuity.installs import require
from continuity.interfaces import Keypoints

NAME = "sift-512"  # part of the instrument: what changes the features changes this name
SIDE = 512  # px of the longer side that is looked at
MOST = 600
QUIET = 0.02  # contrast from which a place is a feature


def find(pixels: NDArray[np.uint8]) -> Keypoints:
    """The strongest features of a picture, at most MOST.

    Raises:
        MissingDependency: OpenCV, which comes with mediapipe, cannot be imported.
        ModelError: OpenCV fails on the picture.
    """
    cv2 = require("cv2", "opencv-contrib-python")
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    grey = np.asarray(Image.fromarray(pixels).convert("L").resize(size, Image.Resampling.BOX))
    try:
        points, found = cv2.SIFT_create(MOST, contrastThreshold=QUIET).detectAndCompute(grey, None)
    except cv2.error as cause:
        raise ModelError(f"local features were wanted, OpenCV failed on a picture of {size}: {cause}") from cause
    if found is None or not len(points):
        return Keypoints(np.zeros((0, 4), np.float32), np.zeros((0, 128), np.float32))
    places = np.array([(p.pt[0], p.pt[1], p.size, np.radians(p.angle)) for p in points], np.float32)
    places[:, 0] = (places[:, 0] + 0.5) * width / size[0]
    places[:, 1] = (places[:, 1] + 0.5) * height / size[1]
    places[:, 2] *= width / size[0]
    strong = np.argsort(-np.array([p.response for p in points]), kind="stable")[:MOST]
    rooted = np.sqrt(found / np.maximum(found.sum(axis=1, keepdims=True), 1e-6))
    return Keypoints(places[strong], rooted[strong].astype(np.float32))
