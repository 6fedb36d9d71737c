"""Futility: on simulated shots whose fate is known, and the sentences it gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from continuity.ledger import Course, Standing
from continuity.shot.prospects import Advice, Prospects
from continuity.shot.stopping import Futility

BUDGET = 50


def simulated(random: np.random.Generator, shots: int, spread: float, hard: float = 2.5) -> NDArray[np.float64]:
    """Normalised excesses (shots x budget): each shot has its difficulty, each candidate its luck; 0 and less pass."""
    return random.normal(random.normal(hard, spread, (shots, 1)), 1.0, (shots, BUDGET))


def course(excesses: Sequence[float], name: str) -> Course:
    """The course of a shot that ends at its first accepted candidate."""
    passes = np.flatnonzero(np.asarray(excesses) <= 0)
    end = int(passes[0]) + 1 if len(passes) else len(excesses)
    accepted = tuple(bool(x <= 0) for x in excesses[:end])
    return Course(name=name, accepted=accepted, misses=tuple(None if x <= 0 else float(x) for x in excesses[:end]))


def past(random: np.random.Generator, shots: int, spread: float, hard: float = 2.5) -> Prospects:
    found = simulated(random, shots, spread, hard)
    return Prospects(Futility(), [course(one.tolist(), str(k)) for k, one in enumerate(found)])


def stopped_at(prospects: Prospects, excesses: NDArray[np.float64]) -> int | None:
    """After how many candidates the rule gives up; None where a candidate passes first, or the budget ends."""
    for ended in range(3, BUDGET, 3):  # after each batch of three
        if excesses[:ended].min() <= 0:
            return None
        now = Standing(ended=ended, accepted=0, nearest=float(excesses[:ended].min()))
        if prospects.advice(BUDGET, now).stop:
            return ended
    return None


@pytest.mark.parametrize(("spread", "shots"), [(1.0, 40), (2.0, 40)])
def test_few_of_the_shots_it_gives_up_would_have_succeeded(spread: float, shots: int) -> None:
    random = np.random.default_rng(11)
    stops, wrong, saved, used, tries = 0, 0, 0, 0, 0
    for _ in range(3):
        prospects = past(random, shots, spread)
        for excesses in simulated(random, 16, spread):
            tries += 1
            passes = np.flatnonzero(excesses <= 0)
            needed = int(passes[0]) + 1 if len(passes) else BUDGET
            at = stopped_at(prospects, excesses)
            used += needed
            if at is not None:
                stops, wrong, saved = stops + 1, wrong + bool(len(passes)), saved + needed - at
    assert stops >= 10  # or this tests nothing
    assert saved > 0.1 * used
    assert wrong <= 0.05 * tries


def rejected(count: int, name: str, nearest: float = 3.0) -> Course:
    return Course(name=name, accepted=(False,) * count, misses=(nearest,) * count)


def passed(after: int, name: str) -> Course:
    return Course(name=name, accepted=(False,) * (after - 1) + (True,), misses=(1.0,) * (after - 1) + (None,))


EASY = [passed(n, f"easy {n}") for n in range(1, 13)]
HARD = [rejected(200, f"hard {n}") for n in range(12)]


def now(ended: int, accepted: int = 0, nearest: float | None = None) -> Standing:
    return Standing(ended=ended, accepted=accepted, nearest=nearest)


def test_a_shot_that_took_far_longer_than_all_others_is_given_up() -> None:
    prospects = Prospects(Futility(), EASY)
    assert prospects.advice(300, now(5)) == Advice()
    said = prospects.advice(300, now(295))
    assert said.stop
    assert "12 past shots" in said.text
    assert "5 candidates" in said.text
    assert "%" in said.text


def test_a_limit_that_nobody_set_and_a_first_candidate_are_no_reason_to_give_up() -> None:
    prospects = Prospects(Futility(), HARD)
    assert prospects.advice(None, now(1000)) == Advice()
    assert prospects.advice(60, now(0)) == Advice()
    assert prospects.advice(60, now(60)) == Advice()
    assert Prospects(Futility(), []).advice(60, now(59)) == Advice()


def test_few_past_shots_only_advise() -> None:
    few = Prospects(Futility(), EASY[:9]).advice(300, now(295))
    assert not few.stop
    assert "9 past shots" in few.text
    assert "10" in few.text
    assert Prospects(Futility(past_shots=9), EASY[:9]).advice(300, now(295)).stop


def test_revisions_of_one_shot_are_one_past_shot() -> None:
    same = [Course(name="again", accepted=c.accepted, misses=c.misses) for c in EASY]
    assert not Prospects(Futility(), same).advice(300, now(295)).stop


def test_a_budget_that_was_hopeless_from_the_start_is_somebodys_own_decision() -> None:
    said = Prospects(Futility(), HARD).advice(3, now(1))
    assert not said.stop
    assert "the whole budget of 3" in said.text


def test_an_accepted_candidate_gives_hope() -> None:
    prospects = Prospects(Futility(), EASY[6:])
    assert prospects.chance(20, now(100, accepted=1))[0] > prospects.chance(20, now(100))[0]


def test_a_near_miss_is_given_more_time_than_a_shot_that_is_far_off() -> None:
    near = [Course(name=f"near {n}", accepted=(False,) * 30 + (True,), misses=(0.1,) * 30 + (None,)) for n in range(20)]
    far = [rejected(100, f"far {n}", nearest=5.0) for n in range(20)]
    prospects = Prospects(Futility(), near + far)
    hopeful, sharpened = prospects.chance(50, now(10, nearest=0.2))
    hopeless, as_well = prospects.chance(50, now(10, nearest=4.0))
    plain, not_this = prospects.chance(50, now(10))
    assert (sharpened, as_well, not_this) == (True, True, False)
    assert hopeless < plain < hopeful
    assert prospects.chance(50, now(10, accepted=1, nearest=4.0))[1] is False


def test_with_fewer_than_ten_that_went_as_far_it_is_the_plain_forecast() -> None:
    nine = [rejected(100, f"far {n}", nearest=5.0) for n in range(9)]
    assert Prospects(Futility(), EASY + nine).chance(50, now(20, nearest=4.0))[1] is False
    assert Prospects(Futility(), [*EASY, *nine, rejected(21, "far")]).chance(50, now(20, nearest=4.0))[1] is True


def test_past_shots_without_a_single_value_do_not_break_it() -> None:
    blind = [Course(name=f"blind {n}", accepted=(False,) * 60, misses=(None,) * 60) for n in range(15)]
    chance, sharpened = Prospects(Futility(), blind).chance(40, now(10, nearest=2.0))
    assert not sharpened
    assert 0 < chance < 0.05


def test_the_last_candidate_is_one() -> None:
    said = Prospects(Futility(), EASY).advice(300, now(299))
    assert "the one candidate that is left is accepted" in said.text
