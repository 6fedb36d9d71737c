"""What repairs are worth: grades taken back by one CDL, drifted marks drawn anew.

    python benchmarks/repair.py --clips DIR --luts DIR [--json FILE] [--frames 2] [--part tune|report]
    python benchmarks/repair.py --marks [DIR] --plates DIR [--json FILE] [--n 5] [--pictures DIR]

Grades: the first frame of a clip is enrolled as its grade. Other frames go under each ``.cube`` look; those that the
gate fails are repaired, and the same pictures go through ``skimage.exposure.match_histograms`` and Reinhard's transfer
(2001, IEEE Computer Graphics and Applications 21:34; mean and spread of CIELAB) against the same reference. A row a
kind of look and of content: ``back``, the share within the tolerance afterwards, of all that failed (what declines is
not back); mean dE00 to the frame without the look, before and after (what declines stays as it was); and how far faces
moved. Content counts as different where the frame as it is lies more than 6 dE00 on the mean from the reference.
Every other clip and every other look are for tuning, the rest, apart from both, for reporting.

Marks: as in ``benchmarks/logo.py``; those that fail are repaired: ``residual`` before and after, ``back`` (of those
repaired), ``declined``.

The last row is the time that one frame of 1920 x 1080 takes under a CDL once it is fitted, on one core.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from rich.progress import track
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab
from skimage.exposure import match_histograms

import continuity as ct
from continuity.errors import ContinuityError
from continuity.interfaces import Backends
from continuity.records import Declined, Repaired
from continuity.repairs.grade import Correction
from continuity.vision.cdl import CDL
from figures import Row, exact, save, show
from grade import CLIPS, cube, files, spread
from logo import artwork, enrolled, photographs
from logo_composites import composited, finished
from logo_drifts import DRIFTS
from logo_marks import Pixels

OTHER_CONTENT = 6.0  # mean dE00 of a frame from the reference
METHODS = ("repair", "histograms", "reinhard")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, nargs="+", help="clips, or folders of clips")
    parser.add_argument("--luts", type=Path, nargs="+", help=".cube files, or folders of them")
    parser.add_argument("--frames", type=int, default=2, help="frames of a clip that go under the looks")
    parser.add_argument("--part", choices=("tune", "report", "all"), default="report")
    parser.add_argument("--marks", type=Path, nargs="?", const=Path(), help="folder of artwork; none: they are drawn")
    parser.add_argument("--plates", type=Path, action="append", help="folder of photographs or clips")
    parser.add_argument("--n", type=int, default=5, help="composites of each drift")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=Path, help="folder for marks before and after, side by side")
    parser.add_argument("--json", type=Path, help="file for the rows")
    given = parser.parse_args()
    if not (given.clips and given.luts) and given.marks is None:
        parser.error("--clips with --luts, or --marks, were wanted")
    logging.getLogger("continuity").setLevel(logging.ERROR)
    backends, rows = ct.LocalBackends(), list[Row]()
    if given.clips and given.luts:
        looks = {p.stem: cube(p) for p in part(files(given.luts, {".cube"}), given.part)}
        rows += grades(part(files(given.clips, CLIPS), given.part), looks, given.frames, backends)
        rows.append(timed())
    if given.marks is not None:
        marks = artwork(given.marks if given.marks != Path() else None, given.seed)
        plates = photographs(given.plates, given.seed)
        rows += logos(marks, plates, given.n, given.seed, given.pictures, backends)
    show(f"repair, {given.part}", rows)
    save(given.json, rows)


def part(paths: Sequence[Path], name: str) -> list[Path]:
    """Every other one is for tuning, the rest for reporting."""
    return list(paths) if name == "all" else list(paths)[{"tune": 0, "report": 1}[name] :: 2]


# -- grades --------------------------------------------------------------------------------------------------------


def grades(
    paths: Sequence[Path], looks: Mapping[str, ImageFilter.Color3DLUT], frames: int, backends: Backends
) -> list[Row]:
    found: list[dict[str, float | str]] = []
    with tempfile.TemporaryDirectory() as work:
        for number, path in enumerate(track(paths, "clips", disable=not sys.stderr.isatty())):
            try:
                found += list(repaired(spread(path, frames), looks, Path(work) / str(number), backends))
            except ContinuityError as cause:
                print(f"{path} left out: {cause}", file=sys.stderr)
    if not found:
        raise SystemExit("no frame failed under a look: nothing to repair")
    rows: list[Row] = []
    groups = {
        "all": found,
        "colour looks": [f for f in found if not str(f["look"]).startswith("bw__") and "acros" not in str(f["look"])],
        "other content": [f for f in found if float(f["content"]) > OTHER_CONTENT],
    }
    for name, some in groups.items():
        rows += [row_of(name, method, some) for method in METHODS] if some else []
    return rows


def row_of(name: str, method: str, some: Sequence[dict[str, float | str]]) -> Row:
    back = [float(f[f"{method} drift"]) <= float(f["limit"]) for f in some]
    low, high = exact(sum(back), len(back))
    moved = np.array([float(f.get(f"{method} face", np.nan)) for f in some])
    moved = moved[~np.isnan(moved)]
    return {
        "what": name,
        "by": method,
        "n": len(some),
        "declined": sum(bool(f.get(f"{method} declined")) for f in some) / len(some),
        "back": float(np.mean(back)),
        "back_low": low,
        "back_high": high,
        "dE00_before": float(np.mean([float(f["before"]) for f in some])),
        "dE00_after": float(np.mean([float(f[f"{method} after"]) for f in some])),
        "face_rise_max": float(moved.max()) if len(moved) else None,
        "n_faces": len(moved),
    }


def repaired(
    frames: Sequence[Pixels], looks: Mapping[str, ImageFilter.Color3DLUT], folder: Path, backends: Backends
) -> Iterator[dict[str, float | str]]:
    """What each method makes of every frame but the first under every look that fails."""
    picture = folder.with_suffix(".png")
    Image.fromarray(frames[0]).save(picture)
    try:
        identity = ct.enrol(folder, actors={"actor": [picture]}, grade=[picture], backends=backends)
    except ContinuityError:  # nobody in it
        identity = ct.enrol(folder, grade=[picture], backends=backends)
    metrics = [ct.GradeDrift(), *(ct.FaceDistance(actor) for actor in identity.actors)]
    gate = ct.Gate(metrics, identity=identity, backends=backends)  # type: ignore[arg-type]
    for true in frames[1:]:
        plain = gate.inspect(ct.Image.from_array(true))
        content = apart(true, frames[0])
        for name, look in looks.items():
            media = ct.Image.from_array(np.asarray(Image.fromarray(true).filter(look)))
            report = gate.inspect(media)
            if report["grade"].verdict is not ct.Verdict.FAIL:
                continue
            limit = report["grade"].limit
            one: dict[str, float | str] = {
                "look": name, "content": content, "before": apart(media.pixels, true),
                "own": plain["grade"].value or 0.0, "limit": 0.0 if limit is None else limit,
            }  # fmt: skip
            made = ct.GradeRepair().repair(media, report, identity)
            results = {
                "repair": next(iter(made.media.frames())).pixels if isinstance(made, Repaired) else media.pixels,
                "histograms": match_histograms(media.pixels, frames[0], channel_axis=-1).round().astype(np.uint8),
                "reinhard": reinhard(media.pixels, frames[0]),
            }
            one["repair declined"] = made.reason if isinstance(made, Declined) else ""
            for method, pixels in results.items():
                after = gate.inspect(ct.Image.from_array(pixels))
                drift = after["grade"].value
                one[f"{method} drift"] = np.inf if drift is None else drift
                one[f"{method} after"] = apart(pixels, true)
                values = [r["face"].value for r in (report, after)] if identity.actors else [None]
                if None not in values:
                    one[f"{method} face"] = float(values[1]) - float(values[0])  # type: ignore[arg-type]
            yield one


def reinhard(pixels: Pixels, reference: Pixels) -> Pixels:
    """Mean and spread of each channel of CIELAB from the reference."""
    here, there = rgb2lab(pixels), rgb2lab(reference)
    scaled = (here - here.mean((0, 1))) / np.maximum(here.std((0, 1)), 1e-3) * there.std((0, 1)) + there.mean((0, 1))
    return np.asarray((lab2rgb(scaled).clip(0, 1) * 255).round(), np.uint8)


def apart(a: Pixels, b: Pixels) -> float:
    """Mean dE00 of every fourth pixel of every fourth row."""
    return float(deltaE_ciede2000(rgb2lab(a[::4, ::4]), rgb2lab(b[::4, ::4])).mean())  # type: ignore[no-untyped-call]


def timed() -> Row:
    """A frame of 1920 x 1080 under a CDL that is fitted already; the middle of nine runs."""
    pixels = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    correction = Correction(
        cdl=CDL(slope=(1.1, 0.95, 0.9), offset=(0.01, 0, -0.02), power=(1.1, 1, 0.9), saturation=0.9)
    )
    seconds = []
    for _ in range(9):
        began = time.perf_counter()
        correction.of_pixels(pixels)
        seconds.append(time.perf_counter() - began)
    return {"what": "1080p frame, ms", "by": "repair", "n": len(seconds), "back": 1000 * float(np.median(seconds))}


# -- marks ---------------------------------------------------------------------------------------------------------


def logos(
    marks: list[tuple[str, Pixels]], plates: list[Pixels], n: int, seed: int, folder: Path | None, backends: Backends
) -> list[Row]:
    rows: list[Row] = []
    every: list[tuple[float, float, bool]] = []
    for kind, (drift, _) in track(list(DRIFTS.items()), "drifts", disable=not sys.stderr.isatty()):
        random = np.random.default_rng([seed, sum(kind.encode())])
        pairs: list[tuple[float, float, bool]] = []
        tries = declined = 0
        while tries < n:
            mark = marks[random.integers(len(marks))][1]
            drifted = drift(mark, random)
            if drifted is None:
                continue
            tries += 1
            frame = finished(composited(plates[random.integers(len(plates))], drifted, random, mark)[0], random)
            identity = enrolled({"mark": mark})
            gate = ct.Gate([ct.LogoDrift("mark")], identity=identity, backends=backends)
            media = ct.Image.from_array(frame)
            report = gate.inspect(media)
            if report.verdict is not ct.Verdict.FAIL or report["logo"].value is None:
                continue
            made = ct.LogoRepair("mark").repair(media, report, identity)
            if isinstance(made, Declined):
                declined += 1
                continue
            after = gate.inspect(made.media)
            value = after["logo"].value
            pairs.append((float(report["logo"].value), np.inf if value is None else value, after.verdict == "pass"))
            if folder is not None:
                side_by_side(
                    folder, f"{kind}-{len(pairs)}", frame, next(iter(made.media.frames())).pixels, report, after
                )
        every += pairs
        rows.append(mark_row(kind, tries, declined, pairs))
    return [*rows, mark_row("all marks", sum(int(r["n"] or 0) for r in rows), 0, every)]


def mark_row(kind: str, tries: int, declined: int, pairs: Sequence[tuple[float, float, bool]]) -> Row:
    before, after, passed = zip(*pairs, strict=True) if pairs else ((), (), ())
    return {
        "what": kind,
        "by": "repair",
        "n": tries,
        "failing": len(pairs) + declined,
        "declined": declined,
        "repaired": len(pairs),
        "back": sum(passed) / len(pairs) if pairs else None,
        "residual_before": float(np.median(before)) if pairs else None,
        "residual_after": float(np.median(after)) if pairs else None,
    }


def side_by_side(folder: Path, name: str, before: Pixels, made: Pixels, old: ct.Report, new: ct.Report) -> None:
    """The place of the mark before and after, enlarged."""
    box = np.array(old["logo"].measurement.evidence["corners"], float)
    reach = 0.4 * float(np.ptp(box, axis=0).max())
    left, top = np.maximum(box.min(axis=0) - reach, 0).astype(int)
    right, bottom = (box.max(axis=0) + reach).astype(int)
    pair: list[NDArray[np.uint8]] = [p[top:bottom, left:right] for p in (before, made)]
    both = Image.fromarray(np.concatenate(pair, axis=1))
    scale = max(1, round(600 / max(both.size)))
    folder.mkdir(parents=True, exist_ok=True)
    values = [r["logo"].value for r in (old, new)]
    said = "-".join("none" if v is None else f"{v:.2f}" for v in values)
    both.resize((both.width * scale, both.height * scale), Image.Resampling.NEAREST).save(folder / f"{name}-{said}.png")


if __name__ == "__main__":
    main()
