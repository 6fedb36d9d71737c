from __future__ import annotations

import math
from typing import Any

import pytest

from continuity.errors import UsageError
from continuity.records.noise import MOST_SEEDS, NOISE, Noise


def test_a_seed_alone_is_its_own_noise() -> None:
    assert Noise.of(7, {"guidance_scale": 3}) == Noise(seeds=(7,))


def test_turns_follow_each_other() -> None:
    first = Noise.of(7, {})
    second = Noise.of(8, {NOISE: first.turned(0.3)})
    third = Noise.of(9, {NOISE: second.turned(0.2)})
    assert second == Noise(seeds=(7, 8), angles=(0.3,))
    assert third == Noise(seeds=(7, 8, 9), angles=(0.3, 0.2))


@pytest.mark.parametrize(
    "odd",
    [
        None,
        3,
        "near",
        [],
        {},
        {"from": [1]},
        {"from": [], "angles": []},
        {"from": [1, 2], "angles": [0.1]},
        {"from": [1], "angles": [0.1], "more": 1},
        {"from": [1.5], "angles": [0.1]},
        {"from": [True], "angles": [0.1]},
        {"from": [-1], "angles": [0.1]},
        {"from": [2**63], "angles": [0.1]},
        {"from": [1], "angles": ["0.1"]},
        {"from": [1], "angles": [True]},
        {"from": [1], "angles": [-0.1]},
        {"from": [1], "angles": [1.6]},
        {"from": [1], "angles": [math.nan]},
        {"from": 1, "angles": 0.1},
        {"from": "1", "angles": "1"},
        {"from": [1] * MOST_SEEDS, "angles": [0.1] * MOST_SEEDS},
    ],
)
def test_a_change_that_is_none_is_refused(odd: Any) -> None:
    with pytest.raises(UsageError, match=r'the change noise is \{"from"'):
        Noise.of(7, {NOISE: odd})
