"""How well grade drift tells a film look from the rest of a clip.

    python benchmarks/grade.py --clips DIR --luts DIR [--json FILE] [--frames 4]

DIR of clips holds clips (mp4, mov, webm, mkv, gif) and folders of numbered frames at any depth, DIR of looks ``.cube``
files, 1D or 3D; single ones may be given too. What cannot be read is left out with a sentence. The first frame of a
clip is enrolled as the grade. Others, evenly spread, are measured as they are (the same grade) and under each look at
full, half and a quarter of its strength. One row a strength: how often a frame under a look lies further away than a
frame as it is (auc, 95 % interval by drawing whole clips), the shares over the limit that ships, and Spearman's rank
correlation of the drift with the strength within the four pictures of one frame under one look. Frames of one colour,
such as a fade to black, are not measurable and counted apart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from rich.progress import track
from scipy.stats import spearmanr

import continuity as ct
from continuity.errors import ContinuityError
from continuity.interfaces import Backends
from continuity.observed import ObservedFrame
from continuity.tolerances import shipped_tolerance
from cubes import cubes
from figures import CLIPS, PICTURES, Row, clustered_auc, save, show, visible

Pixels = NDArray[np.uint8]

STRENGTHS = (1.0, 0.5, 0.25)
LONGEST = 768  # looks are applied to frames of at most this side


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="clips, or folders of clips")
    parser.add_argument("--luts", type=Path, nargs="+", required=True, help=".cube files, or folders of them")
    parser.add_argument("--frames", type=int, default=4, help="frames of a clip that go under the looks")
    parser.add_argument("--json", type=Path, help="file for the rows")
    given = parser.parse_args()
    looks = cubes(files(given.luts, {".cube"}))
    paths = [*files(given.clips, CLIPS), *numbered(given.clips)]
    if not looks or not paths or given.frames < 1:
        parser.error(f"clips, looks and frames were wanted, got {len(paths)}, {len(looks)} and {given.frames}")
    backends = ct.LocalBackends()
    measured: dict[str, NDArray[np.float64]] = {}  # of each clip: frames x looks x (as it is, then each strength)
    with tempfile.TemporaryDirectory() as work:
        for number, path in enumerate(track(paths, "clips", disable=not sys.stderr.isatty())):
            try:
                frames = spread(path, given.frames)
                measured[str(path)] = drifts(frames, list(looks.values()), Path(work) / str(number), backends)
            except ContinuityError as cause:
                print(f"{path} left out: {cause}", file=sys.stderr)
    if not measured:
        parser.error("no clip could be measured")
    rows = table(measured, limit(backends))
    show(f"grade: {len(measured)} clips, {len(looks)} looks", rows)
    save(given.json, rows)


def table(measured: dict[str, NDArray[np.float64]], most: float | None) -> list[Row]:
    """One row a strength."""
    same = {name: known(drift[:, 0, 0]) for name, drift in measured.items()}
    series = np.concatenate([drift.reshape(-1, drift.shape[-1]) for drift in measured.values()])
    follows = [spearmanr((0.0, *STRENGTHS), one).statistic for one in series if np.ptp(one) > 0]
    rows: list[Row] = []
    for number, strength in enumerate(STRENGTHS, start=1):
        graded = {name: known(drift[:, :, number].ravel()) for name, drift in measured.items()}
        area, low, high = clustered_auc(same, graded)
        unmeasured = sum(int(np.isnan(drift[:, :, number]).sum()) for drift in measured.values())
        own, other = (np.concatenate(list(values.values())) for values in (same, graded))
        rows.append(
            {
                "strength": strength,
                "n_same": len(own),
                "n_look": len(other),
                "auc": area,
                "auc_low": low,
                "auc_high": high,
                "same_over_limit": over(own, most),
                "look_over_limit": over(other, most),
                "look_not_measurable": unmeasured,
                "spearman": float(np.mean(follows)) if follows else None,
            }
        )
    return rows


def over(values: NDArray[np.float64], most: float | None) -> float | None:
    """The share over a limit; None where there is nothing to compare."""
    return None if most is None or not len(values) else float((values > most).mean())


def known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without those of frames that could not be measured."""
    return values[~np.isnan(values)]


def drifts(
    frames: Sequence[Pixels], looks: Sequence[ImageFilter.Color3DLUT], folder: Path, backends: Backends
) -> NDArray[np.float64]:
    """Drift of every frame but the first from it: frames x looks x (as it is, then under the look at each strength)."""
    picture = folder.with_suffix(".png")
    Image.fromarray(frames[0]).save(picture)
    identity = ct.enrol(folder, grade=[picture], backends=backends)

    def drift(pixels: Pixels) -> float:
        seen = ObservedFrame(pixels, index=0, seconds=None, identity=identity, backends=backends)
        value = ct.GradeDrift().frame(seen, identity).value
        return np.nan if value is None else value

    plain = [drift(frame) for frame in frames[1:]]
    return np.array(
        [
            [[own, *map(drift, graded(frame, look))] for look in looks]
            for frame, own in zip(frames[1:], plain, strict=True)
        ]
    )


def graded(frame: Pixels, look: ImageFilter.Color3DLUT) -> Iterator[Pixels]:
    """A frame under a look at each of the STRENGTHS."""
    plain = Image.fromarray(frame)
    full = plain.filter(look)
    return (np.asarray(Image.blend(plain, full, strength)) for strength in STRENGTHS)


def spread(path: Path, count: int) -> list[Pixels]:
    """The first frame of a clip and ``count`` others, evenly spread to its end, each at most LONGEST px."""
    frames = []
    for frame in ct.open_media(path).frames(ct.Sampling()):
        small = Image.fromarray(frame.pixels)
        small.thumbnail((LONGEST, LONGEST), Image.Resampling.BOX)
        frames.append(np.asarray(small))
    if len(frames) < 2:
        raise ct.MediaError(f"{path}: a clip was wanted, it has {len(frames)} frame: leave it out")
    chosen = np.unique(np.linspace(0, len(frames) - 1, count + 1).round().astype(int))
    return [frames[n] for n in chosen]


def files(given: Sequence[Path], suffixes: set[str]) -> list[Path]:
    """The files given, and those in the folders given, with one of some suffixes."""
    return [
        p for g in given for p in (visible(g, suffixes) if g.is_dir() else [g] if g.suffix.lower() in suffixes else [])
    ]


def numbered(given: Sequence[Path]) -> list[Path]:
    """The folders given, and those within them, that hold pictures and no clips: frames of one clip each."""
    folders = [f for g in given if g.is_dir() for f in (g, *sorted(p for p in g.rglob("*") if p.is_dir()))]
    stills = PICTURES - CLIPS
    return [f for f in folders if sum(p.parent == f for p in visible(f, stills)) > 1 and not visible(f, CLIPS)]


def limit(backends: Backends) -> float | None:
    """The limit that ships for the instrument that measures here."""
    metric = ct.GradeDrift()
    found = shipped_tolerance(metric.key, replace(metric.instrument(backends), sampling=ct.Sampling().name))
    return None if found is None else found.limit


if __name__ == "__main__":
    main()
