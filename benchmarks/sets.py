"""How well the set drift tells the same room behind moving people from other rooms.

    python benchmarks/sets.py --clips DIR [--frames 5] [--json FILE]

DIR holds clips of one place each (``**/*.mp4``, ``*.gif``). The first frame of each is enrolled; other frames of the
clip are the same place, those of the other clips are others; so are parts of the frames (a closer shot: 70 % of each
side). Clips are halved by their order: one half was there to tune on, the other reports. One row a half and kind: area
under the curve (95 % interval by drawing whole clips) and shares on the wrong side of the limit that ships.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

import continuity as ct
from continuity.enrolment.scenery import LITTLE, background
from continuity.interfaces import Backends
from continuity.observed import ObservedFrame
from continuity.tolerances import shipped_tolerance
from figures import CLIPS, Row, clustered_auc, save, show
from grade import files

LONGEST = 1024
KINDS = {"frames": 1.0, "closer": 0.7}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips of one place each")
    parser.add_argument("--frames", type=int, default=3, help="frames of a clip that are measured")
    parser.add_argument("--json", type=Path, help="file for the rows")
    given = parser.parse_args()
    backends = ct.LocalBackends()
    instrument = replace(ct.SetDrift("any").instrument(backends), sampling=ct.Sampling().name)
    shipped = shipped_tolerance("set:any", instrument)
    paths = files([given.clips], CLIPS)
    found: dict[tuple[str, int, int], list[float]] = {}  # by kind, shown and enrolled clip
    blind, left_out, spent = 0, 0, []
    with tempfile.TemporaryDirectory() as work:
        pictures: dict[str, list[Path]] = {}
        clips: list[list[NDArray[np.uint8]]] = []
        for number, path in enumerate(paths):
            frames = [small(f.pixels) for f in ct.open_media(path).frames(ct.Sampling())]
            if not enrollable(frames[0], backends):
                left_out += 1
                continue
            picture = Path(work) / f"{number}.png"
            Image.fromarray(frames[0]).save(picture)
            pictures[f"c{len(clips)}"] = [picture]
            clips.append(frames[1:][:: max(1, (len(frames) - 1) // given.frames)][: given.frames])
        identity = ct.enrol(Path(work) / "all", sets=pictures, backends=backends)
        for shown, frames in enumerate(track(clips, "clips", disable=not sys.stderr.isatty())):
            for kind, share in KINDS.items():
                for pixels in frames:
                    part = closer(pixels, share)
                    seen = ObservedFrame(part, index=0, seconds=None, identity=identity, backends=backends)
                    for number in range(len(clips)):
                        start = time.perf_counter()
                        one = ct.SetDrift(f"c{number}").frame(seen, identity)
                        if number == 0:
                            spent.append(time.perf_counter() - start)
                        if one.value is None:
                            blind += 1
                        else:
                            found.setdefault((kind, shown, number), []).append(one.value)
    rows: list[Row] = []
    for half in (0, 1):
        names = range(half, len(clips), 2)
        for kind in KINDS:
            own = {str(n): np.array(found.get((kind, n, n), [])) for n in names}
            other = {str(n): np.array([v for m in names if m != n for v in found.get((kind, n, m), [])]) for n in names}
            same, rest = np.concatenate(list(own.values())), np.concatenate(list(other.values()))
            area, low, high = clustered_auc(own, other)
            limit = shipped.limit if shipped else None
            rows.append(
                {
                    "half": ("tune", "report")[half],
                    "kind": kind,
                    "clips": len(names),
                    "n_same": len(same),
                    "n_other": len(rest),
                    "same_q95": float(np.quantile(same, 0.95)),
                    "other_q05": float(np.quantile(rest, 0.05)),
                    "auc": area,
                    "auc_low": low,
                    "auc_high": high,
                    "same_over_limit": None if limit is None else float((same > limit).mean()),
                    "other_within_limit": None if limit is None else float((rest <= limit).mean()),
                }
            )
    left = f"{left_out} clips left out (people fill the first frame), {blind} not measured"
    show(f"sets: {left}, {1000 * np.median(spent):.0f} ms a frame; {instrument.digest}", rows)
    save(given.json, rows)


def enrollable(pixels: NDArray[np.uint8], backends: Backends) -> bool:
    """Whether people leave enough of a frame."""
    nobody = ct.Identity(name="nobody", enrolled=())
    return background(ObservedFrame(pixels, index=0, seconds=None, identity=nobody, backends=backends))[2] > LITTLE


def closer(pixels: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """The upper left part of a frame, of that share of each side."""
    height, width = (round(n * share) for n in pixels.shape[:2])
    return np.ascontiguousarray(pixels[:height, :width])


def small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = Image.fromarray(pixels)
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.BOX)
    return np.asarray(image)


if __name__ == "__main__":
    main()
