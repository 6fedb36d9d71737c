"""A worker process for the tests: runs one shot on one ledger and prints each candidate that was told.

python worker.py LEDGER CANDIDATES [SECONDS_A_RENDER]
"""

from __future__ import annotations

import sys

import continuity as ct
from continuity.testing import FakeBackends, FakeMetric, PatternGenerator


def main(path: str, candidates: str, seconds: str = "0") -> None:
    gate = ct.Gate(
        [FakeMetric("never", 99.0)],
        identity=ct.Identity(name="nobody", enrolled=()),
        tolerances={"never": 1.0},
        backends=FakeBackends(),
    )
    with ct.Ledger.open(path) as ledger:
        shot = ct.Shot("sc010", gate=gate, ledger=ledger)
        print("ready", flush=True)
        outcome = shot.run(
            PatternGenerator(seconds=float(seconds)),
            budget=ct.Budget(candidates=int(candidates)),
            on_told=lambda told: print(told.candidate, told.row.seed, flush=True),
        )
        print(outcome.stopped_by, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
