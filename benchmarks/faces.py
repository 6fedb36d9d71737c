"""How well face distance tells people apart, on any photographs and clips.

    python benchmarks/faces.py --make-pairs PEOPLE --pairs pairs.csv      # draws pairs, then measures them
    python benchmarks/faces.py --pairs pairs.csv --backend insightface --pack PACK --json rows.json
    python benchmarks/faces.py --clips CLIPS

PEOPLE has a folder of photographs for each person. The CSV has ``path_a,path_b,same`` (1 or 0); relative paths start at
its folder, and a person is the name of a picture's folder. CLIPS has a folder for each person with a ``reference.*``
picture and clips of them. One row a backend, the default one first. The limit behind ``accuracy`` is chosen by 10-fold
cross-validation; a picture without a face is a miss, and its pair counts as wrong, and as not accepted. Intervals are
95 %: exact (Clopper-Pearson) for shares, which takes pairs as independent, and a bootstrap over people for the AUC.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

import continuity as ct
from continuity.errors import ContinuityError
from continuity.interfaces import FaceBackend
from continuity.records import Face
from figures import auc, exact

Floats = NDArray[np.float64]

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".pgm"}
CLIPS = {".mp4", ".mov", ".webm", ".mkv", ".gif"}
RIVAL = 0.5  # a face of at least this share of the largest one's size may be the one that is meant
FOLDS = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photographs, and whether they show one person."""

    a: Path
    b: Path
    same: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=Path, metavar="CSV", help="path_a,path_b,same")
    parser.add_argument("--make-pairs", type=Path, metavar="DIR", help="draw pairs from a folder a person")
    parser.add_argument("--n", type=int, default=3000, help="pairs of each kind to draw (default 3000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clips", type=Path, metavar="DIR", help="folders with a reference and clips of one person")
    parser.add_argument("--backend", choices=("dlib", "insightface"), help="only this one")
    parser.add_argument("--pack", type=Path, metavar="DIR", help="an InsightFace pack")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file as well")
    given = parser.parse_args()
    if not (given.pairs or given.make_pairs or given.clips):
        parser.error("--pairs CSV, --make-pairs DIR or --clips DIR is wanted")
    if given.backend == "insightface" and not given.pack:
        parser.error("--backend insightface needs --pack DIR")
    rows = []
    for name, backend in backends(given.backend, given.pack):
        row: dict[str, Any] = {"backend": name}
        if given.pairs or given.make_pairs:
            pairs = drawn(given.make_pairs, given.n, given.seed, given.pairs) if given.make_pairs else read(given.pairs)
            row |= of_pairs(pairs, backend, given.seed)
        if given.clips:
            row |= of_clips(given.clips, backend)
        rows.append(row)
        for key, value in row.items():
            print(f"{key:28s} {value}")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))


def backends(only: str | None, pack: Path | None) -> Iterator[tuple[str, FaceBackend]]:
    """The backends to measure, the default one first."""
    if only != "insightface":
        yield "dlib", ct.LocalBackends().faces
    if pack is not None and only != "dlib":
        yield "insightface", ct.InsightFaces(pack, allow_noncommercial=True)


# -- pairs -------------------------------------------------------------------------------------------------------------


def drawn(people: Path, count: int, seed: int, to: Path | None) -> list[Pair]:
    """So many pairs of one person and of two, each person as likely; written to a CSV file."""
    random = np.random.default_rng(seed)
    photographs = {
        folder.name: sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES)
        for folder in sorted(people.iterdir())
        if folder.is_dir()
    }
    photographs = {name: found for name, found in photographs.items() if found}
    several = [name for name, found in photographs.items() if len(found) > 1]
    if len(photographs) < 2 or not several:
        raise SystemExit(f"folders of at least two people were wanted in {people}, one with two photographs or more")
    chosen: dict[tuple[Path, Path], bool] = {}
    for same in (True, False):
        for _ in range(count * 20):
            if sum(s is same for s in chosen.values()) == count:
                break
            names = [str(random.choice(several))] * 2 if same else random.choice(list(photographs), 2, replace=False)
            if same:
                a, b = (photographs[names[0]][i] for i in random.choice(len(photographs[names[0]]), 2, replace=False))
            else:
                a, b = (photographs[str(n)][random.integers(len(photographs[str(n)]))] for n in names)
            chosen.setdefault((min(a, b), max(a, b)), same)
    pairs = [Pair(a, b, same) for (a, b), same in chosen.items()]
    if to is not None:
        with to.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("path_a", "path_b", "same"))
            writer.writerows((p.a.absolute(), p.b.absolute(), int(p.same)) for p in pairs)
    return pairs


