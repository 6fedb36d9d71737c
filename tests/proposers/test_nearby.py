from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import continuity as ct
from continuity.errors import UsageError
from continuity.interfaces import LearningProposer
from continuity.records import Json, Recipe
from continuity.records.noise import MOST_SEEDS, NOISE, Noise
from continuity.testing import FakeBackends, FakeMetric

SIZE = 256
FAR = 10_000_000  # a seed of something else than noise


def trial(
    index: int,
    excess: float | None,
    changes: dict[str, Json] | None = None,
    state: ct.State = ct.State.REJECTED,
) -> ct.Trial:
    return ct.Trial(index=index, seed=100 + index, changes=changes or {}, state=state, worst_excess=excess)


def made(**settings: Any) -> ct.NearbySeeds:
    return ct.NearbySeeds(**{"startup": 2, "explore": 0.0, **settings})


def change(proposer: ct.NearbySeeds, *history: ct.Trial) -> Any:
    return proposer.propose(history, len(history)).changes.get(NOISE)


def test_it_fits_the_seam_and_says_that_it_learns() -> None:
    proposer = ct.NearbySeeds()
    assert isinstance(proposer, LearningProposer)
    assert proposer.learns
    first = proposer.propose((), 0)
    assert first == ct.Proposal(origin=ct.Origin.LEARNED)
    assert "angle=0.8" in repr(proposer)


def test_it_turns_the_noise_of_the_nearest_miss() -> None:
    found = change(made(angle=0.5), trial(0, 0.9), trial(1, 0.2), trial(2, 0.4))
    assert found == {"from": [101], "angles": [0.5]}


def test_a_neighbour_that_misses_by_less_is_gone_on_from() -> None:
    near: dict[str, Json] = {NOISE: {"from": [101], "angles": [0.5]}, "guidance_scale": 4}
    history = (trial(0, 0.9), trial(1, 0.2), trial(2, 0.1, near))
    proposal = made(angle=0.5).propose(history, 3)
    assert proposal.changes == {NOISE: {"from": [101, 102], "angles": [0.5, 0.5]}, "guidance_scale": 4}
    assert proposal.origin is ct.Origin.LEARNED


def test_the_angle_shrinks_with_each_try_and_then_the_next_one_has_its_turn() -> None:
    proposer = made(angle=0.8, shrink=0.5, tries=3)
    history = [trial(0, 0.9), trial(1, 0.2)]
    found = []
    for index in range(2, 9):
        noise = proposer.propose(tuple(history), index).changes.get(NOISE)
        found.append(noise)
        changes: dict[str, Json] = {} if noise is None else {NOISE: noise}
        state = [ct.State.ABORTED, ct.State.FAILED, ct.State.INCONCLUSIVE][index % 3]  # no near miss, and yet a try
        history.append(trial(index, None, changes, state))
    angles = (0.8, 0.4, 0.2)
    assert found[:3] == [{"from": [101], "angles": [a]} for a in angles]
    assert found[3:6] == [{"from": [100], "angles": [a]} for a in angles]
    assert found[6] is None  # nothing left to be near to: a new seed


@pytest.mark.parametrize(
    ("state", "excess"),
    [
        (ct.State.REJECTED, -0.3),  # by a person
        (ct.State.ABORTED, 0.01),
        (ct.State.FAILED, None),
        (ct.State.LOST, 0.01),
        (ct.State.INCONCLUSIVE, 0.01),
        (ct.State.ASKED, None),
        (ct.State.ACCEPTED, -0.5),
        (ct.State.REJECTED, None),
        (ct.State.REJECTED, math.nan),
        (ct.State.REJECTED, math.inf),
    ],
)
def test_only_a_rejected_candidate_with_an_excess_is_a_near_miss(state: ct.State, excess: float | None) -> None:
    history = (trial(0, 0.9), trial(1, excess, state=state))
    assert change(made(), *history)["from"] == [100]
    assert change(made(), trial(0, excess, state=state), replace(trial(1, excess), state=state)) is None


def test_odd_noise_of_others_and_long_chains_are_left_alone() -> None:
    odd: dict[str, Json] = {NOISE: "much"}
    long: dict[str, Json] = {NOISE: {"from": [*range(MOST_SEEDS - 1)], "angles": [0.1] * (MOST_SEEDS - 1)}}
    assert change(made(), trial(0, 0.9), trial(1, 0.1, odd), trial(2, 0.05, long))["from"] == [100]


