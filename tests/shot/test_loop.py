"""The loop: what it records, when it stops, and that it goes on where it stopped."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import continuity as ct
from continuity.errors import BudgetSpent, MissingWeights, StorageFull, UsageError
from continuity.interfaces import Watch
from continuity.records import FrameMeasurement, Json, Proposal, Recipe, Rendered, State, Status, Trial
from continuity.testing import FakeBackends, FakeMetric, PatternGenerator

Flat = Callable[[int], ct.Image]
NOBODY = ct.Identity(name="nobody", enrolled=())
BLIND = FrameMeasurement(status=Status.NOT_MEASURABLE, note="too dark")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[ct.Ledger]:
    with ct.Ledger.open(tmp_path / "show.db") as opened:
        yield opened


def gate(metric: FakeMetric, limit: float = 16.0) -> ct.Gate:
    """Accepts about one flat picture in 16."""
    return ct.Gate([metric], identity=NOBODY, tolerances={metric.key: limit}, backends=FakeBackends())


def shot(ledger: ct.Ledger, metric: FakeMetric | None = None, name: str = "sc010", **settings: object) -> ct.Shot:
    return ct.Shot(name, gate=gate(metric or FakeMetric("bright")), ledger=ledger, **settings)  # type: ignore[arg-type]


NEVER = FakeMetric("never", 99.0)
ALWAYS = FakeMetric("always", 0.0)
BUDGET = ct.Budget(candidates=200)


def test_it_stops_at_the_first_accepted_and_keeps_it(ledger: ct.Ledger, tmp_path: Path) -> None:
    seen: list[ct.Told] = []
    outcome = shot(ledger).run(PatternGenerator(), budget=BUDGET, on_told=seen.append)
    assert outcome.stopped_by is ct.StoppedBy.ACCEPTED
    assert outcome.kept is not None
    assert outcome.kept.report is not None
    assert outcome.kept.report.verdict is ct.Verdict.PASS
    assert outcome.rendered == len(seen) == outcome.candidates
    assert [t.row.state for t in seen] == [State.REJECTED] * (len(seen) - 1) + [State.ACCEPTED]
    assert outcome.kept.media is not None
    outcome.kept.media.save(tmp_path / "kept.png")
    assert ct.open_media(tmp_path / "kept.png").pixels.mean() <= 16
    assert outcome.failing == {"bright": len(seen) - 1}
    assert outcome.cost.render > 0
    assert outcome.cost.score > 0


def test_a_kept_shot_renders_nothing_more(ledger: ct.Ledger) -> None:
    first = shot(ledger, ALWAYS).run(PatternGenerator(), budget=BUDGET)
    again = shot(ledger, ALWAYS).run(PatternGenerator(), budget=BUDGET)
    assert (first.rendered, again.rendered) == (1, 0)
    assert again.kept is not None
    assert first.kept is not None
    assert again.kept.candidate == first.kept.candidate


def test_the_budget_belongs_to_the_shot_over_all_runs(ledger: ct.Ledger) -> None:
    one = shot(ledger, NEVER).run(PatternGenerator(), budget=ct.Budget(candidates=4))
    two = shot(ledger, NEVER).run(PatternGenerator(), budget=ct.Budget(candidates=6))
    assert (one.rendered, two.rendered, two.candidates) == (4, 2, 6)
    assert two.stopped_by is ct.StoppedBy.CANDIDATES
    assert two.kept is None
    assert two.closest is not None
    assert two.closest.report is not None
    assert two.failing == {"never": 6}


@pytest.mark.parametrize(
    "limits", [{"seconds": 0.05}, {"gpu_seconds": 0.05}, {"cost": 0.05, "rates": ct.Rates(per_second={"cuda": 1.0})}]
)
def test_every_limit_of_the_budget_stops_by_its_name(ledger: ct.Ledger, limits: dict[str, object]) -> None:
    class Slow(PatternGenerator):
        def render(self, recipe: Recipe, watch: Watch | None = None) -> Rendered:
            rendered = super().render(recipe, watch)
            return replace(rendered, cost=ct.Cost(render=0.02, device="cuda:test"))

    outcome = shot(ledger, NEVER).run(Slow(), budget=ct.Budget(**limits))  # type: ignore[arg-type]
    assert outcome.stopped_by == next(iter(limits))
    assert outcome.stopped_by.is_budget
    assert 1 <= outcome.candidates <= 5


def test_seeds_are_unique_and_the_same_for_the_same_shot(ledger: ct.Ledger, tmp_path: Path) -> None:
    def seeds(of: ct.Ledger) -> list[int]:
        shot(of, NEVER).run(PatternGenerator(), budget=ct.Budget(candidates=30))
        return [row.seed for row in of.candidates()]

    with ct.Ledger.open(tmp_path / "other.db") as other:
        assert seeds(ledger) == seeds(other)
    assert len(set(seeds(ledger))) == 30


def test_a_generator_that_raises_is_a_failed_candidate_and_three_in_a_row_stop(ledger: ct.Ledger) -> None:
    calls: list[int] = []

    def sometimes(recipe: Recipe) -> bool:
        calls.append(1)
        return len(calls) not in (3, 6)

    outcome = shot(ledger, NEVER).run(PatternGenerator(fails=sometimes), budget=BUDGET)
    assert outcome.stopped_by is ct.StoppedBy.FAILURES
    states = [row.state for row in ledger.candidates()]
    assert states == [
        State(s) for s in ("failed", "failed", "rejected", "failed", "failed", "rejected", *["failed"] * 3)
    ]
    assert all(row.error for row in ledger.candidates() if row.state is State.FAILED)


@dataclass
class Rude:
    """A generator that does not know the error tree."""

    error: BaseException
    settings: Mapping[str, Json] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.settings = {}

    def render(self, recipe: Recipe, watch: Watch | None = None) -> Rendered:
        raise self.error


def test_any_exception_of_a_generator_is_recorded(ledger: ct.Ledger) -> None:
    outcome = shot(ledger).run(Rude(ZeroDivisionError("division by zero")), budget=BUDGET)
    assert outcome.stopped_by is ct.StoppedBy.FAILURES
    assert all("ZeroDivisionError" in row.error for row in ledger.candidates())


def test_five_inconclusive_in_a_row_for_one_cause_stop(ledger: ct.Ledger) -> None:
    outcome = shot(ledger, FakeMetric("blind", BLIND)).run(PatternGenerator(), budget=BUDGET)
    assert outcome.stopped_by is ct.StoppedBy.INCONCLUSIVE
    assert "blind" in outcome.reason
    assert outcome.rendered == 5
    assert {row.state for row in ledger.candidates()} == {State.INCONCLUSIVE}


def test_an_abort_is_a_state_of_its_own_with_its_steps(ledger: ct.Ledger) -> None:
    class Halfway:
        settings: Mapping[str, Json] = {}

        def look(self, step: int, steps: int, preview: Callable[[], ct.Image]) -> bool:
            return step < 2

    outcome = shot(ledger).run(PatternGenerator(), budget=ct.Budget(candidates=2), aborts=Halfway())
    rows = list(ledger.candidates())
    assert [row.state for row in rows] == [State.ABORTED] * 2
    assert [row.cost.render_equivalents for row in rows] == [0.5, 0.5]
    assert not any(row.media or row.thumbnail for row in rows)
    assert outcome.stopped_by is ct.StoppedBy.CANDIDATES


def test_asking_and_telling_by_hand(ledger: ct.Ledger, flat: Flat) -> None:
    one = shot(ledger)
    first, second = one.ask(), one.ask()
    assert first.seed != second.seed
    assert one.tell(second, flat(200), ct.Cost(render=1)).row.state is State.REJECTED
    assert one.tell(first, flat(3)).row.state is State.ACCEPTED
    assert one.tell(first, flat(255)).row.state is State.ACCEPTED  # farms deliver twice: the first word stands
    assert ledger.totals(ledger.shots()[0]).candidates == 2
    failed = one.tell(one.ask(), error="the farm lost it")
    assert (failed.row.state, failed.row.error) == (State.FAILED, "the farm lost it")
    with pytest.raises(UsageError, match="both or neither"):
        one.tell(one.ask())


def test_a_proposer_with_nothing_left_ends_the_run_by_name(ledger: ct.Ledger) -> None:
    class Two:
        settings: Mapping[str, Json] = {}

        def propose(self, history: Sequence[Trial], index: int) -> Proposal:
            if index >= 2:
                raise BudgetSpent("all 2 variants have been judged")
            return Proposal(changes={"variant": index})

    outcome = shot(ledger, NEVER, proposer=Two()).run(PatternGenerator(), budget=BUDGET)
    assert outcome.stopped_by is ct.StoppedBy.EXHAUSTED
    assert [ledger.recipe(row.id).changes for row in ledger.candidates()][:2] == [{"variant": 0}, {"variant": 1}]
    assert not [row for row in ledger.candidates() if row.state is State.ASKED]


def test_another_spec_under_the_same_name_is_a_new_revision(ledger: ct.Ledger) -> None:
    shot(ledger, NEVER).run(PatternGenerator(), budget=ct.Budget(candidates=2))
    shot(ledger, NEVER, prompt="another").run(PatternGenerator(), budget=ct.Budget(candidates=2))
    assert [(s.name, s.revision) for s in ledger.shots()] == [("sc010", 1), ("sc010", 2)]


def test_a_share_is_measured_fully_by_a_coin_that_the_ledger_holds(ledger: ct.Ledger) -> None:
    both = ct.Gate(
        [FakeMetric("a", 99.0, cost=1), FakeMetric("b", 0.0, cost=2)],
        identity=NOBODY, tolerances={"a": 1.0, "b": 1.0}, backends=FakeBackends(),
    )  # fmt: skip
    ct.Shot("all", gate=both, ledger=ledger, measure_fully=1).run(PatternGenerator(), budget=ct.Budget(candidates=5))
    ct.Shot("none", gate=both, ledger=ledger, measure_fully=0).run(PatternGenerator(), budget=ct.Budget(candidates=5))

    def statuses(name: str) -> set[Status]:
        reports = [ledger.report(row.id) for row in ledger.candidates() if row.shot == name]
        return {r["b"].status for r in reports if r is not None}

    assert statuses("all") == {Status.MEASURED}
    assert statuses("none") == {Status.SKIPPED}


def test_missing_weights_are_raised_before_any_render(
    ledger: ct.Ledger, enrolled: ct.Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTINUITY_WEIGHTS", str(tmp_path / "none"))
    with pytest.raises(MissingWeights):
        ct.Shot("sc010", gate=ct.Gate.for_identity(enrolled, backends=ct.LocalBackends()), ledger=ledger)
    assert not ledger.shots()


def test_a_nearly_full_disk_stops_before_the_next_render(ledger: ct.Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[int] = []

    def check() -> None:
        checks.append(1)
        if len(checks) > 2:
            raise StorageFull("only 1 MiB is left")

    monkeypatch.setattr(ledger, "check_space", check)
    outcome = shot(ledger, NEVER).run(PatternGenerator(), budget=BUDGET)
    assert (outcome.stopped_by, outcome.rendered) == (ct.StoppedBy.STORAGE, 2)


@pytest.mark.usefixtures("foreground")
def test_ctrl_c_stops_after_the_running_candidate(ledger: ct.Ledger) -> None:
    def press(told: ct.Told) -> None:
        if told.row.index == 2:
            threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT)).start()

    outcome = shot(ledger, NEVER).run(PatternGenerator(seconds=0.05), budget=BUDGET, on_told=press)
    assert outcome.stopped_by is ct.StoppedBy.INTERRUPTED
    assert not [row for row in ledger.candidates() if row.state is State.ASKED]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_background_job_goes_on_ignoring_ctrl_c(ledger: ct.Ledger, foreground: None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    outcome = shot(ledger, NEVER).run(
        PatternGenerator(), budget=ct.Budget(candidates=3), on_told=lambda told: os.kill(os.getpid(), signal.SIGINT)
    )
    assert outcome.stopped_by is ct.StoppedBy.CANDIDATES


def test_a_picture_that_cannot_be_inspected_is_a_failed_candidate(ledger: ct.Ledger, tmp_path: Path) -> None:
    class Gone(PatternGenerator):
        def render(self, recipe: Recipe, watch: Watch | None = None) -> Rendered:
            rendered = super().render(recipe, watch)
            path = tmp_path / f"{recipe.seed}.png"
            path.write_bytes(rendered.media.source_bytes()[:60])
            return replace(rendered, media=ct.Image.open(path))

    outcome = shot(ledger, ALWAYS).run(Gone(), budget=BUDGET)
    assert outcome.stopped_by is ct.StoppedBy.FAILURES
    assert outcome.kept is None


def test_senseless_settings(ledger: ct.Ledger) -> None:
    for wrong in ({"name": " "}, {"measure_fully": 1.5}, {"measure_fully": float("nan")}):
        with pytest.raises(UsageError):
            shot(ledger, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        ct.FirstAccepted(failures=0)


def test_the_main_job_with_real_models(
    ledger: ct.Ledger, enrolled: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    judged = ct.Gate.for_identity(enrolled, backends=backends)
    simulator = ct.Simulator(ct.Image.from_array(astronaut), acceptable=0.25)
    outcome = ct.Shot("astronaut", gate=judged, ledger=ledger).run(simulator, budget=ct.Budget(candidates=40))
    assert outcome.kept is not None
    truth = ledger.recipe(outcome.kept.candidate).details["truth"]
    assert truth["acceptable"]  # type: ignore[index,call-overload]


def test_a_renderer_that_ends_the_process_ends_its_candidate(ledger: ct.Ledger) -> None:
    outcome = shot(ledger, NEVER).run(Rude(SystemExit(0)), budget=BUDGET)
    assert outcome.stopped_by is ct.StoppedBy.FAILURES
    assert all("SystemExit" in row.error for row in ledger.candidates())


def test_what_was_accepted_before_a_crash_is_kept_by_the_next_run(
    ledger: ct.Ledger, monkeypatch: pytest.MonkeyPatch, flat: Flat
) -> None:
    one = shot(ledger, ALWAYS)
    with monkeypatch.context() as cut_off:
        cut_off.setattr(ledger, "keep", lambda *_: False)
        accepted = one.tell(one.ask(), flat(1))
    assert accepted.row.state is State.ACCEPTED
    outcome = shot(ledger, ALWAYS).run(PatternGenerator(), budget=BUDGET)
    assert outcome.rendered == 0
    assert outcome.kept is not None
    assert outcome.kept.candidate == accepted.candidate


def test_the_first_word_stands_with_its_report(ledger: ct.Ledger, flat: Flat) -> None:
    one = shot(ledger)
    ticket = one.ask()
    first, second = one.tell(ticket, flat(3)), one.tell(ticket, flat(255))
    assert second.row == ledger.candidate(first.candidate)
    assert second.report is not None
    assert second.report.verdict is ct.Verdict.PASS
    assert second.media is not None
    assert second.media.digest


def test_a_disk_that_fills_up_while_media_are_stored_loses_no_verdict(
    ledger: ct.Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StorageFull("no space is left")

    monkeypatch.setattr(type(ledger.media), "put", full)
    outcome = shot(ledger, NEVER).run(PatternGenerator(), budget=BUDGET)
    assert outcome.stopped_by is ct.StoppedBy.STORAGE
    assert [row.state for row in ledger.candidates()] == [State.REJECTED]


def test_media_that_somebody_cleaned_up_cost_no_outcome(ledger: ct.Ledger) -> None:
    import shutil

    first = shot(ledger, ALWAYS).run(PatternGenerator(), budget=BUDGET)
    assert first.kept is not None
    shutil.rmtree(ledger.media.root)
    again = shot(ledger, ALWAYS).run(PatternGenerator(), budget=BUDGET)
    assert again.kept is not None
    assert again.kept.media is None


def test_an_interrupted_render_is_billed(ledger: ct.Ledger) -> None:
    with pytest.raises(KeyboardInterrupt):
        shot(ledger, NEVER).run(Rude(KeyboardInterrupt()), budget=BUDGET)
    (row,) = ledger.candidates()
    assert row.state is State.FAILED
    assert row.cost.render > 0


def test_a_limit_that_never_bites_is_said(ledger: ct.Ledger, caplog: pytest.LogCaptureFixture) -> None:
    outcome = shot(ledger, NEVER).run(PatternGenerator(), budget=ct.Budget(candidates=2, gpu_seconds=1))
    assert "never bites" in caplog.text
    assert outcome.cost.device == "cpu"


def test_what_is_easily_mistaken_is_a_sentence(ledger: ct.Ledger) -> None:
    with pytest.raises(UsageError, match=r"ct\.FunctionGenerator"):
        shot(ledger).run(lambda seed: None, budget=BUDGET)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"ct\.Ledger\.open"):
        ct.Shot("sc010", gate=gate(NEVER), ledger="show.db")  # type: ignore[arg-type]
