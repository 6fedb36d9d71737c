"""How well the look distance tells one object or scene from others.

    python benchmarks/look.py --same DIR [--json FILE] [--clip CHECKPOINT [--model ViT-B-32]]

Each folder within DIR holds pictures of one object in several scenes, or of one scene. Every picture is compared with
references of its own object and of the others as the metric does (1 - cosine to the nearest), once with a single
reference and once with all pictures of the object but itself. One row a backend and number of references: how often
another object lies further away than the same one (auc, 95 % interval by drawing whole objects), and the shares on the
wrong side of the limit that ships. The stand-in is measured always, OpenCLIP where a checkpoint is given.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

import continuity as ct
from continuity.errors import ContinuityError
from continuity.interfaces import LookBackend
from continuity.tolerances import shipped_tolerance
from figures import Row, clustered_auc, pictures_of, readable, save, show

Floats = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--same", type=Path, required=True, help="folder of folders, one an object or scene")
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--clip", help="checkpoint of OpenCLIP: a file on this machine, or a tag in the local cache")
    parser.add_argument("--model", default="ViT-B-32", help="name of its OpenCLIP model")
    given = parser.parse_args()
    try:
        folders = pictures_of(given.same, 2)
    except ValueError as cause:
        parser.error(str(cause))
    tried = {"stand-in (MobileNetV2)": ct.LocalBackends()}
    if given.clip:
        tried[f"OpenCLIP {given.model}"] = ct.LocalBackends(look=ct.ClipLook(given.model, given.clip))
    rows: list[Row] = []
    for name, backends in tried.items():
        try:
            found = embedded(folders, backends.look)
            instrument = replace(ct.LookDistance().instrument(backends), sampling=ct.Sampling().name)
        except ContinuityError as cause:
            sys.exit(f"{name}: {cause}")
        shipped = shipped_tolerance("look", instrument)
        rows += [row(name, found, several, shipped.limit if shipped else None) for several in (False, True)]
    show(f"look: {len(found)} folders, {sum(map(len, found.values()))} pictures", rows)
    save(given.json, rows)


def embedded(folders: Mapping[str, list[Path]], look: LookBackend) -> dict[str, Floats]:
    """The embeddings of the pictures of each folder: n x d, of unit length; of folders with two that can be read.

    Raises:
        MediaError: fewer than two folders have; a sentence.
    """
    steps = track(folders.items(), "pictures", disable=not sys.stderr.isatty())
    every = {name: [look.embed([pixels]) for _, pixels in readable(paths)] for name, paths in steps}
    found = {name: np.concatenate(one).astype(np.float64) for name, one in every.items() if len(one) > 1}
    if len(found) < 2:
        raise ct.MediaError(f"two folders of two pictures that can be read were wanted, got {len(found)}")
    return found


def row(backend: str, found: Mapping[str, Floats], several: bool, limit: float | None) -> Row:
    """Distances to references of one object, from pictures of it and of the others; ``several``: to all of them."""
    same: dict[str, Floats] = {}
    other: dict[str, Floats] = {}
    for name, references in found.items():
        inside = 1 - references @ references.T
        away = np.concatenate([1 - rest @ references.T for rival, rest in found.items() if rival != name])
        np.fill_diagonal(inside, np.inf)
        same[name] = inside.min(axis=1) if several else inside[np.isfinite(inside)]
        other[name] = away.min(axis=1) if several else away.ravel()
    area, low, high = clustered_auc(same, other)
    own, rest = np.concatenate(list(same.values())), np.concatenate(list(other.values()))
    return {
        "backend": backend,
        "references": "all others" if several else "1",
        "n_same": len(own),
        "n_other": len(rest),
        "auc": area,
        "auc_low": low,
        "auc_high": high,
        "same_over_limit": None if limit is None else float((own > limit).mean()),
        "other_within_limit": None if limit is None else float((rest <= limit).mean()),
    }


if __name__ == "__main__":
    main()
