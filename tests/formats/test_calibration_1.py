"""Files of calibration, format 1: limits with a promise, labels, what was measured, used and drawn."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import continuity as ct
from continuity.calibration import auditing, uses
from continuity.calibration.measuring import Remembered
from continuity.errors import UsageError

HERE = Path(__file__).parent


def test_tolerances_with_a_promise_1() -> None:
    promise = ct.Tolerances.open(HERE / "promise-1.toml").promise
    assert promise is not None
    assert (promise.kept, promise.bad, promise.stream, promise.use) == (149, 0, "5eaf", 1)


def test_labels_1() -> None:
    labels = ct.Labels.open(HERE / "labels-1.csv")
    assert [one.accept for one in labels.items] == [True, False]
    assert str(labels.drawn) == "accepted-stream"


def test_measurements_1() -> None:
    made = [("00", "face:mara", "01", "required"), ("00", "hands", "02", "if_present")]
    known = Remembered(HERE / "measured-1.jsonl").get(made, "b2-ff")
    assert known == [("measured", 0.41, None), ("absent", None, None)]


def test_uses_1(tmp_path: Path) -> None:
    shutil.copy(HERE / "labels-1.csv", tmp_path)
    shutil.copy(HERE / "uses-1.json", tmp_path / "labels-1.csv.uses.json")
    labels = ct.Labels.open(tmp_path / "labels-1.csv")
    with pytest.raises(UsageError, match="2026-01-02"):
        uses.begin(labels, [("b2-ff", "mara")], reuse=False, max_bad_share=0.02, confidence=0.95)
    assert uses.begin(labels, [("b2-ff", "mara")], reuse=True, max_bad_share=0.02, confidence=0.95) == 2
    assert uses.begin(labels, [("b2-ee", "mara")], reuse=False, max_bad_share=0.02, confidence=0.95) == 1


def test_draws_1() -> None:
    assert auditing.read(HERE / "audit-1.jsonl") == [
        auditing.Draw(candidate=7, stream="5eaf", group="kept", probability=1.0, drawn=True),
        auditing.Draw(candidate=9, stream="5eaf", group="rejected", probability=0.05, drawn=False),
    ]
