"""The dlib face backend: BlazeFace box, 5-point alignment, 128-d ResNet embedding, Euclidean distance.

Embedding: Davis King, "High Quality Face Recognition with Deep Metric Learning", 2017.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.backends import blazeface
from continuity.backends.installs import require
from continuity.backends.sessions import card, session
from continuity.records import Box, Face, ModelCard
from continuity.vision.geometry import Window, angle_of, cut, moved

EMBEDDING, LANDMARKS = "face-embedding", "face-landmarks-5"
BOX = "upright/1"
UPRIGHT = 300  # px of the square that the predictor sees; twice as wide as the box, the eyes level
RISE = 0.05  # dlib's boxes lie higher than BlazeFace's by this share of the side, at the same size (314 photographs)
CHIP, PADDING = 150, 0.25


class DlibFaces:
    """Implements :class:`continuity.interfaces.FaceBackend`."""

    unit = "Euclidean"
    smallest = 50.0
    far = 0.6
    detector = blazeface.NAME

    @cached_property
    def models(self) -> tuple[ModelCard, ...]:
        """Detectors, alignment and embedding."""
        return tuple(card(role) for role in (*blazeface.ROLES, LANDMARKS, EMBEDDING))

    @cached_property
    def space(self) -> str:
        """``dlib-`` and a digest over the models and the rule that leads from box to chip."""
        parts = [*(m.digest for m in self.models), self.detector, BOX, str((CHIP, PADDING))]
        return f"dlib-{hashlib.blake2b(' '.join(parts).encode(), digest_size=8).hexdigest()}"

    def detect(self, pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
        """All faces, the largest first."""
        return blazeface.detect(pixels)

    def embed(self, pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
        """128 numbers; not of unit length."""
        dlib = require("dlib", "dlib-bin")
        pixels = upright(pixels, face)
        with session(LANDMARKS, _load_predictor) as predictor:
            shape = predictor(pixels, dlib.rectangle(*START))
        chip = dlib.get_face_chip(pixels, shape, size=CHIP, padding=PADDING)
        with session(EMBEDDING, _load_embedder) as embedder:
            return np.asarray(embedder.compute_face_descriptor(chip), dtype=np.float32)

    def distance(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
        """Euclidean distances between the rows of ``a`` and of ``b``: n x m."""
        return np.asarray(np.linalg.norm(a[:, None, :] - b[None, :, :], axis=-1), dtype=np.float32)


def upright(pixels: NDArray[np.uint8], face: Face) -> NDArray[np.uint8]:
    """A face with its eyes level in the middle half of a square: 300 x 300 x 3, C-contiguous.

    The predictor loses its way from 45 degrees on; a face that is levelled first keeps its embedding (within .1).
    """
    angle = angle_of(face.points[0], face.points[1]) if len(face.points) >= 2 else 0.0
    window = Window(*face.box.centre, 2 * max(face.box.width, face.box.height), angle)
    return np.ascontiguousarray(cut(pixels, window, UPRIGHT))


def start() -> tuple[int, int, int, int]:
    """Left, top, right, bottom (the last two included) of the box in that square that the predictor starts from."""
    near, far = UPRIGHT / 4, UPRIGHT * 3 / 4
    box = moved(Box(near, near, far, far), scale=1.0, down=-RISE)
    return round(box.left), round(box.top), round(box.right) - 1, round(box.bottom) - 1


START = start()


def _load_predictor(path: Path, threads: int) -> Any:
    return require("dlib", "dlib-bin").shape_predictor(str(path))


def _load_embedder(path: Path, threads: int) -> Any:
    return require("dlib", "dlib-bin").face_recognition_model_v1(str(path))
