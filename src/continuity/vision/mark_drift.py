"""What is wrong with a mark whose pose is known: the artwork, drawn as it should look there, against the picture.

One model of the picture: the artwork in the light of the place, over the plate around it, softened by one blur. What
that does not explain is the drift: bending (local displacement left after the pose), stretch (a pose that is no mild
view of a flat thing), colours that no light explains, places that show the plate, ink where none should be, places
where something else is, and the blur itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from continuity.vision import mark_tear, marks
from continuity.vision.colour import lab_of
from continuity.vision.edges import field_of, planes_of, smooth
from continuity.vision.homography import axes_of
from continuity.vision.mark_bend import displacement, posed, sampled
from continuity.vision.mark_light import CODED, Drawn, apart, drawn, own_colours
from continuity.vision.mark_pose import Aligner, Found
from continuity.vision.marks import Mark, Pyramid
from continuity.vision.palette import cubes_of
from continuity.vision.weighted import quantile

LARGEST, SMALLEST = 112, 28  # px of the longer side of the patch that is compared
GRID = 12

# What each kind reaches at 1, and what is forgiven. Lengths are shares of the root of the mark's box.
BENT, UNSURE = 0.02, 0.4  # the latter in pixels of the picture: what alignment leaves
STRETCHED, TILT = 0.22, 0.05  # log of the ratio of the axes; a tilt of 18 degrees
RECOLOURED, TINT = 20.0, 5.0  # CIELAB units
THIN = 12.0  # CIELAB units more that are forgiven where strokes are so thin that coding blurs their colour
HIDDEN = 0.25  # share of the mark
MISSING, ALTERED = 0.06, 0.08  # shares of the mark
OFF = 14.0  # CIELAB units by which a place shows something else
TORN, FRAYED, OTHER = 0.33, 0.11, 0.33  # of mark_tear: what 1 is, what is forgiven, what other parts leave
# Torn edges are its doing where it is as large as this.
SPOKEN = {"deformed": 0.4, "missing": 0.1, "altered": 0.2, "hidden": 0.1, "blurred": 0.5, "recoloured": 0.7}
COVERED = 0.6  # correlation of edges below which that is no recoloured part of the mark
BLURRED, SOFT = 0.04, 1.3  # the latter in pixels of the picture: what resampling and compression leave


@dataclass(frozen=True, slots=True)
class Kinds:
    """How far the mark is off in each way: 0 is as the artwork, 1 is unmistakable, more is clipped at 2."""

    deformed: float
    recoloured: float
    missing: float
    altered: float
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
    bent: float  # median displacement, share of the root of the box
    stretch: float  # ratio of the axes of the pose
    blur: float  # sigma in pixels of the picture
    colour: float  # CIELAB units that no light explains
    missing: float  # share that shows the plate
    altered: float  # share that shows other parts of the mark
    hidden: float  # share that shows something else
    torn: float  # how far the worst hundredth of it is not there (mark_tear)
    explained: float  # share that the model explains of what the plate alone leaves there, at most 1
    visible: float  # the same without what is missing, altered and hidden
    covered: NDArray[np.bool_]  # where in the patch something else lies over the mark


def compare(pyramid: Pyramid, mark: Mark, found: Found) -> Drift:
    """Compares the artwork with the picture at the pose. The parts follow one another: shape, light, blur, colour."""
    box = marks.corners(mark, found.pose)
    long = float(np.linalg.norm(box - np.roll(box, 1, axis=0), axis=1).max())
    size = int(np.clip(long, SMALLEST, marks.extent(mark, LARGEST)))
    root = size * float(np.sqrt(np.prod(mark.half)))
    art = mark.patch(size)
    seen: NDArray[np.float32] = pyramid.rectified(mark, found.pose, size).astype(np.float32) / np.float32(255)
    shift, trust = displacement(mark, seen, size)
    unbent = sampled(seen, shift)
    patch = lab_of(np.clip(unbent, 0, 1))
    alpha = art[..., 3]
    colours = own_colours(mark, size)
    cover = np.clip(smooth(alpha, size / 60) * 2, 0, 1)

    aligner = Aligner.of(mark, size, 1.0)
    edges = field_of(planes_of(unbent * 255), 1.0) * aligner.mask
    fitting = (
        np.clip(aligner.local_fit(edges, 1 / 6), 0.1, 1) ** 2
    )  # where something else is tells nothing of the light

    seen_as = drawn(colours, alpha, patch, size, size / long, fitting)
    ink, plate, model, blur = seen_as.ink, seen_as.plate, seen_as.model, seen_as.blur
    off = apart(model, patch)

    inner = alpha > 0.9
    gone = _gone(off, model, patch, inner, plate)
    missing, altered, covered, wrong = _shares(gone, patch, ink, plate, alpha, smooth(alpha, max(blur, 0.3)), root)
    hidden = float(covered.astype(np.float32).ravel() @ alpha.ravel()) / max(float(alpha.sum()), 1e-6)
    sound = ~ndimage.binary_dilation(gone | wrong, iterations=2)
    colour = _recoloured(ink, patch - model, seen_as.shown, sound)
    weight = alpha * inner * sound * (ndimage.gaussian_gradient_magnitude(model[..., 0], 1.0) < 8)  # off the edges

    solid = min(1.0, 1.5 * float(weight.sum()) / max(float((alpha * ~gone).sum()), 1e-6))
    trust = trust * ~ndimage.binary_dilation(gone | wrong, iterations=max(1, size // 14))
    mended, left = posed(shift, trust, size)
    bent = quantile(np.hypot(*left), trust) / root
    bent = float(np.sqrt(max(0.0, bent**2 - (UNSURE / (long * root / size)) ** 2)))
    pose = found.pose @ mended
    axes = axes_of(pose / pose[2, 2])
    stretch = axes[0] / axes[1]
    pixels = _softness(seen_as, alpha, size / long) * long / size
    soft = float(np.sqrt(max(0.0, pixels**2 - max(SOFT, long / size) ** 2))) / (long * root / size)
    bare, shown = apart(plate, patch), seen_as.shown[..., 0]
    explained, visible = (_explained(off, bare, shown * there) for there in (1, ~(gone | wrong)))
    torn = mark_tear.torn(seen_as, patch, alpha, size, root)
    kinds = Kinds(
        deformed=min(2.0, float(np.hypot(bent / BENT, max(0.0, np.log(stretch) - TILT) / STRETCHED))),
        recoloured=min(2.0, max(0.0, colour - TINT - THIN * (1 - solid)) / RECOLOURED),
        missing=min(2.0, missing / MISSING),
        altered=min(2.0, altered / ALTERED * min(1.0, torn / OTHER)),  # other ink has other edges
        hidden=min(2.0, hidden / HIDDEN),
        blurred=min(2.0, soft / BLURRED),
    )
    grid = _grid(off, cover, mark, size)
    kinds = _named(kinds, min(1.5, max(0.0, torn - FRAYED) / TORN))
    return Drift(
        kinds, grid, bent, stretch, pixels, colour, missing, altered, hidden, torn, explained, visible, covered
    )


def _softness(seen: Drawn, alpha: NDArray[np.float32], finest: float) -> float:
    """Sigma in pixels of the patch: of lightness, and where ink and plate have the same, of colour without coding."""
    light, *colour = np.square((seen.ink - seen.plate) * alpha[..., None]).sum(axis=(0, 1))
    told = float(light / max(light + 0.1 * sum(colour), 1e-6))
    uncoded = max(0.0, seen.smear**2 - (CODED * finest) ** 2)
    return float(np.sqrt(told * seen.blur**2 + (1 - told) * uncoded))


def _explained(off: NDArray[np.float32], bare: NDArray[np.float32], weight: NDArray[np.float32]) -> float:
    left, there = (float((np.minimum(a, 40) ** 2 * weight).sum()) for a in (off, bare))
    return 1 - left / max(there, 1e-6)


def _named(kinds: Kinds, torn: float) -> Kinds:
    """The kinds with torn edges under the name that the rest of the evidence gives them: altered where nothing does."""
    if kinds.deformed >= SPOKEN["deformed"]:  # a bent mark is ink where none should be, too
        kinds = replace(kinds, deformed=max(kinds.deformed, kinds.altered), altered=0.0)
    name, share = max(((n, getattr(kinds, n) / spoken) for n, spoken in SPOKEN.items()), key=lambda kind: kind[1])
    name = name if share >= 1 else "altered"
    return replace(kinds, **{name: max(torn, getattr(kinds, name))})


def _shares(
    gone: NDArray[np.bool_],
    patch: NDArray[np.float32],
    ink: NDArray[np.float32],
    plate: NDArray[np.float32],
    alpha: NDArray[np.float32],
    soft: NDArray[np.float32],
    root: float,
) -> tuple[float, float, NDArray[np.bool_], NDArray[np.bool_]]:
    """Shares of the mark that are missing and altered, where it is hidden, and where it is missing or altered.

    How much ink a place shows is its projection on the line from the plate's colour to the ink's. Too little is
    missing, too much is ink where none should be; both near each other are another shape in the same ink. Inside, a
    place that shows a colour of another part is altered, one that shows neither is hidden.
    """
    half = np.array([0.5, 1, 1], np.float32)  # lightness at half weight: light moves it
    far = np.stack([smooth(plate[..., c], root / 3) for c in range(3)], axis=-1)
    line, there = (ink - far) * half, (patch - far) * half
    power = np.square(line).sum(axis=-1)
    shown = (there * line).sum(axis=-1) / np.maximum(power, 1)
    beside = np.sqrt(np.maximum(np.square(there).sum(axis=-1) - shown**2 * power, 0))
    sure = power / (power + 12.0**2) * np.exp(-((beside / 12) ** 2))
    lack, extra = (np.clip(d, 0, 1) * sure for d in (soft - shown, shown - soft))
    reach = root / 14
    ground = np.maximum(smooth(soft, reach), 0.1)
    inside = smooth(alpha, root / 8) > 0.12
    lacking, more = smooth(lack, reach) / ground, smooth(extra * inside, reach) / ground
    total = max(float(alpha.sum()), 1e-6)

    noise = float(np.median((lacking + more)[alpha > 0.5])) if (alpha > 0.5).any() else 0.0
    away = np.clip(lacking - 0.15 - 1.5 * noise, 0, 1) * alpha
    added = np.clip(more - 0.15 - 1.5 * noise, 0, 1) * inside * ground
    missed, grown = float(away.sum()) / total, float(added.sum()) / total

    palette = _palette(ink, alpha)
    nearest = np.min(
        [apart(np.broadcast_to(colour, patch.shape).astype(np.float32), patch) for colour in palette], axis=0
    )
    like_plate = (shown < 0.4) & (beside < OFF)
    parts = gone & ~like_plate & (nearest < OFF)
    swapped = float((parts * alpha).sum()) / total
    plain = float((gone & like_plate & (lacking < 0.3)) @ np.ones(gone.shape[1]) @ np.ones(gone.shape[0])) / total
    both = min(missed + plain, 2 * grown)
    wrong = (away > 0.3) | (added > 0.3) | parts
    return missed + plain - both, swapped + grown + both, gone & ~like_plate & (nearest >= OFF), wrong


def _recoloured(
    ink: NDArray[np.float32], off: NDArray[np.float32], shown: NDArray[np.float32], sound: NDArray[np.bool_]
) -> float:
    """CIELAB units by which the colours of the mark are others, lightness at half weight: the root of the mean square.

    What is off in one colour of the artwork is averaged with its sign, so that what softness and a pose leave beside
    edges cancels out.
    """
    weight = shown * (shown[..., :1] > 0.3) * sound[..., None]
    if float(weight[..., 0].sum()) <= 4:
        return 0.0
    inside = weight[..., 0] > 0
    number, _ = cubes_of(ink[inside], 24)
    left = 0.0
    for c, half in enumerate((0.25, 1.0, 1.0)):
        share = np.bincount(number, (weight[..., c] * shown[..., c])[inside])
        both = np.bincount(number, (weight[..., c] * off[..., c])[inside])
        left += half * float((both**2 / np.maximum(share, 1e-6)).sum()) / max(float(share.sum()), 1e-6)
    return float(np.sqrt(left))


def _palette(ink: NDArray[np.float32], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """The colours of the mark that cover 4 % of it or more, coarsely."""
    solid = alpha > 0.9
    if not solid.any():
        return ink.reshape(-1, 3)[:1]
    number, cubes = cubes_of(ink[solid], 12)
    count = np.bincount(number)
    known = cubes[count >= max(1, min(count.max(), 0.04 * len(number)))]
    return np.asarray(known * 12, np.float32)


def _gone(
    off: NDArray[np.float32],
    model: NDArray[np.float32],
    patch: NDArray[np.float32],
    inner: NDArray[np.bool_],
    plate: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """Where something else is: connected places of other colours whose edges are not those of the artwork either.

    A place that was merely recoloured keeps its edges, its own outline among them; a cover brings its own, and what
    is missing shows the plate.
    """
    wrong: NDArray[np.bool_] = np.asarray(ndimage.binary_opening((off > OFF) & inner), np.bool_)
    parts, count = ndimage.label(ndimage.binary_closing(wrong, iterations=2) & inner)
    if not count:
        return wrong
    mine, there = (field_of(np.moveaxis(lab, -1, 0), 0.8) for lab in (model, patch))
    reach = ndimage.grey_dilation(parts, size=5)  # a place and its outline
    number = np.arange(1, count + 1)
    match, own, seen = (
        ndimage.sum_labels(a, reach, number)
        for a in ((np.conj(mine) * there).real, np.abs(mine) ** 2, np.abs(there) ** 2)
    )
    fits = match / np.sqrt(np.maximum(own * seen, 1e-9))
    bare = np.asarray(ndimage.mean(apart(patch, plate) < OFF, parts, number))
    return np.asarray(np.isin(parts, number[(fits < COVERED) | (bare > 0.7)]), np.bool_)


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
