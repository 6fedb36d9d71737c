"""Aligned crops of normal and malformed hands to train a net on, made from photographs of normal ones.

Photographs are edited (malformed_hands.py), laid on grounds, lit, stretched and degraded; the points are those that the
hand model finds on the result. Normal hands go through the same cutting, pasting, grounds and light.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from continuity.backends import hands as model
from continuity.backends.hand_shape import bones, layers
from continuity.records import Hand
from continuity.vision.hand_crop import SIZE, aligned, placed, turned, turned_points
from continuity.vision.hands import palm
from hand_scenes import clutter, degraded, even, lit, stretched_out, texture
from malformed_hands import KINDS, Floats, Layer, Pixels, Random, harmless, lay, lift, plain, put_back, stretched

NORMAL = "normal"
PALM = 48.0  # px of the palm when hands are edited and laid on a ground
OWN = 0.35  # share of the hands that stay in their own picture
BACK_SIDE = 0.2  # share of those that are made plain as from their back
RARE = ("missing", "two_thumbs", "four", "short")
FEW = ("missing", "four", "short")  # which only hands with four stretched fingers allow: they have rounds of their own
OPEN = ("4", "5")  # the digits that are signed so
PASS = 13  # rounds that draw every photograph once
VIEWS = 3  # of each crop that the net is shown
SEEN = {"early": lambda crop: layers(crop)[0], "bones": bones}  # what the nets are given
Rows = dict[str, Any]


def photographs(digits: Path, crops: Path) -> list[tuple[Path, int]]:
    """Every picture and the group (person, or run of crops) that it belongs to.

    Raises:
        SystemExit: a folder has none.
    """
    numbered = sorted((int(p.stem.split("_")[1]), int(p.parent.name), p) for p in digits.glob("*/IMG_*.JPG"))
    found, person, last = [], 0, -1
    for _, digit, path in numbered:
        person += digit <= last  # digits start anew with every person
        last = digit
        found.append((path, person))
    small = sorted(crops.glob("pos_*.png"), key=lambda p: int(p.stem.split("_")[1]))
    if not found or not small:
        raise SystemExit(f"IMG_NUMBER.JPG in folders by digit were wanted in {digits}, and pos_NUMBER.png in {crops}")
    return found + [(p, 1000 + n // 20) for n, p in enumerate(small)]


def opened(path: Path) -> Pixels:
    """The picture at a size at which the hand model finds hands in it; close crops get a border."""
    picture = Image.open(path).convert("RGB")
    picture = picture.resize((300, round(300 * picture.height / picture.width)), Image.Resampling.BICUBIC)
    return np.pad(np.asarray(picture), ((60, 60), (60, 60), (0, 0)), "edge")


def made(digits: Path, crops: Path, number: int, few: bool) -> Rows:
    """The aligned crops (n x 96 x 96 x 4 int16) of one round, with their points, kind and group."""
    everything = photographs(digits, crops)
    textures = [p for p, group in everything if group >= 1000]
    if few:
        random = np.random.default_rng((3, number))
        everything = [(p, group) for p, group in everything if group >= 1000 or p.parent.name in OPEN]
        drawn = random.permutation(len(everything))
    else:
        random = np.random.default_rng((1, number))
        drawn = np.random.default_rng(number // PASS).permutation(len(everything))[number % PASS :: PASS]
    rows: list[tuple[Any, Any, str, int]] = []
    spare: list[Layer] = []
    for path, group in (everything[i] for i in drawn):
        rows += [(*crop, group) for crop in of_one(opened(path), group, textures, spare, random, few)]
    crops_of, points, kinds, groups = zip(*rows, strict=True)
    parts = {"crops": np.stack(crops_of), "placed": np.stack(points)}
    return {**parts, "kinds": np.array(kinds), "groups": np.array(groups)}


def round_of(digits: Path, crops: Path, number: int, folder: Path, few: bool = False) -> Path:
    """The file with one round of crops as the nets are shown them; made where it is not there yet.

    A round of ``few`` has kinds of ``FEW`` and normal hands, of every photograph that allows them.
    """
    path = folder / f"{'few' if few else 'round'}-{number}.npz"
    if not path.is_file():
        rows, random = made(digits, crops, number, few), np.random.default_rng((4 if few else 2, number))
        both = zip(rows["crops"].astype(np.float32), rows.pop("placed"), strict=True)
        shown = [view for crop, points in both for view in views(crop, points, random)]
        given: dict[str, list[Any]] = {
            name: [sees(crop).astype(np.float16) for crop, _ in shown] for name, sees in SEEN.items()
        }
        given["colour"] = [crop[..., :3].clip(0, 255).astype(np.uint8) for crop, _ in shown]
        given["points"] = [points for _, points in shown]
        for name, of_views in given.items():
            parts = np.stack(of_views)
            rows[name] = parts.reshape(-1, VIEWS, *parts.shape[1:])
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(part := path.with_suffix(".part.npz"), **rows)
        part.replace(path)
    return path


def joined(paths: Sequence[Path], names: Sequence[str]) -> Rows:
    """What these rounds have under some names, as one."""
    parts = [np.load(path) for path in paths]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def of_one(
    pixels: Pixels, group: int, textures: list[Path], spare: list[Layer], random: Random, few: bool = False
) -> Iterator[tuple[Any, Any, str]]:
    """Crops of one photograph, normal and malformed, with their points and kind.

    Its hand may later lie beside another (``spare``).
    """
    found = model.find(pixels)
    if not found:
        return
    layer = lift(pixels, found[0], PALM)
    if few and (layer is None or len(set(stretched(layer)) - {0}) < 4):
        return
    if layer is not None and random.random() < 0.3:
        spare[:] = [*spare[-20:], layer]
    count = 5 if group < 1000 else 4
    malformed = 0
    kinds = [NORMAL, *map(str, random.permutation(FEW)), NORMAL, NORMAL] if few else chosen(random, count)
    for kind in kinds:
        if malformed >= (count + 1) // 2:
            break  # many kinds are not possible on many hands: the first ones that are
        edit = harmless if kind == NORMAL and random.random() < 0.7 else KINDS.get(kind)
        changed = layer
        if layer is not None and edit is not None:
            changed = edit(layer, random) or (layer if kind == NORMAL else None)
        if changed is not None and random.random() < BACK_SIDE:
            changed = plain(changed, random)
        if changed is None and kind == NORMAL:
            picture = degraded(stretched_out(pixels, random), palm(found[0]), random)[0]
            hand = first(picture)
        elif changed is not None:
            if layer is not None and random.random() < OWN:
                whole = pixels if changed is layer else put_back(pixels, layer, changed)
                picture, _ = degraded(stretched_out(whole, random), palm(found[0]), random)
                scale = picture.shape[1] / pixels.shape[1], picture.shape[0] / pixels.shape[0]
                hand = first(picture, np.array(found[0].points, np.float32) * scale)
            else:
                picture, points = staged(changed, textures, spare, random)
                hand = first(picture, points)
        else:
            continue
        if hand is not None:
            yield aligned(picture, hand[0], hand[1:]).astype(np.int16), placed(hand[0]), kind
            malformed += kind != NORMAL


def chosen(random: Random, count: int) -> list[str]:
    """Kinds for one photograph: half normal, then all kinds, those that few hands allow sooner."""
    names = list(KINDS)
    weights = np.array([3.0 if name in RARE else 1.0 for name in names])
    order = random.choice(len(names), len(names), replace=False, p=weights / weights.sum())
    return [NORMAL] * ((count + int(random.integers(2))) // 2) + [names[i] for i in order]


def first(picture: Pixels, points: Floats | None = None) -> list[Hand] | None:
    """The hand that lies where it is wanted, then the others; None where it was not found."""
    found = model.find(picture)
    if not found:
        return None
    if points is None:
        return list(found)
    apart = [float(np.linalg.norm(np.array(h.points) - points, axis=1).mean()) for h in found]
    best = int(np.argmin(apart))
    if apart[best] > 1.2 * palm(found[best]):
        return None
    return [found[best], *(h for n, h in enumerate(found) if n != best)]


def staged(layer: Layer, textures: list[Path], spare: list[Layer], random: Random) -> tuple[Pixels, Floats]:
    """The hand on some ground, perhaps with another hand beside it, turned, mirrored, lit, and degraded."""
    layer = toned(layer, random)
    where = random.random()
    ground = (
        layer.ground
        if where < 0.2
        else even(layer.shape, random)
        if where < 0.4
        else texture(layer.shape, textures, random)
        if where < 0.7
        else clutter(layer.shape, random)
    )
    if spare and random.random() < 0.15:
        other = toned(spare[int(random.integers(len(spare)))], random)
        whole = np.zeros((*layer.shape, 4), np.float32)
        height, width = np.minimum(layer.shape, other.shape)
        whole[:height, :width, :3] = other.colour[:height, :width]
        whole[:height, :width, 3] = other.cover[:height, :width]
        whole = np.roll(whole, random.integers(-60, 60, 2), axis=(0, 1))
        ground = ground * (1 - whole[..., 3:]) + whole[..., :3] * whole[..., 3:]
    if random.random() < 0.4:  # its shadow on the ground
        shade = np.roll(ndimage.gaussian_filter(layer.cover, 5), random.integers(-8, 9, 2), axis=(0, 1))
        ground = ground * (1 - random.uniform(0.1, 0.5) * shade[..., None])
    picture = lay(layer, ground)
    if random.random() < 0.35:  # closer to the frame's edge
        low, high = layer.points.min(axis=0), layer.points.max(axis=0)
        left, top = (np.maximum(low - PALM * random.uniform(0.2, 1.2, 2), 0)).astype(int)
        right, bottom = (high + PALM * random.uniform(0.2, 1.2, 2)).astype(int)
        picture, points = picture[top:bottom, left:right], layer.points - (left, top)
    else:
        points = layer.points
    turn = random.normal(0, 25)
    image = Image.fromarray(np.ascontiguousarray(picture))
    tone = tuple(int(v) for v in picture[:: max(1, len(picture) - 1)].reshape(-1, 3).mean(axis=0))
    upright = image.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=tone)
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    apart = points - (image.width / 2, image.height / 2)
    points = apart @ np.array([[cos, -sin], [sin, cos]]) + (upright.width / 2, upright.height / 2)
    picture = np.asarray(upright)
    if random.random() < 0.5:
        picture, points = picture[:, ::-1], np.column_stack([picture.shape[1] - points[:, 0], points[:, 1]])
    width, height = picture.shape[1], picture.shape[0]
    picture, _ = degraded(stretched_out(picture, random), PALM, random)
    return picture, np.asarray(points * (picture.shape[1] / width, picture.shape[0] / height), np.float32)


def toned(layer: Layer, random: Random) -> Layer:
    """Another skin tone or light: the colours of the hand scaled about their middle."""
    skin = layer.colour[layer.cover > 0.9]
    if not len(skin):
        return layer
    middle = np.median(skin, axis=0)
    light = random.uniform(0.25, 1.35)
    wanted = np.clip(middle * light * random.uniform((0.92, 0.9, 0.85), (1.08, 1.05, 1.1)), 15, 245)
    colour = (layer.colour - middle) * random.uniform(0.6, 1.2) * max(0.5, light) + wanted
    return replace(layer, colour=colour.clip(0, 255).astype(np.float32))


def views(crop: Floats, points: Floats, random: Random) -> list[tuple[Floats, Floats]]:
    """A crop as it is, and twice turned, shifted, scaled, made wider or narrower, in another light, out of focus.

    With each its points (``continuity.vision.hand_crop.placed``).
    """
    return [(crop, points), *(another(crop, points, random) for _ in range(VIEWS - 1))]


def another(crop: Floats, points: Floats, random: Random) -> tuple[Floats, Floats]:
    """One such other view."""
    wide = round(SIZE * random.uniform(0.78, 1.12))
    left = max(0, -((wide - SIZE) // 2))
    planes = [Image.fromarray(np.ascontiguousarray(crop[..., c])) for c in range(4)]
    new = np.stack([np.asarray(p.resize((wide, SIZE), Image.Resampling.BILINEAR)) for p in planes], axis=-1)
    new = np.pad(new, ((0, 0), (left, SIZE), (0, 0)), "edge")[:, max(0, (wide - SIZE) // 2) :][:, :SIZE]
    way = random.normal(0, 0.12), random.uniform(0.88, 1.1), tuple(random.normal(0, 0.025 * SIZE, 2))
    new = turned(new, *way)
    points = points.copy()
    points[:, 0] = (points[:, 0] + 0.5) * wide / SIZE - (wide - SIZE) // 2 - 0.5
    points = turned_points(points, *way)
    colour = lit(new[..., :3].astype(np.float64), random).clip(0, 255)
    colour = 255 * (colour / 255) ** random.uniform(0.6, 1.7)
    if random.random() < 0.3:
        colour = ndimage.gaussian_filter(colour, (*[random.uniform(0.3, 1.1)] * 2, 0))
    colour = colour + random.normal(0, random.uniform(0, 8), colour.shape)
    return np.dstack([colour.clip(0, 255), new[..., 3]]).astype(np.float32), points
