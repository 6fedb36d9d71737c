"""The grades of ``repair.py``: frames under looks that the gate fails, taken back by each method."""

from __future__ import annotations

import json
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from rich.progress import Progress
from scipy.optimize import least_squares
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab
from skimage.exposure import match_histograms

import continuity as ct
from continuity.errors import ContinuityError
from continuity.interfaces import Backends
from continuity.records import Declined, Repaired
from continuity.repairs.grade import Correction
from continuity.vision.cdl import CDL
from continuity.vision.colour import quantiles, reduced_lab, wasserstein
from figures import Row, exact
from grade import spread
from logo_marks import Pixels

Looks = Mapping[str, ImageFilter.Color3DLUT]
Case = dict[str, Any]

OTHER_CONTENT = 4.0  # CIELAB
METHODS = ("repair", "histograms", "reinhard", "best CDL")
PIXELS = 700  # that the best CDL is fitted to
DRAWS = 2000


def grades(
    paths: Sequence[Path], looks: Looks, frames: int, backends: Backends, *, most: int, seed: int, kept: Path | None
) -> list[Row]:
    """Rows over every case: one look on one framing of one frame. See ``repair.py``.

    ``most`` cases of each clip are drawn by ``seed``, or all of them where it is 0. Each case is a line of ``kept``
    once it is done; those that are there already are not done again.
    """
    known = read(kept)
    found: list[Case] = []
    with tempfile.TemporaryDirectory() as work, Progress(disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("cases", total=len(paths) * (most or 2 * frames * len(looks)))
        for number, path in enumerate(paths):
            clip = f"{path.parent.name}/{path.name}"
            wanted = drawn(clip, frames, list(looks), most, seed)
            left = [one for one in wanted if (clip, *one) not in known]
            found += [known[clip, *one] for one in wanted if (clip, *one) in known]
            progress.advance(bar, len(wanted) - len(left))
            if not left:
                continue
            try:
                for case in repaired(spread(path, frames), left, looks, Path(work) / str(number), backends):
                    case["clip"] = clip
                    found.append(case)
                    progress.advance(bar)
                    if kept is not None:
                        with kept.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(case) + "\n")
            except ContinuityError as cause:
                print(f"{path} left out: {cause}", file=sys.stderr)
    failing = [case for case in found if case["failed"]]
    if not failing:
        raise SystemExit("no frame failed under a look: nothing to repair")
    return table(failing)


def read(kept: Path | None) -> dict[tuple[str, int, str], Case]:
    """The cases of a file; a last line that was cut off is done again."""
    lines = kept.read_text(encoding="utf-8").splitlines() if kept is not None and kept.exists() else []
    found = {}
    for line in lines:
        try:
            case = json.loads(line)
        except ValueError:
            continue
        found[case["clip"], case["number"], case["look"]] = case
    return found


def drawn(clip: str, frames: int, looks: Sequence[str], most: int, seed: int) -> list[tuple[int, str]]:
    """Which framings of the frames of a clip (even: whole, odd: a crop) go under which looks, in order."""
    every = [(number, look) for number in range(2 * frames) for look in looks]
    if not most or most >= len(every):
        return every
    random = np.random.default_rng([seed, zlib.crc32(clip.encode())])
    return [every[k] for k in sorted(random.choice(len(every), most, replace=False))]


def table(failing: Sequence[Case]) -> list[Row]:
    """One row a kind of case and method."""
    groups = {
        "all": failing,
        "colour looks": [c for c in failing if not c["look"].startswith("bw__") and "acros" not in c["look"]],
        "whole": [c for c in failing if c["framing"] == "whole"],
        "crops": [c for c in failing if c["framing"] == "crop"],
        "one grade": [c for c in failing if c["own"] is not None and c["own"] <= c["limit"]],
        "other content": [c for c in failing if c["content"] > OTHER_CONTENT],
        "mended": [c for c in failing if not c["repair declined"]],
    }
    return [row_of(name, method, some) for name, some in groups.items() if some for method in METHODS]


def row_of(name: str, method: str, some: Sequence[Case]) -> Row:
    back = np.array([c[f"{method} drift"] is not None and c[f"{method} drift"] <= c["limit"] for c in some], float)
    after = np.array([c[f"{method} after"] for c in some])
    moved = [c[f"{method} face"] for c in some if c[f"{method} face"] is not None]
    clips = [c["clip"] for c in some]
    low, high = by_clips(clips, back)
    after_low, after_high = by_clips(clips, after)
    return {
        "what": name,
        "by": method,
        "n": len(some),
        "clips": len(set(clips)),
        "declined": float(np.mean([bool(c["repair declined"]) for c in some])) if method == "repair" else 0.0,
        "back": float(back.mean()),
        "back_low": low,
        "back_high": high,
        "dE00_before": float(np.mean([c["before"] for c in some])),
        "dE00_after": float(after.mean()),
        "dE00_low": after_low,
        "dE00_high": after_high,
        "face_rise_max": max(moved, default=None),
        "n_faces": len(moved),
    }


