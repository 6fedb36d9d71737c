from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import continuity as ct
from continuity.report.accounts import Account, Words
from continuity.report.cards import card_of
from continuity.report.naming import meaning, named, scale, short
from continuity.report.reasons import why
from continuity.testing import FakeBackends, FakeMetric


@pytest.fixture
def shot(tmp_path: Path, nobody: ct.Identity) -> Iterator[ct.Shot]:
    """Fails on the face over 64 levels, on the hands over 128; cannot judge hands in black pictures."""
    blind = ct.FrameMeasurement(status=ct.Status.NOT_MEASURABLE, note="too dark")
    metrics = [
        FakeMetric("face:mara", cost=1),
        FakeMetric("hands", lambda seen: float(seen.pixels.mean()) if seen.pixels.any() else blind, cost=2),
    ]
    gate = ct.Gate(metrics, identity=nobody, tolerances={"face:mara": 64.0, "hands": 128.0}, backends=FakeBackends())
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        yield ct.Shot("sc010", gate=gate, ledger=ledger, measure_fully=1.0)


@pytest.fixture
def hasty(shot: ct.Shot) -> ct.Shot:
    """The same shot, where no take is picked to be measured fully."""
    return ct.Shot("sc010", gate=shot.gate, ledger=shot.ledger, measure_fully=0.0)


def account_of(shot: ct.Shot) -> Account:
    account = Account(bill=shot.ledger.bill())
    for row in shot.ledger.candidates():
        account.add(row, shot.ledger.report(row.id), Words())
    return account


def said(shot: ct.Shot, fully: int) -> tuple[str, ...]:
    account = Account(bill=shot.ledger.bill())
    cards = []
    decisions = shot.ledger.decisions()
    for row in shot.ledger.candidates():
        report = shot.ledger.report(row.id)
        words = Words(decisions=tuple(d for d in decisions if d.candidate == row.id))
        account.add(row, report, words)
        cards.append(card_of(row, report, words))
    account.fully = fully or account.fully
    return why(account, cards)


def tell(shot: ct.Shot, flat: object, *levels: int) -> list[ct.Told]:
    return [shot.tell(shot.ask(), flat(level)) for level in levels]  # type: ignore[operator]


def test_what_failed_is_counted_on_those_measured_fully(shot: ct.Shot, flat: object) -> None:
    tell(shot, flat, *[100] * 8, *[200] * 4)
    assert said(shot, 0) == (
        "All 12 takes were checked on every point: 12 failed on the face of mara and 4 on the hands. "
        "One take can fail on several.",
    )
    tell(shot, flat, *[100] * 2)
    assert said(shot, 12)[0].startswith(
        "12 of the 14 takes, picked at random, were checked on every point. Among these 12: "
    )
    assert "stopped" not in said(shot, 12)[0], "no check of the other two was stopped"
    assert said(shot, 3) == (
        "Found wrong: the face of mara (in 14 takes) and the hands (in 4 takes). "
        "Whatever failed was checked on every point.",
    )


def test_a_check_is_said_to_have_stopped_only_where_a_fault_stopped_it(
    shot: ct.Shot, hasty: ct.Shot, flat: object
) -> None:
    tell(hasty, flat, 100)
    assert said(shot, 0) == (
        "Found wrong: the face of mara (take 1). "
        "With 1 take the check stopped as soon as something was wrong, so more may be wrong with it.",
    )
    tell(hasty, flat, 101, 10, 10)
    broken = hasty.ask()
    hasty.tell(broken, error="no memory")
    tell(shot, flat, *[200] * 12)
    failing, *_ = said(shot, 0)
    assert failing.endswith("With 2 other takes the check stopped as soon as something was wrong, so more may be wrong "
                            "with them."), "neither what passed nor what broke"  # fmt: skip


def test_the_trouble_of_a_shot_is_what_could_not_be_judged_where_that_is_more(shot: ct.Shot, flat: object) -> None:
    tell(shot, flat, 0, 0, 0, 100)
    assert account_of(shot).trouble == "could not be judged: hands, 3 of 4"
    tell(shot, flat, 200, 200, 100)
    assert account_of(shot).trouble == "fails: face of mara, 4 of 7"
    assert account_of(shot).unjudged == {"hands": 3}


