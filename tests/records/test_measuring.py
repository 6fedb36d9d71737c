"""Records of measuring: what they refuse, how keys are looked up, how a report survives JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

import continuity as ct
from continuity.errors import FormatError, ToleranceError, UnknownKey
from continuity.records import Box, Heat, ModelCard, Outline, Parade, Rectangle, Skeleton, Wheel
from continuity.records.wire import report_from_json
from continuity.testing import FakeBackends, FakeMetric

Flat = Callable[[int], ct.Image]


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_measured_frame_needs_a_finite_value(value: float | None) -> None:
    with pytest.raises(ValueError, match="finite value"):
        ct.FrameMeasurement(status=ct.Status.MEASURED, value=value)


def test_what_was_not_measured_has_no_value() -> None:
    with pytest.raises(ValueError, match="has no value"):
        ct.FrameMeasurement(status=ct.Status.ABSENT, value=0.0)
    with pytest.raises(ValueError, match="does not go with"):
        ct.Measurement(key="a", unit="u", expect=ct.Expect.REQUIRED, status=ct.Status.SKIPPED, value=1.0)


@pytest.mark.parametrize(("limit", "scale"), [(math.nan, 1), (-1, 1), (1, 0), (1, -1), (1, math.inf)])
def test_a_tolerance_refuses_what_cannot_be_a_limit(limit: float, scale: float) -> None:
    with pytest.raises(ToleranceError):
        ct.Tolerance(key="a", limit=limit, scale=scale)


def test_an_instrument_is_what_changes_numbers_and_nothing_else() -> None:
    card = ModelCard(role="r", name="a.onnx", digest="ab" * 32, licence="MIT", commercial=True)
    renamed = ModelCard(role="r", name="b.onnx", digest="ab" * 32, licence="MIT", commercial=True, note="moved")
    one = ct.Instrument(metric="m", version=1, models=(card,))
    assert one.digest == ct.Instrument(metric="m", version=1, models=(renamed,)).digest
    assert one.digest != ct.Instrument(metric="m", version=2, models=(card,)).digest
    assert one.digest != ct.Instrument(metric="m", version=1, models=(card,), sampling="1/s").digest
    assert one.digest != ct.Instrument(metric="m", version=1, models=(card,), preview=True).digest


def test_a_key_is_found_whole_or_by_its_aspect_while_unambiguous(bright_gate: ct.Gate, flat: Flat) -> None:
    report = bright_gate.inspect(flat(10))
    assert report["bright"].value == 10
    with pytest.raises(UnknownKey, match="'hat'"):
        report["hat"]
    with pytest.raises(KeyError):
        report["hat"]


def test_a_report_survives_json_unchanged(bright_gate: ct.Gate, flat: Flat) -> None:
    report = bright_gate.inspect(flat(200))
    text = json.dumps(report.to_json(), allow_nan=False)
    again = report_from_json(json.loads(text))
    assert again == report or again.to_json() == report.to_json()
    assert again.verdict is ct.Verdict.FAIL
    assert again["bright"].excess == pytest.approx(136)


def test_every_shape_survives_json() -> None:
    shapes = (
        Rectangle(label="face", box=Box(1.0, 2.0, 3.0, 4.0)),
        Skeleton(label="hand", points=((0.0, 1.0), (2.0, 3.0)), links=((0, 1),)),
        Outline(label="logo", points=((0.0, 0.0), (4.0, 0.0), (4.0, 4.0))),
        Heat(label="logo", points=((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)), values=((0.0, 0.5), (1.0, 0.25))),
        Wheel(label="grade", reference=(1.5, -2.0), found=(3.0, 4.0), moves=((1.0, 2.0, 3.0, 4.0),)),
        Parade(label="grade", reference=(((0.0, 0.5, 1.0),),) * 3, found=(((0.25, 0.5, 0.75),),) * 3),
    )
    seen = ct.FrameMeasurement(status=ct.Status.MEASURED, value=1.0, shapes=shapes)
    gate = ct.Gate(
        [FakeMetric("m", seen)],
        identity=ct.Identity(name="nobody", enrolled=()),
        tolerances={"m": 2.0},
        backends=FakeBackends(),
    )
    report = gate.inspect(ct.Image.from_array(np.zeros((4, 4, 3), dtype=np.uint8)))
    again = report_from_json(json.loads(json.dumps(report.to_json(), allow_nan=False)))
    assert again["m"].measurement.shapes == shapes


def test_a_newer_or_damaged_report_is_refused_by_name(bright_gate: ct.Gate, flat: Flat) -> None:
    row = bright_gate.inspect(flat(1)).to_json()
    with pytest.raises(FormatError, match="update continuity"):
        report_from_json({**row, "format": 2})
    with pytest.raises(FormatError, match="damaged"):
        report_from_json({**row, "findings": [{}]})
    with pytest.raises(FormatError, match="no report"):
        report_from_json({})
