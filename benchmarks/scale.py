"""How far one machine goes: frames a second by worker processes and by length of clip, ledger rows by writers, growth.

    python benchmarks/scale.py              all of it
    python benchmarks/scale.py --quick      less of everything
    python benchmarks/scale.py --candidates 100000 --only growth

Frames are 1024 x 1024, of the astronaut that scikit-image ships with a drawn mark, through the default gate (face,
grade, look, logo, hands). Workers are processes of one thread a model; memory is what one worker holds alone (USS).
Where this machine has CUDA, the rows of the workers are measured on it too. Writers ask and tell in one shot.
``loop.py`` has the long run of the loop and its memory. The profile is of the functions themselves, of one process.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image as Pil

import continuity as ct
from continuity.backends import onnx
from continuity.records import State
from continuity.testing import PatternGenerator
from figures import Row, show
from loop import looped, never
from scoring import marked

SIDE = 1024
WORKERS = (1, 2, 3, 4)
CLIPS = (24, 100)
SHOTS = {"standing": 0.0, "moving": 1.0}  # how fast the camera and the mark move; grain moves in both
WRITERS = (1, 4, 16)
SHOWN = 10  # functions of the profile
STEP = 10  # candidates in the first window of the growth
Pixels = NDArray[np.uint8]


# -- one process of several --------------------------------------------------------------------------------------------


def score_frames(folder: Path, seconds: float) -> Row:
    """Inspects the frame again and again for so many seconds."""
    gate, image = opened(folder)
    gate.inspect(image)
    ready()
    count, began, spent = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        gate.inspect(image)
        count += 1
    return {
        "frames": count,
        "seconds": time.perf_counter() - began,
        "ms": (time.process_time() - spent) * 1000 / max(count, 1),
        "mib": psutil.Process().memory_full_info().uss / 2**20,
    }


def write_rows(folder: Path, count: float) -> Row:
    """Asks and tells so many candidates, each with a report."""
    report = never().inspect(PatternGenerator().render(ct.Recipe(seed=0)).media)
    with ct.Ledger.open(folder / "show.db") as ledger:
        shot, stream = ledger.shot("shared", {}), ledger.stream({"generator": "none"})
        ready()
        waits: list[float] = []
        began = time.perf_counter()
        for _ in range(int(count)):
            mark = time.perf_counter()
            ticket = ledger.ask(shot, stream=stream, budget=ct.Budget(), prompt="mara at the bar", measure_fully=0.1)
            ledger.tell(ticket, State.REJECTED, cost=ct.Cost(render=1.0), report=report)
            waits.append((time.perf_counter() - mark) * 1000)
        took = time.perf_counter() - began
    return {"seconds": took, "worst_ms": max(waits), "median_ms": statistics.median(waits)}


JOBS: dict[str, Callable[[Path, float], Row]] = {"frames": score_frames, "rows": write_rows}


def ready() -> None:
    """Says that the models are warm, and waits for the others."""
    print("ready", flush=True)
    sys.stdin.readline()


def together(job: str, count: int, folder: Path, amount: float, environ: dict[str, str]) -> list[Row]:
    """So many processes of a job, started at one moment, and what each of them says."""
    command = [sys.executable, __file__, "--job", job, "--folder", str(folder), "--amount", str(amount)]
    started = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environ}
        )
        for _ in range(count)
    ]
    try:
        for one in started:
            if one.stdout is None or one.stdout.readline().strip() != "ready":
                raise SystemExit(f"a worker for {job} ended with {one.wait()} before it was ready")
        for one in started:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        return [json.loads(one.communicate()[0]) for one in started]
    finally:
        for one in started:
            one.kill()


# -- the measurements --------------------------------------------------------------------------------------------------


def prepared(folder: Path) -> None:
    """The frame and the identity that every worker opens."""
    from skimage import data

    pixels = Pil.fromarray(data.astronaut()).resize((SIDE, SIDE), Pil.Resampling.LANCZOS)  # type: ignore[no-untyped-call]
    pixels.save(folder / "plate.png")
    frame, mark = marked(np.asarray(pixels), folder)
    Pil.fromarray(frame).save(folder / "frame.png")
    paths = [folder / "frame.png"]
    ct.enrol(folder / "who", actors={"who": paths}, grade=paths, look=paths, logos={"acme": mark})


def opened(folder: Path) -> tuple[ct.Gate, ct.Image]:
    """The gate and the decoded frame."""
    image = ct.Image.from_array(ct.Image.open(folder / "frame.png").pixels)
    return ct.Gate.for_identity(ct.Identity.open(folder / "who")), image


def by_workers(folder: Path, counts: Sequence[int], seconds: float) -> list[Row]:
    """Frames a second of one to several processes, on each device; processor ms a frame and memory of one of them."""
    devices = {"cpu": {"CUDA_VISIBLE_DEVICES": ""}}
    if onnx.CUDA in onnx.providers():
        devices["cuda"] = {}
    rows: list[Row] = []
    for device, environ in devices.items():
        alone = None
        for count in counts:
            found = together("frames", count, folder, seconds, environ)
            rate = sum(float(row["frames"] or 0) / float(row["seconds"] or 1) for row in found)
            alone = alone or rate / count
            middle = {key: statistics.median(float(row[key] or 0) for row in found) for key in ("ms", "mib")}
            share = rate / count / alone
            rows.append({"device": device, "workers": count, "fps": rate, "of_linear": share, **middle})
    return rows


def by_clip(folder: Path, lengths: Sequence[int]) -> list[Row]:
    """Processor milliseconds a frame of clips, each whole and as separate frames, with and without the face."""
    gate, image = opened(folder)
    faceless = [metric for metric in gate.metrics if not metric.key.startswith("face")]
    gates = {"all": gate, "no face": ct.Gate(faceless, identity=gate.identity)}
    rows: list[Row] = []
    for shot, speed in SHOTS.items():
        for length in lengths:
            frames = taken(folder, length, speed)
            clip = ct.Clip.from_arrays(frames, rate=2)  # as sampled: half a second apart
            apart = [ct.Image.from_array(frame) for frame in frames]
            every = ct.Sampling(per_second=0, at_least=length)
            for name, one in gates.items():
                limits = {metric.key: 1e9 for metric in one.metrics}  # none ships for this sampling
                whole = ct.Gate(one.metrics, identity=one.identity, tolerances=limits, sampling=every)
                one.inspect(image), whole.inspect(image)
                half = length // 2  # stills before the clip and after it: a machine that slows down does for both
                single = milliseconds(partial(separately, one, apart[:half]))
                spent = milliseconds(partial(whole.inspect, clip)) / length
                single = (single + milliseconds(partial(separately, one, apart[half:]))) / length
                row: Row = {"shot": shot, "metrics": name, "frames": length}
                rows.append({**row, "ms": spent, "ms_apart": single, "ratio": spent / single})
    return rows


def taken(folder: Path, length: int, speed: float) -> list[Pixels]:
    """Frames half a second apart of a slow pan and zoom, a mark that wanders through them, and grain.

    At speed 0 nothing but the grain moves.
    """
    random = np.random.default_rng(0)
    plate = Pil.open(folder / "plate.png")
    mark = Pil.open(folder / "mark.png")
    frames = []
    for n in (speed * number for number in range(length)):
        side = plate.width * (0.94 - 0.10 * (0.5 - 0.5 * np.cos(n / 19)))
        room = plate.width - side
        left, top = room * (0.5 + 0.4 * np.sin(n / 13)), room * (0.5 + 0.4 * np.sin(n / 17))
        box = (left, top, left + side, top + side)
        frame = plate.resize((SIDE, SIDE), Pil.Resampling.BICUBIC, box=box)
        size = 1 + 0.15 * np.sin(n / 11)
        sized = mark.resize((round(mark.width * size), round(mark.height * size)), Pil.Resampling.LANCZOS)
        sized = sized.rotate(6 * np.sin(n / 9), Pil.Resampling.BICUBIC, expand=True)
        at = round(60 + 40 * np.sin(n / 7)), round(SIDE - 240 + 40 * np.cos(n / 8))
        frame.paste(sized, at, sized)
        grain = random.normal(0, 2.5, (SIDE, SIDE, 1))
        frames.append((np.asarray(frame) + grain).clip(0, 255).round().astype(np.uint8))
    return frames


def separately(gate: ct.Gate, images: Sequence[ct.Image]) -> None:
    """Inspects stills one after another."""
    for image in images:
        gate.inspect(image)


def by_writers(folder: Path, counts: Sequence[int], candidates: int) -> list[Row]:
    """Candidates that are asked for and told a second, by processes that write to one ledger."""
    rows: list[Row] = []
    for count in counts:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            with ct.Ledger.open(Path(place) / "show.db") as ledger:
                ledger.shot("shared", {}), ledger.stream({"generator": "none"})
            each = candidates // count
            found = together("rows", count, Path(place), each, {})
            with ct.Ledger.open(Path(place) / "show.db", create=False) as ledger:
                told = sum(row.state is State.REJECTED for row in ledger.candidates())
        if told != each * count:
            raise SystemExit(f"{each * count} candidates of {count} writers were told, {told} are in the ledger")
        took = max(float(row["seconds"] or 1) for row in found)
        middle = statistics.median(float(row["median_ms"] or 0) for row in found)
        worst = max(float(row["worst_ms"] or 0) for row in found)
        rows.append({"writers": count, "candidates": told, "a_second": told / took, "ms": middle, "worst_ms": worst})
    return rows


def by_candidates(folder: Path, count: int) -> list[Row]:
    """Milliseconds of a candidate in the loop, median of the last tenth of 10, 100, 1,000 and so on."""
    spent: list[float] = []
    with tempfile.TemporaryDirectory(dir=folder) as place:
        looped(Path(place), count, lambda recorded, milliseconds: spent.append(milliseconds))
    marks = sorted({n for n in (10**power for power in range(1, 10)) if n < count} | {count})
    return [{"recorded": n, "ms": statistics.median(spent[n - max(STEP, n // 10) : n])} for n in marks]


def profile(folder: Path, rounds: int) -> list[Row]:
    """Processor milliseconds of one frame, by the functions that spend them themselves.

    A lock that is waited for stands for the threads that work meanwhile: those of the hand model.
    """
    gate, image = opened(folder)
    gate.inspect(image)
    began = time.process_time()
    for _ in range(rounds):
        gate.inspect(image)
    bare = (time.process_time() - began) * 1000 / rounds
    with cProfile.Profile(time.process_time) as profiler:
        for _ in range(rounds):
            gate.inspect(image)
    spent = pstats.Stats(profiler).stats  # type: ignore[attr-defined]  # file, line, name: calls, calls, own seconds
    whole = sum(one[2] for one in spent.values()) * 1000 / rounds
    rows: list[Row] = []
    for (file, line, name), one in sorted(spent.items(), key=lambda item: -item[1][2])[:SHOWN]:
        ms = one[2] * 1000 / rounds
        place = f"{Path(file).name}:{line}" if line else "built in"
        rows.append({"function": name, "in": place, "ms": ms, "share": ms / whole, "calls": one[1] // rounds})
    rows.append({"function": "all, profiled", "in": "", "ms": whole, "share": 1.0, "calls": None})
    rows.append({"function": "all, not profiled", "in": "", "ms": bare, "share": None, "calls": None})
    return rows


def milliseconds(call: Callable[[], object]) -> float:
    """What one call takes of the processor: other work on the machine is not in it."""
    began = time.process_time()
    call()
    return (time.process_time() - began) * 1000


def main() -> None:
    """Measures and prints."""
    parts = ("workers", "clips", "writers", "growth", "profile")
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="fewer frames, writers and candidates")
    arguments.add_argument("--only", choices=parts, action="append", help="this part, again for another")
    arguments.add_argument("--candidates", type=int, help="of the growth (default 10,000; 1,000 if quick)")
    arguments.add_argument("--json", type=Path, help="write the rows to this file as well")
    arguments.add_argument("--job", choices=JOBS, help=argparse.SUPPRESS)
    arguments.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--amount", type=float, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.job:
        print(json.dumps(JOBS[chosen.job](chosen.folder, chosen.amount)))
        return
    quick = chosen.quick
    found: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:  # the ledger wants the disk, not memory
        folder = Path(name)
        prepared(folder)
        steps: dict[str, Callable[[], list[Row]]] = {
            "workers": lambda: by_workers(folder, WORKERS[:2] if quick else WORKERS, 4 if quick else 15),
            "clips": lambda: by_clip(folder, CLIPS[:1] if quick else CLIPS),
            "writers": lambda: by_writers(folder, WRITERS, 160 if quick else 1600),
            "growth": lambda: by_candidates(folder, chosen.candidates or (1000 if quick else 10_000)),
            "profile": lambda: profile(folder, 3 if quick else 20),
        }
        for part in chosen.only or parts:
            found[part] = steps[part]()
            show(part, found[part])
    if chosen.json:
        machine: Row = {"cores": os.cpu_count(), "python": sys.version.split()[0]}
        chosen.json.write_text(json.dumps({"environment": machine, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
