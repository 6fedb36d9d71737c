"""How many renders a kept shot takes, by strategy, where the truth is known.

    python benchmarks/rejection_ratio.py --quick                      ten minutes; on a slow machine: --seconds 3000
    python benchmarks/rejection_ratio.py --folder ratio --json ratio.json    everything; goes on where it stopped

`--quick` runs the simulator at 1:50 with 10 % of failures repairable: `all` on 240 shots, `first` on every third and
`fixed` on every twelfth of them, and on as many again where time is left. They go side by side, shot by shot, so that a
run that was cut off compares them too; `complete` says whether all of them were run. All of them stop measuring at the
first fail there, as `ordered` does, whose row they would share: renders and what is kept are the same.
The full run has the simulator at 1:5, 1:20, 1:50 and 1:100, 0, 10 and 30 % repairable, nothing learnable; `learning`
and `all` again with a learnable part; 400 shots a row, `fixed` 60. Without a learnable part `all` leaves learning out.
Before it comes the presenter (benchmarks/presenter, which needs torch and diffusers) at about 1:5 and 1:20, by `fixed`,
`first`, `ordered` and `aborts`; its renders are made once. `--generator presenter --share 0.05` runs only that part; of
the simulator, `--repairable` and `--learnable` choose as well. With `--early` all stop measuring at the first fail, as
with `--quick`.

Every strategy calls the same loop, gate and ledger of the library on the same seeds, and one pool of measurements
serves all of them: what was measured once is looked up, and its seconds are charged again. What the stream is made of,
what truth is and where limits come from stands in docs/decisions/0026. A render of the simulator is said to take 20
steps of 0.55 s; scoring seconds are measured.

`--json` has a list of rows; it is written at the end, and when the run is stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from rejection import work
from rejection.pool import Pool
from rejection.rows import Results, beside, chart, rows_of, table
from rejection.stage import Cell, SimulatorStage
from rejection.strategies import STRATEGIES, Shot

QUICK_SECONDS = 540.0  # after which no shot is begun
QUICK = Cell("simulator", 0.02, 0.1)
QUICK_SHOTS = 240
QUICK_EVERY = {"all": 1, "first": 3, "fixed": 12}  # one shot of so many, in this order
FIRST_SHOT = 3000  # those below 240, 1000 to 1106 and 2000 to 2099 were looked at before something was changed
SHARES, REPAIRABLE, LEARNABLE = (0.2, 0.05, 0.02, 0.01), (0.0, 0.1, 0.3), 1.0
GENERATORS = ("presenter", "simulator")
SHOTS, FIXED_SHOTS, BLOCK = 400, 60, 20
PRESENTER_SHARES, PRESENTER = (0.2, 0.05), ("fixed", "first", "ordered", "aborts")


def quick_tasks(shots: int, workers: int, first: int = FIRST_SHOT) -> list[work.SideBySide]:
    """All strategies side by side, a part of the shots for each worker, whose campaigns learn by themselves.

    `all` has each shot, the others some, chosen beforehand; where time is left they get as many again.
    """
    size = -(-shots // workers)
    starts = range(first, first + shots, size)
    left = {start: min(size, first + shots - start) for start in starts}
    reserved = [
        work.SideBySide(
            tuple(
                work.Task(QUICK, name, start, -(-left[start] // every), every, early=True)
                for name, every in QUICK_EVERY.items()
            )
        )
        for start in starts
    ]
    further = [
        work.SideBySide(
            tuple(
                work.Task(QUICK, name, start + every // 2, count, every, early=True)
                for name, every in QUICK_EVERY.items()
                if every > 1 and (count := -(-(left[start] - every // 2) // every)) > 0
            )
        )
        for start in starts
    ]
    return reserved + [one for one in further if one.tasks]


def full_tasks(
    strategies: Sequence[str],
    shots: int,
    first: int = FIRST_SHOT,
    generators: Sequence[str] = GENERATORS,
    shares: Sequence[float] = SHARES,
    repairable: Sequence[float] = REPAIRABLE,
    learnable: Sequence[float] = (0.0, LEARNABLE),
    early: bool = False,
) -> list[work.Task]:
    """Every stream by every strategy; in blocks where no shot depends on another."""
    tasks = [
        task
        for share in PRESENTER_SHARES
        for name in strategies
        if name in PRESENTER and share in shares and "presenter" in generators
        for task in blocks(Cell("presenter", share, 0.0), name, shots, first, early)
    ]
    for share in shares if "simulator" in generators else ():
        for mendable in repairable:
            for amplitude in learnable:
                cell = Cell("simulator", share, mendable, amplitude)
                for name in strategies:
                    if amplitude and 0.0 in learnable and not STRATEGIES[name].learning:
                        continue  # it sets no dial: the rows would be the same
                    tasks += blocks(cell, name, shots, first, early)
    return tasks


def blocks(cell: Cell, name: str, shots: int, first: int, early: bool = False) -> list[work.Task]:
    """One row of the full run: one campaign where shots depend on those before."""
    strategy = STRATEGIES[name]
    count = min(shots, FIXED_SHOTS) if strategy.fixed else shots
    size = count if strategy.in_order else BLOCK
    return [work.Task(cell, name, first + k, min(size, count - k), early=early) for k in range(0, count, size)]


def results_of(folder: Path, tasks: Sequence[work.Task]) -> Results:
    """What has been done of the tasks."""
    found: dict[tuple[Cell, str], list[Shot]] = {}
    for task in tasks:
        found.setdefault((task.cell, task.strategy), []).extend(work.shots_of(folder, task))
    return found


def complete(folder: Path, tasks: Sequence[work.Task]) -> bool:
    """Whether all shots that were wanted have ended."""
    return all(len(work.shots_of(folder, task)) == task.count for task in tasks)


def environment() -> dict[str, Any]:
    """Where the numbers come from."""
    packages = ("continuity-gate", "numpy", "pillow", "scipy", "onnxruntime", "mediapipe", "optuna", "sqlalchemy")
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "packages": {name: _version(name) for name in packages},
        "render": f"simulated: {SimulatorStage.steps} steps of {SimulatorStage.step_seconds} s",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one stream, in ten minutes")
    parser.add_argument("--seconds", type=float, default=QUICK_SECONDS, help="of --quick, after which nothing is begun")
    parser.add_argument("--folder", type=Path, help="where pool and results stand; needed to go on after a stop")
    parser.add_argument("--strategies", default="all", help=f"comma-separated: {', '.join(STRATEGIES)}; all runs each")
    parser.add_argument("--generator", choices=GENERATORS, action="append", help="only this one; not with --quick")
    parser.add_argument("--share", type=float, choices=SHARES, action="append", help="only this; not with --quick")
    parser.add_argument("--repairable", type=float, choices=REPAIRABLE, action="append", help="only this, likewise")
    parser.add_argument("--learnable", type=float, action="append", help=f"only this, from 0 to 1; 0 and {LEARNABLE:g}")
    parser.add_argument("--early", action="store_true", help="all stop measuring at the first fail, as with --quick")
    parser.add_argument("--shots", type=int, help=f"a row; {SHOTS}, {QUICK_SHOTS} with --quick")
    parser.add_argument("--first", type=int, default=FIRST_SHOT, help="number of the first shot")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="write a chart (SVG) to this file")
    given = parser.parse_args()
    began = time.time()
    if given.quick:
        shots = given.shots or QUICK_SHOTS
        queue: Sequence[work.Task | work.SideBySide] = quick_tasks(shots, given.workers, given.first)
    else:
        names = list(STRATEGIES) if given.strategies == "all" else given.strategies.split(",")
        unknown = [name for name in names if name not in STRATEGIES]
        if unknown:
            parser.error(f"there is no strategy {', '.join(unknown)}; there are {', '.join(STRATEGIES)}")
        shares, generators = given.share or SHARES, given.generator or GENERATORS
        mendable, learnable = given.repairable or REPAIRABLE, given.learnable or (0.0, LEARNABLE)
        queue = full_tasks(
            names, given.shots or SHOTS, given.first, generators, shares, mendable, learnable, given.early
        )
    tasks = [task for one in queue for task in (one.tasks if isinstance(one, work.SideBySide) else (one,))]
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # of the workers, which start anew: one core each
    signal.signal(signal.SIGTERM, _interrupted)
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        code = 0
        try:
            prepare(folder, given.workers, {task.cell.generator for task in tasks})
            work.run_all(folder, queue, given.workers, began + given.seconds if given.quick else None)
        except KeyboardInterrupt:
            print("interrupted: what follows is complete up to here", file=sys.stderr)
            code = 130
        finally:
            rows = rows_of(results_of(folder, tasks))
            if given.json:
                said = {
                    **environment(),
                    "wall_seconds": round(time.time() - began, 1),
                    "complete": complete(folder, tasks),
                }
                given.json.write_text(
                    json.dumps([row.to_json(said, beside(row, rows)) for row in rows], indent=1) + "\n",
                    encoding="utf-8",
                )
            if given.chart:
                given.chart.write_text(chart(rows), encoding="utf-8")
            print(table(rows))
            print(f"\n{time.time() - began:.0f} s", file=sys.stderr)
    return code


def prepare(folder: Path, workers: int, generators: Collection[str]) -> None:
    """Identities and limits, before workers would make them twice."""
    with Pool(folder / "pool.db") as pool:
        for name in sorted(generators):
            stage = work.STAGES[name](folder, pool)  # enrols
            if name == "simulator" and not (folder / "limits.toml").exists():
                work.run_all(folder, [work.Limits(name, k, workers) for k in range(workers)], workers, None)
            assert stage.gate


def _interrupted(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ImportError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    sys.exit(main())
