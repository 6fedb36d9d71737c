"""The face mesh: how surely a whole face is seen, on pictures of any shape, and what is no answer."""

from __future__ import annotations

import numpy as np
import pytest

import continuity as ct
from continuity.backends import mesh
from continuity.errors import ModelError
from continuity.records import Box, Face


def test_a_clear_face_is_whole_and_ground_is_none(astronaut: np.ndarray, backends: ct.LocalBackends) -> None:
    (face,) = backends.faces.detect(astronaut)
    assert mesh.presence(astronaut, face) > 15
    assert mesh.points(astronaut, face) is not None
    ground = Face(box=Box(330, 20, 450, 140), score=0.9, points=())
    assert mesh.presence(astronaut, ground) < 0
    assert mesh.points(astronaut, ground) is None


@pytest.mark.parametrize("shape", [(1, 1), (3, 4000), (64, 64)])
@pytest.mark.parametrize("box", [(0, 0, 0, 0), (0, 0, 1, 1), (-500, -500, 5000, 5000)])
def test_there_is_no_face_in_black(shape: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    face = Face(box=Box(*box), score=0.9, points=())
    assert mesh.presence(np.zeros((*shape, 3), np.uint8), face) < 0


@pytest.mark.parametrize("logit", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_whole_face(logit: float, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"conv2d_21": np.zeros(1404, np.float32), "conv2d_31": np.array([logit], np.float32)}
    monkeypatch.setattr(mesh, "run", lambda *_, **__: said)
    face = Face(box=Box(0, 0, 9, 9), score=0.9, points=())
    with pytest.raises(ModelError, match="finite presence"):
        mesh.presence(np.zeros((9, 9, 3), np.uint8), face)
