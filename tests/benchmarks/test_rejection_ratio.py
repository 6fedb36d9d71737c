"""The benchmark of the rejection ratio on a small stage: real loop, gate and ledger, one cheap metric."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import continuity as ct
from continuity.generators import Simulator
from continuity.generators.simulator import Mix
from continuity.media import Media
from continuity.records import Json
from continuity.testing import FakeBackends

ROOT = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(ROOT))
import rejection_ratio  # noqa: E402
from rejection.pool import Pool, Pooled  # noqa: E402
from rejection.remembered import Remembered  # noqa: E402
from rejection.rows import KEYS, Row, chart, rows_of, saving, table  # noqa: E402
from rejection.stage import Cell  # noqa: E402
from rejection.strategies import STRATEGIES, Shot, budget_of, campaign  # noqa: E402
from rejection.work import Task, Worker, shots_of  # noqa: E402
from rejection_ratio import quick_tasks  # noqa: E402

CELL = Cell("simulator", 0.25, 0.3)
BLIND = 1e3


class SmallStage:
    """A soft picture under the simulator's mix, judged by its grade alone: it sees some faults and lets others pass."""

    prompt, vary, step_seconds = "soft", {"dial": {"low": 0.0, "high": 1.0}}, 0.5
    abort_at, abort_by, let_through = (0.45,), ("grade",), 0.1

    def __init__(self, folder: Path, pool: Pool, limit: float = 2.0) -> None:
        chance = np.random.default_rng(4)
        field = ndimage.gaussian_filter(chance.normal(size=(96, 96, 3)), (9, 9, 0), mode="wrap")
        self.source = (127 + 45 * field / field.std()).clip(16, 240).astype(np.uint8)
        self.backends = FakeBackends()
        if not (folder / "id").exists():
            ct.Image.from_array(self.source).save(folder / "reference.png")
            ct.enrol(folder / "id", grade=[folder / "reference.png"], backends=self.backends)
        identity = ct.Identity.open(folder / "id")
        metric = Pooled(ct.GradeDrift(), pool)
        self.gate = ct.Gate([metric], identity=identity, tolerances={"grade": limit}, backends=self.backends)

    def generator(self, cell: Cell) -> Simulator:
        mix = Mix(repairable=cell.repairable, learnable=cell.learnable)
        return Simulator(self.source, acceptable=cell.share, mix=mix, steps=10, seconds_per_render=5, device="cuda")

    def repairs(self) -> tuple[Any, ...]:
        return (ct.GradeRepair(),)

    def good(self, cell: Cell, seed: int, changes: Mapping[str, Json], media: Media) -> bool:
        return self.acceptable(cell, seed, changes)

    def acceptable(self, cell: Cell, seed: int, changes: Mapping[str, Json]) -> bool:
        return bool(self.generator(cell).truth(seed, changes)["acceptable"])


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    with Pool(tmp_path / "pool.db") as pool:
        yield pool


def run(stage: SmallStage, pool: Pool, name: str, ledger: Path, shots: int = 3) -> list[Shot]:
    return list(campaign(stage, pool, CELL, STRATEGIES[name], range(shots), ledger, lambda: False))


def seeds(ledger: Path) -> dict[str, list[int]]:
    with ct.Ledger.open(ledger, create=False) as rows:
        return {shot.name: [one.seed for one in rows.candidates(shot)] for shot in rows.shots()}


def shot(number: int, **given: Any) -> Shot:
    nothing = {"candidates": 10, "renders": 8.0, "seconds": 40.0, "scoring": 1.0, "inconclusive": 1, "aborted": 2}
    return Shot(shot=f"s{number}", **{**nothing, "kept": True, "repaired": False, "bad": False, **given})


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=[] if one in ("all", "first") else [pytest.mark.slow]) for one in STRATEGIES]
)
def test_every_strategy_runs_and_sees_the_same_seeds(name: str, tmp_path: Path, pool: Pool) -> None:
    stage = SmallStage(tmp_path, pool)
    found = run(stage, pool, name, tmp_path / "this.db")
    run(stage, pool, "first", tmp_path / "first.db")
    assert [one.shot for one in found] == ["s0000", "s0001", "s0002"]
    assert all(0 < one.renders <= one.candidates for one in found)
    here, there = seeds(tmp_path / "this.db"), seeds(tmp_path / "first.db")
    for each in here:
        both = min(len(here[each]), len(there[each]))
        assert both and here[each][:both] == there[each][:both]


