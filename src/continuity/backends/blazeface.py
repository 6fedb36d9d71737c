"""Finding faces: two BlazeFace models guess, one looks again closely; dlib's HOG detector where that finds nothing.

The short range model sees faces that fill an eighth of what it looks at, the full range one smaller ones too, on the
whole picture and on tiles of it. Every guess is looked at again by the short range model in a window around it: that
settles whether it is a face, and where exactly, so that one face guessed by several looks becomes one box.
(Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019; full range variant 2021.)
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from continuity.backends.tflite import run
from continuity.errors import ModelError
from continuity.installs import require
from continuity.records import Box, Face
from continuity.vision.detection import anchors, decode, suppress
from continuity.vision.geometry import Window, cut, overlap, shrunk

NAME = "blazeface-short+full+closer+hog/2"


@dataclass(frozen=True, slots=True)
class _Net:
    role: str
    size: int  # px of the input
    cells: tuple[tuple[int, int], ...]
    boxes: str  # names of the outputs
    scores: str
    least: float  # score of a guess


SHORT = _Net("face-detector", 128, ((8, 2), (16, 6)), "regressors", "classificators", 0.5)
FULL = _Net("face-detector-full", 192, ((4, 1),), "Identity", "Identity_1", 0.3)
ROLES = (SHORT.role, FULL.role)
TILE = 640  # px of the picture: a face of 50 px is 15 px to the full range model
LAP = 128  # px that tiles share, so that a face of up to that size is whole in one of them
CLOSER = 2.25  # side of the window of the second look over the side of the guessed box
SURE = 0.7  # score in the second look: photographed faces have .82 and more (n = 632), hands and products seldom .7
SAME = 0.3  # overlap from which two boxes are one face
HOG_SIDE = 640  # px of the longer side for the HOG detector: 18 ms at 480, 63 ms at 1024
_own = threading.local()  # a detector of dlib's is not thread-safe


def detect(pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
    """All faces, the largest first. ``points``: right eye, left eye, nose tip, mouth, right ear, left ear.

    Raises:
        MissingWeights, ModelError: a model is not there, or fails.
    """
    height, width = pixels.shape[:2]
    whole = Window.letterbox(height, width)
    guesses = [*_look(SHORT, pixels, whole), *_look(FULL, pixels, whole)]
    for tile in tiles(height, width):
        guesses += _look(FULL, pixels, tile)
    closer = (_closer(pixels, guess) for guess in _distinct(guesses))
    found = _distinct(face for face in closer if face is not None) or list(_hog(pixels))
    return tuple(sorted((_clipped(f, height, width) for f in found), key=lambda f: (-f.size, f.box.left, f.box.top)))


def tiles(height: int, width: int) -> tuple[Window, ...]:
    """Square windows that overlap and cover a picture; none where the whole picture is not much larger than one.

    A tile is 640 px of the picture, more where half the shorter side is more.
    """
    side = max(TILE, min(height, width) // 2)
    if max(height, width) <= side * 4 // 3:
        return ()

    def middles(length: int) -> list[float]:
        if length <= side:
            return [length / 2]
        return [float(m) for m in np.linspace(side / 2, length - side / 2, math.ceil((length - LAP) / (side - LAP)))]

    return tuple(Window(x, y, float(side)) for y in middles(height) for x in middles(width))


def _look(net: _Net, pixels: NDArray[np.uint8], window: Window) -> Iterator[Face]:
    outputs = run(net.role, cut(pixels, window, net.size), signed=True)
    middles = anchors(net.size, net.cells)
    rows, scores = suppress(*decode(outputs[net.boxes], outputs[net.scores], middles, net.size, net.least), SAME)
    for row, score in zip(rows, scores, strict=True):
        places = [(float(x), float(y)) for x, y in window.to_picture(row.reshape(-1, 2))]
        yield Face(box=Box(*places[0], *places[1]), score=float(score), points=tuple(places[2:]))


def _closer(pixels: NDArray[np.uint8], guess: Face) -> Face | None:
    """The face that the short range model sees where one was guessed, or None."""
    window = Window(*guess.box.centre, CLOSER * max(guess.box.width, guess.box.height))
    there = [f for f in _look(SHORT, pixels, window) if f.score >= SURE and _shared(f, [guess]) > SAME / 2]
    return max(there, key=lambda f: f.score, default=None)


def _distinct(faces: Iterable[Face]) -> list[Face]:
    """Of faces that overlap, only the one with the highest score."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.score):
        if _shared(face, kept) <= SAME:
            kept.append(face)
    return kept


def _shared(face: Face, others: list[Face]) -> float:
    boxes = np.array([_edges(f.box) for f in others]).reshape(-1, 4)
    return float(overlap(_edges(face.box), boxes).max(initial=0.0))


def _edges(box: Box) -> NDArray[np.float64]:
    return np.array([box.left, box.top, box.right, box.bottom])


def _hog(pixels: NDArray[np.uint8]) -> Iterator[Face]:
    """dlib's frontal detector (part of dlib itself, no weights): slower, but finds faces blurred to bare shapes."""
    height, width = pixels.shape[:2]
    skip = max(1, math.ceil(max(height, width) / HOG_SIDE))
    small = shrunk(pixels, skip)
    if min(small.shape[:2]) < 32:
        return
    dlib = require("dlib", "dlib-bin")
    try:
        if not hasattr(_own, "hog"):
            _own.hog = dlib.get_frontal_face_detector()  # .8 s on a busy core, where a look takes .01
        boxes, scores, _ = _own.hog.run(np.ascontiguousarray(small), 0, 0.0)
    except RuntimeError as cause:
        raise ModelError(f"dlib's face detector failed: {cause}") from cause
    for box, score in zip(boxes, scores, strict=True):
        edges = (box.left() * skip, box.top() * skip, (box.right() + 1) * skip, (box.bottom() + 1) * skip)
        yield Face(box=Box(*map(float, edges)), score=float(1 / (1 + math.exp(-score))))


def _clipped(face: Face, height: int, width: int) -> Face:
    box = face.box
    inside = Box(max(0.0, box.left), max(0.0, box.top), min(float(width), box.right), min(float(height), box.bottom))
    return replace(face, box=inside)
