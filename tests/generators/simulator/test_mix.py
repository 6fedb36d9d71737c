from __future__ import annotations

import numpy as np
import pytest

import continuity as ct
from continuity.generators import Simulator
from continuity.generators.simulator import Mix
from continuity.generators.simulator.drifts import DRIFTS
from continuity.generators.simulator.faults import FAULTS, HARMLESS, Scene
from continuity.generators.simulator.mix import ORDER, REPAIRABLE
from continuity.interfaces import Pixels
from continuity.records import Box, Recipe

N = 4000
BOX = Box(177, 82, 272, 177)


def simulator(astronaut: Pixels, *, acceptable: float = 0.02, **given: float) -> Simulator:
    mark = np.full((20, 40, 4), 255, np.uint8)
    return Simulator(
        astronaut, acceptable=acceptable, size=96, face=BOX, mark=mark, mark_at=(10, 400, 90, 440), mix=Mix(**given)
    )


def faults(made: Simulator, seed: int, **changes: float) -> list[str]:
    truth = made.truth(seed, changes)
    return [aspect for aspect in ORDER if not truth[aspect]["acceptable"]]


def test_the_mix_is_as_stated(astronaut: Pixels) -> None:
    made = simulator(astronaut, acceptable=0.2, repairable=0.3)
    found = [faults(made, seed) for seed in range(N)]
    failures = [one for one in found if one]
    assert len(failures) / N == pytest.approx(0.8, abs=0.02)
    mendable = [one for one in failures if set(one) <= set(REPAIRABLE)]
    assert len(mendable) / len(failures) == pytest.approx(0.3, abs=0.025)
    assert sum(len(one) == 1 for one in failures) / len(failures) == pytest.approx(0.79, abs=0.03)
    first = [one[0] for one in failures if len(one) == 1 and one[0] not in REPAIRABLE]
    assert {first.count(kind) > 100 for kind in set(first)} == {True} and len(set(first)) == 11


def test_half_of_the_kinds_are_known_to_metrics() -> None:
    kinds = set(ORDER) - {"mark"}
    assert len(kinds & {*FAULTS, "smear", "swap"}) == len(kinds - {*FAULTS, "smear", "swap"}) == 7


def test_a_dial_shifts_the_chance_and_nothing_else(astronaut: Pixels) -> None:
    made = simulator(astronaut, acceptable=0.2, learnable=1.0)
    share = {dial: sum(not faults(made, seed, dial=dial) for seed in range(N)) / N for dial in (0.2, 0.45, 0.7)}
    assert share[0.7] == pytest.approx(0.4, abs=0.025)
    assert share[0.45] == pytest.approx(0.2, abs=0.02)
    assert share[0.2] < 0.01
    deaf = simulator(astronaut, acceptable=0.2)
    assert deaf.truth(5, {"dial": 0.7}) == deaf.truth(5)
    with pytest.raises(ct.UsageError, match="dial"):
        made.truth(5, {"dial": float("nan")})


def test_acceptable_candidates_have_none_of_the_drifts(astronaut: Pixels) -> None:
    truth = simulator(astronaut, acceptable=1.0).truth(3)
    assert all(truth[aspect]["amount"] == 0 for aspect in DRIFTS)
    assert all(0.03 <= truth[aspect]["amount"] <= HARMLESS for aspect in FAULTS)


@pytest.mark.parametrize("aspect", DRIFTS)
def test_a_drift_shows_grows_and_repeats(aspect: str, astronaut: Pixels) -> None:
    mark = np.full((40, 80, 4), 255, np.uint8)
    mark[:20, :, :3] = (20, 40, 120)
    scene = Scene(astronaut, BOX, mark, (20, 400))
    before = astronaut.copy()

    def changed(amount: float, seed: int) -> np.ndarray:
        marked = FAULTS["mark"].draw(0.0, np.random.default_rng(0))(astronaut, scene)
        made = ORDER[aspect].draw(amount, np.random.default_rng(seed))(marked, scene)
        assert made.dtype == np.uint8 and made.shape == astronaut.shape
        return np.abs(made.astype(int) - marked).mean()

    for seed in range(4):
        assert changed(0.8, seed) == changed(0.8, seed) > 0.3
        assert changed(0.1, seed) < changed(0.8, seed)
    assert np.array_equal(before, astronaut)


def test_without_a_mark_there_is_nothing_to_smear(astronaut: Pixels) -> None:
    made = Simulator(astronaut, acceptable=0.0, size=64, mix=Mix(repairable=1.0))
    off = [{a for a, said in made.truth(s).items() if a != "acceptable" and not said["acceptable"]} for s in range(50)]
    assert all(one == {"grade"} for one in off)
    with pytest.raises(ct.RenderFailed, match="smear"):
        made.render(Recipe(seed=1, changes={"smear": 0.5}))


@pytest.mark.parametrize("given", [{"repairable": -0.1}, {"learnable": 1.5}, {"repairable": True}])
def test_what_is_no_share_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(ct.UsageError, match="share"):
        Mix(**given)


def test_a_mix_draws_its_own_aspects(astronaut: Pixels) -> None:
    with pytest.raises(ct.UsageError, match="mix"):
        Simulator(astronaut, mix=Mix(), aspects=["grade"])
