"""How well face distance tells people apart, on any photographs and clips.

    python benchmarks/faces.py --make-pairs PEOPLE --pairs pairs.csv      # draws pairs, then measures them
    python benchmarks/faces.py --pairs pairs.csv --backend insightface --pack PACK --json rows.json
    python benchmarks/faces.py --clips CLIPS

PEOPLE has a folder of photographs for each person. The CSV has ``path_a,path_b,same`` (1 or 0, true or false, yes or
no); relative paths start at its folder, and a person is the name of a picture's folder. CLIPS has a folder for each
person with a picture (``reference.*`` where there are several) and clips of them, or folders of numbered frames; or
all of them side by side, ``NAME.mp4`` and ``NAME.reference.jpg``. One row a backend, the default one first. The limit
behind ``accuracy`` is chosen by 10-fold cross-validation; a picture without a face, or that cannot be read, is a miss,
and its pair counts as wrong, and as not accepted. Intervals are 95 %: exact (Clopper-Pearson) for shares, which takes
pairs as independent, and a bootstrap over people for the AUC.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

import continuity as ct
from continuity.errors import ContinuityError, MediaError
from continuity.interfaces import FaceBackend
from continuity.records import Face
from figures import CLIPS, CONFIDENCE, PICTURES, Floats, Pixels, auc, clustered_auc, exact, picture, save, visible
from grade import numbered

RIVAL = 0.5  # a face of at least this share of the largest one's size may be the one that is meant
FOLDS = 10
SAME = {"1": True, "1.0": True, "true": True, "yes": True, "0": False, "0.0": False, "false": False, "no": False}


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
    rows: list[dict[str, Any]] = []
    try:
        pairs = None
        if given.make_pairs:
            pairs = drawn(given.make_pairs, given.n, given.seed, given.pairs)
        elif given.pairs:
            pairs = read(given.pairs)
        for name, backend in backends(given.backend, given.pack):
            row: dict[str, Any] = {"backend": name}
            if pairs is not None:
                row |= of_pairs(pairs, backend, given.seed)
            if given.clips:
                row |= of_clips(given.clips, backend)
            rows.append(row)
            for key, value in row.items():
                print(f"{key:28s} {'-' if value is None or value != value else value}")
    except ContinuityError as cause:
        parser.error(str(cause))
    save(given.json, rows)


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
    folders = sorted(f for f in (people.iterdir() if people.is_dir() else []) if f.is_dir())
    photographs = {f.name: [p for p in visible(f, PICTURES) if p.parent == f] for f in folders}
    photographs = {name: found for name, found in photographs.items() if found}
    several = [name for name, found in photographs.items() if len(found) > 1]
    if len(photographs) < 2 or not several:
        raise MediaError(f"folders of at least two people were wanted in {people}, one with two photographs or more")
    chosen: dict[tuple[Path, Path], bool] = {}
    for same in (True, False):
        found = len(chosen)
        for _ in range(count * 20):
            if len(chosen) == found + count:
                break
            names = [str(random.choice(several))] * 2 if same else random.choice(list(photographs), 2, replace=False)
            if same:
                a, b = (photographs[names[0]][i] for i in random.choice(len(photographs[names[0]]), 2, replace=False))
            else:
                a, b = (photographs[str(n)][random.integers(len(photographs[str(n)]))] for n in names)
            chosen.setdefault((min(a, b), max(a, b)), same)
    pairs = [Pair(a, b, same) for (a, b), same in chosen.items()]
    if to is not None:
        to.parent.mkdir(parents=True, exist_ok=True)
        with to.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("path_a", "path_b", "same"))
            writer.writerows((p.a.absolute(), p.b.absolute(), int(p.same)) for p in pairs)
    return pairs


def read(path: Path) -> list[Pair]:
    """The pairs of a CSV file, with a first line that names the columns or with just these three.

    Raises:
        MediaError: it cannot be read, or a line is no pair, or not both kinds of pairs are there.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as cause:
        raise MediaError(f"a CSV file (UTF-8) of path_a,path_b,same was wanted at {path}: {cause}") from cause
    first = text.lstrip().partition("\n")[0]
    lines = csv.reader(text.splitlines(), delimiter=max(",;\t", key=first.count))
    rows = [(lines.line_num, [word.strip() for word in words]) for words in lines if any(map(str.strip, words))]
    names = [word.lower() for word in rows[0][1]] if rows else []
    headed = {"path_a", "path_b", "same"} <= set(names)
    columns = [names.index(name) for name in ("path_a", "path_b", "same")] if headed else [0, 1, 2]
    pairs = []
    for number, words in rows[1:] if headed else rows:
        if len(words) <= max(columns) or words[columns[2]].lower() not in SAME:
            raise MediaError(f"{path}, line {number}: path_a,path_b,same (1 or 0) were wanted, got {','.join(words)!r}")
        a, b, same = (words[column] for column in columns)
        pairs.append(Pair(path.parent / a, path.parent / b, SAME[same.lower()]))
    alike = sum(p.same for p in pairs)
    if not alike or alike == len(pairs):
        raise MediaError(f"pairs of one person and of two were wanted in {path}, got {alike} and {len(pairs) - alike}")
    if not any(p.exists() for pair in pairs for p in (pair.a, pair.b)):
        raise MediaError(f"none of the pictures that {path} names is there, the first one is {pairs[0].a}")
    return pairs


