"""How frames become one number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuity import joining
from continuity.records import FrameMeasurement, Status
from continuity.testing import FakeMetric

METRIC = FakeMetric("m")


def measured(*values: float) -> list[FrameMeasurement]:
    return [FrameMeasurement(status=Status.MEASURED, value=v, index=10 * i) for i, v in enumerate(values)]


def blind(index: int = 0) -> FrameMeasurement:
    return FrameMeasurement(status=Status.NOT_MEASURABLE, note="too dark", index=index)


ABSENT = FrameMeasurement(status=Status.ABSENT, note="nobody is there")


@given(st.lists(st.floats(0, 100), min_size=1, max_size=300))
def test_it_is_numpys_higher_quantile_and_names_a_frame_that_has_it(values: list[float]) -> None:
    joined = joining.quantile(METRIC, measured(*values))
    assert joined.value == np.quantile(values, 0.95, method="higher")
    assert joined.worst_frame is not None
    assert values[joined.worst_frame // 10] == joined.value


def test_in_sixteen_frames_the_worst_one_counts() -> None:
    assert joining.quantile(METRIC, measured(*[0.0] * 15, 9.0)).value == 9.0


def test_absent_frames_do_not_count_and_blind_ones_do() -> None:
    joined = joining.quantile(METRIC, [*measured(1, 2, 3, 4), blind(), ABSENT, ABSENT])
    assert joined.status is Status.MEASURED
    assert joined.coverage == pytest.approx(0.8)
    joined = joining.quantile(METRIC, [*measured(1, 2, 3), blind(7), ABSENT])
    assert joined.status is Status.NOT_MEASURABLE
    assert joined.value is None
    assert "3 of the 4" in joined.note
    assert "too dark" in joined.note


def test_nothing_to_judge() -> None:
    assert joining.quantile(METRIC, [ABSENT, ABSENT]).status is Status.ABSENT
    assert joining.quantile(METRIC, [blind()]).note == "too dark"
    assert joining.quantile(METRIC, []).status is Status.NOT_MEASURABLE
