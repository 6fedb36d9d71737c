"""Set drift: the room behind the people, whoever stands in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.errors import EnrolmentError
from continuity.observed import ObservedFrame
from continuity.records import FrameMeasurement

Measure = Callable[[np.ndarray], FrameMeasurement]


@pytest.fixture
def measure(dressed: ct.Identity, backends: ct.LocalBackends) -> Measure:
    def measure(pixels: np.ndarray) -> FrameMeasurement:
        pixels = np.ascontiguousarray(pixels)
        seen = ObservedFrame(pixels, index=3, seconds=0.125, identity=dressed, backends=backends)
        return ct.SetDrift("studio").frame(seen, dressed)

    return measure


def test_the_enrolled_picture_is_0(measure: Measure, astronaut: np.ndarray) -> None:
    found = measure(astronaut)
    assert found.value == pytest.approx(0, abs=1e-5)
    assert found.evidence["bodies"] == 1


def test_other_clothes_are_no_drift_of_the_room_and_another_room_is(
    measure: Measure, astronaut: np.ndarray, coffee: np.ndarray
) -> None:
    changed = astronaut.copy()
    changed[200:, 40:330] = changed[200:, 40:330, ::-1]
    same, other = measure(changed), measure(coffee)
    assert same.value is not None
    assert other.value is not None
    assert same.value < 0.1 < 0.3 < other.value


def test_a_closer_shot_is_confirmed_by_geometry(measure: Measure, astronaut: np.ndarray) -> None:
    found = measure(astronaut[:400, 90:])
    assert isinstance(found.evidence["agreeing"], int)
    assert found.evidence["agreeing"] >= 8
    assert found.value is not None
    assert found.value < found.evidence["look"]  # type: ignore[operator]


def test_people_who_fill_the_frame_leave_it_unmeasured(measure: Measure, astronaut: np.ndarray) -> None:
    found = measure(astronaut[40:200, 150:300])
    assert (found.status, found.value) == (ct.Status.NOT_MEASURABLE, None)
    assert "people leave" in found.note


def test_a_frame_of_one_colour_is_not_measurable(measure: Measure) -> None:
    assert measure(np.zeros((200, 300, 3), np.uint8)).status is ct.Status.NOT_MEASURABLE


def test_a_picture_full_of_people_is_refused_as_a_set(
    tmp_path: Path, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    Pil.fromarray(astronaut[40:200, 150:300]).save(tmp_path / "face.png")
    with pytest.raises(EnrolmentError, match="use one with more of the place"):
        ct.enrol(tmp_path / "id", sets={"bar": [tmp_path / "face.png"]}, backends=backends)


def test_a_set_that_is_not_enrolled_is_refused(dressed: ct.Identity, backends: ct.LocalBackends) -> None:
    with pytest.raises(EnrolmentError, match=r"has studio: enrol --set bar=PICTURES"):
        ct.SetDrift("bar").ready(dressed, backends)


def test_golden_values_of_version_1(measure: Measure, astronaut: np.ndarray, coffee: np.ndarray) -> None:
    """Where these move, VERSION in metrics/scenery.py (and enrolment/scenery.py) is raised."""
    assert ct.SetDrift("studio").instrument(ct.LocalBackends()).version == 1
    values = [measure(p).value for p in (astronaut[:400, 90:], coffee)]
    assert values == pytest.approx(GOLDEN, abs=0.02)


GOLDEN = [0.067, 0.439]
