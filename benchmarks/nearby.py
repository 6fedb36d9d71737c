"""Candidates per kept shot on the presenter: new seeds against the noise around the best near misses.

    python benchmarks/nearby.py                         40 shots a strategy, about 1 in 20 plain seeds accepted
    python benchmarks/nearby.py --share 0.1 --shots 20 --json

The pipeline, the metrics and the loop are real. Limits are set on renders of other seeds, apart from those of the
shots: each at the median of its metric plus so many standard deviations, one number for all metrics, that the wanted
share passes; the standard deviation is the scale of the excess. Both strategies run the same shots, whose first
candidates are therefore the same. A shot that keeps nothing within its budget counts with all its candidates. What the
oracle says of what was kept is beside it: a search may find what the gate does not see.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

import continuity as ct
import presenter
from continuity.generators.diffusers import library
from continuity.interfaces import Proposer
from continuity.records import Recipe
from figures import CONFIDENCE, DRAWS, Floats, Row, exact, show
from presenter.gating import TIE
from presenter.oracle import faults

PILOT_SEED = 2**40  # seeds of shots have 32 bits
STRATEGIES: dict[str, type[ct.Seeds] | type[ct.NearbySeeds]] = {"seeds": ct.Seeds, "nearby": ct.NearbySeeds}


def limits(generator: ct.DiffusersGenerator, gate: ct.Gate, share: float, renders: int) -> dict[str, ct.Tolerance]:
    """Limits that the wanted share of so many plain seeds passes, and their scales."""
    keys = [metric.key for metric in gate.metrics]
    rows: list[list[float]] = []
    for number in range(renders):
        report = gate.inspect(generator.render(Recipe(seed=PILOT_SEED + number)).media)
        rows.append([np.nan if report[key].value is None else float(report[key].value or 0.0) for key in keys])
    values: Floats = np.array(rows)
    middle, spread = np.nanmedian(values, axis=0), np.nanstd(values, axis=0)
    worst = np.max((values - middle) / spread, axis=1)  # NaN, the largest of all, where one was not measurable
    cut = float(np.sort(worst)[max(0, round(share * renders) - 1)])
    return {
        key: ct.Tolerance(key=key, limit=float(m + cut * s), scale=float(s))
        for key, m, s in zip(keys, middle, spread, strict=True)
    }


def searched(
    proposer: Proposer, generator: ct.DiffusersGenerator, gate: ct.Gate, ledger: ct.Ledger, number: int, most: int
) -> tuple[int, bool | None]:
    """Candidates of one shot, and whether the oracle finds a fault in what was kept; None where nothing was."""
    stop = ct.FirstAccepted(futility=None)
    shot = ct.Shot(f"shot{number:03}", gate=gate, ledger=ledger, proposer=proposer, stop=stop)
    outcome = shot.run(generator, budget=ct.Budget(candidates=most))
    media = outcome.kept.media if outcome.kept else None
    bad = bool(faults(media.pixels, TIE)) if isinstance(media, ct.Image) else None
    return ledger.totals(shot.row).candidates, bad


def row(strategy: str, counts: Sequence[int], bad: Sequence[bool], most: int) -> Row:
    """One row; the interval of candidates per kept shot by drawing shots."""
    every = np.array(counts)
    low, high = exact(sum(bad), len(bad))
    return {
        "strategy": strategy,
        "shots": len(counts),
        "kept": len(bad),
        "candidates": int(every.sum()),
        "candidates_per_kept": float(every.sum() / len(bad)) if bad else None,
        "median": float(np.median(every)),
        "ended_by_budget": int((every >= most).sum()),
        "oracle_bad_share": sum(bad) / len(bad) if bad else None,
        "oracle_bad_low95": low,
        "oracle_bad_high95": high,
    }


def saving(plain: Sequence[int], near: Sequence[int]) -> tuple[float, float, float]:
    """How many times fewer candidates, and its 95 % interval by drawing pairs of shots (percentile bootstrap)."""
    pairs = np.array([plain, near], float)
    drawn = np.random.default_rng(0).integers(0, pairs.shape[1], size=(DRAWS, pairs.shape[1]))
    totals = pairs[:, drawn].sum(axis=2)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(totals[0] / totals[1], [tail, 1 - tail])
    return float(pairs[0].sum() / pairs[1].sum()), float(low), float(high)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs, prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shots", type=int, default=40, help="of each strategy")
    parser.add_argument("--share", type=float, default=0.05, help="of plain seeds that the limits let pass")
    parser.add_argument("--renders", type=int, default=200, help="on which limits are set")
    parser.add_argument("--steps", type=int, default=8, help="denoising steps")
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--most", type=int, default=200, help="candidates of one shot")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    library.torch().set_num_threads(1)
    asked = {"tie": TIE, "guidance_scale": given.guidance, "num_inference_steps": given.steps}
    generator = ct.DiffusersGenerator(presenter.pipeline(), **asked)
    with tempfile.TemporaryDirectory() as folder:
        enrolled = presenter.identity(Path(folder) / "identity")
        loose = presenter.gate(enrolled)
        tolerances = limits(generator, loose, given.share, given.renders)
        gate = ct.Gate(loose.metrics, identity=enrolled, tolerances=tolerances)
        found: dict[str, list[tuple[int, bool | None]]] = {name: [] for name in STRATEGIES}
        with ExitStack() as stack:
            ledgers = {n: stack.enter_context(ct.Ledger.open(Path(folder) / f"{n}.db")) for n in STRATEGIES}
            for number in range(given.shots):
                for name, kind in STRATEGIES.items():
                    found[name].append(searched(kind(), generator, gate, ledgers[name], number, given.most))
                took = ", ".join(f"{name} {told[-1][0]} {told[-1][1]}" for name, told in found.items())
                sys.stderr.write(f"shot {number}: {took}\n")
    counts = {name: [count for count, _ in told] for name, told in found.items()}
    rows = [
        row(name, counts[name], [bad for _, bad in told if bad is not None], given.most) for name, told in found.items()
    ]
    times, low, high = saving(counts["seeds"], counts["nearby"])
    asked_for = {"share": given.share, "renders": given.renders, "most": given.most, **asked}
    if given.json:
        figures = {"rows": rows, "times_fewer": times, "times_fewer_low95": low, "times_fewer_high95": high}
        sys.stdout.write(json.dumps({**figures, **asked_for}) + "\n")
    else:
        show(f"Candidates per kept shot, presenter, {given.share:.0%} of plain seeds wanted", rows)
        sys.stdout.write(f"nearby takes {times:.2f} times fewer candidates (95 %: {low:.2f} to {high:.2f})\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