def of_pairs(pairs: Sequence[Pair], backend: FaceBackend, seed: int) -> dict[str, Any]:
    """What a backend makes of the pairs."""
    faces = {path: embedded(path, backend) for path in track(sorted({p for x in pairs for p in (x.a, x.b)}), "faces")}
    distances = np.array([between(faces[p.a], faces[p.b], backend) for p in pairs])
    same = np.array([p.same for p in pairs])
    missed = ~np.isfinite(distances)
    if missed.all():
        print("no pair has a face in both of its pictures: nothing could be compared", file=sys.stderr)
    limits = cross_validated(distances, same, seed)
    right = ~missed & ((distances <= limits) == same)
    people = [{p.a.parent.name, p.b.parent.name} for p in pairs]
    worst, share = worst_of(people, right)
    tars = {far: accepted_at(distances, same, far) for far in (0.01, 0.001)}
    low, high = bootstrapped(distances, same, people, seed)
    others, alike = int((~same).sum()), int(same.sum())
    if others < 1000:
        print(f"tar_at_far_0.001: {others} pairs of two people show no share under 1 in {others}; here none is let in")
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
        **interval("tar_at_far_0.01", round(tars[0.01] * alike), alike),
        **interval("tar_at_far_0.001", round(tars[0.001] * alike), alike),
        "limit": None if missed.all() else round(float(np.nanmedian(limits)), 4),
        "worst_identity": worst,
        "worst_identity_accuracy": share,
    }


def embedded(path: Path, backend: FaceBackend) -> NDArray[np.float32] | None:
    """The embedding of the face that a photograph is of, None where none is found."""
    try:
        pixels = picture(path)
        faces = backend.detect(pixels)
        return backend.embed(pixels, subject(faces, pixels.shape)) if faces else None
    except ContinuityError as cause:
        print(f"a miss: {cause}", file=sys.stderr)
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
        if not others.any():
            limits[fold == number] = np.nan  # nothing to choose from: no pair is let in
            continue
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


def worst_of(people: Sequence[set[str]], right: NDArray[np.bool_]) -> tuple[str | None, float | None]:
    """The person whose pairs are judged worst, among those with five pairs or more."""
    by_person: dict[str, list[bool]] = defaultdict(list)
    for names, was in zip(people, right, strict=True):
        for name in names:
            by_person[name].append(bool(was))
    shares = {name: float(np.mean(all_)) for name, all_ in by_person.items() if len(all_) >= 5}
    worst = min(sorted(shares), key=lambda n: shares[n], default=None)
    return worst, None if worst is None else round(shares[worst], 4)


def bootstrapped(
    distances: Floats, same: NDArray[np.bool_], people: Sequence[set[str]], seed: int
) -> tuple[float, ...]:
    """95 % interval of the AUC: people are drawn again, with all pairs that name them first."""
    random, measured = np.random.default_rng(seed), np.isfinite(distances)
    firsts = np.array([min(p) for p in people])
    members = [np.flatnonzero((firsts == name) & measured) for name in np.unique(firsts[measured])]
    found = []
    for _ in range(200 if members else 0):
        rows = np.concatenate([members[i] for i in random.integers(len(members), size=len(members))])
        found.append(auc(distances[rows][same[rows]], distances[rows][~same[rows]]))
    if not np.isfinite(found).any():
        return 0.0, 1.0
    if np.nanmin(found) == 1:  # all apart in every draw: the exact bound of so many people
        return round(((1 - CONFIDENCE) / 2) ** (1 / len(members)), 5), 1.0
    return tuple(round(float(q), 5) for q in np.nanpercentile(found, (2.5, 97.5)))


