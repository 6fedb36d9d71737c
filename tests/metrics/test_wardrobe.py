"""Wardrobe drift: 0 on what was enrolled, calm in other light, large where clothes change; never a made-up tie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageDraw

import continuity as ct
from continuity.errors import EnrolmentError, UsageError
from continuity.observed import ObservedFrame
from continuity.records import FrameMeasurement, Rectangle

Measure = Callable[[np.ndarray], FrameMeasurement]


def measure_with(identity: ct.Identity, backends: ct.LocalBackends) -> Measure:
    def measure(pixels: np.ndarray) -> FrameMeasurement:
        seen = ObservedFrame(pixels, index=3, seconds=0.125, identity=identity, backends=backends)
        return ct.WardrobeDrift("collins").frame(seen, identity)

    return measure


@pytest.fixture
def measure(dressed: ct.Identity, backends: ct.LocalBackends) -> Measure:
    return measure_with(dressed, backends)


def recoloured(pixels: np.ndarray) -> np.ndarray:
    """The suit, which is orange, made blue."""
    made = pixels.copy()
    made[195:] = pixels[195:, :, ::-1]
    return made


def tied(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """A white shirt with a tie, drawn below the face of the astronaut."""
    picture = Pil.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    draw.polygon([(130, 180), (330, 180), (400, 512), (60, 512)], fill=(232, 232, 236))
    draw.polygon([(217, 186), (239, 186), (244, 300), (228, 320), (212, 300)], fill=colour)
    return np.asarray(picture)


def test_the_enrolled_picture_is_exactly_0(measure: Measure, astronaut: np.ndarray) -> None:
    found = measure(astronaut)
    assert (found.status, found.value, found.note) == (ct.Status.MEASURED, 0.0, "")
    assert found.evidence["reference"] == "astronaut.png"
    assert (found.index, found.seconds) == (3, 0.125)


def test_the_region_drawn_is_the_suit(measure: Measure, astronaut: np.ndarray) -> None:
    (shape,) = (s for s in measure(astronaut).shapes if isinstance(s, Rectangle))
    assert shape.label == "wardrobe:collins"
    assert shape.box.left < 120
    assert 280 < shape.box.right < 420
    assert 150 < shape.box.top < 240
    assert shape.box.bottom > 440


@pytest.mark.parametrize("gain", [(1.15, 1.0, 0.85), (0.85, 1.0, 1.15), (0.75, 0.75, 0.75), (1.2, 1.2, 1.2)])
def test_other_light_moves_it_far_less_than_other_clothes(
    gain: tuple[float, float, float], measure: Measure, astronaut: np.ndarray
) -> None:
    lit, changed = measure((astronaut * np.array(gain)).clip(0, 255).astype(np.uint8)), measure(recoloured(astronaut))
    assert lit.value is not None
    assert changed.value is not None
    assert lit.value < 5
    assert changed.value > 15
    assert changed.note.startswith("clothes recoloured")


def shirt(pixels: np.ndarray, stripe: int) -> np.ndarray:
    """A grey shirt below the face of the astronaut, with stripes lighter and darker by some levels."""
    mask = Pil.new("1", pixels.shape[1::-1])
    ImageDraw.Draw(mask).polygon([(130, 180), (330, 180), (400, 512), (60, 512)], fill=1)
    levels = 150 + stripe * np.where((np.arange(512) // 14) % 2, 1, -1)
    made = np.where(np.asarray(mask)[..., None], levels[None, :, None], pixels)
    return made.astype(np.uint8)


def test_a_pattern_is_seen(tmp_path: Path, backends: ct.LocalBackends, astronaut: np.ndarray) -> None:
    Pil.fromarray(shirt(astronaut, 0)).save(tmp_path / "plain.png")
    picture = [tmp_path / "plain.png"]
    identity = ct.enrol(tmp_path / "id", actors={"collins": picture}, wardrobe={"collins": picture}, backends=backends)
    found = measure_with(identity, backends)(shirt(astronaut, 45))
    assert found.value is not None
    assert found.value > 4
    assert found.evidence["garments"]["clothes"]["pattern"] > 3  # type: ignore[index, call-overload]


def test_a_tie_is_told_apart_and_judged_by_itself(
    tmp_path: Path, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    blue = tied(astronaut, (30, 40, 110))
    Pil.fromarray(blue).save(tmp_path / "blue.png")
    picture = [tmp_path / "blue.png"]
    identity = ct.enrol(tmp_path / "id", actors={"collins": picture}, wardrobe={"collins": picture}, backends=backends)
    measure = measure_with(identity, backends)
    same, red = measure(blue), measure(tied(astronaut, (150, 25, 35)))
    assert same.value == 0
    assert {s.label for s in same.shapes if isinstance(s, Rectangle)} == {"shirt", "tie"}
    assert red.value is not None
    assert red.value > 15
    assert red.evidence["worst"] == "tie"
    assert "tie recoloured" in red.note


def suited(
    pixels: np.ndarray,
    tie: tuple[int, int, int] | None = (150, 25, 35),
    jacket: tuple[int, int, int] = (30, 35, 60),
) -> np.ndarray:
    """A jacket over a white shirt with a tie, drawn below the face of the astronaut."""
    picture = Pil.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    draw.polygon([(130, 180), (330, 180), (400, 512), (30, 512)], fill=jacket)
    draw.polygon([(190, 180), (266, 180), (272, 470), (184, 470)], fill=(232, 232, 236))
    if tie:
        draw.polygon([(217, 186), (239, 186), (244, 330), (228, 350), (212, 330)], fill=tie)
    return np.asarray(picture)


@pytest.fixture
def measure_suit(tmp_path: Path, backends: ct.LocalBackends, astronaut: np.ndarray) -> Measure:
    Pil.fromarray(suited(astronaut)).save(tmp_path / "suit.png")
    picture = [tmp_path / "suit.png"]
    identity = ct.enrol(tmp_path / "id", actors={"collins": picture}, wardrobe={"collins": picture}, backends=backends)
    return measure_with(identity, backends)


@pytest.mark.parametrize("tie", [None, (225, 225, 235)])
def test_a_tie_that_is_gone_or_of_the_colour_of_the_shirt_is_seen(
    tie: tuple[int, int, int] | None, measure_suit: Measure, astronaut: np.ndarray
) -> None:
    found = measure_suit(suited(astronaut, tie=tie))
    assert found.value is not None
    assert found.value > 15
    assert "tie gone or recoloured" in found.note


def test_a_jacket_that_is_gone_is_seen(measure_suit: Measure, astronaut: np.ndarray) -> None:
    found = measure_suit(suited(astronaut, jacket=(232, 232, 236)))
    assert found.value is not None
    assert found.value > 10
    assert found.evidence["worst"] == "clothes"


def test_the_same_suit_in_other_light_or_seen_in_part_is_still_the_same(
    measure_suit: Measure, astronaut: np.ndarray
) -> None:
    warm = (suited(astronaut) * np.array((1.15, 1.0, 0.85))).clip(0, 255).astype(np.uint8)
    cropped = np.ascontiguousarray(suited(astronaut)[:330])
    for pixels in (warm, cropped):
        value = measure_suit(pixels).value
        assert value is not None
        assert value < 6


def test_a_tie_that_is_covered_is_not_called_gone(measure_suit: Measure, astronaut: np.ndarray) -> None:
    covered = suited(astronaut, tie=None).copy()
    covered[176:350, 170:290] = np.median(astronaut[130:160, 210:245], axis=(0, 1))  # a hand, of the colour of the face
    found = measure_suit(covered)
    assert "tie gone" not in found.note


def test_no_tie_is_made_up(measure: Measure, astronaut: np.ndarray) -> None:
    for pixels in (astronaut, recoloured(astronaut), astronaut[:, ::-1]):
        assert "tie" not in {getattr(s, "label", "") for s in measure(np.ascontiguousarray(pixels)).shapes}


def test_nobody_there_is_absent(measure: Measure, coffee: np.ndarray) -> None:
    found = measure(coffee)
    assert found.status is ct.Status.ABSENT
    assert "nobody" in found.note


def test_a_close_up_without_clothes_is_absent_as_the_face_shows(measure: Measure, astronaut: np.ndarray) -> None:
    found = measure(np.ascontiguousarray(astronaut[40:190, 150:300]))
    assert found.status is ct.Status.ABSENT
    assert "below the face" in found.note


def test_a_head_upside_down_is_no_close_up(measure: Measure, astronaut: np.ndarray) -> None:
    """Detectors take the face for an upright one at the lower edge, with the suit above it."""
    for shown in (astronaut, astronaut[:, 30:], astronaut[60:]):
        found = measure(np.ascontiguousarray(shown[::-1, ::-1]))
        assert found.status is ct.Status.NOT_MEASURABLE
        assert "face" in found.note


def test_a_person_without_a_face_is_not_measurable(measure: Measure, astronaut: np.ndarray) -> None:
    faceless = astronaut.copy()
    faceless[20:185, 140:310] = (200, 190, 180)
    found = measure(faceless)
    assert found.status is ct.Status.NOT_MEASURABLE
    assert found.value is None


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 400, 3), (400, 2, 3)])
def test_odd_frames_have_no_value(shape: tuple[int, int, int], measure: Measure) -> None:
    assert measure(np.zeros(shape, np.uint8)).value is None


def test_a_gate_has_one_metric_a_wardrobe_and_expects_it_if_present(dressed: ct.Identity) -> None:
    gate = ct.Gate.for_identity(dressed)
    metric = next(m for m in gate.metrics if m.key == "wardrobe:collins")
    assert metric.expect is ct.Expect.IF_PRESENT


def test_a_wardrobe_that_is_not_enrolled_is_refused(enrolled: ct.Identity, backends: ct.LocalBackends) -> None:
    with pytest.raises(EnrolmentError, match="--wardrobe collins"):
        ct.WardrobeDrift("collins").ready(enrolled, backends)
    with pytest.raises(UsageError, match="required"):
        ct.WardrobeDrift("collins", expect="perhaps")  # type: ignore[arg-type]


def test_golden_values_of_version_2(measure: Measure, astronaut: np.ndarray) -> None:
    """Where these move, VERSION in metrics/wardrobe.py and enrolment/wardrobe.py is raised."""
    assert ct.WardrobeDrift("collins").instrument(ct.LocalBackends()).version == 2
    cool = (astronaut * np.array([0.85, 1, 1.15])).clip(0, 255).astype(np.uint8)
    assert measure(recoloured(astronaut)).value == pytest.approx(GOLDEN[0], abs=0.05)
    assert measure(cool).value == pytest.approx(GOLDEN[1], abs=0.05)


GOLDEN = (23.19, 0.91)
