"""Places where a mark may be: normalised correlation of edge directions over scales and turns.

The field of :mod:`continuity.vision.edges` of the picture at several sizes, correlated under the mark's mask with the
field of the artwork (by FFT, in tiles), at several turns. What comes out are candidates; which of them is the mark is
told by :mod:`continuity.vision.mark_pose`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

from continuity.vision.edges import Field, channels, field_of, parts_of, planes_of, premultiplied, reach_of, smooth
from continuity.vision.homography import Matrix, scale_of
from continuity.vision.marks import Mark, Pyramid

SHORTEST = 7.0  # px: shorter side of a template
LARGEST = 640  # px: longer side of the finest picture searched
NARROWEST = 1 / 27  # of the picture's longer side: the narrowest mark looked for
BLUR = 0.8
QUIET = 0.1  # of the template's energy: a calmer place cannot correlate
PEAKS = 5  # of one size
KEPT = 24
BAND = 96  # rows of a picture
TILE = 320  # px of a picture that are searched at once, at most: the spectra of templates are as large
HELD = 192 * 2**20  # bytes of templates kept of a mark: each size of picture has its own, up to some 80 MB

Spectrum = NDArray[np.complex64]
Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Grid:
    """How finely places are tried: the finer, the less a mark may differ from the nearest template.

    A template of ``area`` px (root of its box, at most ``longest`` on its longer side) stands for scales within half a
    ``step`` and turns (in degrees) within half a gap of its own; refinement covers what is between.
    """

    area: float
    longest: float
    step: float
    turns: tuple[float, ...]


COARSE = Grid(20, 48, 1.3, (-10.0, 0.0, 10.0))
# Of 20 px small rings and thin lines are nothing, and at the ends of a long word half a gap is more than a letter.
FINE = Grid(32, 72, 1.2, (-12.0, -6.0, 0.0, 6.0, 12.0))


@dataclass(frozen=True, slots=True)
class _Templates:
    """The mark at one size, ready to be correlated with tiles of one shape."""

    turned: tuple[tuple[Spectrum, Spectrum], ...]  # per turn: real part and imaginary part, of energy 1
    mask: Spectrum  # where the mark is, in the mean of the turns
    energy: float  # the mean of theirs, before that

    @property
    def bytes(self) -> int:
        return sum(one.nbytes for pair in (*self.turned, (self.mask,)) for one in pair)


def candidates(pyramid: Pyramid, mark: Mark, grid: Grid = COARSE) -> list[tuple[float, Matrix]]:
    """Correlation and pose of the most promising places, the best first; no two of them at the same place and size."""
    found: list[tuple[float, Matrix]] = []
    sizes, sides = _sizes(pyramid, mark, grid)
    for number, side in enumerate(sides):
        found += _at_level(pyramid, side, mark, sizes if number == 0 else sizes[:1], grid)
    found.sort(key=lambda f: -f[0])
    kept: list[tuple[float, Matrix]] = []
    places = np.zeros((KEPT, 3))
    for score, pose in found:
        place = np.array([*pose[:2, 2], scale_of(pose)])
        near = places[: len(kept)]
        apart = np.hypot(*(near[:, :2] - place[:2]).T) > 0.4 * np.sqrt(near[:, 2] * place[2])
        if (apart | (np.abs(np.log(np.maximum(near[:, 2], 1e-9) / place[2])) > 0.2)).all():
            places[len(kept)] = place
            kept.append((score, pose))
        if len(kept) == KEPT:
            break
    return kept


def _sizes(pyramid: Pyramid, mark: Mark, grid: Grid) -> tuple[list[int], list[float]]:
    """Longer sides of the templates, the first for every picture and the others for the finest; those of the pictures,
    the finest first."""
    half_x, half_y = mark.half
    template = min(grid.area / np.sqrt(half_x * half_y), grid.longest)
    side = min(float(LARGEST), float(max(pyramid.levels[1].size)))
    least = max(NARROWEST * side / half_x, SHORTEST / min(half_x, half_y))  # px of the mark's longer side
    sizes = [template]
    while sizes[-1] > least * 1.1:
        sizes.append(max(sizes[-1] / grid.step, least))
    sides = []
    while side >= template * 0.9:
        sides.append(side)
        side /= grid.step
    return [round(size) for size in sizes], sides


def _at_level(pyramid: Pyramid, side: float, mark: Mark, sizes: list[int], grid: Grid) -> list[tuple[float, Matrix]]:
    """The best places for the templates in the picture at one longer side."""
    size_in = pyramid.levels[1].size
    shrink = side / max(size_in)
    width, height = (max(1, round(s * shrink)) for s in size_in)
    small = pyramid.reduced(1 << int(np.log2(1 / shrink)))
    if small.size != (width, height):
        small = small.resize((width, height), Image.Resampling.BILINEAR)
    upscale = np.diag([size_in[0] / width, size_in[1] / height, 1])
    edges = _edges(np.asarray(small))
    found: list[tuple[float, Matrix]] = []
    for size in sizes:
        best, scores = _correlated(edges, mark, size, grid)
        reach = max(2, size // 4)
        for _ in range(PEAKS):
            y, x = np.unravel_index(int(best.argmax()), best.shape)
            turn = grid.turns[int(scores[:, y, x].argmax())]
            found.append((float(best[y, x]), upscale @ _pose(size, turn, x + 0.5, y + 0.5)))
            best[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = -1
    return found


def _correlated(edges: Map, mark: Mark, size: int, grid: Grid) -> tuple[Map, Map]:
    """Correlation at each place of 2 x height x width edges, the largest of all turns and turns x height x width.

    In tiles, because the spectra of templates are as large as what is searched with them, and are kept.
    """
    height, width = edges.shape[1:]
    reach = _room(size) // 2
    down, across = -(-height // TILE), -(-width // TILE)
    tall, wide = -(-height // down), -(-width // across)
    shape = tuple(fft.next_fast_len(side + 2 * reach, real=True) for side in (tall, wide))
    room = np.zeros((2, (down - 1) * tall + shape[0], (across - 1) * wide + shape[1]), np.float32)
    room[:, reach : reach + height, reach : reach + width] = edges
    templates = _kept(mark, size, shape, grid)
    scores = np.empty((len(grid.turns), down * tall, across * wide), np.float32)
    for top in range(0, down * tall, tall):
        for left in range(0, across * wide, wide):
            tile = room[:, top : top + shape[0], left : left + shape[1]]
            scores[:, top : top + tall, left : left + wide] = _tile(tile, templates, reach, tall, wide)
    scores = scores[:, :height, :width]
    return scores.max(axis=0), scores


def _tile(tile: Map, templates: _Templates, reach: int, tall: int, wide: int) -> Map:
    shape = tile.shape[1:]
    real, imaginary = (fft.rfft2(part) for part in tile)
    power = fft.rfft2(tile[0] ** 2 + tile[1] ** 2)
    first, second = np.empty_like(real), np.empty_like(real)  # a new one each time would cost as much as what is in it

    def mapped(spectrum: Spectrum) -> Map:
        whole = fft.irfft2(spectrum, shape, overwrite_x=True)
        return np.asarray(whole[reach : reach + tall, reach : reach + wide], np.float32)

    energy = mapped(np.multiply(power, templates.mask, out=power))
    scale = 1 / np.sqrt(np.maximum(energy, QUIET * templates.energy))
    scores = np.empty((len(templates.turned), tall, wide), np.float32)
    for score, (real_part, imaginary_part) in zip(scores, templates.turned, strict=True):
        np.multiply(real, real_part, out=first)
        first += np.multiply(imaginary, imaginary_part, out=second)
        np.multiply(mapped(first), scale, out=score)
    return scores


def _edges(small: NDArray[np.uint8]) -> Map:
    """Both parts of the field of edges (2 x height x width), made in bands of rows: small ones are quick."""
    height, width = small.shape[:2]
    reach = reach_of(BLUR)
    edges = np.zeros((2, height, width), np.float32)
    for top in range(0, height, BAND):
        above, bottom = min(top, reach), min(top + BAND, height)
        parts = parts_of(planes_of(small[top - above : bottom + reach]), BLUR)
        for part, whole in zip(parts, edges, strict=True):
            whole[top:bottom] = part[above : above + bottom - top]
    return edges


def _kept(mark: Mark, size: int, shape: tuple[int, ...], grid: Grid) -> _Templates:
    """The templates, kept for the next pictures: without the oldest where they would be more than HELD."""
    known: dict[Any, _Templates] = mark.once("templates", dict)
    found = known.get((size, shape, grid))
    if found is None:
        found = known[size, shape, grid] = _templates(mark, size, shape, grid)
        held = sum(one.bytes for one in list(known.values()))
        for key, one in list(known.items())[:-1]:
            if held <= HELD:
                break
            known.pop(key, None)  # another thread may have been first
            held -= one.bytes
    return found


def _templates(mark: Mark, size: int, shape: tuple[int, ...], grid: Grid) -> _Templates:
    """The same patches for pictures of every size: only their spectra differ."""
    kernels, under, energy = mark.once(("kernels", size, grid), lambda: _kernels(mark, size, grid))
    turned = tuple((_spectrum(kernel.real, shape), _spectrum(kernel.imag, shape)) for kernel in kernels)
    return _Templates(turned, _spectrum(under, shape), energy)


def _kernels(mark: Mark, size: int, grid: Grid) -> tuple[list[Field], Map, float]:
    """Per turn the field of the mark, of energy 1; where it is in the mean of the turns; the mean of the energies."""
    room = _room(size)
    kernels, energies = [], []
    under = np.zeros((room, room), np.float32)
    for turn in grid.turns:
        patch = premultiplied(mark.rgba, _pose(size, turn, room / 2, room / 2), (room, room))
        mask = smooth(patch[..., 3], 1.0) > 0.05
        kernel = np.where(mask, field_of(channels(patch), BLUR), 0)
        energies.append(float((np.abs(kernel) ** 2).sum()))
        kernels.append(kernel / max(np.sqrt(energies[-1]), 1e-6))
        under += mask / len(grid.turns)
    return kernels, under, float(np.mean(energies))


def _room(size: int) -> int:
    """Side of a patch in which the mark has room at any turn."""
    return round(size * 1.5) | 1


def _pose(size: int, turn: float, x: float, y: float) -> Matrix:
    """The mark with a longer side of ``size``, turned by so many degrees, its middle at a place."""
    angle = np.radians(turn)
    cos, sin = np.cos(angle) * size / 2, np.sin(angle) * size / 2
    return np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]])


def _spectrum(kernel: NDArray[Any], shape: tuple[int, ...]) -> Spectrum:
    """What correlates a tile with a kernel around its middle."""
    size = len(kernel)
    place = np.zeros(shape, np.float32)
    place[:size, :size] = kernel
    place = np.roll(place, (-(size // 2), -(size // 2)), axis=(0, 1))
    return np.asarray(np.conj(fft.rfft2(place)), np.complex64)
