from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

import continuity as ct
from continuity.records import Json
from continuity.testing import FakeBackends, FakeMetric, PatternGenerator

Begin = Callable[..., ct.Shot]
BUDGET = ct.Budget(candidates=12)


@dataclass
class Plain:
    """A watch that learns nothing."""

    settings: Mapping[str, Json] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    def look(self, step: int, steps: int, preview: Callable[[], ct.Image]) -> bool:
        self.asked.append(step)
        return step < 2


def learning(**settings: object) -> ct.PreviewAbort:
    nobody = ct.Identity(name="nobody", enrolled=())
    metrics = [FakeMetric("bright", previewable=True)]
    return ct.PreviewAbort(metrics, identity=nobody, backends=FakeBackends(), **settings)  # type: ignore[arg-type]


def test_a_watch_that_learns_nothing_is_asked_as_it_is(begin: Begin, ledger: ct.Ledger) -> None:
    watch = Plain()
    begin().run(PatternGenerator(), budget=ct.Budget(candidates=2), aborts=watch)
    assert watch.asked == [1, 2, 1, 2]
    assert [str(row.state) for row in ledger.candidates()] == ["aborted"] * 2
    assert ledger.watched() == ()


def test_each_candidate_has_its_own_previews(begin: Begin, ledger: ct.Ledger) -> None:
    watch = learning(at=(0.5,))
    begin(stop=ct.BestOf(50, futility=None)).run(PatternGenerator(), budget=BUDGET, aborts=watch)
    seen = {one.candidate: one.previews.items for one in ledger.watched()}
    for row in ledger.candidates():
        (preview,) = seen[row.id]
        assert preview.value == row.seed % 256
    assert watch.previews == ()


def test_previews_of_failed_renders_are_kept_and_never_learned_from(begin: Begin, ledger: ct.Ledger) -> None:
    broken = PatternGenerator(fails=lambda recipe: True)
    begin().run(broken, budget=ct.Budget(candidates=2), aborts=learning())
    assert [str(row.state) for row in ledger.candidates()] == ["failed"] * 2
    assert ledger.watched() == ()  # it failed before anything was seen


def test_the_stream_says_what_looked_into_it(begin: Begin, ledger: ct.Ledger) -> None:
    begin().run(PatternGenerator(), budget=ct.Budget(candidates=1), aborts=learning(at=(0.5,)))
    (row,) = ledger.candidates()
    said = ledger.description(row.stream)["aborts"]
    assert isinstance(said, Mapping)
    assert said["class"] == "continuity.aborts.preview.PreviewAbort"


def test_shots_that_differ_in_name_and_prompt_alone_share_a_pool(begin: Begin, ledger: ct.Ledger) -> None:
    for name, prompt in (("a", "one"), ("b", "two")):
        begin(name, prompt=prompt).run(PatternGenerator(), budget=ct.Budget(candidates=1), aborts=learning())
    begin("c", proposer=ct.Variations({"x": [1]})).run(
        PatternGenerator(), budget=ct.Budget(candidates=1), aborts=learning()
    )
    pools = [one.previews.pool for one in ledger.watched()]
    assert pools[0] == pools[1] != pools[2]


def test_a_batch_is_not_watched(begin: Begin, ledger: ct.Ledger, caplog: pytest.LogCaptureFixture) -> None:
    class Press(PatternGenerator):
        def render_batch(self, recipes: object) -> list[object]:
            return [self.render(one) for one in recipes]  # type: ignore[attr-defined]

    begin().run(Press(), budget=ct.Budget(candidates=4), aborts=learning(), batch=2)
    assert ledger.watched() == ()
    assert "never watched" in caplog.text
