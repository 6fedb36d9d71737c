"""The InsightFace backend: any pack folder with a detector and a recogniser, cosine distance.

Detector: SCRFD (Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", 2021). Embedding:
ArcFace and its kin (Deng et al., 2019) on faces aligned by five points. A pack is a folder that somebody put on this
machine: nothing here can download one, since only the calls of the library that take paths of files are used.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.backends import onnx
from continuity.backends.sessions import threads
from continuity.errors import ContinuityError, MissingDependency, MissingWeights, ModelError, UsageError
from continuity.installs import require
from continuity.records import Box, Face, ModelCard

EXTRA = "'continuity-gate[insightface]'"
SIGNATURES = "cryptography rfc8785"  # what the library checks a signed licence with
DETECTION, RECOGNITION = "detection", "recognition"
ROLES = {DETECTION: "face-detection", RECOGNITION: "face-embedding"}
SIZES = ((128, 128), (640, 640))  # of the detector: close faces are found on the small one, small ones on the large
SCORE = 0.5  # of the detector, the library's own
NARROW = 64  # a picture longer than this times its shorter side is padded: scaled down, it would have no pixels left
POINTS = 5  # eyes, nose, corners of the mouth
RULE = f"scrfd {SIZES} {SCORE} norm_crop/1"  # what leads from the picture to the embedding
_loading = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Part:
    """One model of the pack: the library's object for it, its file, and the execution provider that runs it."""

    model: Any
    path: Path
    provider: str


