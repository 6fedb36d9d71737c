"""What is wrong with a mark whose pose is known: the artwork, drawn as it should look there, against the picture.

One model of the picture: the artwork in the light of the place, over the plate around it, softened by one blur. What
that does not explain is the drift: bending (local displacement left after the pose), stretch (a pose that is no mild
view of a flat thing), colours that no light explains, places where something else is, and the blur itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from continuity.vision import marks
from continuity.vision.colour import lab_of
from continuity.vision.edges import field_of, smooth
from continuity.vision.marks import Found, Mark, Pyramid

LARGEST, SMALLEST = 112, 28  # px of the longer side of the patch that is compared
GRID = 12

# What each kind reaches at 1, and what is forgiven. Lengths are shares of the mark's longer side.
BENT = 0.03
STRETCHED, TILT = 0.3, 0.05  # log of the ratio of the axes; a tilt of 18 degrees
RECOLOURED, TINT = 20.0, 3.0  # CIELAB units
THIN = 10.0  # CIELAB units more that are forgiven where strokes are so thin that coding blurs their colour
HIDDEN = 0.35  # share of the mark
OFF = 14.0  # CIELAB units by which a place shows something else
COVERED = 0.6  # correlation of edges below which that is no recoloured part of the mark
BLURRED, SOFT = 0.04, 0.8  # the latter in pixels of the picture: what resampling and compression leave

_BLURS = (0.0, 0.3, 0.5, 0.7, 0.9, 1.15, 1.45, 1.8, 2.3, 2.9, 3.7, 4.7, 6.0)


@dataclass(frozen=True, slots=True)
class Kinds:
    """How far the mark is off in each way: 0 is as the artwork, 1 is unmistakable, more is clipped at 2."""

    deformed: float
    recoloured: float
    hidden: float
    blurred: float

    @property
    def worst(self) -> tuple[str, float]:
        """The name and the amount of the largest."""
        return max(asdict(self).items(), key=lambda kind: kind[1])


@dataclass(frozen=True, slots=True)
class Drift:
    """The kinds, and the residual in CIELAB units on a grid of rows from top to bottom."""

    kinds: Kinds
    grid: NDArray[np.float32]
    bent: float  # rms displacement, share of the longer side
    stretch: float  # ratio of the axes of the pose
    blur: float  # sigma in pixels of the picture
    colour: float  # CIELAB units that no light explains
    hidden: float  # share


def compare(pyramid: Pyramid, mark: Mark, found: Found) -> Drift:
    """Compares the artwork with the picture at the pose. The parts follow one another: shape, light, blur, colour."""
    box = marks.corners(mark, found.pose)
    long = float(np.linalg.norm(box - np.roll(box, 1, axis=0), axis=1).max())
    size = int(np.clip(long, SMALLEST, LARGEST))
    art = mark.patch(size)
    seen: NDArray[np.float32] = pyramid.rectified(mark, found.pose, size).astype(np.float32) / np.float32(255)
    shift, trust = _displacement(mark, seen, size)
    height, width = art.shape[:2]
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    unbent = np.stack(
        [
            ndimage.map_coordinates(seen[..., c], (ys + shift[1], xs + shift[0]), order=1, mode="nearest")
            for c in range(3)
        ],
        axis=-1,
    )
    patch = lab_of(np.clip(unbent, 0, 1))
    alpha = art[..., 3]
    plate = _plate(patch, alpha, size)
    colours = lab_of(np.clip(art[..., :3] / np.maximum(alpha[..., None], 1e-3), 0, 1))
    cover = np.clip(smooth(alpha, size / 60) * 2, 0, 1)

    inner = alpha > 0.9
    blur = 0.7  # a first guess: blur needs the light, and light the blur
    for last in (False, True):
        lit = _light(colours, patch, alpha, smooth(alpha, max(blur, 0.3)) > 0.97, blur)
        model = lit * alpha[..., None] + plate * (1 - alpha[..., None])
        if not last:
            blur = _blur(model, patch, cover)
    model = _blurred(model, blur)
    off = _apart(model, patch)

    gone = _gone(off, model, patch, inner)
    hidden = float((gone * alpha).sum() / max(float(alpha.sum()), 1e-6))
    weight = alpha * inner * ~ndimage.binary_dilation(gone, iterations=2)
    weight = weight * (ndimage.gaussian_gradient_magnitude(model[..., 0], 1.0) < 8)  # off the edges
    colour = float(np.sqrt((off**2 * weight).sum() / max(float(weight.sum()), 1e-6))) if weight.sum() > 4 else 0.0

    solid = min(1.0, 1.5 * float(weight.sum()) / max(float((alpha * ~gone).sum()), 1e-6))
    trust = trust * ~ndimage.binary_dilation(gone, iterations=max(1, size // 14))
    bent = float(np.sqrt(((shift**2).sum(axis=0) * trust).sum() / max(float(trust.sum()), 1e-6))) / size
    axes = np.linalg.svd(found.pose[:2, :2] - np.outer(found.pose[:2, 2], found.pose[2, :2]), compute_uv=False)
    stretch = float(axes[0] / max(axes[1], 1e-6))
    pixels = blur * long / size
    soft = float(np.sqrt(max(0.0, pixels**2 - SOFT**2))) / long
    kinds = Kinds(
        deformed=min(2.0, float(np.hypot(bent / BENT, max(0.0, np.log(stretch) - TILT) / STRETCHED))),
        recoloured=min(2.0, max(0.0, colour - TINT - THIN * (1 - solid)) / RECOLOURED),
        hidden=min(2.0, hidden / HIDDEN),
        blurred=min(2.0, soft / BLURRED),
    )
    return Drift(kinds, _grid(off, cover, mark, size), bent, stretch, pixels, colour, hidden)


def _gone(
    off: NDArray[np.float32], model: NDArray[np.float32], patch: NDArray[np.float32], inner: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Where something else is: connected places of other colours whose edges are not those of the artwork either.

    A place that was merely recoloured keeps its edges, its own outline among them; a cover brings its own.
    """
    wrong: NDArray[np.bool_] = np.asarray(ndimage.binary_opening((off > OFF) & inner), np.bool_)
    parts, count = ndimage.label(ndimage.binary_closing(wrong, iterations=2) & inner)
    if not count:
        return wrong
    mine, there = field_of(model, 0.8), field_of(patch, 0.8)
    reach = ndimage.grey_dilation(parts, size=5)  # a place and its outline
    number = np.arange(1, count + 1)
    match, own, seen = (
        ndimage.sum_labels(a, reach, number)
        for a in ((np.conj(mine) * there).real, np.abs(mine) ** 2, np.abs(there) ** 2)
    )
    fits = match / np.sqrt(np.maximum(own * seen, 1e-9))
    return np.asarray(np.isin(parts, number[fits < COVERED]), np.bool_)


