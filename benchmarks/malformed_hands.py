"""Malformed hands made from normal ones: fingers copied, cut, merged, bent and stretched on the picture itself.

A hand is lifted off its ground as a layer of colours and coverage with its 21 points; every kind of defect is one
function on that layer. A kind returns None where the hand does not allow it, such as a missing finger on a fist, or
where nothing would be seen of it. :func:`harmless` moves fingers as a person can, with the same cutting and pasting:
what tells its results from the malformed ones is anatomy, no seam.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from continuity.records import Hand
from continuity.vision import hands
from continuity.vision.colour import lab_of

MARGIN = 1.3  # palms around the points
THICK = 0.15  # palms: half a finger
SEEN = 0.4  # share of a pasted finger that must lie beyond the hand to count as a visible defect

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Random = np.random.Generator


@dataclass(frozen=True)
class Layer:
    """A hand apart from its ground: ``colour`` (h x w x 3), ``cover`` (h x w, 0 to 1), ``points`` (21 x 2)."""

    colour: Floats
    cover: Floats
    points: Floats
    ground: Floats  # the picture without the hand, filled in
    apart: Floats  # distance in pixels to the nearest finger's line
    owner: NDArray[np.intp]  # which finger that is
    along: Floats  # how far along it: 0 root, 1 tip, negative before the root
    palm: float  # px from the wrist to the knuckles
    left: int  # where the layer lies in the picture, and the factor that brought it to its scale
    top: int
    scale: float

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.cover.shape[0], self.cover.shape[1]


def lift(pixels: Pixels, hand: Hand, unit: float | None = None) -> Layer | None:
    """A hand as a layer, its palm ``unit`` px; None where its colours are those of its ground."""
    points = np.array(hand.points, np.float32)
    palm = hands.palm(hand)
    if palm < 8:
        return None
    low, high = points.min(axis=0) - MARGIN * palm, points.max(axis=0) + MARGIN * palm
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(pixels.shape[1], int(high[0])), min(pixels.shape[0], int(high[1]))
    unit = unit or float(np.clip(palm, 32, 128))
    scale = unit / palm
    size = max(2, round((right - left) * scale)), max(2, round((bottom - top) * scale))
    part = np.asarray(Image.fromarray(pixels[top:bottom, left:right]).resize(size, Image.Resampling.BICUBIC))
    points = (points - (left, top)) * scale
    skeleton = drawn(points, size[::-1], THICK * 0.6 * unit)
    ring = drawn(points, size[::-1], THICK * 2.2 * unit) < 0.5
    if not ring.any():
        return None
    mask = alike(part, skeleton > 0.5, ring)
    if mask[skeleton > 0.5].mean() < 0.85:
        return None
    mask = ndimage.binary_opening(ndimage.binary_closing(mask | (skeleton > 0.5), iterations=2), iterations=2)
    labels, _ = ndimage.label(mask)
    mask = np.isin(labels, np.unique(labels[(skeleton > 0.5) & mask]))
    mask = ndimage.binary_fill_holes(mask) if mask.mean() < 0.6 else mask
    if mask[ring & ~_forearm(points, size[::-1])].mean() > 0.03:  # the ground looks like the hand
        return None
    cover = np.clip(ndimage.gaussian_filter(mask.astype(np.float32), 1.2) * 1.6 - 0.5, 0, 1)
    picture = part.astype(np.float32)
    ground = filled(picture, ~ndimage.binary_dilation(mask, iterations=5))
    colour = filled(picture, ndimage.binary_erosion(mask, iterations=2), keep=True)
    lines = [_to_line(points[list(chain)], mask.shape) for chain in hands.CHAINS]
    owner = np.argmin([apart for apart, _ in lines], axis=0)
    apart, along = (np.choose(owner, [line[n] for line in lines]).astype(np.float32) for n in (0, 1))
    return Layer(colour, cover.astype(np.float32), points, ground, apart, owner, along, unit, left, top, scale)


def lay(layer: Layer, ground: Floats) -> Pixels:
    """The hand on a ground of its shape (0 to 255)."""
    cover = layer.cover[..., None]
    return np.asarray((layer.colour * cover + ground * (1 - cover)).clip(0, 255)).astype(np.uint8)


def put_back(pixels: Pixels, before: Layer, layer: Layer) -> Pixels:
    """The whole picture with the hand changed in its place, and its own ground where a finger is gone."""
    size = round(before.shape[1] / before.scale), round(before.shape[0] / before.scale)
    new = (lay(layer, layer.ground).astype(np.float32), lay(before, before.ground).astype(np.float32))
    moved_pixels = ndimage.binary_dilation(np.abs(new[0] - new[1]).max(axis=-1) > 6, iterations=2)
    share = Image.fromarray((ndimage.gaussian_filter(moved_pixels.astype(np.float32), 1) * 255).astype(np.uint8))
    share = share.resize(size, Image.Resampling.BICUBIC)
    made = Image.fromarray(new[0].astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    out = Image.fromarray(pixels)
    out.paste(made, (before.left, before.top), share)
    return np.asarray(out)


def alike(pixels: Pixels, seed: NDArray[np.bool_], ring: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a colour is more frequent in ``seed`` than in ``ring``, by smoothed histograms in CIELAB."""
    cells = ((lab_of(pixels) + np.array([0, 64, 64])) / (6.25, 4, 4)).astype(np.intp).clip(0, (15, 31, 31))
    flat = np.ravel_multi_index(tuple(np.moveaxis(cells, -1, 0)), (16, 32, 32))
    of = [
        ndimage.gaussian_filter(np.bincount(flat[m], minlength=16384).reshape(16, 32, 32) / m.sum(), 1.0).reshape(-1)
        for m in (seed, ring)
    ]
    return np.asarray((of[0] > of[1] + 1e-9)[flat])


