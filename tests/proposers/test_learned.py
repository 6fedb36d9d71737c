from __future__ import annotations

import math
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import continuity as ct
from continuity.errors import UsageError
from continuity.interfaces import CampaignProposer, LearningProposer
from continuity.proposers import LearnedVariations, Variations
from continuity.records import Json, Origin, Recipe, State, Trial
from continuity.testing import FakeBackends, FakeMetric

DIAL: dict[str, Any] = {"dial": {"low": 0.0, "high": 1.0}}
VARY: dict[str, Any] = {
    "guidance": {"low": 1.0, "high": 20.0, "log": True},
    "steps": {"low": 10, "high": 50, "whole": True},
    "eta": {"low": 0, "high": 2, "whole": True},
    "scales": [{"mara": 0.5}, {"mara": 1.0}, None],
    "sampler": ["euler"],
}


def trial(number: int, changes: dict[str, Any], state: State = State.REJECTED, excess: float | None = 1.0) -> Trial:
    return Trial(index=number, seed=number, changes=changes, state=state, worst_excess=excess)


def cosine(dial: float, best: float = 0.7) -> float:
    """At 1 in 5 on the mean over all dials, from none to twice as many."""
    return 0.2 * (1 + math.cos(2 * math.pi * (dial - best)))


def campaign(chance: Callable[[Any, int], float], shots: int, seed: int, carry: bool = True) -> list[int]:
    """How many candidates each of these shots took, the ones before handed over as a shot does."""
    draws, past, took = random.Random(seed), list[Trial](), list[int]()
    for number in range(shots):
        history: list[Trial] = []
        proposer = LearnedVariations(DIAL).begin(past, "s") if carry else LearnedVariations(DIAL)
        while not history or history[-1].state is not State.ACCEPTED:
            changes: Any = proposer.propose(history, len(history)).changes
            state = State.ACCEPTED if draws.random() < chance(changes["dial"], number) else State.REJECTED
            seen = Trial(index=len(history), seed=draws.getrandbits(32), changes=changes, state=state, worst_excess=1.0)
            history.append(seen)
        took.append(len(history))
        past = history[::-1] + past
    return took


def test_it_fits_the_seam_and_measures_no_more_than_others() -> None:
    made = LearnedVariations(DIAL)
    assert isinstance(made, CampaignProposer)
    assert not isinstance(made, LearningProposer)  # a verdict is all that it learns from
    assert not isinstance(Variations(DIAL, order="random"), CampaignProposer)
    assert made.propose((), 0).origin is Origin.LEARNED


@pytest.mark.parametrize("known", [0, 60])
def test_proposals_are_values_of_what_was_given(known: int) -> None:
    draws = random.Random(3)
    history = [
        trial(k, dict(LearnedVariations(VARY).propose((), k).changes), draws.choice(list(State))) for k in range(known)
    ]
    for index in range(known, known + 200):
        changes: Any = LearnedVariations(VARY).propose(history, index).changes
        assert list(changes) == list(VARY)
        assert type(changes["guidance"]) is float and 1 <= changes["guidance"] <= 20
        assert type(changes["steps"]) is int and 10 <= changes["steps"] <= 50
        assert changes["eta"] in (0, 1, 2) and type(changes["eta"]) is int
        assert changes["scales"] in VARY["scales"]
        assert changes["sampler"] == "euler"


def test_what_nobody_taught_is_drawn_evenly() -> None:
    drawn: list[Any] = [LearnedVariations(VARY).propose((), k).changes for k in range(2000)]
    parts = np.histogram([math.log(one["guidance"]) for one in drawn], 8, (0, math.log(20)))[0]
    assert parts.min() > 180 and parts.max() < 330  # 250 each
    assert min(Counter(str(one["scales"]) for one in drawn).values()) > 560  # 667 each
    assert min(Counter(one["eta"] for one in drawn).values()) > 560


def test_it_goes_where_candidates_were_accepted_and_keeps_exploring() -> None:
    past = [
        trial(k, {"dial": (k % 100) / 100}, State.ACCEPTED if 60 <= k % 100 < 75 else State.REJECTED)
        for k in range(800)
    ]
    drawn = [float(LearnedVariations(DIAL).begin(past, "s").propose((), k).changes["dial"]) for k in range(1000)]  # type: ignore[arg-type]
    among = sum(0.6 < one < 0.76 for one in drawn) / 1000
    assert 0.82 < among < 0.96
    assert np.histogram(drawn, 8, (0, 1))[0].min() > 2  # by the coin, a tenth of all


