"""How the presenter's gate agrees with its oracle, when a preview shows what will be, and what that could save.

    python benchmarks/presenter_gate.py --cache build/presenter            both settings, 240 candidates each
    python benchmarks/presenter_gate.py --cache build/presenter --choose   prints limits chosen on other seeds

Candidates are drawn by ``ct.DiffusersGenerator`` and measured by the gate's metrics, at the end and on previews; what
was drawn is kept in the cache, one line of JSON each, so a run may be interrupted. Limits are chosen on seeds from
1,000,000 up, all figures are of seeds from 0 up. Acceptable is what the oracle finds no fault with.

*Visible* is a metric after a share of the steps: ``rank`` is Spearman's correlation of preview and final value,
``stopped`` the share of those that fail it beyond a limit that keeps 97 % of those that pass it.

The *saving* is a play: campaigns of ``SHOTS`` shots whose candidates are drawn from the pool with replacement, so the
same one comes more than once and limits look a little better than they are; ``rejection_ratio.py`` renders each anew.
Limits are learned on the way by aborts/learning.py, with renders until they are in force counted, against rendering all
of the same candidates to their end. ``false_aborts`` is the share of acceptable candidates that were stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

import continuity as ct
from continuity.aborts.learning import Learned, Promise, learned, steps_of
from continuity.backends import LocalBackends
from continuity.interfaces import Metric
from continuity.media import Image
from continuity.observed import ObservedFrame
from continuity.records import Json, PastPreview, Recipe
from figures import Row, exact, save, show
from presenter import LIMITS, SETTINGS, gate, identity, pipeline
from presenter.oracle import faults

CHOOSING = 1_000_000  # the first seed that limits are chosen on
AT = (0.15, 0.25, 0.4, 0.6)  # shares of the steps after which previews are measured
LOOKS = ((0.15, 0.25), (0.15,), (0.25,), (0.4,))  # what is played
SHOTS, CAMPAIGNS = 100, 6
BAD = 0.05  # share of bad among accepted that the chosen limits may have, on the seeds that they are chosen on
LOOKING = ("tie", "grade")  # what measures previews: a wrong set shows in the grade, the mark is hardly ever wrong
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
    generator = ct.DiffusersGenerator(pipeline(), **call)
    drawn_by = json.dumps([dict(generator.settings), AT, LOOKING], sort_keys=True, default=str)
    file = cache / f"{hashlib.blake2b(drawn_by.encode(), digest_size=8).hexdigest()}.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    known = {one["seed"]: one for one in map(json.loads, lines)}
    wanted = [seed for seed in seeds if seed not in known]
    if wanted:
        backends = LocalBackends()
        enrolled = identity(cache / f"identity-{call['tie']}", call["tie"], backends=backends)
        judge, at = gate(enrolled, backends=backends), steps_of(AT, call["num_inference_steps"])

        def measure(pixels: Any, keys: Collection[str] = tuple(LIMITS)) -> dict[str, float | None]:
            seen = ObservedFrame(pixels, index=0, seconds=None, identity=enrolled, backends=backends)
            return {metric.key: _value(metric, seen, enrolled) for metric in judge.metrics if metric.key in keys}

        with file.open("a", encoding="utf-8") as kept:
            for seed in wanted:
                watch = Previewed(at, partial(measure, keys=LOOKING))
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


def visible(setting: float, found: Sequence[Candidate]) -> list[Row]:
    """One row a metric and look: how well the preview tells the end."""
    rows: list[Row] = []
    for key, at in itertools.product(LOOKING, AT):
        step = str(steps_of((at,), found[0]["steps"])[0])
        pairs = [(one["previews"][step][key], one["values"][key]) for one in found]
        seen = np.array([-np.inf if shown is None else shown for shown, _ in pairs])  # stops nothing
        final = np.array([np.inf if value is None else value for _, value in pairs])
        passing = final <= LIMITS[key]
        limit = np.quantile(seen[passing], 0.97, method="higher") if passing.any() else np.nan
        rank = spearmanr(seen, final).statistic
        stopped = float(np.mean(seen[~passing] > limit)) if passing.any() and not passing.all() else None
        rows.append(
            {
                "share": setting,
                "metric": key,
                "at": at,
                "candidates": len(found),
                "passing": int(passing.sum()),
                "rank": float(rank),
                "stopped": stopped,
            }
        )
    return rows


def played(
    found: Sequence[Candidate], promise: Promise, at: Sequence[float], random: np.random.Generator
) -> tuple[float, int, int]:
    """Renders of one campaign to their ends over those with aborts; acceptable candidates; those of them stopped."""
    steps, instruments = found[0]["steps"], {key: key for key in LOOKING}
    past: list[PastPreview] = []
    rule, full, ran, fine, lost = Learned(), 0.0, 0.0, 0, 0
    for _ in range(SHOTS):
        waiting, kept = True, False  # for the first accepted: of all renders, and of those that are not stopped
        while waiting or not kept:
            one = found[int(random.integers(len(found)))]
            taken = accepts(one, LIMITS)
            full, waiting = full + waiting, waiting and not taken
            if kept:
                continue
            free = not rule.in_force or random.random() < LET_THROUGH
            beyond = (
                step
                for (step, key), limit in rule.limits.items()
                if (value := one["previews"][str(step)][key]) is not None and value > limit
            )
            stop = steps if free else min(beyond, default=steps)
            kept, ran = taken and stop == steps, ran + stop / steps
            fine, lost = fine + (not one["faults"]), lost + (not one["faults"] and stop < steps)
            if free and (passing := [key for key in LOOKING if accepts(one, {key: LIMITS[key]})]):
                past += [
                    PastPreview(
                        candidate=len(past), step=step, steps=steps, key=key, instrument=key,
                        value=one["previews"][str(step)][key], accepted=taken,
                    )
                    for step in steps_of(at, steps)
                    for key in passing
                ]  # fmt: skip
                rule = learned(past, promise, at=at, steps=steps, instruments=instruments)
    return full / ran, fine, lost


def saving(setting: float, found: Sequence[Candidate], at: Sequence[float], learn: Any = "metric") -> Row:
    """One row: the saving of ``CAMPAIGNS`` campaigns, mean and range, and what is lost."""
    random = np.random.default_rng(0)
    ends = [played(found, Promise(learn=learn), at, random) for _ in range(CAMPAIGNS)]
    fine = sum(one for _, one, _ in ends)
    return {
        "share": setting,
        "learn": learn,
        "at": ", ".join(map(str, at)),
        "candidates": len(found),
        "shots": SHOTS,
        "saving": float(np.mean([one for one, _, _ in ends])),
        "saving_least": min(one for one, _, _ in ends),
        "saving_most": max(one for one, _, _ in ends),
        "false_aborts": sum(one for _, _, one in ends) / fine if fine else None,
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
    shown = [row for share, pool in pools.items() for row in visible(share, pool)]
    show("when a preview shows the end", shown)
    savings = [
        saving(share, pool, at, learn)
        for share, pool in pools.items()
        if any(accepts(one, LIMITS) for one in pool)
        for learn, at in (*(("metric", at) for at in LOOKS), ("acceptable", LOOKS[0]))
    ]
    show("what aborting saves, in a play", savings)
    save(given.json, [*rows, *shown, *savings])


if __name__ == "__main__":
    main()