def test_a_fixed_number_is_rendered_whatever_passes(tmp_path: Path, pool: Pool) -> None:
    found = run(SmallStage(tmp_path, pool), pool, "fixed", tmp_path / "a.db", shots=2)
    wanted = budget_of(STRATEGIES["fixed"], CELL.share)
    assert wanted == 11  # 0.75 ** 11 = 0.042, 0.75 ** 10 = 0.056
    assert [one.candidates for one in found] == [wanted, wanted]


def test_what_is_bad_is_said_by_the_recipe_and_not_by_the_gate(tmp_path: Path, pool: Pool) -> None:
    stage = SmallStage(tmp_path, pool, limit=BLIND)  # passes everything
    found = run(stage, pool, "first", tmp_path / "blind.db", shots=8)
    truths = [stage.generator(CELL).truth(one[0])["acceptable"] for one in seeds(tmp_path / "blind.db").values()]
    assert [one.bad for one in found] == [not truth for truth in truths]
    assert {one.bad for one in found} == {True, False}


def test_scoring_is_charged_again_where_it_was_measured_before(tmp_path: Path, pool: Pool) -> None:
    stage = SmallStage(tmp_path, pool)
    first = run(stage, pool, "first", tmp_path / "1.db")
    known = len(pool)
    again = run(stage, pool, "first", tmp_path / "2.db")
    assert len(pool) == known
    assert [one.scoring for one in again] == pytest.approx([one.scoring for one in first])
    assert all(one.scoring > 0 for one in first)


def test_a_campaign_that_was_cut_off_is_replayed(tmp_path: Path) -> None:
    task = Task(CELL, "all", 0, 4)
    calls = iter(range(100))
    cut = Worker(tmp_path, stopped=lambda: next(calls) >= 2)
    cut._stages["simulator"] = SmallStage(tmp_path, cut.pool)
    cut.run(task)
    before = shots_of(tmp_path, task)
    assert len(before) == 2
    part = cut.paths(task)[0]
    part.write_text(part.read_text() + '{"shot": "s00')  # as a kill leaves it
    assert shots_of(tmp_path, task) == before
    whole = Worker(tmp_path, stopped=lambda: False)
    whole._stages["simulator"] = SmallStage(tmp_path, whole.pool)
    whole.run(task)
    after = shots_of(tmp_path, task)
    timed = ("seconds",)  # a repair's own time is measured each time
    plain = [{k: v for k, v in asdict(one).items() if k not in timed} for one in after]
    assert len(after) == 4
    for old, new in zip(before, plain, strict=False):
        assert {k: new[k] for k in new if k != "scoring"} == {
            k: v for k, v in asdict(old).items() if k not in (*timed, "scoring")
        }
    assert not (tmp_path / "ledgers" / task.name).exists()


def test_side_by_side_all_strategies_come_about_as_far_and_end_as_they_do_alone(tmp_path: Path) -> None:
    tasks = [Task(CELL, "first", 0, 6), Task(CELL, "all", 0, 3, every=2, early=True)]
    for name in ("cut", "whole", "alone"):
        (tmp_path / name).mkdir()
    calls = iter(range(100))
    cut = Worker(tmp_path / "cut", stopped=lambda: next(calls) >= 5)
    whole = Worker(tmp_path / "whole", stopped=lambda: False)
    for worker in (cut, whole):
        worker._stages["simulator"] = SmallStage(worker.folder, worker.pool)
        worker.together(tasks)
    names = [[one.shot for one in shots_of(tmp_path / "cut", task)] for task in tasks]
    assert names == [["s0000", "s0001", "s0002"], ["s0000", "s0002"]]
    assert [one.shot for one in shots_of(tmp_path / "whole", tasks[1])] == ["s0000", "s0002", "s0004"]
    assert all(whole.paths(task)[1].exists() for task in tasks)  # ended, and named so
    alone = Worker(tmp_path / "alone", stopped=lambda: False)
    alone._stages["simulator"] = SmallStage(alone.folder, alone.pool)
    alone.run(tasks[0])
    before, after = (shots_of(tmp_path / name, tasks[0]) for name in ("alone", "whole"))
    assert [(s.candidates, s.renders, s.bad) for s in before] == [(s.candidates, s.renders, s.bad) for s in after]