def _displacement(mark: Mark, seen: NDArray[np.float32], size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smooth local displacement (2 x h x w: x, y in pixels of the patch) and how much each place can tell.

    Dense Lucas-Kanade on the field of edges, windows of a tenth of the mark, three rounds.
    """
    blur = max(0.8, size / 70)
    aligner = mark.aligner(size, blur)
    down, right = np.gradient(aligner.template)
    wide = size / 10

    def window(a: NDArray[Any]) -> NDArray[np.float32]:
        return smooth(a, wide)

    xx, yy = window(np.abs(right) ** 2), window(np.abs(down) ** 2)
    xy = window((np.conj(right) * down).real)
    floor = 0.08 * float((xx + yy).max())
    determinant = (xx + floor) * (yy + floor) - xy**2
    field = field_of(lab_of(seen), blur)
    shift = np.zeros((2, *field.shape), np.float32)
    ys, xs = np.mgrid[: field.shape[0], : field.shape[1]].astype(np.float32)
    for _ in range(3):
        at = ys + shift[1], xs + shift[0]
        moved = ndimage.map_coordinates(field.real, at, order=1, mode="nearest") + 1j * ndimage.map_coordinates(
            field.imag, at, order=1, mode="nearest"
        )
        moved *= aligner.mask
        gain = float((np.conj(aligner.template) * moved).real.sum()) / max(float((np.abs(moved) ** 2).sum()), 1e-6)
        off = aligner.template - np.clip(gain, 0.3, 3) * moved
        bx, by = window((np.conj(right) * off).real), window((np.conj(down) * off).real)
        step = np.stack([((yy + floor) * bx - xy * by), ((xx + floor) * by - xy * bx)]) / determinant
        shift = np.clip(shift + np.clip(step, -0.03 * size, 0.03 * size), -0.08 * size, 0.08 * size)
    trust = (xx + yy) / (xx + yy + floor)
    return shift.astype(np.float32), (trust * (aligner.mask > 0.5)).astype(np.float32)


def _plate(patch: NDArray[np.float32], alpha: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """CIELAB of what is around the mark, carried on under it from near to far."""
    clear = (ndimage.grey_dilation(alpha, size=3) < 0.03).astype(np.float32)
    plate = np.broadcast_to(np.median(patch.reshape(-1, 3), axis=0), patch.shape).astype(np.float32)
    for reach in (size / 3, size / 8, size / 24):
        weight = smooth(clear, reach)
        carried = np.stack([smooth(patch[..., c] * clear, reach) for c in range(3)], axis=-1)
        share = np.clip(weight * 20, 0, 1)[..., None]
        mixed = plate * (1 - share) + share * carried / np.maximum(weight, 1e-4)[..., None]
        plate = np.asarray(mixed, np.float32)
    return np.asarray(plate * (1 - clear[..., None]) + patch * clear[..., None], np.float32)


def _light(
    colours: NDArray[np.float32],
    patch: NDArray[np.float32],
    alpha: NDArray[np.float32],
    inner: NDArray[np.bool_],
    blur: float,
) -> NDArray[np.float32]:
    """The artwork's CIELAB in the light of the place: a gain and an offset within what light does, found robustly.

    Lightness: gain .5 to 1.4, offset -15 to 25. Colour: one gain .6 to 1.25, offsets up to 7: a mild tint. A mark that
    is mostly hidden or of another colour keeps the rest as residual.
    """
    weight = inner.astype(np.float32)
    if weight.sum() < 12:
        weight = alpha
    art, there = (_blurred(colours, blur) if blur else colours).reshape(-1, 3), patch.reshape(-1, 3)
    w = weight.ravel()
    total = max(float(w.sum()), 1e-6)
    gain, offset = np.ones(3), np.zeros(3)
    robust = w
    for _ in range(3):
        for c, (least, most, low, high, tie) in enumerate(
            ((0.5, 1.4, -15.0, 25.0, 60.0), (0.6, 1.25, -7.0, 7.0, 300.0), (0.6, 1.25, -7.0, 7.0, 300.0))
        ):
            a, b = art[:, c], there[:, c]
            share = robust / max(float(robust.sum()), 1e-6)
            mean_a, mean_b = float((share * a).sum()), float((share * b).sum())
            spread = float((share * (a - mean_a) ** 2).sum())
            both = float((share * (a - mean_a) * (b - mean_b)).sum())
            gain[c] = np.clip((both + tie) / (spread + tie), least, most)
            offset[c] = np.clip(mean_b - gain[c] * mean_a, low, high)
        wrong = np.sqrt((np.square(art * gain + offset - there) * (0.5, 1, 1)).sum(axis=1))
        middle = float(np.sort(wrong[w > 0.5])[int((w > 0.5).sum() / 2)]) if (w > 0.5).sum() else 10.0
        robust = w / (1 + np.square(wrong / max(4.0, 1.5 * middle)))
        if float(robust.sum()) < 1e-3 * total:
            break
    return np.asarray(colours * gain.astype(np.float32) + offset.astype(np.float32), np.float32)


def _blurred(lab: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    if not sigma:
        return lab
    blurred = ndimage.gaussian_filter(lab, (sigma, sigma, 0), mode="nearest", truncate=2.5)
    return np.asarray(blurred, np.float32)


def _blur(model: NDArray[np.float32], patch: NDArray[np.float32], cover: NDArray[np.float32]) -> float:
    """The blur of the model (sigma in pixels of the patch) that comes nearest to the lightness and colour seen."""
    wrong: dict[int, float] = {}

    def at(step: int) -> float:
        if step not in wrong:
            off = _apart(_blurred(model, _BLURS[step]), patch)
            wrong[step] = float((np.minimum(off, 30) * cover).sum())
        return wrong[step]

    best = 3
    while (step := min((s for s in (best - 1, best, best + 1) if 0 <= s < len(_BLURS)), key=at)) != best:
        best = step
    if 0 < best < len(_BLURS) - 1:  # a parabola through the three around the least
        (x0, x1, x2), (y0, y1, y2) = _BLURS[best - 1 : best + 2], (at(best - 1), at(best), at(best + 1))
        top = (x1 - x0) ** 2 * (y1 - y2) - (x1 - x2) ** 2 * (y1 - y0)
        bottom = (x1 - x0) * (y1 - y2) - (x1 - x2) * (y1 - y0)
        return float(np.clip(x1 - 0.5 * top / bottom, x0, x2)) if abs(bottom) > 1e-9 else x1
    return _BLURS[best]


def _apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """CIELAB distance with lightness at half weight."""
    return np.asarray(np.sqrt((np.square(a - b) * np.array([0.25, 1, 1], np.float32)).sum(axis=-1)), np.float32)


def _grid(off: NDArray[np.float32], cover: NDArray[np.float32], mark: Mark, size: int) -> NDArray[np.float32]:
    """Mean residual where the mark covers, on :data:`GRID` x :data:`GRID` cells over its box."""
    height, width = off.shape
    half_x, half_y = (h * size / 2 for h in mark.half)
    rows = np.linspace(height / 2 - half_y, height / 2 + half_y, GRID + 1).round().astype(int)
    columns = np.linspace(width / 2 - half_x, width / 2 + half_x, GRID + 1).round().astype(int)
    cells = np.zeros((GRID, GRID), np.float32)
    for i in range(GRID):
        for j in range(GRID):
            part = slice(rows[i], max(rows[i + 1], rows[i] + 1)), slice(columns[j], max(columns[j + 1], columns[j] + 1))
            weight = cover[part]
            if weight.sum() > 0.1:
                cells[i, j] = (off[part] * weight).sum() / weight.sum()
    return cells


CHROMA, NEAR = 20.0, 14.0  # CIELAB units: what counts as a colour, and as the same one


def traces(mark: Mark, lab: NDArray[np.float32]) -> float | None:
    """Share of a frame (h x w x 3 CIELAB) in the colours that are the mark's own; None for a mark without such.

    A colour is its hue and chroma, whatever its lightness. A grey mark has none: black and white are everywhere.
    """
    art = mark.patch(48)
    solid = art[..., 3] > 0.95
    colours = lab_of(np.clip(art[solid][:, :3], 0, 1))
    colours = colours[np.hypot(colours[:, 1], colours[:, 2]) > CHROMA]
    if len(colours) < 0.1 * max(1, int(solid.sum())):
        return None
    cells = np.unique((colours[:, 1:] / 8).round().astype(int), axis=0) * 8.0
    seen = lab[..., 1:].reshape(-1, 2)
    near = np.zeros(len(seen), bool)
    for cell in cells:
        scale = (
            np.hypot(*seen.T) + 1e-6
        )  # light changes chroma more than hue: compare at the same chroma, half to twice
        chroma = float(np.hypot(*cell))
        same = (scale > 0.5 * chroma) & (scale < 2 * chroma)
        near |= same & (np.hypot(*(seen * (chroma / scale)[:, None] - cell).T) < NEAR)
    return float(near.mean())
