from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from continuity.ledger.accounting import Totals, bill, reached, together
from continuity.records import Budget, Cost, Rates, State

if TYPE_CHECKING:
    from conftest import Loop

RATES = Rates(currency="USD", per_second={"cuda": 0.001, "cuda:NVIDIA H100": 0.01, "cpu": 0.0001})


def totals(candidates: int, **seconds: float) -> Totals:
    return Totals(candidates=candidates, seconds={("cuda:A", k): s for k, s in seconds.items()}, renders=candidates)


def test_the_ratio_counts_shots_that_kept_none() -> None:
    shots = [("a", 7, totals(3)), ("b", None, totals(97)), ("c", 9, totals(2))]
    found = bill(shots, {}, {}, RATES)
    assert (found.shots, found.kept, found.generation_ratio) == (3, 2, 51.0)


def test_a_shot_counts_once_however_many_revisions_it_had() -> None:
    shots = [("a", 7, totals(10)), ("a", 9, totals(10)), ("b", None, totals(5)), ("b", 3, totals(5))]
    found = bill(shots, {}, {}, RATES)
    assert (found.shots, found.kept, found.generation_ratio) == (2, 2, 15.0)


def test_nothing_kept_is_no_number() -> None:
    found = bill([("a", None, totals(10))], {}, {}, RATES)
    assert found.generation_ratio is None and found.renders_per_kept is None
    assert bill([], {}, {}, RATES).totals == Totals()


def test_lost_renders_count_as_whole_ones() -> None:
    found = bill([("a", 1, Totals(candidates=6, renders=2.5))], {State.LOST: 2}, {"face": 1}, RATES)
    assert found.renders == 4.5 and found.renders_per_kept == 4.5


def test_money_is_by_device_and_gpu_seconds_leave_out_scoring() -> None:
    spent = Totals(
        seconds={
            ("cuda:NVIDIA H100", "render"): 100,
            ("cuda:NVIDIA L4", "score"): 10,
            ("cpu", "render"): 50,
            ("x", "score"): 9,
        }
    )
    assert spent.money(RATES) == pytest.approx(1 + 0.01 + 0.005)
    assert (spent.total_seconds, spent.gpu_seconds, spent.score_seconds) == (169, 100, 19)


def test_seconds_and_money_by_kind() -> None:
    spent = Totals(seconds={("cuda:A", "render"): 100, ("cpu", "render"): 50, ("cpu", "score"): 10})
    assert spent.by_kind == {"render": 150, "decode": 0, "preview": 0, "score": 10, "repair": 0}
    assert spent.money_by_kind(RATES)["render"] == pytest.approx(0.1 + 0.005)
    assert sum(spent.money_by_kind(RATES).values()) == pytest.approx(spent.money(RATES))


def test_bills_together_are_the_bill_of_all() -> None:
    one = bill([("a", 7, totals(3, render=1))], {State.REJECTED: 2, State.LOST: 1}, {"face": 1}, RATES)
    two = bill([("b", None, totals(5, render=4))], {State.REJECTED: 5}, {"face": 1, "grade": 3}, Rates())
    both = bill(
        [("a", 7, totals(3, render=1)), ("b", None, totals(5, render=4))],
        {State.REJECTED: 7, State.LOST: 1},
        {"grade": 3, "face": 2},
        RATES,
    )
    assert together([one, two], RATES) == both
    assert list(together([one, two], RATES).inconclusive) == ["grade", "face"]
    assert together([], RATES).generation_ratio is None


def test_totals_add_up() -> None:
    both = totals(2, render=1, score=2) + totals(3, render=4) + Totals()
    assert both == Totals(candidates=5, seconds={("cuda:A", "render"): 5, ("cuda:A", "score"): 2}, renders=5)


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (Budget(), None),
        (Budget(candidates=11, seconds=6.1, gpu_seconds=4.1, cost=1, rates=RATES), None),
        (Budget(candidates=10), "candidates"),
        (Budget(seconds=6), "seconds"),
        (Budget(gpu_seconds=4), "gpu_seconds"),
        (Budget(cost=0.006, rates=RATES), "cost"),
    ],
)
def test_limits_are_reached_not_passed(budget: Budget, limit: str | None) -> None:
    found = reached(budget, totals(10, render=4, score=2))
    assert (found and found[0]) == limit


def test_the_bill_of_a_ledger(loop: Loop, begin: Callable[..., Loop]) -> None:
    other = begin(loop.ledger, "another")
    aborted = loop.ask()
    cost = Cost(render=1, steps_run=5, steps_planned=10, device="cuda:A")
    loop.ledger.tell(aborted, State.ABORTED, cost=cost, error="stopped at step 5")
    loop.candidate(Cost(render=2, score=0.5, device="cuda:A"), face=1)
    kept = loop.candidate(Cost(render=2, score=0.5, device="cuda:A"), face=-1)
    loop.ledger.keep(loop.shot, kept)
    other.candidate(Cost(render=3), face="not_measurable", grade="not_measurable")
    other.candidate(Cost(render=3), face="not_measurable", grade=1)
    other.ask()
    found = loop.ledger.bill(RATES)
    assert (found.shots, found.kept, found.generation_ratio, found.renders) == (2, 1, 6.0, 4.5)
    assert found.inconclusive == {"face": 2, "grade": 1}
    each = loop.ledger.bills(RATES)
    assert list(each) == [loop.shot.name, "another"]
    assert (each["another"].kept, each["another"].totals.candidates) == (0, 3)
    assert together(each.values(), RATES) == found
    assert found.totals.seconds == {("cuda:A", "render"): 5, ("cuda:A", "score"): 1, ("cpu", "render"): 6}
    assert found.money == pytest.approx(6 * 0.001 + 6 * 0.0001)
    assert found.states[State.ABORTED] == found.states[State.ACCEPTED] == found.states[State.ASKED] == 1


def test_a_device_without_a_rate_is_named_and_one_that_is_free_is_not() -> None:
    spent = Totals(
        seconds={("cuda:A", "render"): 100, ("tpu", "render"): 50, ("free", "score"): 9, ("idle", "score"): 0}
    )
    rates = Rates(per_second={"cuda": 0.01, "free": 0})
    found = bill([("a", 1, spent)], {}, {}, rates)
    assert found.to_json()["unpriced"] == ["tpu"]
    assert "no rate is given for tpu: that time counts as free of charge" in found.sentences()
    nothing = bill([("a", 1, spent)], {}, {}, Rates())
    assert nothing.to_json()["unpriced"] == ["cuda:A", "free", "tpu"], "a cost of 0 that is no price"
    assert not any("rate" in line for line in nothing.sentences())
