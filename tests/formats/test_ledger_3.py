"""Ledger format 3: one candidate that a repair made acceptable, one that a repair declined; it is never made again.

The file was made by ``python tests/formats/test_ledger_3.py``, once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import continuity as ct
from continuity.ledger import Ledger
from continuity.media import Media
from continuity.records import Declined, Json, Repaired
from continuity.testing import FakeBackends, FakeMetric

FILE = Path(__file__).with_name("ledger-3.db")


def test_it_is_read_as_it_is() -> None:
    before = FILE.read_bytes()
    with Ledger.open(FILE, create=False) as ledger:
        mended, left = ledger.candidates()
        assert (mended.state, mended.attempt, mended.repair, mended.fitted) == ("accepted", 1, "Darken", ("bright",))
        render, repaired = ledger.attempts(mended.id)
        assert (render.repair, render.cost, render.stream, render.verdict) == ("", None, "", None)
        assert (repaired.verdict, repaired.settings, repaired.stream) == ("pass", {"by": 8}, mended.stream)
        assert repaired.cost is not None and repaired.cost.repair == 0.5
        values = [r["bright"].value for n in (0, 1) if (r := ledger.report(mended.id, n))]
        assert values == [200, 25] and ledger.report(mended.id) == ledger.report(mended.id, 1)
        assert (left.state, left.attempt, left.repair) == ("rejected", 0, "")
        assert ledger.attempts(left.id)[1].declined == "too bright"
        assert left.stream != mended.stream and "repairs" in ledger.description(mended.stream)
    assert FILE.read_bytes() == before


class Darken:
    """Divides by eight, or will not."""

    keys = ("bright",)
    settings: Mapping[str, Json] = {"by": 8}

    def repair(self, media: Media, report: ct.Report, identity: ct.Identity) -> Repaired | Declined:
        pixels = next(iter(media.frames())).pixels
        if pixels.max() > 240:
            return Declined(reason="too bright")
        return Repaired(media=ct.Image.from_array(pixels // 8), cost=ct.Cost(repair=0.5))


def make() -> None:
    """Writes the file."""
    gate = ct.Gate(
        [FakeMetric("bright")],
        identity=ct.Identity(name="nobody", enrolled=()),
        tolerances={"bright": 64},
        backends=FakeBackends(),
    )
    with Ledger.open(FILE) as ledger:
        shot = ct.Shot("s", gate=gate, ledger=ledger, repairs=[Darken()])
        for level in (200, 250):
            shot.tell(shot.ask(), ct.Image.from_array(np.full((16, 16, 3), level, np.uint8)), ct.Cost(render=1))
    with sqlite3.connect(FILE) as file:  # one file, without its log; and no name of a machine
        file.execute("UPDATE candidates SET host = 'farm-01', boot = 'boot'")
        file.commit()
        file.execute("PRAGMA journal_mode = DELETE")


if __name__ == "__main__":
    make()
