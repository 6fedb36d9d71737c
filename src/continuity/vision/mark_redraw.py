"""The artwork of a mark drawn into a picture as it should look there, in place of what is there now.

What was measured of the drifted mark is used again: its place, the light on it, its softness, what lies over it, and
the grain of the plate. Old ink that the artwork does not cover is filled with the plate around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from continuity.vision.colour import lab_of, srgb_of
from continuity.vision.edges import premultiplied, smooth
from continuity.vision.homography import Matrix, projected
from continuity.vision.mark_drift import Drift
from continuity.vision.mark_light import apart, blurred, light_of, plate_of
from continuity.vision.marks import Mark, corners, extent, plane_to_patch, shape_of

Floats = NDArray[np.float32]

AROUND = 0.25  # of the mark's longer side: how far around it is looked at, and old ink is looked for
INK = 9.0  # CIELAB units from the plate at which a place shows old ink
SHARP = 0.5  # px: the least blur of what a camera or a renderer draws
TINTS = (0.85, 1.15), (-3.0, 3.0)  # gain and offset of colour that a recoloured mark may be taken to be lit by
FINEST = 1e-3  # sRGB: less grain is none


@dataclass(frozen=True, slots=True)
class Setting:
    """How a mark looks where it is: gain and offset of its CIELAB, blur (sigma) in pixels, grain (sigma) in sRGB."""

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    blur: float
    grain: float

    def to_array(self) -> NDArray[np.float64]:
        """All of it as 8 numbers, to be interpolated in time."""
        return np.array([*self.gain, *self.offset, self.blur, self.grain])

    @classmethod
    def of_array(cls, numbers: NDArray[np.float64]) -> Setting:
        """The setting of such numbers."""
        return cls(numbers[:3], numbers[3:6], float(numbers[6]), float(numbers[7]))


@dataclass(frozen=True, slots=True)
class _Scene:
    """The part of a picture around a mark: its place in the picture, its colours, the artwork drawn into it."""

    rows: slice
    columns: slice
    seen: Floats  # h x w x 3, sRGB in [0, 1]
    art: Floats  # h x w x 4, premultiplied
    long: float  # px


def setting_of(picture: Floats, mark: Mark, pose: Matrix, drift: Drift) -> Setting:
    """How the mark looks at its place in a picture (H x W x 3, sRGB in [0, 1]), whatever is wrong with it."""
    scene = _scene(picture, mark, pose)
    alpha = scene.art[..., 3]
    lab = lab_of(np.clip(scene.seen, 0, 1))
    inner = (ndimage.grey_erosion(alpha, size=3) > 0.9).astype(np.float32)
    gain, offset = light_of(_straight(scene.art), lab, alpha, inner, max(drift.blur, 0.3))
    if drift.kinds.recoloured > 0.15:  # what is wrong with its colour is no light
        gain[1:], offset[1:] = np.clip(gain[1:], *TINTS[0]), np.clip(offset[1:], *TINTS[1])
    blur = drift.blur if drift.kinds.blurred < 0.15 else SHARP
    return Setting(gain, offset, float(np.clip(blur, SHARP, 3.0)), _grain(scene))


def redrawn(picture: Floats, mark: Mark, pose: Matrix, drift: Drift, setting: Setting, seed: int) -> Floats:
    """A copy of the picture (H x W x 3, sRGB in [0, 1]) with the artwork in place of the mark that is there."""
    scene = _scene(picture, mark, pose)
    alpha = scene.art[..., 3]
    lab = lab_of(np.clip(scene.seen, 0, 1))
    covered = _covered(mark, pose, drift, scene)
    old = _old_ink(lab, alpha, covered, scene.long)
    plate = plate_of(scene.seen, np.maximum(alpha, old), round(scene.long))
    ink = srgb_of(_straight(scene.art) * setting.gain + setting.offset).astype(np.float32)
    grain = np.random.default_rng(seed).normal(0, setting.grain, ink.shape[:2]).astype(np.float32)[..., None]
    drawn = blurred(np.concatenate([ink * alpha[..., None], alpha[..., None]], axis=-1), setting.blur)
    own = drawn[..., 3:] * (1 - covered)[..., None]
    fill = np.clip(smooth(np.maximum(old, alpha), 0.7), 0, 1)[..., None] * (1 - covered)[..., None]
    ground = scene.seen * (1 - fill) + (plate + grain) * fill
    colour = drawn[..., :3] / np.maximum(drawn[..., 3:], 1e-3) + grain
    out = picture.copy()
    out[scene.rows, scene.columns] = np.clip(ground * (1 - own) + colour * own, 0, 1)
    return out


def placed(picture: Floats, mark: Mark, pose: Matrix) -> Floats:
    """A copy of the picture (H x W x 3, sRGB in [0, 1]) with the artwork laid over whatever is at a place."""
    scene = _scene(picture, mark, pose)
    drawn = blurred(scene.art, SHARP)
    out = picture.copy()
    out[scene.rows, scene.columns] = np.clip(scene.seen * (1 - drawn[..., 3:]) + drawn[..., :3], 0, 1)
    return out


def _scene(picture: Floats, mark: Mark, pose: Matrix) -> _Scene:
    box = corners(mark, pose)
    long = float(np.linalg.norm(box - np.roll(box, 1, axis=0), axis=1).max())
    height, width = picture.shape[:2]
    left, top = np.floor(np.maximum(box.min(axis=0) - AROUND * long - 4, 0)).astype(int)
    right, bottom = np.ceil(np.minimum(box.max(axis=0) + AROUND * long + 4, [width, height])).astype(int)
    seen = np.ascontiguousarray(picture[top:bottom, left:right], np.float32)
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
    return _Scene(
        slice(top, bottom), slice(left, right), seen, premultiplied(mark.rgba, shift @ pose, seen.shape[:2]), long
    )


def _straight(art: Floats) -> Floats:
    """CIELAB of the artwork's own colours, carried on beyond its edge."""
    alpha = art[..., 3:]
    near = blurred(art, 1.5)
    rgb = np.where(alpha > 0.9, art[..., :3] / np.maximum(alpha, 0.1), near[..., :3] / np.maximum(near[..., 3:], 0.02))
    return np.asarray(lab_of(np.clip(rgb, 0, 1)), np.float32)


