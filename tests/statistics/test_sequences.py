"""Tests in a fixed order."""

from __future__ import annotations

import numpy as np
import pytest

from continuity.statistics.sequences import fixed_sequence


@pytest.mark.parametrize(
    ("p_values", "rejected"),
    [
        ([], 0),
        ([0.05], 1),
        ([0.051], 0),
        ([0.01, 0.02, 0.3, 0.01], 2),
        ([0.01, 0.02], 2),
        ([np.nan, 0.01], 0),
        ([0.01, np.nan, 0.01], 1),
    ],
)
def test_it_stops_at_the_first_that_is_not_rejected(p_values: list[float], rejected: int) -> None:
    assert fixed_sequence(p_values, 0.05) == rejected


def test_the_chance_of_any_false_rejection_is_the_risk() -> None:
    rng = np.random.default_rng(11)
    wrong = 0
    for _ in range(4000):  # the first three are false, all others are true: one true one rejected is an error
        p = np.concatenate([rng.beta(0.2, 5, 3), rng.uniform(size=20)])
        wrong += fixed_sequence(p, 0.05) > 3
    assert wrong / 4000 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)


def test_the_same_hypotheses_are_rejected_as_by_mapie() -> None:
    from mapie.risk_control.fwer_control import FWERFixedSequenceTesting

    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(300):
        p_values = np.sort(rng.random(12)) ** 3 if rng.random() < 0.5 else rng.random(12) ** 3
        theirs = FWERFixedSequenceTesting(n_starts=1).run(p_values, 0.05)
        mine = fixed_sequence(p_values, 0.05)
        assert mine == len(theirs) and list(theirs) == list(range(mine))
        seen.add(mine)
    assert len(seen) > 4
