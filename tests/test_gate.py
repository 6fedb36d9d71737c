"""Measuring and judging."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import continuity as ct
from continuity.errors import EnrolmentError, MissingWeights, ToleranceError, UnknownKey, UsageError
from continuity.gate import verdict_of
from continuity.interfaces import Observed
from continuity.records import Expect, FrameMeasurement, Status, Verdict
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
