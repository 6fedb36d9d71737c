from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from continuity.aborts.learning import Learned, Promise, learned, steps_of
from continuity.records import LEARNED_FROM, PastPreview

TOOLS = {"grade": "tool g", "look": "tool l"}
AT = (0.3, 0.6)


def past(
    count: int, *, accepted: bool = True, steps: int = 20, tools: Mapping[str, str] = TOOLS, value: float | None = None
) -> list[PastPreview]:
    """Candidates that show their number at every check."""
    return [
        PastPreview(
            candidate=1000 * (not accepted) + k,
            step=step,
            steps=steps,
            key=key,
            instrument=tool,
            value=k / 10 if value is None else value,
            accepted=accepted,
        )
        for k in range(count)
        for step in (6, 12)
        for key, tool in tools.items()
    ]


def learn(given: list[PastPreview], tools: Mapping[str, str] = TOOLS, **promise: object) -> Learned:
    return learned(given, Promise(**promise), at=AT, steps=20, instruments=tools)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("at", "steps", "found"),
    [(AT, 20, (6, 12)), (AT, 30, (9, 18)), (AT, 4, (2, 3)), (AT, 2, (1,)), (AT, 1, ()), ((0.99,), 20, ()),
     ((0.01,), 3, (1,))],
)  # fmt: skip
def test_looks_come_after_whole_steps_and_never_after_the_last(
    at: tuple[float, ...], steps: int, found: tuple[int, ...]
) -> None:
    assert steps_of(at, steps) == found


def test_nothing_is_in_force_before_the_promise_holds() -> None:
    assert learn([]) == Learned()
    few = learn(past(28))
    assert (few.in_force, few.accepts) == (False, 28)
    assert few.limits == {(12, "look"): 2.7}, "it predicts with the latest look"
    assert few.lost_at_most == pytest.approx(1 - 0.05 ** (1 / 28))
    enough = learn(past(29))
    assert (enough.in_force, enough.limits) == (True, {(12, "look"): 2.8})
    assert enough.lost_at_most <= 0.1
    assert learn(past(46)).limits == {(12, "look"): 4.5, (12, "grade"): 4.4}
    assert set(learn(past(76)).limits) == {(s, k) for s in (6, 12) for k in TOOLS}


def test_only_what_is_alike_counts() -> None:
    own = past(20)
    assert learn(own + past(40, accepted=False)).accepts == 20
    assert learn(own + past(40, steps=30)).accepts == 20
    assert learn(past(40, tools={"grade": "another tool", "look": "tool l"})).accepts == 0
    half = [one for one in past(40) if one.step == 6]  # never looked at the second time
    assert learn(half).accepts == 0


def test_what_could_not_be_measured_is_an_accept_that_is_never_lost() -> None:
    unmeasured = [replace(one, value=None) for one in past(40, tools={"grade": "tool g"})]
    found = learn(unmeasured, {"grade": "tool g"})
    assert (found.limits, found.in_force) == ({}, False)


def test_learning_each_metric_takes_who_passes_it_and_divides_the_risk() -> None:
    failing_elsewhere = past(71, accepted=False)
    assert learn(failing_elsewhere).accepts == 0
    found = learn(failing_elsewhere, learn="metric")
    assert not found.in_force
    found = learn(past(72, accepted=False), learn="metric")  # 0.95^72 < 0.025
    assert found.in_force
    assert found.accepts == 72
    assert found.limits == {(12, "grade"): 7.1, (12, "look"): 7.1}
    assert found.lost_at_most <= 0.1
    uneven = [one for one in past(72, accepted=False) if one.key == "grade" or one.candidate < 1030]
    assert not learn(uneven, learn="metric").in_force, "all metrics or none: who is stopped by one teaches no other"


def of(key: str, count: int) -> list[PastPreview]:
    return [one for one in past(count, accepted=False) if one.key == key]


