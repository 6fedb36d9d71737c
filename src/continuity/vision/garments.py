"""What somebody wears, as regions of the picture below a face: tie, shirt and jacket where they can be told apart.

The mask of the pose model, less the skin (of the colour of the face), less the hair (of the colour around the face and
grown from there), is clothes. What is narrow, hangs from the collar and has one colour on both of its sides is a tie;
a colour that keeps to the middle between two flanks of another one is a shirt under a jacket. Where none of this is
certain, the clothes stay one region: a garment that was not seen is never made up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from continuity.interfaces import Body
from continuity.records import Box, Face
from continuity.vision.colour import lab_of
from continuity.vision.geometry import Window, cut

NAMES = ("clothes", "jacket", "shirt", "tie")  # by label - 1; clothes where nothing is told apart
CLOTHES, JACKET, SHIRT, TIE = 1, 2, 3, 4

FACE = 40  # px of the crop that a face is wide
FACES = 5.0  # sides of the crop, in faces
DOWN = 1.9  # from the middle of the face to that of the crop, in faces
SIDE = round(FACE * FACES)
PERSON = 0.5  # of the mask
LIGHT = 0.5  # weight of lightness where surfaces are told apart: folds and light move it most
SKIN, SKIN_SHARE, SURE_SHARE = 10.0, 0.45, 0.25  # least chroma of skin; a*b* from the face as a share of its chroma
DARKER, LIGHTER = 40.0, 25.0  # L* from the face
HAIR = 9.0  # Lab, with LIGHT
STRANDS = 0.55  # of the clothes that hair may hide; more is a garment of its colour
COLOURS, APART = 5, 9.0  # clusters at most, and how far apart they are at least, in Lab with LIGHT
UNLIKE = 22.0  # Lab between a shirt and the jacket over it
SAME = 10.0  # Lab, with LIGHT: from the colour beside a tie, for a shirt
EDGE = 12.0  # Lab between a tie and the shirt beside it
EVEN = 0.3  # of the wider strip of shirt beside a tie that the narrower one has
FLANKS = 16.0  # Lab between the shirt on either side of a tie
STEP, GAP = 2, 5  # rows between those that are looked at for a tie, and the longest way without one
LEAST = 0.6  # square faces of clothes that can be measured
COLLAR = (0.3, 1.3), 0.35  # rows below the chin and half the width of where a tie hangs, in faces
FRONT = 1.0  # half the width of the front of somebody who is turned or leans, in faces
PART = 0.03  # of the clothes that a shirt covers at least, 5 * PART a jacket

Labs = NDArray[np.float32]
Mask = NDArray[np.bool_]
Span = tuple[int, int, Labs, float]  # first and last pixel, the colour on both sides, how evenly wide that one is


@dataclass(frozen=True, slots=True)
class Worn:
    """A crop below a face (CIELAB, SIDE x SIDE x 3), where it lies in the picture, and the garment of each pixel."""

    lab: Labs
    labels: NDArray[np.uint8]  # 0 for none, else 1 + the number of one of NAMES
    window: Window

    @property
    def area(self) -> float:
        """How much of the clothes is seen, in square faces."""
        return float((self.labels > 0).sum()) / FACE**2

    @property
    def collar(self) -> float:
        """The share of where a tie hangs that clothes are seen in: little where hair, hands or the frame hide it."""
        (first, last), half = COLLAR
        chin, middle = SIDE / 2 - (DOWN - 0.5) * FACE, SIDE // 2
        place = slice(round(chin + first * FACE), round(chin + last * FACE))
        return float((self.labels[place, round(middle - half * FACE) : round(middle + half * FACE)] > 0).mean())

    @property
    def front(self) -> Labs:
        """Colours of the clothes about the middle (n x 3 CIELAB, at most 2000): a tie that is worn is among them."""
        across = np.abs(np.arange(SIDE) + 0.5 - SIDE / 2) < FRONT * FACE
        found: Labs = self.lab[(self.labels > 0) & across]
        return found[:: max(1, -(-len(found) // 2000))]

    def box(self, label: int) -> Box:
        """The box in the picture around a garment: nine tenths of its width and height."""
        rows, columns = np.nonzero(self.labels == label)
        ends = np.array([[np.quantile(a, q) for a in (columns, rows)] for q in (0.02, 0.98)]) + 0.5
        (left, top), (right, bottom) = self.window.to_picture(ends / SIDE)
        return Box(float(left), float(top), float(right), float(bottom))


def worn(pixels: NDArray[np.uint8], face: Face, body: Body, skin: Labs | None, others: tuple[Face, ...] = ()) -> Worn:
    """The garments of the person with this face.

    Args:
        pixels: H x W x 3 uint8 sRGB.
        face: whose clothes.
        body: the body below that face.
        skin: CIELAB (3) of the face; None leaves skin in.
        others: other faces, so that they are not taken for clothes.
    """
    x, y = face.box.centre
    window = Window(x, y + DOWN * face.size, FACES * face.size)
    soft = Image.fromarray(cut(pixels, window, SIDE)).filter(ImageFilter.MedianFilter(3))  # of weave and noise
    lab = lab_of(np.asarray(soft))
    person = mask_in(body, window, SIDE) > PERSON
    person &= _inside(pixels.shape, window)
    for other in others:
        person &= ~_in_box(other.box, window)
    chin = SIDE / 2 - (DOWN - 0.5) * FACE
    rows = np.arange(SIDE)[:, None]
    clothes = person & (rows > chin + 0.12 * FACE)
    flesh = surely = np.zeros_like(person)
    if skin is not None:
        flesh, surely = (person & _like_skin(lab, skin, share) for share in (SKIN_SHARE, SURE_SHARE))
    hung = clothes & ~surely
    if (clothes & ~flesh).sum() < 0.15 * clothes.sum():
        flesh &= _neck(body, window, chin)  # clothes of the colour of skin
    clothes &= ~_opened(flesh)
    clothes &= ~_hair(lab, person & ~flesh, clothes, chin)
    clothes = _opened(clothes)
    return Worn(lab, _told_apart(lab, clothes, hung, _middle(body, window, chin), chin), window)


def mask_in(body: Body, window: Window, size: int) -> Labs:
    """The mask of a body over an upright window, ``size`` x ``size``; 0 outside of what the model saw."""
    count = len(body.mask)
    scale = count / body.side
    step = window.side / size
    cos, sin = np.cos(body.angle) * scale, np.sin(body.angle) * scale
    from_x, from_y = window.x - window.side / 2 - body.middle[0], window.y - window.side / 2 - body.middle[1]
    affine = (
        cos * step,
        sin * step,
        cos * from_x + sin * from_y + count / 2,
        -sin * step,
        cos * step,
        -sin * from_x + cos * from_y + count / 2,
    )
    picture = Image.fromarray(np.ascontiguousarray(body.mask, np.float32))
    return np.asarray(picture.transform((size, size), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR))


def _inside(shape: tuple[int, ...], window: Window) -> Mask:
    """Which pixels of a crop lie in the picture."""
    return _in_box(Box(0, 0, shape[1], shape[0]), window)


def _in_box(box: Box, window: Window) -> Mask:
    steps = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    across, down = window.x + steps * window.side, window.y + steps * window.side
    within: Mask = (down[:, None] > box.top) & (down[:, None] < box.bottom)
    return within & (across > box.left) & (across < box.right)


def _like_skin(lab: Labs, skin: Labs, share: float) -> Mask:
    chroma = max(SKIN, float(np.hypot(skin[1], skin[2])))
    step = lab - skin
    apart = np.hypot(step[..., 1], step[..., 2])
    alike: Mask = (apart < share * chroma) & (step[..., 0] > -DARKER) & (step[..., 0] < LIGHTER)
    return alike


def _neck(body: Body, window: Window, chin: float) -> Mask:
    """Where the neck is, whatever its colour: below the chin, above the shoulders."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    shoulders = chin + 0.6 * FACE
    near: Mask = np.abs(columns - SIDE / 2) < 0.4 * FACE
    return np.asarray(near & (rows < shoulders), np.bool_)