def by_clips(clips: Sequence[str], values: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """The 95 % interval of a mean by drawing whole clips (percentile bootstrap); exact for shares within one clip."""
    names = sorted(set(clips))
    if len(names) < 2:
        return exact(int(values.sum()), len(values)) if set(values) <= {0.0, 1.0} else (None, None)
    of = np.array([names.index(clip) for clip in clips])
    sums, counts = np.bincount(of, values), np.bincount(of)
    draws = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    low, high = np.quantile((draws @ sums) / (draws @ counts), [0.025, 0.975])
    return float(low), float(high)


def repaired(
    frames: Sequence[Pixels], wanted: Sequence[tuple[int, str]], looks: Looks, folder: Path, backends: Backends
) -> Iterator[Case]:
    """What each method makes of the cases that fail, against the first frame; of the others, that they pass."""
    picture = folder.with_suffix(".png")
    Image.fromarray(frames[0]).save(picture)
    try:
        identity = ct.enrol(folder, actors={"actor": [picture]}, grade=[picture], backends=backends)
    except ContinuityError:  # nobody in it
        identity = ct.enrol(folder, grade=[picture], backends=backends)
    grade = ct.Gate([ct.GradeDrift()], identity=identity, backends=backends)
    faces = [ct.FaceDistance(actor) for actor in identity.actors]
    gate = ct.Gate([ct.GradeDrift(), *faces], identity=identity, backends=backends)
    framings = [one for frame in frames[1:] for one in (frame, closer(frame))]
    for number, name in wanted:
        if number >= len(framings):  # the clip has fewer frames
            continue
        true = framings[number]
        graded = np.asarray(Image.fromarray(true).filter(looks[name]))
        media = ct.Image.from_array(graded)
        one: Case = {"number": number, "look": name, "framing": "crop" if number % 2 else "whole", "failed": False}
        if grade.inspect(media)["grade"].verdict is not ct.Verdict.FAIL:
            yield one
            continue
        report = gate.inspect(media)
        known, here = (quantiles(reduced_lab(p)) for p in (frames[0], true))
        one |= {
            "failed": True,
            "content": float(np.sqrt(np.square(wasserstein(known, here)).sum())),
            "own": grade.inspect(ct.Image.from_array(true))["grade"].value,
            "before": apart(graded, true),
            "limit": report["grade"].limit,
        }
        made = ct.GradeRepair().repair(media, report, identity)
        one["repair declined"] = made.reason if isinstance(made, Declined) else ""
        for method in METHODS:
            pixels = shown(made, graded) if method == "repair" else by_another(method, graded, frames[0], true)
            after = gate.inspect(ct.Image.from_array(pixels))
            one[f"{method} drift"] = after["grade"].value
            one[f"{method} after"] = apart(pixels, true)
            values = [r["face"].value for r in (report, after)] if faces else [None, None]
            one[f"{method} face"] = None if None in values else float(values[1]) - float(values[0])  # type: ignore[arg-type]
        yield one


def shown(made: Repaired | Declined, pixels: Pixels) -> Pixels:
    """What was made; what declines stays as it was."""
    return next(iter(made.media.frames())).pixels if isinstance(made, Repaired) else pixels


def by_another(method: str, pixels: Pixels, reference: Pixels, true: Pixels) -> Pixels:
    """What one of the other METHODS makes."""
    if method == "histograms":
        return np.asarray(match_histograms(pixels, reference, channel_axis=-1).round(), np.uint8)
    if method == "reinhard":
        return reinhard(pixels, reference)
    return Correction(cdl=best_cdl(pixels, true)).of_pixels(pixels)


def closer(frame: Pixels) -> Pixels:
    """The middle half of a frame, moved up a little: where a face would be."""
    height, width = frame.shape[:2]
    return np.ascontiguousarray(frame[height // 8 : height // 8 + height // 2, width // 4 : width // 4 + width // 2])


def reinhard(pixels: Pixels, reference: Pixels) -> Pixels:
    """Mean and spread of each channel of CIELAB from the reference."""
    here, there = rgb2lab(pixels), rgb2lab(reference)
    scaled = (here - here.mean((0, 1))) / np.maximum(here.std((0, 1)), 1e-3) * there.std((0, 1)) + there.mean((0, 1))
    return np.asarray((lab2rgb(scaled).clip(0, 1) * 255).round(), np.uint8)


def best_cdl(pixels: Pixels, true: Pixels) -> CDL:
    """The CDL nearest to undoing a look, from the frame without it, which no repair has: what the model can reach.

    Least squares in CIELAB over some pixels and the same ones of the true frame, Huber's loss from 5 units on.
    """
    random = np.random.default_rng(0)
    chosen = random.choice(pixels.shape[0] * pixels.shape[1], PIXELS, replace=False)
    seen = pixels.reshape(-1, 3)[chosen] / 255
    wanted = rgb2lab(true.reshape(-1, 1, 3)[chosen])[:, 0]

    def cdl(p: NDArray[np.float64]) -> CDL:
        (r, g, b), (x, y, z), (u, v, w) = np.exp(p[:3]), p[3:6], np.exp(p[6:9])
        return CDL(slope=(r, g, b), offset=(x, y, z), power=(u, v, w), saturation=float(np.exp(p[9])))

    def residuals(p: NDArray[np.float64]) -> NDArray[np.float64]:
        graded = np.clip(cdl(p).of_colours(seen), 0, 1)
        return np.append((rgb2lab(graded[:, None])[:, 0] - wanted).ravel() / 5, 0.02 * p)

    bound = np.array([1.5] * 3 + [0.5] * 3 + [1.5] * 4)
    fit = least_squares(residuals, np.zeros(10), bounds=(-bound, bound), loss="huber", x_scale=bound, max_nfev=40)
    return cdl(fit.x)


def apart(a: Pixels, b: Pixels) -> float:
    """Mean dE00 of every fourth pixel of every fourth row."""
    return float(deltaE_ciede2000(rgb2lab(a[::4, ::4]), rgb2lab(b[::4, ::4])).mean())  # type: ignore[no-untyped-call]