def read(path: Path) -> list[Pair]:
    """The pairs of a CSV file."""
    with path.open(newline="") as file:
        return [
            Pair(path.parent / row["path_a"], path.parent / row["path_b"], row["same"].strip().lower() in ("1", "true"))
            for row in csv.DictReader(file)
        ]


def of_pairs(pairs: Sequence[Pair], backend: FaceBackend, seed: int) -> dict[str, Any]:
    """What a backend makes of the pairs."""
    faces = {path: embedded(path, backend) for path in track(sorted({p for x in pairs for p in (x.a, x.b)}), "faces")}
    distances = np.array([between(faces[p.a], faces[p.b], backend) for p in pairs])
    same = np.array([p.same for p in pairs])
    missed = ~np.isfinite(distances)
    limits = cross_validated(distances, same, seed)
    right = ~missed & ((distances <= limits) == same)
    people = [{p.a.parent.name, p.b.parent.name} for p in pairs]
    worst, share = worst_of(people, right)
    tars = {far: accepted_at(distances, same, far) for far in (0.01, 0.001)}
    low, high = bootstrapped(distances, same, people, seed)
    return {
        "n": len(pairs),
        "n_same": int(same.sum()),
        "misses": int(missed.sum()),
        "auc": round(auc(distances[same & ~missed], distances[~same & ~missed]), 5),
        "auc_low": low,
        "auc_high": high,
        "accuracy": round(float(right.mean()), 5),
        **interval("accuracy", int(right.sum()), len(pairs)),
        **{f"tar_at_far_{far}": round(share, 5) for far, share in tars.items()},
        **interval("tar_at_far_0.001", round(tars[0.001] * int(same.sum())), int(same.sum())),
        "limit": round(float(np.median(limits)), 4),
        "worst_identity": worst,
        "worst_identity_accuracy": share,
    }


def embedded(path: Path, backend: FaceBackend) -> NDArray[np.float32] | None:
    """The embedding of the face that a photograph is of, None where none is found."""
    try:
        pixels = ct.Image.open(path).pixels
        faces = backend.detect(pixels)
        return backend.embed(pixels, subject(faces, pixels.shape)) if faces else None
    except ContinuityError as cause:
        print(f"{path.name}: {cause}")
        return None


def subject(faces: Sequence[Face], shape: tuple[int, ...]) -> Face:
    """Of the large faces the one nearest to the middle: photographs of somebody have them there."""
    large = [f for f in faces if f.size >= RIVAL * faces[0].size]
    return min(large, key=lambda f: float(np.hypot(f.box.centre[0] - shape[1] / 2, f.box.centre[1] - shape[0] / 2)))


def between(a: NDArray[np.float32] | None, b: NDArray[np.float32] | None, backend: FaceBackend) -> float:
    return float("nan") if a is None or b is None else float(backend.distance(a[None], b[None])[0, 0])


def cross_validated(distances: Floats, same: NDArray[np.bool_], seed: int) -> Floats:
    """For each pair the limit that is most accurate on the other nine tenths."""
    fold = np.random.default_rng(seed).permutation(len(same)) % FOLDS
    limits = np.empty(len(same))
    for number in range(FOLDS):
        others = (fold != number) & np.isfinite(distances)
        order = np.argsort(distances[others], kind="stable")
        labels = same[others][order]
        # right decisions if the limit lies after the first k distances
        right = np.concatenate([[0], labels.cumsum()]) + (~labels).sum() - np.concatenate([[0], (~labels).cumsum()])
        k, sorted_ = int(right.argmax()), distances[others][order]
        ends = np.concatenate([[sorted_[0] - 1e-6], sorted_, [sorted_[-1]]])
        limits[fold == number] = (ends[k] + ends[k + 1]) / 2
    return limits


