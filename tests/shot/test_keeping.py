"""Which media of a candidate are stored whole."""

from __future__ import annotations

from collections.abc import Callable

import continuity as ct
from continuity.records import FrameMeasurement, Status
from continuity.shot import worth_keeping
from continuity.testing import FakeBackends, FakeMetric

NOBODY = ct.Identity(name="nobody", enrolled=())
BLIND = FrameMeasurement(status=Status.NOT_MEASURABLE, note="too dark")
Flat = Callable[[int], ct.Image]


def test_what_is_worth_keeping(flat: Flat) -> None:
    def report(*values: float | FrameMeasurement, early: bool = False) -> ct.Report:
        metrics = [FakeMetric(f"m{i}", v, cost=i + 1) for i, v in enumerate(values)]
        one = ct.Gate(metrics, identity=NOBODY, tolerances={m.key: 1.0 for m in metrics}, backends=FakeBackends())
        return one.inspect(flat(0), stop_early=early)

    assert worth_keeping(report(0.5, 0.5))
    assert worth_keeping(report(1.2, 1.2))  # a near miss on both
    assert worth_keeping(report(9.0, 0.5))  # a single failing metric, all measured
    assert not worth_keeping(report(9.0, 9.0))
    assert not worth_keeping(report(9.0, 0.5, early=True))
    assert worth_keeping(report(BLIND, 0.5))  # somebody has to look
    absent = FrameMeasurement(status=Status.ABSENT, note="nobody is there")
    assert not worth_keeping(report(absent, 0.5, early=True))  # however good the rest, nobody knows how far off it is
