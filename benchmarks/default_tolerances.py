"""What the shipped provisional limits rest on: their instruments, and how often they would be wrong on footage.

    python benchmarks/default_tolerances.py --data DIR [--only grade|face] [--frames 3]

DIR holds ``clips/**/*.mp4`` and ``*.gif`` (a ``NAME.reference.jpg`` or ``reference.png`` beside them shows the actor),
``grades/luts/*.cube`` (looks to apply) and ``faces/lfw/PERSON/*.jpg``. Run it again whenever an instrument moves, and
write the digest and the numbers into src/continuity/default_tolerances.toml. It takes minutes: every look is a frame
to measure. Candidates are other frames of a clip whose first frame is enrolled, as they are, cropped at random (the
same grade on other content), and under each look; faces are compared with one photograph.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

import continuity as ct
from continuity.errors import EnrolmentError
from continuity.interfaces import Backends, Metric
from continuity.observed import ObservedFrame
from continuity.records import Status
from continuity.tolerances import shipped_tolerance
from cubes import cubes
from figures import CLIPS, auc
from grade import STRENGTHS, files, graded

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

SAME, CROP = "same clip", "cropped"
LONGEST = 1280  # looks are applied to frames of at most this side
PEOPLE = 60  # of the labelled photographs


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of evaluation footage")
    parser.add_argument("--only", choices=("grade", "face"), help="one metric instead of both")
    parser.add_argument("--frames", type=int, default=3, help="frames of a clip that go under the looks")
    given = parser.parse_args()
    backends = ct.LocalBackends()
    with tempfile.TemporaryDirectory() as work:
        if given.only != "face":
            grade(given.data, Path(work), backends, given.frames)
        if given.only != "grade":
            face(given.data, Path(work), backends)


def grade(data: Path, work: Path, backends: Backends, count: int) -> None:
    """The drift of every candidate; ``benchmarks/grade.py`` measures clips without actors, and tells the areas."""
    metric = ct.GradeDrift()
    limit = header(metric, backends)
    looks = list(cubes(files([data / "grades" / "luts"], {".cube"})).values())
    paths = files([data / "clips"], CLIPS)
    rows: dict[str, list[float]] = {}
    over = unmeasured = 0
    for number, path in enumerate(paths):
        frames = [small(f.pixels) for f in ct.open_media(path).frames(ct.Sampling())]
        identity = clip_identity(work / f"grade-{number}", frames[0], path, backends)
        same = []
        for kind, pixels in candidates(frames[1:], looks, count, np.random.default_rng(number)):
            seen = ObservedFrame(pixels, index=0, seconds=None, identity=identity, backends=backends)
            found = metric.frame(seen, identity)
            if kind == SAME:
                same.append(found)
            if found.value is None:
                unmeasured += 1
            else:
                rows.setdefault(kind, []).append(found.value)
        over += (metric.join(same).value or 0.0) > limit
    print(
        f"clips {len(paths)}, {over} of them over the limit as a whole; looks {len(looks)}; {unmeasured} not measured"
    )
    for kind, drifts in rows.items():
        values, calm = np.array(drifts), np.array(rows[CROP if CROP in kind else SAME])
        line = spread(f"  {kind}", values, limit)
        print(line if kind in (SAME, CROP) else f"{line}  AUC {auc(calm, values):.3f}")


def candidates(
    frames: list[Pixels], looks: list[ImageFilter.Color3DLUT], count: int, random: np.random.Generator
) -> Iterator[tuple[str, Pixels]]:
    """Every frame as it is; ``count`` of them, and a crop of each, as they are and under the looks."""
    yield from ((SAME, f) for f in frames)
    for frame in frames[:: max(1, len(frames) // max(1, count))][:count]:
        crop = cropped(frame, random)
        yield CROP, crop
        for look in looks:
            for kind, picture in (("look", frame), (f"{CROP}, look", crop)):
                for strength, under in zip(STRENGTHS, graded(picture, look), strict=True):
                    yield f"{kind} at {strength:.0%}", under


def face(data: Path, work: Path, backends: Backends) -> None:
    """Distances of the same person and of others, on generated clips and on labelled photographs."""
    metric = ct.FaceDistance("actor")
    limit = header(metric, backends)
    folders = sorted(p for p in (data / "clips" / "generated_identity").iterdir() if p.is_dir())
    clips = {
        p.name: [f.pixels for c in sorted(p.glob("*.gif")) for f in ct.open_media(c).frames(ct.Sampling())]
        for p in folders
    }
    persons = {p.name: (p / "reference.png", clips[p.name]) for p in folders}
    compare("generated clips against a photograph", metric, persons, work, backends, limit)
    labelled = sorted(p for p in (data / "faces" / "lfw").iterdir() if p.is_dir())[:PEOPLE]
    photographs = {p.name: sorted(p.glob("*.jpg")) for p in labelled}
    persons = {n: (ps[0], [np.asarray(Image.open(p).convert("RGB")) for p in ps[1:4]]) for n, ps in photographs.items()}
    compare("labelled photographs", metric, persons, work, backends, limit)


def compare(
    title: str,
    metric: Metric,
    persons: dict[str, tuple[Path, list[Pixels]]],
    work: Path,
    backends: Backends,
    limit: float,
) -> None:
    """Own pictures and those of the next three persons against the reference of each."""
    own: list[float] = []
    other: list[float] = []
    unmeasured = 0
    names = list(persons)
    for number, name in enumerate(names):
        try:
            identity = ct.enrol(
                work / f"{title.split()[0]}-{number}", actors={"actor": [persons[name][0]]}, backends=backends
            )
        except EnrolmentError as cause:
            print(f"  {name} left out: {cause}")
            continue
        rivals = [names[(number + step) % len(names)] for step in range(1, min(4, len(names)))]
        for values, pictures in ((own, persons[name][1]), (other, [p for r in rivals for p in persons[r][1]])):
            for pixels in pictures:
                seen = ObservedFrame(pixels, index=0, seconds=None, identity=identity, backends=backends)
                found = metric.frame(seen, identity)
                if found.status is Status.MEASURED and found.value is not None:
                    values.append(found.value)
                else:
                    unmeasured += 1
    print(f"{title}: {len(names)} persons, {unmeasured} pictures not measured")
    print(spread("  own", np.array(own), limit))
    print(spread("  other", np.array(other), limit) + f"  AUC {auc(np.array(own), np.array(other)):.3f}")


def header(metric: Metric, backends: Backends) -> float:
    """Prints the instrument as a gate has it, and the limit that ships for it; returns that limit."""
    instrument = replace(metric.instrument(backends), sampling=ct.Sampling().name)
    shipped = shipped_tolerance(metric.key, instrument)
    print(f"\n{type(metric).__name__}: instrument = {instrument.digest!r}  ({metric.unit})")
    if shipped is None:
        print("no limit ships for this instrument: default_tolerances.toml needs one")
        return float("nan")
    print(f"shipped: limit {shipped.limit:g}, scale {shipped.scale:g}")
    return shipped.limit


def clip_identity(folder: Path, first: Pixels, path: Path, backends: Backends) -> ct.Identity:
    """The first frame as the grade, and the actor from the photograph beside the clip or from that frame."""
    picture = folder.with_suffix(".png")
    Image.fromarray(first).save(picture)
    beside = (path.with_suffix(".reference.jpg"), path.with_name("reference.png"), picture)
    try:
        actor = next(p for p in beside if p.is_file())
        return ct.enrol(folder, actors={"actor": [actor]}, grade=[picture], backends=backends)
    except EnrolmentError:  # no clear face: the grade is judged by its histogram
        return ct.enrol(folder, grade=[picture], backends=backends)


def small(pixels: Pixels) -> Pixels:
    """At most LONGEST px on the longer side."""
    image = Image.fromarray(pixels)
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.BOX)
    return np.asarray(image)


def cropped(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """A random part of 60 to 90 % of each side: a reframed shot of the same scene."""
    height, width = pixels.shape[:2]
    share = random.uniform(0.6, 0.9)
    tall, wide = int(height * share), int(width * share)
    top, left = random.integers(0, height - tall + 1), random.integers(0, width - wide + 1)
    return np.ascontiguousarray(pixels[top : top + tall, left : left + wide])


def spread(title: str, values: Floats, limit: float) -> str:
    """One line: how many, where they lie, how many are over the limit."""
    if not len(values):
        return f"{title:28s} n 0"
    low, middle, high = np.percentile(values, (5, 50, 95))
    over = float((values > limit).mean())
    where = f"5 % {low:6.2f}  median {middle:6.2f}  95 % {high:6.2f}"
    return f"{title:28s} n {len(values):5d}  {where}  over the limit {over:6.1%}"


if __name__ == "__main__":
    main()
