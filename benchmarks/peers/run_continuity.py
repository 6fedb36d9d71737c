"""continuity: its default face backend, or an InsightFace pack where one is given; compares with a gate."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pil
from protocol import serve, subject

import continuity as ct
from continuity.interfaces import Metric


class Continuity:
    """Detects and embeds through the face backend that a gate uses; compares through the gate itself."""

    def __init__(self, pack: str) -> None:
        self.backends = ct.LocalBackends(ct.InsightFaces(pack, allow_noncommercial=True) if pack else "dlib")
        self.faces = self.backends.faces
        # No limit ships for a pack: the distance at which enrolment warns stands in, since a fault needs some limit.
        self.folder = tempfile.TemporaryDirectory()
        self.limits = {"face:who": self.faces.far} if pack else None

    def about(self) -> dict[str, str]:
        models = ", ".join(card.name for card in self.faces.models)
        return {
            "version": ct.__version__,
            "model": models,
            "detector": self.faces.detector,
            "distance": self.faces.unit,
        }

    def load(self, path: str) -> Any:
        return ct.Image.open(path).pixels

    def embed(self, picture: Any) -> Any:
        found = self.faces.detect(picture)
        if not found:
            return None
        boxes = [(f.box.left, f.box.top, f.box.width, f.box.height) for f in found]
        return self.faces.embed(picture, found[subject(boxes, *picture.shape[:2])])

    def distances(self, one: Any, others: Sequence[Any]) -> Sequence[float]:
        return [float(d) for d in self.faces.distance(one[None], np.stack(others))[0]] if others else []

    def checks(self, reference: str) -> dict[str, Callable[[Any], object]]:
        where = Path(self.folder.name)
        mark = where / "mark.png"
        Pil.effect_mandelbrot((240, 80), (-2, -1, 1, 1), 60).save(mark)
        one = ct.enrol(
            where / "one", actors={"who": [reference]}, grade=[reference], look=[reference], logos={"m": mark}
        )
        metrics: list[Metric] = [ct.FaceDistance("who"), ct.GradeDrift(), ct.HandDefects()]
        gates = {
            "face, hands, colour": ct.Gate(metrics, identity=one, tolerances=self.limits, backends=self.backends),
            "all five metrics": ct.Gate.for_identity(one, tolerances=self.limits, backends=self.backends),
        }
        return {name: partial(inspected, gate) for name, gate in gates.items()}

    def compare(self, reference: str, path: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            identity = ct.enrol(Path(folder) / "who", actors={"who": [reference]}, backends=self.backends)
            gate = ct.Gate([ct.FaceDistance("who")], identity=identity, tolerances=self.limits, backends=self.backends)
            report = gate.inspect(ct.open_media(path))
        return f"{report.verdict}: {report['face'].reason or report['face'].measurement.value}"


def inspected(gate: ct.Gate, picture: Any) -> object:
    return gate.inspect(ct.Image.from_array(picture))


def made(given: argparse.Namespace) -> Continuity:
    return Continuity(given.model)


if __name__ == "__main__":
    serve(made)
