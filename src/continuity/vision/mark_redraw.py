"""The artwork of a mark drawn into a picture as it should look there, in place of what is there now.

What was measured of the drifted mark is used again: its place, the light on it, its softness, what lies over it, and
the grain of the plate. Old ink that the artwork does not cover is filled with the plate around it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from continuity.vision.colour import lab_of, srgb_of
from continuity.vision.edges import premultiplied, smooth
from continuity.vision.homography import Matrix, projected
from continuity.vision.mark_cover import lying_over
from continuity.vision.mark_drift import Drift
from continuity.vision.mark_light import apart, blurred, light_of
from continuity.vision.mark_plate import CELL, ENOUGH, cleared, filled, guessed, old_ink, spread
from continuity.vision.marks import Mark, corners, extent, plane_to_patch, shape_of
from continuity.vision.palette import frequent
from continuity.vision.weighted import quantile

Floats = NDArray[np.float32]

AROUND = 0.25  # of the mark's longer side: how far around it is looked at, and old ink is looked for
REACH = 0.08  # of it: how far ink of a bent mark lies from where it should
RING, HALO = 6, 25.0  # px around it that are looked at, CIELAB units from which they show something else
RIM = 2  # px around artwork that is laid over another: what its place may be off by
SHARP = 0.5  # px: the least blur of what a camera or a renderer draws
UNSURE = 1.0  # px: the most that is believed of a mark whose shape is wrong, which looks soft for that
TINTS = (0.85, 1.15), (-3.0, 3.0)  # gain and offset of colour that a recoloured mark may be taken to be lit by
FINEST, COARSEST = 2e-3, 0.03  # sRGB: less grain is none, and more is texture
OTHER = 30.0  # CIELAB units by which a part may differ otherwise than most of the mark does, for its light
HALO_SEEN = 6.0  # times as much a guess counts under a blurred mark or a halo: what is left of its ink is seen
KEPT = 15.0  # of chroma that a part of a recoloured mark may be off by, to tell its light
FAULT = 0.15  # residual of a kind from which the mark has that fault
STRANGE = 14.0  # CIELAB units from the colour that a part of the mark has there


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
class Scene:
    """The part of a picture around a mark: its place in the picture, its colours, the artwork drawn into it."""

    rows: slice
    columns: slice
    seen: Floats  # h x w x 3, sRGB in [0, 1]
    art: Floats  # h x w x 4, premultiplied
    long: float  # px


@dataclass(frozen=True, slots=True)
class Standing:
    """A mark that drifted, as it stands in a picture: what all that is asked of it before it is drawn anew rests on."""

    scene: Scene  # with the artwork where it is to be drawn
    there: Floats  # h x w x 4, premultiplied: the artwork at the pose that the mark has
    drift: Drift
    lab: Floats  # h x w x 3, CIELAB of what is seen
    art: Floats  # h x w x 3, CIELAB of the artwork's own colours, carried on beyond its edge
    covered: Floats  # h x w, what lies over it, in [0, 1]


def standing(picture: Floats, mark: Mark, pose: Matrix, drift: Drift, was: Matrix | None = None) -> Standing:
    """A mark in a picture (H x W x 3, sRGB in [0, 1]) that is to be drawn at a pose, and has ``was`` if given."""
    scene = scene_of(picture, mark, pose)
    there = scene.art if was is None or was is pose else art_in(scene, mark, was)
    lab, art = lab_of(np.clip(scene.seen, 0, 1)), _straight(scene.art)
    return Standing(scene, there, drift, lab, art, _over(mark, pose, drift, scene, lab, art))


def setting_of(mark: Standing) -> Setting:
    """How the mark looks at its place, whatever is wrong with it."""
    scene, drift, lab, art = mark.scene, mark.drift, mark.lab, mark.art
    alpha = scene.art[..., 3]
    inner = (smooth(alpha, max(drift.blur, 0.3)) > 0.97).astype(np.float32)
    inner *= 1 - mark.covered
    gain, offset = np.ones(3), np.zeros(3)  # strokes so thin that the plate shines through tell nothing of the light
    inner *= _same(art, lab, inner)
    recoloured = drift.kinds.recoloured > FAULT
    if recoloured:  # what is wrong with its colour is no light: only parts that kept theirs tell
        inner *= np.hypot(*np.moveaxis(lab - art, -1, 0)[1:]) < KEPT
    if inner.sum() >= ENOUGH:
        gain, offset = light_of(art, lab, alpha, inner, max(drift.blur, 0.3))
    if recoloured:
        gain[1:], offset[1:] = np.clip(gain[1:], *TINTS[0]), np.clip(offset[1:], *TINTS[1])
    blur = min(drift.blur, SHARP if drift.kinds.blurred > FAULT else UNSURE if _reaches_out(drift) else 3.0)
    return Setting(gain, offset, max(SHARP, blur), _grain(scene))


def _same(art: Floats, lab: Floats, inner: Floats) -> Floats:
    """Where what is seen differs from the artwork much as it does in most of it, 0 or 1.

    A part that is missing or another one is no light: two colours with one of them gone would be taken for a gain.
    """
    if not inner.any():
        return inner
    by = lab - art
    usual = np.array([quantile(by[..., c], inner) for c in range(3)], np.float32)
    return (apart(by, np.broadcast_to(usual, by.shape)) < OTHER).astype(np.float32)


def cover_of(mark: Standing) -> float:
    """Share of the mark that something lies over."""
    alpha = mark.scene.art[..., 3]
    return float((mark.covered * alpha).sum()) / max(float(alpha.sum()), 1e-6)


def guessed_of(mark: Standing, setting: Setting) -> float:
    """How much of the plate around the artwork :func:`redrawn` would have to guess (mark_plate.guessed)."""
    scene = mark.scene
    _, spoilt = _plate(mark, setting)
    found = guessed(scene.seen, spoilt * (mark.covered < 0.5), scene.art[..., 3], round(scene.long))
    return found * HALO_SEEN if mark.drift.kinds.blurred > FAULT else found


def redrawn(picture: Floats, mark: Standing, setting: Setting, seed: int) -> Floats:
    """A copy of the picture (H x W x 3, sRGB in [0, 1]) with the artwork in place of the mark that stands there."""
    scene, covered = mark.scene, mark.covered
    alpha = scene.art[..., 3]
    plate, spoilt = _plate(mark, setting)
    ink = srgb_of(mark.art * setting.gain + setting.offset).astype(np.float32)
    grain = np.random.default_rng(seed).normal(0, setting.grain, ink.shape[:2]).astype(np.float32)[..., None]
    drawn = blurred(np.concatenate([ink * alpha[..., None], alpha[..., None]], axis=-1), setting.blur)
    own = drawn[..., 3:] * (1 - covered)[..., None]
    fill = spoilt[..., None] * (1 - covered)[..., None]
    ground = scene.seen * (1 - fill) + (plate + grain) * fill
    colour = drawn[..., :3] / np.maximum(drawn[..., 3:], 1e-3) + grain
    out = picture.copy()
    out[scene.rows, scene.columns] = np.clip(ground * (1 - own) + colour * own, 0, 1)
    return out


def _plate(mark: Standing, setting: Setting) -> tuple[Floats, Floats]:
    """The plate without the mark that is there, and where it is another than what is seen."""
    scene, there, drift = mark.scene, mark.there, mark.drift
    cover, size = there[..., 3], round(scene.long)
    seen = scene.seen
    if drift.kinds.blurred > FAULT:  # no place shows ink alone
        seen = srgb_of(_straight(there) * setting.gain + setting.offset).astype(np.float32)
    sure = ndimage.grey_erosion(cover, size=3) > 0.95
    sure = sure if sure.any() else cover >= cover.max()
    nearest = ndimage.distance_transform_edt(~sure, return_distances=False, return_indices=True)
    ink = blurred(seen[tuple(nearest)], setting.blur)
    shown, soft = spread(scene.seen, ink, cover, size, max(UNSURE, 1.5 * drift.blur))
    old = np.zeros_like(cover)
    if _reaches_out(drift):
        old = old_ink(mark.lab, scene.art[..., 3], _could(cover, drift, scene.long, soft), mark.covered, scene.long)
    return cleared(scene.seen, ink, shown, old, scene.art[..., 3], soft, size)


def _could(cover: Floats, drift: Drift, long: float, soft: float) -> NDArray[np.bool_]:
    """Where ink of the drifted mark may lie: as far from the artwork as it was bent, and between its parts."""
    reach = REACH * long if drift.kinds.deformed > FAULT else 2 * RIM
    ys, xs = np.nonzero(cover > 0.5)
    between = np.zeros(cover.shape, bool)
    if len(ys):
        between[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1] = True
    away = ndimage.distance_transform_edt(cover < 0.5)
    return np.asarray((away <= reach + 2 * soft) | (between & (away <= 2 * REACH * long)), np.bool_)


def placed(picture: Floats, mark: Mark, pose: Matrix, reach: float = 0.0) -> tuple[Floats, float]:
    """A copy of the picture (H x W x 3, sRGB in [0, 1]) with the artwork over whatever is at a place, and how much of
    the plate was guessed under a halo (mark_plate.guessed, as often as under a blurred mark; 0 without one).

    The rim of what lay there, a pixel or two that show around it, or as far as it reaches out (``reach``, px), is
    filled with the plate.
    """
    scene = scene_of(picture, mark, pose)
    art = scene.art[..., 3]
    spoilt = ndimage.grey_dilation(art, size=2 * max(RIM, round(reach)) + 1)
    guess = HALO_SEEN * guessed(scene.seen, spoilt, art, round(scene.long)) if reach else 0.0
    return drawn_over(picture, scene, spoilt), guess


def drawn_over(picture: Floats, scene: Scene, spoilt: Floats) -> Floats:
    """A copy of the picture with the plate carried on over what is spoilt (h x w of the scene, 0 to 1), and the artwork
    of the scene drawn there."""
    plate = filled(scene.seen, ndimage.grey_dilation(spoilt, size=3), round(scene.long))
    drawn = blurred(scene.art, SHARP)
    ground = scene.seen + spoilt[..., None] * (plate - scene.seen)
    out = picture.copy()
    out[scene.rows, scene.columns] = np.clip(ground * (1 - drawn[..., 3:]) + drawn[..., :3], 0, 1)
    return out


def hanging(picture: Floats, mark: Mark, pose: Matrix) -> float:
    """Share of a ring around artwork at a place that is unlike what is farther out: it would hang out from under."""
    scene = scene_of(picture, mark, pose)
    rim, ring, far = (ndimage.grey_dilation(scene.art[..., 3], size=2 * px + 1) for px in (RIM, RING, RING + RIM))
    lab = lab_of(np.clip(scene.seen, 0, 1))
    unlike = apart(lab, filled(lab, far, round(scene.long))) > HALO
    around = ring - rim > 0.5
    return float(unlike[around].mean()) if around.any() else 0.0


def scene_of(picture: Floats, mark: Mark, pose: Matrix, around: float = AROUND) -> Scene:
    """What is about a place, so many of the mark's longer side on every side, and the artwork drawn into it."""
    box = corners(mark, pose)
    long = float(np.linalg.norm(box - np.roll(box, 1, axis=0), axis=1).max())
    height, width = picture.shape[:2]
    left, top = np.floor(np.maximum(box.min(axis=0) - around * long - 4, 0)).astype(int)
    right, bottom = np.ceil(np.minimum(box.max(axis=0) + around * long + 4, [width, height])).astype(int)
    seen = np.ascontiguousarray(picture[top:bottom, left:right], np.float32)
    scene = Scene(slice(top, bottom), slice(left, right), seen, np.zeros(0, np.float32), long)
    return replace(scene, art=art_in(scene, mark, pose))


