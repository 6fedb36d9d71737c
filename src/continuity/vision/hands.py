"""Hands as 21 points and as pixels: what no hand can do, and what is left over when five fingers are taken away.

Points are in MediaPipe's order: wrist, then four of each finger from root to tip, thumb first. Lengths are relative to
the palm (mean distance from the wrist to the four knuckles, depth included), so they do not depend on the size in the
picture. Limits of the geometry lie at or beyond the 99.9 % quantile of 1,700 ordinary hands in all poses of the signed
digits 0 to 9, fists, side views and poorly fitted ones among them: they convict the grossly wrong alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from continuity.records import Box, Hand
from continuity.records.shapes import Point
from continuity.vision.colour import lab_of

FINGERS = ("thumb", "index", "middle", "ring", "little")
CHAINS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
KNUCKLES = (5, 9, 13, 17)
PALM = (0, 1, 5, 9, 13, 17)
LINKS: tuple[tuple[int, int], ...] = (
    *((0, chain[0]) for chain in CHAINS),
    *(pair for chain in CHAINS for pair in pairwise(chain)),
    *pairwise(KNUCKLES),
)

# Upper limits in palms of the three phalanges and of the whole finger.
LONGEST = {
    "thumb": (0.64, 0.51, 0.43, 1.46),
    "index": (0.78, 0.50, 0.38, 1.56),
    "middle": (0.82, 0.51, 0.40, 1.60),
    "ring": (0.80, 0.48, 0.37, 1.48),
    "little": (0.62, 0.38, 0.31, 1.20),
}
WIDEST = 0.97  # index knuckle to little finger's knuckle, in palms
FOLDED = 135.0  # degrees: a joint bent further may come out on either side of 180
BACKWARD = {"middle joint": 60.0, "end joint": 30.0}  # degrees to the back of the hand
STRAIGHT = 50.0  # degrees in any joint up to which a finger counts as stretched
LENGTH_RAMP, BEND_RAMP = 0.5, 90.0  # beyond the limit, where suspicion reaches 1

# Pixels: lengths in finger widths, a finger being 0.2 palms wide.
SCALE = 64.0  # px of a palm when its pixels are looked at
WIDTH = 0.2 * SCALE
FINGER_LENGTH = 0.9 * SCALE
MARGIN = 1.0  # palms around the points
SEED, THICK, PALM_EDGE, RING = 0.45, 0.65, 0.9, 1.5
SPECK = 0.22  # of a finger width: what an opening of this radius removes is an edge, no finger
ATTACHED = (0.3, 0.5)  # share of its border on the hand: up to the first it is a finger, from the second on none
LEAK = 0.15  # share of the surroundings that look like hand, from which a leftover convicts nobody
COVERED = 0.6  # share of each of the five fingers that the mask must hold: else the points do not fit, or the mask
BINS = (16, 32, 32)
LOW, STEP = np.array([0.0, -64.0, -64.0]), np.array([100 / 16, 4.0, 4.0])

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def size(hand: Hand) -> float:
    """The longer side of the box around the points, in pixels."""
    return float(np.ptp(np.array(hand.points), axis=0).max())


def box_of(hand: Hand) -> Box:
    """The box around the points."""
    (left, top), (right, bottom) = np.min(hand.points, axis=0), np.max(hand.points, axis=0)
    return Box(float(left), float(top), float(right), float(bottom))


def inside(hand: Hand, height: int, width: int) -> float:
    """The share of the points that lie in a frame of that shape."""
    points = np.array(hand.points)
    return float(((points >= 0) & (points < (width, height))).all(axis=1).mean())


def palm(hand: Hand) -> float:
    """Mean distance from the wrist to the four knuckles in pixels, depth included."""
    places = _places(hand)
    return float(np.linalg.norm(places[list(KNUCKLES)] - places[0], axis=1).mean())


def oddities(hand: Hand) -> dict[str, float]:
    """What no hand does, each with a suspicion in (0, 1]; empty for a plausible hand or one without extent.

    Phalanges, fingers or a palm far too long or wide for the palm's length; joints bent to the back of the hand;
    stretched fingers that cross another that is not beside them.
    """
    places, unit = _places(hand), palm(hand)
    if not unit > 0:
        return {}
    found: dict[str, float] = {}

    def note(name: str, over: float, ramp: float) -> None:
        if over > 0:
            found[name] = min(1.0, over / ramp)

    note("palm too wide", float(np.linalg.norm(places[5] - places[17])) / unit / WIDEST - 1, LENGTH_RAMP)
    for name, chain in zip(FINGERS, CHAINS, strict=True):
        parts = np.linalg.norm(np.diff(places[list(chain)], axis=0), axis=1) / unit
        worst = max((*parts, parts.sum()) / np.array(LONGEST[name]))
        note(f"{name} too long", float(worst) - 1, LENGTH_RAMP)
        if name != "thumb":
            for (joint, limit), bend in zip(BACKWARD.items(), _backward(places, chain, hand.side), strict=True):
                note(f"{name} bent back in its {joint}", bend - limit if bend < FOLDED else 0.0, BEND_RAMP)
    for one, other in _crossings(places):
        found[f"{FINGERS[one]} crosses {FINGERS[other]}"] = 1.0
    return found


@dataclass(frozen=True, slots=True)
class Leftover:
    """What looks like hand and belongs to none of its five fingers.

    ``length`` of the largest elongated piece in fingers, ``outline`` its corners in pixels of the picture (empty where
    nothing is left over), ``covered`` the share of the five fingers that the mask holds, ``leak`` the share of the
    surroundings, without that piece, that look like hand.
    """

    length: float
    covered: float
    leak: float
    outline: tuple[Point, ...] = ()

    @property
    def clear(self) -> bool:
        """Whether colours tell the hand from its surroundings, so that a leftover is part of a hand."""
        return self.leak <= LEAK

    @property
    def fits(self) -> bool:
        """Whether all five fingers lie on the hand; points beside it are where a model puts them given six fingers."""
        return self.covered >= COVERED


def leftover(pixels: NDArray[np.uint8], hand: Hand, others: Sequence[Hand] = ()) -> Leftover:
    """The largest elongated leftover of a hand mask without the five fingers, the palm, the forearm and other hands.

    The mask is a histogram ratio in CIELAB: colours along the skeleton against those of the surroundings, which a sixth
    finger is too small a part of to change.

    Args:
        pixels: H x W x 3 uint8 sRGB.
        hand: its points.
        others: the other hands of the frame.
    """
    from PIL import Image
    from scipy import ndimage

    height, width = pixels.shape[:2]
    unit = palm(hand)
    if not unit > 0:
        return Leftover(0.0, 0.0, 0.0)
    reach = MARGIN * unit
    around = box_of(hand)
    left, top = max(0, int(around.left - reach)), max(0, int(around.top - reach))
    right, bottom = min(width, int(around.right + reach) + 1), min(height, int(around.bottom + reach) + 1)
    if right - left < 2 or bottom - top < 2:
        return Leftover(0.0, 0.0, 0.0)
    wide, high = max(2, round((right - left) * SCALE / unit)), max(2, round((bottom - top) * SCALE / unit))
    part = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
    part = part.resize((wide, high), Image.Resampling.BILINEAR)  # averages where it shrinks
    scale = np.array([wide / (right - left), high / (bottom - top)])
    points = (np.array(hand.points) - (left, top)) * scale

    seed = _capsules(points, (high, wide), SEED, SEED)
    thick = _capsules(points, (high, wide), THICK, PALM_EDGE)
    elsewhere = _beyond_the_wrist(points, (high, wide))
    for other in others:
        elsewhere |= _capsules((np.array(other.points) - (left, top)) * scale, (high, wide), RING, RING)
    ring = ~_capsules(points, (high, wide), RING, RING) & ~elsewhere
    if not seed.any() or not ring.any():
        return Leftover(0.0, 0.0, 0.0)
    mask = _alike(lab_of(np.asarray(part)), seed, ring)
    covered = min(_share(mask, _drawn(points, (high, wide), [*pairwise(c)], SEED)) for c in CHAINS)
    free = _opened(mask & ~thick & ~elsewhere, SPECK * WIDTH)
    near = ndimage.distance_transform_edt(~thick) <= 1 + SPECK * WIDTH
    labels, _ = ndimage.label(free)
    best, chosen = 0.0, 0
    for number in set(np.unique(labels[near])) - {0}:
        if (length := _fingerlike(labels == number, near)) > best:
            best, chosen = length, int(number)
    piece = labels == chosen if chosen else np.zeros_like(mask)
    leak = float(mask[ring & ~piece].mean()) if (ring & ~piece).any() else 0.0
    outline = _rectangle(piece) / scale + (left, top) if chosen else np.zeros((0, 2))
    return Leftover(best, covered, leak, tuple((float(x), float(y)) for x, y in outline))


def _places(hand: Hand) -> Floats:
    """The points with their depths, 21 x 3."""
    return np.column_stack([np.array(hand.points, np.float64), np.array(hand.depths, np.float64)])


def _backward(places: Floats, chain: tuple[int, ...], side: str) -> tuple[float, float]:
    """Degrees by which the middle and the end joint of a finger bend to the back of the hand; negative is a fist."""
    across = places[17] - places[5]
    across = across / max(float(np.linalg.norm(across)), 1e-9)
    flat = np.diff(places[list(chain)], axis=0)
    flat = flat - (flat @ across)[:, None] * across
    sign = 1.0 if side == "right" else -1.0
    first, second = (float(np.degrees(np.arctan2(np.cross(a, b) @ across, a @ b))) for a, b in pairwise(flat))
    return sign * first, sign * second


def _crossings(places: Floats) -> list[tuple[int, int]]:
    """Pairs of stretched fingers, not side by side and without the thumb, whose lines cross in the picture."""
    stretched = []
    for number, chain in list(enumerate(CHAINS))[1:]:
        parts = np.diff(places[[0, *chain]], axis=0)
        norms = np.linalg.norm(parts, axis=1)
        cosines = (parts[:-1] * parts[1:]).sum(axis=1) / np.maximum(norms[:-1] * norms[1:], 1e-9)
        if (cosines >= np.cos(np.radians(STRAIGHT))).all():
            stretched.append(number)
    return [
        (one, other)
        for one, other in combinations(stretched, 2)
        if other - one > 1
        and any(
            _cross(places[a, :2], places[b, :2], places[c, :2], places[d, :2])
            for a, b in pairwise(CHAINS[one])
            for c, d in pairwise(CHAINS[other])
        )
    ]


def _cross(a: Floats, b: Floats, c: Floats, d: Floats) -> bool:
    """Whether the segments a-b and c-d cross."""

    def turn(p: Floats, q: Floats, r: Floats) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    return turn(a, b, c) * turn(a, b, d) < 0 and turn(c, d, a) * turn(c, d, b) < 0


def _capsules(points: Floats, shape: tuple[int, int], finger: float, edge: float) -> Mask:
    """Fingers and the filled palm as a mask of that shape, with these radii in finger widths around the skeleton."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", (shape[1], shape[0]))
    ImageDraw.Draw(picture).polygon([(float(points[i, 0]), float(points[i, 1])) for i in PALM], fill=255)
    fingers = _drawn(points, shape, [pair for chain in CHAINS for pair in pairwise(chain)], finger)
    return np.asarray(fingers | _drawn(points, shape, [*pairwise((*PALM, PALM[0]))], edge) | (np.asarray(picture) > 0))