def _opened(mask: Mask) -> Mask:
    from scipy import ndimage

    return np.asarray(ndimage.binary_opening(mask, np.ones((3, 3), bool)), np.bool_)


def _far(lab: Labs, colour: Labs) -> Labs:
    """Distance from a colour in Lab, lightness at half weight."""
    step = lab - colour
    step[..., 0] *= LIGHT
    return np.asarray(np.sqrt(np.square(step).sum(axis=-1)), np.float32)


def _hair(lab: Labs, person: Mask, clothes: Mask, chin: float) -> Mask:
    """Hair over the clothes: of a colour from around the face, and connected with it."""
    from scipy import ndimage

    rows, columns = np.mgrid[:SIDE, :SIDE]
    around = person & (rows < chin) & ((np.abs(columns - SIDE / 2) > 0.5 * FACE) | (rows < chin - 1.05 * FACE))
    around = _opened(around)
    nothing = np.zeros_like(person)
    if around.sum() < 0.05 * FACE**2:
        return nothing
    alike = nothing.copy()
    for share in (0.25, 0.5, 0.75):  # hair has light and dark strands
        light = lab[around][:, 0]
        near = lab[around][np.abs(light - np.quantile(light, share)) < 4]
        if len(near):
            alike |= _far(lab, np.median(near, axis=0)) < HAIR
    grown = (alike & person) | around
    parts = np.asarray(ndimage.label(grown)[0], np.int32)
    hair: Mask = np.isin(parts, np.unique(parts[around])) & (parts > 0) & clothes
    hair &= (np.abs(columns - SIDE / 2) < 1.6 * FACE) & (rows < chin + 2.2 * FACE)
    if hair.sum() > STRANDS * clothes.sum():
        return nothing
    return np.asarray(ndimage.binary_dilation(hair, np.ones((3, 3), bool)), np.bool_) & clothes