def art_in(scene: Scene, mark: Mark, pose: Matrix) -> Floats:
    """The artwork at a pose as it would be drawn into a scene: h x w x 4, premultiplied."""
    shift = np.array([[1, 0, -scene.columns.start], [0, 1, -scene.rows.start], [0, 0, 1]], np.float64)
    return premultiplied(mark.rgba, shift @ pose, scene.seen.shape[:2])


def _straight(art: Floats) -> Floats:
    """CIELAB of the artwork's own colours, carried on beyond its edge."""
    alpha = art[..., 3:]
    near = blurred(art, 1.5)
    rgb = np.where(alpha > 0.9, art[..., :3] / np.maximum(alpha, 0.1), near[..., :3] / np.maximum(near[..., 3:], 0.02))
    return np.asarray(lab_of(np.clip(rgb, 0, 1)), np.float32)


def _reaches_out(drift: Drift) -> bool:
    """Whether old ink may lie where the artwork has none: only then is it looked for there."""
    kinds = drift.kinds
    return max(kinds.deformed, kinds.altered, kinds.missing, kinds.blurred) > FAULT


def _over(mark: Mark, pose: Matrix, drift: Drift, scene: Scene, lab: Floats, art: Floats) -> Floats:
    """What lies over the mark, in [0, 1], whichever way it shows."""
    beyond = lying_over(lab, art, scene.art[..., 3], scene.long).astype(np.float32)
    return np.maximum(beyond, np.maximum(_covered(mark, pose, drift, scene), _crossing(scene, lab, art)))


