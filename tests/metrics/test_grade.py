"""Grade drift: 0 on what was enrolled, rising along every way a grade goes wrong, calm where only content changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageFilter

import continuity as ct
from continuity.errors import EnrolmentError, MissingWeights, UsageError
from continuity.observed import ObservedFrame
from continuity.records import FrameMeasurement, Rectangle

Measure = Callable[[np.ndarray], FrameMeasurement]


def measure_with(identity: ct.Identity, backends: ct.LocalBackends) -> Measure:
    def measure(pixels: np.ndarray) -> FrameMeasurement:
        seen = ObservedFrame(pixels, index=3, seconds=0.125, identity=identity, backends=backends)
        return ct.GradeDrift().frame(seen, identity)

    return measure


@pytest.fixture
def with_skin(enrolled: ct.Identity, backends: ct.LocalBackends) -> Measure:
    return measure_with(enrolled, backends)


@pytest.fixture
def histogram_only(enrolled: ct.Identity, backends: ct.LocalBackends) -> Measure:
    grade = tuple(e for e in enrolled.enrolled if e.kind == "grade")
    return measure_with(replace(enrolled, enrolled=grade), backends)


def coded(pixels: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.rint(np.clip(change(pixels / 255), 0, 1) * 255).astype(np.uint8)


def look(pixels: np.ndarray) -> np.ndarray:
    """Teal shadows, orange lights, a lifted black and a soft shoulder."""
    light = pixels.mean(axis=-1, keepdims=True)
    toned = pixels + (light - 0.4) * np.array([0.25, 0.02, -0.25])
    return 0.06 + 0.9 * np.clip(toned, 0, 1) ** 0.85


WAYS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "warmer": lambda p, k: coded(p, lambda x: x * np.array([1 + 0.25 * k, 1, 1 - 0.25 * k])),
    "cooler": lambda p, k: coded(p, lambda x: x * np.array([1 - 0.25 * k, 1, 1 + 0.25 * k])),
    "lighter": lambda p, k: coded(p, lambda x: x ** (1 - 0.4 * k)),
    "darker": lambda p, k: coded(p, lambda x: x * (1 - 0.5 * k)),
    "more contrast": lambda p, k: coded(p, lambda x: 0.5 + (x - 0.5) * (1 + 0.6 * k)),
    "flatter": lambda p, k: coded(p, lambda x: 0.5 + (x - 0.5) * (1 - 0.6 * k)),
    "paler": lambda p, k: coded(p, lambda x: x + (x.mean(axis=-1, keepdims=True) - x) * 0.9 * k),
    "more saturated": lambda p, k: coded(p, lambda x: x + (x - x.mean(axis=-1, keepdims=True)) * 0.5 * k),
    "greener": lambda p, k: coded(p, lambda x: x * np.array([1 - 0.2 * k, 1, 1 - 0.2 * k])),
    "a look": lambda p, k: coded(p, lambda x: x * (1 - k) + look(x) * k),
}


def test_the_enrolled_picture_is_exactly_0(with_skin: Measure, histogram_only: Measure, astronaut: np.ndarray) -> None:
    for measure in (with_skin, histogram_only):
        found = measure(astronaut)
        assert (found.status, found.value, found.note) == (ct.Status.MEASURED, 0.0, "")
        assert found.evidence["rule"] == "regions"
        assert found.evidence["reference"] == "astronaut.png"
        assert (found.index, found.seconds) == (3, 0.125)


@pytest.mark.parametrize("way", WAYS)
def test_it_rises_strictly_along_a_degradation(
    way: str, with_skin: Measure, histogram_only: Measure, astronaut: np.ndarray
) -> None:
    for measure in (with_skin, histogram_only):
        found = [measure(WAYS[way](astronaut, k)) for k in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)]
        values = [f.value for f in found if f.value is not None]
        assert len(values) == len(found)
        assert (np.diff(values) > 0).all(), values
        assert values[-1] > 5
        if way != "a look":
            assert way in found[-1].note


def test_what_was_done_is_said_in_units(histogram_only: Measure, astronaut: np.ndarray) -> None:
    darker = histogram_only(WAYS["darker"](astronaut, 0.5)).evidence  # coded values by .75
    assert darker["exposure"] == pytest.approx(np.log2(0.75**2.3), abs=0.25)
    assert darker["warmth"] == pytest.approx(0, abs=6)
    paler = histogram_only(WAYS["paler"](astronaut, 0.5)).evidence  # by 45 %
    assert -50 < paler["saturation"] < -28
    assert paler["exposure"] == pytest.approx(0, abs=0.15)
    warmer = histogram_only(WAYS["warmer"](astronaut, 0.4)).evidence
    assert warmer["warmth"] == pytest.approx(
        -histogram_only(WAYS["cooler"](astronaut, 0.4)).evidence["warmth"], rel=0.3
    )
    assert warmer["warmth"] > 25


def test_a_muted_picture_in_black_and_white_is_no_small_drift(
    tmp_path: Path, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    """Grey but for a quarter of it: what lost its colours there is no new content."""
    grey = astronaut @ np.array([0.2126, 0.7152, 0.0722])
    muted = np.repeat(grey[..., None], 3, axis=2)
    muted[256:, :256] += 0.35 * (astronaut - muted)[256:, :256]
    muted = muted.round().clip(0, 255).astype(np.uint8)
    Pil.fromarray(muted).save(tmp_path / "muted.png")
    measure = measure_with(ct.enrol(tmp_path / "muted", grade=[tmp_path / "muted.png"], backends=backends), backends)
    found = measure(
        np.repeat((muted @ np.array([0.2126, 0.7152, 0.0722])).round().astype(np.uint8)[..., None], 3, axis=2)
    )
    assert found.value is not None and found.value > 2.5
    assert found.note.startswith("black and white, or toned in one colour; paler by")
    assert measure(muted).value == 0


def test_other_content_under_the_same_grade_is_told_by_the_skin(with_skin: Measure, astronaut: np.ndarray) -> None:
    close_up = np.ascontiguousarray(astronaut[20:240, 120:330])
    plain, graded = with_skin(close_up), with_skin(WAYS["warmer"](close_up, 1.0))
    assert plain.evidence["rule"] == "skin:collins"
    assert plain.evidence["histogram"] > 6
    assert plain.value is not None
    assert plain.value < 3
    assert plain.value == pytest.approx(1.5 * plain.evidence["skin"]["collins"], abs=0.01)
    assert [shape.label for shape in plain.shapes if isinstance(shape, Rectangle)] == ["skin:collins"]
    assert graded.value is not None
    assert graded.value > 10


def test_new_content_in_part_of_the_frame_is_no_drift(histogram_only: Measure, astronaut: np.ndarray) -> None:
    from skimage import data

    covered = astronaut.copy()
    covered[180:, 250:] = data.coffee()[:332, :262]
    plain, graded = histogram_only(covered), histogram_only(WAYS["cooler"](covered, 0.25))
    assert plain.evidence["histogram"] > 6
    assert plain.value is not None
    assert plain.value < 1
    assert graded.value is not None
    assert graded.value > 3
    assert graded.note.startswith("cooler by")


def test_a_frame_that_moved_is_no_drift(histogram_only: Measure, astronaut: np.ndarray) -> None:
    for moved in (astronaut[40:, 60:], np.roll(astronaut, 70, axis=1), astronaut[30:480, 30:480]):
        found = histogram_only(np.ascontiguousarray(moved))
        assert found.value is not None
        assert found.value < 1, found.evidence


def test_without_actors_no_face_is_looked_for(histogram_only: Measure, astronaut: np.ndarray) -> None:
    assert histogram_only(np.ascontiguousarray(astronaut[20:240, 120:330])).evidence["skin"] == {}


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((90, 120, 3), np.uint8),
        np.full((90, 120, 3), 255, np.uint8),
        np.full((33, 1000, 3), (200, 10, 10), np.uint8),
        np.full((1, 1, 3), 119, np.uint8),
    ],
    ids=["black", "white", "a red band", "one pixel"],
)
def test_a_frame_of_one_colour_is_not_measurable(with_skin: Measure, pixels: np.ndarray) -> None:
    found = with_skin(pixels)
    assert (found.status, found.value) == (ct.Status.NOT_MEASURABLE, None)
    assert "one colour" in found.note


def test_noise_is_measured_and_far_off(with_skin: Measure) -> None:
    found = with_skin(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    assert found.status is ct.Status.MEASURED
    assert found.value is not None
    assert 10 < found.value < 200


def test_a_card_of_one_colour_is_a_reference_too(tmp_path: Path, backends: ct.LocalBackends) -> None:
    card = np.full((60, 80, 3), 119, np.uint8)
    Pil.fromarray(card).save(tmp_path / "card.png")
    identity = ct.enrol(tmp_path / "show", grade=[tmp_path / "card.png"], backends=backends)
    measure = measure_with(identity, backends)
    assert measure(card).value == 0
    values = [measure(WAYS["warmer"](card, k)).value for k in (0.1, 0.4, 0.8)]
    assert all(v is not None for v in values)
    assert sorted(values) == values
    assert values[0] > 0.5


def test_a_reference_that_shows_the_scene_counts_and_not_the_nearest_colours(
    tmp_path: Path, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    """The coffee regraded to the colours of the astronaut is still not graded as the coffee was."""
    from skimage import data

    coffee = np.ascontiguousarray(data.coffee())
    for name, pixels in (("astronaut", astronaut), ("coffee", coffee)):
        Pil.fromarray(pixels).save(tmp_path / f"{name}.png")
    identity = ct.enrol(
        tmp_path / "show", grade=[tmp_path / "astronaut.png", tmp_path / "coffee.png"], backends=backends
    )
    matched = coffee - coffee.mean(axis=(0, 1)) + astronaut.mean(axis=(0, 1))
    found = measure_with(identity, backends)(np.clip(matched, 0, 255).astype(np.uint8))
    assert found.evidence["reference"] == "coffee.png"
    assert found.value is not None
    assert found.value > 10


def test_the_nearest_of_several_references_counts(tmp_path: Path, backends: ct.LocalBackends) -> None:
    y, x = np.mgrid[0:80, 0:100]
    day = np.stack([x * 2, y * 2 + 60, 255 - x], -1).astype(np.uint8)
    night = day // 4
    for name, pixels in (("day", day), ("night", night)):
        Pil.fromarray(pixels).save(tmp_path / f"{name}.png")
    identity = ct.enrol(tmp_path / "show", grade=[tmp_path / "day.png", tmp_path / "night.png"], backends=backends)
    measure = measure_with(identity, backends)
    for name, pixels in (("day", day), ("night", night)):
        exact, near = measure(pixels), measure(WAYS["darker"](pixels, 0.2))
        assert exact.value == 0
        assert exact.evidence["reference"] == near.evidence["reference"] == f"{name}.png"
        assert near.value is not None
        assert near.value > 0.2
    between = WAYS["darker"](day, 1.0)
    singles = [
        measure_with(ct.enrol(tmp_path / n, grade=[tmp_path / f"{n}.png"], backends=backends), backends)(between).value
        for n in ("day", "night")
    ]
    assert measure(between).value == min(singles)


def test_golden_values_of_version_3(with_skin: Measure, astronaut: np.ndarray) -> None:
    """Where these move, VERSION in metrics/grade.py (and enrolment/grade.py for the histogram) is raised."""
    assert ct.GradeDrift().instrument(ct.LocalBackends()).version == 3
    found = with_skin(WAYS["cooler"](astronaut, 0.4))
    assert found.value == pytest.approx(8.732, abs=0.03)
    parts = [found.evidence[k] for k in ("exposure", "warmth", "tint", "contrast", "saturation")]
    assert parts == pytest.approx([-0.036, -37.5, -0.0033, -1.06, 1.99], abs=0.05)


def test_an_identity_without_a_grade_is_an_error(nobody: ct.Identity, backends: ct.LocalBackends) -> None:
    with pytest.raises(EnrolmentError, match=r"continuity enrol .* --grade"):
        measure_with(nobody, backends)(np.zeros((8, 8, 3), np.uint8))


def test_an_expectation_that_is_none_is_refused() -> None:
    assert ct.GradeDrift(expect="if_present").expect is ct.Expect.IF_PRESENT
    with pytest.raises(UsageError, match="required"):
        ct.GradeDrift(expect="perhaps")


def test_each_model_is_named_once(backends: ct.LocalBackends) -> None:
    digests = [m.digest for m in ct.GradeDrift().instrument(backends).models]
    assert len(digests) == len(set(digests)) >= 3


def test_missing_weights_come_before_any_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUITY_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingWeights, match="continuity weights pull"):
        ct.GradeDrift().instrument(ct.LocalBackends())


CLIPS = ("generated_identity/fbb/1.gif", "generated_identity/lm/5.gif", "generated_actor/b-1.mp4")
LOOKS = ("instant_consumer__polaroid_px-70_warm_++", "bw__kodak_hie_hs_infra", "instant_pro__polaroid_669_cold_+")


@pytest.mark.parametrize("clip", CLIPS)
def test_the_next_frame_passes_and_a_strong_look_on_it_fails(
    clip: str, footage: Path, tmp_path: Path, backends: ct.LocalBackends
) -> None:
    """With the limit that ships; the instrument it belongs to is the one that measures here."""
    first, following = [f.pixels for f in ct.open_media(footage / "clips" / clip).frames(ct.Sampling())][:2]
    Pil.fromarray(first).save(tmp_path / "first.png")
    identity = ct.enrol(tmp_path / "identity", grade=[tmp_path / "first.png"], backends=backends)
    gate = ct.Gate([ct.GradeDrift()], identity=identity, backends=backends)
    report = gate.inspect(ct.Image.from_array(following))
    assert report.verdict is ct.Verdict.PASS, report.summary()
    for name in LOOKS:
        graded = under(footage / "grades" / "luts" / f"{name}.cube", following)
        report = gate.inspect(ct.Image.from_array(graded))
        assert report.verdict is ct.Verdict.FAIL, f"{name}: {report.summary()}"


def under(path: Path, pixels: np.ndarray) -> np.ndarray:
    """The picture under a .cube look."""
    rows = [line.split() for line in path.read_text().splitlines()]
    table = [tuple(map(float, r)) for r in rows if len(r) == 3 and r[0][0] in "-.0123456789"]
    return np.asarray(Pil.fromarray(pixels).filter(ImageFilter.Color3DLUT(round(len(table) ** (1 / 3)), table)))