def accepted_at(distances: Floats, same: NDArray[np.bool_], far: float) -> float:
    """Share of the same pairs within the distance that lets in that share of the others; misses are not let in."""
    others = np.sort(np.where(np.isfinite(distances[~same]), distances[~same], np.inf))
    limit = others[int(far * len(others))]  # fewer than that share lie strictly below it
    return float((distances[same] < limit).mean())


def worst_of(people: Sequence[set[str]], right: NDArray[np.bool_]) -> tuple[str, float]:
    """The person whose pairs are judged worst, among those with five pairs or more."""
    by_person: dict[str, list[bool]] = defaultdict(list)
    for names, was in zip(people, right, strict=True):
        for name in names:
            by_person[name].append(bool(was))
    shares = {name: float(np.mean(all_)) for name, all_ in by_person.items() if len(all_) >= 5} or {"": 0.0}
    worst = min(sorted(shares), key=lambda n: shares[n])
    return worst, round(shares[worst], 4)


def bootstrapped(
    distances: Floats, same: NDArray[np.bool_], people: Sequence[set[str]], seed: int
) -> tuple[float, ...]:
    """95 % interval of the AUC: people are drawn again, with all pairs that name them first."""
    random, measured = np.random.default_rng(seed), np.isfinite(distances)
    firsts = np.array([min(p) for p in people])
    members = [np.flatnonzero((firsts == name) & measured) for name in np.unique(firsts)]
    found = []
    for _ in range(200):
        rows = np.concatenate([members[i] for i in random.integers(len(members), size=len(members))])
        found.append(auc(distances[rows][same[rows]], distances[rows][~same[rows]]))
    return tuple(round(float(q), 5) for q in np.nanpercentile(found, (2.5, 97.5)))


def interval(name: str, count: int, of: int) -> dict[str, float]:
    """The exact 95 % interval of a share."""
    low, high = exact(count, of)
    return {f"{name}_low": round(low, 5), f"{name}_high": round(high, 5)}


# -- clips -------------------------------------------------------------------------------------------------------------


def of_clips(folder: Path, backend: FaceBackend) -> dict[str, Any]:
    """Frames and clips of people against one reference each: their own, and those of the others."""
    references: dict[str, NDArray[np.float32]] = {}
    clips: dict[tuple[str, Path], list[NDArray[np.float32]]] = {}
    frames = misses = 0
    for person in track(sorted(p for p in folder.iterdir() if p.is_dir()), "clips"):
        found = next(iter(sorted(p for p in person.glob("reference.*") if p.suffix.lower() in PICTURES)), None)
        reference = None if found is None else embedded(found, backend)
        if reference is None:
            print(f"{person.name}: no reference with a face, passed over")
            continue
        references[person.name] = reference
        for path in sorted(p for p in person.iterdir() if p.suffix.lower() in CLIPS):
            rows = clips[person.name, path] = []
            for frame in ct.open_media(path).frames(ct.Sampling()):
                frames += 1
                faces = backend.detect(frame.pixels)
                rows += [backend.embed(frame.pixels, faces[0])] if faces else []
                misses += not faces
    own: list[float] = []
    other: list[float] = []
    own_clips: list[float] = []
    other_clips: list[float] = []
    for (person_name, _), rows in clips.items():
        for name, reference in references.items() if rows else ():
            distances = backend.distance(reference[None], np.stack(rows))[0].tolist()
            (own if name == person_name else other).extend(distances)
            (own_clips if name == person_name else other_clips).append(float(np.median(distances)))
    return {
        "people": len(references),
        "clips": len(clips),
        "frames": frames,
        "frames_missed": misses,
        "auc_by_frame": round(auc(np.array(own), np.array(other)), 5),
        "n_own_frames": len(own),
        "n_other_frames": len(other),
        "auc_by_clip": round(auc(np.array(own_clips), np.array(other_clips)), 5),
        "n_own_clips": len(own_clips),
        "n_other_clips": len(other_clips),
    }


if __name__ == "__main__":
    main()
