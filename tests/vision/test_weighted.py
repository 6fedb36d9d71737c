from __future__ import annotations

import numpy as np
import pytest

from continuity.vision.weighted import quantile, quantiles


def test_whole_weights_count_as_so_many_of_a_value() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        values, times = random.normal(size=(5, 7)), random.integers(0, 6, (5, 7))
        repeated = np.repeat(values.ravel(), times.ravel())
        shares = (0.02, 0.3, 0.5, 0.95, 1.0)
        assert quantiles(values, times.astype(float), shares) == [
            pytest.approx(np.quantile(repeated, share, method="inverted_cdf")) for share in shares
        ]


def test_values_of_no_weight_do_not_count() -> None:
    assert quantile(np.array([1.0, 2.0, 9.0]), np.array([0.0, 1.0, 0.0])) == 2.0
    assert quantile(np.array([3.0]), np.array([0.0])) == 3.0
