"""Light drift: 0 on what was enrolled, stops where a lamp moved, calm where a grade or the framing changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import continuity as ct
from continuity.errors import EnrolmentError, ToleranceError, UsageError
from continuity.generators.simulator import operations as op
from continuity.observed import ObservedFrame
from continuity.records import FrameMeasurement

Measure = Callable[[np.ndarray], FrameMeasurement]


@pytest.fixture
def measure(enrolled: ct.Identity, backends: ct.LocalBackends) -> Measure:
    def measure(pixels: np.ndarray) -> FrameMeasurement:
        seen = ObservedFrame(pixels, index=3, seconds=0.125, identity=enrolled, backends=backends)
        return ct.LightDrift().frame(seen, enrolled)

    return measure


def test_the_enrolled_picture_is_exactly_0(measure: Measure, astronaut: np.ndarray) -> None:
    found = measure(astronaut)
    assert (found.status, found.value, found.note) == (ct.Status.MEASURED, 0.0, "")
    assert (found.index, found.seconds, found.evidence["reference"]) == (3, 0.125, "astronaut.png")


@pytest.mark.parametrize("stops", [0.5, 1.0, 2.0])
def test_it_is_the_stops_from_the_middle_to_the_edge(measure: Measure, astronaut: np.ndarray, stops: float) -> None:
    found = measure(op.relight(astronaut, -stops, 0))
    assert found.value == pytest.approx(stops, rel=0.3)  # what clips has gained less
    assert "to the left" in found.note
    assert abs(float(found.evidence["down"])) < 0.3 * stops  # type: ignore[arg-type]


def test_golden_values(measure: Measure, astronaut: np.ndarray) -> None:
    assert ct.LightDrift().instrument(ct.LocalBackends()).version == 2
    values = [measure(op.relight(astronaut, *way)).value for way in ((0.3, 0), (0, 1.0), (1.0, -1.0))]
    assert values == pytest.approx([0.2791, 0.7886, 1.1689], abs=0.01)


@pytest.mark.parametrize(
    "graded",
    [
        lambda p: op.regrade(p, slope=(0.8, 0.8, 0.8)),
        lambda p: op.regrade(p, slope=(1.12, 1.0, 0.85)),
        lambda p: op.regrade(p, power=(1.4, 1.4, 1.4)),
        lambda p: op.regrade(p, slope=(0.75,) * 3, offset=(0.15,) * 3, saturation=0.5),
        lambda p: op.reframe(p, 1.1, 0.5, -0.5),
        lambda p: op.blur(p, 2.0),
    ],
    ids=["darker", "warm", "contrast", "faded", "closer", "soft"],
)
def test_a_grade_or_another_framing_is_no_light(
    graded: Callable[[np.ndarray], np.ndarray], measure: Measure, astronaut: np.ndarray
) -> None:
    found = measure(graded(astronaut))
    assert found.value is not None and found.value < 0.35


def dimmed(pixels: np.ndarray, stops: float, where: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """A part of the picture darker by stops of (about) linear light; ``where`` is told down and across in [0, 1]."""
    down, across = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]] / (np.array(pixels.shape[:2]) - 1)[:, None, None]
    gain = np.where(where(down, across), 2.0**-stops, 1.0)[..., None]
    return (np.clip((pixels / 255.0) ** 2.2 * gain, 0, 1) ** (1 / 2.2) * 255).round().astype(np.uint8)


@pytest.mark.parametrize("stops", [2.5, 3.0, 6.0])
@pytest.mark.parametrize(
    "where",
    [
        lambda down, across: across < 0.33,
        lambda down, across: across < 0.2,
        lambda down, across: down < 0.33,
        lambda down, across: across < 0.45,
        lambda down, across: np.hypot(down - 0.5, across - 0.5) < 0.28,
    ],
    ids=["left third", "left fifth", "top third", "left 45 %", "middle"],
)
def test_a_hard_shadow_is_far_off_however_dark(
    where: Callable[[np.ndarray, np.ndarray], np.ndarray], stops: float, measure: Measure, astronaut: np.ndarray
) -> None:
    found = measure(dimmed(astronaut, stops, where))
    assert found.status is ct.Status.MEASURED
    assert found.value is not None and found.value > 0.8  # a part of 2.5 stops goes into the fit


def test_a_shadow_is_told_by_its_stops_and_share(measure: Measure, astronaut: np.ndarray) -> None:
    found = measure(dimmed(astronaut, 3.0, lambda down, across: across < 0.33))
    assert found.value == pytest.approx(3.0, rel=0.15)
    assert found.note == "29% of what is seen again became 2.8 stops darker than the rest"


@pytest.mark.parametrize(
    "made",
    [
        lambda p: op.blur(p, 4.0),
        lambda p: op.reframe(p, 1.2, 0.5, 0.5),
        lambda p: op.relight(p, -2.0, 0),
        lambda p: op.relight(p, 2.0, 2.0),
        lambda p: op.regrade(p, power=(2.0, 2.0, 2.0)),
    ],
    ids=["soft", "closer", "relit", "relit across", "harsh"],
)
def test_what_the_fit_tells_stays_measured_by_the_fit(
    made: Callable[[np.ndarray], np.ndarray], measure: Measure, astronaut: np.ndarray
) -> None:
    found = measure(made(astronaut))
    fit = np.hypot(float(found.evidence["across"]), float(found.evidence["down"]))  # type: ignore[arg-type]
    assert found.value == pytest.approx(fit, abs=1e-3)


def test_too_much_other_content_is_not_measurable(measure: Measure, astronaut: np.ndarray) -> None:
    found = measure(op.reframe(astronaut, 1.35, 0, 0))  # patches that are no longer matched with themselves
    assert (found.status, found.value) == (ct.Status.NOT_MEASURABLE, None)
    assert "here and there" in found.note
    assert float(found.evidence["aside"]) > 0.15  # type: ignore[arg-type]


def test_another_scene_is_not_measurable(measure: Measure, coffee: np.ndarray) -> None:
    found = measure(coffee)
    assert (found.status, found.value) == (ct.Status.NOT_MEASURABLE, None)
    assert "seen again" in found.note


@pytest.mark.parametrize("level", [0, 255])
def test_a_frame_of_one_colour_is_not_measurable(measure: Measure, level: int) -> None:
    assert measure(np.full((64, 64, 3), level, dtype=np.uint8)).status is ct.Status.NOT_MEASURABLE


def test_it_is_measured_where_a_shot_asks_for_it(enrolled: ct.Identity, backends: ct.LocalBackends) -> None:
    usual = ct.Gate.for_identity(enrolled, backends=backends)
    asked = ct.Gate.for_identity(enrolled, expects={"light": "required"}, tolerances={"light": 0.5}, backends=backends)
    assert "light" not in [m.key for m in usual.metrics]
    assert "light" in [m.key for m in asked.metrics]
    with pytest.raises(ToleranceError, match="light: no limit"):
        ct.Gate.for_identity(enrolled, expects={"light": "required"}, backends=backends).check()


def test_a_moved_lamp_fails_a_gate_whose_grade_passes(
    enrolled: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    grade = {"grade": 5.0}
    moved = ct.Image.from_array(op.relight(astronaut, 1.2, 1.2))
    only = ct.Gate([ct.GradeDrift()], identity=enrolled, tolerances=grade, backends=backends).inspect(moved)
    both = ct.Gate(
        [ct.GradeDrift(), ct.LightDrift()], identity=enrolled, tolerances={**grade, "light": 0.5}, backends=backends
    ).inspect(moved)
    assert (only.verdict, both.verdict) == (ct.Verdict.PASS, ct.Verdict.FAIL)
    assert "light" in only.not_checked and "light" not in both.not_checked


def test_without_a_grade_there_is_nothing_to_compare_with(enrolled: ct.Identity, backends: ct.LocalBackends) -> None:
    bare = replace(enrolled, enrolled=tuple(e for e in enrolled.enrolled if e.kind != "grade"))
    with pytest.raises(EnrolmentError, match="grade"):
        ct.LightDrift().ready(bare, backends)
    with pytest.raises(UsageError):
        ct.LightDrift(expect="maybe")  # type: ignore[arg-type]
