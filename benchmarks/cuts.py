"""How well cuts inside clips are found, and what is taken for one.

    python benchmarks/cuts.py --clips DIR [--edits 60] [--json FILE]

DIR holds clips without cuts (``**/*.mp4``, ``*.gif``). Clips are halved by their order: the constants were chosen on
the first half, the second reports; edits never mix the halves. With cuts: ``edit`` (four stretches of three clips and
more joined), ``closer`` (the same take goes on at 65 % of the frame), ``jump`` (the same view, seconds later: no other
shot to the eye, nothing has to be found). Without: the clips ``as they are``, with a ``flash`` of one or two frames,
under a ``pan`` that starts and stops at once, a ``fade`` out and in, and ``shake``. Frames are sampled as the gate
does. One row a half and kind: true cuts, how many were found to the frame, false ones, clips, and frames decoded to
tell (as a share of all).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import continuity as ct
from continuity.media import Frame
from continuity.vision import cuts
from figures import CLIPS, Row, exact, save, show
from grade import files

Pixels = NDArray[np.uint8]
Take = list[Pixels]

SIZE = 256, 160  # width, height
RATE = Fraction(25)
STRETCH = 75  # frames at most of each take in an edit


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips without cuts")
    parser.add_argument("--edits", type=int, default=60, help="edits of each kind that are made from each half")
    parser.add_argument("--json", type=Path, help="file for the rows")
    given = parser.parse_args()
    paths = files([given.clips], CLIPS)
    rows: list[Row] = []
    for half, name in enumerate(("chosen on", "reported")):
        takes = [whole(path) for path in paths[half::2]]
        random = np.random.default_rng(half)
        for kind, made in kinds(takes, given.edits, random):
            rows.append({"half": name, "kind": kind, **counted(made)})
    show("Cuts", rows)
    save(given.json, rows)


def whole(path: Path) -> Take:
    """All frames of a clip, small."""
    clip = ct.open_media(path)
    frames = clip.frames(ct.Sampling(per_second=0, at_least=clip.frame_count))
    return [np.asarray(Image.fromarray(f.pixels).resize(SIZE, Image.Resampling.BOX)) for f in frames]


def kinds(
    takes: Sequence[Take], count: int, random: np.random.Generator
) -> Iterator[tuple[str, list[tuple[Take, set[int]]]]]:
    """The clips of each kind with their true cuts."""
    long = [take for take in takes if len(take) > 100]
    yield "edit", [edit(takes, random) for _ in range(count)]
    yield "closer", [closer(take, random) for take in drawn(takes, count, random)]
    yield "jump", [jump(take, random) for take in drawn(long, count, random)]
    yield "as they are", [(take, set()) for take in takes]
    yield "flash", [(flash(take, random), set()) for take in drawn(takes, count, random)]
    yield "pan", [(pan(take, random), set()) for take in drawn(long, count, random)]
    yield "fade", [(fade(take, random), set()) for take in drawn(long, count, random)]
    yield "shake", [(shake(take, random), set()) for take in drawn(long, count, random)]


def counted(clips: Sequence[tuple[Take, set[int]]]) -> Row:
    """What is found in clips, against their true cuts."""
    true = hit = false = decoded = frames = 0
    for take, wanted in clips:
        asked: list[int] = []
        found = set(found_in(take, asked))
        true, hit, false = true + len(wanted), hit + len(found & wanted), false + len(found - wanted)
        decoded, frames = decoded + len(asked), frames + len(take)
    low, high = exact(hit, true)
    return {
        "clips": len(clips),
        "cuts": true,
        "found": hit,
        "recall": hit / true if true else None,
        "recall_low": low if true else None,
        "recall_high": high if true else None,
        "false": false,
        "decoded": decoded / frames,
    }


def found_in(take: Take, asked: list[int]) -> tuple[int, ...]:
    """The cuts that the gate would find; ``asked`` is given the numbers of the frames that it decoded for that."""

    def decode(indices: Sequence[int]) -> Iterator[Frame]:
        asked.extend(indices)
        return (Frame(index, float(index / RATE), take[index]) for index in indices)

    sampled = [(n, cuts.small(take[n])) for n in ct.Sampling().indices(len(take), RATE)]
    return cuts.find(sampled, len(take), decode)


def drawn(takes: Sequence[Take], count: int, random: np.random.Generator) -> list[Take]:
    """Some takes, each as often as any other."""
    return [takes[n % len(takes)] for n in random.permutation(count)] if takes else []


def edit(takes: Sequence[Take], random: np.random.Generator) -> tuple[Take, set[int]]:
    """Four stretches, each of another clip than the one before."""
    made: Take = []
    begins, before = set(), -1
    for _ in range(4):
        number = int(random.choice([n for n in range(len(takes)) if n != before]))
        take, before = takes[number], number
        length = int(random.integers(min(15, len(take)), min(STRETCH, len(take)) + 1))
        start = int(random.integers(0, len(take) - length + 1))
        begins.add(len(made))
        made = made + take[start : start + length]
    return made, begins - {0}


def closer(take: Take, random: np.random.Generator) -> tuple[Take, set[int]]:
    """The take, from somewhere on nearer."""
    at = int(random.integers(len(take) // 3, 2 * len(take) // 3 + 1))
    x, y = random.uniform(0, 0.35, 2)
    return [*take[:at], *(part(frame, x, y, 0.65) for frame in take[at:])], {at}


def jump(take: Take, random: np.random.Generator) -> tuple[Take, set[int]]:
    """Two seconds of a take, then two from its end."""
    return [*take[:50], *take[-50:]], {50}


def flash(take: Take, random: np.random.Generator) -> Take:
    """One or two frames much brighter, at one that is looked at."""
    made, length = list(take), int(random.integers(1, 3))
    at = int(random.choice(ct.Sampling().indices(len(take), RATE)))
    for index in range(at, min(at + length, len(take))):
        made[index] = np.clip(take[index] * 1.8 + 70, 0, 255).astype(np.uint8)
    return made


def pan(take: Take, random: np.random.Generator) -> Take:
    """A window of half the width that moves across the frame in half a second to two, starting and stopping at once."""
    length = int(random.integers(12, 50))
    at = int(random.integers(0, len(take) - length))
    return [part(frame, 0.5 * float(np.clip((n - at) / length, 0, 1)), 0.25, 0.5) for n, frame in enumerate(take)]


def fade(take: Take, random: np.random.Generator) -> Take:
    """To black within half a second and back within another, somewhere."""
    at = int(random.integers(15, len(take) - 15))
    return [(frame * min(1.0, abs(n - at) / 12)).astype(np.uint8) for n, frame in enumerate(take)]


def shake(take: Take, random: np.random.Generator) -> Take:
    """A camera that is walked with: up to 3 % of the frame from one frame to the next."""
    way = np.clip(np.cumsum(random.uniform(-0.03, 0.03, (len(take), 2)), axis=0) + 0.1, 0, 0.2)
    return [part(frame, x, y, 0.8) for frame, (x, y) in zip(take, way, strict=True)]


def part(frame: Pixels, x: float, y: float, share: float) -> Pixels:
    """A part of a frame, enlarged to its size; ``x`` and ``y`` of its corner and ``share`` of each side in [0, 1]."""
    width, height = SIZE
    box = (x * width, y * height, (x + share) * width, (y + share) * height)
    return np.asarray(Image.fromarray(frame).resize(SIZE, Image.Resampling.BILINEAR, box=box))


if __name__ == "__main__":
    main()
