"""The stop rules, in runs on a real ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

import continuity as ct
from continuity.errors import UsageError
from continuity.records import State

if TYPE_CHECKING:
    from conftest import Painter

Begin = Callable[..., ct.Shot]
Paint = Callable[..., "Painter"]


def levels(ledger: ct.Ledger) -> list[object]:
    return [ledger.recipe(row.id).details.get("level") for row in ledger.candidates()]


def test_settings_are_plain_json() -> None:
    rule = ct.BestOf(3, futility=ct.Futility(chance=0.1, past_shots=20))
    assert json.loads(json.dumps(rule.settings)) == {
        "k": 3, "failures": 3, "inconclusive": 5, "futility": {"chance": 0.1, "past_shots": 20},
    }  # fmt: skip
    assert json.loads(json.dumps(ct.FirstAccepted(futility=None).settings)) == {
        "failures": 3, "inconclusive": 5, "futility": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ct.FirstAccepted(failures=0),
        lambda: ct.FirstAccepted(inconclusive=2.5),  # type: ignore[arg-type]
        lambda: ct.FirstAccepted(futility="no"),  # type: ignore[arg-type]
        lambda: ct.BestOf(0),
        lambda: ct.BestOf(True),
        lambda: ct.BestOf(3, failures=-1),
        lambda: ct.Futility(chance=1.0),
        lambda: ct.Futility(chance=float("nan")),
        lambda: ct.Futility(chance="5 %"),  # type: ignore[arg-type]
        lambda: ct.Futility(past_shots=0),
    ],
)
def test_senseless_settings_are_a_sentence(wrong: Callable[[], object]) -> None:
    with pytest.raises(UsageError, match="got"):
        wrong()


def test_best_of_goes_on_to_the_kth_and_keeps_the_best(ledger: ct.Ledger, begin: Begin, painter: Paint) -> None:
    outcome = begin(stop=ct.BestOf(3)).run(painter(200, 14, 90, 5, 200, 9, 1), budget=ct.Budget(candidates=50))
    assert outcome.stopped_by is ct.StoppedBy.ACCEPTED
    assert levels(ledger) == [200, 14, 90, 5, 200, 9]  # the 1 is never rendered
    assert outcome.kept is not None
    assert outcome.kept.row.index == 3
    assert [row.state for row in ledger.candidates()].count(State.ACCEPTED) == 3


def test_a_budget_that_ends_before_the_kth_keeps_the_best_so_far(
    ledger: ct.Ledger, begin: Begin, painter: Paint
) -> None:
    outcome = begin(stop=ct.BestOf(3)).run(painter(200, 14, 5, 200), budget=ct.Budget(candidates=4))
    assert outcome.stopped_by is ct.StoppedBy.CANDIDATES
    assert outcome.kept is not None
    assert outcome.kept.row.index == 2


def test_nothing_is_kept_early_and_a_later_run_counts_what_was_accepted(
    ledger: ct.Ledger, begin: Begin, painter: Paint
) -> None:
    first = begin(stop=ct.BestOf(3)).run(painter(14, 5, None), budget=ct.Budget(candidates=50))
    assert first.stopped_by is ct.StoppedBy.FAILURES
    assert first.kept is None
    assert "2 of 3 are accepted" in first.reason
    second = begin(stop=ct.BestOf(3)).run(painter(200, 9), budget=ct.Budget(candidates=50))
    assert second.rendered == 2
    assert second.kept is not None
    assert ledger.recipe(second.kept.candidate).details["level"] == 5


def test_what_was_accepted_before_a_crash_is_chosen_among_by_the_next_run(
    ledger: ct.Ledger, begin: Begin, painter: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as cut_off:
        cut_off.setattr(ledger, "keep", lambda *_: False)
        one = begin(stop=ct.BestOf(2))
        for level in (14, 5):
            one.tell(one.ask(), ct.Image.from_array(np.full((16, 16, 3), level, dtype=np.uint8)))
    assert ledger.kept(one.row) is None
    outcome = begin(stop=ct.BestOf(2)).run(painter(200), budget=ct.Budget(candidates=50))
    assert outcome.rendered == 0
    assert outcome.kept is not None
    assert outcome.kept.row.index == 1


def test_one_that_a_person_rejected_counts_no_more(ledger: ct.Ledger, begin: Begin, painter: Paint) -> None:
    best = begin(stop=ct.BestOf(2)).run(painter(14, 5), budget=ct.Budget(candidates=50)).kept
    assert best is not None
    ledger.decide(ct.Decision(candidate=best.candidate, accept=False, who="supervisor"))
    again = begin(stop=ct.BestOf(2)).run(painter(200, 9), budget=ct.Budget(candidates=50))
    assert again.rendered == 2  # of the two before one is left, so one more is wanted
    assert again.kept is not None
    assert ledger.recipe(again.kept.candidate).details["level"] == 9


def test_two_workers_count_together_and_what_comes_after_the_choice_stays_accepted(
    ledger: ct.Ledger, begin: Begin
) -> None:
    def picture(level: int) -> ct.Image:
        return ct.Image.from_array(np.full((16, 16, 3), level, dtype=np.uint8))

    one, two = begin(stop=ct.BestOf(2)), begin(stop=ct.BestOf(2))
    late, early, last = one.ask(), two.ask(), two.ask()
    two.tell(early, picture(9))
    assert ledger.kept(one.row) is None
    one.tell(late, picture(12))
    kept = ledger.kept(two.row)
    assert kept is not None
    assert kept.id == early.candidate
    assert two.tell(last, picture(1)).row.state is State.ACCEPTED  # better, but the choice is made
    assert ledger.kept(two.row) == kept


def test_a_farm_that_asks_and_tells_may_end_the_choice_itself(ledger: ct.Ledger, begin: Begin) -> None:
    one = begin(stop=ct.BestOf(5))
    assert one.keep() is None
    ticket = one.ask()
    one.tell(ticket, ct.Image.from_array(np.full((16, 16, 3), 3, dtype=np.uint8)))
    assert one.keep(5) is None
    kept = one.keep()
    assert kept is not None
    assert kept.id == ticket.candidate


def history(begin: Begin, painter: Paint, shots: int = 12) -> None:
    """Past shots that each kept their second candidate."""
    for number in range(shots):
        begin(f"past {number}").run(painter(200, 3), budget=ct.Budget(candidates=9))


def test_futility_stops_a_shot_that_takes_far_longer_than_all_before(
    ledger: ct.Ledger, begin: Begin, painter: Paint
) -> None:
    history(begin, painter)
    outcome = begin().run(painter(61), budget=ct.Budget(candidates=40))
    assert outcome.stopped_by is ct.StoppedBy.FUTILITY
    assert 3 < outcome.candidates < 40
    assert outcome.kept is None
    assert outcome.reason == outcome.advice
    assert "12 past shots" in outcome.reason
    assert outcome.says_most() == f"{outcome.candidates} of {outcome.candidates}: bright; nearest 61, limit 16 levels"
    assert outcome.says_most() in repr(outcome)
    again = begin().run(painter(61), budget=ct.Budget(candidates=40))
    assert (again.stopped_by, again.rendered) == (ct.StoppedBy.FUTILITY, 0)
    beyond = begin(stop=ct.FirstAccepted(futility=None)).run(painter(61), budget=ct.Budget(candidates=40))
    assert beyond.stopped_by is ct.StoppedBy.CANDIDATES


def test_futility_keeps_the_best_so_far(ledger: ct.Ledger, begin: Begin, painter: Paint) -> None:
    history(begin, painter)
    rule = ct.BestOf(9, futility=ct.Futility(chance=0.6))
    outcome = begin(stop=rule).run(painter(9, 200), budget=ct.Budget(candidates=60))
    assert outcome.stopped_by is ct.StoppedBy.FUTILITY
    assert outcome.kept is not None
    assert outcome.kept.row.index == 0


def test_few_past_shots_advise_and_never_stop(
    ledger: ct.Ledger, begin: Begin, painter: Paint, caplog: pytest.LogCaptureFixture
) -> None:
    history(begin, painter, shots=9)
    outcome = begin().run(painter(200), budget=ct.Budget(candidates=40))
    assert outcome.stopped_by is ct.StoppedBy.CANDIDATES
    assert "9 past shots" in outcome.advice
    assert caplog.text.count("past shots") == 1


def test_without_a_limit_on_candidates_futility_is_silent(ledger: ct.Ledger, begin: Begin, painter: Paint) -> None:
    history(begin, painter)
    outcome = begin().run(painter(200), budget=ct.Budget(seconds=120))  # 2 s each, so the rule would stop earlier
    assert outcome.stopped_by is ct.StoppedBy.SECONDS
    assert outcome.advice == ""


def test_what_fails_most_is_said_where_something_fails(ledger: ct.Ledger, begin: Begin, painter: Paint) -> None:
    outcome = begin().run(painter(200, 61, None), budget=ct.Budget(candidates=50))
    assert outcome.says_most() == "2 of 5: bright; nearest 61, limit 16 levels"
    assert outcome.failing == {"bright": 2}
    nothing = begin("other").run(painter(None), budget=ct.Budget(candidates=50))
    assert nothing.says_most() == ""
