"""Cuts inside a clip: where one shot ends and another begins.

A frame begins a shot where it differs from the frame before by much more than neighbours differ around it, as in the
adaptive detector of PySceneDetect (``scenedetect.detectors.AdaptiveDetector``, BSD-3): a pan differs from frame to
frame all along. Here frames are compared in CIELAB at 32 x 32, and a jump that is undone within a few frames is a
flash (Lienhart, Comparison of Automatic Shot Boundary Detection Algorithms, SPIE 3656, 1999).

Dissolves and fades are no cuts: what they join is judged as one shot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from continuity.media import Frame
from continuity.vision.colour import lab_of

SIDE = 32  # whoever changes what is found raises media.frames.CUTS, which is part of every instrument
LEAST = 5.0  # mean absolute difference in CIELAB units: two shots differ by more
TIMES = 3.0  # how much more a cut differs than the frames around it do
REACH = 6  # frames around a cut that it is compared with: those of a clip that shows each picture four times move
SHORTEST = 3  # frames: what does not last is a flash

Small = NDArray[np.float32]


def small(pixels: NDArray[np.uint8]) -> Small:
    """A frame (H x W x 3 uint8 sRGB) as 32 x 32 x 3 float32 CIELAB, each the mean of an area."""
    step = max(1, min(pixels.shape[:2]) // (4 * SIDE))
    picture = Image.fromarray(np.ascontiguousarray(pixels[::step, ::step]))
    return lab_of(np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX)))


def apart(one: Small, other: Small) -> float:
    """Mean absolute difference of two small frames in CIELAB units."""
    return float(np.abs(one - other).mean())


def is_cut(frames: Sequence[Small], at: int) -> bool:
    """Whether a shot begins with frame ``at`` of consecutive small frames; those :data:`REACH` around it decide.

    No cut is so near to an end that it cannot be told from a flash (:data:`SHORTEST`).
    """
    if not SHORTEST <= at <= len(frames) - SHORTEST:
        return False
    jump = apart(frames[at - 1], frames[at])
    if jump < LEAST:
        return False
    near = _around(at, at, len(frames))
    before, after = frames[near.start : at], frames[at : near.stop]
    steps = [apart(*pair) for side in (before, after) for pair in pairwise(side)]
    if jump < TIMES * sorted(steps)[-2]:  # the largest may be another cut, or the end of a flash
        return False
    undone = [apart(before[-1], frame) for frame in after[: REACH + 1]]
    undone += [apart(frame, after[0]) for frame in before[-REACH - 1 :]]
    return min(undone) >= max(LEAST, jump / 2)


def find(
    sampled: Sequence[tuple[int, Small]], frame_count: int, decode: Callable[[Sequence[int]], Iterator[Frame]]
) -> tuple[int, ...]:
    """The numbers of the frames that shots begin with, the first one of a clip not among them.

    Args:
        sampled: number and small form of the frames that were looked at, ascending.
        frame_count: frames of the clip.
        decode: gives the frames of a clip at ascending numbers. Asked for only where two sampled frames differ as two
            shots would, and for those between and next to them: they tell a cut from motion. Where it gives fewer, no
            cut is found.
    """
    gaps = [(a + 1, b) for (a, one), (b, other) in pairwise(sampled) if apart(one, other) >= LEAST]
    around = [_around(first, last, frame_count) for first, last in gaps]
    frames = decode(sorted({index for span in around for index in span}))
    known: dict[int, Small] = {}
    cuts: list[int] = []
    for (first, last), span in zip(gaps, around, strict=True):
        known = {index: frame for index, frame in known.items() if index >= span.start}  # a long clip is not held whole
        while span[-1] not in known and (frame := next(frames, None)) is not None:
            known[frame.index] = small(frame.pixels)
        if any(index not in known for index in span):
            continue  # fewer frames than the clip has by its own account: nothing tells a cut from motion here
        seen = [known[index] for index in span]
        for index in range(first, last + 1):
            if is_cut(seen, index - span.start) and (not cuts or index - cuts[-1] >= SHORTEST):
                cuts.append(index)
    return tuple(cuts)


def _around(first: int, last: int, count: int) -> range:
    """The frames that decide on cuts at ``first`` to ``last``; at an end of the clip more of the other side."""
    whole = 2 * REACH + 2
    return range(max(0, min(first - REACH - 1, count - whole)), min(count, max(last + REACH + 1, whole)))