def filled(picture: Floats, known: NDArray[np.bool_], keep: bool = False) -> Floats:
    """What is not known, from what is known around it (normalised convolution, coarse to fine)."""
    out = np.empty_like(picture)
    out[:] = picture[known].mean(axis=0) if known.any() else 0
    planes = np.dstack([picture * known[..., None], known]).astype(np.float32)
    for reach in (41, 15, 5):
        spread = ndimage.uniform_filter(ndimage.uniform_filter(planes, (reach, reach, 1)), (reach, reach, 1))
        near, weight = spread[..., :3], spread[..., 3]
        sure = np.clip(weight * 20, 0, 1)[..., None]
        out = out * (1 - sure) + near / np.maximum(weight, 1e-6)[..., None] * sure
    if not keep:
        grain = np.random.default_rng(0).normal(0, 1, picture.shape[:2]) * _grain(picture, known)
        out = out + grain[..., None].astype(np.float32)
    return np.asarray(np.where(known[..., None], picture, out), np.float32)


def _grain(picture: Floats, known: NDArray[np.bool_]) -> float:
    rough = picture.mean(axis=-1)
    rough = rough - ndimage.gaussian_filter(rough, 1.5)
    return float(np.median(np.abs(rough[known])) * 1.48) if known.any() else 0.0


def drawn(points: Floats, shape: tuple[int, int], radius: float) -> Floats:
    """The skeleton with a radius in pixels, the palm filled, as coverage (h x w)."""
    picture = Image.new("L", (shape[1], shape[0]))
    draw = ImageDraw.Draw(picture)
    draw.polygon([(float(points[i, 0]), float(points[i, 1])) for i in hands.PALM], fill=255)
    for a, b in hands.LINKS:
        _capsule(draw, points[a], points[b], radius)
    return np.asarray(np.asarray(picture, np.float32) / 255, np.float32)


def _capsule(draw: ImageDraw.ImageDraw, a: Floats, b: Floats, r: float) -> None:
    draw.line([float(a[0]), float(a[1]), float(b[0]), float(b[1])], fill=255, width=max(1, round(2 * r)))
    for x, y in (a, b):
        draw.ellipse([float(x) - r, float(y) - r, float(x) + r, float(y) + r], fill=255)


