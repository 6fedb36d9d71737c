"""insightface on its own: FaceAnalysis on a pack folder, cosine of normed embeddings."""

from __future__ import annotations

import argparse
import importlib.metadata
import warnings
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import onnxruntime
from insightface.app import FaceAnalysis
from protocol import serve, subject


class Plain:
    """As its documentation shows it: prepare once, ``get`` a BGR picture, compare ``normed_embedding``."""

    def __init__(self, pack: str) -> None:
        warnings.filterwarnings("ignore", category=FutureWarning)
        cv2.setNumThreads(1)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.pack = pack
        self.analysis = FaceAnalysis(name=pack, providers=["CPUExecutionProvider"], sess_options=options)
        self.analysis.prepare(ctx_id=-1)

    def about(self) -> dict[str, str]:
        models = ", ".join(sorted(str(model.model_file).rpartition("/")[2] for model in self.analysis.models.values()))
        return {
            "version": importlib.metadata.version("insightface"),
            "model": models,
            "detector": f"the pack's, {self.analysis.det_size}",
            "distance": "1 - cosine",
        }

    def load(self, path: str) -> Any:
        return cv2.imread(path)

    def embed(self, picture: Any) -> Any:
        found = self.analysis.get(picture)
        if not found:
            return None
        boxes = [(b[0], b[1], b[2] - b[0], b[3] - b[1]) for b in (face.bbox.tolist() for face in found)]
        return found[subject(boxes, *picture.shape[:2])].normed_embedding

    def distances(self, one: Any, others: Sequence[Any]) -> Sequence[float]:
        return [float(d) for d in 1 - np.stack(others) @ one] if others else []

    def compare(self, reference: str, path: str) -> str:
        found = self.analysis.get(self.load(path))
        if not found:
            return "get() returns an empty list: the caller has to notice"
        first = self.analysis.get(self.load(reference))[0]
        return f"a cosine of {float(first.normed_embedding @ found[0].normed_embedding):.3f}, and no verdict"


def made(given: argparse.Namespace) -> Plain:
    return Plain(given.model)


if __name__ == "__main__":
    serve(made)
