"""Product drift: the enrolled object is found however it lies, and what is another one or recoloured is far off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from skimage import data

import continuity as ct
from continuity.errors import EnrolmentError
from continuity.metrics.product import _recoloured, _rectified
from continuity.observed import ObservedFrame
from continuity.records import FrameMeasurement, Outline
from continuity.vision.colour import lab_of

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


@pytest.mark.parametrize("shot", ["rocket", "cat", "astronaut", "coins", "page", "brick"])
def test_a_shot_without_it_is_not_found_neither_absent_nor_a_failure(shot: str, measure: Measure) -> None:
    pixels = getattr(data, shot)()
    found = measure(pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1))
    assert (found.status, found.value) == (ct.Status.NOT_MEASURABLE, None)
    assert "cup was not found" in found.note
    assert found.evidence["rule"] == "look"


def test_a_gate_of_an_identity_passes_a_shot_without_it_and_says_that_it_was_not_checked(
    dressed: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    every = ct.Gate.for_identity(dressed, backends=backends).metrics
    off = {m.key: "off" for m in every if not m.key.startswith(("product", "wardrobe"))}
    report = ct.Gate.for_identity(dressed, backends=backends, expects=off).inspect(ct.Image.from_array(astronaut))
    assert report.verdict == "pass"
    assert "not found" in report["product"].reason
    assert report["product"].measurement.expect is ct.Expect.IF_MEASURABLE
    assert ct.ProductDrift("cup").expect is ct.Expect.IF_PRESENT


RED = lab_of(np.full((60, 60, 3), (200, 20, 20), np.uint8)).astype(np.float32)
PLACES = np.array([[30, 30], [20, 20], [40, 40]], np.float32)


@pytest.mark.parametrize("colour", [(0, 0, 0), (1, 1, 1), (20, 20, 200)])
def test_what_turned_black_is_recoloured_too(colour: tuple[int, int, int]) -> None:
    everywhere = np.ones((60, 60), bool)
    apart = _recoloured(RED, np.full((60, 60, 3), colour, np.uint8), everywhere, PLACES)
    assert apart is not None
    assert apart > 15


def test_too_little_to_compare_is_no_evidence_of_the_same_colour() -> None:
    corner = np.zeros((60, 60), bool)
    corner[:35, :35] = True
    cut = np.full((60, 60, 3), (200, 20, 20), np.uint8)
    assert _recoloured(RED, cut, corner, PLACES) == pytest.approx(0, abs=0.5)
    corner[:, 3:] = False
    assert _recoloured(RED, cut, corner, PLACES) is None


def test_outside_the_frame_is_told_by_the_pose_not_by_black(coffee: np.ndarray) -> None:
    black = np.zeros_like(coffee)
    cut, inside = _rectified(black, np.eye(3), coffee.shape[1::-1], (40, 60))
    assert not cut.any()
    assert inside.all()
    shifted = np.array([[1, 0, coffee.shape[1] / 2], [0, 1, 0], [0, 0, 1]], np.float64)
    inside = _rectified(coffee, shifted, coffee.shape[1::-1], (40, 60))[1]
    assert inside[:, :29].all()
    assert not inside[:, 31:].any()


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


def test_golden_values_of_version_2(measure: Measure, coffee: np.ndarray) -> None:
    """Where these move, VERSION in metrics/product.py (and enrolment/scenery.py) is raised."""
    assert ct.ProductDrift("cup").instrument(ct.LocalBackends()).version == 2
    values = [measure(p).value for p in (placed(coffee), coffee[..., ::-1])]
    assert values == pytest.approx(GOLDEN, abs=0.02)


GOLDEN = [0.043, 0.983]
