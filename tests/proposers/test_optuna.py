from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import continuity as ct
from continuity.errors import MissingDependency, UsageError
from continuity.interfaces import LearningProposer
from continuity.records import Json, Recipe
from continuity.testing import FakeBackends, FakeMetric

pytest.importorskip("optuna")

VARY: dict[str, Any] = {
    "guidance": {"low": 1.0, "high": 20.0, "log": True},
    "steps": {"low": 10, "high": 50, "whole": True},
    "scales": [{"mara": 0.5}, {"mara": 1.0}, None],
}


def trial(index: int, changes: dict[str, Json], excess: float | None, state: ct.State | None = None) -> ct.Trial:
    judged = ct.State.ACCEPTED if excess is not None and excess <= 0 else ct.State.REJECTED
    return ct.Trial(index=index, seed=index, changes=changes, state=state or judged, worst_excess=excess)


def miss(changes: Any) -> float:
    """How far off a candidate is: the best guidance is 6, the second scale is the right one."""
    scale = {0.5: 1.0, 1.0: 0.0}[changes["scales"]["mara"]] if changes["scales"] else 2.0
    return abs(np.log(changes["guidance"] / 6)) + scale + abs(changes["steps"] - 30) / 40 - 0.15


def walk(proposer: ct.OptunaProposer, count: int, told: Callable[[Any, int], ct.Trial]) -> list[ct.Trial]:
    history: list[ct.Trial] = []
    for index in range(count):
        history.append(told(proposer.propose(tuple(history), index).changes, index))
    return history


def test_it_fits_the_seam_and_says_that_it_learns() -> None:
    made = ct.OptunaProposer(VARY)
    assert isinstance(made, LearningProposer)
    assert made.learns
    assert not isinstance(ct.Seeds(), LearningProposer)
    proposal = made.propose((), 0)
    assert proposal.origin is ct.Origin.LEARNED
    assert set(proposal.changes) == set(VARY)


def test_proposals_are_values_of_what_was_given() -> None:
    made = ct.OptunaProposer(VARY, startup=40)
    for index in range(40):
        changes: Any = made.propose((), index).changes
        assert 1 <= changes["guidance"] <= 20
        assert type(changes["guidance"]) is float
        assert type(changes["steps"]) is int
        assert 10 <= changes["steps"] <= 50
        assert changes["scales"] in VARY["scales"]
    assert len({str(made.propose((), k).changes) for k in range(40)}) == 40


def test_it_finds_what_random_draws_rarely_find() -> None:
    made = ct.OptunaProposer(VARY, startup=10)
    learned = [miss(t.changes) for t in walk(made, 60, lambda c, k: trial(k, c, miss(c)))]
    blind = [miss(made.propose((), k).changes) for k in range(60)]
    assert np.median(learned[30:]) < np.median(blind) / 2
    assert sum(m <= 0 for m in learned) > 2 * max(1, sum(m <= 0 for m in blind))


def test_what_passed_and_a_person_rejected_is_not_gone_to() -> None:
    """The numbers say that the first scale is perfect, and every time a person says no."""

    def told(changes: Any, index: int) -> ct.Trial:
        if changes["scales"] == {"mara": 0.5}:
            return trial(index, changes, -1.0, ct.State.REJECTED)
        return trial(index, changes, 0.5 + miss(changes))

    later = walk(ct.OptunaProposer(VARY), 50, told)[25:]
    assert sum(t.changes["scales"] == {"mara": 0.5} for t in later) < len(later) / 3


def test_numbers_of_a_list_are_known_however_they_are_written() -> None:
    made = ct.OptunaProposer({"scale": [4.0, 6.5]}, startup=1)
    drawn = [made.propose([trial(k, {"scale": four}, 0.1) for k in range(20)], 20).changes for four in (4, 4.0)]
    assert drawn[0] == drawn[1]
    assert made._known(trial(0, {"scale": 4}, 0.1)) is not None


def test_it_goes_on_from_the_history_alone() -> None:
    history = walk(ct.OptunaProposer(VARY, startup=3), 12, lambda c, k: trial(k, c, miss(c)))
    one, two = ct.OptunaProposer(VARY, startup=3), ct.OptunaProposer(VARY, startup=3)
    one.propose(history[:5], 5)  # what it was asked before does not matter
    assert one.propose(history, 12) == two.propose(tuple(history), 12)
    assert one.propose(history, 12) != one.propose(history[:4], 12)
    assert one.propose(history, 12) != ct.OptunaProposer(VARY, startup=3, seed=1).propose(history, 12)


def test_states_are_what_optuna_calls_them() -> None:
    made, changes = ct.OptunaProposer(VARY), dict(ct.OptunaProposer(VARY).propose((), 0).changes)
    states = {state: made._known(trial(0, changes, 0.5, state)) for state in ct.State}
    assert {str(s): k.state.name for s, k in states.items() if k is not None} == {
        "accepted": "COMPLETE", "rejected": "COMPLETE", "aborted": "PRUNED", "inconclusive": "FAIL", "failed": "FAIL",
    }  # fmt: skip
    assert states[ct.State.REJECTED].value == 0.5
    assert made._known(trial(0, changes, None)) is None
    assert made._known(trial(0, changes, float("nan"))) is None


