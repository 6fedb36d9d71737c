"""One frame, observed: computed once, only when asked, and skin where skin is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import continuity as ct
from continuity.interfaces import Observed
from continuity.observed import ObservedFrame
from continuity.records import Face
from continuity.vision.colour import lab_of


class Counting:
    """The real models, counted."""

    def __init__(self, real: ct.LocalBackends) -> None:
        self.real = real
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.real, name)
        if name == "faces":
            return Counting.of(value, self.calls)
        if callable(value):
            return lambda *a: (self.calls.append(name), value(*a))[1]
        return value

    @classmethod
    def of(cls, real: Any, calls: list[str]) -> Any:
        made = cls(real)
        made.calls = calls
        return made


def test_everything_is_computed_once_and_only_when_asked(
    enrolled: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    counting: Any = Counting(backends)
    seen = ObservedFrame(astronaut, index=3, seconds=0.5, identity=enrolled, backends=counting)
    assert counting.calls == []
    face = seen.face_of("collins")
    assert face is not None
    assert counting.calls == ["detect"]
    for _ in range(3):
        assert seen.distances(face, "collins")[0] == pytest.approx(0, abs=1e-6)
        seen.skin(face)
        seen.people  # noqa: B018
        seen.lab  # noqa: B018
    assert sorted(c for c in counting.calls if c != "distance") == ["detect", "embed", "mesh", "people"]


def test_it_fits_the_seam(enrolled: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray) -> None:
    assert isinstance(ObservedFrame(astronaut, index=0, seconds=None, identity=enrolled, backends=backends), Observed)


def test_skin_is_the_colour_of_the_cheeks(
    enrolled: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    seen = ObservedFrame(astronaut, index=0, seconds=None, identity=enrolled, backends=backends)
    skin = seen.skin(seen.faces[0])
    assert skin is not None
    by_hand = np.median(lab_of(astronaut[130:150, 195:205].reshape(-1, 3)), axis=0)  # a cheek, picked by eye
    assert np.abs(skin - by_hand).max() < 12
    assert skin[1] > 3
    assert skin[2] > 8


def test_no_face_no_skin(enrolled: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray) -> None:
    from continuity.records import Box

    seen = ObservedFrame(astronaut, index=0, seconds=None, identity=enrolled, backends=backends)
    assert seen.skin(Face(box=Box(400, 400, 500, 500), score=0.5)) is None
    black = ObservedFrame(np.zeros_like(astronaut), index=0, seconds=None, identity=enrolled, backends=backends)
    assert black.faces == ()
    assert black.face_of("collins") is None
    assert black.people == 0
