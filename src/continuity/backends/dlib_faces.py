"""The dlib face backend: BlazeFace box, 5-point alignment, 128-d ResNet embedding of six views, as a unit vector.

Embedding: Davis King, "High Quality Face Recognition with Deep Metric Learning", 2017.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.backends import blazeface, dlib_net, onnx
from continuity.backends.sessions import card, session
from continuity.errors import ModelError
from continuity.installs import require
from continuity.records import Box, Face, ModelCard
from continuity.vision.geometry import Window, angle_of, cut, moved

EMBEDDING, LANDMARKS = "face-embedding", "face-landmarks-5"
BOX = "upright/1"
UPRIGHT = 300  # px of the square that the predictor sees; twice as wide as the box, the eyes level
RISE = 0.05  # dlib's boxes lie higher than BlazeFace's by this share of the side, at the same size (314 photographs)
PADDINGS = (0.15, 0.25, 0.35)  # around the face, as shares of its side; each is embedded as it is and mirrored


class DlibFaces:
    """Implements :class:`continuity.interfaces.FaceBackend`.

    The mean over tighter and wider crops and their mirror images, scaled to unit length, instead of dlib's single crop:
    on 1,264 photographs of 158 people the share of same pairs within the distance that lets in one other pair in 1,000
    rises from .89 to .94 (docs/decisions/0017).
    """

    unit = "Euclidean, unit vectors"
    smallest = 50.0
    far = 0.47
    detector = blazeface.NAME

    @cached_property
    def models(self) -> tuple[ModelCard, ...]:
        """Detectors, alignment and embedding."""
        return tuple(card(role) for role in (*blazeface.ROLES, LANDMARKS, EMBEDDING))

    @cached_property
    def space(self) -> str:
        """``dlib-`` and a digest over the models and the rule that leads from box to chip."""
        parts = [*(m.digest for m in self.models), self.detector, BOX, str((dlib_net.SIDE, PADDINGS))]
        return f"dlib-{hashlib.blake2b(' '.join(parts).encode(), digest_size=8).hexdigest()}"

    def detect(self, pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
        """All faces, the largest first."""
        return blazeface.detect(pixels)

    @property
    def provider(self) -> str:
        """Where the embedding runs: the execution provider of onnxruntime that took it.

        Raises:
            MissingWeights, MissingDependency, ModelError: the model cannot be loaded.
        """
        with session(EMBEDDING, _load_embedder, "onnx") as model:
            return str(model.get_providers()[0])

    def embed(self, pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
        """128 numbers of unit length.

        Raises:
            MissingWeights, MissingDependency, ModelError: a model is not there, or fails.
        """
        chips = views(upright(pixels, face))
        with session(EMBEDDING, _load_embedder, "onnx") as model:
            (rows,) = model.run([dlib_net.OUTPUT], {dlib_net.INPUT: chips})
        mean = rows.mean(axis=0)
        length = float(np.linalg.norm(mean))
        if not 0 < length < np.inf:
            raise ModelError(f"the model {EMBEDDING} gave {'nothing' if not length else 'no numbers'} for a face")
        return np.asarray(mean / length, dtype=np.float32)

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


def views(square: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The crops of a face that are embedded, each beside its mirror image: n x 3 x 150 x 150 float32, 0 to 255."""
    dlib = require("dlib", "dlib-bin")
    with session(LANDMARKS, _load_predictor) as predictor:
        shape = predictor(square, dlib.rectangle(*START))
    chips = np.stack([dlib.get_face_chip(square, shape, size=dlib_net.SIDE, padding=p) for p in PADDINGS])
    both = np.concatenate([chips, chips[:, :, ::-1]])
    return np.ascontiguousarray(both.transpose(0, 3, 1, 2), dtype=np.float32)


def start() -> tuple[int, int, int, int]:
    """Left, top, right, bottom (the last two included) of the box in that square that the predictor starts from."""
    near, far = UPRIGHT / 4, UPRIGHT * 3 / 4
    box = moved(Box(near, near, far, far), scale=1.0, down=-RISE)
    return round(box.left), round(box.top), round(box.right) - 1, round(box.bottom) - 1


START = start()


def _load_predictor(path: Path, threads: int) -> Any:
    return require("dlib", "dlib-bin").shape_predictor(str(path))


def _load_embedder(path: Path, threads: int) -> Any:
    return onnx.opened(dlib_net.to_onnx(path.read_bytes()), threads)