def test_an_abort_teaches_to_stay_away() -> None:
    """Everything with the first scale is aborted: it is proposed less often than one time in three."""

    def told(changes: Any, index: int) -> ct.Trial:
        if changes["scales"] == {"mara": 0.5}:
            return trial(index, changes, None, ct.State.ABORTED)
        return trial(index, changes, miss(changes))

    later = walk(ct.OptunaProposer(VARY), 50, told)[25:]
    assert sum(t.state is ct.State.ABORTED for t in later) < len(later) / 5


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"guidance": 3.0}, {"guidance": 99, "steps": 20, "scales": None},
        {"guidance": "x", "steps": 20, "scales": None}, {"guidance": True, "steps": 20, "scales": None},
        {"guidance": 3, "steps": 20, "scales": {"mara": 0.7}},
    ],
)  # fmt: skip
def test_candidates_of_another_search_teach_nothing(changes: dict[str, Json]) -> None:
    made = ct.OptunaProposer(VARY)
    assert made.propose([trial(0, changes, 1.0)], 1) == made.propose([trial(0, {}, None, ct.State.LOST)], 1)


def test_shots_draw_apart() -> None:
    """Ten dials drawn alike in every shot are the same bad ones for a whole show."""
    made = ct.OptunaProposer(VARY)
    assert len({str(made.propose([trial(seed, {}, 1.0)], 1).changes) for seed in range(6)}) == 6
    begun = [made.begin((), f"sc{number:03}") for number in range(6)]
    assert len({str(one.propose((), 0).changes) for one in begun}) == 6, "the first candidates too"
    other = [trial(3, dict(made.propose((), 3).changes), 0.1)]
    assert ct.OptunaProposer(VARY).begin(other, "sc004").propose((), 0) == begun[4].propose((), 0)


@pytest.mark.parametrize(
    ("vary", "more", "said"),
    [
        ({}, {}, "was wanted"), ([1], {}, "was wanted"), ({"seed": [1]}, {}, "other than the seed"),
        ({"a": []}, {}, "a list of values"), ({"a": {"low": 3}}, {}, "low and high"),
        ({"a": [float("nan")]}, {}, "no plain JSON"), ({"a": {"low": 0, "high": 1, "log": True}}, {}, "above 0"),
        ({"a": [1]}, {"startup": 0}, "startup"), ({"a": [1]}, {"seed": -1}, "seed"),
        ({"a": [1]}, {"seed": True}, "seed"),
    ],
)  # fmt: skip
def test_what_cannot_vary_is_refused(vary: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ct.OptunaProposer(vary, **more)


def test_without_optuna_the_pip_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingDependency, match=r"pip install 'continuity-gate\[optuna\]'"):
        ct.OptunaProposer({"a": [1, 2]})


def test_optuna_is_not_imported_before_it_is_asked_for() -> None:
    code = "import sys, continuity as ct; ct.OptunaProposer; assert 'optuna' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def shot_on(ledger: ct.Ledger, name: str = "sc010") -> ct.Shot:
    gate = ct.Gate(
        [FakeMetric("dark", cost=1), FakeMetric("bright", cost=2)],
        identity=ct.Identity(name="nobody", enrolled=()),
        tolerances=ct.Tolerances(tuple(ct.Tolerance(key=k, limit=16.0, scale=10.0) for k in ("dark", "bright"))),
        backends=FakeBackends(),
    )
    proposer = ct.OptunaProposer({"level": {"low": 1, "high": 255, "whole": True}}, startup=5)
    return ct.Shot(name, gate=gate, ledger=ledger, proposer=proposer, stop=ct.BestOf(99, futility=None))


def test_in_a_shot_every_row_is_learned_and_measured_fully_and_a_new_run_goes_on(tmp_path: Path) -> None:
    def paint(recipe: Recipe) -> np.ndarray:
        return np.full((8, 8, 3), recipe.changes["level"], dtype=np.uint8)

    generator = ct.FunctionGenerator(paint)

    def changes(ledger: ct.Ledger) -> Sequence[Any]:
        return [ledger.recipe(row.id).changes for row in ledger.candidates()]

    with ct.Ledger.open(tmp_path / "whole.db") as whole, ct.Ledger.open(tmp_path / "parts.db") as parts:
        shot_on(whole).run(generator, budget=ct.Budget(candidates=14))
        for _ in range(14):  # a new proposer for each candidate, as on a farm
            again = shot_on(parts)
            ticket = again.ask()
            again.tell(ticket, generator.render(ticket.recipe).media)
        assert changes(whole) == changes(parts)
        for row in whole.candidates():
            assert (row.origin, row.measure_fully) == (ct.Origin.LEARNED, True)
            report = whole.report(row.id)
            assert report is not None
            assert [f.status for f in report.findings] == ["measured", "measured"]


def test_the_first_candidate_of_every_shot_is_another_one_and_the_same_when_it_is_run_again(tmp_path: Path) -> None:
    def firsts(file: str) -> list[Json]:
        with ct.Ledger.open(tmp_path / file) as ledger:
            return [shot_on(ledger, f"sc{n:03}").ask().recipe.changes["level"] for n in range(8)]

    assert len(set(found := firsts("one.db"))) >= 6  # of 255 levels
    assert firsts("two.db") == found
