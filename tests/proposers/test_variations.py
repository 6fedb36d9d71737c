from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest

import continuity as ct
from continuity.proposers import Variations
from continuity.records import Json, Origin, State, Trial

GRID: dict[str, Any] = {"guidance_scale": [4, 6.5, 8], "prompt": ["at the bar", "at the bar, 85mm"]}


def trial(index: int, changes: dict[str, Any], state: State = State.REJECTED) -> Trial:
    return Trial(index=index, seed=index, changes=changes, state=state, worst_excess=None)


def proposed(proposer: Variations, count: int) -> list[dict[str, Any]]:
    return [dict(proposer.propose((), index).changes) for index in range(count)]


def test_a_grid_has_every_combination_and_begins_again() -> None:
    proposer = Variations(GRID)
    assert proposer.combinations == 6
    rows = proposed(proposer, 12)
    assert rows[:3] == [
        {"guidance_scale": 4, "prompt": "at the bar"},
        {"guidance_scale": 4, "prompt": "at the bar, 85mm"},
        {"guidance_scale": 6.5, "prompt": "at the bar"},
    ]
    assert len({json.dumps(row) for row in rows[:6]}) == 6
    assert rows[6:] == rows[:6]
    assert proposer.propose((), 10**9).origin is Origin.RANDOM


def test_a_grid_with_repeats_ends() -> None:
    proposer = Variations(GRID, repeats=2)
    history = [trial(index, changes) for index, changes in enumerate(proposed(proposer, 12))]
    assert Counter(json.dumps(dict(t.changes)) for t in history).most_common()[-1][1] == 2
    with pytest.raises(ct.BudgetSpent, match="all 6 combinations have been rendered 2 times") as caught:
        proposer.propose(history, 12)
    assert caught.value.limit == "proposals"


def test_what_was_lost_is_rendered_again_and_what_failed_is_not() -> None:
    proposer = Variations(GRID, repeats=1)
    history = [trial(index, changes) for index, changes in enumerate(proposed(proposer, 6))]
    history[1] = trial(1, dict(history[1].changes), State.LOST)
    history[4] = trial(4, dict(history[4].changes), State.FAILED)
    again = proposer.propose(history, 6)
    assert again.changes == history[1].changes
    with pytest.raises(ct.BudgetSpent):
        proposer.propose([*history, trial(6, dict(again.changes), State.ASKED)], 7)


def test_a_shot_that_began_with_another_proposer_gets_the_whole_grid() -> None:
    proposer = Variations(GRID, repeats=1)
    history = [trial(index, {}) for index in range(4)]
    while True:
        try:
            changes = dict(proposer.propose(history, len(history)).changes)
        except ct.BudgetSpent:
            break
        history.append(trial(len(history), changes))
    assert len({json.dumps(dict(t.changes)) for t in history[4:]}) == len(history[4:]) == 6


def test_a_huge_grid_is_never_written_out() -> None:
    proposer = Variations({f"a{k}": list(range(100)) for k in range(20)})
    assert proposer.combinations == 100**20
    assert proposer.propose((), 10_203).changes["a18"] == 2
    assert proposer.propose((), 10_203).changes["a19"] == 3


def test_random_draws_are_even_and_independent() -> None:
    n = 4000
    vary: dict[str, Any] = {
        "scale": {"low": 3, "high": 9},
        "rate": {"low": 0.001, "high": 10, "log": True},
        "steps": {"low": 20, "high": 23, "whole": True},
        "octave": {"low": 1, "high": 64, "log": True, "whole": True},
        "word": ["a", "b", "c"],
    }
    rows = proposed(Variations(vary, order="random"), n)
    scale, rate = np.array([r["scale"] for r in rows]), np.array([r["rate"] for r in rows])
    assert 3 <= scale.min() < 3.02 and 8.98 < scale.max() <= 9
    assert np.abs(np.histogram(scale, 6, (3, 9))[0] / n - 1 / 6).max() < 0.025  # 4.2 standard deviations
    assert np.abs(np.histogram(np.log10(rate), 4, (-3, 1))[0] / n - 1 / 4).max() < 0.03
    steps = Counter(r["steps"] for r in rows)
    assert set(steps) == {20, 21, 22, 23}
    assert all(abs(v / n - 1 / 4) < 0.03 for v in steps.values())
    assert all(abs(v / n - 1 / 3) < 0.032 for v in Counter(r["word"] for r in rows).values())
    assert {type(r["octave"]) for r in rows} == {int}
    assert (min(r["octave"] for r in rows), max(r["octave"] for r in rows)) == (1, 64)
    assert abs(np.corrcoef(scale, np.log(rate))[0, 1]) < 0.07


