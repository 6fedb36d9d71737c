"""Hands: false alarms on normal ones, catches on malformed ones, and how many of either cannot be judged.

    python benchmarks/hands.py --normal DIR --malformed DIR [--json FILE] [--most N]
    python benchmarks/hands.py --make-malformed DIR --from DIR [--most N] [--seed N]

Folders are searched for pictures; of the malformed ones the name of a picture's folder is the kind of its defect. A
picture counts as judged where HandDefects has a value for it, which is compared with the shipped limit. Intervals are
exact (Clopper-Pearson, 95 %). ``--make-malformed`` writes hands with copied, cut, merged, bent and stretched fingers,
one folder a kind, made from the normal hands in ``--from`` (benchmarks/malformed_hands.py).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track

import continuity as ct
from continuity.backends import hands
from continuity.observed import ObservedFrame
from continuity.tolerances import shipped_tolerance
from figures import PICTURES, exact, readable, save, visible
from malformed_hands import KINDS, lift, put_back

NO_HAND = "no hand found"
CALLED = {"normal": "false_alarms", "malformed": "catches"}  # what a hand over the limit is
Row = dict[str, str | float | int | list[float] | None]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--normal", type=Path, help="folder of pictures of normal hands")
    parser.add_argument("--malformed", type=Path, help="folder of pictures of malformed hands, one folder a kind")
    parser.add_argument("--json", type=Path, help="write the rows there")
    parser.add_argument("--make-malformed", type=Path, help="folder to write malformed hands into")
    parser.add_argument("--from", type=Path, dest="source", help="folder of normal hands that they are made from")
    parser.add_argument("--most", type=int, default=0, help="at most so many pictures of a folder tree, evenly drawn")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.make_malformed:
        if not given.source:
            parser.error("--make-malformed needs --from, a folder of normal hands")
        print(f"{make(given.source, given.make_malformed, given.most, given.seed)} pictures written")
    rows = [
        *(measured("normal", given.normal, given.most) if given.normal else ()),
        *(measured("malformed", given.malformed, given.most) if given.malformed else ()),
    ]
    if not rows and not given.make_malformed:
        parser.error("nothing to do: give --normal and --malformed, or --make-malformed and --from")
    for row in rows:
        print(told(row))
    save(given.json, rows)


def pictures(folder: Path, most: int) -> list[Path]:
    """All pictures below a folder, in order; at most so many, spread evenly (0 for all)."""
    found = visible(folder, PICTURES)
    if not found:
        raise SystemExit(f"pictures were wanted in {folder}, there are none")
    return found if not most or len(found) <= most else [found[i * len(found) // most] for i in range(most)]


def make(source: Path, target: Path, most: int, seed: int) -> int:
    """One picture for each kind that each hand allows; the number written."""
    written = 0
    for number, path in enumerate(pictures(source, most)):
        pixels = next((read for _, read in readable([path])), None)
        if pixels is None:
            continue
        found = hands.find(pixels)
        layer = lift(pixels, found[0]) if found else None
        if layer is None:
            continue
        for kind, edit in KINDS.items():
            changed = edit(layer, np.random.default_rng((seed, number, list(KINDS).index(kind))))
            if changed is not None:
                (target / kind).mkdir(parents=True, exist_ok=True)
                name = f"{path.parent.name}-{path.stem}.png"
                Image.fromarray(put_back(pixels, layer, changed)).save(target / kind / name)
                written += 1
    return written


def measured(name: str, folder: Path, most: int) -> Iterator[Row]:
    """One row for all pictures, and one for each kind of defect."""
    metric, backends = ct.HandDefects(), ct.LocalBackends()
    shipped = shipped_tolerance(metric.key, replace(metric.instrument(backends), sampling=ct.Sampling().name))
    if shipped is None:
        raise SystemExit("no limit ships for this instrument of HandDefects: default_tolerances.toml needs one")
    nobody = ct.Identity(name="nobody", enrolled=())
    values: dict[str, list[float | None]] = {}
    reasons: Counter[str] = Counter()
    for path, pixels in readable(track(pictures(folder, most), name, disable=not sys.stderr.isatty())):
        seen = ObservedFrame(pixels, index=0, seconds=None, identity=nobody, backends=backends)
        frame = metric.frame(seen, nobody)
        values.setdefault(path.parent.name, []).append(frame.value)
        if frame.value is None:
            reasons[frame.note if seen.hands else NO_HAND] += 1
    for why, count in reasons.most_common():
        print(f"{name}: {count} not measurable: {why}")
    if not values:
        raise SystemExit(f"pictures that can be read were wanted in {folder}, there are none")
    yield row(name, "all", [v for group in values.values() for v in group], shipped.limit)
    if name == "malformed" and len(values) > 1:
        yield from (row(name, kind, group, shipped.limit) for kind, group in sorted(values.items()))


def row(name: str, kind: str, values: list[float | None], limit: float) -> Row:
    """Counts, shares of the judged ones and intervals; null where none was judged."""
    judged = [v for v in values if v is not None]
    suspect, called = sum(v > limit for v in judged), CALLED[name]
    return {
        "set": name,
        "kind": kind,
        "n": len(values),
        "judged": len(judged),
        "judged_share": len(judged) / len(values),
        "judged_interval": list(exact(len(judged), len(values))),
        called: suspect,
        f"{called}_share": suspect / len(judged) if judged else None,
        f"{called}_interval": list(exact(suspect, len(judged))),
        "not_measurable": len(values) - len(judged),
    }


def told(row: Row) -> str:
    """A row as a line."""

    def share(name: str) -> str:
        value, bounds = row[f"{name}_share"], row[f"{name}_interval"]
        return (
            f"{value:6.1%} [{bounds[0]:.1%}, {bounds[1]:.1%}]"
            if isinstance(bounds, list) and value is not None
            else "-"
        )

    called = CALLED[str(row["set"])]
    return (
        f"{row['set']:10s} {row['kind']:12s} n {row['n']:5d}   judged {row['judged']:5d} = {share('judged')}   "
        f"{called.replace('_', ' ')} {row[called]:4d} = {share(called)}   not measurable {row['not_measurable']:4d}"
    )


if __name__ == "__main__":
    main()
