"""How somebody stands in the picture: how much of it is below a face, and how much of a body lies above that face."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from continuity.interfaces import Body
from continuity.records import Face
from continuity.vision.geometry import Window, angle_of

AROUND, CELLS = 6.0, 120  # the square about a head that is looked at: its side in faces, and in places
HEAD = 1.0, 1.3  # how far a head with its hair reaches from the middle of its face, beside and above it, in faces
PERSON = 0.5  # of a mask

Places = NDArray[np.float32]


def below(face: Face, shape: tuple[int, ...]) -> float:
    """How much of the frame is below a face, along its own axis, in faces: without any no clothes can be seen."""
    x, y = face.box.centre
    across, down = -math.sin(roll(face)), math.cos(roll(face))
    to_edges = [(end - at) / step for at, step, end in ((x, across, shape[1]), (y, down, shape[0])) if step > 1e-3]
    to_edges += [-at / step for at, step in ((x, across), (y, down)) if step < -1e-3]
    return min(to_edges) / face.size - face.box.height / face.size / 2


def roll(face: Face) -> float:
    """How far a face is turned in the picture, clockwise in radians, by its eyes; 0 where they were not found."""
    return angle_of(face.points[0], face.points[1]) if len(face.points) >= 2 else 0.0


def above(face: Face, body: Body | None, shape: tuple[int, ...]) -> float:
    """How much of a person lies beyond the hair, above or beside the upper half of the face, in square faces: clothes,
    where the face is upside down (detectors take it for upright) or arms are raised. Without a body all the picture
    counts.
    """
    window = Window(*face.box.centre, AROUND * face.size, roll(face))
    rows, columns = (np.mgrid[:CELLS, :CELLS] + 0.5) / CELLS
    u, v = (columns - 0.5) * AROUND, (rows - 0.5) * AROUND
    x, y = np.moveaxis(window.to_picture(np.dstack([columns, rows])), -1, 0)
    counted = (v < 0) & ((np.abs(u) > HEAD[0]) | (v < -HEAD[1])) & (x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])
    if body is not None:
        counted &= _sampled(body, x, y) > PERSON
    return float(counted.sum()) * (AROUND / CELLS) ** 2


def _sampled(body: Body, x: Places, y: Places) -> Places:
    """The mask of a body at places of the picture; 0 outside of what the model saw."""
    count = len(body.mask)
    cos, sin = math.cos(body.angle), math.sin(body.angle)
    across, down = x - body.middle[0], y - body.middle[1]
    column = np.floor(((cos * across + sin * down) / body.side + 0.5) * count).astype(int)
    row = np.floor(((-sin * across + cos * down) / body.side + 0.5) * count).astype(int)
    inside = (column >= 0) & (row >= 0) & (column < count) & (row < count)
    return np.where(inside, body.mask[np.clip(row, 0, count - 1), np.clip(column, 0, count - 1)], 0)
