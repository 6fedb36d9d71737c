from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import continuity as ct
from continuity.report.accounts import Words
from continuity.report.cards import Card, card_of
from continuity.report.groups import MOST, Group, grouped
from continuity.testing import FakeBackends, FakeMetric


@pytest.fixture
def shot(tmp_path: Path, nobody: ct.Identity) -> Iterator[ct.Shot]:
    """Passes up to 64 levels and cannot judge black pictures."""
    blind = ct.FrameMeasurement(status=ct.Status.NOT_MEASURABLE, note="too dark")
    metric = FakeMetric("bright", lambda seen: float(seen.pixels.mean()) if seen.pixels.any() else blind)
    gate = ct.Gate([metric], identity=nobody, tolerances={"bright": 64.0}, backends=FakeBackends())
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        yield ct.Shot("sc010", gate=gate, ledger=ledger)


@pytest.fixture
def tell(shot: ct.Shot, flat: Callable[[int], ct.Image]) -> Callable[..., Sequence[ct.Told]]:
    return lambda *levels: [shot.tell(shot.ask(), flat(level)) for level in levels]


def seen(shot: ct.Shot) -> tuple[Sequence[Group], Sequence[Card]]:
    said = shot.ledger.decisions()
    cards = [
        card_of(row, shot.ledger.report(row.id), Words(decisions=tuple(d for d in said if d.candidate == row.id)))
        for row in shot.ledger.candidates()
    ]
    return grouped(cards, next((card for card in cards if card.row.kept), None))


def takes(group: Group) -> list[int]:
    return [card.take for card in group.cards]


def test_what_waits_is_a_task_ahead_of_the_misses(shot: ct.Shot, tell: Callable[..., object]) -> None:
    tell(200, 0, 70, 0)
    (waiting, missed), rest = seen(shot)
    assert (waiting.heading, takes(waiting)) == ("To do: look at 2 takes", [2, 4])
    assert (missed.name, takes(missed), list(rest)) == ("missed", [3, 1], [])


def test_it_is_no_task_once_something_is_kept(shot: ct.Shot, tell: Callable[..., object]) -> None:
    tell(0, 90, 30, 20)
    (missed, waiting), rest = seen(shot)
    assert (missed.name, waiting.heading) == ("missed", "Not judged: 1 take")
    assert "To do" not in waiting.heading + waiting.told
    assert [card.take for card in rest] == [4], "passed, but another one is kept"


def test_what_a_person_turned_down_comes_first_whatever_the_gate_said(
    shot: ct.Shot, tell: Callable[..., Sequence[ct.Told]]
) -> None:
    kept, unsure, _ = tell(30, 0, 90)
    for one in (kept, unsure):
        shot.ledger.decide(ct.Decision(candidate=one.candidate, accept=False, role="client", reason="face"))
    (turned, missed), rest = seen(shot)
    assert (turned.heading, takes(turned)) == ("Rejected by a person: 2 takes", [2, 1])
    assert (takes(missed), list(rest)) == ([3], [])


def test_only_so_many_are_drawn_and_it_says_so(shot: ct.Shot, tell: Callable[..., object]) -> None:
    tell(*range(70, 70 + MOST + 3))
    (missed,), rest = seen(shot)
    assert (len(missed.cards), missed.of, len(rest)) == (MOST, MOST + 3, 3)
    assert "10 of 13 are here" in missed.told


def test_nothing_at_all() -> None:
    assert grouped([], None) == ([], [])


@pytest.mark.parametrize(
    ("role", "standing", "approved", "final"),
    [
        ("supervisor", "kept, accepted by the supervisor, not yet by the client", True, False),
        ("client", "kept, final: the client accepted it", True, True),
        ("editor", "kept, accepted by the editor, not yet by a supervisor", False, False),
        ("", "kept, accepted by a person, not yet by a supervisor", False, False),
    ],
)
def test_kept_is_not_approved(
    shot: ct.Shot, tell: Callable[..., Sequence[ct.Told]], role: str, standing: str, approved: bool, final: bool
) -> None:
    (kept,) = tell(30)
    card = card_of(kept.row, kept.report, Words())
    assert (card.standing, card.approved) == ("kept by the machine, not yet accepted by a person", False)
    decision = ct.Decision(candidate=kept.candidate, accept=True, role=role)
    card = card_of(kept.row, kept.report, Words(decisions=(decision,)))
    assert (card.standing, card.approved, card.final) == (standing, approved, final)
