"""Costs, rates and budgets."""

from __future__ import annotations

import math

import pytest

import continuity as ct
from continuity.errors import UsageError


def test_costs_add_by_kind_and_money_is_derived() -> None:
    cost = ct.Cost(render=2, score=1, device="cuda:H100") + ct.Cost(render=1, decode=0.5)
    assert cost.seconds == {"render": 3, "decode": 0.5, "preview": 0, "score": 1, "repair": 0}
    assert (cost.total, cost.gpu_seconds) == (4.5, 2)  # what ran on the CPU held no GPU
    rates = ct.Rates(currency="EUR", per_second={"cuda": 0.001, "cuda:H100": 0.002})
    assert rates.price("cuda:H100") == 0.002
    assert rates.price("cuda:A10") == 0.001
    assert rates.price("cpu") == 0


def test_seconds_on_several_devices_stay_on_theirs() -> None:
    cost = ct.Cost(render=2, steps_run=5, steps_planned=20) + ct.Cost(repair=3, device="cuda:H100")
    cost = cost + ct.Cost(repair=1, score=1, device="cuda:H100") + ct.Cost(score=1)
    assert (cost.device, cost.render, cost.repair, cost.score) == ("cpu", 2, 0, 1)
    assert cost.seconds == {"render": 2, "decode": 0, "preview": 0, "score": 2, "repair": 4}
    assert (cost.total, cost.gpu_seconds, cost.render_equivalents) == (8, 4, 0.25)
    assert {device: kinds["repair"] for device, kinds in cost.by_device.items()} == {"cpu": 0, "cuda:H100": 4}
    assert (ct.Cost() + ct.Cost(device="cuda:H100")).elsewhere == ()


def test_an_aborted_render_counts_the_steps_it_ran() -> None:
    assert ct.Cost(steps_run=5, steps_planned=20).render_equivalents == 0.25
    assert ct.Cost().render_equivalents == 1


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_seconds_count_up_from_nothing(seconds: float) -> None:
    with pytest.raises(UsageError, match="seconds from 0 up"):
        ct.Cost(render=seconds)


@pytest.mark.parametrize("currency", ["eur", "EURO", "", "€", "E1R"])
def test_a_currency_is_an_iso_code(currency: str) -> None:
    with pytest.raises(UsageError, match="ISO 4217"):
        ct.Rates(currency=currency)


@pytest.mark.parametrize(
    "limits",
    [
        {"candidates": 0},
        {"candidates": True},
        {"candidates": 1.5},
        {"candidates": 2.0},
        {"candidates": "3"},
        {"candidates": 10**400},
        {"seconds": -1},
        {"seconds": True},
        {"seconds": "60"},
        {"seconds": math.inf},
        {"gpu_seconds": math.nan},
        {"gpu_seconds": 10**400},
        {"cost": 5},
    ],
)
def test_a_budget_refuses_what_limits_nothing(limits: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="budget"):
        ct.Budget(**limits)  # type: ignore[arg-type]
