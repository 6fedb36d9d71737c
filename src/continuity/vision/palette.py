"""Colours counted coarsely: the cubes of CIELAB in which they lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cubes_of(colours: NDArray[np.floating], wide: float) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Of each colour (n x 3 CIELAB) the number of the cube of so many units that it lies in, and those cubes in order
    (m x 3, in units of their width): as ``np.unique`` gives rows, which it sorts; here they are counted."""
    cells = (colours / wide).round().astype(np.int64)
    if not len(cells):
        return np.zeros(0, np.intp), cells
    low = cells.min(axis=0)
    shape = tuple(cells.max(axis=0) - low + 1)
    place = np.ravel_multi_index(tuple((cells - low).T), shape)
    there = np.bincount(place) > 0
    return (np.cumsum(there) - 1)[place], np.column_stack(np.unravel_index(np.flatnonzero(there), shape)) + low


def frequent(colours: NDArray[np.floating], wide: float, share: float) -> NDArray[np.float32]:
    """The colours that this share of the given ones (n x 3 CIELAB) or more lie near: k x 3, maybe none."""
    number, cubes = cubes_of(colours, wide)
    return np.asarray(cubes[np.bincount(number, minlength=len(cubes)) >= share * len(colours)] * wide, np.float32)
