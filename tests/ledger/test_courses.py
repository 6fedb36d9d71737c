from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from continuity.ledger import Course, Ledger, Standing
from continuity.records import Cost, Decision, State

if TYPE_CHECKING:
    from conftest import Loop


def test_a_course_has_every_candidate_that_ended_in_order(ledger: Ledger, begin: Callable[..., Loop]) -> None:
    past = begin(ledger, "past")
    past.candidate(face=2.0)
    past.ledger.tell(past.ask(), State.FAILED, cost=Cost(), error="no memory left")
    past.candidate(face="absent")
    past.candidate(face="not_measurable")
    past.candidate(face=-0.5)
    past.ask()  # still out
    own = begin(ledger, "own")
    own.candidate(face=9.0)
    (found,) = ledger.courses(own.shot)
    assert found.misses == pytest.approx((2.0, None, None, None, None))
    assert found == Course(name="past", accepted=(False, False, False, False, True), misses=found.misses)


def test_shots_without_a_judged_candidate_and_other_revisions_of_this_one_do_not_count(
    ledger: Ledger, begin: Callable[..., Loop]
) -> None:
    broken = begin(ledger, "broken")
    broken.ledger.tell(broken.ask(), State.FAILED, cost=Cost(), error="no memory left")
    begin(ledger, "untouched")
    own = begin(ledger, "own")
    own.candidate(face=9.0)
    again = ledger.shot("own", {"prompt": "another"})
    assert ledger.courses(again) == ()
    begin(ledger, "past").candidate(face=1.0)
    assert [course.name for course in ledger.courses(again)] == ["past"]


def test_where_a_shot_stands(ledger: Ledger, loop: Loop) -> None:
    assert ledger.standing(loop.shot) == Standing(ended=0, accepted=0, nearest=None)
    loop.candidate(face="absent")
    assert ledger.standing(loop.shot) == Standing(ended=1, accepted=0, nearest=None)
    loop.candidate(face=2.0)
    loop.candidate(face=0.5)
    loop.candidate(face=-0.5)
    loop.ask()
    found = ledger.standing(loop.shot)
    assert (found.ended, found.accepted) == (4, 1)
    assert found.nearest == pytest.approx(0.5)


def test_accepted_ones_in_order_of_index_or_the_best_first(ledger: Ledger, loop: Loop) -> None:
    one, two, three = (loop.candidate(face=excess) for excess in (-0.1, -0.9, -0.5))
    loop.candidate(face=2.0)
    assert ledger.accepted(loop.shot) == (one, two, three)
    assert ledger.accepted(loop.shot, best_first=True) == (two, three, one)
    ledger.decide(Decision(candidate=two, accept=False))
    assert ledger.accepted(loop.shot, best_first=True) == (three, one)
    ledger.decide(Decision(candidate=two, accept=True))
    assert ledger.accepted(loop.shot, best_first=True) == (two, three, one)


def test_what_a_render_reads_is_in_the_row_before_it_is_told(ledger: Ledger, loop: Loop) -> None:
    ticket = loop.ask()
    assert ledger.reads(ticket, {}) == ticket
    filled = ledger.reads(ticket, {"image": "ab" * 32})
    assert filled.recipe.inputs == {"image": "ab" * 32}
    assert ledger.recipe(ticket.candidate) == filled.recipe
    assert ledger.recipe(ticket.candidate).seed == ticket.seed
