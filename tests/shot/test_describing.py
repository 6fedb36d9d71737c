"""What a shot says of itself: another spec would be a new revision of every shot, another stream would end promises."""

from __future__ import annotations

from pathlib import Path

import continuity as ct
from continuity.shot.describing import spec_of, stream_of
from continuity.testing import FakeBackends, FakeMetric

GATE = ct.Gate(
    [FakeMetric("m", 0.0), FakeMetric("grade", 0.0)],
    identity=ct.Identity(name="x", enrolled=()),
    tolerances={"m": 1.0, "grade": 2.0},
    backends=FakeBackends(),
)


def test_digests_of_spec_and_streams_stay_what_they_were(tmp_path: Path) -> None:
    proposer = ct.Variations({"k": [1, 2]})
    rendering = {"generator": {"class": "a.B", "version": 1, "settings": {}}, "aborts": None}
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        spec = ledger.shot("sc010", spec_of(GATE, "Mara")).spec_digest
        rendered, mended = (ledger.stream(stream_of(GATE, rendering, proposer, by)) for by in ((), (ct.GradeRepair(),)))
    assert (spec, rendered) == ("b32ddb6057686479cf82ab7b909c6a4f", "11281af6e0c65d8cd4f90cf96206381d")
    assert mended != rendered
    assert spec_of(GATE, "another") != spec_of(GATE, "Mara")


def test_the_pool_is_the_same_whatever_the_prompt(tmp_path: Path) -> None:
    generator = ct.FunctionGenerator(lambda seed: seed)
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        one, two, mended = (
            ct.Shot(name, gate=GATE, ledger=ledger, prompt=name, repairs=repairs).pool(generator)
            for name, repairs in (("a", ()), ("b", ()), ("c", (ct.GradeRepair(),)))
        )
    assert one == two and "prompt" not in one
    assert mended["repairs"] and mended != one
