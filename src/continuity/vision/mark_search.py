"""Places where a mark may be: normalised correlation of edge directions over scales and turns.

The field of :mod:`continuity.vision.edges` of the picture at several sizes, correlated under the mark's mask with the
field of the artwork (by FFT), at three turns. What comes out are candidates; which of them is the mark is told by
:mod:`continuity.vision.mark_pose`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

from continuity.vision.edges import channels, field_of, parts_of, planes_of, premultiplied, reach_of, smooth
from continuity.vision.homography import Matrix, scale_of
from continuity.vision.marks import Mark, Pyramid

AREA = 20  # px: square root of the template's box
LONGEST = 48  # px: longer side of a template
SHORTEST = 7.0  # px: shorter side of a template
LARGEST = 640  # px: longer side of the finest picture searched
NARROWEST = 1 / 27  # of the picture's longer side: the narrowest mark looked for
STEP = 1.3  # between scales
TURNS = (-10.0, 0.0, 10.0)  # degrees; refinement covers what is between, and 5 degrees beyond
BLUR = 0.8
QUIET = 0.1  # of the template's energy: a calmer place cannot correlate
PEAKS = 5  # of one size and template
KEPT = 24
BAND = 96  # rows of a picture

Spectrum = NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class _Template:
    """The mark at one size, ready to be correlated with pictures of one shape."""

    mask: Spectrum
    turned: tuple[tuple[Spectrum, Spectrum], ...]  # per turn: real part and imaginary part, of energy 1
    energy: float  # before that


def candidates(pyramid: Pyramid, mark: Mark) -> list[tuple[float, Matrix]]:
    """Correlation and pose of the most promising places, the best first; no two of them at the same place and size."""
    found: list[tuple[float, Matrix]] = []
    sizes, sides = _sizes(pyramid, mark)
    for number, side in enumerate(sides):
        found += _at_level(pyramid, side, mark, sizes if number == 0 else sizes[:1])
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


def _sizes(pyramid: Pyramid, mark: Mark) -> tuple[list[float], list[float]]:
    """Longer sides of the templates, the first for every picture and the others for the finest; those of the pictures,
    the finest first."""
    half_x, half_y = mark.half
    template = min(AREA / np.sqrt(half_x * half_y), LONGEST)
    side = min(float(LARGEST), float(max(pyramid.levels[1].size)))
    least = max(NARROWEST * side / half_x, SHORTEST / min(half_x, half_y))  # px of the mark's longer side
    sizes = [template]
    while sizes[-1] > least * 1.1:
        sizes.append(max(sizes[-1] / STEP, least))
    sides = []
    while side >= template * 0.9:
        sides.append(side)
        side /= STEP
    return sizes, sides


def _at_level(pyramid: Pyramid, side: float, mark: Mark, sizes: list[float]) -> list[tuple[float, Matrix]]:
    """The best places for the templates in the picture at one longer side."""
    size_in = pyramid.levels[1].size
    shrink = side / max(size_in)
    width, height = (max(1, round(s * shrink)) for s in size_in)
    small = pyramid.reduced(1 << int(np.log2(1 / shrink)))
    if small.size != (width, height):
        small = small.resize((width, height), Image.Resampling.BILINEAR)
    upscale = np.diag([size_in[0] / width, size_in[1] / height, 1])
    room = round(max(sizes) * 1.5)
    shape = tuple(fft.next_fast_len(s + room // 2, real=True) for s in (height, width))
    edges = _edges(np.asarray(small), shape)
    real, imaginary = (fft.rfft2(part) for part in edges)
    for part in edges:
        part *= part
    edges[0] += edges[1]
    power = fft.rfft2(edges[0])
    first, second = np.empty_like(real), np.empty_like(real)  # a new one each time would cost as much as what is in it

    def mapped(spectrum: Spectrum) -> NDArray[np.float32]:
        return np.asarray(fft.irfft2(spectrum, shape, overwrite_x=True)[:height, :width], np.float32)

    found: list[tuple[float, Matrix]] = []
    for size in (round(s) for s in sizes):
        template = mark.once(("template", size, shape), partial(_template, mark, size, shape))
        energy = mapped(np.multiply(power, template.mask, out=first))
        maps = []
        for x_part, y_part in template.turned:
            np.multiply(real, x_part, out=first)
            first += np.multiply(imaginary, y_part, out=second)
            maps.append(mapped(first))
        best = np.maximum(maps[0], maps[1])
        np.maximum(best, maps[2], out=best)
        np.maximum(energy, QUIET * template.energy, out=energy)
        best /= np.sqrt(energy, out=energy)
        reach = max(2, size // 4)
        for _ in range(PEAKS):
            y, x = np.unravel_index(int(best.argmax()), best.shape)
            score = float(best[y, x])
            angle = np.radians(TURNS[int(np.argmax([m[y, x] for m in maps]))])
            cos, sin = np.cos(angle) * size / 2, np.sin(angle) * size / 2
            pose = np.array([[cos, -sin, x + 0.5], [sin, cos, y + 0.5], [0, 0, 1]])
            found.append((score, upscale @ pose))
            best[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = -1
    return found


def _edges(small: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Both parts of the field of edges in the corner of 2 x ``shape``, made in bands of rows: small ones are quick."""
    height, width = small.shape[:2]
    reach = reach_of(BLUR)
    edges = np.zeros((2, *shape), np.float32)
    for top in range(0, height, BAND):
        above, bottom = min(top, reach), min(top + BAND, height)
        parts = parts_of(planes_of(small[top - above : bottom + reach]), BLUR)
        for part, whole in zip(parts, edges, strict=True):
            whole[top:bottom, :width] = part[above : above + bottom - top]
    return edges


def _template(mark: Mark, size: int, shape: tuple[int, ...]) -> _Template:
    room = round(size * 1.5) | 1
    turned = []
    first: Spectrum | None = None
    energy = 0.0
    for turn in TURNS:
        angle = np.radians(turn)
        cos, sin = np.cos(angle) * size / 2, np.sin(angle) * size / 2
        patch = premultiplied(
            mark.rgba, np.array([[cos, -sin, room / 2], [sin, cos, room / 2], [0, 0, 1]]), (room, room)
        )
        mask = smooth(patch[..., 3], 1.0) > 0.05
        kernel = np.where(mask, field_of(channels(patch), BLUR), 0)
        own = float((np.abs(kernel) ** 2).sum())
        kernel = kernel / max(np.sqrt(own), 1e-6)
        turned.append((_spectrum(kernel.real, shape), _spectrum(kernel.imag, shape)))
        first, energy = (_spectrum(mask, shape), own) if turn == 0 else (first, energy)
    assert first is not None  # noqa: S101  (0 is among the turns)
    return _Template(first, tuple(turned), energy)


def _spectrum(kernel: NDArray[Any], shape: tuple[int, ...]) -> Spectrum:
    """What correlates with a kernel around its middle."""
    size = len(kernel)
    place = np.zeros(tuple(max(s, size) for s in shape), np.float32)
    place[:size, :size] = kernel
    place = np.roll(place, (-(size // 2), -(size // 2)), axis=(0, 1))
    return np.asarray(np.conj(fft.rfft2(place[: shape[0], : shape[1]])), np.complex64)
