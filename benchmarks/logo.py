"""How well LogoDrift tells an intact mark from a drifted one, on marks and plates by argument.

    python benchmarks/logo.py --marks DIR --plates DIR [--json FILE] [--n 40] [--seed 0]
    python benchmarks/logo.py --photos DIR            # real prints: boxes.txt and images/ as FlickrLogos-27 has them

``--marks`` holds artwork (PNG with alpha, SVG ...), ``--plates`` photographs or clips, both searched recursively;
without them marks are drawn (``logo_marks.py``) and plates are scikit-image's photographs. Every mark is composited
intact (40 px wide to half of the frame, turned up to 15 degrees, mild perspective, uneven light, blur of resampling, a
grade, JPEG of quality 60 to 95) and drifted (``logo_drifts.py``), in the same manner. Other seeds draw other places,
lights and drifts.

A row a kind of drift: ``auc`` of its values against the intact ones among those measured, with a 95 % interval
(DeLong 1988); ``found``, the share measured; ``named``, the share of those whose kind is called right; both with exact
intervals (Clopper-Pearson). The row ``intact`` has the share found and, as ``named``, the share called intact; ``all``
is all kinds of drift together; ``foreign`` marks that are not in the frame: ``found`` should be 0.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.stats import norm

import continuity as ct
from continuity.enrolment.logo import SPACE, Artwork, features
from continuity.errors import ContinuityError
from continuity.identity import Enrolled
from continuity.observed import ObservedFrame
from continuity.records import FrameMeasurement, Status
from continuity.tolerances import shipped_tolerance
from figures import CLIPS, PICTURES, exact, picture, save, visible
from logo_composites import NARROWEST, composited, finished
from logo_drifts import DRIFTS
from logo_marks import Pixels, drawn

LONGEST = 1024  # px of a plate


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--marks", type=Path, help="folder of artwork; without it marks are drawn")
    parser.add_argument("--plates", type=Path, action="append", help="folder of photographs or clips; may be repeated")
    parser.add_argument("--photos", type=Path, help="instead: folder with boxes.txt and images/, real prints")
    parser.add_argument("--json", type=Path, help="write the rows there")
    parser.add_argument("--n", type=int, default=40, help="composites of each drift; four times as many intact ones")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.n < 1:
        parser.error(f"--n from 1 was wanted, got {given.n}")
    if given.photos:
        if not (given.photos / "boxes.txt").is_file():
            parser.error(f"boxes.txt and images/ were wanted in {given.photos}, there is no boxes.txt")
        rows = prints(given.photos, given.n, given.seed)
    else:
        marks = artwork(given.marks, given.seed)
        plates = photographs(given.plates, given.seed)
        print(f"{len(marks)} marks, {len(plates)} plates, seed {given.seed}")
        rows = composites(marks, plates, given.n, given.seed)
    save(given.json, rows)


def artwork(folder: Path | None, seed: int) -> list[tuple[str, Pixels]]:
    """Names and marks (H x W x 4), as the package reads them."""
    if folder is None:
        return drawn(24, seed)
    marks = []
    paths = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    names = [path.name for path in paths]
    for path in paths:
        name = path.name if names.count(path.name) == 1 else path.relative_to(folder).as_posix()
        try:
            marks.append((name, Artwork.open(path).rgba))
        except ContinuityError as cause:
            print(f"left out: {cause}", file=sys.stderr)
    if not marks:
        raise SystemExit(f"no artwork that can be read in {folder}")
    return marks


def photographs(folders: list[Path] | None, seed: int, most: int = 60) -> list[Pixels]:
    """Frames of at most :data:`LONGEST` px: pictures, and the middle frame of clips."""
    if folders is None:
        from skimage import data

        names = ("astronaut", "chelsea", "coffee", "rocket", "retina", "immunohistochemistry")
        return [np.asarray(getattr(data, name)()) for name in names]
    paths = sorted(p for folder in folders for p in visible(folder, PICTURES | CLIPS))
    picked = np.random.default_rng(seed).permutation(len(paths))[:most]
    plates = []
    for path in (paths[i] for i in picked):
        try:
            clip = path.suffix.lower() in CLIPS
            frames = [f.pixels for f in ct.open_media(path).frames(ct.Sampling())] if clip else [picture(path)]
        except ContinuityError as cause:
            print(f"left out: {cause}", file=sys.stderr)
            continue
        image = Image.fromarray(frames[len(frames) // 2])
        image.thumbnail((LONGEST, LONGEST))
        if min(image.size) >= 2 * NARROWEST:
            plates.append(np.asarray(image))
    if not plates:
        raise SystemExit("no plate that can be read")
    return plates


# Composites --------------------------------------------------------------------------------------------------------


def composites(marks: list[tuple[str, Pixels]], plates: list[Pixels], n: int, seed: int) -> list[dict[str, Any]]:
    """Measures and prints all rows."""
    identity = enrolled(dict(marks))
    values: dict[str, list[tuple[float | None, str, int]]] = {kind: [] for kind in ("intact", *DRIFTS, "foreign")}
    for kind in values:
        random = np.random.default_rng([seed, *kind.encode()])
        count, tries = (4 * n if kind == "intact" else n), 0
        while len(values[kind]) < count and tries < 20 * count:
            tries += 1
            name, mark = marks[int(random.integers(len(marks)))]
            plate = plates[int(random.integers(len(plates)))]
            changed = DRIFTS[kind][0](mark, random) if kind in DRIFTS else mark
            if changed is None:
                continue
            frame, wide = plate, 0
            others = [m for m in marks if m[0] != name]
            if others and (kind == "foreign" or random.random() < 0.25):  # a second mark in the frame
                frame, _ = composited(frame, others[int(random.integers(len(others)))][1], random)
            if kind != "foreign":
                frame, wide = composited(frame, changed, random, against=mark)
            frame = finished(frame, random)
            found = measured(name, frame, identity)
            values[kind].append((found.value, str(found.evidence.get("kind", found.note)), wide))
    rows = [row(kind, values) for kind in values if values[kind]]
    rows.insert(-1, together(values))
    for one in rows:
        shown(one)
    print(by_width(values["intact"]))
    limit(values)
    return rows


def enrolled(marks: dict[str, Pixels]) -> ct.Identity:
    """An identity with these logos, as enrolment keeps them."""
    reduced = features({name: Artwork(Path(name), "", ".png", rgba, b"") for name, rgba in marks.items()})
    return ct.Identity(
        name="marks",
        enrolled=tuple(Enrolled(kind="logo", name=name, references=()) for name in marks),
        stored_features={SPACE: reduced},
    )


def measured(name: str, frame: Pixels, identity: ct.Identity) -> FrameMeasurement:
    seen = ObservedFrame(frame, index=0, seconds=None, identity=identity, backends=ct.LocalBackends())
    return ct.LogoDrift(name).frame(seen, identity)


# Rows --------------------------------------------------------------------------------------------------------------


def row(kind: str, values: dict[str, list[tuple[float | None, str, int]]]) -> dict[str, Any]:
    """One row; AUC where the kind is a drift."""
    own = np.array([v for v, _, _ in values["intact"] if v is not None])
    there = [(v, name) for v, name, _ in values[kind] if v is not None]
    right = DRIFTS[kind][1] if kind in DRIFTS else frozenset({"intact"})
    area, low, high = auc(own, np.array([v for v, _ in there])) if kind in DRIFTS else (None, None, None)
    return {
        "kind": kind,
        "n_intact": len(own),
        "n_drifted": len(there) if kind in DRIFTS else 0,
        "n": len(values[kind]),
        "auc": area,
        "auc_low": low,
        "auc_high": high,
        **share("found", len(there), len(values[kind])),
        **share("named", sum(name in right for _, name in there), len(there)),
    }


def together(values: dict[str, list[tuple[float | None, str, int]]]) -> dict[str, Any]:
    """The row of all kinds of drift."""
    own = np.array([v for v, _, _ in values["intact"] if v is not None])
    drifted = {kind: [(v, name) for v, name, _ in values[kind] if v is not None] for kind in DRIFTS}
    measured_ = np.array([v for found in drifted.values() for v, _ in found])
    area, low, high = auc(own, measured_)
    n = sum(len(values[kind]) for kind in DRIFTS)
    right = sum(name in DRIFTS[kind][1] for kind, found in drifted.items() for _, name in found)
    return {
        "kind": "all",
        "n_intact": len(own),
        "n_drifted": len(measured_),
        "n": n,
        "auc": area,
        "auc_low": low,
        "auc_high": high,
        **share("found", len(measured_), n),
        **share("named", right, len(measured_)),
    }


def share(name: str, count: int, of: int) -> dict[str, float | None]:
    """A share and its exact interval; null where there is nothing to share."""
    low, high = exact(count, of)
    return {
        name: round(count / of, 4) if of else None,
        f"{name}_low": round(low, 4),
        f"{name}_high": round(high, 4),
    }


def auc(own: np.ndarray, other: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """How often one of ``other`` is larger than one of ``own``, with a 95 % interval on the logit (DeLong 1988)."""
    if len(own) < 2 or len(other) < 2:
        return None, None, None
    above = (other[:, None] > own[None]) + 0.5 * (other[:, None] == own[None])
    area = float(above.mean())
    spread = np.sqrt(above.mean(axis=1).var(ddof=1) / len(other) + above.mean(axis=0).var(ddof=1) / len(own))
    if spread == 0 or not 0 < area < 1:  # all apart: the exact bound of n comparisons
        n = min(len(own), len(other))
        bound = round(0.025 ** (1 / n), 4)
        return (1.0, bound, 1.0) if area == 1 else (0.0, 0.0, 1 - bound) if area == 0 else (round(area, 4), 0.0, 1.0)
    logit, width = np.log(area / (1 - area)), norm.ppf(0.975) * spread / (area * (1 - area))
    low, high = (1 / (1 + np.exp(-(logit + side * width))) for side in (-1, 1))
    return round(area, 4), round(float(low), 4), round(float(high), 4)


def shown(one: dict[str, Any]) -> None:
    area = "" if one["auc"] is None else f"  AUC {one['auc']:.3f} [{one['auc_low']:.3f}, {one['auc_high']:.3f}]"
    found, named = (
        "-" if one[name] is None else f"{one[name]:.1%} [{one[f'{name}_low']:.1%}, {one[f'{name}_high']:.1%}]"
        for name in ("found", "named")
    )
    print(f"{one['kind']:12s} n {one['n']:4d}  found {found:22s}  named {named:22s}{area}")


def by_width(values: list[tuple[float | None, str, int]]) -> str:
    """The share of intact marks found, by their width."""
    parts = []
    for low, high in ((40, 60), (60, 100), (100, 200), (200, 2000)):
        there = [value is not None for value, _, wide in values if low <= wide < high]
        parts.append(f"{low} px up {np.mean(there):.1%} of {len(there)}" if there else f"{low} px up -")
    return "intact found: " + ", ".join(parts)


def limit(values: dict[str, list[tuple[float | None, str, int]]]) -> None:
    """What the shipped limit would do."""
    instrument = replace(ct.LogoDrift("any").instrument(ct.LocalBackends()), sampling=ct.Sampling().name)
    shipped = shipped_tolerance("logo:any", instrument)
    print(
        f"instrument = {instrument.digest!r}, " + (f"limit {shipped.limit:g}" if shipped else "no limit ships for it")
    )
    own = np.array([v for v, _, _ in values["intact"] if v is not None])
    if len(own):
        print("intact: " + ", ".join(f"{q} % {np.percentile(own, q):.3f}" for q in (50, 90, 95, 99)))
    for at in sorted({shipped.limit} if shipped else set()) or (float(np.percentile(own, 95)),):
        for kind, there in values.items():
            known = np.array([v for v, _, _ in there if v is not None])
            over = int((known > at).sum())
            print(f"  over {at:.3g}: {kind} {over} of {len(known)}, {len(there) - len(known)} not measured")


# Real prints -------------------------------------------------------------------------------------------------------


def prints(folder: Path, n: int, seed: int) -> list[dict[str, Any]]:
    """The largest box of a photograph enrolled as artwork, looked for in the other photographs of its brand.

    Found is a place whose outline overlaps one of the boxes there by a third of their union. A print is no artwork:
    other light, other versions, other materials.
    """
    boxes: dict[str, dict[str, list[tuple[int, ...]]]] = {}
    for line in (folder / "boxes.txt").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if len(words) == 7 and (folder / "images" / words[0]).is_file():
            boxes.setdefault(words[1], {}).setdefault(words[0], []).append(tuple(map(int, words[3:])))
    rows = []
    for brand, photos in sorted(boxes.items()):
        rows.append({"kind": f"print:{brand}", **brand_row(folder / "images", photos, n, seed)})
        print(rows[-1])
    return rows


def brand_row(images: Path, photos: dict[str, list[tuple[int, ...]]], n: int, seed: int) -> dict[str, Any]:
    pixels = {name: np.asarray(Image.open(images / name).convert("RGB")) for name in photos}
    sizes = {name: max(map(area, found)) for name, found in photos.items()}
    best = sorted(photos, key=lambda name: sizes[name])[-3:]
    right = wrong = none = 0
    values = []
    for name in best:
        x0, y0, x1, y1 = max(photos[name], key=area)
        mark = np.dstack([pixels[name][y0:y1, x0:x1], np.full((y1 - y0, x1 - x0), 255, np.uint8)])
        if min(mark.shape[:2]) < 24:
            continue
        identity = enrolled({"print": mark})
        others = [other for other in photos if other != name]
        for other in np.random.default_rng(seed).permutation(others)[:n]:
            found = measured("print", pixels[other], identity)
            if found.status is not Status.MEASURED or found.value is None:
                none += 1
                continue
            corners = np.array(found.evidence["corners"])
            box = (*corners.min(axis=0), *corners.max(axis=0))
            hit = max(overlap(box, known) for known in photos[other]) > 1 / 3
            right, wrong = right + hit, wrong + (not hit)
            values += [found.value] if hit else []
    return {
        "found": right,
        "elsewhere": wrong,
        "not_found": none,
        "median": round(float(np.median(values)), 3) if values else None,
    }


def area(box: Any) -> float:
    return float(max(0, box[2] - box[0]) * max(0, box[3] - box[1]))


def overlap(a: Any, b: Any) -> float:
    shared = area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    return shared / (area(a) + area(b) - shared)


if __name__ == "__main__":
    main()
