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

from continuity.backends import blazeface, mesh
from continuity.backends.installs import require
from continuity.backends.sessions import card, session
from continuity.records import Face, ModelCard
from continuity.vision.geometry import moved

EMBEDDING, LANDMARKS = "face-embedding", "face-landmarks-5"
BOX = "square/1"  # the box as a square: other scales and shifts changed nothing beyond noise on 4,420 pairs of faces
CHIP, PADDING = 150, 0.25


class DlibFaces:
    """Implements :class:`continuity.interfaces.FaceBackend`."""

    unit = "Euclidean"
    smallest = 50.0
    far = 0.6
    detector = blazeface.NAME

    @cached_property
    def models(self) -> tuple[ModelCard, ...]:
        """Detector (with the mesh that confirms it), alignment and embedding."""
        return tuple(card(role) for role in (blazeface.ROLE, mesh.ROLE, LANDMARKS, EMBEDDING))

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
        pixels = np.ascontiguousarray(pixels)
        with session(LANDMARKS, _load_predictor) as predictor:
            shape = predictor(pixels, dlib.rectangle(*aligned_box(face)))
        chip = dlib.get_face_chip(pixels, shape, size=CHIP, padding=PADDING)
        with session(EMBEDDING, _load_embedder) as embedder:
            return np.asarray(embedder.compute_face_descriptor(chip), dtype=np.float32)

    def distance(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
        """Euclidean distances between the rows of ``a`` and of ``b``: n x m."""
        return np.asarray(np.linalg.norm(a[:, None, :] - b[None, :, :], axis=-1), dtype=np.float32)


def aligned_box(face: Face) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (the last two included) of the square that the 5-point predictor starts from."""
    box = moved(face.box, scale=1.0, down=0.0)
    return round(box.left), round(box.top), round(box.right) - 1, round(box.bottom) - 1


def _load_predictor(path: Path, threads: int) -> Any:
    return require("dlib", "dlib-bin").shape_predictor(str(path))


def _load_embedder(path: Path, threads: int) -> Any:
    return require("dlib", "dlib-bin").face_recognition_model_v1(str(path))
