"""The same pictures and frames through continuity and its peers, each in an environment of its own.

    python benchmarks/peers.py --envs DIR --people PEOPLE --clips CLIPS --pack PACK --json peers.json
    python benchmarks/peers.py --envs DIR --people PEOPLE --peers continuity,deepface --pairs 100

PEOPLE has a folder of photographs for each person, CLIPS a folder for each person with a ``reference.*`` and clips, as
``faces.py`` takes them; PACK is an InsightFace pack. DIR keeps environments (pip, from the configured index), frames
and what was measured: a peer that was measured on the same plan is not measured again (``--again`` does).

One core and one thread each. Time is the median of the processor's milliseconds from a decoded 1024 x 1024 frame to an
embedding; memory is the peak until then; *checks* are all that a gate, or a studio's scripts, look at in a frame.
Pictures without a face found are misses: of no distance, so left out of the AUC, and never accepted. FNMR: the share of
drawn pairs of one person beyond the distance that lets in 0.1 % of all pairs of two people among the drawn pictures;
the worst identity has the largest share over all its own pairs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faces import accepted_at, bootstrapped, drawn, interval, read
from figures import Row, auc, show
from peers_envs import PEERS, NotRun, Peer, Worker, home, installed
from peers_plan import Plan, planned, some

ROUNDS = 5  # times that each frame is timed
CHECKS = 3  # times that each is checked as a whole
FMR = 0.001
FEWEST = 5  # own pairs without which a person is too few to be the worst


def measured(peer: Peer, python: Path, model: str, plan: Plan) -> dict[str, Any]:
    """Everything of one peer: time, memory, accuracy, faults."""
    environ = home(peer, python)
    with Worker(peer, python, model, environ) as worker:
        about = worker.ask(op="about")
        row: dict[str, Any] = {"peer": peer.name, **about["about"]}
        worker.ask(op="time", path=plan.timed[0], rounds=1)  # the first one loads the models
        times = [worker.ask(op="time", path=path, rounds=ROUNDS) for path in plan.timed]
        spent = [ms for answer in times for ms in answer["ms"]]
        row |= {"ms": round(statistics.median(spent), 1), "ms_of": len(spent)}
        row |= of_people(worker, plan) | of_clips(worker, plan)
        row["peak_mib"] = round(worker.ask(op="memory")["mib"], 0)
        row["checks"] = of_checks(worker, plan)
    for name, path in plan.faulty.items():
        with Worker(peer, python, model, environ) as worker:
            row[name] = worker.once(op="compare", reference=plan.clean, path=path)
    row["missing_model"] = without_model(peer, python, environ, plan)
    return row


def embed(worker: Worker, paths: Sequence[str]) -> int:
    """Embeds pictures in the worker; returns how many have nobody in them for it."""
    return sum(not worker.ask(op="embed", path=path)["found"] for path in paths)


def matrix(worker: Worker, rows: Sequence[str], columns: Sequence[str]) -> NDArray[np.float64]:
    """Distances, NaN where there is none."""
    return np.array(worker.ask(op="distances", rows=list(rows), columns=list(columns))["rows"], dtype=np.float64)


def of_people(worker: Worker, plan: Plan) -> dict[str, Any]:
    """Photographs: who is who."""
    pictures = plan.pictures
    misses = embed(worker, pictures)
    number = {path: n for n, path in enumerate(pictures)}
    between = matrix(worker, pictures, pictures)
    distances = np.array([between[number[str(p.a)], number[str(p.b)]] for p in plan.pairs])
    same = np.array([p.same for p in plan.pairs])
    there = np.isfinite(distances)
    low, high = bootstrapped(distances, same, [{p.a.parent.name, p.b.parent.name} for p in plan.pairs], 0)
    names = np.array([Path(path).parent.name for path in pictures])
    others = np.concatenate([between[n, n + 1 :][names[n + 1 :] != name] for n, name in enumerate(names)])
    fnmr = refused(distances[same], others)
    own: dict[str, list[float]] = {}
    for a, b in combinations(range(len(pictures)), 2):
        if names[a] == names[b]:
            own.setdefault(str(names[a]), []).append(between[a, b])
    shares = {name: refused(np.array(found), others) for name, found in own.items() if len(found) >= FEWEST}
    worst = max(sorted(shares), key=lambda name: shares[name], default="")
    return {
        "pictures": len(pictures),
        "missed": misses,
        "pairs": len(plan.pairs),
        "auc": round(auc(distances[same & there], distances[~same & there]), 5),
        "auc_low": low,
        "auc_high": high,
        "fnmr": round(fnmr, 4),
        **interval("fnmr", round(fnmr * int(same.sum())), int(same.sum())),
        "fmr_pairs": len(others),
        "worst_identity": worst,
        "worst_fnmr": round(shares.get(worst, float("nan")), 4) if worst else None,
        "worst_pairs": len(own.get(worst, [])),
    }


def refused(own: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """The share of own pairs beyond the distance that lets in ``FMR`` of the others; misses are refused."""
    same = np.arange(len(own) + len(others)) < len(own)
    return 1 - accepted_at(np.concatenate([own, others]), same, FMR)


def of_clips(worker: Worker, plan: Plan) -> dict[str, Any]:
    """Frames of clips against one reference each: their own, and those of the others."""
    if not plan.frames:
        return {}
    people = sorted(plan.references)
    embed(worker, [plan.references[name] for name in people])
    frames = [(name, path) for name in people for path in plan.frames[name]]
    misses = embed(worker, [path for _, path in frames])
    between = matrix(worker, [plan.references[name] for name in people], [path for _, path in frames])
    mine = np.array([[name == person for name, _ in frames] for person in people])
    there = np.isfinite(between)
    return {
        "clip_frames": len(frames),
        "clip_missed": misses,
        "clip_auc": round(auc(between[mine & there], between[~mine & there]), 5),
    }


def of_checks(worker: Worker, plan: Plan) -> dict[str, float]:
    """Median milliseconds of each way to check a whole frame, for peers that can."""
    spent = worker.ask(op="check", reference=plan.clean, paths=list(plan.timed), rounds=CHECKS)["ms"]
    return {name: round(statistics.median(found), 1) for name, found in spent.items()}


def without_model(peer: Peer, python: Path, environ: dict[str, str], plan: Plan) -> str:
    """What happens where the model file is not there."""
    with tempfile.TemporaryDirectory() as empty:
        model = str(Path(empty) / "absent") if peer.wants else ""
        if peer.home:
            environ = {**environ, peer.home: empty}
        elif peer.package:
            package = next(python.parent.parent.glob(f"lib/python*/site-packages/{peer.package}"))
            shutil.copytree(package, Path(empty) / peer.package, ignore=shutil.ignore_patterns(peer.file))
            environ = {**environ, "PYTHONPATH": empty}
        elif not peer.wants:
            return "it has none"
        with Worker(peer, python, model, environ) as worker:
            return worker.once(op="compare", reference=plan.clean, path=plan.clean)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--envs", type=Path, required=True, metavar="DIR", help="environments, frames and results")
    parser.add_argument("--people", type=Path, metavar="DIR", help="a folder of photographs a person: pairs are drawn")
    parser.add_argument("--csv", type=Path, help="pairs as faces.py writes them, instead of --people")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="folders with a reference and clips of one person")
    parser.add_argument("--pack", type=Path, metavar="DIR", help="an InsightFace pack")
    parser.add_argument("--clip", type=Path, metavar="DIR", help="a CLIP model that transformers saved: CLIP-I")
    parser.add_argument("--dino", type=Path, metavar="DIR", help="a DINO ViT that transformers saved: DINO-I")
    parser.add_argument("--peers", metavar="NAME,...", help=f"of {', '.join(peer.name for peer in PEERS)}")
    parser.add_argument("--pairs", type=int, default=300, help="pairs of each kind (default 300)")
    parser.add_argument("--frames", type=int, default=16, help="frames of a clip (default 16)")
    parser.add_argument("--timed", type=int, default=5, help="1024 x 1024 frames to time (default 5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", action="store_true", help="measure also what is measured already")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    if not (given.people or given.csv):
        parser.error("--people DIR or --csv CSV is wanted")
    for path in (given.people, given.csv, given.clips, given.pack, given.clip, given.dino):
        if path is not None and not path.exists():
            parser.error(f"{path} was wanted and is not there")
    wanted = [peer.name for peer in PEERS] if given.peers is None else given.peers.split(",")
    unknown = sorted(set(wanted) - {peer.name for peer in PEERS})
    if unknown:
        parser.error(f"peers of {', '.join(peer.name for peer in PEERS)} were wanted, got {', '.join(unknown)}")
    given.envs = given.envs.resolve()
    every = read(given.csv) if given.csv else drawn(given.people, given.pairs, given.seed, None)
    pairs = some(every, given.pairs, given.seed)
    plan = planned(pairs, given.clips, given.envs / "frames", frames_of=given.frames, timed_of=given.timed)
    (given.envs / "results").mkdir(exist_ok=True)
    rows: list[dict[str, Any]] = []
    for peer in (peer for peer in PEERS if peer.name in wanted):
        result = given.envs / "results" / f"{peer.name}-{plan.digest}.json"
        if not result.exists() or given.again:
            began = time.perf_counter()
            try:
                model = vars(given)[peer.wants] if peer.wants else None
                if peer.wants and not model:
                    raise NotRun(f"it needs --{peer.wants} DIR")
                row = measured(peer, installed(peer, given.envs), str(model.resolve()) if model else "", plan)
            except NotRun as why:
                rows.append({"peer": peer.name, "not_run": str(why)})
                print(f"{peer.name}: not run: {why}", flush=True)
                continue
            result.write_text(json.dumps(row, indent=1))
            print(f"{peer.name}: {time.perf_counter() - began:.0f} s", flush=True)
        rows.append(json.loads(result.read_text()))
    printed(rows)
    if given.json:
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
        given.json.write_text(json.dumps({"environment": machine, "plan": plan.digest, "rows": rows}, indent=1) + "\n")


def printed(rows: Sequence[dict[str, Any]]) -> None:
    """Two tables: numbers, and faults in words."""
    ran = [row for row in rows if "not_run" not in row]
    if not ran:
        return
    columns = ("peer", "version", "ms", "peak_mib", "missed", "auc", "fnmr", "worst_fnmr", "clip_missed", "clip_auc")
    numbers: list[Row] = [{name: row.get(name) for name in columns} for row in ran]
    show(f"{ran[0]['pictures']} pictures, {ran[0]['pairs']} pairs; FNMR at FMR {FMR:.1%}", numbers)
    checks: list[Row] = [
        {"peer": row["peer"], "checks": name, "ms": ms} for row in ran for name, ms in row["checks"].items()
    ]
    if checks:
        show("a whole frame, processor milliseconds", checks)
    show("faults", [{name: row[name] for name in ("peer", "no_face", "corrupt_file", "missing_model")} for row in ran])


if __name__ == "__main__":
    main()
