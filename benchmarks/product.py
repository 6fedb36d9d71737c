"""How well the product drift tells an object in another scene from other objects.

    python benchmarks/product.py --same DIR [--json FILE] [--part tune|report|all]

Each folder within DIR holds pictures of one object in several scenes. Objects are halved by their order: one half was
there to tune on, the other reports. Every picture is measured against every object of its half: once with the first
picture of each enrolled, once with all but the one that is measured. One row a half and number of references: area
under the curve (95 % interval by drawing whole objects), how many could be aligned, and the shares on the wrong side of
the limit that ships. What is absent or not measurable counts as further away than anything, and in
``same_not_measured`` if it was there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

import continuity as ct
from continuity.interfaces import Backends
from continuity.observed import ObservedFrame
from continuity.tolerances import shipped_tolerance
from figures import Row, clustered_auc, pictures_of, save, show

LONGEST = 1024
FAR = 9.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--same", type=Path, required=True, help="folder of folders, one an object")
    parser.add_argument("--part", choices=("tune", "report", "all"), default="all")
    parser.add_argument("--json", type=Path, help="file for the rows")
    given = parser.parse_args()
    try:
        folders = pictures_of(given.same, 4)
    except ValueError as cause:
        parser.error(str(cause))
    backends = ct.LocalBackends()
    instrument = replace(ct.ProductDrift("any").instrument(backends), sampling=ct.Sampling().name)
    shipped = shipped_tolerance("product:any", instrument)
    rows: list[Row] = []
    spent: list[float] = []
    with tempfile.TemporaryDirectory() as work:
        for half, names in (("tune", sorted(folders)[::2]), ("report", sorted(folders)[1::2])):
            for several in (False, True) if given.part in (half, "all") else ():
                own = {name: folders[name] for name in names}
                found = measured(own, several, Path(work), backends, spent)
                rows.append(row(half, several, names, found, shipped.limit if shipped else None))
    show(f"product, {given.part}: {1000 * np.median(spent):.0f} ms a picture; {instrument.digest}", rows)
    save(given.json, rows)


Found = dict[tuple[str, str], list[tuple[float | None, bool]]]  # by enrolled and shown object: drift, whether aligned


def measured(
    folders: Mapping[str, list[Path]], several: bool, work: Path, backends: Backends, spent: list[float]
) -> Found:
    """Every picture against every object."""
    found: Found = {}
    rounds = max(map(len, folders.values())) if several else 1
    for turn in track(range(rounds), "rounds", disable=not sys.stderr.isatty()):
        chosen = {n: [p for i, p in enumerate(ps) if (i == turn) != several] for n, ps in folders.items()}
        identity = ct.enrol(work / f"{min(folders)}-{several}-{turn}", products=chosen, backends=backends)
        for name, paths in folders.items():
            for path in [p for p in paths if p not in chosen[name]]:
                seen = ObservedFrame(picture(path), index=0, seconds=None, identity=identity, backends=backends)
                for product in folders:
                    start = time.perf_counter()
                    one = ct.ProductDrift(product).frame(seen, identity)
                    if product == name:
                        spent.append(time.perf_counter() - start)
                    found.setdefault((product, name), []).append((one.value, one.evidence.get("rule") == "aligned"))
    return found


def row(half: str, several: bool, names: list[str], found: Found, limit: float | None) -> Row:
    """The objects of a half, against each other."""
    own = {n: found[n, n] for n in names}
    other = {n: [one for m in names if m != n for one in found[n, m]] for n in names}
    area, low, high = clustered_auc({n: known(v) for n, v in own.items()}, {n: known(v) for n, v in other.items()})
    same, rest = (np.concatenate([known(v) for v in these.values()]) for these in (own, other))
    flat = [one for values in own.values() for one in values]
    return {
        "half": half,
        "references": "all others" if several else "1",
        "n_same": len(same),
        "n_other": len(rest),
        "same_not_measured": sum(value is None for value, _ in flat),
        "same_aligned": sum(aligned for _, aligned in flat),
        "other_absent": int((rest == FAR).sum()),
        "auc": area,
        "auc_low": low,
        "auc_high": high,
        "same_over_limit": None if limit is None else float((same > limit).mean()),
        "other_within_limit": None if limit is None else float((rest <= limit).mean()),
    }


def known(values: list[tuple[float | None, bool]]) -> NDArray[np.float64]:
    return np.array([FAR if value is None else value for value, _ in values])


def picture(path: Path) -> NDArray[np.uint8]:
    image = Image.open(path).convert("RGB")
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.BOX)
    return np.asarray(image)


if __name__ == "__main__":
    main()
