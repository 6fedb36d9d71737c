"""Tests in an order that was fixed beforehand: each at the full risk, until the first one that is not rejected.

W. Maurer, L. Hothorn, W. Lehmacher, "Multiple comparisons in drug clinical trials and preclinical assays: a-priori
ordered hypotheses" (1995); A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei, "Learn then test",
Annals of Applied Statistics 19 (2025), where the hypotheses are settings of a predictor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def fixed_sequence(p_values: ArrayLike, risk: float) -> int:
    """How many hypotheses are rejected, from the first one on; the chance that any of them is true is at most ``risk``.

    The order must not depend on what the p-values were computed from. A NaN is not rejected.
    """
    kept = ~(np.asarray(p_values, dtype=np.float64) <= risk)
    return int(np.argmax(kept)) if kept.any() else int(kept.size)
