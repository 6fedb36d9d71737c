"""Measuring and judging."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pil

import continuity as ct
from continuity.errors import EnrolmentError, MissingWeights, ToleranceError, UnknownKey, UsageError
from continuity.gate import judge, verdict_of
from continuity.interfaces import Observed
from continuity.joining import by_shot
from continuity.ledger import Features
from continuity.ledger.packing import packed, unpacked
from continuity.observed import FrameFeatures
from continuity.records import Expect, FrameMeasurement, Instrument, Measurement, Measurements, Status, Verdict
from continuity.report.draw import at_frame
from continuity.testing import FakeBackends, FakeMetric

Flat = Callable[[int], ct.Image]
NOBODY = ct.Identity(name="nobody", enrolled=())
LIMIT = ct.Tolerance(key="m", limit=1.0, scale=0.5)


def gate(*metrics: FakeMetric, **limits: float) -> ct.Gate:
    return ct.Gate(
        metrics, identity=NOBODY, tolerances={m.key: limits.get(m.key, 1.0) for m in metrics}, backends=FakeBackends()
    )


def raises(error: Exception) -> Callable[[Observed], float]:
    def measure(seen: Observed) -> float:
        raise error

    return measure


def test_value_up_to_the_limit_passes_and_above_it_fails(flat: Flat) -> None:
    judged = gate(FakeMetric("m", 1.0)).inspect(flat(0))
    assert judged.verdict is Verdict.PASS
    assert judged["m"].excess == 0
    judged = gate(FakeMetric("m", np.nextafter(1.0, 2))).inspect(flat(0))
    assert judged.verdict is Verdict.FAIL


def test_a_gate_is_an_and(flat: Flat) -> None:
    good, bad = FakeMetric("good", 0.0), FakeMetric("bad", 1.01)
    report = gate(good, bad).inspect(flat(0))
    assert report.verdict is Verdict.FAIL
    assert [f.key for f in report.failing] == ["bad"]
    assert report.worst is not None
    assert report.worst.key == "bad"


BLIND = FrameMeasurement(status=Status.NOT_MEASURABLE, note="too dark")
ABSENT = FrameMeasurement(status=Status.ABSENT, note="nobody is there")


@pytest.mark.parametrize(
    ("found", "expect", "verdict"),
    [
        (0.5, Expect.REQUIRED, Verdict.PASS),
        (1.5, Expect.REQUIRED, Verdict.FAIL),
        (BLIND, Expect.REQUIRED, Verdict.INCONCLUSIVE),
        (ABSENT, Expect.REQUIRED, Verdict.FAIL),
        (0.5, Expect.IF_PRESENT, Verdict.PASS),
        (1.5, Expect.IF_PRESENT, Verdict.FAIL),
        (BLIND, Expect.IF_PRESENT, Verdict.INCONCLUSIVE),
        (ABSENT, Expect.IF_PRESENT, Verdict.PASS),
        (0.5, Expect.IF_MEASURABLE, Verdict.PASS),
        (1.5, Expect.IF_MEASURABLE, Verdict.FAIL),
        (BLIND, Expect.IF_MEASURABLE, Verdict.PASS),
        (ABSENT, Expect.IF_MEASURABLE, Verdict.PASS),
        (0.5, Expect.NOT_EXPECTED, Verdict.FAIL),
        (1.2, Expect.NOT_EXPECTED, Verdict.INCONCLUSIVE),
        (1.6, Expect.NOT_EXPECTED, Verdict.PASS),
        (BLIND, Expect.NOT_EXPECTED, Verdict.INCONCLUSIVE),
        (ABSENT, Expect.NOT_EXPECTED, Verdict.PASS),
    ],
)
def test_the_verdict_on_every_status_under_every_expectation(
    flat: Flat, found: float | FrameMeasurement, expect: Expect, verdict: Verdict
) -> None:
    item = gate(FakeMetric("m", found, expect=expect)).measure(flat(0))["m"]
    assert verdict_of(item, LIMIT)[0] is verdict


def test_nothing_that_could_not_be_measured_ever_passes(flat: Flat) -> None:
    for error in (RuntimeError("boom"), ValueError("nan"), MemoryError(), ct.ModelError("the model failed")):
        report = gate(FakeMetric("m", raises(error)), FakeMetric("fine", 0.0)).inspect(flat(0))
        assert report.verdict is Verdict.INCONCLUSIVE
        assert type(error).__name__ in report["m"].reason
    report = gate(FakeMetric("m", lambda seen: float("nan"))).inspect(flat(0))
    assert report.verdict is Verdict.INCONCLUSIVE


def test_what_need_not_be_measured_is_said_to_be_unchecked(flat: Flat) -> None:
    hazy = FakeMetric("hands", BLIND, expect=Expect.IF_MEASURABLE)
    report = gate(hazy, FakeMetric("fine", 0.0)).inspect(flat(0))
    assert report.verdict is Verdict.PASS
    assert report["hands"].reason.startswith("not checked: ")
    assert report.not_checked[0] == "hands (not measurable here)"
    assert gate(hazy).inspect(flat(0)).verdict is Verdict.INCONCLUSIVE  # nothing at all was checked


@pytest.mark.parametrize("found", [raises(RuntimeError("boom")), lambda seen: float("nan")])
def test_what_need_not_be_measured_must_not_break_either(flat: Flat, found: Callable[[Observed], float]) -> None:
    broken = FakeMetric("m", found, expect=Expect.IF_MEASURABLE)
    assert gate(broken, FakeMetric("fine", 0.0)).inspect(flat(0)).verdict is Verdict.INCONCLUSIVE

    def at_times(seen: Observed) -> FrameMeasurement:
        if seen.index == 5:
            raise ValueError("boom")
        return BLIND

    mostly = gate(FakeMetric("m", at_times, expect=Expect.IF_MEASURABLE), FakeMetric("fine", 0.0))
    assert mostly.inspect(half([0] * 16)).verdict is Verdict.INCONCLUSIVE


def seen(*values: float | None) -> Callable[[Observed], FrameMeasurement]:
    def measure(frame: Observed) -> FrameMeasurement:
        value = values[frame.index % len(values)]
        if value is None:
            return BLIND
        return FrameMeasurement(status=Status.MEASURED, value=value)

    return measure


def test_what_was_seen_above_the_limit_is_not_excused_by_what_could_not_be_seen() -> None:
    fine = FakeMetric("fine", 0.0)
    for values, verdict in (((9.0, None), Verdict.INCONCLUSIVE), ((0.5, None), Verdict.PASS), ((9.0,), Verdict.FAIL)):
        report = gate(FakeMetric("m", seen(*values), expect=Expect.IF_MEASURABLE), fine).inspect(half([1] * 16))
        assert report.verdict is verdict, values
    assert (
        "above the limit"
        in gate(FakeMetric("m", seen(9.0, None), expect=Expect.IF_MEASURABLE), fine).inspect(half([1] * 16))["m"].reason
    )


class Forgetful(FakeMetric):
    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        return Measurement(
            key=self.key, unit=self.unit, expect=self.expect, status=Status.NOT_MEASURABLE, note="too dark"
        )


def test_a_rule_of_joining_does_not_hide_that_a_metric_raised(flat: Flat) -> None:
    broken = Forgetful("m", raises(RuntimeError("boom")), expect=Expect.IF_MEASURABLE)
    report = gate(broken, FakeMetric("fine", 0.0)).inspect(flat(0))
    assert report.verdict is Verdict.INCONCLUSIVE and "boom" in report["m"].reason


@pytest.mark.parametrize("found", [ABSENT, BLIND, 0.0])
def test_frames_that_are_missing_excuse_nothing(tmp_path: Path, found: float | FrameMeasurement) -> None:
    from PIL import Image as Pil

    for number in (1, 2, 20):
        Pil.new("RGB", (8, 8)).save(tmp_path / f"{number:04d}.png")
    clip = ct.open_media(tmp_path)
    for expect in (Expect.IF_PRESENT, Expect.IF_MEASURABLE):
        assert gate(FakeMetric("m", found, expect=expect)).inspect(clip).verdict is Verdict.INCONCLUSIVE


def test_hands_are_in_every_gate_unless_they_are_left_out(enrolled: ct.Identity) -> None:
    def asked(**expects: str) -> dict[str, Expect]:
        return {m.key: m.expect for m in ct.Gate.for_identity(enrolled, expects=expects).metrics}

    assert asked()["hands"] is Expect.IF_MEASURABLE
    assert asked(hands="if_present")["hands"] is Expect.IF_PRESENT
    assert "hands" not in asked(hands="off")
    assert set(asked(grade="off")) == {"face:collins", "hands"}
    with pytest.raises(UsageError, match="off leaves the metric out"):
        asked(hands="never")


@pytest.mark.parametrize("error", [MissingWeights("pull them"), EnrolmentError("enrol it"), UsageError("no")])
def test_what_a_person_must_mend_is_raised(flat: Flat, error: Exception) -> None:
    with pytest.raises(type(error)):
        gate(FakeMetric("m", raises(error))).inspect(flat(0))


@given(st.lists(st.sampled_from([0.2, 1.0, 1.3, 5.0, BLIND, ABSENT]), min_size=1, max_size=5), st.randoms())
def test_neither_order_nor_stopping_early_changes_the_verdict(
    found: list[float | FrameMeasurement], random: object
) -> None:
    image = ct.Image.from_array(np.zeros((4, 4, 3), dtype=np.uint8))
    metrics = [FakeMetric(f"m{i}", f, cost=i + 1) for i, f in enumerate(found)]
    turned = [replace(m, cost=100 - m.cost) for m in metrics]
    whole = gate(*metrics).inspect(image)
    assert gate(*turned).inspect(image).verdict is whole.verdict
    assert gate(*metrics).inspect(image, stop_early=True).verdict is whole.verdict
    assert gate(*turned).inspect(image, stop_early=True).verdict is whole.verdict


def test_stopping_early_runs_nothing_after_the_first_certain_fail(flat: Flat) -> None:
    ran: list[str] = []

    def noting(key: str, value: float) -> FakeMetric:
        return FakeMetric(key, lambda seen: ran.append(key) or value, cost={"a": 1, "b": 2, "c": 3}[key])

    report = gate(noting("c", 0.0), noting("b", 9.0), noting("a", 0.0)).inspect(flat(0), stop_early=True)
    assert ran == ["a", "b"]
    assert report["c"].status is Status.SKIPPED
    assert report.verdict is Verdict.FAIL
    assert [f.status for f in gate(noting("b", 9.0), noting("c", 0.0)).inspect(flat(0))] == [Status.MEASURED] * 2


def test_a_clip_is_measured_frame_by_frame_and_the_worst_frame_is_named() -> None:
    frames = [np.full((8, 8, 3), 10 + 80 * (i == 23), dtype=np.uint8) for i in range(24)]
    clip = ct.Clip.from_arrays(frames, 24)
    report = gate(FakeMetric("m"), m=64.0).inspect(clip)
    assert report.measurements.frames == 16
    assert report.verdict is Verdict.FAIL
    assert report["m"].measurement.worst_frame == 23
    assert len(report["m"].measurement.frames) == 16


def edit(*shots: tuple[int, int]) -> ct.Clip:
    """Shots of so many flat frames of a brightness."""
    return ct.Clip.from_arrays(
        [np.full((8, 8, 3), level, np.uint8) for length, level in shots for _ in range(length)], 24
    )


def test_a_clip_is_judged_by_its_shots() -> None:
    metric = FakeMetric("m", lambda seen: float(seen.lab[..., 0].mean()))
    clip = edit((600, 40), (20, 120))
    report = gate(metric, m=30.0).inspect(clip)
    assert report.measurements.cuts == (600,)
    assert report.verdict is Verdict.FAIL  # 2 of 53 frames, which a quantile of the whole clip leaves out
    assert metric.join(report["m"].measurement.frames).value < 30
    assert "shot 2 of 2 is the worst: frames 607 to 619" in report["m"].measurement.note
    recalled = gate(metric, m=30.0).recall(kept(gate(metric, m=30.0), clip))
    assert recalled is not None
    assert recalled.measurements.cuts == (600,)
    assert replace(recalled["m"].measurement, seconds=0.0) == replace(report["m"].measurement, seconds=0.0)


def test_one_picture_that_stands_for_seconds_counts_as_such(tmp_path: Path) -> None:
    pictures = [Pil.new("L", (8, 8), 90 if n == 50 else 10 + n % 2) for n in range(1000)]
    durations = [1500 if n == 50 else 50 for n in range(1000)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=durations)
    clip = ct.Clip.open(tmp_path / "a.gif")
    judging = gate(FakeMetric("m"), m=64.0)
    report = judging.inspect(clip)
    assert report.verdict is Verdict.FAIL  # a second and a half of fifty: three of a hundred times it was looked at
    assert [f.seconds for f in report["m"].measurement.frames if f.index == 50] == pytest.approx([2.5, 3.0, 3.5])
    assert "it stands for 1.0 s or more" in report["m"].measurement.note

    looking = gate(FakeMetric("m", lambda seen: float(seen.lab[..., 0].mean())), m=30.0)
    measured, recalled = looking.inspect(clip), looking.recall(kept(looking, clip))
    assert recalled is not None
    assert measured.verdict is recalled.verdict is Verdict.FAIL
    assert recalled["m"].measurement.frames == measured["m"].measurement.frames


def test_a_slow_slide_show_hides_no_slide() -> None:
    slides = [np.full((8, 8, 3), 90 if n == 9 else 10, np.uint8) for n in range(40)]
    assert gate(FakeMetric("m"), m=64.0).inspect(ct.Clip.from_arrays(slides, 0.2)).verdict is Verdict.FAIL
    assert gate(FakeMetric("m"), m=64.0).inspect(ct.Clip.from_arrays(slides, 24)).verdict is Verdict.PASS  # a flash


def test_a_shot_in_which_nothing_could_be_measured_is_not_excused() -> None:
    def measure(seen: Observed) -> FrameMeasurement:
        if seen.pixels.mean() > 100:
            return FrameMeasurement(status=Status.NOT_MEASURABLE, note="too bright")
        return FrameMeasurement(status=Status.MEASURED, value=0.0)

    report = gate(FakeMetric("m", measure)).inspect(edit((600, 40), (12, 120)))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "not measurable in shot 2 of 2" in report["m"].reason
    assert gate(FakeMetric("m", measure)).inspect(edit((600, 40))).verdict is Verdict.PASS


def test_shots_that_no_sampled_frame_shows_are_said() -> None:
    report = gate(FakeMetric("m", 0.0)).inspect(edit((302, 200), (8, 40), (290, 120)))
    assert report.measurements.cuts == (302, 310)
    assert "1 of 3 shots are too short for the sampling: not looked at" in report.measurements.warnings
    assert not gate(FakeMetric("m", 0.0)).inspect(edit((300, 40), (300, 90))).measurements.warnings


def test_every_report_says_what_it_did_not_check_and_what_is_uncalibrated(flat: Flat) -> None:
    report = gate(FakeMetric("face:mara", 0.0)).inspect(flat(0))
    assert "lip sync" in report.not_checked
    assert "grade" in report.not_checked
    assert "faces" not in report.not_checked
    assert any("uncalibrated" in w for w in report.warnings)


def test_measuring_and_judging_apart_is_inspecting(flat: Flat) -> None:
    one = gate(FakeMetric("m", 1.2))
    taken = one.measure(flat(0))
    assert ct.judge(taken, {"m": 1.0}).verdict is Verdict.FAIL
    assert ct.judge(taken, {"m": 2.0}).verdict is Verdict.PASS
    with pytest.raises(UnknownKey):
        ct.judge(taken, {"hat": 2.0})
    with pytest.raises(ToleranceError):
        ct.judge(taken, None)


def test_gates_that_make_no_sense() -> None:
    with pytest.raises(UsageError, match="at least one metric"):
        ct.Gate([], identity=NOBODY)
    with pytest.raises(UsageError, match="several for m"):
        gate(FakeMetric("m"), FakeMetric("m"))


def test_missing_weights_are_said_before_any_frame(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, enrolled: ct.Identity
) -> None:
    monkeypatch.setenv("CONTINUITY_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingWeights, match="continuity weights pull"):
        ct.Gate.for_identity(enrolled, backends=ct.LocalBackends()).check()


def test_the_enrolled_picture_passes_and_another_person_fails(
    enrolled: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    judged = ct.Gate.for_identity(enrolled, backends=backends)
    report = judged.inspect(ct.Image.from_array(astronaut))
    assert report.verdict is Verdict.PASS
    assert report["face"].value == pytest.approx(0, abs=0.02)
    assert report["grade"].value == pytest.approx(0, abs=0.05)
    assert {m.role for m in report.models} >= {"face-embedding", "face-detector"}
    cold = astronaut.astype(np.float32) * [0.75, 0.95, 1.25]
    report = judged.inspect(ct.Image.from_array(cold.clip(0, 255).astype(np.uint8)))
    assert report["grade"].verdict is Verdict.FAIL
    assert report["face"].verdict is Verdict.PASS
    black = judged.inspect(ct.Image.from_array(np.zeros_like(astronaut)))
    assert black["face"].verdict is Verdict.FAIL
    assert black["face"].status is Status.ABSENT


def half(levels: Sequence[int]) -> ct.Clip:
    return ct.Clip.from_arrays([np.full((8, 8, 3), level, dtype=np.uint8) for level in levels], 24)


def test_who_is_not_expected_must_be_in_no_frame_at_all() -> None:
    near = FakeMetric("m", expect=Expect.NOT_EXPECTED)
    report = gate(near, m=10.0).inspect(half([200] * 8 + [5] + [200] * 7))
    assert report.verdict is Verdict.FAIL
    assert report["m"].excess is None  # near is no nearly: it is not ranked among near misses
    assert gate(near, m=10.0).inspect(half([200] * 16)).verdict is Verdict.PASS


def test_words_are_taken_for_what_they_say(flat: Flat) -> None:
    absent = FakeMetric("m", ABSENT, expect="required")  # type: ignore[arg-type]
    assert gate(absent).inspect(flat(0)).verdict is Verdict.FAIL
    there = FakeMetric("m", 0.5, expect="not_expected")  # type: ignore[arg-type]
    assert gate(there).inspect(flat(0)).verdict is Verdict.FAIL
    with pytest.raises(UsageError, match="expect is one of"):
        gate(FakeMetric("m", expect="perhaps"))  # type: ignore[arg-type]
    found = FrameMeasurement(status="not_measurable", note="too dark")  # type: ignore[arg-type]
    assert found.status is Status.NOT_MEASURABLE


@pytest.mark.parametrize("status", ["not_measurable", "skipped"])
def test_one_frame_of_sixteen_is_no_clip(status: str) -> None:
    def measure(seen: Observed) -> FrameMeasurement:
        if seen.index:
            return FrameMeasurement(status=Status(status), note="not done")
        return FrameMeasurement(status=Status.MEASURED, value=0.0)

    assert gate(FakeMetric("m", measure)).inspect(half([1] * 16)).verdict is Verdict.INCONCLUSIVE


class Broken(FakeMetric):
    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        raise IndexError("list index out of range")


class Silent(FakeMetric):
    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        return None  # type: ignore[return-value]


@pytest.mark.parametrize("metric", [Broken("m", 0.0), Silent("m", 0.0), FakeMetric("m", lambda seen: None)])  # type: ignore[arg-type,return-value]
def test_a_plugin_that_breaks_anywhere_ends_nothing_and_passes_nothing(flat: Flat, metric: FakeMetric) -> None:
    report = gate(metric).inspect(flat(0))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "failed" in report["m"].reason


def test_array_scalars_are_numbers(flat: Flat) -> None:
    report = gate(FakeMetric("m", FrameMeasurement(status=Status.MEASURED, value=np.float32(0.5)))).inspect(flat(0))
    assert type(report["m"].value) is float
    assert json.loads(json.dumps(report.to_json()))["verdict"] == "pass"


def test_what_is_easily_mistaken_is_a_sentence(flat: Flat) -> None:
    with pytest.raises(UsageError, match=r"ct\.open_media"):
        gate(FakeMetric("m")).inspect("a.png")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"ct\.Identity\.open"):
        ct.Gate.for_identity("identities/mara")  # type: ignore[arg-type]
    with pytest.raises(ToleranceError, match=r"ct\.Tolerances\.open"):
        ct.Gate([FakeMetric("m")], identity=NOBODY, tolerances="m.toml", backends=FakeBackends()).check()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("numbers", "verdict"),
    [(range(1, 21), "pass"), (range(1, 41, 2), "pass"), ([1, 2, 20], "inconclusive"), ([*range(1, 18), 20], "pass")],
)
def test_frames_that_are_missing_were_never_looked_at(tmp_path: Path, numbers: Sequence[int], verdict: str) -> None:
    from PIL import Image as Pil

    for number in numbers:
        Pil.new("RGB", (8, 8), (1, 1, 1)).save(tmp_path / f"a.{number:04d}.png")
    report = gate(FakeMetric("m"), m=64.0).inspect(ct.open_media(tmp_path))
    assert str(report.verdict) == verdict
    if verdict != "pass":
        assert "17 of 20 numbered frames are missing" in report["m"].reason


def test_a_gate_is_opened_from_files_and_typed_limits_win(enrolled: ct.Identity, tmp_path: Path) -> None:
    gate = ct.Gate.for_identity(enrolled, tolerances={"grade": 7.0})
    gate.tolerances.save(tmp_path / "limits.toml")
    opened = ct.Gate.open(str(enrolled.folder), tolerances=tmp_path / "limits.toml", limits={"face:collins": 0.2})
    limits = {one.key: one.limit for one in opened.tolerances}
    assert (limits["grade"], limits["face:collins"]) == (7.0, 0.2)
    with pytest.raises(ct.EnrolmentError, match="continuity enrol"):
        ct.Gate.open(tmp_path / "nobody")
    with pytest.raises(ct.UnknownKey):
        ct.Gate.open(str(enrolled.folder), expects={"logo:none": "required"})


def kept(gate: ct.Gate, media: ct.Image | ct.Clip, *, stop_early: bool = False) -> Features:
    """What models said of media when a gate measured them, through bytes and back."""
    frames: list[FrameFeatures] = []
    report = gate.inspect(media, stop_early=stop_early, on_frame=frames.append)
    instruments = frozenset(one.digest for one in gate.instruments.values())
    found = Features(
        media=media.digest,
        instruments=instruments,
        frame_count=media.frame_count,
        missing=0,
        notes=(),
        frames=tuple(frames),
        cuts=report.measurements.cuts,
    )
    return unpacked(packed(found))


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray, backends: ct.LocalBackends) -> ct.Identity:
    """The same woman under another name, from another picture, with another grade and a look."""
    from PIL import Image as Pil

    folder = tmp_path_factory.mktemp("another")
    cooler = (astronaut[:, ::-1] * np.array([0.8, 0.9, 1.0])).astype(np.uint8)
    Pil.fromarray(cooler).resize((400, 400)).save(folder / "cooler.png")
    picture = [folder / "cooler.png"]
    return ct.enrol(folder / "e", actors={"eileen": picture}, grade=picture, look=picture, backends=backends)


def of_two_people(astronaut: np.ndarray) -> ct.Clip:
    """She and her mirror image, darker from frame to frame."""
    both = np.hstack([astronaut, astronaut[:, ::-1]])
    return ct.Clip.from_arrays([(both * level).astype(np.uint8) for level in (1.0, 0.8, 0.7)], rate=24)


def test_features_give_the_numbers_that_the_pixels_gave_also_against_another_identity(
    enrolled: ct.Identity, another: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    clip = of_two_people(astronaut)
    features = kept(ct.Gate.for_identity(another, backends=backends), clip)
    for identity in (another, enrolled):
        gate = ct.Gate.for_identity(identity, backends=backends)
        measured, recalled = gate.inspect(clip), gate.recall(features)
        assert recalled is not None
        assert recalled.verdict is measured.verdict
        assert recalled.worst_excess == measured.worst_excess
        for one, other in zip(measured.measurements, recalled.measurements, strict=True):
            assert one.status is other.status, one.key
            assert len(one.frames) == len(other.frames) == 3
            for mine, its in zip(one.frames, other.frames, strict=True):
                assert mine.value == (None if its.value is None else pytest.approx(its.value, abs=1e-6))
                assert (mine.evidence, mine.shapes, mine.note) == (its.evidence, its.shapes, its.note)
            assert replace(one, seconds=0.0) == replace(other, seconds=0.0)
    assert [f.key for f in measured] == ["grade", "hands", "face:collins"]


def test_what_features_do_not_hold_is_no_pass(
    enrolled: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    picture = ct.Image.from_array(astronaut)
    narrow = ct.Gate.for_identity(enrolled, expects={"hands": "off", "face:collins": "off"}, backends=backends)
    whole = ct.Gate.for_identity(enrolled, backends=backends)
    features = kept(narrow, picture)
    assert narrow.recall(features) is not None
    assert whole.recall(features) is None  # the grade passes, and of the face nothing is known
    features = kept(narrow, ct.Image.from_array(astronaut[..., ::-1].copy()))
    strict = ct.Gate.for_identity(enrolled, tolerances={"grade": 0.0}, backends=backends)
    failed = strict.recall(features)
    assert failed is not None  # whatever the face is, a gate is an AND
    assert failed.verdict is Verdict.FAIL
    assert {f.status for f in failed} == {Status.MEASURED, Status.SKIPPED}
    early = kept(strict, ct.Image.from_array(astronaut[..., ::-1].copy()), stop_early=True)
    assert ct.Gate.for_identity(enrolled, tolerances={"grade": 999.0}, backends=backends).recall(early) is None


def test_features_are_of_their_instruments_alone(flat: Flat) -> None:
    metric = FakeMetric("m", lambda seen: float(seen.lab[..., 0].mean()), version=1)
    features = kept(gate(metric, m=200.0), flat(90))
    assert gate(metric, m=200.0).recall(features) is not None
    assert gate(replace(metric, version=2), m=200.0).recall(features) is None
    sampled = ct.Gate([metric], identity=NOBODY, tolerances={"m": 200.0}, sampling=ct.Sampling(per_second=5),
                      backends=FakeBackends())  # fmt: skip
    assert sampled.recall(features) is None
    assert gate(replace(metric, measures=lambda seen: float(seen.pixels.mean())), m=200.0).recall(features) is None
    assert gate(replace(metric, measures=raises(RuntimeError("broken"))), m=200.0).recall(features) is None


def test_features_that_do_not_fit_the_models_leave_it_to_the_media(
    enrolled: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    gate = ct.Gate.for_identity(enrolled, backends=backends)
    features = kept(gate, ct.Image.from_array(astronaut))
    frame = features.frames[0]
    assert gate.recall(features) is not None
    for changes in (
        {"embeddings": {0: np.ones(7, np.float32)}},  # the references have 128
        {"presences": {}},  # whether the face is whole is not known
        {"faces": (), "embeddings": {}, "skins": {}, "presences": {}, "people": None},
        {"reduced": None},
    ):
        assert gate.recall(replace(features, frames=(replace(frame, **changes),))) is None
    assert "Traceback" not in caplog.text


def test_frames_that_were_missing_are_still_missing(flat: Flat) -> None:
    metric = FakeMetric("m", lambda seen: float(seen.lab[..., 0].mean()))
    features = replace(kept(gate(metric, m=200.0), flat(90)), frame_count=6, missing=4)
    found = gate(metric, m=200.0).recall(features)
    assert found is not None
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "4 of 10 numbered frames are missing" in found["m"].measurement.note


@pytest.mark.parametrize(
    ("levels", "verdict", "nearest"),
    [
        ((9, 9, 9, 9), "pass", 0),
        ((9, 9, 9, 1), "fail", 3),
        ((9, 1, 9, 9), "fail", 1),
        ((0, 0, 9, 1), "fail", 3),  # not measurable in the first shot: seen in the second, and that is certain
        ((0, 0, 9, 9), "inconclusive", 2),
    ],
)
def test_what_is_not_expected_is_there_if_one_frame_of_one_shot_shows_it(
    levels: tuple[int, ...], verdict: str, nearest: int
) -> None:
    metric = FakeMetric("red", expect=Expect.NOT_EXPECTED)
    frames = [
        FrameMeasurement(status=Status.MEASURED, value=level, index=n)
        if level
        else FrameMeasurement(status=Status.NOT_MEASURABLE, note="turned away", index=n)
        for n, level in enumerate(levels)
    ]
    seen = replace(by_shot(metric, frames, (2,)), instrument=Instrument(metric="Red", version=1))
    report = judge(
        Measurements(items=(seen,), media="m", frame_count=4), {"red": ct.Tolerance(key="red", limit=3, scale=1)}
    )
    assert report.verdict == verdict
    assert report["red"].measurement.worst_frame == nearest
    for index, level in enumerate(levels):  # each frame by itself, whatever the others have
        assert at_frame(report, index).verdict == ("inconclusive" if not level else "fail" if level < 3 else "pass")


def test_an_array_is_named_and_not_printed(bright_gate: ct.Gate) -> None:
    with pytest.raises(ct.errors.UsageError) as caught:
        bright_gate.inspect(np.zeros((64, 64, 3), np.uint8))  # type: ignore[arg-type]
    assert str(caught.value) == "a picture or a clip was wanted, got a ndarray: open it with ct.Image.from_array(array)"
    with pytest.raises(ct.errors.UsageError, match=r"got 'a\.png': open it with ct\.open_media"):
        bright_gate.inspect("a.png")  # type: ignore[arg-type]