def _middle(body: Body, window: Window, chin: float) -> NDArray[np.float64]:
    """Where the middle of the chest is in each row of the crop: from below the chin to between the shoulders."""
    places = (body.points[[11, 12], :2] - np.array([window.x, window.y])) / window.side * SIDE + SIDE / 2
    x, y = places.mean(axis=0)
    y = max(float(y), chin + 0.5 * FACE)
    x = float(np.clip(x, SIDE / 2 - FACE, SIDE / 2 + FACE))
    return np.interp(np.arange(SIDE), [chin, y], [SIDE / 2, x])


def _told_apart(lab: Labs, clothes: Mask, hung: Mask, middle: NDArray[np.float64], chin: float) -> NDArray[np.uint8]:
    labels = np.where(clothes, CLOTHES, 0).astype(np.uint8)
    if clothes.sum() < LEAST * FACE**2:
        return labels
    tie, beside = _tie(lab, clothes, hung, middle, chin)
    labels[tie] = TIE
    rest = clothes & ~tie
    inner = np.zeros_like(clothes)
    if beside is not None:
        inner = rest & (_far(lab, beside) < SAME)
    else:
        across = np.arange(SIDE)[None, :] - middle[:, None]
        for part in _parts(lab, rest):
            if part.sum() >= 0.02 * rest.sum() and _kept_in(part, rest, across):
                inner |= part
    outer = rest & ~inner
    if beside is None and inner.any() and outer.any():
        apart = _plain(np.median(lab[inner], axis=0), np.median(lab[outer], axis=0))
        if apart < UNLIKE or _highest(inner) > _highest(outer) + 0.6 * FACE:
            inner, outer = np.zeros_like(inner), rest  # light on one garment, or something on it
    if inner.sum() >= PART * clothes.sum() and outer.sum() >= 5 * PART * clothes.sum():
        labels[inner], labels[outer] = SHIRT, JACKET
    elif tie.any():
        labels[rest] = SHIRT if inner.sum() > outer.sum() else JACKET
    return labels


def _highest(mask: Mask) -> float:
    return float(np.quantile(np.nonzero(mask)[0], 0.02))


def _kept_in(part: Mask, rest: Mask, across: NDArray[np.float64]) -> bool:
    """Whether a colour keeps to the middle, with other clothes on both sides of it."""
    rows, columns = np.nonzero(part)
    if np.quantile(np.abs(across[rows, columns]), 0.9) > 0.62 * FACE:
        return False
    other = rest & ~part
    seen = np.unique(rows)
    left = (other & (across < 0))[seen].any(axis=1)
    right = (other & (across > 0))[seen].any(axis=1)
    return bool((left & right).mean() > 0.6)


def _tie(lab: Labs, clothes: Mask, hung: Mask, middle: NDArray[np.float64], chin: float) -> tuple[Mask, Labs | None]:
    """What hangs narrow from the collar between two flanks of one other colour, and that colour."""
    best: tuple[list[tuple[int, int, int]], Labs] | None = None
    rows = range(int(chin), min(SIDE, int(chin + 2.6 * FACE)), STEP)
    for offset in np.linspace(-0.33, 0.33, 9) * FACE:
        spans = {row: _span(lab[row], clothes[row], hung[row], round(middle[row] + offset)) for row in rows}
        run = _longest(spans, chin)
        if run and (best is None or len(run) > len(best[0])):
            there = [span for row, _, _ in run if (span := spans[row])]
            beside = np.median([span[2] for span in there], axis=0)
            if _hangs(lab, run) and np.median([span[3] for span in there]) > EVEN:
                best = run, beside.astype(np.float32)
    found = np.zeros_like(clothes)
    for row, left, right in best[0] if best else ():
        found[row : row + STEP, left : right + 1] = True
    return found & hung, best[1] if best else None


