"""How frames become one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuity import joining
from continuity.media import Sampling
from continuity.records import Expect, FrameMeasurement, Status
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


def timed(values: Sequence[float], apart: float = 0.5) -> list[FrameMeasurement]:
    return [
        FrameMeasurement(status=Status.MEASURED, value=v, index=int(i * apart * 24), seconds=i * apart)
        for i, v in enumerate(values)
    ]


def series(length: int, *bad: int) -> list[float]:
    """Zeros, and ones at some places."""
    return [float(n in bad) for n in range(length)]


@pytest.mark.parametrize(
    ("values", "joined"),
    [
        (series(100, 50), 0),  # a single flash
        (series(100, 20, 40, 60, 80), 0),  # four of them, apart
        (series(100, 20, 21, 60, 61), 0),  # half a second, twice
        (series(100, *range(50, 60)), 1),  # a tenth of the clip: the quantile finds it
        (series(241, *range(100, 103)), 1),  # a second in two minutes: the run finds it
        (series(241, 238, 239, 240), 1),  # at the end
        (series(241, 0, 1, 2), 1),
        (series(16, 7), 1),  # in a short clip every frame counts
    ],
)
def test_what_a_quantile_a_run_and_a_flash_come_to(values: list[float], joined: float) -> None:
    assert joining.quantile(METRIC, timed(values)).value == joined


def test_a_slow_drift_comes_to_what_holds_for_its_last_second() -> None:
    values = [n / 240 for n in range(241)]
    found = joining.quantile(METRIC, timed(values))
    assert found.value == values[238]
    assert found.worst_frame == 238 * 12
    assert "frames 2856 to 2880" in found.note
    assert joining.quantile(METRIC, measured(*values)).value == values[228]  # without times there are no runs


def test_a_run_counts_with_its_smallest_value_and_is_as_long_in_dense_samples() -> None:
    values = [0.0] * 100 + [7.0, 5.0, 6.0] + [0.0] * 100
    assert joining.quantile(METRIC, timed(values)).value == 5.0
    assert joining.quantile(METRIC, timed([0.0] * 500 + [9.0] * 18 + [0.0] * 500, 1 / 24)).value == 0.0
    assert joining.quantile(METRIC, timed([0.0] * 500 + [9.0] * 19 + [0.0] * 500, 1 / 24)).value == 9.0


def test_frames_that_could_not_be_measured_do_not_end_a_run_and_absent_ones_do() -> None:
    frames = timed(series(100, 50, 51, 53))
    for note, status, value in (("hidden", Status.NOT_MEASURABLE, 1.0), ("nobody", Status.ABSENT, 0.0)):
        frames[52] = FrameMeasurement(status=status, note=note, index=frames[52].index, seconds=26.0)
        joined = joining.quantile(METRIC, frames)
        assert joined.value == value
        assert "without a break" not in joined.note
        assert ("wherever they could be measured" in joined.note) == bool(value)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20))
def test_up_to_twenty_frames_runs_and_cuts_change_no_number(values: list[float]) -> None:
    frames = timed(values)
    assert joining.quantile(METRIC, frames).value == max(values)
    assert joining.by_shot(METRIC, frames, (30, 60, 61, 100)).value == max(values)


def test_without_a_cut_between_the_frames_nothing_changes() -> None:
    frames = timed(series(100, *range(0, 100, 9)))
    for cuts in ((), (0,), (1188 + 1,)):
        assert joining.by_shot(METRIC, frames, cuts) == METRIC.join(frames)


def test_a_bad_shot_is_not_hidden_by_a_long_one() -> None:
    frames = timed(series(100, 98, 99))
    assert METRIC.join(frames).value == 0
    joined = joining.by_shot(METRIC, frames, (98 * 12 - 3,))
    assert joined.value == 1
    assert joined.worst_frame == 99 * 12
    assert joined.note == "shot 2 of 2 is the worst: frames 1176 to 1188, 49.0 to 49.5 s"
    assert (joined.evidence["shot"], joined.evidence["shots"]) == (2, 2)
    assert joined.frames == tuple(frames)


def test_a_shot_that_could_not_be_measured_is_not_excused_by_others() -> None:
    frames = [*timed([0.0] * 99), replace(blind(99 * 12), seconds=49.5)]
    assert METRIC.join(frames).status is Status.MEASURED
    joined = joining.by_shot(METRIC, frames, (99 * 12,))
    assert joined.status is Status.NOT_MEASURABLE
    assert joined.note == "not measurable in shot 2 of 2, frame 1188, 49.5 s; too dark"
    assert len(joined.frames) == 100


def test_what_counts_where_it_can_be_measured_names_the_shots_where_it_cannot() -> None:
    hands = replace(METRIC, expect=Expect.IF_MEASURABLE)
    frames = [blind(0), *(replace(f, index=f.index + 12) for f in timed([3.0, 4.0])), blind(36)]
    joined = joining.by_shot(hands, frames, (12, 36))
    assert joined.value == 4.0
    assert "not measurable in shot 1" in joined.note
    assert "not measurable in shot 3" in joined.note
    assert joining.by_shot(hands, [blind(0), replace(ABSENT, index=12)], (12,)).status is Status.NOT_MEASURABLE
    worse = [*frames, replace(timed([5.0])[0], index=40)]  # seen in a shot of which half was not
    assert joining.by_shot(hands, worse, (12, 36)).status is Status.NOT_MEASURABLE
    broken = replace(blind(36), note=f"{joining.FAILED} on it: ValueError")
    assert joining.by_shot(hands, [*frames[:-1], broken], (12, 36)).status is Status.NOT_MEASURABLE


def test_absent_shots_do_not_count_beside_others() -> None:
    frames = [replace(ABSENT, index=0), *(replace(f, index=f.index + 12) for f in timed([3.0, 4.0]))]
    assert joining.by_shot(METRIC, frames, (12,)).value == 4.0
    gone = joining.by_shot(METRIC, [replace(ABSENT, index=n) for n in range(4)], (2,))
    assert (gone.status, gone.note) == (Status.ABSENT, "nobody is there")
    assert len(gone.frames) == 4


@pytest.mark.parametrize("rate", [6, 8, 10, 12, 15, Fraction(24000, 1001), 25, 30, 60])
def test_a_run_is_three_sampled_frames_wherever_they_are_and_never_two(rate: Fraction | int) -> None:
    for frame_count in (int(31 * rate), int(47.3 * rate) + 1, int(61 * rate)):
        places = Sampling().indices(frame_count, Fraction(rate))
        clear = [
            FrameMeasurement(status=Status.MEASURED, value=0.0, index=place, seconds=float(place / rate))
            for place in places
        ]
        for length, value in ((3, 1.0), (2, 0.0)):
            for start in range(len(clear) - length + 1):
                bad = [replace(f, value=1.0) if start <= n < start + length else f for n, f in enumerate(clear)]
                assert joining.quantile(METRIC, bad).value == value, (frame_count, length, start)


def test_shots_left_out_are_data_and_coverage_is_that_of_the_clip() -> None:
    hands = replace(METRIC, expect=Expect.IF_MEASURABLE)
    frames = [*timed([3.0, 4.0]), replace(blind(24), seconds=1.0), replace(blind(36), seconds=1.5)]
    joined = joining.by_shot(hands, frames, (24,))
    assert (joined.value, joined.coverage, joined.left_out) == (4.0, 0.5, ((24, 36),))
    assert joined.shots_left_out == (tuple(frames[2:]),)
    assert joining.by_shot(METRIC, timed([3.0, 4.0, 5.0, 6.0]), (24,)).left_out == ()


def test_of_what_is_not_expected_the_nearest_frame_is_shown() -> None:
    unwanted = replace(METRIC, expect=Expect.NOT_EXPECTED)
    joined = joining.by_shot(unwanted, timed([9.0, 8.0, 2.0, 1.0, 3.0]), (24,))
    assert (joined.value, joined.worst_frame, joined.evidence["shot"]) == (1.0, 36, 2)
    assert joined.note.startswith("shot 2 of 2 is the worst")
    assert joining.by_shot(unwanted, timed([9.0, 1.0, 3.0]), ()).worst_frame == 12
    hidden = joining.by_shot(unwanted, [*timed([9.0, 1.0]), blind(24)], (24,))
    assert (hidden.status, hidden.worst_frame) == (Status.NOT_MEASURABLE, 12)
    assert "shot 2 of 2" in hidden.note
