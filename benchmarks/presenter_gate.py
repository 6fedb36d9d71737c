"""How the presenter's gate agrees with its oracle, and what previews could save.

    python benchmarks/presenter_gate.py --cache build/presenter            both settings, 240 candidates each
    python benchmarks/presenter_gate.py --cache build/presenter --choose   prints limits chosen on other seeds

Candidates are drawn by ``ct.DiffusersGenerator`` and measured by the gate's metrics, at the end and on previews; what
was drawn is kept in the cache, one line of JSON each, so a run may be interrupted. Limits are chosen on seeds from
1,000,000 up, all figures are of seeds from 0 up. Acceptable is what the oracle finds no fault with.

The saving is that of aborting over rendering everything, at the same first-accepted rule: candidates are drawn anew
from the pool, limits are those of aborts/learning.py for half of the pool, the other half is played, and one in ten is
let through whatever is seen. ``false_aborts`` is the share of accepted candidates that the limits would have stopped.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import continuity as ct
from continuity.aborts.learning import Promise, learned, steps_of
from continuity.backends import LocalBackends
from continuity.interfaces import Metric
from continuity.media import Image
from continuity.observed import ObservedFrame
from continuity.records import Json, PastPreview, Recipe
from figures import Row, exact, save, show
from presenter import LIMITS, SETTINGS, gate, identity, pipeline
from presenter.oracle import faults

CHOOSING = 1_000_000  # the first seed that limits are chosen on
AT = (0.2, 0.4, 0.6)  # shares of the steps after which previews are measured
BAD = 0.05  # share of bad among accepted that the chosen limits may have, on the seeds that they are chosen on
LET_THROUGH = 0.1  # share of candidates that is rendered to its end whatever is seen, as PreviewAbort does
KEPT = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)  # shares of acceptable candidates that a limit may let through
Candidate = dict[str, Any]


class Previewed:
    """Measures previews and goes on."""

    def __init__(self, at: Sequence[int], measure: Callable[[Any], dict[str, float | None]]) -> None:
        self.at, self.measure = at, measure
        self.values: dict[str, dict[str, float | None]] = {}

    @property
    def settings(self) -> Mapping[str, Json]:
        """None."""
        return {}

    def look(self, step: int, steps: int, preview: Callable[[], Image]) -> bool:
        """True, always."""
        if step in self.at:
            self.values[str(step)] = self.measure(preview().pixels)
        return True


def candidates(setting: float, seeds: Sequence[int], cache: Path) -> Iterator[Candidate]:
    """What each seed draws: faults, values at the end, values of previews by step."""
    call = dict(SETTINGS[setting])
    name = "_".join(str(one) for one in call.values())
    file = cache / f"{name}.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    known = {one["seed"]: one for one in map(json.loads, lines)}
    wanted = [seed for seed in seeds if seed not in known]
    if wanted:
        backends = LocalBackends()
        enrolled = identity(cache / f"identity-{call['tie']}", call["tie"], backends=backends)
        judge, generator = gate(enrolled, backends=backends), ct.DiffusersGenerator(pipeline(), **call)
        at = steps_of(AT, call["num_inference_steps"])

        def measure(pixels: Any) -> dict[str, float | None]:
            seen = ObservedFrame(pixels, index=0, seconds=None, identity=enrolled, backends=backends)
            return {metric.key: _value(metric, seen, enrolled) for metric in judge.metrics}

        with file.open("a", encoding="utf-8") as kept:
            for seed in wanted:
                watch = Previewed(at, measure)
                rendered = generator.render(Recipe(seed=seed), watch)
                pixels = next(iter(rendered.media.frames())).pixels
                one = {"seed": seed, "faults": faults(pixels, call["tie"]), "values": measure(pixels)}
                known[seed] = {**one, "previews": watch.values, "steps": call["num_inference_steps"]}
                kept.write(json.dumps(known[seed]) + "\n")
                kept.flush()
    yield from (known[seed] for seed in seeds)


def _value(metric: Metric, seen: ObservedFrame, enrolled: ct.Identity) -> float | None:
    return metric.join([metric.frame(seen, enrolled)]).value


def accepts(one: Candidate, limits: Mapping[str, float]) -> bool:
    """As the gate judges: what could not be measured is no pass."""
    values = one["values"]
    return all(values[key] is not None and values[key] <= limit for key, limit in limits.items())


def chosen(found: Sequence[Candidate]) -> dict[str, float]:
    """The limits that accept most acceptable candidates while at most ``BAD`` of the accepted are bad."""
    fine = [one for one in found if not one["faults"]]
    tries = {
        key: sorted({round(float(np.quantile([one["values"][key] for one in fine], kept)), 2) + 0.01 for kept in KEPT})
        for key in LIMITS
    }
    best: tuple[tuple[bool, float], dict[str, float]] | None = None
    for some in itertools.product(*tries.values()):
        limits = dict(zip(tries, some, strict=True))
        taken = [one for one in found if accepts(one, limits)]
        bad = sum(bool(one["faults"]) for one in taken)
        share = bad / len(taken) if taken else 1.0
        worth = (share <= BAD, float(len(taken) - bad) if share <= BAD else -share)
        if best is None or worth > best[0]:
            best = worth, limits
    assert best is not None
    return best[1]


def agreement(setting: float, found: Sequence[Candidate]) -> Row:
    """One row: acceptable share, accepted share, bad among accepted, acceptable among rejected."""
    fine = [not one["faults"] for one in found]
    taken = [accepts(one, LIMITS) for one in found]
    bad = sum(t and not f for t, f in zip(taken, fine, strict=True))
    low, high = exact(bad, sum(taken))
    share_low, share_high = exact(sum(fine), len(found))
    return {
        "share": setting,
        "candidates": len(found),
        "acceptable": sum(fine) / len(found),
        "acceptable_low": share_low,
        "acceptable_high": share_high,
        "accepted": sum(taken) / len(found),
        "bad_share": bad / sum(taken) if sum(taken) else None,
        "bad_low": low,
        "bad_high": high,
        "acceptable_rejected": sum(f and not t for t, f in zip(taken, fine, strict=True)) / max(1, sum(fine)),
        **{
            f"fault_{name}": sum(name in one["faults"] for one in found) / len(found)
            for name in ("tie", "mark", "set", "face")
        },
    }


def saving(setting: float, found: Sequence[Candidate], learn: Any, at: Sequence[float], draws: int = 200) -> Row:
    """Render equivalents a kept candidate without aborts over those with them; halves are drawn ``draws`` times."""
    steps = found[0]["steps"]
    random = np.random.default_rng(0)
    ratios, lost, forced, looked = [], [0, 0], 0, steps_of(at, steps)
    instruments = {key: key for key in LIMITS}
    for _ in range(draws):
        order = random.permutation(len(found))
        teach, play = ([found[k] for k in half] for half in np.array_split(order, 2))
        past = [
            PastPreview(
                candidate=one["seed"], step=step, steps=steps, key=key, instrument=key,
                value=one["previews"][str(step)][key], accepted=accepts(one, LIMITS),
            )
            for one in teach
            for step in looked
            for key, limit in LIMITS.items()
            if accepts(one, {key: limit})
        ]  # fmt: skip
        rule = learned(past, Promise(learn=learn), at=at, steps=steps, instruments=instruments)
        forced += rule.in_force
        full = kept = ran = was = 0.0
        for one in play:
            stops = [
                step
                for (step, key), limit in rule.limits.items()
                if (value := one["previews"][str(step)][key]) is not None and value > limit
            ]
            stop = min(stops, default=steps)
            taken = accepts(one, LIMITS)
            full, was = full + 1, was + taken
            ran += LET_THROUGH + (1 - LET_THROUGH) * stop / steps
            kept += taken * (LET_THROUGH + (1 - LET_THROUGH) * (stop == steps))
            lost[0], lost[1] = lost[0] + (taken and stop < steps), lost[1] + taken
        if was and kept:
            ratios.append((full / was) / (ran / kept))
    low, middle, high = np.quantile(ratios, (0.05, 0.5, 0.95)) if ratios else (np.nan,) * 3
    return {
        "share": setting,
        "learn": learn,
        "at": ", ".join(map(str, at)),
        "candidates": len(found),
        "in_force": forced / draws,
        "saving": float(middle),
        "saving_q05": float(low),
        "saving_q95": float(high),
        "false_aborts": lost[0] / lost[1] if lost[1] else None,
    }


def main() -> None:
    """Draws what is missing, prints tables."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--cache", type=Path, required=True, help="folder for candidates")
    asked.add_argument("--candidates", type=int, default=240, help="of each setting")
    asked.add_argument("--share", type=float, choices=sorted(SETTINGS), action="append", help="only this setting")
    asked.add_argument("--choose", action="store_true", help="choose limits, on other seeds than those reported")
    asked.add_argument("--json", type=Path, help="file for the rows")
    given = asked.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    first = CHOOSING if given.choose else 0
    seeds = range(first, first + given.candidates)
    pools = {share: [*candidates(share, seeds, given.cache)] for share in given.share or SETTINGS}
    if given.choose:
        print(json.dumps(chosen([one for pool in pools.values() for one in pool])))
        return
    rows = [agreement(share, pool) for share, pool in pools.items()]
    show("the gate and the oracle", rows)
    savings = [
        saving(share, pool, learn, at)
        for share, pool in pools.items()
        for learn in ("acceptable", "metric")
        for at in ((0.2,), (0.4,), (0.6,), (0.2, 0.4), (0.4, 0.6))
    ]
    show("what aborting saves, limits from one half, played on the other", savings)
    save(given.json, [*rows, *savings])


if __name__ == "__main__":
    main()
