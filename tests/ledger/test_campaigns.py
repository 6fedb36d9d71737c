from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from continuity.ledger import Ledger, ShotRow, campaigns
from continuity.records import Budget, Cost, Decision, Json, Origin, Proposal, Report, State, Ticket, Trial

if TYPE_CHECKING:
    from conftest import Loop

SPEC: dict[str, Json] = {"identity": "abc", "limits": [["grade", 0.5, 0.1]], "metrics": [["grade", "required", "tool"]]}


class Show:
    """Shots of one ledger, whose candidates are told as wanted."""

    def __init__(self, ledger: Ledger, reported: Callable[..., Report]) -> None:
        self.ledger, self.reported = ledger, reported

    def shot(self, name: str, **spec: Json) -> ShotRow:
        return self.ledger.shot(name, {"prompt": f"{name}, 85mm", **SPEC, **spec})

    def stream(self, generator: Json = "pipe", **more: Json) -> str:
        return self.ledger.stream({"generator": generator, "identity": "abc", **more})

    def ask(self, shot: ShotRow, dial: float, stream: str | None = None) -> Ticket:
        ticket = self.ledger.ask(shot, stream=stream or self.stream(), budget=Budget(), prompt="", measure_fully=0.0)
        return self.ledger.propose(ticket, Proposal(changes={"dial": dial}, origin=Origin.LEARNED))

    def render(self, shot: ShotRow, dial: float, excess: float | str, stream: str | None = None) -> int:
        ticket = self.ask(shot, dial, stream)
        report = self.reported(grade=excess)
        state = {"pass": State.ACCEPTED, "fail": State.REJECTED}.get(str(report.verdict), State.INCONCLUSIVE)
        assert self.ledger.tell(ticket, state, cost=Cost(), report=report)
        return ticket.candidate

    def past(self, shot: ShotRow, stream: str | None = None) -> list[tuple[Any, State]]:
        return [(t.changes["dial"], t.state) for t in self.ledger.past_trials(shot, stream or self.stream())]


@pytest.fixture
def show(ledger: Ledger, reported: Callable[..., Report]) -> Show:
    return Show(ledger, reported)


def test_candidates_of_other_shots_are_handed_out_the_latest_first(show: Show) -> None:
    first, second, now = show.shot("s1"), show.shot("s2"), show.shot("s3")
    show.render(first, 0.1, 1.5)
    show.render(first, 0.2, -1)
    show.render(second, 0.3, "not_measurable")
    show.ledger.tell(show.ask(second, 0.4), State.ABORTED, cost=Cost(), error="stopped")
    show.ledger.tell(show.ask(second, 0.5), State.FAILED, cost=Cost(), error="no memory")
    show.ask(second, 0.6)  # still out
    show.render(now, 0.7, -1)  # its own history has that
    assert show.past(now) == [
        (0.5, State.FAILED),
        (0.4, State.ABORTED),
        (0.3, State.INCONCLUSIVE),
        (0.2, State.ACCEPTED),
        (0.1, State.REJECTED),
    ]
    latest: Trial = show.ledger.past_trials(now, show.stream())[-1]
    assert (latest.index, latest.worst_excess) == (0, pytest.approx(1.5))
    assert [dial for dial, _ in show.past(first)] == [0.7, 0.5, 0.4, 0.3]


def test_only_the_same_generator_identity_instruments_and_limits_teach(show: Show) -> None:
    now = show.shot("s9")
    show.render(show.shot("s1", limits=[["grade", 0.6, 0.1]]), 0.1, -1)
    show.render(show.shot("s2", identity="other"), 0.2, -1)
    show.render(show.shot("s3"), 0.3, -1, show.stream("another pipe"))
    show.render(show.shot("s4"), 0.4, -1, show.stream(proposer="variations"))  # whoever proposed it
    show.render(show.shot("s5", prompt=""), 0.5, -1)
    assert [dial for dial, _ in show.past(now)] == [0.5, 0.4]
    assert [dial for dial, _ in show.past(now, show.stream("another pipe"))] == [0.3]
    assert show.past(now, show.ledger.stream({"class": "external"})) == []


def test_farms_that_render_outside_teach_one_another(show: Show) -> None:
    outside = show.ledger.stream({"class": "external", "proposer": "learned"})
    show.render(show.shot("s1"), 0.1, -1, outside)
    show.render(show.shot("s2"), 0.2, -1)
    assert [dial for dial, _ in show.past(show.shot("s3"), outside)] == [0.1]


def test_what_a_generator_reads_and_its_prompts_are_the_shots_own(show: Show) -> None:
    def stream(**settings: Any) -> str:
        arguments = {"guidance_scale": 5.0, **settings.pop("arguments", {})}
        return show.stream({"class": "Diffusers", "settings": {"weights": "w", "arguments": arguments, **settings}})

    for number, one in enumerate(
        (
            stream(inputs={"image": "b2-1", "mask": "b2-2"}, arguments={"negative_prompt": "rain"}),
            stream(arguments={"prompt_2": "oil", "negative_prompt_2": "blur"}),
            stream(arguments={"guidance_scale": 6.0}),
            stream(inputs={"image": "b2-1"}, weights="other"),
        )
    ):
        show.render(show.shot(f"s{number}"), number, -1, one)
    mine = stream(inputs={"image": "b2-9"}, arguments={"negative_prompt": "snow"})
    assert [dial for dial, _ in show.past(show.shot("now"), mine)] == [1, 0]


def test_a_person_has_the_last_word(show: Show) -> None:
    shot = show.shot("s1")
    passes, fails = show.render(shot, 0.1, -1), show.render(shot, 0.2, 1)
    doubtful = show.render(shot, 0.3, "not_measurable")
    for number, accept in ((passes, True), (passes, False), (fails, True), (doubtful, False)):
        show.ledger.decide(Decision(candidate=number, accept=accept, who="Ines"))
    assert show.past(show.shot("s2")) == [(0.3, State.REJECTED), (0.2, State.ACCEPTED), (0.1, State.REJECTED)]


def test_long_campaigns_are_read_from_their_end(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigns, "LATEST", 5)
    for number in range(4):
        for k in range(3):
            show.render(show.shot(f"s{number}"), number + k / 10, 1)
    found = [dial for dial, _ in show.past(show.shot("now"))]
    assert found[:5] == [3.2, 3.1, 3.0, 2.2, 2.1]
    assert len(found) == 5


def test_candidates_of_other_generators_and_open_ones_hide_nothing(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigns, "LATEST", 5)
    for k in range(4):
        show.render(show.shot("s1"), k, 1)
    for k in range(20):
        show.render(show.shot("s2"), k, 1, show.stream("another pipe"))
        show.ask(show.shot("s3"), k)
    assert [dial for dial, _ in show.past(show.shot("now"))] == [3, 2, 1, 0]


def test_an_empty_ledger_teaches_nothing(loop: Loop) -> None:
    assert loop.ledger.past_trials(loop.shot, loop.stream) == ()
