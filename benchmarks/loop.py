"""What the loop itself costs: ask, propose, tell, ledger and thumbnail, with a generator and a metric that do nothing.

    python benchmarks/loop.py                   100,000 candidates of one shot, about six minutes
    python benchmarks/loop.py --candidates 5000
    python benchmarks/loop.py --pipeline sd     200 renders of a tiny diffusers pipeline, bare and in the loop in turn

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
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def around_a_pipeline(name: str, count: int = 200) -> dict[str, float]:
    """Milliseconds that the loop adds to a call of a tiny pipeline, the metric's own seconds left out (medians)."""
    from continuity.testing.pipelines import tiny_pipeline

    pipe = tiny_pipeline(name)
    pipe.set_progress_bar_config(disable=True)
    import torch

    asked: dict[str, Any] = {"num_inference_steps": 4, "height": 64, "width": 64}
    bare: list[float] = []
    inside: list[float] = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, ct.Ledger.open(Path(folder) / "show.db") as ledger:
        shot = ct.Shot("loop", prompt="mara at the bar", gate=never(), ledger=ledger)
        mark = time.perf_counter()

        def note(told: ct.Told) -> None:
            nonlocal mark
            ended = time.perf_counter()
            pipe("mara at the bar", generator=torch.Generator("cpu").manual_seed(told.row.seed), **asked)
            inside.append((ended - mark - told.row.cost.score) * 1000)
            mark = time.perf_counter()
            bare.append((mark - ended) * 1000)

        shot.run(ct.DiffusersGenerator(pipe, **asked), budget=ct.Budget(candidates=count + 10), on_told=note)
        del bare[:10], inside[:10]  # the first ones read the weights and fill caches
    return {
        "bare_ms": statistics.median(bare),
        "in_the_loop_ms": statistics.median(inside),
        "added_ms": statistics.median(b - a for a, b in zip(bare, inside, strict=True)),
        "renders": count,
    }


def never() -> ct.Gate:
    """A gate that costs nothing and accepts nothing."""
    return ct.Gate(
        [FakeMetric("never", 99.0)],
        identity=ct.Identity(name="nobody", enrolled=()),
        tolerances={"never": 1.0},
        backends=FakeBackends(),
    )


def looped(folder: Path, count: int, note: Callable[[int, float], None]) -> None:
    """Runs the loop in a folder; ``note`` hears of each candidate: how many are recorded, and its milliseconds."""
    mark = time.perf_counter()

    def on_told(told: ct.Told) -> None:
        nonlocal mark
        now = time.perf_counter()
        note(told.row.index + 1, (now - mark) * 1000)
        mark = now

    with ct.Ledger.open(folder / "show.db") as ledger:
        shot = ct.Shot("loop", gate=never(), ledger=ledger)
        shot.run(PatternGenerator(), budget=ct.Budget(candidates=count), on_told=on_told)


def main() -> None:
    """Runs the loop and prints one row a window."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--candidates", type=int, default=100_000)
    arguments.add_argument("--json", type=Path, help="write the rows to this file as well")
    arguments.add_argument("--pipeline", metavar="NAME", help="a tiny pipeline of continuity.testing.pipelines")
    chosen = arguments.parse_args()
    if chosen.pipeline:
        found = around_a_pipeline(chosen.pipeline)
        print("  ".join(f"{k} {v:.2f}" for k, v in found.items()))
        if chosen.json:
            chosen.json.write_text(json.dumps(found, indent=1))
        return
    memory = psutil.Process().memory_info
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        commit = bare_commits(folder)
        print(f"one bare commit on this disk: {commit:.2f} ms; a candidate takes two (asked, told)")
        spent: list[float] = []

        def note(recorded: int, milliseconds: float) -> None:
            spent.append(milliseconds)
            if len(spent) == WINDOW:
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

        looped(folder, chosen.candidates, note)
        print(f"one bare commit afterwards: {bare_commits(Path(tempfile.mkdtemp(dir=folder))):.2f} ms")
    if chosen.json:
        chosen.json.write_text(json.dumps({"bare_commit_ms": commit, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