def test_where_all_were_accepted_every_part_is_drawn() -> None:
    told = [trial(k, {"dial": (k % 100) / 100}, State.ACCEPTED) for k in range(1500)]
    drawn = [float(LearnedVariations(DIAL).propose(told, k).changes["dial"]) for k in range(1500, 1900)]  # type: ignore[arg-type]
    assert np.histogram(drawn, 8, (0, 1))[0].min() > 25  # 50 each


def test_shots_that_begin_at_once_draw_apart() -> None:
    proposer, past = LearnedVariations(DIAL), [trial(k, {"dial": 0.5}) for k in range(20)]
    assert len({str(proposer.begin(past, name).propose((), 0).changes) for name in ("s1", "s2", "s3")}) == 3


def test_a_campaign_learns_its_dial() -> None:
    took = np.array([campaign(lambda dial, _: cosine(dial), 60, seed) for seed in range(16)])
    assert took.mean() < 5 / 1.3  # 5 without learning
    assert took[:, 30:].mean() < 5 / 1.45


def test_shots_that_want_different_dials_cost_little() -> None:
    best = random.Random(1)
    wanted = [best.random() for _ in range(60)]
    took = np.array([campaign(lambda dial, shot: cosine(dial, wanted[shot]), 60, seed) for seed in range(16)])
    assert took.mean() < 5 * 1.15  # 5.2 over many seeds


def test_shots_and_indices_draw_apart() -> None:
    proposer = LearnedVariations(DIAL, explore=1.0)
    past = [trial(k, {}) for k in range(3)]
    firsts = {str(proposer.begin(past[k:], "s").propose((), 0).changes) for k in range(3)}
    seconds = {str(proposer.propose([trial(seed, {})], 1).changes) for seed in range(5)}
    others = {str(LearnedVariations(DIAL, explore=1.0, seed=k).propose((), 0).changes) for k in range(5)}
    assert (len(firsts), len(seconds), len(others)) == (3, 5, 5)


def test_it_follows_from_what_it_is_given_in_another_interpreter_too() -> None:
    code = (
        "import continuity as ct, sys; from continuity.records import State, Trial;"
        "t = [Trial(index=k, seed=k, changes={'dial': k / 40}, state=State.REJECTED if k % 7 else State.ACCEPTED,"
        " worst_excess=None) for k in range(40)];"
        "p = ct.LearnedVariations({'dial': {'low': 0, 'high': 1}}).begin(t[20:], 's');"
        "print([p.propose(t[:20], k).changes['dial'] for k in range(20, 30)])"
    )
    said = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "ab"
    }
    assert len(said) == 1 and len(set(next(iter(said)).strip("[]\n").split(", "))) == 10


@pytest.mark.parametrize("state", [State.INCONCLUSIVE, State.LOST, State.ASKED])
def test_what_was_not_judged_teaches_nothing(state: State) -> None:
    told = [trial(k, {"dial": 0.1}, state) for k in range(200)]
    proposer = LearnedVariations(DIAL)
    for index in range(200, 230):
        assert proposer.begin(told, "s").propose(told, index) == proposer.begin(told[:1], "s").propose(told[:1], index)


@pytest.mark.parametrize("state", [State.ABORTED, State.FAILED])
def test_renders_that_never_became_pictures_are_not_accepted(state: State) -> None:
    told = [trial(k, {"dial": 0.1}, state) for k in range(300)]
    told += [trial(k, {"dial": 0.9}, State.ACCEPTED if k % 5 == 0 else State.REJECTED) for k in range(300)]
    drawn = [float(LearnedVariations(DIAL).propose(told, k).changes["dial"]) for k in range(600, 800)]  # type: ignore[arg-type]
    assert sum(one < 0.125 for one in drawn) < 12  # of 200; only the coin leads there, 2.5 on the mean


ODD: list[Json] = [math.nan, math.inf, -math.inf, 2.0, -1, True, None, "0.5", [0.5], {"low": 0}]


def test_odd_values_of_other_searches_teach_nothing() -> None:
    odd = [trial(k, {"dial": value}, State.ACCEPTED, math.nan) for k, value in enumerate(ODD * 20)]
    for index in range(200, 230):
        alone = LearnedVariations(DIAL).propose(odd[:1], index)
        assert LearnedVariations(DIAL).propose(odd, index) == alone
        assert LearnedVariations(DIAL).propose([trial(0, {"other": 1}), *odd[1:]], index) == alone


