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


def test_a_recalled_frame_answers_as_its_pixels_did_and_asks_no_model(
    enrolled: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    two = np.ascontiguousarray(np.hstack([astronaut, astronaut[:, ::-1]]))
    seen = ObservedFrame(two, index=3, seconds=0.5, identity=enrolled, backends=backends)
    face = seen.face_of("collins")
    assert face is not None
    assert len(seen.faces) == 2
    presences = [seen.presence(one) for one in seen.faces]
    skins, wrists = [seen.skin(one) for one in seen.faces], seen.wrists
    lab, people, look, hands = seen.lab, seen.people, seen.look, seen.hands
    counting: Any = Counting(backends)
    again = ObservedFrame.recalled(seen.features, identity=enrolled, backends=counting)
    assert (again.index, again.seconds, again.size) == (3, 0.5, two.shape[:2])
    assert again.faces == seen.faces
    assert again.face_of("collins") == face
    for one, skin in zip(again.faces, skins, strict=True):
        assert np.array_equal(again.distances(one, "collins"), seen.distances(one, "collins"))
        found = again.skin(one)
        assert (found is None) == (skin is None)
        assert found is None or np.array_equal(found, skin)
    assert presences == [again.presence(one) for one in again.faces] and min(presences) > 10
    assert np.array_equal(again.lab, lab)
    assert np.array_equal(again.look, look)
    assert (again.people, again.wrists, again.hands) == (people, wrists, hands)
    assert set(counting.calls) <= {"distance"}


def test_a_recalled_frame_says_what_was_never_asked(
    enrolled: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    seen = ObservedFrame(astronaut, index=3, seconds=None, identity=enrolled, backends=backends)
    assert len(seen.faces) == 1  # and it is not embedded
    again = ObservedFrame.recalled(seen.features, identity=enrolled, backends=backends)
    assert again.face_of("collins") == seen.faces[0]
    for ask in (
        lambda: again.pixels,
        lambda: again.lab,
        lambda: again.look,
        lambda: again.people,
        lambda: again.hands,
        lambda: again.wrists,
        lambda: again.keypoints,
        lambda: again.bodies,
        lambda: again.skin(again.faces[0]),
        lambda: again.body(again.faces[0]),
        lambda: again.distances(again.faces[0], "collins"),
    ):
        with pytest.raises(ct.MediaError, match="pixels of frame 3"):
            ask()
