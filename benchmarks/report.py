"""What the report of a campaign costs: a ledger of simulated candidates is made, then its pages are timed.

    python benchmarks/report.py --shots 20 --candidates 100 --folder report-benchmark [--json FILE]

The first run makes the ledger, the second one times its pages: memory is that of a process that did nothing else.

The candidates are real pixels (the simulator on scikit-image's photographs, 512 px; every fifth shot is of clips).
The metrics are three statistics of those pixels that need no model, so that making the ledger takes little time; each
marks where it looked, and the evidence is drawn as for the real ones. Judging is no part of what is timed.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from skimage import data

import continuity as ct
from continuity.generators import Simulator
from continuity.interfaces import Observed, Pixels
from continuity.records import Box, FrameMeasurement, Rates, Rectangle, Status
from continuity.report.site import write_report
from continuity.testing import FakeBackends, FakeMetric
from figures import save, show

REASONS = ("face", "tie: knot too low", "grade", "other: the dog is missing")
LIMITS = {"cast": 6.0, "contrast": 9.0, "edges": 3.5}


def metric(key: str, measures: Callable[[Pixels], float], reference: Pixels) -> FakeMetric:
    """How far a statistic of the picture is from that of the reference, in levels; one in fifteen is not measurable."""
    home = measures(reference)

    def frame(seen: Observed) -> FrameMeasurement:
        height, width = seen.pixels.shape[:2]
        shape = Rectangle(label=key, box=Box(width * 0.3, height * 0.2, width * 0.7, height * 0.8))
        if key == "edges" and int(seen.pixels[0, 0].sum()) % 15 == 0:
            return FrameMeasurement(status=Status.NOT_MEASURABLE, note="the subject is too small", shapes=(shape,))
        value = abs(measures(seen.pixels) - home)
        return FrameMeasurement(status=Status.MEASURED, value=value, note="where it looked", shapes=(shape,))

    return FakeMetric(key, measures=frame)


def gate_for(reference: Pixels) -> ct.Gate:
    """Three statistics against those of the reference."""
    statistics: dict[str, Callable[[Pixels], float]] = {
        "cast": lambda p: float(p[..., 0].mean()) - float(p[..., 2].mean()),
        "contrast": lambda p: float(p.std()),
        "edges": lambda p: float(np.abs(np.diff(p.astype(np.int16), axis=0)).mean()),
    }
    metrics = [metric(key, measures, reference) for key, measures in statistics.items()]
    nobody = ct.Identity(name="nobody", enrolled=())
    return ct.Gate(metrics, identity=nobody, tolerances=LIMITS, backends=FakeBackends())


def _photographs() -> tuple[Pixels, ...]:
    return data.astronaut(), data.coffee(), data.chelsea()  # type: ignore[no-untyped-call]


def make(path: Path, shots: int, candidates: int) -> None:
    """A ledger of so many shots of so many candidates, with decisions on some."""
    photographs = [np.ascontiguousarray(p) for p in _photographs()]
    with ct.Ledger.open(path) as ledger:
        for number in range(shots):
            picture = photographs[number % len(photographs)]
            source = [picture] * 24 if number % 5 == 4 else picture
            footage = ct.Clip.from_arrays(source, 24) if isinstance(source, list) else source
            simulator = Simulator(
                footage, acceptable=0.02, severity=(0.15, 1.0), seconds_per_render=11.0, device="cuda"
            )
            shot = ct.Shot(f"sc{number + 1:03}_010", gate=gate_for(picture), ledger=ledger, prompt="a benchmark")
            for _ in range(candidates):
                ticket = shot.ask()
                if ticket.index % 23 == 7:
                    shot.tell(ticket, error=ct.Aborted("stopped at step 6 of 20", cost=ct.Cost(
                        render=3.3, device="cuda", steps_run=6, steps_planned=20), recipe=ticket.recipe))  # fmt: skip
                    continue
                made = simulator.render(ticket.recipe)
                shot.tell(ticket, made.media, made.cost, recipe=made.recipe)
            shot.keep()
            kept = ledger.kept(shot.row)
            if kept is not None and number % 3:
                ledger.decide(ct.Decision(candidate=kept.id, accept=number % 3 == 1, role="supervisor",
                    who="Ines", reason="" if number % 3 == 1 else REASONS[number % 4]))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=int, default=20)
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--json", type=Path, help="file for the rows")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    path = given.folder / "show.db"
    began = time.perf_counter()
    if not path.exists():
        make(path, given.shots, given.candidates)
        print(f"made in {time.perf_counter() - began:.1f} s; run it again to time its pages")
        return
    began = time.perf_counter()
    shutil.rmtree(given.folder / "report", ignore_errors=True)
    with ct.Ledger.open(path, create=False) as ledger:
        write_report(ledger, given.folder / "report", rates=Rates(per_second={"cuda": 0.0011}))
        count = ledger.bill().totals.candidates
    files = [file for file in (given.folder / "report").rglob("*") if file.is_file()]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row = {
        "candidates": count,
        "seconds": round(time.perf_counter() - began, 1),
        "peak_mib": round(peak),
        "files": len(files),
        "megabytes": round(sum(f.stat().st_size for f in files) / 1e6, 1),
    }
    show("the pages of a campaign", [row])
    save(given.json, [row])


if __name__ == "__main__":
    main()
