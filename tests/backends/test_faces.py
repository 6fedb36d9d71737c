"""The default face path against independent ones: dlib's own detector, and the layout of tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.backends import blazeface, people
from continuity.errors import UsageError
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
    ("height", "width"), [(1024, 1024), (1080, 1920), (2160, 3840), (900, 600), (1000, 200), (90, 4000)]
)
def test_tiles_cover_the_picture_and_overlap(height: int, width: int) -> None:
    windows = blazeface.tiles(height, width)
    assert windows
    covered = np.zeros((height, width), dtype=bool)
    for one in windows:
        top, left = max(0, round(one.y - one.side / 2)), max(0, round(one.x - one.side / 2))
        covered[top : round(one.y + one.side / 2), left : round(one.x + one.side / 2)] = True
    assert covered.all()
    for places in ({w.x for w in windows}, {w.y for w in windows}):
        assert (np.diff(sorted(places)) <= windows[0].side - blazeface.LAP + 1).all()


def test_a_small_picture_has_no_tiles() -> None:
    assert blazeface.tiles(480, 800) == ()


@pytest.mark.parametrize("size", [50, 80, 150])
def test_one_face_is_one_box_wherever_it_is_and_whatever_its_size(
    backends: ct.LocalBackends, astronaut: np.ndarray, size: int
) -> None:
    whole = backends.faces.detect(astronaut)[0]
    scale = size / whole.size
    side = round(512 * scale)
    inset = np.asarray(Pil.fromarray(astronaut).resize((side, side), Pil.Resampling.LANCZOS))
    for left, top in ((0, 0), (1400 - side // 2, 540), (1920 - side, 1080 - side)):  # corner, over a seam, corner
        frame = np.full((1080, 1920, 3), 110, dtype=np.uint8)
        part = inset[: 1080 - top]
        frame[top : top + len(part), left : left + side] = part
        (face,) = backends.faces.detect(frame)
        middle = np.array(whole.box.centre) * scale + (left, top)
        assert face.box.centre == pytest.approx(tuple(middle), abs=0.06 * size)
        assert face.size == pytest.approx(size, rel=0.06)


@pytest.mark.parametrize("degrees", [20, 45, 65])
def test_a_tilted_head_is_the_same_person(backends: ct.LocalBackends, astronaut: np.ndarray, degrees: int) -> None:
    faces = backends.faces
    around = Pil.fromarray(astronaut).crop((24, -75, 424, 325))
    level, tilted = (np.asarray(around.rotate(d, Pil.Resampling.BICUBIC)) for d in (0, degrees))
    ours, theirs = (faces.embed(p, faces.detect(p)[0]) for p in (level, tilted))
    assert np.linalg.norm(ours - theirs) < 0.15


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


def test_a_face_backend_of_another_name_is_refused() -> None:
    with pytest.raises(UsageError, match="dlib"):
        ct.LocalBackends(face="oracle")
