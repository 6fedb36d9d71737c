"""Which step is certified: worked examples, and the guarantee by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from continuity.calibration.choosing import Judged, Target, certified, path_of
from continuity.calibration.verification import (
    Counts,
    bad_share_bound,
    certified_from_mix,
    certified_from_stream,
    false_accepts_allowed,
)
from continuity.errors import UsageError
from continuity.statistics import bounds


def counts(kept: list[int], bad: list[int], **mix: object) -> Counts:
    zero = np.zeros(len(kept), dtype=np.int64)
    fields = {"rejects": 0, "false_accepts": zero, "accepts": 0, "true_accepts": zero, **mix}
    return Counts(kept=np.array(kept), bad=np.array(bad), **fields)  # type: ignore[arg-type]


def test_the_last_rejected_step_is_shipped() -> None:
    seen = counts([20, 59, 149, 200, 400, 600], [0, 0, 0, 1, 2, 40])
    assert certified_from_stream(seen, 2, 0.02, 0.05) == 2  # one bad in 200 is not enough, so 400 is never tested
    assert certified_from_stream(seen, 0, 0.02, 0.05) is None  # from strict to loose nothing is certified
    assert certified_from_stream(seen, 4, 0.02, 0.05) == 4
    assert certified_from_stream(seen, 2, 0.05, 0.05) == 4


def test_the_other_route_needs_what_the_arithmetic_says() -> None:
    assert false_accepts_allowed(0.02, 1 / 51, 0.95) == pytest.approx(0.00039, abs=1e-5)
    n = bounds.sample_size(max_share=false_accepts_allowed(0.02, 1 / 51, 0.95), confidence=0.975)
    assert n == pytest.approx(9_500, rel=0.01)
    for rejects, step in ((9_700, 0), (9_200, None)):
        seen = counts([0], [0], rejects=rejects, false_accepts=np.array([0]), accepts=20_000,
                      true_accepts=np.array([19_060]))  # fmt: skip
        assert certified_from_mix(seen, 0, 0.02, 1 / 51, 0.05) == step


def test_the_bound_of_the_other_route_is_made_of_two_exact_ones() -> None:
    seen = counts([0, 0, 0], [0, 0, 0], rejects=300, false_accepts=np.array([0, 3, 300]), accepts=200,
                  true_accepts=np.array([0, 180, 200]))  # fmt: skip
    got = bad_share_bound(seen, 0.2, 0.05)
    assert got[0] == 1
    false = bounds.upper(failures=3, n=300, confidence=0.975)
    true = bounds.lower(failures=180, n=200, confidence=0.975)
    assert got[1] == pytest.approx(0.8 * false / (0.8 * false + 0.2 * true))
    true = bounds.lower(failures=200, n=200, confidence=0.975)
    assert got[2] == pytest.approx(0.8 / (0.8 + 0.2 * true))


def draw(rng: np.random.Generator, n: int, tuning: float) -> Judged:
    """One metric, and a share of bad that grows with it: v / 10 at value v in [0, 1]."""
    values = rng.random((n, 1))
    return Judged(
        values=values, bad=rng.random(n) < values[:, 0] / 10, shots=np.arange(n), verification=rng.random(n) >= tuning
    )


@pytest.mark.parametrize("target", [Target(max_share=0.03, risk=0.05), Target(max_share=0.03, risk=0.2)])
def test_promises_are_broken_no_more_often_than_said(target: Target) -> None:
    """The share of bad among kept is limit / 20, exactly: a limit above 0.6 breaks a promise of 3 %."""
    rng = np.random.default_rng(3)
    broken = shipped = 0
    for _ in range(400):
        judged = draw(rng, 900, 1 / 3)
        path = path_of(judged, np.ones(1), target)
        step, _ = certified(judged, path, target)
        shipped += step is not None
        broken += step is not None and path.limits[step, 0] > 0.6
    assert shipped > 50
    assert broken / 400 <= target.risk + 3 * np.sqrt(target.risk * (1 - target.risk) / 400)


def test_a_path_does_not_depend_on_verification_labels() -> None:
    judged = draw(np.random.default_rng(1), 500, 0.4)
    other = Judged(
        values=judged.values, bad=judged.bad ^ judged.verification, shots=judged.shots, verification=judged.verification
    )
    for target in (Target(max_share=0.05, risk=0.05), Target(max_share=0.05, risk=0.05, base_rate=0.3)):
        one, two = path_of(judged, np.ones(1), target), path_of(other, np.ones(1), target)
        assert np.array_equal(one.limits, two.limits)
        assert one.start == two.start


def test_arrays_that_do_not_fit_are_refused() -> None:
    fields = {"values": np.zeros((3, 1)), "bad": np.zeros(3, bool), "verification": np.zeros(3, bool)}
    with pytest.raises(UsageError, match="ascending"):
        Judged(**fields, shots=np.array([0, 1, 0]))
    with pytest.raises(UsageError, match="one label"):
        Judged(**fields, shots=np.array([0, 1]))


def test_a_hundred_thousand_measured_candidates() -> None:
    """The size that is promised; the time is not asserted here."""
    rng = np.random.default_rng(0)
    n = 100_000
    values = np.abs(rng.normal(size=(n, 5)))
    shots = np.sort(rng.integers(0, 30_000, n))
    bad = rng.random(n) < 0.01 + 0.9 * (values[:, 0] > 2)
    judged = Judged(values=values, bad=bad, shots=shots, verification=shots % 3 > 0)
    target = Target(max_share=0.02, risk=0.05)
    path = path_of(judged, np.full(5, 10.0), target)
    step, _ = certified(judged, path, target)
    assert step is not None
    assert path.limits[step, 0] < 3