def _forearm(points: Floats, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The half of the picture on the forearm's side of the wrist."""
    away = _unit(points[0] - points[list(hands.KNUCKLES)].mean(axis=0))
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    near = 0.3 * float(np.linalg.norm(points[9] - points[0]))
    return np.asarray((xs - points[0, 0]) * away[0] + (ys - points[0, 1]) * away[1] > -near)


def _unit(v: Floats) -> Floats:
    return np.asarray(v / max(float(np.linalg.norm(v)), 1e-6), np.float32)


def stretched(layer: Layer) -> list[int]:
    """The fingers that are stretched and seen at nearly full length."""
    found = []
    for number, chain in enumerate(hands.CHAINS):
        line = layer.points[list(chain)]
        parts = np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
        end = float(np.linalg.norm(line[-1] - line[0]))
        others = [layer.points[list(c)[1:]] for n, c in enumerate(hands.CHAINS) if n != number]
        clear = min(float(np.linalg.norm(line[-1] - p, axis=1).min()) for p in others)
        if end > 0.92 * parts and end > (0.5 if number in (0, 4) else 0.65) * layer.palm and clear > 0.28 * layer.palm:
            found.append(number)
    return found


def piece(layer: Layer, finger: int, start: float, fade: float = 0.12, width: float = 1.35) -> Floats:
    """Coverage of one finger from ``start`` (a share of its length, root 0) to beyond its tip."""
    near = (layer.owner == finger) & (layer.apart < THICK * width * layer.palm)
    edge = np.clip((layer.along - start) / fade, 0, 1)
    return np.asarray(ndimage.gaussian_filter(near.astype(np.float32), 0.8) * edge * layer.cover, np.float32)


def _to_line(line: Floats, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Distance of each pixel to a chain, and how far along it (0 root, 1 tip; less before the root)."""
    ys, xs = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    spots = np.stack([xs, ys], axis=-1)
    parts = np.diff(line, axis=0)
    lengths = np.linalg.norm(parts, axis=1)
    total, done = max(float(lengths.sum()), 1e-6), 0.0
    best, along = np.full(shape, np.inf, np.float32), np.zeros(shape, np.float32)
    for n, (a, part, length) in enumerate(zip(line[:-1], parts, lengths, strict=True)):
        raw = ((spots - a) @ part) / max(float(length) ** 2, 1e-6)
        t = np.clip(raw, 0, 1)
        apart = np.linalg.norm(spots - (a + t[..., None] * part), axis=-1)
        where = (done + (raw if n == 0 else t) * length) / total
        closer = apart < best
        best, along = np.where(closer, apart, best), np.where(closer, where, along)
        done += float(length)
    return best, along


def moved(plane: Floats, at: Floats, to: Floats, turn: float, scale: float = 1.0, flip: bool = False) -> Floats:
    """A plane (h x w or h x w x 3) turned clockwise and scaled about ``at``, which comes to lie at ``to``."""
    cos, sin = math.cos(turn) / scale, math.sin(turn) / scale
    inverse = np.array([[cos, sin], [-sin, cos]])
    if flip:
        inverse = np.diag([-1.0, 1.0]) @ inverse
    shift = at - inverse @ to
    back = (*map(float, (*inverse[0], shift[0])), *map(float, (*inverse[1], shift[1])))
    planes = [plane] if plane.ndim == 2 else [plane[..., c] for c in range(plane.shape[2])]
    size = (plane.shape[1], plane.shape[0])
    out = [
        np.asarray(Image.fromarray(p).transform(size, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC))
        for p in map(np.ascontiguousarray, planes)
    ]
    return out[0] if plane.ndim == 2 else np.stack(out, axis=-1)


def paste(layer: Layer, cover: Floats, colour: Floats, behind: bool = False) -> Layer:
    """A piece over the hand, or behind it."""
    cover = cover.clip(0, 1)
    share = (1 - layer.cover) * cover if behind else cover
    together = np.maximum(share + layer.cover * (1 - share), layer.cover)
    mixed = layer.colour * (1 - share[..., None]) + colour * share[..., None]
    if behind:  # where the hand is half covered, both shine through
        mixed = np.where((cover > layer.cover)[..., None], colour, layer.colour)
    return replace(layer, cover=together, colour=mixed.astype(np.float32))


def without(layer: Layer, finger: int, start: float, fade: float) -> Layer:
    """The layer without a finger from ``start`` on."""
    wide = (layer.owner == finger) & (layer.apart < THICK * 2.2 * layer.palm)
    gone = ndimage.gaussian_filter(wide.astype(np.float32), 0.8) * np.clip((layer.along - start) / fade, 0, 1)
    return replace(layer, cover=np.asarray(layer.cover * (1 - np.clip(gone * 1.15, 0, 1)), np.float32))


def _shaded(colour: Floats, random: Random) -> Floats:
    """A little lighter or darker: a copy never has the light of its model."""
    return np.asarray(colour * random.uniform(0.86, 1.1), np.float32)


def _added(layer: Layer, cover: Floats, whole: Floats) -> bool:
    """Whether enough of a pasted piece lies beyond the hand to be seen."""
    beyond = float((cover * (1 - layer.cover)).sum())
    return beyond > SEEN * float(whole.sum()) and beyond > 0.06 * layer.palm**2


def _direction(layer: Layer, finger: int) -> Floats:
    chain = hands.CHAINS[finger]
    return _unit(layer.points[chain[-1]] - layer.points[chain[0]])


def _turned(v: Floats, angle: float) -> Floats:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([v[0] * cos - v[1] * sin, v[0] * sin + v[1] * cos], np.float32)


def _between(a: Floats, b: Floats) -> float:
    """The turn from a to b, clockwise on the screen."""
    return math.atan2(float(a[0] * b[1] - a[1] * b[0]), float(a @ b))


def extra(layer: Layer, random: Random) -> Layer | None:
    """A sixth finger: beyond the little finger, before the index, between two knuckles, or out of the palm's edge."""
    able = [f for f in stretched(layer) if f > 0]
    if not able:
        return None
    model = int(random.choice(able))
    points = layer.points
    across, up = points[17] - points[5], points[9] - points[0]
    straight = stretched(layer)  # beside a folded finger a pasted one would only seem to be that finger
    places = [3]
    places += [0] * (4 in straight) + [1] * (0 in straight and 1 in straight) + [2, 2] * ({1, 2, 3, 4} <= set(straight))
    place = int(random.choice(places))
    if place == 0:
        root = points[17] + across * random.uniform(-0.05, 0.3) - up * random.uniform(0.0, 0.45)
        way = _unit(_unit(up) + _unit(across) * random.uniform(0.3, 1.4))
    elif place == 1:
        root = points[5] - across * random.uniform(-0.05, 0.2) - up * random.uniform(0.0, 0.3)
        way = _unit(_unit(up) - _unit(across) * random.uniform(0.15, 0.9))
    elif place == 2:
        first = int(random.integers(3))
        root = (points[hands.KNUCKLES[first]] + points[hands.KNUCKLES[first + 1]]) / 2
        way = _unit(_direction(layer, first + 1) + _direction(layer, first + 2))
    else:
        root = points[0] + up * random.uniform(0.1, 0.6) + across * random.uniform(0.2, 0.42)
        way = _unit(_unit(across) + _unit(up) * random.uniform(-0.2, 0.9))
    start = random.uniform(0.0, 0.25)
    return _copied(layer, model, start, np.asarray(root, np.float32), way, random)


def _copied(layer: Layer, model: int, start: float, root: Floats, way: Floats, random: Random) -> Layer | None:
    cover = piece(layer, model, start)
    chain = layer.points[list(hands.CHAINS[model])]
    at = chain[0] + (chain[-1] - chain[0]) * start
    turn, scale = _between(_direction(layer, model), way), random.uniform(0.75, 1.1)
    new = moved(cover, at, root, turn, scale)
    colour = _shaded(moved(layer.colour, at, root, turn, scale), random)
    if not _added(layer, new, cover * scale**2):
        return None
    return paste(layer, new, colour, behind=bool(random.random() < 0.4))


def missing(layer: Layer, random: Random) -> Layer | None:
    """A stretched finger is gone from near its root."""
    able = [f for f in stretched(layer) if f > 0]
    if len(able) < 4:  # with fewer it could as well be folded
        return None
    finger, start = int(random.choice(able)), random.uniform(0.0, 0.25)
    gone = piece(layer, finger, start, fade=0.06)
    return without(layer, finger, start, fade=0.06) if gone.sum() > 0.08 * layer.palm**2 else None


def fused(layer: Layer, random: Random) -> Layer | None:
    """Two fingers side by side with skin between them, along half or all of their length."""
    able = [f for f in stretched(layer) if f + 1 in stretched(layer) and f > 0]
    if not able:
        return None
    one = int(random.choice(able))
    a, b = (layer.points[list(hands.CHAINS[f])] for f in (one, one + 1))
    if np.linalg.norm(a[-1] - b[-1]) > 1.1 * layer.palm:
        return None
    share = random.uniform(0.55, 1.0)
    count = 2 + round(share * 2)
    web = Image.new("L", layer.shape[::-1])
    outline = [*a[:count], *b[:count][::-1]]
    ImageDraw.Draw(web).polygon([(float(x), float(y)) for x, y in outline], fill=255)
    cover: Floats = np.asarray(np.asarray(web.filter(ImageFilter.GaussianBlur(1.2))) / 255, np.float32)
    new = float((cover * (1 - layer.cover)).sum())
    if new < 0.035 * layer.palm**2:
        return None
    solid = (layer.cover > 0.9) & ~ndimage.binary_dilation((cover > 0.5) & (layer.cover < 0.5), iterations=4)
    return paste(layer, cover, _shaded(filled(layer.colour, solid), random))


def doubled(layer: Layer, random: Random) -> Layer | None:
    """A finger that forks: a copy turned about its root or its middle joint."""
    able = stretched(layer)
    if not able:
        return None
    finger = int(random.choice(able))
    chain = layer.points[list(hands.CHAINS[finger])]
    joint = int(random.integers(2)) if len(able) >= 4 else 1  # beside folded fingers a fork at the root seems two
    start = joint * 0.42
    cover = piece(layer, finger, max(0.0, start - 0.04))
    turn = float(random.choice([-1, 1]) * random.uniform(0.28, 0.7) * (1 + 0.4 * joint))
    new = moved(cover, chain[joint], chain[joint], turn, random.uniform(0.85, 1.08))
    if not _added(layer, new, cover):
        return None
    colour = _shaded(moved(layer.colour, chain[joint], chain[joint], turn), random)
    return paste(layer, new, colour, behind=bool(random.random() < 0.5))


def two_thumbs(layer: Layer, random: Random) -> Layer | None:
    """A mirrored thumb on the little finger's side, or a second one beside the first."""
    if not {0, 4} <= set(stretched(layer)):
        return None
    points, thumb = layer.points, piece(layer, 0, random.uniform(0.05, 0.3))
    at = points[2]
    if random.random() < 0.35:
        turn = float(random.choice([-1, 1]) * random.uniform(0.45, 0.9))
        new, colour = moved(thumb, points[1], points[1], turn), moved(layer.colour, points[1], points[1], turn)
    else:
        up = points[9] - points[0]
        across = np.array([-up[1], up[0]], np.float32)
        across = across * np.sign(across @ (points[17] - points[5]))
        root = points[17] - up * random.uniform(0.35, 0.75) + _unit(across) * random.uniform(-0.05, 0.15) * layer.palm
        ahead = _direction(layer, 0)
        mirrored = ahead - 2 * (ahead @ _unit(across)) * _unit(across)
        flipped = np.array([-ahead[0], ahead[1]], np.float32)
        turn = _between(flipped, mirrored) + random.uniform(-0.3, 0.3)
        new = moved(thumb, at, root, turn, random.uniform(0.85, 1.05), flip=True)
        colour = moved(layer.colour, at, root, turn, 1.0, flip=True)
    if not _added(layer, new, thumb):
        return None
    return paste(layer, new, _shaded(colour, random), behind=bool(random.random() < 0.3))


def bent(layer: Layer, random: Random) -> Layer | None:
    """A finger that turns aside in its middle joint, where none can."""
    able = [f for f in stretched(layer) if f > 0]
    if not able:
        return None
    finger = int(random.choice(able))
    joint = layer.points[hands.CHAINS[finger][1]]
    cover = piece(layer, finger, 0.42)
    turn = float(random.choice([-1, 1]) * random.uniform(0.85, 1.6))
    new = moved(cover, joint, joint, turn)
    rest = without(layer, finger, 0.48, fade=0.05)
    if not _added(rest, new, cover):
        return None
    return paste(rest, new, _shaded(moved(layer.colour, joint, joint, turn), random))


def long(layer: Layer, random: Random) -> Layer | None:
    """A finger half as long again as it was, or longer."""
    able = [f for f in stretched(layer) if f > 0]
    if not able:
        return None
    finger = int(random.choice(able))
    root = layer.points[hands.CHAINS[finger][0]]
    along = _direction(layer, finger)
    factor = random.uniform(1.5, 2.0)
    cover, colour = scaled(layer, finger, root, np.eye(2) - (1 - 1 / factor) * np.outer(along, along))
    tip = root + along * factor * np.linalg.norm(layer.points[hands.CHAINS[finger][-1]] - root)
    if not (tip > 0).all() or not (tip < layer.shape[::-1]).all():
        return None
    return paste(layer, cover, colour)


def wrist(layer: Layer, random: Random) -> Layer | None:
    """A forearm that leaves the wrist to the side, where the hand is seen from its palm or its back."""
    points = layer.points
    if np.linalg.norm(points[17] - points[5]) < 0.55 * layer.palm:
        return None
    return _forearm_turned(layer, float(random.choice([-1, 1]) * random.uniform(1.2, 2.1)), random)


def _forearm_turned(layer: Layer, turn: float, random: Random) -> Layer | None:
    points = layer.points
    up = points[9] - points[0]
    if np.linalg.norm(up) < 0.8 * layer.palm:
        return None
    ys, xs = np.mgrid[: layer.shape[0], : layer.shape[1]].astype(np.float32)
    below = -((xs - points[0, 0]) * _unit(up)[0] + (ys - points[0, 1]) * _unit(up)[1]) / layer.palm
    arm = np.asarray(np.clip((below + 0.05) / 0.1, 0, 1) * layer.cover, np.float32)
    if float(arm.sum()) < 0.25 * layer.palm**2:
        return None
    at = np.asarray(points[0] + 0.1 * up, np.float32)
    new = moved(arm, at, at, turn)
    rest = replace(layer, cover=np.asarray(layer.cover * (1 - np.clip(below / 0.1, 0, 1)), np.float32))
    if abs(turn) > 1 and not _added(rest, new, arm):
        return None
    return paste(rest, new, _shaded(moved(layer.colour, at, at, turn), random), behind=True)


def melted(layer: Layer, random: Random) -> Layer | None:
    """Fingers that run in waves, swell and shrink, as generated ones do."""
    able = [f for f in stretched(layer) if f > 0]
    if len(able) < 2:
        return None
    shape = layer.shape
    waves = random.normal(size=(2, *shape)).astype(np.float32)
    reach = layer.palm * random.uniform(0.1, 0.18)
    waves = np.stack([ndimage.gaussian_filter(w, reach) for w in waves])
    waves *= layer.palm * random.uniform(0.06, 0.13) / max(float(waves.std()), 1e-9)
    touched = np.isin(layer.owner, able) & (layer.along > 0.05) & (layer.apart < 0.5 * layer.palm)
    waves *= ndimage.gaussian_filter(touched.astype(np.float32), 0.06 * layer.palm)
    ys, xs = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    spots = np.stack([ys + waves[0], xs + waves[1]])
    cover = ndimage.map_coordinates(layer.cover, spots, order=1, mode="nearest")
    colour = np.stack([ndimage.map_coordinates(layer.colour[..., c], spots, order=1, mode="nearest") for c in range(3)])
    if float(np.abs(cover - layer.cover).sum()) < 0.15 * layer.palm**2:
        return None
    return replace(layer, cover=cover, colour=np.moveaxis(colour, 0, -1))


def four(layer: Layer, random: Random) -> Layer | None:
    """A hand of four fingers whose gap is closed: the sector of one, seen from the wrist, is taken out."""
    able = [f for f in stretched(layer) if f > 0]
    if len(able) < 4:
        return None
    finger, wrist_at = int(random.choice(able)), layer.points[0]

    def angle(number: int) -> float:
        return _between(_unit(layer.points[9] - wrist_at), layer.points[hands.CHAINS[number][1]] - wrist_at)

    beside = [f for f in (finger - 1, finger + 1) if 1 <= f <= 4]
    width = float(np.mean([abs(angle(f) - angle(finger)) for f in beside]))
    if not 0.08 < width < 0.6:
        return None
    rest = without(layer, finger, -0.1, fade=0.15)
    ys, xs = np.mgrid[: layer.shape[0], : layer.shape[1]].astype(np.float32)
    up, x, y = _unit(layer.points[9] - wrist_at), xs - wrist_at[0], ys - wrist_at[1]
    reach = np.hypot(x, y)
    ahead = np.arctan2(up[0] * y - up[1] * x, up[0] * x + up[1] * y)
    apart = (ahead - angle(finger) + np.pi) % (2 * np.pi) - np.pi
    high = np.clip((reach / layer.palm - 0.3) / 0.6, 0, 1) * np.clip((1.9 - np.abs(apart)) / 0.9, 0, 1)
    source = ahead + high * width / 2 * np.tanh(apart / 0.03)
    spots = np.stack([
        wrist_at[1] + reach * (np.sin(source) * up[0] + np.cos(source) * up[1]),
        wrist_at[0] + reach * (np.cos(source) * up[0] - np.sin(source) * up[1]),
    ])  # fmt: skip
    cover = ndimage.map_coordinates(rest.cover, spots, order=1, mode="nearest")
    colour = np.stack([ndimage.map_coordinates(rest.colour[..., c], spots, order=1, mode="nearest") for c in range(3)])
    if layer.cover.sum() - cover.sum() < 0.08 * layer.palm**2:
        return None
    return replace(layer, cover=cover, colour=np.moveaxis(colour, 0, -1))


def short(layer: Layer, random: Random) -> Layer | None:
    """A finger of less than half of its length among stretched ones, its nail where it now ends."""
    able = [f for f in stretched(layer) if f > 0]
    if len(able) < 4:
        return None
    finger = int(random.choice(able))
    root, along = layer.points[hands.CHAINS[finger][0]], _direction(layer, finger)
    inverse = np.eye(2) + (1 / random.uniform(0.3, 0.48) - 1) * np.outer(along, along)
    cover, colour = scaled(layer, finger, root, inverse)
    rest = without(layer, finger, 0.0, fade=0.1)
    made = paste(rest, cover, colour, behind=True)
    return made if layer.cover.sum() - made.cover.sum() > 0.06 * layer.palm**2 else None


def scaled(layer: Layer, finger: int, root: Floats, inverse: Any) -> tuple[Floats, Floats]:
    """Coverage and colours of a finger under a linear map (given inverted) that leaves its root where it is."""
    shift = root - inverse @ root
    back = (*map(float, (*inverse[0], shift[0])), *map(float, (*inverse[1], shift[1])))
    planes = [piece(layer, finger, 0.05), *(layer.colour[..., c] for c in range(3))]
    cover, *colours = (
        np.asarray(
            Image.fromarray(np.ascontiguousarray(p)).transform(layer.shape[::-1], Image.Transform.AFFINE, back, 2)
        )
        for p in planes
    )
    return cover, np.stack(colours, axis=-1)


def plain(layer: Layer, random: Random) -> Layer:
    """The palm without lines, thumb and folded fingers on it: a hand as from its back, where fingers are stretched."""
    if len(stretched(layer)) < 3:
        return layer
    outline = Image.new("L", layer.shape[::-1])
    ImageDraw.Draw(outline).polygon([(float(x), float(y)) for x, y in layer.points[list(hands.PALM)]], fill=255)
    share = ndimage.gaussian_filter(np.asarray(outline, np.float32) / 255, 0.06 * layer.palm) * layer.cover
    wide = layer.palm * random.uniform(0.1, 0.3)
    spread = [ndimage.gaussian_filter(p * layer.cover, wide) for p in np.moveaxis(layer.colour, -1, 0)]
    even = np.stack(spread, axis=-1) / np.maximum(ndimage.gaussian_filter(layer.cover, wide), 1e-3)[..., None]
    share = (share * random.uniform(0.6, 1))[..., None]
    return replace(layer, colour=(even * share + layer.colour * (1 - share)).astype(np.float32))


def harmless(layer: Layer, random: Random) -> Layer | None:
    """A finger spread, or the forearm turned, a little, cut out and pasted as the malformed ones are."""
    if random.random() < 0.25 and (arm := _forearm_turned(layer, random.normal(0, 0.2), random)) is not None:
        return arm
    able = stretched(layer)
    if not able:
        return layer
    finger = int(random.choice(able))
    root = layer.points[hands.CHAINS[finger][0]]
    turn, scale = random.uniform(-0.1, 0.1), random.uniform(0.94, 1.06)
    cover = piece(layer, finger, 0.0, fade=0.2)
    rest = without(layer, finger, 0.15, fade=0.2)
    colour = _shaded(moved(layer.colour, root, root, turn, scale), random)
    return paste(rest, moved(cover, root, root, turn, scale), colour)


Edit = Callable[[Layer, Random], "Layer | None"]
KINDS: dict[str, Edit] = {
    f.__name__: f for f in (extra, missing, fused, doubled, two_thumbs, bent, long, wrist, melted, four, short)
}