def _drawn(points: Floats, shape: tuple[int, int], links: Sequence[tuple[int, int]], radius: float) -> Mask:
    """Links as capsules of a radius in finger widths."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", (shape[1], shape[0]))
    draw = ImageDraw.Draw(picture)
    r = radius * WIDTH
    for a, b in links:
        ends = [(float(points[n, 0]), float(points[n, 1])) for n in (a, b)]
        draw.line(ends, fill=255, width=max(1, round(2 * r)))
        for x, y in ends:
            draw.ellipse([x - r, y - r, x + r, y + r], fill=255)
    return np.asarray(picture) > 0


def _share(mask: Mask, region: Mask) -> float:
    """The share of a region that is in the mask; 1 for a region outside the picture."""
    return float(mask[region].mean()) if region.any() else 1.0


def _beyond_the_wrist(points: Floats, shape: tuple[int, int]) -> Mask:
    """The half of the picture on the forearm's side of the wrist."""
    away = points[0] - points[list(KNUCKLES)].mean(axis=0)
    away = away / max(float(np.linalg.norm(away)), 1e-9)
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    return np.asarray((xs - points[0, 0]) * away[0] + (ys - points[0, 1]) * away[1] > -WIDTH)


def _alike(lab: NDArray[np.float32], seed: Mask, ring: Mask) -> Mask:
    """Where a colour is more frequent among ``seed`` than in ``ring``, by smoothed histograms."""
    from scipy import ndimage

    cells = np.clip(((lab - LOW) / STEP).astype(np.intp), 0, np.array(BINS) - 1)
    flat = np.ravel_multi_index(tuple(np.moveaxis(cells, -1, 0)), BINS)
    of = [
        ndimage.gaussian_filter(np.bincount(flat[m], minlength=int(np.prod(BINS))).reshape(BINS) / m.sum(), 1.0)
        for m in (seed, ring)
    ]
    ratio = of[0] > of[1] + 1e-9
    return np.asarray(ratio.reshape(-1)[flat])


