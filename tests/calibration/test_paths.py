"""The path of limits, and what each step keeps, against the plain reading of the rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuity.calibration.paths import first_steps, kept_along, kept_at, limit_path, starting_step
from continuity.statistics import bounds

SPECIAL = st.sampled_from([-np.inf, np.inf, np.nan, 0.0, 1.0, 2.0, 3.0])


@st.composite
def judged(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, d = draw(st.integers(1, 30)), draw(st.integers(1, 3))
    values = np.array(draw(st.lists(SPECIAL, min_size=n * d, max_size=n * d))).reshape(n, d)
    bad = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    shots = np.sort(np.array(draw(st.lists(st.integers(0, 6), min_size=n, max_size=n))))
    return values, bad, shots


PATHS = {d: np.array([[0.0] * d, [1.0] * d, [1.0] * (d - 1) + [2.5], [3.0] * d]) for d in (1, 2, 3)}


@settings(max_examples=200, deadline=None)
@given(judged())
def test_the_first_that_passes_is_kept_in_each_shot(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    values, bad, shots = case
    path = PATHS[values.shape[1]]
    first = first_steps(values, path)
    kept, kept_bad = kept_along(first, bad, shots, len(path))
    for step, limits in enumerate(path):
        passing = [bool(np.all(row <= limits)) for row in values]  # NaN is never within
        chosen = [
            next((i for i in range(len(shots)) if shots[i] == s and passing[i]), None) for s in sorted(set(shots))
        ]
        mine = [i for i in chosen if i is not None]
        assert kept[step] == len(mine)
        assert kept_bad[step] == sum(bool(bad[i]) for i in mine)
        assert np.flatnonzero(kept_at(first, shots, step)).tolist() == mine


def test_a_path_goes_from_strict_to_loose_and_never_beyond_the_loosest() -> None:
    rng = np.random.default_rng(0)
    values = np.abs(rng.normal(size=(300, 3))) * [1, 10, 0.1]
    values[:, 2] = -np.inf  # never there
    good = rng.random(300) < 0.8
    loosest = np.array([2.0, 50.0, 0.7])
    path = limit_path(values, good, loosest)
    assert (np.diff(path, axis=0) >= 0).all()
    assert (path <= loosest).all()
    assert np.array_equal(path[-1], loosest)
    assert np.mean(values[good, 1] <= path[0, 1]) == pytest.approx(0.2, abs=0.01)
    assert (path[:, 2] == 0.7).all()


def test_the_start_is_where_a_test_has_its_best_chance() -> None:
    """Many good ones, then bad ones: neither the strict end (too few kept) nor the loose one (bad ones kept)."""
    kept = np.array([5, 50, 100, 200, 260, 300])
    bad = np.array([0, 0, 0, 0, 20, 60])
    assert starting_step(kept, bad, 0.05, 2.0) == 3
    assert starting_step(np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64), 0.05, 2.0) in (0, 1, 2)
    p = [bounds.p_value(b * 2, k * 2, 0.05) for k, b in zip(kept, bad, strict=True)]
    assert int(np.argmin(p)) == 3  # where bad ones are many, the half that is added changes little


def test_no_candidates_keep_nothing() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    kept, bad = kept_along(nothing, np.zeros(0, dtype=np.bool_), nothing, 4)
    assert kept.tolist() == bad.tolist() == [0, 0, 0, 0]
