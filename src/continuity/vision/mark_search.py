"""Places where a mark may be: normalised correlation of edge directions over scales and turns.

The field of :mod:`continuity.vision.edges` of the picture at several sizes, correlated under the mark's mask with the
field of the artwork (by FFT), at three turns. What comes out are candidates; which of them is the mark is told by
:mod:`continuity.vision.mark_pose`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

from continuity.vision.edges import channels, field_of, planes_of, premultiplied, smooth
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

Spectrum = NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class _Template:
    """The mark at one size, ready to be correlated with pictures of one shape."""

    mask: Spectrum
    turned: tuple[tuple[Spectrum, Spectrum, float], ...]  # per turn: real part, imaginary part, energy


def candidates(pyramid: Pyramid, mark: Mark) -> list[tuple[float, Matrix]]:
    """Correlation and pose of the most promising places, the best first; no two of them at the same place and size."""
    found = [one for level in _levels(pyramid, mark) for one in level]
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


def _levels(pyramid: Pyramid, mark: Mark) -> Iterator[list[tuple[float, Matrix]]]:
    """Candidates of every size of the picture, from the finest."""
    picture = pyramid.levels[1]
    width, height = picture.size
    longer = max(width, height)
    half_x, half_y = mark.half
    template = min(AREA / np.sqrt(half_x * half_y), LONGEST)
    side = min(float(LARGEST), float(longer))
    least = max(NARROWEST * side / half_x, SHORTEST / min(half_x, half_y))  # px of the mark's longer side
    sizes = [template]
    while sizes[-1] > least * 1.1:
        sizes.append(max(sizes[-1] / STEP, least))
    while side >= template * 0.9:
        scale = side / longer
        shape = max(1, round(width * scale)), max(1, round(height * scale))
        small = (
            picture
            if scale == 1
            else pyramid.reduced(max(1, int(longer / side))).resize(shape, Image.Resampling.BILINEAR)
        )
        yield _at_level(np.asarray(small), mark, sizes, (shape[0] / width, shape[1] / height))
        side /= STEP
        sizes = sizes[:1]


def _at_level(
    small: NDArray[np.uint8], mark: Mark, sizes: list[float], scale: tuple[float, float]
) -> list[tuple[float, Matrix]]:
    """The best places for the templates in a picture of one size."""
    field = field_of(planes_of(small), BLUR)
    height, width = field.shape
    room = round(max(sizes) * 1.5)
    shape = tuple(fft.next_fast_len(s + room // 2, real=True) for s in (height, width))
    real, imaginary = fft.rfft2(field.real, shape), fft.rfft2(field.imag, shape)
    power = fft.rfft2(field.real**2 + field.imag**2, shape)
    found: list[tuple[float, Matrix]] = []
    for size in (round(s) for s in sizes):
        template = mark.once(("template", size, shape), partial(_template, mark, size, shape))
        energy = fft.irfft2(power * template.mask, shape)[:height, :width]
        maps = []
        for x_part, y_part, own in template.turned:
            match = fft.irfft2(real * x_part + imaginary * y_part, shape)[:height, :width]
            maps.append(match / np.sqrt(own * np.maximum(energy, QUIET * own)))
        best = np.maximum(np.maximum(maps[0], maps[1]), maps[2])
        reach = max(2, size // 4)
        for _ in range(PEAKS):
            y, x = np.unravel_index(int(best.argmax()), best.shape)
            score = float(best[y, x])
            angle = np.radians(TURNS[int(np.argmax([m[y, x] for m in maps]))])
            cos, sin = np.cos(angle) * size / 2, np.sin(angle) * size / 2
            pose = np.array([[cos, -sin, x + 0.5], [sin, cos, y + 0.5], [0, 0, 1]])
            found.append((score, np.diag([1 / scale[0], 1 / scale[1], 1]) @ pose))
            best[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = -1
    return found


def _template(mark: Mark, size: int, shape: tuple[int, ...]) -> _Template:
    room = round(size * 1.5) | 1
    turned = []
    first: Spectrum | None = None
    for turn in TURNS:
        angle = np.radians(turn)
        cos, sin = np.cos(angle) * size / 2, np.sin(angle) * size / 2
        patch = premultiplied(
            mark.rgba, np.array([[cos, -sin, room / 2], [sin, cos, room / 2], [0, 0, 1]]), (room, room)
        )
        mask = smooth(patch[..., 3], 1.0) > 0.05
        kernel = np.where(mask, field_of(channels(patch), BLUR), 0)
        own = float((np.abs(kernel) ** 2).sum())
        turned.append((_spectrum(kernel.real, shape), _spectrum(kernel.imag, shape), own))
        first = _spectrum(mask, shape) if turn == 0 else first
    assert first is not None  # noqa: S101  (0 is among the turns)
    return _Template(first, tuple(turned))


def _spectrum(kernel: NDArray[Any], shape: tuple[int, ...]) -> Spectrum:
    """What correlates with a kernel around its middle."""
    size = len(kernel)
    place = np.zeros(tuple(max(s, size) for s in shape), np.float32)
    place[:size, :size] = kernel
    place = np.roll(place, (-(size // 2), -(size // 2)), axis=(0, 1))
    return np.asarray(np.conj(fft.rfft2(place[: shape[0], : shape[1]])), np.complex64)
