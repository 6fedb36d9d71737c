"""A mark drawn out along a line, as wet paint is: where it was, found by drawing the artwork out in the same way.

The middle of a smear says where the mark was no better than its outline can be told. Artwork that is drawn out alike
fits in one place alone (analysis by synthesis): line, size and place by normalised correlation over a grid, then place
and line by Nelder and Mead (1965), to a fraction of a pixel. All of it is done on spectra, where drawing out along a
line and moving are products.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from continuity.vision.homography import Matrix
from continuity.vision.mark_plate import filled
from continuity.vision.mark_redraw import Scene, art_in, drawn_over, scene_of
from continuity.vision.marks import Mark

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

AROUND = 0.3  # of the mark's longer side: how far around its place is looked at
FAR = 0.2  # of it: how far a smear reaches at most
ANGLES, REACHES = 12, (0.05, 0.09, 0.13, 0.17)  # of a half circle; of the longer side, to either side
SIZES = (0.98, 1.0, 1.02, 1.04, 1.06)  # of the place: framing varies
TAPS, SOFT = 9, 0.5  # places along the line; px (sigma) of what a camera or a renderer draws
BESIDE = 0.06  # of the longer side: how far around the artwork a fit is judged
EXPLAINED = 0.9  # share of the variance there that smeared artwork has to explain
HOPELESS = 0.6  # below it no other size will: another artwork has .5 at most, a smear .8 or more at any
LEAST = 0.03  # of the longer side: a mark that is drawn out by less is not smeared
BAND, THERE = 2, 0.06  # px of a ring around the artwork; cover from which the smear would show in it


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Artwork at a place of a scene, as it is and as spectrum, to be moved and drawn out."""

    pose: Matrix
    art: Floats
    spectrum: NDArray[np.complex128]
    fx: Doubles
    fy: Doubles

    @classmethod
    def at(cls, scene: Scene, mark: Mark, pose: Matrix) -> _Drawn:
        art = art_in(scene, mark, pose)
        height, width = art.shape[:2]
        fy = np.asarray(np.fft.fftfreq(height)[:, None], np.float64)
        fx = np.asarray(np.fft.rfftfreq(width)[None, :], np.float64)
        soft = np.exp(-2 * np.square(np.pi * SOFT) * (fx**2 + fy**2))
        return cls(pose, art, np.fft.rfft2(art, axes=(0, 1)) * soft[..., None], fx, fy)

    def turn(self, angle: float, reach: float) -> Doubles:
        """What drawing out along a line does to a spectrum."""
        along = np.linspace(-reach, reach, TAPS)[:, None, None]
        turned: Doubles = np.cos(2 * np.pi * along * (self.fy * math.sin(angle) + self.fx * math.cos(angle))).mean(0)
        return turned

    def smeared(self, x: Doubles) -> Floats:
        """Premultiplied RGBA, moved by ``x[:2]`` and drawn out along angle ``x[2]`` by ``x[3]`` px to either side."""
        change = np.exp(-2j * np.pi * (self.fx * x[0] + self.fy * x[1])) * self.turn(x[2], x[3])
        return np.fft.irfft2(self.spectrum * change[..., None], s=self.art.shape[:2], axes=(0, 1)).astype(np.float32)


def unsmeared(picture: Floats, mark: Mark, pose: Matrix) -> Floats | None:
    """A copy of the picture (H x W x 3, sRGB in [0, 1]) with the mark drawn sharp where it was smeared near a place.

    The plate is carried on under the smear. None where something else is there than the artwork drawn out.
    """
    scene = scene_of(picture, mark, pose, AROUND)
    found: list[tuple[_Drawn, Doubles, float]] = []
    for size in SIZES:
        start = _likeliest(scene, mark, pose, size)
        if start is None:
            return None
        found.append(_settled(scene, *start, tries=50))
        if found[-1][2] < HOPELESS:
            return None
    size = _between(SIZES, [explained for *_, explained in found])
    nearest = found[int(np.abs(np.array(SIZES) - size).argmin())]
    drawn, x, explained = _settled(scene, _Drawn.at(scene, mark, _grown(pose, size)), nearest[1], tries=100)
    if explained < EXPLAINED or abs(x[3]) < LEAST * scene.long:
        return None
    there = replace(scene, art=art_in(scene, mark, _moved(drawn.pose, x)))
    return drawn_over(picture, there, _spoilt(there, drawn.smeared(x)))


