"""What a run does around a render: batches, and what a render reads."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import continuity as ct
from continuity.errors import BudgetSpent, MissingWeights, RenderFailed, StorageFull, UsageError
from continuity.records import InputMedium, Json, Proposal, Recipe, Rendered, State, Trial
from continuity.shot import alive

if TYPE_CHECKING:
    from conftest import Painter

Begin = Callable[..., ct.Shot]
Paint = Callable[..., "Painter"]


@dataclass
class Press:
    """Renders batches with a painter; ``first`` is called before each with the recipes."""

    painter: Painter
    first: Callable[[Sequence[Recipe]], object] = lambda recipes: None
    settings: Mapping[str, Json] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)

    def render(self, recipe: Recipe, watch: object = None) -> Rendered:
        self.sizes.append(1)
        return self.painter.render(recipe, watch)  # type: ignore[arg-type]

    def render_batch(self, recipes: Sequence[Recipe]) -> Sequence[Rendered | RenderFailed]:
        self.sizes.append(len(recipes))
        self.first(recipes)
        return [self._one(recipe) for recipe in recipes]

    def _one(self, recipe: Recipe) -> Rendered | RenderFailed:
        try:
            return self.painter.render(recipe)
        except RenderFailed as failed:
            return failed


def states(ledger: ct.Ledger) -> list[str]:
    return [str(row.state) for row in ledger.candidates()]


def test_all_of_a_batch_are_candidates_and_the_first_pass_by_index_is_kept(
    ledger: ct.Ledger, begin: Begin, painter: Paint
) -> None:
    press = Press(painter(200, 200, 200, 200, 90, 9, 12, 3))
    seen: list[ct.Told] = []
    outcome = begin().run(press, budget=ct.Budget(candidates=20), batch=4, on_told=seen.append)
    assert press.sizes == [4, 4]
    assert states(ledger) == ["rejected"] * 5 + ["accepted"] * 3
    assert outcome.kept is not None
    assert outcome.kept.row.index == 5  # not the darkest, the first
    assert [one.row.index for one in seen] == list(range(8))
    assert outcome.rendered == outcome.candidates == 8
    assert outcome.cost.render == pytest.approx(16.0)  # what the generator says of each
    assert ledger.recipe(seen[6].candidate).details["batch"] == {"index": 2, "size": 4}
    assert len({row.seed for row in ledger.candidates()}) == 8


def test_the_best_of_a_batch_is_chosen_after_all_of_it(begin: Begin, painter: Paint) -> None:
    outcome = begin(stop=ct.BestOf(2)).run(Press(painter(15, 12, 9, 1)), budget=ct.Budget(candidates=20), batch=4)
    assert outcome.kept is not None
    assert outcome.kept.row.index == 3


def test_what_was_rendered_is_on_the_bill_where_weights_go_missing_in_mid_run(
    ledger: ct.Ledger, begin: Begin, painter: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = begin()

    def gone(media: ct.Image, **more: object) -> ct.Report:
        raise MissingWeights("the weights of hands were wanted, they are gone")

    monkeypatch.setattr(one.gate, "inspect", gone)
    with pytest.raises(MissingWeights):
        one.run(Press(painter(1)), budget=ct.Budget(candidates=8), batch=4)
    rows = list(ledger.candidates(one.row))
    assert [row.state for row in rows] == [ct.State.FAILED] * 4
    assert all("they are gone" in row.error and row.cost.render > 0 for row in rows)


def test_the_last_batch_shrinks_to_the_budget_and_one_alone_is_no_batch(
    ledger: ct.Ledger, begin: Begin, painter: Paint
) -> None:
    press = Press(painter(200))
    outcome = begin().run(press, budget=ct.Budget(candidates=7), batch=3)
    assert press.sizes == [3, 3, 1]
    assert outcome.stopped_by is ct.StoppedBy.CANDIDATES
    assert states(ledger) == ["rejected"] * 7
    assert "batch" not in ledger.recipe(7).details


def test_a_batch_that_failed_as_a_whole_is_one_failed_render(ledger: ct.Ledger, begin: Begin, painter: Paint) -> None:
    calls: list[int] = []

    def sometimes(recipes: Sequence[Recipe]) -> None:
        calls.append(1)
        if len(calls) in (1, 2, 4, 5, 6):
            raise RenderFailed("out of memory", cost=ct.Cost(render=8.0))

    outcome = begin().run(Press(painter(200), sometimes), budget=ct.Budget(candidates=100), batch=4)
    assert outcome.stopped_by is ct.StoppedBy.FAILURES
    assert len(calls) == 6  # two in a row were not enough
    assert states(ledger) == ["failed"] * 8 + ["rejected"] * 4 + ["failed"] * 12
    assert [row.cost.render for row in ledger.candidates()][:8] == [2.0] * 8
    assert all("out of memory" in row.error for row in ledger.candidates() if row.state is State.FAILED)


def test_single_failures_of_a_batch_leave_the_rest(ledger: ct.Ledger, begin: Begin, painter: Paint) -> None:
    outcome = begin().run(Press(painter(None, 200, None, 4)), budget=ct.Budget(candidates=4), batch=4)
    assert states(ledger) == ["failed", "rejected", "failed", "accepted"]
    assert outcome.kept is not None
    assert outcome.kept.row.index == 3


def test_without_render_batch_they_are_rendered_one_after_another_and_it_is_said_once(
    ledger: ct.Ledger, begin: Begin, painter: Paint, caplog: pytest.LogCaptureFixture
) -> None:
    one = painter(200, 200, 3)
    outcome = begin().run(one, budget=ct.Budget(candidates=20), batch=8)
    assert outcome.candidates == 3  # nothing is rendered after the first pass
    assert caplog.text.count("one after another") == 1


def test_a_batch_is_never_watched_and_that_is_said(
    begin: Begin, painter: Paint, caplog: pytest.LogCaptureFixture
) -> None:
    class Stop:
        settings: Mapping[str, Json] = {}

        def look(self, step: int, steps: int, preview: Callable[[], ct.Image]) -> bool:
            return False

    one = painter(200)
    begin().run(Press(one), budget=ct.Budget(candidates=4), aborts=Stop(), batch=2)
    assert one.watched == [None] * 4
    assert caplog.text.count("never watched") == 1


def test_the_seconds_of_a_budget_are_looked_at_before_each_ask(ledger: ct.Ledger, begin: Begin, painter: Paint) -> None:
    outcome = begin().run(Press(painter(200)), budget=ct.Budget(seconds=9.0), batch=2)  # 2 s each
    assert outcome.stopped_by is ct.StoppedBy.SECONDS
    assert outcome.candidates == 6


def test_a_proposer_that_ends_within_a_batch_ends_the_run_after_it(
    ledger: ct.Ledger, begin: Begin, painter: Paint
) -> None:
    class Three:
        settings: Mapping[str, Json] = {}

        def propose(self, history: Sequence[Trial], index: int) -> Proposal:
            if index >= 3:
                raise BudgetSpent("all 3 are asked for")
            return Proposal(changes={"variant": index})

    press = Press(painter(200))
    outcome = begin(proposer=Three()).run(press, budget=ct.Budget(candidates=20), batch=2)
    assert outcome.stopped_by is ct.StoppedBy.EXHAUSTED
    assert press.sizes == [2, 1]
    assert states(ledger) == ["rejected"] * 3


def test_a_proposer_that_fails_within_a_batch_leaves_nothing_open(
    ledger: ct.Ledger, begin: Begin, painter: Paint
) -> None:
    class Broken:
        settings: Mapping[str, Json] = {}

        def propose(self, history: Sequence[Trial], index: int) -> Proposal:
            return Proposal(changes={"x": [1, 2][index]})

    with pytest.raises(IndexError):
        begin(proposer=Broken()).run(Press(painter(200)), budget=ct.Budget(candidates=20), batch=4)
    assert states(ledger) == ["failed", "failed"]


@pytest.mark.usefixtures("foreground")
def test_ctrl_c_ends_after_the_running_batch(ledger: ct.Ledger, begin: Begin, painter: Paint) -> None:
    press = Press(painter(200), lambda recipes: os.kill(os.getpid(), signal.SIGINT))
    outcome = begin().run(press, budget=ct.Budget(candidates=20), batch=3)
    assert outcome.stopped_by is ct.StoppedBy.INTERRUPTED
    assert states(ledger) == ["rejected"] * 3


@pytest.mark.usefixtures("foreground")
def test_a_second_ctrl_c_ends_at_once_and_all_of_the_batch_are_billed(
    ledger: ct.Ledger, begin: Begin, painter: Paint
) -> None:
    def twice(recipes: Sequence[Recipe]) -> None:
        time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        begin().run(Press(painter(200), twice), budget=ct.Budget(candidates=20), batch=3)
    assert states(ledger) == ["failed"] * 3
    assert sum(row.cost.render for row in ledger.candidates()) >= 0.02


@pytest.mark.usefixtures("foreground")
def test_an_interrupt_between_two_inspections_keeps_the_first_word(
    ledger: ct.Ledger, begin: Begin, painter: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = begin()
    inspect, inspected = one.gate.inspect, []

    def interrupted(media: ct.Image, **asked: Any) -> ct.Report:
        inspected.append(1)
        if len(inspected) == 2:
            raise KeyboardInterrupt
        return inspect(media, **asked)

    monkeypatch.setattr(one.gate, "inspect", interrupted)
    with pytest.raises(KeyboardInterrupt):
        one.run(Press(painter(200)), budget=ct.Budget(candidates=20), batch=3)
    assert states(ledger) == ["rejected", "failed", "failed"]
    assert [row.cost.render for row in ledger.candidates()] == [2.0] * 3


def test_the_leases_of_all_of_a_batch_beat(
    ledger: ct.Ledger, begin: Begin, painter: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alive, "LEASE_SECONDS", 0.03)
    beaten: set[int] = set()
    monkeypatch.setattr(ledger, "beat", lambda ticket: beaten.add(ticket.index))

    def wait(recipes: Sequence[Recipe]) -> None:
        until = time.monotonic() + 20
        while len(beaten) < 3 and time.monotonic() < until:
            time.sleep(0.01)

    begin().run(Press(painter(200), wait), budget=ct.Budget(candidates=3), batch=3)
    assert beaten == {0, 1, 2}


def test_a_disk_that_fills_up_within_a_batch_loses_no_verdict(
    ledger: ct.Ledger, begin: Begin, painter: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StorageFull("no space is left")

    monkeypatch.setattr(type(ledger.media), "put", full)
    outcome = begin().run(Press(painter(200, 3, 200)), budget=ct.Budget(candidates=30), batch=3)
    assert outcome.rendered == 3
    assert states(ledger) == ["rejected", "accepted", "rejected"]
    assert outcome.kept is None or outcome.kept.row.index == 1


@pytest.mark.parametrize("batch", [0, -1, 2.0, True, "4"])
def test_what_is_no_batch(begin: Begin, painter: Paint, batch: object) -> None:
    with pytest.raises(UsageError, match="from 1 up"):
        begin().run(painter(200), budget=ct.Budget(candidates=1), batch=batch)  # type: ignore[arg-type]


# -- what a render reads --------------------------------------------------------------------------------------------


@dataclass
class Reader(Press):
    """Reads a start frame that may differ from recipe to recipe, and a file."""

    reads: Callable[[Recipe], Mapping[str, InputMedium]] = lambda recipe: {}

    def inputs(self, recipe: Recipe) -> Mapping[str, InputMedium]:
        return self.reads(recipe)

    def with_inputs(self, inputs: Mapping[str, InputMedium]) -> Reader:
        return replace(self, reads=lambda recipe: inputs)


START = InputMedium.of_bytes(b"start frame", ".png")


def test_inputs_are_stored_and_named_by_the_row_before_anyone_renders(
    ledger: ct.Ledger, begin: Begin, painter: Paint, tmp_path: Path
) -> None:
    file = tmp_path / "style.safetensors"
    file.write_bytes(b"adapter" * 1000)
    adapter = InputMedium.of_file(file)
    seen: list[Mapping[str, str]] = []

    def look(recipes: Sequence[Recipe]) -> None:
        seen.extend(ledger.recipe(row.id).inputs for row in ledger.candidates() if row.state is State.ASKED)
        assert [recipe.inputs for recipe in recipes] == seen[-len(recipes) :]

    reader = Reader(painter(200), look, reads=lambda recipe: {"image": START, "style": adapter})
    begin().run(reader, budget=ct.Budget(candidates=4), batch=2)
    wanted = {"image": hashlib.sha256(b"start frame").hexdigest(), "style": adapter.digest}
    assert seen == [wanted] * 4
    assert [ledger.recipe(row.id).inputs for row in ledger.candidates()] == [wanted] * 4
    assert ledger.media.input(wanted["image"]).read() == b"start frame"
    file.write_bytes(b"another")  # a copy, no link
    assert ledger.media.input(wanted["style"]).read() == b"adapter" * 1000


def test_a_generator_that_completes_the_recipe_anew_does_not_lose_its_inputs(
    ledger: ct.Ledger, begin: Begin, painter: Paint
) -> None:
    class Forgetful(Reader):
        def render(self, recipe: Recipe, watch: object = None) -> Rendered:
            rendered = super().render(recipe, watch)
            return replace(rendered, recipe=Recipe(seed=recipe.seed, details={"own": 1}))

    begin().run(Forgetful(painter(200, 200, 3), reads=lambda r: {"image": START}), budget=ct.Budget(candidates=9))
    assert [ledger.recipe(row.id).inputs for row in ledger.candidates()] == [{"image": START.digest}] * 3


def test_inputs_that_cannot_be_had_are_failed_candidates_and_the_rest_of_the_batch_renders(
    ledger: ct.Ledger, begin: Begin, painter: Paint
) -> None:
    calls: list[int] = []

    def reads(recipe: Recipe) -> Mapping[str, InputMedium]:
        calls.append(1)
        if len(calls) == 2:
            raise FileNotFoundError("start.png")
        return {"image": START}

    reader = Reader(painter(200), reads=reads)
    begin().run(reader, budget=ct.Budget(candidates=3), batch=3)
    assert states(ledger) == ["rejected", "failed", "rejected"]
    assert reader.sizes == [2]
    assert "start.png" in ledger.candidate(2).error


def test_inputs_that_never_come_end_the_run(ledger: ct.Ledger, begin: Begin, painter: Paint, tmp_path: Path) -> None:
    file = tmp_path / "mask.png"
    file.write_bytes(b"mask")
    mask = InputMedium.of_file(file)
    file.write_bytes(b"another mask")
    one = painter(200)
    outcome = begin().run(Reader(one, reads=lambda recipe: {"mask": mask}), budget=ct.Budget(candidates=30))
    assert outcome.stopped_by is ct.StoppedBy.FAILURES
    assert not one.painted
    assert all("changed" in row.error for row in ledger.candidates())
    assert not [path for path in ledger.media.root.rglob("*") if path.is_file()]


def test_a_disk_without_room_for_inputs_ends_the_run_with_nothing_open(
    ledger: ct.Ledger, begin: Begin, painter: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFull("no space is left for inputs")

    monkeypatch.setattr(type(ledger.media), "put_input", full)
    one = painter(200)
    outcome = begin().run(Reader(one, reads=lambda r: {"image": START}), budget=ct.Budget(candidates=30), batch=3)
    assert outcome.stopped_by is ct.StoppedBy.STORAGE
    assert states(ledger) == ["failed"] * 3
    assert not one.painted