def test_a_lost_try_is_none() -> None:
    near: dict[str, Json] = {NOISE: {"from": [101], "angles": [0.5]}}
    history = (trial(0, 0.9), trial(1, 0.2), trial(2, None, near, ct.State.LOST))
    assert change(made(angle=0.5), *history)["angles"] == [0.5]


def test_the_share_of_new_seeds_follows_from_index_and_seed_alone() -> None:
    def explores(history: tuple[ct.Trial, ...], **settings: Any) -> list[bool]:
        proposer = ct.NearbySeeds(startup=1, tries=10**6, **settings)
        return [not proposer.propose(history, index).changes for index in range(1, 401)]

    one = explores((trial(0, 0.5),), explore=0.25)
    assert one == explores((trial(0, 0.5), trial(1, 0.1)), explore=0.25)
    assert one != explores((trial(0, 0.5),), explore=0.25, seed=1)
    assert 0.18 < np.mean(one) < 0.32  # 400 coins
    assert not any(explores((trial(0, 0.5),), explore=0.0))
    assert all(explores((trial(0, 0.5),), explore=1.0))


@pytest.mark.parametrize(
    "odd",
    [
        {"startup": 0},
        {"startup": 2.0},
        {"tries": 0},
        {"tries": True},
        {"seed": -1},
        {"explore": -0.1},
        {"explore": 1.1},
        {"explore": "half"},
        {"angle": 0},
        {"angle": 1.6},
        {"angle": math.nan},
        {"shrink": 0.0},
        {"shrink": 1.5},
        {"shrink": True},
    ],
)
def test_odd_settings_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"nearby: {next(iter(odd))} is a "):
        ct.NearbySeeds(**odd)


def noise_of(recipe: Recipe) -> np.ndarray:
    """What a generator makes of a recipe: turns of plain noise."""
    noise = Noise.of(recipe.seed, recipe.changes)
    drawn = [np.random.default_rng(seed).standard_normal(SIZE) for seed in noise.seeds]
    found = drawn[0]
    for angle, other in zip(noise.angles, drawn[1:], strict=True):
        found = np.cos(angle) * found + np.sin(angle) * other
    return found


TRAITS = np.linalg.qr(np.random.default_rng(FAR).standard_normal((SIZE, 3)))[0].T  # what two metrics look at


def miss(recipe: Recipe) -> float:
    """The worst excess of two smooth metrics, one of them not linear; about one plain seed in 25 has none."""
    a, b, c = TRAITS @ noise_of(recipe)
    return float(max(a + 1.2, abs(b * c) - 0.2))


def candidates(proposer: ct.Proposer, shot: int) -> int:
    """How many until one is accepted, at most 400."""
    history: list[ct.Trial] = []
    for index in range(400):
        seed = shot * 1000 + index
        changes = proposer.propose(history, index).changes
        excess = miss(Recipe(seed=seed, changes=changes))
        if excess <= 0:
            return index + 1
        history.append(ct.Trial(index=index, seed=seed, changes=changes, state=ct.State.REJECTED, worst_excess=excess))
    return 400


def test_it_finds_in_fewer_candidates_where_metrics_are_smooth_in_the_noise() -> None:
    near = np.mean([candidates(ct.NearbySeeds(), shot) for shot in range(40)])
    blind = np.mean([candidates(ct.Seeds(), shot) for shot in range(40)])
    assert near < blind * 0.7


def test_a_resumed_shot_and_another_worker_propose_the_same(tmp_path: Path, nobody: ct.Identity) -> None:
    gate = ct.Gate([FakeMetric("bright")], identity=nobody, tolerances={"bright": 0.5}, backends=FakeBackends())

    def rendered(recipe: Recipe) -> np.ndarray:
        level = int(min(255, 160 + 90 * max(0.0, miss(recipe))))
        return np.full((16, 16, 3), level, np.uint8)

    def proposed(*runs: int) -> list[Any]:
        folder = tmp_path / str(runs)
        folder.mkdir()
        found = []
        for count in runs:
            with ct.Ledger.open(folder / "show.db") as ledger:
                shot = ct.Shot("sc010", gate=gate, ledger=ledger, proposer=ct.NearbySeeds(startup=3))
                assert shot.measure_fully == 1.0
                shot.run(ct.FunctionGenerator(rendered), budget=ct.Budget(candidates=count))
                found = [(one.seed, dict(one.changes)) for one in ledger.history(shot.row)]
        return found

    once = proposed(12)
    assert once == proposed(5, 12)
    assert sum(NOISE in changes for _, changes in once) >= 5