def interval(name: str, count: int, of: int) -> dict[str, float]:
    """The exact 95 % interval of a share."""
    low, high = exact(count, of)
    return {f"{name}_low": round(low, 5), f"{name}_high": round(high, 5)}


# -- clips -------------------------------------------------------------------------------------------------------------


def of_clips(folder: Path, backend: FaceBackend) -> dict[str, Any]:
    """Frames and clips of people against one reference each: their own, and those of the others.

    Intervals of the areas draw whole people of the clips.

    Raises:
        MediaError: fewer than two people with a reference and a clip with a face.
    """
    references: dict[str, NDArray[np.float32]] = {}
    clips: list[tuple[str, NDArray[np.float32]]] = []
    frames = misses = 0
    for name, found, paths in track(people_of(folder), "clips"):
        reference = None if found is None else embedded(found, backend)
        if reference is None:
            print(f"{name}: no reference with a face, passed over", file=sys.stderr)
            continue
        references[name] = reference
        for path in paths:
            try:
                seen = [framed(frame.pixels, backend) for frame in ct.open_media(path).frames(ct.Sampling())]
            except ContinuityError as cause:
                print(f"{path} left out: {cause}", file=sys.stderr)
                continue
            rows = [row for row in seen if row is not None]
            frames, misses = frames + len(seen), misses + len(seen) - len(rows)
            clips += [(name, np.stack(rows))] if rows else []
    if len(references) < 2 or not clips:
        raise MediaError(
            f"folders of at least two people, each with a reference picture and clips, were wanted in {folder}, "
            f"got {len(references)} people and {len(clips)} clips with a face"
        )
    by_frame, by_clip = (compared(clips, references, backend, whole) for whole in (False, True))
    return {
        "people": len(references),
        "clips": len(clips),
        "frames": frames,
        "frames_missed": misses,
        **by_frame,
        **by_clip,
    }


def people_of(folder: Path) -> list[tuple[str, Path | None, list[Path]]]:
    """Name, reference and clips of each person: of a folder each, else of NAME.mp4 and NAME.reference.jpg in one."""
    found = []
    stills = PICTURES - {".gif"}
    for person in sorted(p for p in (folder.iterdir() if folder.is_dir() else []) if p.is_dir()):
        near = [p for p in visible(person, stills) if p.parent == person]
        named = [p for p in near if "reference" in p.stem.lower()] or near[:1]
        clips = [*visible(person, CLIPS), *(f for f in numbered([person]) if f != person)]
        if clips:
            found.append((person.name, named[0] if named else None, clips))
    beside = [p for p in visible(folder, stills) if p.parent == folder and p.stem.endswith(".reference")]
    for reference in beside:
        name = reference.stem.removesuffix(".reference")
        found.append((name, reference, [p for p in visible(folder, CLIPS) if p.parent == folder and p.stem == name]))
    return found


def framed(pixels: Pixels, backend: FaceBackend) -> NDArray[np.float32] | None:
    """The embedding of the largest face of a frame."""
    faces = backend.detect(pixels)
    return backend.embed(pixels, faces[0]) if faces else None


def compared(
    clips: Sequence[tuple[str, NDArray[np.float32]]],
    references: Mapping[str, NDArray[np.float32]],
    backend: FaceBackend,
    whole: bool,
) -> dict[str, float | int | None]:
    """The area of own against other distances, frame by frame or by the median of a clip."""
    own: dict[str, list[float]] = {name: [] for name in references}
    other: dict[str, list[float]] = {name: [] for name in references}
    for person, rows in clips:
        for name, reference in references.items():
            distances = backend.distance(reference[None], rows)[0]
            found = [float(np.median(distances))] if whole else distances.tolist()
            (own if name == person else other)[person].extend(found)
    near, far = ({name: np.array(values) for name, values in kind.items()} for kind in (own, other))
    area, low, high = clustered_auc(near, far)
    unit = "clip" if whole else "frame"
    return {
        f"auc_by_{unit}": round(area, 5),
        f"auc_by_{unit}_low": round(low, 5),
        f"auc_by_{unit}_high": round(high, 5),
        f"n_own_{unit}s": sum(map(len, own.values())),
        f"n_other_{unit}s": sum(map(len, other.values())),
    }


if __name__ == "__main__":
    main()
