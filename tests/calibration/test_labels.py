"""Labels out of files and ledgers, agreement, conflicts, and what was refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import continuity as ct
from continuity.calibration import Drawn
from continuity.calibration.collecting import in_order, to_judge
from continuity.errors import FormatError, UsageError
from continuity.testing import FakeBackends, FakeMetric, PatternGenerator


def write(folder: Path, text: str, name: str = "labels.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_csv_file(tmp_path: Path) -> None:
    labels = ct.Labels.open(
        write(
            tmp_path,
            "\ufeffPath,Label,Shot,identity,rater,role,round,reason,drawn,stream,camera\n"
            'a.png,accept,s1,mara,ann,vfx,2,"soft, but fine",accepted-stream,abc,B\n'
            "b.png,REJECT,s2,mara,ann,,,,accepted-stream,abc,\n"
            "\n"
            "c.png,,s3,mara,,,,,accepted-stream,abc,\n",
        )
    )
    first, second = labels.items
    assert first == ct.Label(
        accept=True, shot="s1", path=str(tmp_path / "a.png"), person="mara", rater="ann", role="vfx", round=2,
        reason="soft, but fine",
    )  # fmt: skip
    assert not second.accept
    assert (labels.drawn, labels.stream) == (Drawn.ACCEPTED_STREAM, "abc")
    assert [label.shot for label in labels.waiting] == ["s3"]
    assert any("camera" in note for note in labels.notes)
    assert any("not judged" in note for note in labels.notes)


def test_a_jsonl_file(tmp_path: Path) -> None:
    rows = [{"format": 1, "path": "a.png", "label": "accept", "shot": "s1", "round": 2, "reason": None}]
    labels = ct.Labels.open(write(tmp_path, json.dumps(rows[0]) + "\n\n", "a.jsonl"), drawn="other mix")
    assert labels.items[0].round == 2
    assert labels.drawn is Drawn.OTHER_MIX


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "columns"),
        ("path,label\na.png,accept\n", "shot"),
        ("label,shot\naccept,s\n", "path or candidate"),
        ("path,label,shot\n", "no line"),
        ("path,label,shot\na.png,perhaps,s\n", "line 2.*accept or reject"),
        ("path,label,shot\na.png,accept,\n", "line 2.*shot"),
        ("path,label,shot\n,accept,s\n", "line 2.*path"),
        ("path,label,shot\na.png,accept,s,x\n", "line 2.*fields"),
        ("path,label,shot\na.png,accept\n", "line 2.*fields"),
        ("path,label,shott\na.png,accept,s\n", "did you mean 'shot'"),
        ("path,label,shot,shot\na.png,accept,s,t\n", "twice"),
        ("path,file,label,shot\na.png,b.png,accept,s\n", "one column of each meaning"),
        ("path,label,shot,round\na.png,accept,s,two\n", "whole numbers"),
        ("path,label,shot,drawn\na.png,accept,s,somehow\n", "accepted-stream"),
        ("path,label,shot,stream\na.png,accept,s,x\nb.png,accept,t,y\n", "one and the same stream"),
        ('path,label,shot\n"a.png,accept,s\n', "line"),
        ("path,label,shot\0\n", "NUL"),
    ],
)
def test_a_wrong_csv_file_is_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        ct.Labels.open(write(tmp_path, text))


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        "{",
        "[" * 100_000,
        '{"path": 1.5, "label": "accept", "shot": "s"}',
        '{"path": true, "label": "accept", "shot": 1}',
        '{"format": 2, "path": "a", "label": "accept", "shot": "s"}',
        '{"label": "accept", "shot": "s"}',
    ],
)
def test_a_wrong_jsonl_file_is_a_sentence(tmp_path: Path, line: str) -> None:
    with pytest.raises(FormatError, match="line 1"):
        ct.Labels.open(write(tmp_path, line, "a.jsonl"))


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    for path in (tmp_path / "binary.csv", tmp_path / "none.csv", tmp_path):
        with pytest.raises(FormatError, match="cannot be read"):
            ct.Labels.open(path)
    with pytest.raises(UsageError, match="in which ledger"):
        ct.Labels.open(write(tmp_path, "candidate,label,shot\n1,accept,s\n"))


def label(name: str, accept: bool, rater: str = "", number: int = 1) -> ct.Label:
    return ct.Label(accept=accept, shot=name, digest=name, rater=rater, round=number)


def test_agreement_of_every_two_raters() -> None:
    words = [("a", True, True), ("b", True, False), ("c", False, False), ("d", False, False)]
    items = [label(n, x, "ann") for n, x, _ in words] + [label(n, y, "bob") for n, _, y in words]
    items.append(label("a", True, "cy"))
    found = ct.Labels(tuple(items)).agreement()
    assert [(a.raters, a.count) for a in found] == [(("ann", "bob"), 4), (("ann", "cy"), 1), (("bob", "cy"), 1)]
    assert found[0].kappa == pytest.approx(0.5)
    assert found[1].kappa is None


def test_conflicts_are_never_resolved_silently() -> None:
    labels = ct.Labels((label("a", True, "ann"), label("a", False, "bob"), label("b", True, "ann")))
    assert labels.conflicts() == ("a",)
    with pytest.raises(UsageError, match="disagree on 1"):
        labels.merged()
    assert [one.accept for one in labels.merged(conflicts_reject=True).items] == [False, True]


def test_a_later_round_replaces_an_earlier_word_of_the_same_rater() -> None:
    labels = ct.Labels((label("a", True, "ann"), label("a", False, "ann", 2)))
    assert [one.accept for one in labels.merged().items] == [False]
    with pytest.raises(UsageError, match="disagree"):
        ct.Labels((label("a", True, "ann"), label("a", False, "ann"))).merged()


def test_the_same_bytes_are_one_candidate() -> None:
    twice = ct.Labels((label("a", True), label("a", True)))
    assert len(twice.merged()) == 1


def test_no_labels_and_labels_of_nothing() -> None:
    with pytest.raises(UsageError, match="accepted-stream"):
        ct.Labels((label("a", True),), drawn="by hand")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="got none"):
        ct.Labels(())
    with pytest.raises(UsageError, match="path of a file"):
        ct.Label(accept=True, shot="s")
    with pytest.raises(UsageError, match="shot"):
        ct.Label(accept=True, shot="", path="a.png")


@pytest.fixture
def show(tmp_path: Path, nobody: ct.Identity) -> tuple[ct.Ledger, ct.Gate]:
    """A ledger with one kept candidate in each of 40 shots."""
    gate = ct.Gate([FakeMetric("bright")], identity=nobody, tolerances={"bright": 128.0}, backends=FakeBackends())
    ledger = ct.Ledger.open(tmp_path / "show.db")
    for i in range(40):
        ct.Shot(f"sc{i}", gate=gate, ledger=ledger).run(PatternGenerator(size=4), budget=ct.Budget(candidates=30))
    return ledger, gate


def test_the_decisions_of_a_ledger(show: tuple[ct.Ledger, ct.Gate]) -> None:
    ledger, gate = show
    kept = [row.id for row in ledger.candidates() if row.kept]
    with pytest.raises(UsageError, match="still wait"):
        ct.calibrate(gate, ct.Labels.from_ledger(ledger))
    for number in kept[:-1]:
        ledger.decide(ct.Decision(candidate=number, accept=True, who="ann", role="vfx"))
    ledger.decide(ct.Decision(candidate=kept[0], accept=False, who="ann", round=2))
    ledger.decide(ct.Decision(candidate=kept[0], accept=True, who="ann", round=3))
    assert len(ledger.decisions()) == len(kept) + 1
    labels = ct.Labels.from_ledger(ledger)
    assert len(labels) == len(kept) - 1
    assert {one.stream for one in ledger.candidates()} == {labels.stream}
    assert any("1 accepted candidates were never judged" in note for note in labels.notes)
    waiting = to_judge(gate, labels)
    assert [one.name for one in waiting] == [f"candidate {kept[-1]}"]
    tuning = ct.calibrate(gate, labels, max_bad_share=0.1, tuning_share=0)  # the measurements are in the ledger
    different = len({row.digest for row in ledger.candidates() if row.id in kept[:-1]})
    assert (tuning.promise.kept, tuning.promise.bad, tuning.promise.stream) == (different, 0, labels.stream)
    assert tuning.ratio_of == "candidates"
    assert tuning.ratio is not None
    assert 1.5 < tuning.ratio < 3
    # a shot that runs on under the new limits in the same stream has the promise, another stream has not
    tuned = ct.Gate(gate.metrics, identity=gate.identity, tolerances=tuning.tolerances, backends=FakeBackends())
    for generator, warned in ((PatternGenerator(size=4), False), (PatternGenerator(size=8), True)):
        shot = ct.Shot(f"next {warned}", gate=tuned, ledger=ledger)
        outcome = shot.run(generator, budget=ct.Budget(candidates=30))
        assert outcome.kept is not None
        assert outcome.kept.report is not None
        assert any("promise not established" in w for w in outcome.kept.report.warnings) is warned
    ledger.close()


def test_work_is_listed_one_of_each_shot_first_and_in_no_order_of_values() -> None:
    listed = in_order([("s1", "a"), ("s1", "b"), ("s2", "c"), ("s3", "d")], judged=["s3"])
    assert {one.name for one in listed[:2]} == {"a", "c"}
    assert [one.first for one in listed] == [True, True, False, False]
    again = in_order([("s3", "d"), ("s2", "c"), ("s1", "a"), ("s1", "b")], judged=["s3"])
    assert [one.name for one in again[:2]] == [one.name for one in listed[:2]]
