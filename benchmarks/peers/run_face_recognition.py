"""face_recognition: dlib's HOG detector, large landmarks left at their default, dlib's 128 numbers."""

from __future__ import annotations

import argparse
import importlib.metadata
from collections.abc import Sequence
from typing import Any

import face_recognition
from protocol import serve, subject


class Recognition:
    """As its documentation shows it."""

    def about(self) -> dict[str, str]:
        return {
            "version": importlib.metadata.version("face_recognition"),
            "model": "dlib_face_recognition_resnet_model_v1",
            "detector": "dlib HOG, one upsampling",
            "distance": "Euclidean",
        }

    def load(self, path: str) -> Any:
        return face_recognition.load_image_file(path)

    def embed(self, picture: Any) -> Any:
        found = face_recognition.face_locations(picture)
        if not found:
            return None
        boxes = [(float(x), float(y), float(right - x), float(bottom - y)) for y, right, bottom, x in found]
        chosen = found[subject(boxes, *picture.shape[:2])]
        return face_recognition.face_encodings(picture, [chosen])[0]

    def distances(self, one: Any, others: Sequence[Any]) -> Sequence[float]:
        return [float(d) for d in face_recognition.face_distance(list(others), one)]

    def compare(self, reference: str, path: str) -> str:
        found = face_recognition.face_encodings(self.load(path))
        if not found:
            return "face_encodings() returns an empty list: the caller has to notice"
        first = face_recognition.face_encodings(self.load(reference))[0]
        same = face_recognition.compare_faces([first], found[0])[0]
        distance = face_recognition.face_distance([first], found[0])[0]
        return f"compare_faces says {bool(same)}, distance {distance:.3f}"


def made(given: argparse.Namespace) -> Recognition:
    return Recognition()


if __name__ == "__main__":
    serve(made)
