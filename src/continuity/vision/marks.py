"""Finds a known mark in a picture, at any scale, slightly turned and in mild perspective.

What is compared are directions of edges, not colours (:mod:`continuity.vision.edges`), so that a recoloured or dimmed
mark is found as well as an intact one.

Search: normalised correlation of that field under the mark's mask, over a pyramid of the picture (FFT). Pose:
inverse compositional Gauss-Newton (Baker and Matthews 2004, IJCV 56:221) on the same field, from a similarity to a
homography. Coordinates are (x, y) in pixels, a pixel covers [i, i + 1); poses map the mark's own plane (its middle is
(0, 0), its longer side reaches from -1 to 1) to pixels of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

from continuity.vision.colour import lab_of
from continuity.vision.edges import Field, channels, field_of, premultiplied, smooth
from continuity.vision.homography import Matrix, plausible, projected, scale_of, warp

AREA = 20  # px: square root of the template's area in the search
LARGEST = 400  # px: longer side of the finest picture searched
LONGEST = 48  # px: longer side of a template in the search
STEP = 1.3  # between scales
TURNS = (-10.0, 0.0, 10.0)  # degrees; refinement covers what is between, and 5 degrees beyond
MARGIN = 1.16  # of a rectified patch over the mark
TRIED = 5  # candidates that are refined
PART = 0.45  # of the mark's edges that has to be visible
QUIET = 0.1  # of the template's energy: a calmer place cannot correlate

COARSE = 40  # px of the patch in the first rounds

# Rounds of refinement: size of the patch, blur of its edges, parameters that each step moves, and how many stay.
_ROUNDS = (
    (COARSE, 2.0, (4,) * 3, 3),
    (COARSE, 2.0, (6,) * 4, 2),
    (72, 1.5, (6,) * 3, 1),
    (112, 1.2, (8,) * 4, 1),
)


@dataclass(frozen=True, slots=True)
class Found:
    """Where a mark is: the pose, and the correlation of edges in [-1, 1] there.

    ``upper`` is what the better-fitting part of the mark reaches locally, by edge energy the best :data:`PART`: high
    also where the rest is hidden.
    """

    pose: Matrix
    correlation: float
    upper: float = 0.0


@dataclass(slots=True)
class Mark:
    """Artwork made ready: ``rgba`` is H x W x 4 float32 in [0, 255], straight alpha, sRGB."""

    rgba: NDArray[np.float32]
    _spectra: dict[Any, list[tuple[NDArray[Any], NDArray[Any], float]]] = field(default_factory=dict, repr=False)
    _patches: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def half(self) -> tuple[float, float]:
        """Half width and half height of the mark in its own plane: the longer is 1."""
        height, width = self.rgba.shape[:2]
        longer = max(height, width)
        return width / longer, height / longer

    def patch(self, size: int) -> NDArray[np.float32]:
        """Premultiplied RGBA (0 to 1) of the mark in a patch of :func:`grid_of` ``size``."""
        key = ("patch", size)
        if key not in self._patches:
            height, width = shape_of(self, size)
            self._patches[key] = premultiplied(self.rgba, plane_to_patch(self, size), (height, width))
        return np.asarray(self._patches[key])

    def aligner(self, size: int, blur: float) -> _Aligner:
        """What alignment at one size needs, computed once."""
        key = ("aligner", size, blur)
        if key not in self._patches:
            self._patches[key] = _Aligner.of(self, size, blur)
        found: _Aligner = self._patches[key]
        return found


def shape_of(mark: Mark, size: int) -> tuple[int, int]:
    """Rows and columns of a rectified patch whose mark has a longer side of ``size`` pixels; a margin is around it."""
    half_x, half_y = mark.half
    pad = (MARGIN - 1) * size
    return round(half_y * size + pad), round(half_x * size + pad)


def plane_to_patch(mark: Mark, size: int) -> Matrix:
    """From the mark's plane to pixels of the rectified patch."""
    height, width = shape_of(mark, size)
    return np.array([[size / 2, 0, width / 2], [0, size / 2, height / 2], [0, 0, 1]], np.float64)


