"""What the references of a grade leave behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import continuity as ct
from continuity.enrolment import grade
from continuity.errors import EnrolmentError
from continuity.identity import Enrolled, Reference
from continuity.observed import ObservedFrame
from continuity.vision.colour import BINS, quantiles

See = Callable[[np.ndarray], ObservedFrame]


@pytest.fixture
def see(enrolled: ct.Identity, backends: ct.LocalBackends) -> See:
    return lambda pixels: ObservedFrame(pixels, index=0, seconds=None, identity=enrolled, backends=backends)


def test_distributions_of_all_references_and_skin_where_the_face_is(see: See, astronaut: np.ndarray) -> None:
    nobody = np.full((64, 48, 3), (90, 120, 60), dtype=np.uint8)
    seen = [see(astronaut), see(nobody), see(astronaut // 2)]
    found = grade.features(seen, ["collins", "somebody else"])
    assert sorted(found) == ["grade/patches", "grade/quantiles", "grade/skin/collins"]
    assert found["grade/quantiles"].shape == (3, 3, BINS)
    assert found["grade/patches"].shape == (3, 196, 3, 49)
    assert found["grade/skin/collins"].shape == (2, 3)
    assert {a.dtype for a in found.values()} == {np.dtype(np.float32)}
    for row, one in zip(found["grade/quantiles"], seen, strict=True):
        np.testing.assert_array_equal(row, quantiles(one.lab[::2, ::2]))
    light, dark = found["grade/skin/collins"]
    assert light[0] > dark[0] + 15  # half the coded light is far darker
    assert (light[1:] > 3).all()  # skin is reddish and yellowish


def test_no_references_leave_nothing() -> None:
    assert grade.features([], ["collins"]) == {}


def test_the_enrolled_features_are_those_of_the_picture(enrolled: ct.Identity, see: See, astronaut: np.ndarray) -> None:
    stored, fresh = grade.references(enrolled), grade.features([see(astronaut)], ["collins"])
    assert stored.keys() == fresh.keys()
    for key in fresh:
        np.testing.assert_array_equal(stored[key], fresh[key])


def test_an_identity_without_a_grade_is_refused_with_the_command(nobody: ct.Identity) -> None:
    with pytest.raises(EnrolmentError, match=r"continuity enrol .* --grade"):
        grade.references(nobody)


def test_features_of_another_version_are_refused_with_the_command(nobody: ct.Identity) -> None:
    listed = Enrolled(
        kind="grade", name="", references=(Reference(path="references/0.png", digest="0", source="a.png"),)
    )
    old = ct.Identity(name="old", enrolled=(listed,), stored_features={"grade-0": {}})
    with pytest.raises(EnrolmentError, match=r"grade-2.*grade-0"):
        grade.references(old)