def _covered(mark: Mark, pose: Matrix, drift: Drift, scene: Scene) -> Floats:
    """What lies over the mark, from the patch in which it was compared to the picture, in [0, 1]."""
    shape = scene.seen.shape[:2]
    if not drift.covered.any():
        return np.zeros(shape, np.float32)
    height, width = drift.covered.shape
    size = next(s for s in range(8, extent(mark, 4096)) if _fits(mark, s, (height, width)))
    into = plane_to_patch(mark, size) @ np.linalg.inv(pose)
    ys, xs = np.mgrid[scene.rows, scene.columns]
    at = projected(into, np.stack([xs.ravel() + 0.5, ys.ravel() + 0.5], axis=1).astype(np.float64)) - 0.5
    solid = ndimage.binary_opening(drift.covered, iterations=2)  # a thin rim is a mixture of colours, and no cover
    parts, _ = ndimage.label(solid)
    outside = ndimage.binary_dilation(mark.patch(size)[..., 3] < 0.05, iterations=3)
    solid &= np.isin(parts, parts[outside])  # what covers a mark comes from outside; what lies within it is its fault
    grown = ndimage.binary_dilation(solid, iterations=2).astype(np.float32)
    found = ndimage.map_coordinates(grown, at.T[::-1], order=1, mode="constant").reshape(shape)
    return np.asarray(np.clip(found, 0, 1), np.float32)


