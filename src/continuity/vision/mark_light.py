"""How a mark should look at a place: its colours in the light there, the plate around it, and the blur over both.

All colours are CIELAB of h x w x 3 patches, sizes are pixels of the patch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from continuity.vision.colour import lab_of, srgb_of
from continuity.vision.edges import smooth
from continuity.vision.marks import Mark

CODED = 2.0  # px of the picture (sigma) by which coding and half-size chroma soften colour more than lightness
# sRGB in [0, 1] to luma, B - Y and R - Y (BT.601), in percent.
_TO_CODED = np.array([[29.9, 58.7, 11.4], [-33.7, -66.3, 100.0], [100.0, -83.7, -16.3]], np.float32)
_FROM_CODED = np.linalg.inv(_TO_CODED)
_BLURS = (0.0, 0.3, 0.5, 0.7, 0.9, 1.15, 1.45, 1.8, 2.3, 2.9, 3.7, 4.7, 6.0)


@dataclass(frozen=True, slots=True)
class Drawn:
    """How a mark should look in a patch, all h x w x 3 CIELAB; ``shown`` is how much of each place is ink."""

    ink: NDArray[np.float32]  # as it is where nothing else shows
    plate: NDArray[np.float32]
    model: NDArray[np.float32]  # ink over plate, softened
    shown: NDArray[np.float32]
    blur: float  # sigma of lightness, pixels of the patch
    smear: float  # sigma of colour, at least that

    @property
    def over(self) -> NDArray[np.float32]:
        """What the ink adds to what is left of the plate."""
        return np.asarray(self.model - self.plate * (1 - self.shown), np.float32)


def drawn(
    colours: NDArray[np.float32],
    alpha: NDArray[np.float32],
    patch: NDArray[np.float32],
    size: int,
    finest: float,
    fitting: NDArray[np.floating] | float = 1.0,
    known: tuple[float, float] | None = None,
) -> Drawn:
    """The artwork in the light of the patch, over the plate around it, with the softness seen there.

    Lightness and colour have a softness of their own: most coding keeps colour at half the size. ``finest`` is how
    many pixels of the patch one of the picture covers; ``fitting`` says how far each place can be trusted about the
    light; ``known`` is softness that need not be looked for. Ink is laid over the plate in RGB, as paint programs do:
    in CIELAB a blue stroke on orange would be taken for another colour.
    """
    coded = _coded(patch)
    ground = plate_of(coded, alpha, size)
    plate = _lab(ground)
    cover = np.clip(smooth(alpha, size / 60) * 2, 0, 1)
    blur, smear = known or (0.7, float(np.hypot(0.7, finest)))  # a first guess: blur needs the light, light the blur
    for last in (known is not None, True):
        shown = _shown(alpha, blur, smear)
        told = np.clip((shown[..., 0] - 0.4) / 0.6, 0, 1) ** 2 * fitting
        unmixed = _lab(np.asarray(ground + (coded - ground) / np.maximum(shown, 0.4), np.float32))
        ink = lit(colours, unmixed, alpha, told, blur, dims=last)  # before the blur is known it looks like dimming
        own = _coded(ink)
        if last:
            break
        sharp = own * alpha[..., None] + ground * (1 - alpha[..., None])
        blur, smear = (blur_of(sharp[..., some], coded[..., some], cover) for some in (slice(1), slice(1, 3)))
        wide = np.hypot(blur, CODED * finest)
        if blur > smear or (not blur and smear > wide):  # one of them has no contrast to tell it from
            blur = blur_of(sharp, coded, cover)
        smear = float(np.clip(smear, blur, np.hypot(blur, CODED * finest)))
    ahead = own * alpha[..., None]
    over = np.concatenate([blurred(ahead[..., :1], blur), blurred(ahead[..., 1:], smear)], axis=-1)
    return Drawn(ink, plate, _lab(np.asarray(over + ground * (1 - shown), np.float32)), shown, blur, smear)


def _coded(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Luma and chroma of CIELAB: from ink to plate colours run straight in them, as in RGB, and not in CIELAB."""
    return _turned(srgb_of(lab).astype(np.float32), _TO_CODED)