def _old_ink(lab: Floats, alpha: Floats, covered: Floats, long: float) -> Floats:
    """Where the drifted mark shows beyond the artwork, in [0, 1]: near it, and unlike the plate farther out."""
    near = np.clip(smooth(alpha, AROUND * long / 3) * 4, 0, 1)
    plate = plate_of(lab, near, round(long))
    ink = (apart(lab, plate) > INK) & (near > 0.35) & (covered < 0.5)
    touching = ndimage.binary_propagation(alpha > 0.5, mask=ink | (alpha > 0.5))  # what hangs together with the mark
    islands = ink & (smooth(alpha, long / 16) > 0.05)
    spread = max(1, round(long / 60))
    return np.asarray(ndimage.binary_dilation((touching & ink) | islands, iterations=spread), np.float32)


def _covered(mark: Mark, pose: Matrix, drift: Drift, scene: _Scene) -> Floats:
    """What lies over the mark, from the patch in which it was compared to the picture, in [0, 1]."""
    shape = scene.seen.shape[:2]
    if not drift.covered.any():
        return np.zeros(shape, np.float32)
    height, width = drift.covered.shape
    size = next(s for s in range(8, extent(mark, 4096)) if _fits(mark, s, (height, width)))
    into = plane_to_patch(mark, size) @ np.linalg.inv(pose)
    ys, xs = np.mgrid[scene.rows, scene.columns]
    at = projected(into, np.stack([xs.ravel() + 0.5, ys.ravel() + 0.5], axis=1).astype(np.float64)) - 0.5
    grown = ndimage.binary_dilation(drift.covered, iterations=2).astype(np.float32)
    found = ndimage.map_coordinates(grown, at.T[::-1], order=1, mode="constant").reshape(shape)
    return np.asarray(np.clip(found, 0, 1), np.float32)


def _fits(mark: Mark, size: int, shape: tuple[int, int]) -> bool:
    return shape_of(mark, size) == shape


def _grain(scene: _Scene) -> float:
    """Sigma of the finest detail in the calmest part of the plate."""
    light = scene.seen.mean(axis=-1)
    rest = light - ndimage.gaussian_filter(light, 1.0, mode="nearest")
    clear = smooth(scene.art[..., 3], 3.0) < 0.01
    size = max(5, round(scene.long / 8))
    power = ndimage.uniform_filter(np.square(rest), size, mode="nearest")[clear]
    if len(power) < 16:
        return 0.0
    sigma = float(np.sqrt(np.quantile(power, 0.2)) / 0.75)  # what a Gaussian of one pixel leaves of white noise
    return sigma if sigma > FINEST else 0.0
