"""Reports as JSON and back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import continuity as ct
from continuity.errors import FormatError
from continuity.records import Instrument, ModelCard
from continuity.records.wire import report_from_json
from continuity.testing import FakeBackends, FakeMetric

ONE = ModelCard(role="look", name="net", digest="aa", licence="Apache-2.0", commercial=True, note="stand-in")
TWO = replace(ONE, role="features of hands", note="")


@pytest.fixture
def report(nobody: ct.Identity) -> ct.Report:
    """Of two metrics that use one model file in two roles."""
    metrics = [FakeMetric("a", 0.5), FakeMetric("b", 0.5)]
    gate = ct.Gate(metrics, identity=nobody, tolerances={"a": 1.0, "b": 1.0}, backends=FakeBackends())
    seen = gate.inspect(ct.Image.from_array(np.zeros((8, 8, 3), np.uint8)))
    tools = [Instrument(metric="A", version=1, models=(ONE,)), Instrument(metric="B", version=1, models=(TWO, ONE))]
    return replace(
        seen,
        findings=tuple(
            replace(f, measurement=replace(f.measurement, instrument=tool))
            for f, tool in zip(seen.findings, tools, strict=True)
        ),
    )


def test_a_model_file_that_serves_in_two_roles_keeps_both(report: ct.Report) -> None:
    read = report_from_json(json.loads(json.dumps(report.to_json())))
    assert [f.measurement.instrument for f in read] == [f.measurement.instrument for f in report]
    assert read.models == report.models == (TWO, ONE)


def test_cuts_are_kept_and_older_reports_have_none(report: ct.Report) -> None:
    assert "cuts" not in report.to_json()
    cut = replace(report, measurements=replace(report.measurements, cuts=(12, 40)))
    read = report_from_json(json.loads(json.dumps(cut.to_json())))
    assert read.measurements.cuts == (12, 40)
    assert report_from_json(report.to_json()).measurements.cuts == ()


def test_reports_that_name_models_by_their_digest_alone_are_read(report: ct.Report) -> None:
    row = json.loads(json.dumps(report.to_json()))
    for finding in row["findings"]:
        finding["instrument"]["models"] = [digest for _, digest in finding["instrument"]["models"]]
    (card,) = next(iter(report_from_json(row))).measurement.instrument.models  # type: ignore[union-attr]
    assert card.digest == "aa"
    row["findings"][0]["instrument"]["models"] = ["bb"]
    with pytest.raises(FormatError, match="damaged"):
        report_from_json(row)
