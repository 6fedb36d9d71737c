"""What repairs are worth: grades taken back by one CDL, drifted marks drawn anew.

    python benchmarks/repair.py --clips DIR --luts DIR [--json FILE] [--part tune|report] [--per-clip 12] [--kept FILE]
    python benchmarks/repair.py --marks [DIR] --plates DIR [--json FILE] [--n 5] [--pictures DIR]

Grades: the first frame of a clip is enrolled as its grade. Other frames go under each ``.cube`` look; those that the
gate fails are repaired, and the same pictures go through ``skimage.exposure.match_histograms`` and Reinhard's transfer
(2001, IEEE Computer Graphics and Applications 21:34; mean and spread of CIELAB) against the same reference. Last comes
what no repair can know: the CDL fitted to the same pixels of the frame without the look, which is as far as the model
reaches. A row a kind of look and of content and method: ``back``, the share within the tolerance afterwards, of all
that failed (what declines is not back); mean dE00 to the frame without the look, before and after (what declines stays
as it was), both with 95 % intervals by drawing whole clips; and how far faces moved. ``mended`` are the cases that the
repair did not decline, ``one grade`` those whose frame would pass without the look. Each frame is taken whole and as a
crop of half its width and height, a closer framing of the same shot. Content counts as different where the colours of
the frame as it is are distributed otherwise than those of the reference, by more than 4 CIELAB units (Wasserstein-1 of
each channel, root of the sum of squares).
Every other clip and every other look are for tuning, the rest, apart from both, for reporting. ``--per-clip`` draws
that many cases (look, frame, framing) of each clip by ``--seed``; ``--kept`` names a file of lines, one a case, from
which a run that was cut off goes on: start a new one after anything that is measured has changed.

Marks: as in ``benchmarks/logo.py``; those that fail are repaired: ``residual`` before and after, ``back`` (of those
repaired), ``declined``. What lies around the mark is compared with the same plate without any mark: ``around`` is the
mean dE00 to it of what was changed outside the artwork, before and after, and ``harmed`` the share of those back where
the places that came out worse by more than 5 dE00 make up more than a fifth of the mark's area.

The last rows are the processor time that one frame of 1920 x 1080 takes under a CDL once it is fitted, on one core: on
code values, and in ACEScct where OpenColorIO is installed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track
from skimage.color import deltaE_ciede2000

import continuity as ct
from continuity.enrolment.logo import SPACE
from continuity.interfaces import Backends
from continuity.records import Declined
from continuity.repairs.grade import Correction
from continuity.vision.cdl import CDL
from continuity.vision.colour import lab_of
from continuity.vision.edges import premultiplied
from continuity.vision.homography import of_points
from continuity.vision.marks import Mark, corners
from cubes import cubes
from figures import CLIPS, Row, save, show
from grade import files
from logo import artwork, enrolled, photographs
from logo_composites import composited, finished
from logo_drifts import DRIFTS
from logo_marks import Pixels
from repair_grades import grades


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, nargs="+", help="clips, or folders of clips")
    parser.add_argument("--luts", type=Path, nargs="+", help=".cube files, or folders of them")
    parser.add_argument("--frames", type=int, default=2, help="frames of a clip that go under the looks")
    parser.add_argument("--part", choices=("tune", "report", "all"), default="report")
    parser.add_argument("--per-clip", type=int, default=0, help="cases drawn of each clip; 0: all")
    parser.add_argument("--kept", type=Path, help="file of cases that are done, to go on from")
    parser.add_argument("--marks", type=Path, nargs="?", const=Path(), help="folder of artwork; none: they are drawn")
    parser.add_argument("--plates", type=Path, action="append", help="folder of photographs or clips")
    parser.add_argument("--n", type=int, default=5, help="composites of each drift")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=Path, help="folder for marks before and after, side by side")
    parser.add_argument("--json", type=Path, help="file for the rows")
    given = parser.parse_args()
    if not (given.clips and given.luts) and given.marks is None:
        parser.error("--clips with --luts, or --marks, were wanted")
    if given.frames < 1 or given.per_clip < 0:
        parser.error(f"--frames from 1 and --per-clip from 0 were wanted, got {given.frames} and {given.per_clip}")
    logging.getLogger("continuity").setLevel(logging.ERROR)
    backends, rows = ct.LocalBackends(), list[Row]()
    if given.clips and given.luts:
        looks = cubes(part(files(given.luts, {".cube"}), given.part))
        clips = part(files(given.clips, CLIPS), given.part)
        rows += grades(clips, looks, given.frames, backends, most=given.per_clip, seed=given.seed, kept=given.kept)
        rows += timed()
    if given.marks is not None:
        marks = artwork(given.marks if given.marks != Path() else None, given.seed)
        plates = photographs(given.plates, given.seed)
        rows += logos(marks, plates, given.n, given.seed, given.pictures, backends)
    show(f"repair, {given.part}", rows)
    save(given.json, rows)


def part(paths: Sequence[Path], name: str) -> list[Path]:
    """Every other one is for tuning, the rest for reporting."""
    return list(paths) if name == "all" else list(paths)[{"tune": 0, "report": 1}[name] :: 2]


# -- time ----------------------------------------------------------------------------------------------------------


def timed() -> list[Row]:
    """A frame of 1920 x 1080 under a CDL that is fitted already; processor time, the middle of nine runs, in turns."""
    pixels = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    cdl = CDL(slope=(1.1, 0.95, 0.9), offset=(0.01, 0, -0.02), power=(1.1, 1, 0.9), saturation=0.9)
    corrections = {"code values": Correction(cdl=cdl)}
    if find_spec("PyOpenColorIO") is not None:
        corrections["ACEScct"] = Correction(cdl=cdl, config="ocio://default")
    seconds: dict[str, list[float]] = {name: [] for name in corrections}
    for _ in range(9):
        for name, correction in corrections.items():
            began = time.process_time()
            correction.of_pixels(pixels)
            seconds[name].append(time.process_time() - began)
    return [
        {"what": "1080p frame, ms", "by": f"repair, {name}", "n": len(spent), "back": 1000 * float(np.median(spent))}
        for name, spent in seconds.items()
    ]


# -- marks ---------------------------------------------------------------------------------------------------------


def logos(
    marks: list[tuple[str, Pixels]], plates: list[Pixels], n: int, seed: int, folder: Path | None, backends: Backends
) -> list[Row]:
    rows: list[Row] = []
    every: list[Mended] = []
    for kind, (drift, _) in track(list(DRIFTS.items()), "drifts", disable=not sys.stderr.isatty()):
        random = np.random.default_rng([seed, sum(kind.encode())])
        pairs: list[Mended] = []
        tries = declined = 0
        while tries < n:
            mark = marks[random.integers(len(marks))][1]
            drifted = drift(mark, random)
            if drifted is None:
                continue
            tries += 1
            plate = plates[random.integers(len(plates))]
            marked = composited(plate, drifted, random, mark)[0]
            bare = finished(plate, deepcopy(random))
            frame = finished(marked, random)
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
            pixels = next(iter(made.media.frames())).pixels
            seen = report if value is None else after
            pairs.append(
                Mended(
                    float(report["logo"].value),
                    np.inf if value is None else value,
                    after.verdict == "pass",
                    *around(frame, pixels, bare, identity, seen),
                )
            )
            if folder is not None:
                side_by_side(folder, f"{kind}-{len(pairs)}", frame, pixels, report, after)
        every += pairs
        rows.append(mark_row(kind, tries, declined, pairs))
    tries, declined = (sum(int(row[name] or 0) for row in rows) for name in ("n", "declined"))
    return [*rows, mark_row("all marks", tries, declined, every)]


class Mended(NamedTuple):
    """One repaired mark: the residual before and after, and what became of the plate around it."""

    before: float
    after: float
    back: bool
    around_before: float  # dE00 to the plate without a mark
    around_after: float
    worse: float  # places that came out worse, by area of the mark


def around(frame: Pixels, made: Pixels, bare: Pixels, identity: ct.Identity, seen: ct.Report) -> tuple[float, ...]:
    """What was changed beside the artwork against the plate without a mark, before and after, and what became worse."""
    mark = Mark(identity.features(SPACE)["logo/mark"])
    box = np.array(seen["logo"].measurement.evidence["corners"], np.float64)
    art = premultiplied(mark.rgba, of_points(corners(mark, np.eye(3)), box), frame.shape[:2])[..., 3]
    changed = (frame != made).any(axis=-1) & (art < 0.02)
    if not changed.any():
        return 0.0, 0.0, 0.0
    old, new, true = (lab_of((one[changed] / np.float32(255))[None]) for one in (frame, made, bare))
    before, after = deltaE_ciede2000(old, true), deltaE_ciede2000(new, true)  # type: ignore[no-untyped-call]
    return float(before.mean()), float(after.mean()), float((after - before > 5).sum() / art.sum())


def mark_row(kind: str, tries: int, declined: int, pairs: Sequence[Mended]) -> Row:
    back = [one for one in pairs if one.back]
    return {
        "what": kind,
        "by": "repair",
        "n": tries,
        "failing": len(pairs) + declined,
        "declined": declined,
        "repaired": len(pairs),
        "back": len(back) / len(pairs) if pairs else None,
        "residual_before": float(np.median([one.before for one in pairs])) if pairs else None,
        "residual_after": float(np.median([one.after for one in pairs])) if pairs else None,
        "around_before": float(np.mean([one.around_before for one in back])) if back else None,
        "around_after": float(np.mean([one.around_after for one in back])) if back else None,
        "harmed": float(np.mean([one.worse > 0.2 for one in back])) if back else None,
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
