from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import continuity as ct
from continuity.aborts import savings
from continuity.errors import UsageError
from continuity.records import Json, PastPreview, Recipe, Rendered
from continuity.testing import FakeBackends, FakeMetric

Make = Callable[..., ct.PreviewAbort]
Shots = Callable[..., ct.Ledger]


def fake(*metrics: FakeMetric, **settings: Any) -> ct.PreviewAbort:
    nobody = ct.Identity(name="nobody", enrolled=())
    chosen = metrics or (FakeMetric("bright", previewable=True),)
    return ct.PreviewAbort(chosen, identity=nobody, backends=FakeBackends(), **settings)


def gray(level: int) -> Callable[[], ct.Image]:
    return lambda: ct.Image.from_array(np.full((8, 8, 3), level, dtype=np.uint8))


def taught(watch: ct.PreviewAbort, count: int = 46, at: tuple[int, ...] = (6, 12)) -> list[PastPreview]:
    tool = dict(watch.settings["instruments"])["bright"]  # type: ignore[call-overload]
    return [
        PastPreview(candidate=k, step=s, steps=20, key="bright", instrument=tool, value=50.0 + k, accepted=True)
        for k in range(count)
        for s in at
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_lost": 0}, "max_lost"), ({"max_lost": True}, "max_lost"), ({"confidence": 1}, "confidence"),
        ({"at": ()}, "never look"), ({"at": (0.5, 1.0)}, "at"), ({"at": (float("nan"),)}, "at"),
        ({"let_through": -0.1}, "let_through"), ({"let_through": 1}, "let_through"), ({"learn": "all"}, "learn"),
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(settings: Mapping[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        fake(**settings)


def test_metrics_that_need_a_finished_picture_are_left_out() -> None:
    with pytest.raises(UsageError, match="got face:mara"):
        fake(FakeMetric("face:mara"))
    watch = fake(FakeMetric("face:mara"), FakeMetric("look", previewable=True))
    assert list(watch.settings["instruments"]) == ["look"]  # type: ignore[call-overload]


def test_a_preview_has_an_instrument_of_its_own(gate: ct.Gate, abort: Make) -> None:
    digests: Any = abort().settings["instruments"]
    assert digests["grade"] != gate.instruments["grade"].digest


def test_in_shadow_mode_everything_goes_on_and_is_noted() -> None:
    watch = fake()
    one = watch.begin(taught(watch, 20), 0.99)
    assert all(one.look(step, 20, gray(255)) for step in range(1, 21))
    assert one.let_through
    assert [(p.step, p.value, p.limit) for p in one.previews] == [(6, 255.0, None), (12, 255.0, 69.0)]
    assert [p.beyond for p in one.previews] == [False, True]
    assert watch.previews == ()


def test_a_limit_in_force_stops_what_is_beyond_it() -> None:
    watch = fake()
    past = taught(watch)
    near, far = watch.begin(past, 0.99), watch.begin(past, 0.99)
    assert all(near.look(step, 20, gray(94)) for step in range(1, 21))
    assert not near.let_through
    assert [far.look(step, 20, gray(96)) for step in range(1, 7)] == [True] * 5 + [False]
    assert [(p.step, p.value, p.limit) for p in far.previews] == [(6, 96.0, 94.0)]


def test_the_coin_lets_through_whatever_is_seen() -> None:
    watch = fake(let_through=0.1)
    one = watch.begin(taught(watch), 0.0999)
    assert all(one.look(step, 20, gray(255)) for step in range(1, 21))
    assert one.let_through
    assert all(p.beyond for p in one.previews)
    assert not watch.begin(taught(watch), 0.1).look(6, 20, gray(255))


def test_only_what_may_stop_is_measured() -> None:
    looked: list[int] = []

    def preview() -> ct.Image:
        looked.append(1)
        return gray(10)()

    watch = fake()
    one = watch.begin(taught(watch, 29), 0.99)  # one limit, for the second look
    for step in range(1, 21):
        one.look(step, 20, preview)
    assert len(looked) == 1
    assert [p.step for p in one.previews] == [12]


def test_what_a_cheap_metric_stops_no_dear_one_measures() -> None:
    asked: list[str] = []

    def metric(key: str, cost: float) -> FakeMetric:
        def measures(seen: Any) -> float:
            asked.append(key)
            return float(seen.pixels.mean())

        return FakeMetric(key, measures=measures, cost=cost, previewable=True)

    watch = fake(metric("dear", 9.0), metric("bright", 1.0), at=(0.3,))
    tools: Any = watch.settings["instruments"]
    past = [
        PastPreview(candidate=k, step=6, steps=20, key=key, instrument=tool, value=50.0 + k, accepted=True)
        for k in range(46)
        for key, tool in tools.items()
    ]
    stopped, free = watch.begin(past, 0.99), watch.begin(past, 0.0)
    assert not stopped.look(6, 20, gray(255))
    assert (asked, [p.key for p in stopped.previews]) == (["bright"], ["bright"])
    assert free.look(6, 20, gray(255))
    assert [p.key for p in free.previews] == ["bright", "dear"], "who is let through teaches every metric"


def test_another_number_of_steps_learns_anew() -> None:
    watch = fake()
    one = watch.begin(taught(watch), 0.99)
    assert all(one.look(step, 30, gray(255)) for step in range(1, 31))
    assert one.let_through


def test_whatever_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(seen: Any) -> float:
        raise RuntimeError("no")

    def nothing() -> ct.Image:
        raise UsageError("no VAE")

    watch = fake(FakeMetric("bright", measures=broken, previewable=True))
    one = watch.begin(taught(watch), 0.99)
    assert all(one.look(step, 20, gray(255)) for step in range(1, 21))
    assert [p.value for p in one.previews] == [None, None]
    blind = watch.begin(taught(watch), 0.99)
    assert all(blind.look(step, 20, nothing) for step in range(1, 21))
    assert blind.previews == ()
    assert "no VAE" in caplog.text


# The loop


def rows(ledger: ct.Ledger) -> list[tuple[object, ...]]:
    return [(r.shot, r.index, r.seed, str(r.state), r.digest, r.worst_excess) for r in ledger.candidates()]


def test_a_shadow_run_changes_no_candidate(shots: Shots, abort: Make) -> None:
    bare, shadow = shots(4, None, name="bare"), shots(4, abort(), name="shadow")
    assert rows(bare) == rows(shadow)
    seen = shadow.watched()
    assert len(seen) == len(rows(shadow))
    assert bare.watched() == ()
    for one in seen:
        assert one.renders == 1.0
        assert one.previews.let_through
        assert [(p.step, p.key) for p in one.previews.items] == [(6, "grade"), (12, "grade")]
    costs = [row.cost for row in shadow.candidates()]
    assert all(cost.preview > 0 for cost in costs)
    pool = seen[0].previews.pool
    past = shadow.past_previews(pool)
    assert {p.candidate for p in past} == {r.id for r in shadow.candidates() if r.state is ct.State.ACCEPTED}
    assert all(p.accepted for p in past)


def test_aborts_save_renders_and_lose_no_more_than_they_say(shots: Shots, abort: Make, simulator: ct.Simulator) -> None:
    watch = abort(at=(0.6,), let_through=0.2)
    ledger = shots(34, watch)
    found = savings_of(ledger)
    assert found.in_force
    assert found.accepts >= 29
    assert found.lost_at_most <= 0.1
    assert found.aborted > 0
    assert found.saved == pytest.approx(found.aborted * 0.4)
    assert found.renders < found.watched
    aborted = [row for row in ledger.candidates() if row.state is ct.State.ABORTED]
    assert len(aborted) == found.aborted
    for row in aborted:
        assert (row.cost.steps_run, row.cost.steps_planned) == (12, 20)
        assert (row.media, row.thumbnail, row.digest) == ("", "", "")
        assert ledger.report(row.id) is None
    seeds = {one.candidate: one for one in ledger.watched()}
    free = [seeds[r.id] for r in ledger.candidates() if seeds[r.id].previews.let_through]
    assert all(one.state is not ct.State.ABORTED for one in free)
    assert ledger.bill().renders == pytest.approx(found.renders)


@pytest.mark.slow
def test_over_a_whole_show_the_promise_holds(shots: Shots, abort: Make, gate: ct.Gate, simulator: ct.Simulator) -> None:
    """What was aborted is rendered again to its end: how many of the acceptable candidates were lost is counted."""
    ledger = shots(150, abort())
    began = next(r.id for r in ledger.candidates() if r.state is ct.State.ABORTED)
    later = [r for r in ledger.candidates() if r.id >= began]
    accepted = sum(r.state is ct.State.ACCEPTED for r in later)
    lost = 0
    for row in later:
        if row.state is ct.State.ABORTED:
            report = gate.inspect(simulator.render(ledger.recipe(row.id)).media)
            lost += report.verdict is ct.Verdict.PASS
    renders = sum(r.cost.render_equivalents for r in later)
    assert lost / (lost + accepted) <= 0.1
    assert len(later) / renders > 1.2


def savings_of(ledger: ct.Ledger) -> Any:
    seen = ledger.watched()
    said: dict[str, Any] = {one.stream: ledger.description(one.stream)["aborts"] for one in seen}
    past = {one.previews.pool: ledger.past_previews(one.previews.pool) for one in seen}
    return savings(seen, past, {stream: one["settings"] for stream, one in said.items()})[0]


def test_shots_of_another_kind_teach_nothing(
    shots: Shots, abort: Make, gate: ct.Gate, photograph: Any, tmp_path: Path
) -> None:
    ledger = shots(2, abort())
    other = ct.Simulator(photograph, acceptable=0.2, aspects=["grade"], size=64, severity=(0.3, 1.0))
    ct.Shot("other", gate=gate, ledger=ledger).run(other, budget=ct.Budget(candidates=2), aborts=abort())
    strict = ct.Gate(gate.metrics, identity=gate.identity, tolerances={"grade": 0.1}, backends=FakeBackends())
    shot = ct.Shot("strict", gate=strict, ledger=ledger)
    shot.run(other, budget=ct.Budget(candidates=2), aborts=abort())
    assert len({one.previews.pool for one in ledger.watched()}) == 3


def test_a_generator_that_shows_nothing_is_said_once(
    shots: Shots, abort: Make, gate: ct.Gate, simulator: ct.Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Blind:
        settings: Mapping[str, Json] = {}

        def render(self, recipe: Recipe, watch: object = None) -> Rendered:
            return simulator.render(replace(recipe))

    with ct.Ledger.open(tmp_path / "blind.db") as ledger, caplog.at_level(logging.WARNING):
        shot = ct.Shot("sc", gate=gate, ledger=ledger, stop=ct.BestOf(50))
        shot.run(Blind(), budget=ct.Budget(candidates=5), aborts=abort())
        assert ledger.watched() == ()
    assert caplog.text.count("shows no previews") == 1
