"""Finding faces: BlazeFace on the whole picture and on tiles of it, dlib's HOG detector where that finds nothing.

BlazeFace looks at 128 px, so a face of 50 px in a 1024 px frame is 6 px to it. Tiles of about 500 px bring such faces
to a size that it sees; what only a tile shows must also look like a face to the face mesh model.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from continuity.backends import mesh
from continuity.backends.installs import require
from continuity.backends.tflite import run
from continuity.errors import ModelError
from continuity.records import Box, Face
from continuity.vision.detection import anchors, decode, suppress
from continuity.vision.geometry import Window, covered, cut, shrunk

NAME = "blazeface-short+tiles+hog/1"
ROLE = "face-detector"
SIZE = 128
CELLS = ((8, 2), (16, 6))
LEAST = 0.5  # score
TILE = 512  # px of the picture: a face of 50 px is 12 px to the model
SURE = 0.75  # score from which a face of the whole picture needs no second opinion
OVERLAP = 0.3  # intersection over union from which boxes of one look are blended
SAME = 0.5  # share of the smaller box from which two are one face
HOG_SIDE = 640  # px of the longer side for the HOG detector: 18 ms at 480, 63 ms at 1024


_here = threading.local()  # dlib's detector is part of dlib, no weights, and not for several threads


def detect(pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
    """All faces, the largest first. ``points``: right eye, left eye, nose tip, mouth, right ear, left ear.

    Raises:
        MissingWeights, ModelError: the model is not there, or fails.
    """
    height, width = pixels.shape[:2]
    whole = [(f, f.score >= SURE) for f in _look(pixels, Window.letterbox(height, width))]
    found: list[Face] = []
    for face, sure in sorted([*whole, *_in_tiles(pixels)], key=lambda item: -item[0].score):
        if not _known(face, found) and (sure or mesh.points(pixels, face) is not None):
            found.append(face)
    if not found:
        found = list(_hog(pixels))
    return tuple(sorted((_clipped(f, height, width) for f in found), key=lambda f: (-f.size, f.box.left, f.box.top)))


def tiles(height: int, width: int) -> tuple[int, tuple[tuple[float, float], ...]]:
    """How much to shrink a picture, and the middles of 128 px tiles on what is left, each half over the next.

    A tile is 512 px of the picture, more where half the shorter side is more; a small picture has none.
    """
    shrink = max(TILE, min(height, width) // 2) // SIZE
    rows, columns = height // shrink, width // shrink
    if max(rows, columns) <= SIZE:
        return shrink, ()

    def middles(length: int) -> list[float]:
        count = max(1, math.ceil((length - SIZE) / (SIZE / 2)) + 1)
        return [float(m) for m in np.linspace(min(SIZE, length) / 2, length - min(SIZE, length) / 2, count)]

    return shrink, tuple((x, y) for y in middles(rows) for x in middles(columns))


def _in_tiles(pixels: NDArray[np.uint8]) -> Iterator[tuple[Face, bool]]:
    """Faces that lie whole in a tile, none of them sure. One cut by an edge is whole in the neighbouring tile."""
    shrink, middles = tiles(*pixels.shape[:2])
    small = shrunk(pixels, shrink) if middles else pixels
    for x, y in middles:
        tile = Window(x, y, float(SIZE))
        yield from ((_enlarged(f, shrink), False) for f in _look(small, tile) if _inside(f.box, tile))


def _look(pixels: NDArray[np.uint8], window: Window) -> Iterator[Face]:
    outputs = run(ROLE, cut(pixels, window, SIZE), signed=True)
    rows, scores = decode(outputs["regressors"], outputs["classificators"], anchors(SIZE, CELLS), SIZE, LEAST)
    for row, score in zip(*suppress(rows, scores, OVERLAP), strict=True):
        places = window.to_picture(row.reshape(-1, 2))
        (left, top), (right, bottom) = places[0], places[1]
        points = tuple((float(x), float(y)) for x, y in places[2:])
        yield Face(box=Box(float(left), float(top), float(right), float(bottom)), score=float(score), points=points)


def _inside(box: Box, tile: Window) -> bool:
    half = tile.side / 2
    across = tile.x - half <= box.left and box.right <= tile.x + half
    return across and tile.y - half <= box.top and box.bottom <= tile.y + half


def _enlarged(face: Face, factor: int) -> Face:
    box = face.box
    return Face(
        box=Box(box.left * factor, box.top * factor, box.right * factor, box.bottom * factor),
        score=face.score,
        points=tuple((x * factor, y * factor) for x, y in face.points),
    )


def _known(face: Face, found: list[Face]) -> bool:
    """Whether a face is one that is found already: whole picture and tiles see it at different sizes."""
    return bool(found) and bool((covered(_edges(face.box), np.array([_edges(f.box) for f in found])) > SAME).any())


def _edges(box: Box) -> NDArray[np.float64]:
    return np.array([box.left, box.top, box.right, box.bottom])


def _hog(pixels: NDArray[np.uint8]) -> Iterator[Face]:
    """dlib's frontal detector (part of dlib itself, no weights): slower, but finds some faces that BlazeFace misses."""
    height, width = pixels.shape[:2]
    skip = max(1, math.ceil(max(height, width) / HOG_SIDE))
    small = shrunk(pixels, skip)
    if min(small.shape[:2]) < 32:
        return
    dlib = require("dlib", "dlib-bin")
    try:
        if not hasattr(_here, "hog"):
            _here.hog = dlib.get_frontal_face_detector()
        boxes, scores, _ = _here.hog.run(np.ascontiguousarray(small), 0, 0.0)
    except RuntimeError as cause:
        raise ModelError(f"dlib's face detector failed: {cause}") from cause
    for box, score in zip(boxes, scores, strict=True):
        edges = (box.left() * skip, box.top() * skip, (box.right() + 1) * skip, (box.bottom() + 1) * skip)
        yield Face(box=Box(*map(float, edges)), score=float(1 / (1 + math.exp(-score))))


def _clipped(face: Face, height: int, width: int) -> Face:
    box = face.box
    inside = Box(max(0.0, box.left), max(0.0, box.top), min(float(width), box.right), min(float(height), box.bottom))
    return Face(box=inside, score=face.score, points=face.points)