def _lab(coded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Back again, clipped to sRGB."""
    return lab_of(np.clip(_turned(coded, _FROM_CODED), 0, 1))


def _turned(colours: NDArray[np.float32], by: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each colour times a matrix, as sums: no BLAS, no threads."""
    first, second, third = np.moveaxis(colours, -1, 0)
    return np.stack([first * row[0] + second * row[1] + third * row[2] for row in by], axis=-1)


def _shown(alpha: NDArray[np.float32], blur: float, smear: float) -> NDArray[np.float32]:
    light, colour = smooth(alpha, blur), smooth(alpha, smear)
    return np.stack([light, colour, colour], axis=-1)


def own_colours(mark: Mark, size: int) -> NDArray[np.float32]:
    """:func:`carried` of the artwork in a patch of that size; kept with the mark."""
    return mark.once(("colours", size), lambda: carried(mark.patch(size), size))


def carried(art: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """CIELAB of the own colours of premultiplied sRGB with alpha (h x w x 4, in [0, 1]), carried on beyond the edge."""
    alpha = art[..., 3:]
    near, far = (np.stack([smooth(art[..., c], reach) for c in range(4)], axis=-1) for reach in (1.0, size / 8))
    further = np.where(
        near[..., 3:] > 0.02,
        near[..., :3] / np.maximum(near[..., 3:], 0.02),
        far[..., :3] / np.maximum(far[..., 3:], 1e-4),
    )
    straight = np.where(alpha > 0.9, art[..., :3] / np.maximum(alpha, 0.1), further)
    return lab_of(np.clip(np.asarray(straight, np.float32), 0, 1))


def beside(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 where nothing of the mark shows, else 0."""
    return np.asarray(ndimage.grey_dilation(alpha, size=3) < 0.03, np.float32)


def plate_of(patch: NDArray[np.float32], alpha: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """CIELAB of what is around the mark, carried on under it from near to far."""
    clear = beside(alpha)
    plate = np.broadcast_to(np.median(patch.reshape(-1, 3), axis=0)[:, None, None], (3, *alpha.shape))
    there = np.concatenate([np.moveaxis(patch, -1, 0) * clear, clear[None]])
    for reach in (size / 3, size / 8, size / 24):
        *carried, weight = smooth(there, reach)
        share = np.clip(weight * 20, 0, 1)
        plate = plate * (1 - share) + np.stack(carried) * (share / np.maximum(weight, 1e-4))
    plate = np.moveaxis(plate, 0, -1)
    return np.asarray(plate * (1 - clear[..., None]) + patch * clear[..., None], np.float32)


def lit(
    colours: NDArray[np.float32],
    patch: NDArray[np.float32],
    alpha: NDArray[np.float32],
    inner: NDArray[np.floating],
    blur: float,
    dims: bool = False,
) -> NDArray[np.float32]:
    """The artwork's CIELAB in the light of the place: a gain and an offset within what light does, found robustly.

    A mark that is mostly hidden or of another colour keeps the rest as residual.
    """
    gain, offset = light_of(colours, patch, alpha, inner, blur, dims)
    return np.asarray(colours * gain.astype(np.float32) + offset.astype(np.float32), np.float32)


def light_of(
    colours: NDArray[np.float32],
    patch: NDArray[np.float32],
    alpha: NDArray[np.float32],
    inner: NDArray[np.floating],
    blur: float,
    dims: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gain and offset of CIELAB (3 each) that take the artwork to what is seen.

    Lightness: gain .5 to 1.4, offset -15 to 8: light lifts what is bright, a veil over the dark is a mark washed out.
    Colour: gains .6 to 1.25, offsets up to 7: a mild tint. Where the mark itself tells no gain of colour, having one
    colour, it is that of the light (where ``dims``): dimming takes L* + 16, a* and b* down alike, each being linear in
    the cube roots of XYZ (CIE 15). What is lighter and yet no stronger in colour is left as it is: that is a veil.
    """
    weight = inner.astype(np.float32)
    if weight.sum() < 12:
        weight = alpha
    told = weight > 0
    art, there = (np.ascontiguousarray(lab[told].T) for lab in (blurred(colours, blur), patch))
    w = weight[told]
    total = max(float(w.sum()), 1e-6)
    most_told = w > 0.3
    gain, offset = np.ones(3), np.zeros(3)
    robust = w
    dimmed = 1.0
    for _ in range(3):
        for c, (least, most, low, high, tie) in enumerate(
            ((0.5, 1.4, -15.0, 8.0, 60.0), (0.6, 1.25, -7.0, 7.0, 300.0), (0.6, 1.25, -7.0, 7.0, 300.0))
        ):
            a, b = art[c], there[c]
            share = robust / max(float(robust.sum()), 1e-6)
            mean_a, mean_b = float((share * a).sum()), float((share * b).sum())
            spread = float((share * (a - mean_a) ** 2).sum())
            both = float((share * (a - mean_a) * (b - mean_b)).sum())
            likely = 1.0 if c == 0 else dimmed
            gain[c] = np.clip((both + tie * likely) / (spread + tie), least, most)
            offset[c] = np.clip(mean_b - gain[c] * mean_a, low, high)
            if c == 0 and dims:
                dimmed = float(np.clip((gain[0] * mean_a + offset[0] + 16) / (mean_a + 16), least, 1.0))
        off = [
            np.square(a * np.float32(g) + np.float32(o) - b)
            for a, b, g, o in zip(art, there, gain, offset, strict=True)
        ]
        wrong = np.sqrt(off[0] * 0.5 + off[1] + off[2])
        sure = wrong[most_told]
        middle = float(np.partition(sure, len(sure) // 2)[len(sure) // 2]) if len(sure) else 10.0
        robust = w / (1 + np.square(wrong / max(4.0, 1.5 * middle)))
        if float(robust.sum()) < 1e-3 * total:
            break
    return gain, offset


def blurred(lab: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """An h x w x c patch under a Gaussian blur."""
    if not sigma:
        return lab
    soft = ndimage.gaussian_filter(lab, (sigma, sigma, 0), mode="nearest", truncate=2.5)
    return np.asarray(soft, np.float32)


def blur_of(model: NDArray[np.float32], patch: NDArray[np.float32], cover: NDArray[np.float32]) -> float:
    """The blur of the model (sigma in pixels of the patch) that comes nearest to what is seen, in any channels."""
    wrong: dict[int, float] = {}

    def at(step: int) -> float:
        if step not in wrong:
            off = np.sqrt(np.square(blurred(model, _BLURS[step]) - patch).sum(axis=-1))
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


def apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """CIELAB distance with lightness at half weight."""
    off = np.square(a - b)
    return np.asarray(np.sqrt(off[..., 0] * np.float32(0.25) + off[..., 1] + off[..., 2]), np.float32)