def test_a_metric_that_few_pass_gets_more_of_the_risk_and_others_more_cuts() -> None:
    """By halves 72 are needed of each (0.95^72 < 0.025), so 52 of one metric would never do."""
    found = learn(of("grade", 52) + of("look", 140), learn="metric")
    assert (found.in_force, found.accepts) == (True, 52)
    assert 0.09 < found.lost_at_most <= 0.1
    assert not learn(of("grade", 52) + of("look", 60), learn="metric").in_force
    assert not learn(of("look", 1000), learn="metric").in_force, "who passes the other metric was never seen"
    many = learn(of("grade", 200) + of("look", 800), learn="metric")
    cut = {key: sum(one > many.limits[12, key] for one in (k / 10 for k in range(n))) for key, n in
           (("grade", 200), ("look", 800))}  # fmt: skip
    assert cut["look"] > 2 * cut["grade"] > 0
    assert many.lost_at_most <= 0.1


def test_where_one_kind_is_cut_off_the_other_does_not_go_on_alone() -> None:
    """A ledger hands out the latest of each kind; accepted ones are rare and reach far back."""
    tools = {"look": "tool l"}
    accepted = [one for k in range(300) for one in numbered(10 * k, tools, accepted=True)]
    others = [one for k in range(5000) if k % 10 for one in numbered(k, tools, accepted=False)][-LEARNED_FROM:]
    found = learned([*accepted, *others], Promise(learn="metric"), at=AT, steps=20, instruments=tools)
    oldest = min(one.candidate for one in others)
    assert found.accepts == len({one.candidate for one in [*accepted, *others] if one.candidate > oldest})
    assert learned(accepted, Promise(), at=AT, steps=20, instruments=tools).accepts == 300


def numbered(candidate: int, tools: Mapping[str, str], *, accepted: bool) -> list[PastPreview]:
    """What one candidate showed at every check."""
    return [replace(one, candidate=candidate, accepted=accepted) for one in past(1, tools=tools)]


def test_the_promise_by_metric_holds_over_many_productions() -> None:
    """Known truth: one metric in five passes, the other in two, hanging together as previews and verdicts do."""
    random = np.random.default_rng(5)

    def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
        common = random.normal(size=(n, 1))
        final = 0.6 * common + 0.8 * random.normal(size=(n, 2))
        return final < (-0.84, 0.0), final + 0.7 * random.normal(size=(n, 2))

    def shown(passes: np.ndarray, seen: np.ndarray) -> list[PastPreview]:
        return [
            PastPreview(candidate=k, step=12, steps=20, key=key, instrument=tool, value=float(seen[k, j]),
                        accepted=bool(passes[k].all()))
            for j, (key, tool) in enumerate(TOOLS.items())
            for k in np.flatnonzero(passes[:, j])
        ]  # fmt: skip

    lost, count = [], 0
    truth, look = drawn(20_000)
    for _ in range(200):
        found = learned(shown(*drawn(330)), Promise(learn="metric"), at=(0.6,), steps=20, instruments=TOOLS)
        count += found.in_force
        if found.in_force:
            limits = [found.limits[12, key] for key in TOOLS]
            lost.append(sum(float((look[truth[:, j], j] > limit).mean()) for j, limit in enumerate(limits)))
    assert count >= 150, "some 66 and 165 are enough nearly always"
    assert (np.array(lost) > 0.1).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / count)


def test_the_promise_holds_over_many_productions() -> None:
    """Known truth: previews of acceptable candidates are normal, with correlation between the looks."""
    random = np.random.default_rng(3)
    lost = []
    for _ in range(300):
        shown = random.normal(size=(46, 1)) + 0.5 * random.normal(size=(46, 2))
        given = [
            PastPreview(
                candidate=k, step=s, steps=20, key="grade", instrument="t", value=float(shown[k, j]), accepted=True
            )
            for k in range(46)
            for j, s in enumerate((6, 12))
        ]
        limits = learn(given, {"grade": "t"}).limits
        truth = random.normal(size=(4000, 1)) + 0.5 * random.normal(size=(4000, 2))
        lost.append(((truth[:, 0] > limits[6, "grade"]) | (truth[:, 1] > limits[12, "grade"])).mean())
    broken = (np.array(lost) > 0.1).mean()
    assert broken <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
