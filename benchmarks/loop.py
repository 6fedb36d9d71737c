"""What the loop itself costs: ask, propose, tell, ledger and thumbnail, with a generator and a metric that do nothing.

    python benchmarks/loop.py                   100,000 candidates of one shot, about six minutes
    python benchmarks/loop.py --candidates 5000

Prints milliseconds a candidate and resident memory in windows along the run, and the share that the bare disk takes:
the same number of fsynced commits on an empty SQLite file in the same folder.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

import psutil

import continuity as ct
from continuity.testing import FakeBackends, FakeMetric, PatternGenerator

WINDOW = 1000


def bare_commits(folder: Path, count: int = 1000) -> float:
    """Milliseconds of one commit of one small row in SQLite with WAL and synchronous=FULL, here and now."""
    with sqlite3.connect(folder / "bare.db") as bare:
        bare.execute("PRAGMA journal_mode=WAL")
        bare.execute("PRAGMA synchronous=FULL")
        bare.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
        began = time.perf_counter()
        for number in range(count):
            bare.execute("INSERT INTO t VALUES (?, ?)", (number, "x" * 500))
            bare.commit()
    return (time.perf_counter() - began) * 1000 / count


def main() -> None:
    """Runs the loop and prints one row a window."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--candidates", type=int, default=100_000)
    arguments.add_argument("--json", type=Path, help="write the rows to this file as well")
    chosen = arguments.parse_args()
    memory = psutil.Process().memory_info
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        commit = bare_commits(folder)
        print(f"one bare commit on this disk: {commit:.2f} ms; a candidate takes two (asked, told)")
        gate = ct.Gate(
            [FakeMetric("never", 99.0)],
            identity=ct.Identity(name="nobody", enrolled=()),
            tolerances={"never": 1.0},
            backends=FakeBackends(),
        )
        marks = [time.perf_counter()]
        spent: list[float] = []

        def note(told: ct.Told) -> None:
            now = time.perf_counter()
            spent.append((now - marks[-1]) * 1000)
            marks[-1] = now
            if len(spent) == WINDOW:
                recorded = told.row.index + 1
                row = {
                    "recorded": recorded,
                    "ms_mean": statistics.fmean(spent),
                    "ms_median": statistics.median(spent),
                    "ms_p95": statistics.quantiles(spent, n=20)[-1],
                    "rss_mib": memory().rss / 2**20,
                }
                rows.append(row)
                if recorded in (1000, 2000, 5000, 10_000, 11_000) or recorded % 20_000 == 0:
                    print("  ".join(f"{k} {v:10.2f}" for k, v in row.items()), flush=True)
                spent.clear()

        with ct.Ledger.open(folder / "show.db") as ledger:
            shot = ct.Shot("loop", gate=gate, ledger=ledger)
            shot.run(PatternGenerator(), budget=ct.Budget(candidates=chosen.candidates), on_told=note)
        print(f"one bare commit afterwards: {bare_commits(Path(tempfile.mkdtemp(dir=folder))):.2f} ms")
    if chosen.json:
        chosen.json.write_text(json.dumps({"bare_commit_ms": commit, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
