"""DeepFace: ``represent`` and ``verify`` with the model and the detector whose weights a package index has."""

from __future__ import annotations

import argparse
import importlib.metadata
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from deepface import DeepFace
from deepface.modules.exceptions import FaceNotDetected
from deepface.modules.verification import find_distance
from protocol import serve, subject

HOW = {"model_name": "Dlib", "detector_backend": "dlib"}


class Deep:
    """As its documentation shows it; a picture is a BGR array, ``enforce_detection`` stays on."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)

    def about(self) -> dict[str, str]:
        return {
            "version": importlib.metadata.version("deepface"),
            "model": "Dlib",
            "detector": "dlib HOG",
            "distance": "its cosine",
            "note": "its default, VGG-Face, and its other models come from the network and were not run; "
            "every face of a picture is embedded",
        }

    def load(self, path: str) -> Any:
        picture = cv2.imread(path)
        if picture is None:
            raise ValueError("cv2.imread gave None")
        return picture

    def embed(self, picture: Any) -> Any:
        try:
            found = DeepFace.represent(picture, **HOW)
        except FaceNotDetected:
            return None
        areas = [face["facial_area"] for face in found]
        boxes = [(float(a["x"]), float(a["y"]), float(a["w"]), float(a["h"])) for a in areas]
        return np.asarray(found[subject(boxes, *picture.shape[:2])]["embedding"])

    def distances(self, one: Any, others: Sequence[Any]) -> Sequence[float]:
        return [float(find_distance(one, other, "cosine")) for other in others]

    def compare(self, reference: str, path: str) -> str:
        found = DeepFace.verify(reference, path, **HOW)
        return f"verified {found['verified']}, distance {found['distance']} (limit {found['threshold']})"


def made(given: argparse.Namespace) -> Deep:
    return Deep()


if __name__ == "__main__":
    serve(made)