def _likeliest(scene: Scene, mark: Mark, pose: Matrix, size: float) -> tuple[_Drawn, Doubles] | None:
    """The place in whole pixels and the line whose smear correlates best with what is there.

    None where the artwork would not be seen: beyond the edge of the picture, or on a plate of its own colour.
    """
    far = ndimage.distance_transform_edt(scene.art[..., 3] < 0.5) > FAR * scene.long
    plate = np.median(scene.seen[far] if far.any() else scene.seen.reshape(-1, 3), axis=0)
    drawn = _Drawn.at(scene, mark, _grown(pose, size))
    template = drawn.spectrum[..., :3] - drawn.spectrum[..., 3:] * plate
    product = (np.fft.rfft2(scene.seen - plate, axes=(0, 1)) * np.conj(template)).sum(-1)
    power = np.square(np.abs(template)).sum(-1)
    best, most = np.zeros(4), -np.inf
    for angle in np.arange(ANGLES) * math.pi / ANGLES:
        for reach in np.array(REACHES) * scene.long:
            turn = drawn.turn(angle, reach)
            strength = math.sqrt(float((power * turn**2).sum()))
            if not strength:
                return None
            found = np.fft.irfft2(product * turn, s=scene.seen.shape[:2])
            y, x = np.unravel_index(int(found.argmax()), found.shape)
            score = float(found[y, x]) / strength
            if score > most:
                height, width = found.shape
                best = np.array([x - width * (x > width / 2), y - height * (y > height / 2), angle, reach], float)
                most = score
    return drawn, best


def _settled(scene: Scene, drawn: _Drawn, start: Doubles, tries: int) -> tuple[_Drawn, Doubles, float]:
    """Place and line to a fraction of a pixel, and the share of the variance that the smear then explains."""
    moved = ndimage.shift(drawn.art[..., 3], (start[1], start[0]), order=0)
    inside = ndimage.distance_transform_edt(moved < 0.5) <= BESIDE * scene.long
    seen = scene.seen[inside].astype(np.float64)
    total = float(np.square(seen - seen.mean(axis=0)).sum())
    if inside.sum() < TAPS**2 or not total:
        return drawn, start, 0.0

    def left(x: Doubles) -> float:
        """Share of the variance that is left where the plate is even and each channel has a light of its own."""
        spread = drawn.smeared(x)[inside].astype(np.float64)
        rest = 0.0
        for channel in range(3):
            terms = np.stack([spread[:, channel], 1 - spread[:, 3], spread[:, 3]], axis=1)
            solved = np.linalg.solve(terms.T @ terms + 1e-6 * np.eye(3), terms.T @ seen[:, channel])
            rest += float(np.square(seen[:, channel] - terms @ solved).sum())
        return rest / total

    simplex = np.vstack([start, start + np.diag([1.0, 1.0, 0.13, 1.5])])
    options = {"initial_simplex": simplex, "maxfev": tries, "xatol": 0.05, "fatol": 1e-4}
    found = optimize.minimize(left, start, method="Nelder-Mead", options=options)
    return drawn, found.x, 1 - float(found.fun)


def _between(at: Sequence[float], values: Sequence[float]) -> float:
    """Where a parabola through the largest of equally spaced values and its neighbours has its top."""
    k = min(max(int(np.argmax(values)), 1), len(at) - 2)
    low, middle, high = values[k - 1 : k + 2]
    bend = low - 2 * middle + high
    step = 0.5 * (low - high) / bend if bend < 0 else 0.0
    return at[k] + float(np.clip(step, -1, 1)) * (at[1] - at[0])


def _spoilt(scene: Scene, smear: Floats) -> Floats:
    """Where the plate has to be carried on: under the mark, and around it as far out as the smear is seen."""
    cover = smear[..., 3]
    away = ndimage.distance_transform_edt(scene.art[..., 3] < 0.5)
    could = (cover > THERE) & (away <= FAR * scene.long)
    plate = filled(scene.seen, (could | (away <= BAND)).astype(np.float32), round(scene.long))
    with_it = np.square(scene.seen - (smear[..., :3] + (1 - cover[..., None]) * plate)).sum(-1)
    without = np.square(scene.seen - plate).sum(-1)
    reach = BAND
    while reach < FAR * scene.long:
        ring = could & (away > reach) & (away <= reach + BAND)
        if not ring.any() or (with_it < without)[ring].mean() < 0.5:
            break
        reach += BAND
    mask = (away <= BAND) | ((away <= reach) & (cover > THERE))
    return np.asarray(ndimage.binary_dilation(mask, iterations=2), np.float32)


def _grown(pose: Matrix, size: float) -> Matrix:
    return pose @ np.diag([size, size, 1.0])


def _moved(pose: Matrix, x: Doubles) -> Matrix:
    return np.array([[1, 0, x[0]], [0, 1, x[1]], [0, 0, 1]]) @ pose