class InsightFaces:
    """Implements :class:`continuity.interfaces.FaceBackend` on an InsightFace pack.

    Args:
        pack: the folder of the pack: ``*.onnx``, or a ``manifest.json`` with what it names.
        allow_noncommercial: use a pack whose licence does not permit commercial use; every report then says so.

    CUDA runs it where onnxruntime has it, else the CPU with ``CONTINUITY_THREADS`` threads. Its feature space belongs
    to the two model files: an identity is enrolled with the pack that later measures.

    Raises:
        MissingWeights: there is no such folder, or no model in it.
        MissingDependency: insightface is not installed.
        UsageError: the licence does not permit the use, or cannot be trusted.
    """

    unit = "cosine distance"
    smallest = 40.0  # at 40 px the embedding moves by .03 (95 %: .06), at 30 px by .09, at 20 px by .36 (30 faces)
    far = 0.7  # of 360 same pairs 0.3 % lie beyond, of 28,320 others 0.4 % within

    def __init__(self, pack: str | os.PathLike[str], *, allow_noncommercial: bool = False) -> None:
        self._folder = _folder(pack)
        self._licence, self._commercial = _licence(self._folder, allow_noncommercial)
        self._lock = threading.Lock()
        self._loaded: tuple[int, dict[str, _Part]] | None = None

    @cached_property
    def models(self) -> tuple[ModelCard, ...]:
        """Detector and embedding, with the licence of the pack."""
        return tuple(
            ModelCard(
                role=ROLES[task],
                name=part.path.name,
                digest=_sha256(part.path),
                licence=self._licence,
                commercial=self._commercial,
                note=f"InsightFace pack {self._folder.name}, {part.provider}",
            )
            for task, part in self._parts().items()
        )

    @cached_property
    def detector(self) -> str:
        """Names detector and preparation, part of the instrument."""
        return f"{self._parts()[DETECTION].path.stem} {RULE}"

    @cached_property
    def space(self) -> str:
        """``insightface-`` and a digest over the models and the rule that leads from picture to embedding."""
        text = " ".join([*(m.digest for m in self.models), RULE])
        return f"insightface-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"

    def detect(self, pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
        """All faces, the largest first, with eyes, nose and corners of the mouth, from left to right on the screen.

        Raises:
            ModelError: the detector failed.
        """
        height, width = pixels.shape[:2]
        longest = max(height, width)
        short = tuple(max(0, -(-longest // NARROW) - side) for side in (height, width))
        padded = np.pad(pixels, ((0, short[0]), (0, short[1]), (0, 0))) if any(short) else pixels
        with self._running(DETECTION) as model:
            boxes, points = model.detect(_bgr(padded))
            if len(boxes) and points is None:
                raise UsageError(
                    f"a detector that gives five points a face was wanted, {self._parts()[DETECTION].path} gives "
                    "boxes alone: take a pack with one of the *_bnkps or det_* detectors"
                )
        found = []
        for n, (left, top, right, bottom, score) in enumerate(boxes.astype(float).tolist()):
            box = Box(max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
            if box.width >= 1 and box.height >= 1:
                five = tuple((float(x), float(y)) for x, y in points[n])
                found.append(Face(box=box, score=min(max(score, 0.0), 1.0), points=five))
        return tuple(sorted(found, key=lambda f: f.box.width * f.box.height, reverse=True))

    def embed(self, pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
        """The embedding, of unit length.

        Raises:
            UsageError: the face has no five points, so this detector did not find it.
            ModelError: the recogniser failed.
        """
        if len(face.points) != POINTS:
            raise UsageError(
                f"a face with {POINTS} points was wanted, got {len(face.points)}: give one that detect() of this "
                "backend found"
            )
        found = _library("insightface.app.common").Face(kps=np.array(face.points, np.float32))
        with self._running(RECOGNITION) as model:
            raw = model.get(_bgr(pixels), found)
        embedding = np.asarray(raw, dtype=np.float32).ravel()
        length = float(np.linalg.norm(embedding))
        if not np.isfinite(length) or length == 0:
            raise ModelError("the recogniser gave no finite embedding for a face: its file may be damaged")
        return embedding / np.float32(length)

    def distance(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
        """1 - cosine between the rows of ``a`` and of ``b``: n x m, from 0 to 2."""
        return np.asarray(np.clip(1 - a @ b.T, 0, 2), dtype=np.float32)

    @contextlib.contextmanager
    def _running(self, task: str) -> Iterator[Any]:
        """A model, held by one thread at a time; whatever it raises is a ModelError."""
        part = self._parts()[task]
        with self._lock:
            try:
                yield part.model
            except ContinuityError:
                raise
            except Exception as cause:  # native code, and assertions without words
                raise ModelError(f"{part.path} failed: {_said(cause)}") from cause

    def _parts(self) -> dict[str, _Part]:
        """Detector and recogniser, loaded once in each process: a forked child does not use its parent's."""
        with _loading:
            if self._loaded is None or self._loaded[0] != os.getpid():
                self._loaded = os.getpid(), _load(self._folder)
            return self._loaded[1]


def _folder(pack: str | os.PathLike[str]) -> Path:
    """The absolute path of a pack that is there: the library would take a missing one for a name, and download it."""
    try:
        folder = Path(pack).expanduser().resolve()
        inside = [p.name for p in folder.iterdir()]
    except (OSError, ValueError, RuntimeError, TypeError) as cause:
        why = getattr(cause, "strerror", None) or cause
        raise MissingWeights(
            f"an InsightFace pack was wanted in the folder {str(pack)!r}, it cannot be read ({why}): give the path of "
            "a folder that holds a detector and a recogniser; nothing is downloaded"
        ) from None
    if not any(name.endswith(".onnx") or name == "manifest.json" for name in inside):
        deeper = sorted(p.parent.name for p in folder.glob("*/*.onnx"))
        hint = f"is it {str(folder / deeper[0])!r}?" if deeper else "unpack the pack into it; nothing is downloaded"
        raise MissingWeights(f"models (*.onnx) were wanted in the InsightFace pack {str(folder)!r}, none are: {hint}")
    return folder


def _licence(folder: Path, allow_noncommercial: bool) -> tuple[str, bool]:
    """What a report says of the licence, and whether it permits commercial use.

    A licence that is there but damaged, expired or of another model is never taken for the public terms.
    """
    inspect = _library("insightface.model_zoo.model_license").inspect_model_package_license
    found = inspect(folder)
    if found.status == "dependency_missing":
        raise MissingDependency(
            f"the signed licence of {folder} cannot be checked without two more packages: pip install {SIGNATURES}"
        )
    if found.error is not None:
        raise UsageError(f"the licence of the InsightFace pack {folder} cannot be relied on: {found.message}")
    if found.commercial_use_permitted:
        return "InsightFace, commercial use licensed", True
    if not allow_noncommercial:
        raise UsageError(
            f"the InsightFace pack {folder} is for non-commercial use ({found.message}): say "
            "InsightFaces(..., allow_noncommercial=True) where that is your use, or take face='dlib', which is free"
        )
    return "InsightFace, non-commercial", False


def _load(folder: Path) -> dict[str, _Part]:
    zoo = _library("insightface.model_zoo.model_zoo")
    manifest = _library("insightface.model_zoo.package_manifest")
    settings = _settings()
    found: dict[str, _Part] = {}
    last = folder
    try:
        if manifest.has_model_package_manifest(folder):
            tasks = manifest.load_model_package(folder).tasks
            wanted = [(tasks[t].path, {"model_task": t, "model_descriptor": tasks[t]}) for t in ROLES if t in tasks]
        else:
            wanted = [(path, {}) for path in sorted(folder.glob("*.onnx"))]
        for path, how in wanted:
            last = Path(path)
            model = zoo.get_model(str(path), **how, **settings)
            task = getattr(model, "taskname", None)
            if task in ROLES and task not in found:
                found[task] = _Part(model, last, model.session.get_providers()[0])
            if len(found) == len(ROLES):
                break
        if DETECTION in found:
            found[DETECTION].model.prepare(0, input_size=list(SIZES), det_thresh=SCORE)
    except Exception as cause:  # the library and the runtime raise anything, assertions without words too
        raise ModelError(f"{last} of the InsightFace pack cannot be loaded: {_said(cause)}") from cause
    for task, what in ((DETECTION, "detector"), (RECOGNITION, "recogniser")):
        if task not in found:
            names = ", ".join(sorted(p.name for p in folder.glob("*.onnx"))) or "no model"
            raise MissingWeights(f"a face {what} was wanted in the InsightFace pack {folder}, there is {names}")
    return {task: found[task] for task in ROLES}


def _settings() -> dict[str, Any]:
    """Provider and threads of a session. ``download`` is the library's default; said, so that it stays."""
    return {
        "providers": list(onnx.providers()),
        "sess_options": onnx.options(threads()),
        "static_shape_sessions": False,  # one session for both sizes, with the threads it was given
        "download": False,
    }


def _library(module: str) -> Any:
    """Imports a part of insightface."""
    # It calls a function that scikit-image deprecates, for every face. A filter rather than catch_warnings, which is
    # not for threads.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"insightface\.")
    return require(module, EXTRA)


def _bgr(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels[..., ::-1])


def _said(cause: Exception) -> str:
    return f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
