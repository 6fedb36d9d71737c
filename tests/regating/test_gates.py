"""A gate for a changed identity, otherwise what the shots had."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import continuity as ct
from continuity.regating import gate_like
from continuity.testing import FakeBackends


def shoot(ledger: ct.Ledger, identity: ct.Identity, name: str, limit: float, **expects: str) -> None:
    gate = ct.Gate.for_identity(
        identity,
        tolerances=ct.Tolerances((ct.Tolerance(key="grade", limit=limit, scale=3.0),)),
        expects={"hands": "off", **expects},
        backends=FakeBackends(),  # type: ignore[arg-type]
    )
    shot = ct.Shot(name, gate=gate, ledger=ledger)
    shot.tell(shot.ask(), ct.Image.from_array(np.full((32, 32, 3), 90, dtype=np.uint8)))


@pytest.fixture
def identity(tmp_path: Path) -> ct.Identity:
    ct.Image.from_array(np.full((32, 32, 3), 100, dtype=np.uint8)).save(tmp_path / "grey.png")
    return ct.enrol(tmp_path / "identity", grade=[tmp_path / "grey.png"], backends=FakeBackends())  # type: ignore[arg-type]


def test_limits_and_expectations_are_those_of_the_latest_revision(identity: ct.Identity, ledger: ct.Ledger) -> None:
    shoot(ledger, identity, "sc010", 5.0)
    shoot(ledger, identity, "sc010", 7.0, grade="if_present")
    gate = gate_like(ledger, identity, backends=FakeBackends())  # type: ignore[arg-type]
    assert (gate.tolerances["grade"].limit, gate.tolerances["grade"].scale) == (7.0, 3.0)
    assert gate.metrics[0].expect is ct.Expect.IF_PRESENT
    given = gate_like(
        ledger, identity, tolerances={"grade": 9.0}, expects={"grade": "required"}, backends=FakeBackends()
    )  # type: ignore[arg-type]
    assert given.tolerances["grade"].limit == 9.0
    assert given.metrics[0].expect is ct.Expect.REQUIRED


def test_shots_that_differ_need_a_word(identity: ct.Identity, ledger: ct.Ledger) -> None:
    shoot(ledger, identity, "sc010", 5.0)
    shoot(ledger, identity, "sc020", 7.0)
    with pytest.raises(ct.UsageError, match="--limit grade"):
        gate_like(ledger, identity, backends=FakeBackends())  # type: ignore[arg-type]
    alone = [row for row in ledger.shots() if row.name == "sc020"]
    gate = gate_like(ledger, identity, shots=alone, backends=FakeBackends())  # type: ignore[arg-type]
    assert gate.tolerances["grade"].limit == 7.0
    gate = gate_like(ledger, identity, tolerances={"grade": 6.0}, backends=FakeBackends())  # type: ignore[arg-type]
    assert gate.tolerances["grade"].limit == 6.0
