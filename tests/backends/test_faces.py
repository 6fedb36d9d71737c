"""The default face path against independent ones: dlib's own detector, and the layout of tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.backends import blazeface, people
from continuity.backends.installs import check_installs, require
from continuity.errors import ConflictingInstall, MissingDependency, UsageError
from continuity.records import Box


def test_dlibs_own_detector_sees_the_same_face_and_its_chip_the_same_person(
    backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    import dlib

    from continuity.records import Face

    ours = backends.faces.detect(astronaut)[0]
    theirs = dlib.get_frontal_face_detector()(astronaut, 0)[0]
    assert abs(ours.box.centre[0] - (theirs.left() + theirs.right()) / 2) < 0.15 * ours.size
    assert abs(ours.box.centre[1] - (theirs.top() + theirs.bottom()) / 2) < 0.25 * ours.size
    box = Box(theirs.left(), theirs.top(), theirs.right() + 1, theirs.bottom() + 1)
    other = backends.faces.embed(astronaut, Face(box=box, score=1.0))
    assert np.linalg.norm(backends.faces.embed(astronaut, ours) - other) < 0.2


@pytest.mark.parametrize(
    ("height", "width"), [(1024, 1024), (1080, 1920), (2160, 3840), (600, 600), (700, 200), (90, 4000)]
)
def test_tiles_cover_the_picture_and_overlap_by_half(height: int, width: int) -> None:
    shrink, middles = blazeface.tiles(height, width)
    assert middles
    covered = np.zeros((height // shrink, width // shrink), dtype=bool)
    for x, y in middles:
        top, left = max(0, round(y - 64)), max(0, round(x - 64))
        covered[top : round(y + 64), left : round(x + 64)] = True
    assert covered.all()
    steps = np.diff(sorted({x for x, _ in middles}))
    assert (steps <= 65).all()


def test_a_small_picture_has_no_tiles() -> None:
    assert blazeface.tiles(480, 512)[1] == ()


def test_no_faces_in_what_has_none(backends: ct.LocalBackends) -> None:
    from skimage import data

    for picture in (data.coffee(), data.rocket()):
        assert backends.faces.detect(np.ascontiguousarray(picture)) == ()
    noise = np.random.default_rng(1).integers(0, 255, (700, 700, 3), dtype=np.uint8)
    assert backends.faces.detect(noise) == ()


def test_faces_of_real_photographs_are_found(backends: ct.LocalBackends, footage: Path) -> None:
    photos = sorted((footage / "faces" / "lfw").glob("*/*.jpg"))[::40]
    found = [bool(backends.faces.detect(np.asarray(Pil.open(p).convert("RGB")))) for p in photos]
    assert len(found) >= 30
    assert np.mean(found) >= 0.97


def test_people_are_seen_and_cups_are_not(backends: ct.LocalBackends, astronaut: np.ndarray) -> None:
    from skimage import data

    assert people.evidence(astronaut) > 0.6
    assert people.evidence(np.ascontiguousarray(data.coffee())) < 0.1


def test_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    from continuity.backends import installs

    monkeypatch.setattr(installs, "_installed", lambda name: True)
    with pytest.raises(ConflictingInstall, match="onnxruntime-gpu"):
        check_installs()
    with pytest.raises(MissingDependency, match="pip install no-such-package"):
        require("no_such_package", "no-such-package")
    monkeypatch.undo()
    with pytest.raises(UsageError, match="dlib"):
        ct.LocalBackends(face="oracle")