def test_whole_numbers_a_logarithm_and_repeated_values_have_parts_that_can_be_told() -> None:
    vary: dict[str, Any] = {"n": {"low": 1, "high": 9, "whole": True, "log": True}, "s": ["a", "b", "a"]}
    history: list[Trial] = []
    for index in range(600):
        changes: Any = LearnedVariations(vary).propose(history, index).changes
        good = index % 4 == 0 and changes["n"] > 6 and changes["s"] == "b"
        history.append(trial(index, changes, State.ACCEPTED if good else State.REJECTED))
    late: list[Any] = [t.changes for t in history[400:]]
    assert sum(one["n"] > 6 and one["s"] == "b" for one in late) > 120  # of 200; 11 by chance


@pytest.mark.parametrize(
    ("vary", "more", "said"),
    [
        ({}, {}, "name of an argument"),
        (None, {}, "name of an argument"),
        ({"seed": [1]}, {}, "other than the seed"),
        ({"dial": []}, {}, "a list of values"),
        ({"dial": {"low": 1, "high": 0}}, {}, "low < high"),
        ({"dial": [math.nan]}, {}, "no plain JSON"),
        (DIAL, {"explore": 0.0}, "above 0"),
        (DIAL, {"explore": math.nan}, "above 0"),
        (DIAL, {"explore": True}, "above 0"),
        (DIAL, {"seed": -1}, "whole number"),
    ],
)
def test_odd_settings_are_a_sentence(vary: Any, more: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        LearnedVariations(vary, **more)


def test_a_show_teaches_its_next_shot_and_goes_on_where_it_stopped(tmp_path: Path, nobody: ct.Identity) -> None:
    gate = ct.Gate(
        [FakeMetric("bright", lambda seen: float(seen.pixels.mean()))],
        identity=nobody,
        tolerances={"bright": 100.0},
        backends=FakeBackends(),
    )

    def rendered(recipe: Recipe) -> np.ndarray:
        dial = recipe.changes["dial"]
        assert isinstance(dial, float)
        good = dial > 0.75 and recipe.seed % 2 == 0  # one in 8
        return np.full((8, 8, 3), 20 if good else 200, np.uint8)

    def shown(where: str, runs: Sequence[int]) -> tuple[list[float], list[Trial]]:
        with ct.Ledger.open(tmp_path / where) as ledger:
            for number in range(24):
                shot = ct.Shot(
                    f"s{number}", gate=gate, ledger=ledger, prompt=f"take {number}", proposer=LearnedVariations(DIAL)
                )
                assert shot.measure_fully == 0.1
                for most in runs:
                    shot.run(ct.FunctionGenerator(rendered), budget=ct.Budget(candidates=most))
            found = [trial for row in ledger.shots() for trial in ledger.history(row)]
        return [float(one.changes["dial"]) for one in found], found  # type: ignore[arg-type]

    once, told = shown("once.db", [60])
    again, _ = shown("again.db", [3, 60])
    assert once == again
    half = len(once) // 2
    assert sum(one > 0.75 for one in once[half:]) / (len(once) - half) > 0.6  # 0.25 by chance
    assert sum(one.state is State.ACCEPTED for one in told) >= 22


def test_what_a_person_rejects_teaches_in_its_own_shot(tmp_path: Path, nobody: ct.Identity) -> None:
    gate = ct.Gate([FakeMetric("bright")], identity=nobody, tolerances={"bright": 255.0}, backends=FakeBackends())
    values: Any = {"dial": ["a", "b"]}
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shot = ct.Shot("s", gate=gate, ledger=ledger, proposer=LearnedVariations(values), stop=ct.BestOf(60))
        generator = ct.FunctionGenerator(lambda recipe: np.full((8, 8, 3), 90, np.uint8), name="grey")
        shot.run(generator, budget=ct.Budget(candidates=30))
        for row, told in zip(list(ledger.candidates(shot.row)), ledger.history(shot.row), strict=True):
            if told.changes["dial"] == "a":
                ledger.decide(ct.Decision(candidate=row.id, accept=False, who="Ines"))
        later = [shot.ask().recipe.changes["dial"] for _ in range(30)]
    assert later.count("b") > 24
