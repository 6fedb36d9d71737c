"""Which face belongs to whom."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuity.errors import EnrolmentError
from continuity.vision.matching import assign, references, to_template, with_mean


@settings(deadline=None)  # the first call imports scipy
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 10_000))
def test_the_match_has_the_least_total_of_all(rows: int, columns: int, seed: int) -> None:
    costs = np.random.default_rng(seed).random((rows, columns))
    pairs = assign(costs)
    assert len(pairs) == min(rows, columns)
    small, large = (rows, columns) if rows <= columns else (columns, rows)
    table = costs if rows <= columns else costs.T
    least = min(sum(table[i, j] for i, j in enumerate(p)) for p in itertools.permutations(range(large), small))
    assert sum(costs[r, c] for r, c in pairs) == pytest.approx(least)


def test_two_actors_never_share_a_face_and_the_rest_is_nobody() -> None:
    assert dict(assign(np.array([[0.3, 0.9, 0.8], [0.2, 0.5, 0.9]]))) == {0: 0, 1: 1}


def test_the_template_is_the_nearest_so_an_enrolled_picture_is_at_zero() -> None:
    assert to_template(np.array([0.9, 0.0, 0.4], dtype=np.float32)) == 0
    assert to_template(np.array([0.5], dtype=np.float32)) == pytest.approx(0.5)


def test_the_mean_follows_the_references_that_show_a_whole_face() -> None:
    clear, covered = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    rows = np.stack([clear, covered])
    plain = with_mean(rows)[2]
    assert plain == pytest.approx([np.sqrt(0.5), np.sqrt(0.5)])
    alike = with_mean(rows, np.array([20, 12], np.float32))[2]
    assert alike == pytest.approx(plain)  # both are beyond doubt
    weighted = with_mean(rows, np.array([20, 3], np.float32))[2]
    assert weighted[0] > 0.98
    assert np.linalg.norm(weighted) == pytest.approx(1)
    assert with_mean(rows, np.array([-9, -3], np.float32))[2] == pytest.approx(plain)  # none is: they count alike


def test_an_actor_who_is_not_enrolled_is_named() -> None:
    with pytest.raises(EnrolmentError, match="--actor mara"):
        references({"actor/jo": np.zeros((1, 3), dtype=np.float32)}, "mara", "show")