def corners(mark: Mark, pose: Matrix) -> NDArray[np.float64]:
    """The four corners (4 x 2) in the picture: top left, top right, bottom right, bottom left."""
    half_x, half_y = mark.half
    plane = np.array([[-half_x, -half_y], [half_x, -half_y], [half_x, half_y], [-half_x, half_y]])
    return projected(pose, plane)


class Pyramid:
    """A picture (H x W x 3 uint8 sRGB) at halves of its size, each made once."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.levels: dict[int, Image.Image] = {1: Image.fromarray(np.ascontiguousarray(pixels))}

    def reduced(self, factor: int) -> Image.Image:
        """The picture at 1 / ``factor``."""
        if factor not in self.levels:
            self.levels[factor] = self.levels[1].reduce(factor)
        return self.levels[factor]

    def rectified(self, mark: Mark, pose: Matrix, size: int) -> NDArray[np.uint8]:
        """The picture as the mark's patch of ``size``: h x w x 3; black outside the picture."""
        height, width = shape_of(mark, size)
        into = pose @ np.linalg.inv(plane_to_patch(mark, size))
        box = corners(mark, pose)
        long = np.linalg.norm(box - np.roll(box, 1, axis=0), axis=1).max()
        factor = int(np.clip(long // (size * 1.0), 1, 16))
        picture = self.reduced(factor)
        into = np.diag([1 / factor, 1 / factor, 1]) @ into
        into = into / into[2, 2]
        return np.asarray(
            picture.transform(
                (width, height), Image.Transform.PERSPECTIVE, tuple(into.ravel()[:8]), Image.Resampling.BILINEAR
            )
        )


def find(pyramid: Pyramid, mark: Mark) -> Found:
    """The best place of the mark; its correlation tells whether the mark is there at all."""
    tried = [Found(pose, score) for score, pose in candidates(pyramid, mark)]
    for size, blur, steps, kept in _ROUNDS:
        tried = [_refined(pyramid, mark, found.pose, size, blur, steps) for found in tried]
        tried = sorted(tried, key=lambda found: -found.correlation)[:kept]
    return _with_upper(pyramid, mark, tried[0]) if tried else Found(np.eye(3), 0.0)


def candidates(pyramid: Pyramid, mark: Mark) -> list[tuple[float, Matrix]]:
    """Correlation and pose of the most promising places, the best first."""
    picture = pyramid.levels[1]
    width, height = picture.size
    longer = max(width, height)
    half_x, half_y = mark.half
    template = min(AREA / np.sqrt(half_x * half_y), LONGEST)
    found: list[tuple[float, Matrix]] = []
    side = min(float(LARGEST), float(longer))
    while side >= template * 0.9:
        scale = side / longer
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = pyramid.reduced(max(1, int(longer / side))).resize(size, Image.Resampling.BILINEAR)
        found += _at_level(np.asarray(small), mark, round(template), (size[0] / width, size[1] / height))
        side /= STEP
    found.sort(key=lambda f: -f[0])
    kept: list[tuple[float, Matrix]] = []
    for score, pose in found:
        near = (np.hypot(*(pose[:2, 2] - k[:2, 2])) < 0.5 * np.sqrt(scale_of(k) * scale_of(pose)) for _, k in kept)
        alike = (abs(np.log(scale_of(pose) / scale_of(k))) < 0.3 for _, k in kept)
        if not any(n and a for n, a in zip(near, alike, strict=True)):
            kept.append((score, pose))
        if len(kept) == TRIED:
            break
    return kept


def _at_level(
    small: NDArray[np.uint8], mark: Mark, template: int, scale: tuple[float, float]
) -> list[tuple[float, Matrix]]:
    """The best places for templates of one size in a picture of one size."""
    field = field_of(lab_of(small), 0.8)
    height, width = field.shape
    made = _spectra_of(mark, template, (height, width))
    shape = made[0][0].shape
    spectrum = fft.fft2(field, shape)
    power = fft.rfft2(np.abs(field) ** 2, shape)
    energy = fft.irfft2(power * made[0][1], shape).astype(np.float32)
    found: list[tuple[float, Matrix]] = []
    scores = []
    for kernel, _, own in made:
        correlation = fft.ifft2(spectrum * kernel).real
        scores.append(correlation / np.sqrt(own * np.maximum(energy, QUIET * own)))
    best = np.stack(scores)
    best[:, height:, :] = best[:, :, width:] = -1  # middles outside the picture
    reach = max(2, template // 3)
    for _ in range(3):
        turn, y, x = np.unravel_index(int(best.argmax()), best.shape)
        score = float(best[turn, y, x])
        angle = np.radians(TURNS[turn])
        half = template / 2
        cos, sin = np.cos(angle) * half, np.sin(angle) * half
        pose = np.array([[cos, -sin, x + 0.5], [sin, cos, y + 0.5], [0, 0, 1]])
        found.append((score, np.diag([1 / scale[0], 1 / scale[1], 1]) @ pose))
        best[:, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = -1
    return found


def _spectra_of(mark: Mark, template: int, shape: tuple[int, int]) -> list[tuple[NDArray[Any], NDArray[Any], float]]:
    """Per turn: conjugate spectrum of the template, spectrum of its mask, its energy; kept for pictures of one size."""
    key = template, shape
    if key in mark._spectra:
        return mark._spectra[key]
    if len(mark._spectra) > 20:  # pictures of another size come now
        mark._spectra.clear()
    made = []
    room = template + template // 2 | 1
    padded = tuple(fft.next_fast_len(max(s + room // 2, room)) for s in shape)
    for turn in TURNS:
        angle = np.radians(turn)
        cos, sin = np.cos(angle) * template / 2, np.sin(angle) * template / 2
        into = np.array([[cos, -sin, room / 2], [sin, cos, room / 2], [0, 0, 1]])
        patch = premultiplied(mark.rgba, into, (room, room))
        mask = smooth(patch[..., 3], 1.0) > 0.05
        kernel = np.where(mask, field_of(channels(patch), 0.8), 0).astype(np.complex64)
        middle = room // 2
        place = np.zeros(padded, np.complex64)
        place[:room, :room] = kernel
        spot = np.zeros(padded, np.float32)
        spot[:room, :room] = mask
        place, spot = (np.roll(a, (-middle, -middle), axis=(0, 1)) for a in (place, spot))
        made.append((np.conj(fft.fft2(place)), np.conj(fft.rfft2(spot)), float((np.abs(kernel) ** 2).sum())))
    mark._spectra[key] = made
    return made


@dataclass(frozen=True, slots=True)
class _Aligner:
    """A template for Gauss-Newton at one size."""

    size: int
    blur: float
    template: Field
    mask: NDArray[np.float32]
    steepest: NDArray[np.float32]  # 8 x (2 n): the derivatives of real and imaginary part by each parameter

    @classmethod
    def of(cls, mark: Mark, size: int, blur: float) -> _Aligner:
        patch = mark.patch(size)
        mask = np.clip(smooth(patch[..., 3], size / 50) * 4, 0, 1).astype(np.float32)
        template = field_of(channels(patch), blur) * mask
        down, right = np.gradient(template)
        height, width = template.shape
        ys, xs = np.mgrid[:height, :width].astype(np.float32)
        x, y = (xs + 0.5 - width / 2) / (size / 2), (ys + 0.5 - height / 2) / (size / 2)
        right, down = right * size / 2, down * size / 2
        rows = [right, down, right * x + down * y, down * x - right * y, right * x - down * y, right * y + down * x]
        rows += [-(right * x + down * y) * x, -(right * x + down * y) * y]
        steepest = np.stack([np.concatenate([(r * mask).real.ravel(), (r * mask).imag.ravel()]) for r in rows])
        return cls(size, blur, template.astype(np.complex64), mask, steepest.astype(np.float32))


def correlate(aligner: _Aligner, seen: Field) -> float:
    """Normalised correlation of edges under the mark's mask."""
    own = float((np.abs(aligner.template) ** 2).sum())
    masked = seen * aligner.mask
    energy = float((np.abs(masked) ** 2).sum())
    return float((np.conj(aligner.template) * masked).real.sum()) / float(
        np.sqrt(own * max(energy, QUIET * own) + 1e-9)
    )


def local_fit(aligner: _Aligner, seen: Field) -> NDArray[np.float32]:
    """Correlation of edges around each place, in windows of a twelfth of the mark."""
    wide = aligner.size / 12
    match = smooth((np.conj(aligner.template) * seen).real, wide)
    own, there = smooth(np.abs(aligner.template) ** 2, wide), smooth(np.abs(seen) ** 2, wide)
    return np.asarray(match / np.sqrt(np.maximum(own * np.maximum(there, QUIET * own), 1e-9)), np.float32)


def _with_upper(pyramid: Pyramid, mark: Mark, found: Found) -> Found:
    """The place with :attr:`Found.upper`."""
    size, blur = _ROUNDS[-1][:2]
    aligner = mark.aligner(size, blur)
    seen = field_of(lab_of(pyramid.rectified(mark, found.pose, size)), blur) * aligner.mask
    energy = (np.abs(aligner.template) ** 2).ravel()
    fits = local_fit(aligner, seen).ravel()
    order = np.argsort(-fits)
    reached = np.searchsorted(np.cumsum(energy[order]), PART * energy.sum())
    return Found(found.pose, found.correlation, float(fits[order][min(reached, len(order) - 1)]))


def _refined(pyramid: Pyramid, mark: Mark, pose: Matrix, size: int, blur: float, steps: tuple[int, ...]) -> Found:
    """Gauss-Newton from a pose; ``steps`` says how many parameters each step may move. The best pose seen is kept."""
    aligner = mark.aligner(size, blur)
    best: Found | None = None
    start = pose
    for count in (*steps, 0):
        seen = field_of(lab_of(pyramid.rectified(mark, pose, size)), blur)
        score = correlate(aligner, seen)
        if best is None or score > best.correlation:
            best = Found(pose, score)
        if not count:
            break
        seen = seen * aligner.mask
        energy = float((np.abs(seen) ** 2).sum())
        gain = float((np.conj(aligner.template) * seen).real.sum()) / max(energy, 1e-6)
        off = aligner.template - np.clip(gain, 0.3, 3.0) * seen
        steepest = aligner.steepest[:count]
        wrong = np.concatenate([off.real.ravel(), off.imag.ravel()])
        if size > COARSE:  # what is hidden must not pull
            trust = np.clip(local_fit(aligner, seen), 0.05, 1).ravel() ** 2
            steepest = steepest * np.concatenate([trust, trust])
        normal = np.einsum("ik,jk->ij", steepest, aligner.steepest[:count]).astype(
            np.float64
        )  # BLAS would start threads
        normal += np.eye(count) * (1e-3 * np.trace(normal) / count)
        step = np.zeros(8)
        step[:count] = -np.linalg.solve(normal, (steepest @ wrong).astype(np.float64))
        step = np.clip(step, -0.15, 0.15)
        pose = pose @ np.linalg.inv(warp(step))
        pose = pose / pose[2, 2]
        if not plausible(start, pose):
            break
        if np.abs(step).max() < 0.1 / size:
            break
    assert best is not None  # noqa: S101  (the loop runs at least once)
    return best