def _span(line: Labs, clothes: Mask, hung: Mask, middle: int) -> Span | None:
    """Around a place in a row: first and last pixel of one colour, and the colour on both sides, if it is one."""
    reach = round(0.45 * FACE)
    if not (reach + 8 <= middle < SIDE - reach - 8) or not hung[middle - 1 : middle + 2].all():
        return None
    near = line[middle - reach : middle + reach + 1]
    other = _plain(near, line[middle - 1 : middle + 2].mean(axis=0)) > EDGE
    left, right = np.flatnonzero(other[:reach][::-1]), np.flatnonzero(other[reach + 1 :])
    if not (left.size and right.size):
        return None
    first, last = middle - int(left[0]), middle + int(right[0])
    wide = last - first + 1
    if not 0.12 * FACE < wide < 0.6 * FACE:
        return None
    sides = slice(first - 5, first - 1), slice(last + 2, last + 6)
    if min(clothes[s].sum() for s in sides) < 2:
        return None
    flanks = [line[s][clothes[s]].mean(axis=0) for s in sides]
    own = line[first + 1 : last].mean(axis=0)
    if min(float(_plain(f, own)) for f in flanks) < EDGE or float(_plain(*flanks)) > FLANKS:
        return None
    wides = [_reach(line, clothes, side) for side in ((first - 2, -1, flanks[0]), (last + 2, 1, flanks[1]))]
    return first, last, np.mean(flanks, axis=0), min(wides) / max(wides)


def _reach(line: Labs, clothes: Mask, side: tuple[int, int, Labs]) -> int:
    """How many pixels the colour beside a place goes on, in one direction."""
    start, step, colour = side
    beyond = (_plain(line[start::step], colour) > EDGE) | ~clothes[start::step]
    return max(1, int(beyond.argmax()) if beyond.any() else len(beyond))


def _longest(spans: dict[int, Span | None], chin: float) -> list[tuple[int, int, int]]:
    """The longest run of rows with a span, that begins near the collar."""
    best: list[tuple[int, int, int]] = []
    run: list[tuple[int, int, int]] = []
    for row, span in spans.items():
        if span is None:
            continue
        if run and row - run[-1][0] > GAP:
            run = []
        run.append((row, span[0], span[1]))
        if len(run) > len(best) and run[0][0] < chin + 1.2 * FACE:
            best = run
    return list(best)


def _hangs(lab: Labs, run: list[tuple[int, int, int]]) -> bool:
    """Whether a run of spans is long enough, of even width, straight and of one colour from top to bottom."""
    rows, left, right = np.array(run).T
    wide = right - left + 1
    tall = rows[-1] - rows[0] + 1
    if tall < max(0.4 * FACE, 1.1 * np.median(wide)) or STEP * len(rows) < 0.7 * tall:
        return False
    third = max(1, len(rows) // 3)
    if np.median(wide[:third]) > 1.35 * np.median(wide[third:]):
        return False  # an open collar narrows downwards, a tie does not
    colours = np.array([np.median(lab[r, a : b + 1], axis=0) for r, a, b in run])
    return bool(np.median(_plain(colours, np.median(colours, axis=0))) < FLANKS)


def _parts(lab: Labs, clothes: Mask) -> list[Mask]:
    """The clothes by colour."""
    colours = _clusters(lab[clothes])
    number = np.full(clothes.shape, -1)
    number[clothes] = np.argmin([_far(lab[clothes], c) for c in colours], axis=0)
    return [number == n for n in range(len(colours))]


def _plain(a: Labs, b: Labs) -> Labs:
    """Distance in Lab."""
    return np.asarray(np.sqrt(np.square(np.subtract(a, b)).sum(axis=-1)), np.float32)


def _clusters(colours: Labs) -> list[Labs]:
    """At most COLOURS colours that stand for all, at least APART from each other: farthest first, then Lloyd (1982)."""
    some = colours[:: max(1, len(colours) // 3000)]
    middles = [np.median(some, axis=0)]
    nearest = _far(some.copy(), middles[0])
    while len(middles) < COLOURS + 3:
        # the 98 % quantile: a single pixel is no colour
        place = int(np.argsort(nearest)[int(0.98 * (len(nearest) - 1))])
        if nearest[place] < APART:
            break
        middles.append(some[place])
        nearest = np.minimum(nearest, _far(some, some[place]))
    for _ in range(6):
        belongs = np.argmin([_far(some, m) for m in middles], axis=0)
        middles = [np.median(some[belongs == n], axis=0) for n in range(len(middles)) if (belongs == n).any()]
    kept: list[Labs] = []
    counts = np.bincount(np.argmin([_far(some, m) for m in middles], axis=0), minlength=len(middles))
    for number in np.argsort(-counts):
        if all(float(_far(middles[number].copy(), k)) >= APART for k in kept):
            kept.append(middles[number])
    return kept
