"""Face distance: golden values that hold the version, what is absent, what cannot be measured, who is who."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageFilter, ImageOps

import continuity as ct
from continuity import joining
from continuity.errors import EnrolmentError, UsageError
from continuity.interfaces import Observed
from continuity.observed import ObservedFrame
from continuity.records import Box, Expect, FrameMeasurement, Rectangle, Status

Measure = Callable[[np.ndarray], FrameMeasurement]


@pytest.fixture
def see(enrolled: ct.Identity, backends: ct.LocalBackends) -> Callable[[np.ndarray], Observed]:
    def observed(pixels: np.ndarray) -> Observed:
        return ObservedFrame(np.ascontiguousarray(pixels), index=0, seconds=None, identity=enrolled, backends=backends)

    return observed


@pytest.fixture
def measure(enrolled: ct.Identity, see: Callable[[np.ndarray], Observed]) -> Measure:
    return lambda pixels: ct.FaceDistance("collins").frame(see(pixels), enrolled)


def test_golden_values_hold_the_version(measure: Measure, astronaut: np.ndarray) -> None:
    """When one of these moves, raise VERSION in metrics/face.py and make the shipped limits anew."""
    picture = Pil.fromarray(astronaut)
    assert measure(astronaut).value == pytest.approx(0, abs=1e-6)
    blurred = measure(np.asarray(picture.filter(ImageFilter.GaussianBlur(2)))).value
    mirrored = measure(np.asarray(ImageOps.mirror(picture))).value
    assert (blurred, mirrored) == pytest.approx((GOLDEN_BLURRED, GOLDEN_MIRRORED), abs=2e-3)


GOLDEN_BLURRED, GOLDEN_MIRRORED = 0.2225, 0.0365


@pytest.mark.parametrize(
    ("edit", "most"), [("mirror", 0.1), ("warm", 0.15), ("dark", 0.15), ("grey", 0.2), ("jpeg", 0.15)]
)
def test_harmless_edits_stay_well_within_one_person(
    measure: Measure, astronaut: np.ndarray, edit: str, most: float
) -> None:
    import io

    picture = Pil.fromarray(astronaut)
    if edit == "mirror":
        pixels = np.asarray(ImageOps.mirror(picture))
    elif edit == "warm":
        pixels = (astronaut * [1.1, 1.0, 0.85]).clip(0, 255).astype(np.uint8)
    elif edit == "dark":
        pixels = (astronaut * 0.6).astype(np.uint8)
    elif edit == "grey":
        pixels = np.asarray(picture.convert("L").convert("RGB"))
    else:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=20)
        pixels = np.asarray(Pil.open(stream))
    value = measure(pixels).value
    assert value is not None
    assert 0 < value < most


def test_a_face_under_fifty_pixels_is_not_measurable(measure: Measure, astronaut: np.ndarray) -> None:
    small = np.asarray(Pil.fromarray(astronaut).resize((220, 220), Pil.Resampling.LANCZOS))
    found = measure(small)
    assert found.status is Status.NOT_MEASURABLE
    assert "at least 50 px" in found.note
    assert found.shapes


@pytest.mark.parametrize("kind", ["eyes", "half", "smeared"])
def test_a_face_that_is_not_seen_whole_is_not_measurable(measure: Measure, astronaut: np.ndarray, kind: str) -> None:
    assert measure(astronaut).evidence["presence"] > 15  # type: ignore[operator]
    pixels = astronaut.copy()
    if kind == "eyes":
        pixels[85:125, 170:280] = 0
    elif kind == "half":
        pixels[50:215, 150:228] = (60, 70, 90)
    else:
        pixels = np.asarray(Pil.fromarray(astronaut).filter(ImageFilter.GaussianBlur(4)))
    found = measure(pixels)
    assert found.status is Status.NOT_MEASURABLE
    assert "covered, turned away or unclear" in found.note and found.shapes


def test_light_and_glasses_hide_no_face(footage: Path, see: Callable[[np.ndarray], Observed]) -> None:
    for light in ("leftlight", "rightlight", "glasses", "surprised"):
        pixels = np.asarray(Pil.open(footage / f"faces/yale/subject03_{light}.png").convert("RGB"))
        seen = see(pixels)
        assert seen.presence(seen.faces[0]) > 8


def test_a_small_face_in_a_large_frame_is_found(measure: Measure, astronaut: np.ndarray) -> None:
    frame = np.full((1080, 1920, 3), 110, dtype=np.uint8)
    inset = np.asarray(Pil.fromarray(astronaut).resize((360, 360), Pil.Resampling.LANCZOS))
    frame[700:1060, 1500:1860] = inset
    found = measure(frame)
    assert found.status is Status.MEASURED
    assert found.value is not None
    assert found.value < 0.3
    shape = found.shapes[0]
    assert isinstance(shape, Rectangle)
    assert shape.box.left > 1500


def test_absent_is_said_only_where_nobody_is(measure: Measure, astronaut: np.ndarray) -> None:
    from skimage import data

    for empty in (data.coffee(), np.zeros((64, 64, 3), np.uint8), np.full((300, 500, 3), 128, np.uint8)):
        assert measure(empty).status is Status.ABSENT
    hidden = astronaut.copy()
    hidden[60:200, 150:310] = hidden[60:200, 150:310].mean(axis=(0, 1)).astype(np.uint8)  # the face painted over
    found = measure(hidden)
    assert found.status is Status.NOT_MEASURABLE
    assert "a person may be there" in found.note


def test_two_faces_one_actor(measure: Measure, astronaut: np.ndarray, footage: Path) -> None:

    stranger = Pil.open(footage / "clips/generated_identity/lm/reference.png").convert("RGB").resize((474, 512))
    for pair in ((astronaut, np.asarray(stranger)), (np.asarray(stranger), astronaut)):
        found = measure(np.concatenate(pair, axis=1))
        assert found.value is not None
        assert found.value < 0.2
        assert found.evidence["other_faces"] == 1
    alone = measure(np.asarray(stranger))
    assert alone.value is not None
    assert alone.value > 0.4


def test_two_people_who_swap_faces_in_mid_shot_are_found(
    tmp_path: Path, footage: Path, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    """Both are in every frame all the time, so that matching alone finds nothing wrong."""
    stranger = Pil.open(footage / "clips/generated_identity/lm/reference.png").convert("RGB")
    heads = []
    for picture in (Pil.fromarray(astronaut), stranger):
        (box,) = (f.box for f in backends.faces.detect(np.asarray(picture))[:1])
        (x, y), reach = box.centre, 0.9 * box.width
        heads.append(np.asarray(picture.crop((x - reach, y - reach, x + reach, y + reach)).resize((400, 400))))
    astronaut, other = heads
    before, after = np.concatenate([astronaut, other], axis=1), np.concatenate([other, astronaut], axis=1)
    Pil.fromarray(astronaut).save(tmp_path / "collins.png")
    Pil.fromarray(other).save(tmp_path / "lm.png")
    actors = {"collins": [tmp_path / "collins.png"], "lm": [tmp_path / "lm.png"]}
    identity = ct.enrol(tmp_path / "two", actors=actors, backends=backends)
    metric = ct.FaceDistance("collins")

    def joined(frames: list[np.ndarray], cuts: tuple[int, ...] = ()) -> ct.Measurement:
        seen = [
            ObservedFrame(np.ascontiguousarray(f), index=n, seconds=n / 2, identity=identity, backends=backends)
            for n, f in enumerate(frames)
        ]
        return joining.by_shot(metric, [replace(metric.frame(s, identity), index=s.index) for s in seen], cuts)

    whole = joined([before, before, before])
    assert whole.value is not None
    assert whole.value < 0.1
    swapped = joined([before, before, after])
    assert swapped.value is not None
    assert swapped.value > 0.4
    assert swapped.worst_frame == 2
    assert "swapped" in swapped.note
    reverse = joined([before, before, after, after], cuts=(2,))  # the reverse angle: each is who he was
    assert reverse.value is not None
    assert reverse.value < 0.1


def test_expectations_and_actors(enrolled: ct.Identity, backends: ct.LocalBackends) -> None:
    assert ct.FaceDistance("collins", expect="if_present").expect is Expect.IF_PRESENT  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="required"):
        ct.FaceDistance("collins", expect="perhaps")  # type: ignore[arg-type]
    with pytest.raises(EnrolmentError, match="--actor mara"):
        ct.FaceDistance("mara").ready(enrolled, backends)


def test_the_same_actor_passes_and_another_fails_on_generated_footage(
    tmp_path: Path, footage: Path, backends: ct.LocalBackends
) -> None:

    folder = footage / "clips/generated_identity"
    identity = ct.enrol(tmp_path / "lm", actors={"lm": [folder / "lm/reference.png"]}, backends=backends)
    gate = ct.Gate.for_identity(identity, backends=backends)
    assert gate.inspect(ct.open_media(folder / "lm/reference.png")).verdict is ct.Verdict.PASS
    assert gate.inspect(ct.open_media(folder / "fbb/reference.png")).verdict is ct.Verdict.FAIL


@pytest.mark.parametrize(("unclear", "measured"), [(8, False), (4, False), (3, True), (0, True)])
def test_a_second_of_faces_not_seen_whole_is_not_measurable_however_long_the_clip(unclear: int, measured: bool) -> None:
    """At 4 frames a second; 80 % of the frames are measured all the same."""
    shapes = (Rectangle(label="face:mara", box=Box(100, 100, 200, 200)),)
    frames = [
        FrameMeasurement(
            status=Status.MEASURED, value=0.2, evidence={"presence": 12.0}, shapes=shapes, index=n, seconds=n / 4
        )
        for n in range(40)
    ]
    covered = FrameMeasurement(status=Status.NOT_MEASURABLE, note="covered", evidence={"presence": 3.0}, shapes=shapes)
    frames[16 : 16 + unclear] = [replace(covered, index=n, seconds=n / 4) for n in range(16, 16 + unclear)]
    joined = ct.FaceDistance("mara").join(frames)
    assert (joined.status is Status.MEASURED) is measured
    assert joined.value == (0.2 if measured else None)
    if not measured:
        assert joined.note == f"frames 16 to {15 + unclear}: covered"
        assert joined.worst_frame == 16
