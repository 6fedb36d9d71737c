"""The figures of benchmarks/nearby.py, and one short run of it."""

from __future__ import annotations

import json

import pytest

import nearby


def test_the_saving_is_the_ratio_of_all_candidates() -> None:
    times, low, high = nearby.saving([20, 40, 60], [10, 10, 20])
    assert times == 3.0
    assert low == 2.0  # three times the first pair
    assert high == 4.0  # or the second
    assert nearby.saving([20, 20], [10, 10]) == (2.0, 2.0, 2.0)


def test_a_shot_without_a_kept_candidate_counts_with_all_of_its_own() -> None:
    row = nearby.row("seeds", [10, 50, 40], [True, False], 50)
    assert (row["shots"], row["kept"], row["candidates"], row["candidates_per_kept"]) == (3, 2, 100, 50.0)
    assert (row["ended_by_budget"], row["oracle_bad_share"]) == (1, 0.5)
    assert nearby.row("seeds", [50], [], 50)["candidates_per_kept"] is None


@pytest.mark.slow
def test_a_short_run(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["--shots", "1", "--renders", "20", "--share", "0.5", "--steps", "2", "--most", "12", "--json"]
    assert nearby.main(wanted) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["strategy"] for row in found["rows"]] == ["seeds", "nearby"]
    assert all(1 <= row["candidates"] <= 12 for row in found["rows"])
    assert found["share"] == 0.5