def _opened(mask: Mask, radius: float) -> Mask:
    """Morphological opening with a disk."""
    from scipy import ndimage

    edge = np.pad(mask, 1)
    core = ndimage.distance_transform_edt(edge) > radius
    if not core.any():
        return np.zeros_like(mask)
    grown = ndimage.distance_transform_edt(~core) <= radius
    return np.asarray((grown & edge)[1:-1, 1:-1])


def _axes(piece: Mask) -> tuple[Floats, Floats, Floats]:
    """Middle, directions (rows, the longest first) and extents (max - min) of a piece, in pixels (x, y)."""
    ys, xs = np.nonzero(piece)
    places = np.column_stack([xs, ys]).astype(np.float64) + 0.5
    middle = places.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((places - middle).T) if len(places) > 2 else np.eye(2))
    directions = vectors.T[::-1]
    along = (places - middle) @ directions.T
    return middle + ((along.max(axis=0) + along.min(axis=0)) / 2) @ directions, directions, np.ptp(along, axis=0) + 1


def _fingerlike(piece: Mask, near: Mask) -> float:
    """Length of a piece in fingers, less what its form lacks to be one.

    A finger is neither thread nor slab, longer than wide, and touches what is beside it with its root: the edge of a
    palm touches it with a whole side.
    """
    from scipy import ndimage

    _, _, (length, _) = _axes(piece)
    width = float(piece.sum()) / length
    border = piece & ~ndimage.binary_erosion(piece)
    attached = float((border & near).sum()) / float(border.sum())
    form = min(1.0, width / (0.4 * WIDTH)) * min(1.0, 2.5 * WIDTH / width) * min(1.0, length / width / 1.6)
    return float(min(1.0, length / FINGER_LENGTH) * form * np.clip((ATTACHED[1] - attached) / np.ptp(ATTACHED), 0, 1))


def _rectangle(piece: Mask) -> Floats:
    """The four corners of the turned box around a piece, in pixels."""
    middle, directions, extents = _axes(piece)
    return np.array([middle + (extents / 2 * signs) @ directions for signs in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