@pytest.mark.parametrize(("shots", "workers"), [(240, 2), (240, 1), (7, 2), (1, 2), (25, 3)])
def test_the_quick_run_gives_all_each_shot_and_the_others_some_of_them_chosen_beforehand(
    shots: int, workers: int
) -> None:
    turns = quick_tasks(shots, workers, 50)
    ran: dict[str, list[int]] = {}
    for task in (task for one in turns for task in one.tasks):
        ran.setdefault(task.strategy, []).extend(task.shots)
    assert sorted(ran["all"]) == list(range(50, 50 + shots))
    for name in ("first", "fixed"):
        assert len(set(ran[name])) == len(ran[name]) and set(ran[name]) <= set(ran["all"])
    assert all(task.strategy != "all" for one in turns[workers:] for task in one.tasks)  # only where time is left
    assert len({task.name for one in turns for task in one.tasks}) == sum(len(one.tasks) for one in turns)


def test_what_is_remembered_is_what_the_simulator_renders_shows_and_charges(tmp_path: Path, pool: Pool) -> None:
    from continuity.errors import Aborted

    class Sees:
        settings: Mapping[str, Json] = {}

        def __init__(self, until: int) -> None:
            self.until, self.seen = until, list[bytes]()

        def look(self, step: int, steps: int, preview: Any) -> bool:
            self.seen.append(preview().pixels.tobytes())
            return step < self.until

    made = SmallStage(tmp_path, pool).generator(CELL)
    twice = Remembered(made, 10, 5.0)
    recipe = ct.Recipe(seed=5)
    for _ in range(2):
        one, other = Sees(99), Sees(99)
        wanted, found = made.render(recipe, one), twice.render(recipe, other)
        assert one.seen == other.seen and wanted.media.digest == found.media.digest
        assert (wanted.cost.render, wanted.cost.render_equivalents) == (
            found.cost.render,
            found.cost.render_equivalents,
        )
    costs = []
    for generator in (made, twice):
        with pytest.raises(Aborted) as stopped:
            generator.render(recipe, Sees(4))
        assert stopped.value.cost is not None
        costs.append((stopped.value.cost.render, stopped.value.cost.render_equivalents, stopped.value.cost.device))
    assert costs[0] == costs[1] == (2.0, 0.4, "cuda")


def test_a_part_of_the_full_run_can_be_asked_for() -> None:
    some = rejection_ratio.full_tasks(["first", "aborts", "repair"], 40, generators=["presenter"], shares=[0.05])
    assert [(one.cell, one.strategy, one.count) for one in some] == [
        (Cell("presenter", 0.05, 0.0), "first", 20),
        (Cell("presenter", 0.05, 0.0), "first", 20),
        (Cell("presenter", 0.05, 0.0), "aborts", 40),
    ]
    row = rejection_ratio.full_tasks(
        ["first", "learning"], 40, 7, ["simulator"], [0.05], repairable=[0.0], learnable=[1.0], early=True
    )
    cell = Cell("simulator", 0.05, 0.0, 1.0)
    assert row == [
        *(Task(cell, "first", k, 20, early=True) for k in (7, 27)),
        Task(cell, "learning", 7, 40, early=True),
    ]
    everything = {one.cell.generator for one in rejection_ratio.full_tasks(["first"], 20)}
    assert everything == {"presenter", "simulator"}


def test_a_saving_is_of_the_shots_that_both_have_with_an_interval() -> None:
    renders = np.random.default_rng(1).geometric(0.1, size=(40, 2)).tolist()
    mine = Row(CELL, "all", [shot(k, renders=float(one)) for k, (one, _) in enumerate(renders)])
    theirs = Row(CELL, "first", [shot(k, renders=4.0 * other) for k, (_, other) in enumerate(renders[:30])])
    found = saving(mine, theirs)
    assert found is not None and found.shots == 30
    assert found.ratio == pytest.approx(4 * sum(b for _, b in renders[:30]) / sum(a for a, _ in renders[:30]))
    assert found.low < found.ratio < found.high
    assert saving(mine, mine) is None and saving(mine, Row(CELL, "first", [shot(99)])) is None
    none_kept = Row(CELL, "first", [shot(0, kept=False, bad=None)])
    assert saving(mine, none_kept) is None


