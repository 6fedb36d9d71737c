"""Whether calibrated limits keep their promise where the truth is known.

    python benchmarks/calibration.py [--quick] [--runs 2000] [--json]

A stream is simulated: every shot has its own rate of good candidates (beta distributed, with an intra-shot
correlation) and its own difficulty; a candidate has three metrics, all of them near for a good one, one of them far for
a bad one. Route ``stream``: a loose gate runs on the stream, a person who errs now and then judges what it accepted,
and limits are calibrated from those labels. Route ``mix``: as many rejected as accepted candidates are judged, two a
shot, and the base rate is known. The share of bad under the shipped limits is then computed exactly (by integration,
not from another sample), so a promise is broken or it is not. A refusal is no kept promise: it is counted apart, and
broken promises are given as a share of all runs (which is what the test promises) and of the runs that shipped.

Loss is what the shipped limits lose of good candidates beyond the best limits that the same test certifies with 80 %
probability. ``until kept`` is the share of runs whose promise would be broken if a shot whose judged candidates all
fail the new limits were rendered on until something passes: what was never judged is not promised.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtr, ndtri, roots_jacobi
from scipy.special import beta as beta_function

from continuity.calibration.choosing import Judged, Target, certified, path_of
from continuity.statistics import bounds

Floats = NDArray[np.float64]

SEED = 20260721
METRICS = 3
GATE = 3.5  # limits of the loose gate that collects, in standard deviations of good candidates
SHIFT = 5.0  # how far a bad candidate is off in its one bad metric
CONFIDENCE = 0.95
HEADER = (
    "route    good labels promise corr noise   runs refused broken (of shipped)  true share  good kept"
    "  best  loss  unjudged  until kept"
)
TUNING = 1 / 3  # share of the shots that choose the path
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(24)


@dataclass(frozen=True)
class Stream:
    """A simulated stream: base rate of good candidates, correlation inside a shot, candidates a shot may have."""

    base: float
    correlation: float
    effort: int

    def rates(self, count: int, rng: np.random.Generator) -> Floats:
        """Rate of good candidates of each shot."""
        if not self.correlation:
            return np.full(count, self.base)
        spread = (1 - self.correlation) / self.correlation
        return rng.beta(self.base * spread, (1 - self.base) * spread, count)

    def rate_nodes(self) -> tuple[Floats, Floats]:
        """Nodes and weights (sum 1) that integrate over the rates of shots."""
        if not self.correlation:
            return np.array([self.base]), np.ones(1)
        spread = (1 - self.correlation) / self.correlation
        a, b = self.base * spread, (1 - self.base) * spread
        x, w = roots_jacobi(40, b - 1, a - 1)
        return (x + 1) / 2, w / (2 ** (a + b - 1) * beta_function(a, b))

    def within(self, limits: Floats, difficulty: Floats) -> tuple[Floats, Floats]:
        """Probability that a good and a bad candidate pass, by difficulty of the shot."""
        own, shared = np.sqrt(1 - self.correlation), np.sqrt(self.correlation)
        near = ndtr((limits - shared * difficulty[:, None]) / own)
        far = ndtr((limits - SHIFT - shared * difficulty[:, None]) / own)
        good = near.prod(axis=1)
        bad = np.mean([far[:, j] * np.delete(near, j, axis=1).prod(axis=1) for j in range(METRICS)], axis=0)
        return good, bad

    def truth(self, limits: Floats, effort: float) -> tuple[float, float, float]:
        """Share of bad among kept shots, share of good candidates that pass, share of shots that keep something."""
        rates, rate_weights = self.rate_nodes()
        good, bad = self.within(limits, NODES)
        weights = np.outer(rate_weights, WEIGHTS / WEIGHTS.sum())
        right, wrong = np.outer(rates, good), np.outer(1 - rates, bad)
        passing = np.maximum(right + wrong, 1e-300)
        keeps = -np.expm1(effort * np.log1p(-np.minimum(passing, 1 - 1e-12)))
        kept = float((weights * keeps).sum())
        spoilt = float((weights * keeps * wrong / passing).sum()) / kept
        return spoilt, float((WEIGHTS * good).sum() / WEIGHTS.sum()), kept

    def mixed_truth(self, limits: Floats) -> tuple[float, float, float]:
        """Share of bad among accepted candidates, share of good ones that pass, share that is accepted."""
        good, bad = (float((WEIGHTS * x).sum() / WEIGHTS.sum()) for x in self.within(limits, NODES))
        accepted = self.base * good + (1 - self.base) * bad
        return (1 - self.base) * bad / accepted, good, accepted

    def judged(self, labels: int, noise: float, rng: np.random.Generator) -> Judged:
        """What the loose gate accepted, judged by a person: about ``labels`` candidates, whole shots."""
        gate = np.full(METRICS, GATE)
        spoilt, _, _ = self.truth(gate, 1)
        mean = self.base * self.within(gate, np.zeros(1))[0][0] / max(1 - spoilt, 1e-9)
        count = int(labels / max(mean * self.effort, 1e-9) * 1.5) + 20
        rates, difficulty = self.rates(count, rng), rng.standard_normal(count)
        good, bad = self.within(gate, difficulty)
        right = rng.binomial(self.effort, rates)
        wrong = rng.binomial(self.effort - right, bad)
        right = rng.binomial(right, good)
        size = right + wrong
        shots = np.repeat(np.arange(count), size)[:labels]
        within = np.arange(len(shots)) - np.repeat(np.cumsum(size) - size, size)[:labels]
        is_bad = within >= right[shots]
        values = self.values(difficulty[shots], is_bad, GATE, rng)
        order = np.lexsort((rng.random(len(shots)), shots))
        flipped = is_bad ^ (rng.random(len(shots)) < noise)
        verification = rng.random(count) >= TUNING
        return Judged(values=values[order], bad=flipped[order], shots=shots[order], verification=verification[shots])

    def mix(self, labels: int, noise: float, rng: np.random.Generator) -> Judged:
        """As many bad as good candidates, one of each a shot."""
        shots = np.arange(labels) // 2
        is_bad = np.arange(labels) % 2 == 0
        values = self.values(rng.standard_normal(labels)[shots], is_bad, np.inf, rng)
        verification = rng.random(labels) >= TUNING
        flipped = is_bad ^ (rng.random(labels) < noise)
        return Judged(values=values, bad=flipped, shots=shots, verification=verification[shots])

    def values(self, difficulty: Floats, is_bad: NDArray[np.bool_], gate: float, rng: np.random.Generator) -> Floats:
        """Values of candidates: normal ones, cut off at the limits of the gate that accepted them."""
        own, shared = np.sqrt(1 - self.correlation), np.sqrt(self.correlation)
        shift = np.zeros((len(is_bad), METRICS))
        middle = shared * difficulty[:, None]
        if is_bad.any():  # which metric is bad, given that the candidate was accepted: all alike by symmetry
            shift[is_bad, rng.integers(METRICS, size=int(is_bad.sum()))] = SHIFT
        top = ndtr((gate - middle - shift) / own)
        return np.asarray(middle + shift + own * ndtri(np.maximum(rng.random(shift.shape), 1e-12) * top))


@dataclass(frozen=True)
class Cell:
    """One row of the table."""

    route: str
    base: float
    labels: int
    promise: float
    correlation: float
    noise: float
    runs: int = 0
    refused: int = 0
    broken: int = 0
    until_kept: int = 0
    true_share: float = 0.0  # mean over the runs that shipped
    passing: float = 0.0  # share of good candidates that pass, mean over the runs that shipped
    best: float | None = None  # the same under the best limits certified with 80 % probability
    unjudged: float = 0.0  # share of shots whose judged candidates all fail the new limits


def cell(wanted: Cell, runs: int, seed: int) -> Cell:
    effort = {0.02: 60, 0.10: 12, 0.50: 3}[wanted.base]
    stream = Stream(wanted.base, wanted.correlation, effort)
    rng = np.random.default_rng([seed, *(round(1000 * x) for x in (wanted.base, wanted.promise)), wanted.labels,
                                 round(1000 * wanted.correlation), round(1000 * wanted.noise)])  # fmt: skip
    mixed = wanted.route == "mix"
    target = Target(max_share=wanted.promise, risk=1 - CONFIDENCE, base_rate=wanted.base if mixed else None)
    refused = broken = until = 0
    shares, passing, unjudged, sizes = [], [], [], []
    for _ in range(runs):
        if mixed:
            judged, loosest = stream.mix(wanted.labels, wanted.noise, rng), np.full(METRICS, np.inf)
        else:
            judged, loosest = stream.judged(wanted.labels, wanted.noise, rng), np.full(METRICS, GATE)
        path = path_of(judged, loosest, target)
        step, _ = certified(judged, path, target)
        sizes.append(judged.sizes[1])
        if step is None:
            refused += 1
            continue
        limits = path.limits[step]
        share, good, kept = stream.mixed_truth(limits) if mixed else stream.truth(limits, effort)
        gate_kept = stream.truth(np.full(METRICS, GATE), effort)[2]
        broken += share > wanted.promise
        until += stream.truth(limits, 1e6)[0] > wanted.promise
        shares.append(share)
        passing.append(good)
        unjudged.append(1 - kept / gate_kept)
    mean = [float(np.mean(x)) if x else 0.0 for x in (shares, passing, unjudged)]
    return replace(
        wanted, runs=runs, refused=refused, broken=broken, until_kept=until, true_share=mean[0], passing=mean[1],
        unjudged=mean[2], best=None if mixed else best(stream, wanted, float(np.mean(sizes))),
    )  # fmt: skip


def best(stream: Stream, wanted: Cell, shots: float) -> float | None:
    """Share of good candidates that pass the loosest limits that the same test certifies with 80 % probability."""
    gate_kept = stream.truth(np.full(METRICS, GATE), stream.effort)[2]
    for limit in np.linspace(GATE, -1, 91):
        share, good, kept = stream.truth(np.full(METRICS, limit), stream.effort)
        n = round(shots * kept / gate_kept)
        seen = share * (1 - wanted.noise) + (1 - share) * wanted.noise
        most = bounds.acceptable(n=n, max_share=wanted.promise, confidence=CONFIDENCE)
        if most >= 0 and bdtr(most, n, seen) >= 0.8:
            return good
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, help="simulated calibrations a cell")
    parser.add_argument("--quick", action="store_true", help="a few cells in about a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object a cell")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    shares, corrs, noises = (0.02, 0.05, 0.10), (0.0, 0.1, 0.3), (0.0, 0.01, 0.03)
    bases = (0.02, 0.10, 0.50)
    grid = [
        *product(("stream",), bases, (100, 300, 1000, 5000), shares, corrs[::2], noises[::2]),
        *product(("stream",), (0.10,), (1000,), (0.05,), corrs[1:2], noises[1:2]),
        *product(("mix",), bases, (1000, 20000), (0.02, 0.10), corrs[::2], noises[::2]),
    ]
    if given.quick:
        grid = [
            *product(("stream",), bases, (500, 2000), (0.05,), corrs[::2], noises[:1]),
            *product(("mix",), bases, (2000,), (0.05,), corrs[::2], noises[:1]),
        ]
    began = time.perf_counter()
    if not given.json:
        print(HEADER)
    done = []
    for row in grid:
        one = cell(Cell(*row), given.runs, given.seed)
        done.append(one)
        print(json.dumps(asdict(one)) if given.json else line(one), flush=True)
    if not given.json:
        every = sum(c.runs for c in done)
        worst = max(c.broken / c.runs for c in done)
        often = [c for c in done if c.runs - c.refused >= 0.1 * c.runs]
        shipped = max((c.broken / (c.runs - c.refused) for c in often), default=0.0)
        print(
            f"{len(done)} cells, {sum(c.refused for c in done) / every:.1%} of {every:,} runs refused. "
            f"Promises broken: {sum(c.broken for c in done) / every:.4f} of all runs, {worst:.4f} in the worst cell; "
            f"of runs that shipped {shipped:.4f} in the worst of {len(often)} cells where at least a tenth ships; "
            f"{time.perf_counter() - began:.0f} s"
        )


def line(c: Cell) -> str:
    shipped = c.runs - c.refused
    rest = "         -" if not shipped else (
        f"{c.broken / shipped:11.4f}  {c.true_share:10.4f}  {c.passing:9.3f}  "
        f"{'   -     -' if c.best is None else f'{c.best:.3f} {c.best - c.passing:+.3f}'}"
        f"  {c.unjudged:8.3f}  {c.until_kept / c.runs:10.4f}"
    )  # fmt: skip
    return (f"{c.route:6} {c.base:6.0%} {c.labels:6} {c.promise:7.0%} {c.correlation:4.1f} {c.noise:5.0%} {c.runs:6} "
            f"{c.refused / c.runs:7.3f} {c.broken / c.runs:6.4f} {rest}")  # fmt: skip


if __name__ == "__main__":
    main()
