"""Product drift: the enrolled object is found however it lies, and what is another one or recoloured is far off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.errors import EnrolmentError
from continuity.observed import ObservedFrame
from continuity.records import FrameMeasurement, Outline

Measure = Callable[[np.ndarray], FrameMeasurement]


@pytest.fixture
def measure(dressed: ct.Identity, backends: ct.LocalBackends) -> Measure:
    def measure(pixels: np.ndarray) -> FrameMeasurement:
        pixels = np.ascontiguousarray(pixels)
        seen = ObservedFrame(pixels, index=3, seconds=0.125, identity=dressed, backends=backends)
        return ct.ProductDrift("cup").frame(seen, dressed)

    return measure


def placed(coffee: np.ndarray) -> np.ndarray:
    """The cup at half its size, turned by a quarter, in the corner of a grey frame."""
    frame = np.full((500, 700, 3), 120, np.uint8)
    frame[180:480, 460:660] = np.asarray(Pil.fromarray(np.rot90(coffee)).resize((200, 300)))
    return frame


def test_the_enrolled_picture_is_within_the_noise_floor(measure: Measure, coffee: np.ndarray) -> None:
    found = measure(coffee)
    assert found.value is not None
    assert found.value <= 0.02
    assert found.evidence["rule"] == "aligned"


def test_it_is_found_where_it_lies(measure: Measure, coffee: np.ndarray) -> None:
    found = measure(placed(coffee))
    assert found.evidence["rule"] == "aligned"
    (shape,) = (s for s in found.shapes if isinstance(s, Outline))
    places = np.array(shape.points)
    assert (places.min(axis=0) > (450, 170)).all()
    assert (places.max(axis=0) < (670, 490)).all()
    assert found.value is not None
    assert found.value < 0.2


def test_exposure_is_discounted_and_another_colour_is_not(measure: Measure, coffee: np.ndarray) -> None:
    dark, blue = measure(coffee // 2), measure(coffee[..., ::-1])
    assert dark.value is not None
    assert blue.value is not None
    assert dark.value < 0.1
    assert blue.value > 0.5
    assert "recoloured" in blue.note


def test_something_else_is_far_off_and_not_aligned(measure: Measure, astronaut: np.ndarray, coffee: np.ndarray) -> None:
    found, same = measure(astronaut), measure(placed(coffee))
    assert found.evidence["rule"] == "look"
    assert found.value is not None
    assert same.value is not None
    assert found.value > 2 * same.value


def test_frames_that_show_nothing_are_not_measurable(measure: Measure) -> None:
    for pixels in (np.zeros((300, 300, 3), np.uint8), np.full((8, 8, 3), 90, np.uint8)):
        found = measure(pixels)
        assert (found.status, found.value) == (ct.Status.NOT_MEASURABLE, None)
        assert found.note


def test_what_is_not_enrolled_is_refused(dressed: ct.Identity, backends: ct.LocalBackends) -> None:
    with pytest.raises(EnrolmentError, match=r"has cup: enrol --product jug=PICTURES"):
        ct.ProductDrift("jug").ready(dressed, backends)


def test_a_picture_with_few_local_features_is_warned_of(tmp_path: Path, backends: ct.LocalBackends) -> None:
    y, x = np.mgrid[:200, :200]
    Pil.fromarray(np.dstack([x, y, x]).astype(np.uint8)).save(tmp_path / "ramp.png")
    identity = ct.enrol(tmp_path / "id", products={"ramp": [tmp_path / "ramp.png"]}, backends=backends)
    assert any("local features" in w for w in identity.warnings)


def test_golden_values_of_version_1(measure: Measure, astronaut: np.ndarray, coffee: np.ndarray) -> None:
    """Where these move, VERSION in metrics/product.py (and enrolment/scenery.py) is raised."""
    assert ct.ProductDrift("cup").instrument(ct.LocalBackends()).version == 1
    values = [measure(p).value for p in (placed(coffee), coffee[..., ::-1], astronaut)]
    assert values == pytest.approx(GOLDEN, abs=0.02)


GOLDEN = [0.043, 0.983, 0.352]