def test_what_aborts_lose_is_counted_by_truth(tmp_path: Path, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ct.PreviewAbort, "look", lambda self, step, steps, preview: False)  # stops everything
    (one,) = run(SmallStage(tmp_path, pool), pool, "aborts", tmp_path / "a.db", shots=1)
    drawn = seeds(tmp_path / "a.db")["s0000"]
    stage = SmallStage(tmp_path, pool)
    fine = sum(stage.acceptable(CELL, seed, {}) for seed in drawn)
    assert not one.kept and one.aborted == one.candidates == len(drawn)
    assert one.lost == one.acceptable == fine > 0


def test_rows_count_what_shots_without_a_keeper_cost() -> None:
    row = Row(CELL, "first", [shot(1), shot(2, kept=False, bad=None), shot(3, bad=True)])
    said = row.to_json({"cores": 2})
    assert tuple(said) == (*KEYS, "saving_over", "environment")
    assert said["candidates_per_kept"] == 15
    assert said["render_equivalents_per_kept"] == 12
    assert said["seconds_per_kept"] == 60
    assert said["inconclusive_share"] == pytest.approx(0.1)
    assert said["bad_share"] == 0.5
    assert said["bad_share_upper95"] == pytest.approx(0.9747, abs=1e-4)  # one of two: 1 - 0.05 ** (1 / 2) off the top
    assert said["share"] == 0.25 and said["repairable"] == 0.3
    json.dumps(said, allow_nan=False)


def test_nothing_kept_is_no_division_by_nothing() -> None:
    said = Row(CELL, "first", [shot(1, kept=False, bad=None)]).to_json({})
    assert said["candidates_per_kept"] is None and said["bad_share"] is None
    assert said["bad_share_upper95"] == 1.0


def test_table_and_chart_say_the_saving() -> None:
    rows = rows_of({(CELL, "all"): [shot(1, renders=2.0)], (CELL, "first"): [shot(1)], (CELL, "fixed"): []})
    assert [row.strategy for row in rows] == ["first", "all"]
    assert table(rows).splitlines()[-1].endswith("4.0 (4.0-4.0)")
    assert chart(rows).count("<rect") == 3


def test_what_is_complete_is_written_when_it_is_interrupted(tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    command = [sys.executable, str(ROOT / "rejection_ratio.py"), "--quick", "--folder", str(tmp_path / "f"), "--json"]
    with subprocess.Popen(
        [*command, str(out)], env=os.environ, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests run in the background ignore it
    ) as one:  # fmt: skip
        try:
            until = time.monotonic() + 60
            while not (tmp_path / "f" / "pool.db").exists() and time.monotonic() < until:
                time.sleep(0.1)
            one.send_signal(signal.SIGINT)
            one.communicate(timeout=60)
        finally:
            one.kill()
    assert one.returncode == 130
    assert json.loads(out.read_text()) == []


def test_renders_of_a_model_are_made_once_and_shown_again_step_by_step(tmp_path: Path) -> None:
    from continuity.errors import Aborted
    from rejection.presenter_stage import Replayed

    class Stops:
        settings: Mapping[str, Json] = {}

        def look(self, step: int, steps: int, preview: Any) -> bool:
            return not (step == 5 and preview().pixels.shape == (96, 96, 3))

    made = SmallStage(tmp_path, Pool(tmp_path / "pool.db")).generator(CELL)
    once = Replayed(made, 10, tmp_path / "renders.db", (0.45,))
    recipe = ct.Recipe(seed=3)
    first = once.render(recipe)
    again = Replayed(made, 10, tmp_path / "renders.db", (0.45,)).render(recipe)
    wanted = made.render(recipe).media
    assert isinstance(first.media, ct.Image) and isinstance(again.media, ct.Image) and isinstance(wanted, ct.Image)
    assert np.array_equal(first.media.pixels, wanted.pixels) and np.array_equal(again.media.pixels, wanted.pixels)
    assert again.cost.render == first.cost.render > 0
    with pytest.raises(Aborted) as stopped:
        once.render(recipe, Stops())
    assert stopped.value.cost is not None and stopped.value.cost.render_equivalents == 0.5
    with sqlite3.connect(tmp_path / "renders.db") as rows:
        rows.execute("DELETE FROM renders WHERE step = 10")
    once.render(recipe)  # cut off before its end was written: made again, whole
    found = sqlite3.connect(tmp_path / "renders.db").execute("SELECT step FROM renders ORDER BY step").fetchall()
    assert found == [(5,), (10,)]