def test_every_draw_of_a_grid_of_one_is_the_same_in_another_process() -> None:
    text = "Variations({'scale': {'low': 3, 'high': 9}, 'word': ['a', 'b']}, order='random')"
    code = (
        f"from continuity.proposers import Variations\nprint([dict({text}.propose((), k).changes) for k in range(20)])"
    )
    env = {**os.environ, "PYTHONHASHSEED": "3"}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert other.stdout.strip() == str(proposed(eval(text), 20))


def test_the_settings_make_it_again() -> None:
    vary: dict[str, Any] = {"scale": {"low": 3, "high": 9}, "adapters": [{"mara": 0.5}, {"mara": 0.8}]}
    proposer = Variations(vary, order="random")
    again = Variations(**json.loads(json.dumps(proposer.settings)))
    assert proposed(again, 10) == proposed(proposer, 10)
    assert proposed(Variations({"scale": vary["scale"]}, order="random"), 10) != proposed(proposer, 10)


def test_what_it_was_given_may_change_afterwards() -> None:
    values: list[Json] = [1, 2]
    proposer = Variations({"a": values})
    values.append(3)
    assert proposer.combinations == 2


@pytest.mark.parametrize(
    ("vary", "more", "said"),
    [
        ({}, {}, "name of an argument"),
        (None, {}, "name of an argument"),
        ({"seed": [1, 2]}, {}, "other than the seed"),
        ({"": [1]}, {}, "name of an argument"),
        ({3: [1]}, {}, "name of an argument"),
        ({"a": []}, {}, "a list of values"),
        ({"a": "abc"}, {}, "a list of values"),
        ({"a": 3}, {}, "a list of values"),
        ({"a": [float("nan")]}, {}, "no plain JSON"),
        ({"a": [object()]}, {}, "no plain JSON"),
        ({"a": [1]}, {"order": "sobol"}, "order is"),
        ({"a": [1]}, {"repeats": 0}, "repeats"),
        ({"a": [1]}, {"repeats": True}, "repeats"),
        ({"a": [1]}, {"repeats": 2, "order": "random"}, "repeats"),
        ({"a": {"low": 1, "high": 2}}, {}, "order = 'random'"),
        ({"a": {"low": 1}}, {"order": "random"}, "low < high"),
        ({"a": {"low": 2, "high": 2}}, {"order": "random"}, "low < high"),
        ({"a": {"low": 1, "high": 2, "step": 1}}, {"order": "random"}, "low and high"),
        ({"a": {"low": "1", "high": 2}}, {"order": "random"}, "low and high"),
        ({"a": {"low": True, "high": 2}}, {"order": "random"}, "low and high"),
        ({"a": {"low": 1, "high": 10**400}}, {"order": "random"}, "low and high"),
        ({"a": {"low": float("nan"), "high": 2}}, {"order": "random"}, "no plain JSON"),
        ({"a": {"low": 0, "high": 2, "log": True}}, {"order": "random"}, "above 0"),
        ({"a": {"low": 0, "high": 2, "log": 1}}, {"order": "random"}, "true or false"),
        ({"a": {"low": 0.5, "high": 2, "whole": True}}, {"order": "random"}, "whole numbers"),
    ],
)
def test_what_cannot_vary_is_a_sentence(vary: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(ct.UsageError, match=said):
        Variations(vary, **more)


def test_a_shot_records_what_was_changed(tmp_path: Any, bright_gate: ct.Gate) -> None:
    def render(seed: int, prompt: str, level: int) -> np.ndarray:
        assert prompt == f"level {level}"
        return np.full((16, 16, 3), level, dtype=np.uint8)

    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        vary: dict[str, Any] = {"level": [200, 90, 40], "prompt": ["level 200", "level 90", "level 40"]}
        stop = ct.FirstAccepted(failures=9)
        shot = ct.Shot(
            "sc010", gate=bright_gate, ledger=ledger, prompt="x", proposer=Variations(vary, repeats=1), stop=stop
        )
        outcome = shot.run(ct.FunctionGenerator(render), budget=ct.Budget(candidates=50))
        assert outcome.kept is not None
        told = [ledger.recipe(row.id).changes for row in ledger.candidates()]
        assert told[-1] == {"level": 40, "prompt": "level 40"}
        assert len(told) == outcome.kept.row.index + 1 == 9
        states = [row.state for row in ledger.candidates()]
        assert states.count(ct.State.FAILED) == 6, "the prompt that was rendered is the changed one"