def test_no_trouble_is_named_where_no_failed_take_was_checked_on_every_point(hasty: ct.Shot, flat: object) -> None:
    tell(hasty, flat, 10)
    assert account_of(hasty).trouble == ""
    tell(hasty, flat, 100)
    assert account_of(hasty).trouble == "not known: no take was checked on every point"


def test_a_card_has_all_that_was_checked(shot: ct.Shot, hasty: ct.Shot, flat: object) -> None:
    tell(shot, flat, 100, 0, 30)
    tell(hasty, flat, 100)
    cards = [card_of(row, shot.ledger.report(row.id), Words()) for row in shot.ledger.candidates()]
    assert [
        ([line.key for line in card.leading], [(head, [line.key for line in lines]) for head, lines in card.also])
        for card in cards
    ] == [
        (["face:mara"], [("Within limits", ["hands"])]),
        (["hands"], [("Within limits", ["face:mara"])]),
        (["face:mara", "hands"], []),
        (["face:mara"], [("Not checked", ["hands"])]),
    ]
    assert [card.stopped for card in cards] == [False, False, False, True]


def test_what_nobody_could_judge_comes_first_where_it_is_most(shot: ct.Shot, flat: object) -> None:
    tell(shot, flat, 0, 0, 0, 100)
    first, second = said(shot, 0)
    assert first.startswith("3 of 4 takes could not be judged by the machine: the hands (too dark). It keeps nothing")
    assert second == "Found wrong: the face of mara (take 4). Whatever failed was checked on every point."


def test_what_people_said_and_what_broke(shot: ct.Shot, flat: object) -> None:
    (kept,) = tell(shot, flat, 30)
    shot.tell(shot.ask(), error="no memory")
    shot.ledger.decide(ct.Decision(candidate=kept.candidate, accept=False, role="client", round=2, reason="tie: low"))
    broken = "Besides: 1 broke while rendering."
    rejected = "Take 1, which the gate had passed, was rejected by the client in round 2 (tie: low)"
    assert said(shot, 0) == (broken, f"{rejected}.")
    again, _ = tell(shot, flat, 31, 32)
    later = "1 take was made after take 3, the one that is kept."
    assert shot.ledger.candidate(again.candidate).kept
    assert said(shot, 0) == (broken, f"{rejected}; 2 takes were made after that.", later)


def test_a_stopped_render_is_called_a_part_only_where_a_part_was_told(shot: ct.Shot) -> None:
    part = ct.Cost(render=1.0, steps_run=4, steps_planned=20)
    shot.tell(shot.ask(), error=ct.Aborted("hopeless", cost=part))
    assert said(shot, 0) == ("Besides: 1 stopped early as hopeless (each cost only part of a render).",)
    shot.tell(shot.ask(), error=ct.Aborted("hopeless"))
    assert said(shot, 0) == (
        "Besides: 2 stopped early as hopeless (1 counted as a whole render: nothing less was told).",
    )


def test_one_take_is_not_all_takes(shot: ct.Shot, flat: object) -> None:
    tell(shot, flat, 0)
    assert said(shot, 0)[0].startswith("The only take could not be judged by the machine: the hands (too dark). ")
    tell(shot, flat, 0)
    assert said(shot, 0)[0].startswith("All 2 takes could not be judged")


def test_nothing_to_say(shot: ct.Shot) -> None:
    assert said(shot, 0) == ()


@pytest.mark.parametrize(
    ("key", "name"),
    [("face:mara", "the face of mara"), ("grade", "the grade"), ("logo:acme", "the logo acme"), ("acme:x", "acme:x")],
)
def test_names(key: str, name: str) -> None:
    assert named(key) == name
    assert bool(meaning(key)) == (name != key)
    assert short(key) == name.removeprefix("the ")


def test_pure_numbers_have_no_unit() -> None:
    assert [scale(unit) for unit in ("1 - cosine", "suspicion", "levels", "")] == ["", "", "levels", ""]
