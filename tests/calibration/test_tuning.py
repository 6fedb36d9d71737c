"""Calibration from files of labels to limits with a promise."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import continuity as ct
from continuity.calibration import Drawn
from continuity.errors import NotEnoughLabels, UsageError
from continuity.records import FrameMeasurement, Status
from continuity.statistics import bounds
from continuity.testing import PatternGenerator

Gates = Callable[..., ct.Gate]
RNG = np.random.default_rng(4)
LEVELS = np.round(np.concatenate([RNG.uniform(20, 95, 220), RNG.uniform(105, 190, 40)])[RNG.permutation(260)])


@pytest.fixture
def labels(stream: Callable[..., Path]) -> ct.Labels:
    """260 candidates that a gate at 200 accepted: those from 100 up are bad."""
    return ct.Labels.open(stream(LEVELS), drawn="accepted-stream", stream="abc")


def test_it_finds_limits_that_separate_and_says_what_they_promise(make_gate: Gates, labels: ct.Labels) -> None:
    gate = make_gate()
    tuning = ct.calibrate(gate, labels, max_bad_share=0.05)
    limit = tuning.tolerances["bright"]
    assert 60 < limit.limit < 105
    assert limit.calibrated
    assert limit.instrument == gate.instruments["bright"].digest
    assert limit.scale > 0
    assert gate.tolerances["bright"].limit == 200  # the gate is as it was
    promise = tuning.promise
    assert promise.bound <= 0.05
    assert promise.bound == bounds.upper(failures=promise.bad, n=promise.kept, confidence=0.95)
    assert (promise.stream, promise.route, promise.use) == ("abc", "accepted-stream", 1)
    assert tuning.tuning_shots + tuning.verification_shots == 260
    assert tuning.false_rejects + promise.kept - promise.bad == tuning.good
    assert tuning.unjudged_shots == tuning.verification_shots - promise.kept
    (alone,) = tuning.without  # without its one metric the gate passes all; counted where the path was chosen
    assert alone.kept == tuning.tuning_shots and alone.bad > tuning.tuning_shots * 0.08
    assert json.dumps(tuning.to_json(), allow_nan=False)
    assert f"{promise.bad} bad in {promise.kept} judged" in limit.evidence


def test_the_verification_labels_choose_nothing(make_gate: Gates, stream: Callable[..., Path]) -> None:
    """Flipping verification labels may stop the walk, but never moves the path it walks on, nor its start."""
    plain = ct.calibrate(make_gate(), ct.Labels.open(stream(LEVELS), drawn="accepted-stream"), 0.10)
    verifying = {round(v, 1) for v in plain.judged.values[plain.judged.verification, 0]}
    values = plain.judged.values[:, 0]
    flipped = [i for i, v in enumerate(values) if round(v, 1) in verifying and 90 < v < 95][:2]
    assert flipped
    other = ct.calibrate(
        make_gate(), ct.Labels.open(stream(LEVELS, flipped=flipped, name="b.csv"), drawn="accepted-stream"), 0.10
    )
    assert [s.limits for s in other.curve] == [s.limits for s in plain.curve]
    assert other.start == plain.start
    assert sum(s.bad for s in other.curve) > sum(s.bad for s in plain.curve)


def test_a_tuning_is_saved_opened_and_used(make_gate: Gates, labels: ct.Labels, tmp_path: Path) -> None:
    tuning = ct.calibrate(make_gate(), labels, max_bad_share=0.05)
    tuning.tolerances.save(tmp_path / "tuned.toml")
    assert ct.Tolerances.open(tmp_path / "tuned.toml") == tuning.tolerances
    gate = make_gate()
    tuned = ct.Gate(
        gate.metrics, identity=gate.identity, tolerances=ct.Tolerances.open(tmp_path / "tuned.toml"),
        backends=gate.check()[0],
    )  # fmt: skip
    picture = ct.Image.from_array(np.full((4, 4, 3), 150, dtype=np.uint8))
    report = tuned.inspect(picture, stream="abc")
    assert report.verdict is ct.Verdict.FAIL
    assert not [w for w in report.warnings if "promise" in w]
    for elsewhere in ("", "another"):
        warnings = tuned.inspect(picture, stream=elsewhere).warnings
        assert any("promise not established for this stream" in w for w in warnings)


def test_too_few_labels_say_what_they_can_promise_and_are_not_used_up(
    make_gate: Gates, stream: Callable[..., Path]
) -> None:
    labels = ct.Labels.open(stream([50 + i % 40 for i in range(60)]), drawn="accepted-stream")
    for _ in range(2):  # nothing was looked at, so asking again is free
        with pytest.raises(NotEnoughLabels, match="149") as caught:
            ct.calibrate(make_gate(), labels, tuning_share=0)
        assert caught.value.needed == 149
        assert caught.value.have == 60
        assert caught.value.can_promise == pytest.approx(0.0487, abs=1e-4)
        assert "22 %" in str(caught.value)
    assert ct.calibrate(make_gate(), labels, max_bad_share=0.05, tuning_share=0).promise.kept == 60


def test_too_many_bad_ones_are_refused_with_what_is_true(make_gate: Gates, stream: Callable[..., Path]) -> None:
    levels = [50 + i % 40 for i in range(90)]
    labels = ct.Labels.open(stream(levels, flipped=range(0, 90, 8)), drawn="accepted-stream")
    with pytest.raises(NotEnoughLabels, match="bad in") as caught:
        ct.calibrate(make_gate(), labels, max_bad_share=0.05, tuning_share=0)
    assert caught.value.can_promise > 0.05
    assert caught.value.needed is None


def test_a_second_look_at_the_same_labels_is_refused_or_paid_for(make_gate: Gates, labels: ct.Labels) -> None:
    first = ct.calibrate(make_gate(), labels, max_bad_share=0.10)
    assert labels.source is not None
    again = ct.Labels.open(labels.source, drawn="accepted-stream", stream="abc")
    same = ct.calibrate(make_gate(), again, max_bad_share=0.10)  # shows nothing new
    assert (same.promise, same.tolerances) == (first.promise, first.tolerances)
    with pytest.raises(UsageError, match=r"at 1/2 of the risk.*--reuse"):
        ct.calibrate(make_gate(), again, max_bad_share=0.11)
    second = ct.calibrate(make_gate(), again, max_bad_share=0.11, reuse=True)
    assert second.promise.use == 2
    assert second.promise.confidence == pytest.approx(0.975)
    third = ct.calibrate(make_gate(), again, max_bad_share=0.12, reuse=True)
    assert third.promise.confidence == pytest.approx(0.9875)
    in_memory = replace(again, source=None)
    ct.calibrate(make_gate(), in_memory, max_bad_share=0.10)
    with pytest.raises(UsageError, match="reuse=True"):
        ct.calibrate(make_gate(), in_memory, max_bad_share=0.12)


def test_labels_say_how_they_were_drawn(make_gate: Gates, labels: ct.Labels) -> None:
    with pytest.raises(UsageError, match="how they were drawn were wanted: --drawn accepted-stream"):
        ct.calibrate(make_gate(), replace(labels, drawn=None))
    with pytest.raises(UsageError, match="base rate"):
        ct.calibrate(make_gate(), labels, base_rate=0.1)
    with pytest.raises(UsageError, match="base rate"):
        ct.calibrate(make_gate(), replace(labels, drawn=Drawn.OTHER_MIX))
    with pytest.raises(UsageError, match="do not pass"):
        ct.calibrate(make_gate(limit=150.0), labels)


def test_another_mix_promises_through_both_error_rates(make_gate: Gates, stream: Callable[..., Path]) -> None:
    levels = [30 + i % 60 if i % 2 else 130 + i % 60 for i in range(400)]
    labels = ct.Labels.open(stream(levels), drawn="other mix")
    with pytest.raises(NotEnoughLabels, match="rejected") as caught:
        ct.calibrate(make_gate(), labels, base_rate=1 / 51)
    assert caught.value.needed is not None
    assert 9_000 < caught.value.needed < 11_000
    tuning = ct.calibrate(make_gate(), labels, max_bad_share=0.05, base_rate=0.5)
    false = bounds.upper(failures=0, n=140, confidence=0.975)
    assert tuning.promise.bound < 0.05
    assert tuning.promise.bound == pytest.approx(false / (1 + false), abs=0.02)
    assert tuning.ratio == pytest.approx(2, abs=0.2)


def test_what_cannot_be_measured_is_never_accepted_and_counted_apart(
    make_gate: Gates, stream: Callable[..., Path]
) -> None:
    def measures(seen: ct.interfaces.Observed) -> float | FrameMeasurement:
        level = float(seen.pixels[2:].mean())
        return FrameMeasurement(status=Status.NOT_MEASURABLE, note="too dark") if level < 40 else level

    levels = [20 + i % 70 if i % 2 else 130 + i % 60 for i in range(300)]
    labels = ct.Labels.open(stream(levels), drawn="other mix")
    tuning = ct.calibrate(make_gate(measures=measures), labels, max_bad_share=0.2, base_rate=0.5)
    assert tuning.inconclusive > 10
    assert tuning.curve[tuning.shipped].passing is not None
    assert tuning.curve[tuning.shipped].passing <= 1 - tuning.inconclusive / tuning.good


def test_people_who_disagree_stop_it_unless_the_careful_reading_is_chosen(
    make_gate: Gates, stream: Callable[..., Path]
) -> None:
    labels = ct.Labels.open(stream([50 + i % 40 for i in range(80)], rater="ann"), drawn="accepted-stream")
    second = tuple(replace(one, rater="bob", accept=i > 1) for i, one in enumerate(labels.items[:20]))
    both = replace(labels, items=(*labels.items, *second))
    with pytest.raises(UsageError, match=r"disagree on 2.*0\.png"):
        ct.calibrate(make_gate(), both, max_bad_share=0.1, tuning_share=0)
    tuning = ct.calibrate(make_gate(), both, max_bad_share=0.1, tuning_share=0, conflicts="reject")
    assert (tuning.promise.bad, tuning.promise.kept) == (2, 80)
    assert len(tuning.conflicts) == 2
    assert tuning.duplicates == 20
    assert tuning.agreement[0].raters == ("ann", "bob")
    assert tuning.agreement[0].count == 20


def test_one_candidate_a_shot_enters_the_bound(make_gate: Gates, stream: Callable[..., Path]) -> None:
    shots = [f"shot {i // 4}" for i in range(320)]
    labels = ct.Labels.open(stream([50 + i % 40 for i in range(320)], shots=shots), drawn="accepted-stream")
    tuning = ct.calibrate(make_gate(), labels, max_bad_share=0.05, tuning_share=0)
    assert tuning.promise.kept == 80


def test_measurements_are_remembered(make_gate: Gates, labels: ct.Labels, tmp_path: Path) -> None:
    calls: list[int] = []

    def measures(seen: ct.interfaces.Observed) -> float:
        calls.append(1)
        return float(seen.pixels.mean())

    store = tmp_path / "measured.jsonl"
    first = ct.calibrate(make_gate(measures=measures), labels, 0.10, measurements=store)
    assert len(calls) == 260
    cut = store.read_text()[:-30]  # as after a crash in the middle of a line
    store.write_text(cut)
    second = ct.calibrate(make_gate(measures=measures), labels, 0.10, measurements=store, reuse=True)
    assert len(calls) == 261
    assert np.array_equal(first.judged.values, second.judged.values)
    ct.calibrate(make_gate(measures=measures, version=2), labels, 0.10, measurements=store, reuse=True)
    assert len(calls) == 521  # another instrument


def test_files_that_are_gone_or_damaged(make_gate: Gates, labels: ct.Labels, tmp_path: Path) -> None:
    (tmp_path / "3.png").write_bytes(b"no picture at all")
    with pytest.raises(UsageError, match="do not pass"):  # the gate cannot have accepted it
        ct.calibrate(make_gate(), labels)
    (tmp_path / "7.png").unlink()
    with pytest.raises(UsageError, match=r"1 of 260 .*7\.png"):
        ct.calibrate(make_gate(), labels)


@pytest.mark.parametrize(
    "wrong",
    [{"max_bad_share": 0.0}, {"max_bad_share": float("nan")}, {"confidence": 1.0}, {"tuning_share": 1.0},
     {"conflicts": "ignore"}, {"max_bad_share": "x"}, {"base_rate": "x"}, {"tuning_share": "x"}],
)  # fmt: skip
def test_senseless_arguments(make_gate: Gates, labels: ct.Labels, wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        ct.calibrate(make_gate(), labels, **wrong)  # type: ignore[arg-type]


def test_one_gate_for_each_person(make_gate: Gates, stream: Callable[..., Path]) -> None:
    people = [f"p{i % 5}" for i in range(260)]
    labels = ct.Labels.open(stream(LEVELS, person=people), drawn="accepted-stream")
    gates = {f"p{i}": make_gate() for i in range(5)}
    tuning = ct.calibrate(gates, labels, max_bad_share=0.10)
    assert tuning.kept_apart == "people"
    assert 0 < len(tuning.people) < 5
    assert tuning.people[0].bound > tuning.promise.bound
    with pytest.raises(UsageError, match="'p4'"):
        ct.calibrate({k: v for k, v in gates.items() if k != "p4"}, labels)
    with pytest.raises(UsageError, match="differ"):
        ct.calibrate({**gates, "p0": make_gate(limit=190.0)}, labels)


def test_one_picture_may_be_labelled_for_two_people_with_a_gate_for_each(
    make_gate: Gates, stream: Callable[..., Path]
) -> None:
    labels = ct.Labels.open(stream([50 + i % 40 for i in range(80)], person="ann"), drawn="accepted-stream")
    both = replace(labels, items=(*labels.items, replace(labels.items[0], person="bob", accept=False, shot="other")))
    with pytest.raises(UsageError, match="'ann' and for 'bob'"):
        ct.calibrate(make_gate(), both, max_bad_share=0.1, tuning_share=0)
    tuning = ct.calibrate({"ann": make_gate(), "bob": make_gate()}, both, max_bad_share=0.1, tuning_share=0)
    assert (tuning.promise.bad, tuning.promise.kept) == (1, 81)
    assert tuning.people[0].name == "bob"


def test_a_damaged_record_of_uses_is_not_overlooked(make_gate: Gates, labels: ct.Labels, tmp_path: Path) -> None:
    (tmp_path / "labels.csv.uses.json").write_text('{"format": 1')
    with pytest.raises(ct.FormatError, match="what the labels were used for"):
        ct.calibrate(make_gate(), labels, max_bad_share=0.1)


def test_files_are_never_loosened_beyond_what_was_seen(make_gate: Gates, stream: Callable[..., Path]) -> None:
    levels = np.round(RNG.uniform(20, 95, 200))
    labels = ct.Labels.open(stream(levels), drawn="accepted-stream")
    assert ct.calibrate(make_gate(), labels, 0.05).tolerances["bright"].limit <= 95.0
    whole = ct.calibrate(make_gate(), labels, 0.05, tuning_share=0, reuse=True)
    assert whole.tolerances["bright"].limit == pytest.approx(whole.judged.values.max())
    assert any("lowered" in note for note in whole.notes)


def test_an_odd_line_of_measurements_is_measured_again(make_gate: Gates, stream: Callable[..., Path]) -> None:
    path = stream([50.0 + i % 40 for i in range(60)])
    labels, gate, store = ct.Labels.open(path, drawn="accepted-stream"), make_gate(), path.with_name("m.jsonl")
    before = ct.calibrate(gate, labels, 0.1, tuning_share=0, measurements=store)
    row = json.loads(store.read_text().splitlines()[0])
    tool, expect = row["metrics"]["bright"][:2]
    odd = [["foo", None, None], ["measured", "abc", None], ["measured", [1], None], ["measured", 10**400, None]]
    lines = [json.dumps({**row, "metrics": {"bright": [tool, expect, *one]}}) for one in odd]
    store.write_text("\n".join([*lines, "[" * 100_000]) + "\n")
    again = ct.calibrate(gate, labels, 0.1, tuning_share=0, measurements=store)
    assert again.tolerances["bright"].limit == before.tolerances["bright"].limit


def test_names_too_long_and_numbers_too_large(make_gate: Gates, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(f"path,label,shot\n{'x' * 300}.png,accept,s\n")
    with pytest.raises(UsageError, match="1 of 1 labelled files"):
        ct.calibrate(make_gate(), ct.Labels.open(tmp_path / "l.csv", drawn="accepted-stream"), 0.5)
    with pytest.raises(UsageError, match="number of a candidate"):
        ct.Label(accept=True, shot="s", candidate=10**30)


def run_on(
    ledger: ct.Ledger, gate: ct.Gate, shots: range, stop: ct.StopRule | None = None, proposer: ct.Proposer | None = None
) -> None:
    """Runs shots and accepts what they keep."""
    for i in shots:
        shot = ct.Shot(f"sc{i}", gate=gate, ledger=ledger, stop=stop, proposer=proposer)
        kept = shot.run(PatternGenerator(size=4), budget=ct.Budget(candidates=60)).kept
        assert kept is not None
        ledger.decide(ct.Decision(candidate=kept.candidate, accept=True, who="ann"))


def test_a_ledger_says_under_which_limits_they_were_accepted(make_gate: Gates, tmp_path: Path) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        run_on(ledger, make_gate(limit=150.0), range(10))
        with pytest.raises(UsageError, match=r"limit 150.0 there, 200.0 here"):
            ct.calibrate(make_gate(limit=200.0), ct.Labels.from_ledger(ledger), 0.2)
        with pytest.raises(UsageError, match="required there, if_present here"):
            ct.calibrate(make_gate(limit=150.0, expect="if_present"), ct.Labels.from_ledger(ledger), 0.2)
        run_on(ledger, make_gate(limit=100.0), range(10, 40))
        tuning = ct.calibrate(make_gate(limit=100.0), ct.Labels.from_ledger(ledger), 0.2, tuning_share=0)
        assert tuning.tolerances["bright"].limit == 100.0
        assert 20 < tuning.promise.kept <= 30
        assert tuning.promise.expects == {"bright": "required"}
        assert any("10 of 40 labelled" in note for note in tuning.notes)


@pytest.mark.parametrize("drawn", ["accepted-stream", "other mix"])
def test_labels_of_what_a_proposer_learned_to_draw_come_with_a_warning(
    make_gate: Gates, tmp_path: Path, drawn: str
) -> None:
    learned, evenly = ct.LearnedVariations({"x": [1, 2]}), ct.Variations({"x": [1, 2]}, order="random")
    more: dict[str, Any] = {"base_rate": 0.5} if drawn == "other mix" else {}
    for name, proposer in (("learned.db", learned), ("evenly.db", evenly)):
        with ct.Ledger.open(tmp_path / name) as ledger:
            run_on(ledger, make_gate(limit=100.0), range(30), proposer=proposer)
            if more:  # rejected ones too
                for row in [row for row in ledger.candidates() if row.state is ct.State.REJECTED]:
                    ledger.decide(ct.Decision(candidate=row.id, accept=False, who="ann"))
            labels = ct.Labels.from_ledger(ledger, drawn=drawn)
            tuning = ct.calibrate(make_gate(limit=100.0), labels, 0.5, tuning_share=0, **more)
        said = [note for note in tuning.notes if "proposed by what learns" in note]
        assert len(said) == (proposer is learned)
        if said:
            assert said[0].startswith(f"{len(labels)} of {len(labels)} labelled") and "later" in said[0]


def test_labels_of_the_best_of_several_are_refused(make_gate: Gates, tmp_path: Path) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        run_on(ledger, make_gate(), range(8), ct.BestOf(3))
        with pytest.raises(UsageError, match=r"the first that.*judge candidates \d"):
            ct.calibrate(make_gate(), ct.Labels.from_ledger(ledger), 0.5, 0.6, tuning_share=0)


@pytest.mark.parametrize(("share", "said"), [(1.0, "100 %"), (0.999, "100 %"), (0.0487, "4.9 %"), (0.002, "0.2 %")])
def test_a_share_is_written_as_people_write_it(share: float, said: str) -> None:
    from continuity.calibration.refusals import _percent

    assert _percent(share) == said