def _crossing(scene: Scene, lab: Floats, art: Floats) -> Floats:
    """What reaches from outside over the mark, in [0, 1], whatever colours the mark itself has come to have.

    Within one colour of the artwork the picture has one colour as well, right or wrong. Connected places of another
    colour that go on beyond the outline, in a colour that the surroundings elsewhere do not have, lie over the mark.
    """
    alpha = scene.art[..., 3]
    inner, outer = alpha > 0.9, alpha < 0.05
    palette = frequent(art[inner], CELL, 0.03)
    if not len(palette) or not outer.any():
        return np.zeros_like(alpha)
    near = np.stack([apart(np.broadcast_to(one, art.shape).astype(np.float32), art) for one in palette]).argmin(axis=0)
    strange = np.zeros(alpha.shape, bool)
    for number in range(len(palette)):
        part = inner & (near == number)
        if part.sum() >= ENOUGH:
            own = np.broadcast_to(np.median(lab[part], axis=0), lab.shape).astype(np.float32)
            strange |= part & (apart(own, lab) > STRANGE)
    strange = ndimage.binary_opening(strange, iterations=max(1, round(scene.long / 60)))
    around = outer & ndimage.binary_dilation(~outer, iterations=max(4, round(scene.long / 12)))
    ground = np.median(lab[around], axis=0) if around.any() else np.zeros(3)
    parts, total = ndimage.label(ndimage.binary_dilation(strange, iterations=2))
    found = np.zeros(alpha.shape, bool)
    for number in range(1, total + 1):
        part = parts == number
        beside = ndimage.binary_dilation(part, iterations=max(4, round(scene.long / 20))) & outer
        if beside.sum() < ENOUGH:
            continue
        inside = np.median(lab[part & inner], axis=0) if (part & inner).any() else ground
        same = apart(np.broadcast_to(inside, lab.shape).astype(np.float32), lab) < STRANGE
        goes_on = (same & beside).sum() >= max(ENOUGH, 0.15 * beside.sum())
        if goes_on and float(np.hypot(*(inside - ground)[1:]) + abs(inside[0] - ground[0]) / 2) > STRANGE:
            found |= part
    return np.asarray(found, np.float32)


def _fits(mark: Mark, size: int, shape: tuple[int, int]) -> bool:
    return shape_of(mark, size) == shape


def _grain(scene: Scene) -> float:
    """Sigma of the finest detail inside the mark, where the artwork is flat."""
    light = scene.seen.mean(axis=-1)
    rest = light - ndimage.gaussian_filter(light, 1.0, mode="nearest")
    flat = ndimage.gaussian_gradient_magnitude(scene.art[..., :3].mean(axis=-1), 1.5) < 0.01
    inside = (ndimage.grey_erosion(scene.art[..., 3], size=5) > 0.95) & flat
    if inside.sum() < 4 * ENOUGH:
        return 0.0
    sigma = 1.48 * float(np.median(np.abs(rest[inside]))) / 0.75  # a Gaussian of one pixel leaves so much of noise
    return min(sigma, COARSEST) if sigma > FINEST else 0.0
