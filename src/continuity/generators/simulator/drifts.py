"""What else can go wrong with a picture: drifts that no metric was built or tuned on, and two of a mark.

They occur only as faults, in a :class:`~continuity.generators.simulator.mix.Mix`. Amounts are shares in [0, 1] as in
:mod:`~continuity.generators.simulator.faults`; each falls where the picture shows something, its middle, since in an
empty corner nobody would see it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from continuity.generators.simulator import operations as op
from continuity.generators.simulator.faults import Edit, Fault, Scene
from continuity.interfaces import Pixels

MIDDLE = (0.35, 0.65)  # of width and height: where the centre of a local drift lies


def _smear(amount: float, rng: np.random.Generator) -> Edit:
    """The mark drawn out along a line, as wet paint is."""
    angle = rng.uniform(0, math.pi)

    def edit(pixels: Pixels, scene: Scene) -> Pixels:
        from scipy.ndimage import shift

        rows, columns = _mark_box(scene)
        part = pixels[rows, columns].astype(np.float32)
        reach = 0.16 * amount * math.hypot(*part.shape[:2])
        along = np.linspace(-reach, reach, 9)
        moved = [
            shift(part, (math.sin(angle) * far, math.cos(angle) * far, 0), order=1, mode="nearest") for far in along
        ]
        return _placed(pixels, np.mean(moved, axis=0), rows, columns)

    return edit


def _swap(amount: float, rng: np.random.Generator) -> Edit:
    """Another artwork where the mark was: of its outline, in other colours and shapes."""
    ground, ink = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
    waves, phase, angle = rng.uniform(2, 4), rng.uniform(0, 2 * math.pi), rng.uniform(0, math.pi)

    def edit(pixels: Pixels, scene: Scene) -> Pixels:
        assert scene.mark is not None  # noqa: S101 - without a mark the aspect is not offered
        height, width = scene.mark.shape[:2]
        y, x = np.mgrid[0:height, 0:width] / max(height, width)
        stripes = np.sin(2 * math.pi * waves * (x * math.cos(angle) + y * math.sin(angle)) + phase) > 0
        other = np.where(stripes[..., None], ink, ground)
        alpha = scene.mark[..., 3:].astype(np.float32) * amount
        artwork = np.concatenate([other, alpha], axis=2).round().astype(np.uint8)
        return op.composite(pixels, artwork, *scene.corner)

    return edit


def _swirl(amount: float, rng: np.random.Generator) -> Edit:
    """A region turned about its centre, most in the middle: what melts."""
    turn = rng.choice((-1, 1)) * 2.4 * amount
    u, v = rng.uniform(*MIDDLE, 2)

    def edit(pixels: Pixels, scene: Scene) -> Pixels:
        from scipy.ndimage import map_coordinates

        height, width = pixels.shape[:2]
        radius = 0.3 * max(height, width)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        y, x = y - np.float32(v * height), x - np.float32(u * width)
        angle = turn * np.clip(1 - np.hypot(x, y) / radius, 0, 1) ** 2
        rows = y * np.cos(angle) - x * np.sin(angle) + v * height
        columns = y * np.sin(angle) + x * np.cos(angle) + u * width
        moved = [map_coordinates(pixels[..., k], (rows, columns), order=1, mode="nearest") for k in range(3)]
        return np.stack(moved, axis=-1)

    return edit


def _intruder(amount: float, rng: np.random.Generator) -> Edit:
    """A thing that was never asked for: a lit ball of one colour in front of the picture."""
    u, v = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)
    colour = rng.uniform(40, 255, 3)

    def edit(pixels: Pixels, scene: Scene) -> Pixels:
        height, width = pixels.shape[:2]
        radius = 0.13 * amount * max(height, width)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        y, x = (y - np.float32(v * height)) / radius, (x - np.float32(u * width)) / radius
        cover = np.clip((1 - np.hypot(x, y)) * radius, 0, 1)[..., None]
        light = np.clip(1 - 0.55 * np.hypot(x + 0.4, y + 0.4), 0.15, 1)[..., None]
        return _levels(pixels + cover * (light * colour - pixels))

    return edit


def _garment(amount: float, rng: np.random.Generator) -> Edit:
    """What has the commonest strong colour of the picture, such as a suit, in another hue."""
    turn = rng.choice((-1, 1)) * rng.uniform(0.28, 0.5) * amount

    def edit(pixels: Pixels, scene: Scene) -> Pixels:
        from PIL import Image as Pillow

        hsv = np.asarray(Pillow.fromarray(pixels).convert("HSV"))
        hue, strong = hsv[..., 0].astype(int), hsv[..., 1] > 90
        if not strong.any():
            strong = np.ones_like(strong)  # a grey picture: all of it has the colour there is
        counts = np.bincount(hue[strong] // 16, minlength=16)
        away = np.abs((hue - (int(counts.argmax()) * 16 + 8) + 128) % 256 - 128)
        turned = hsv.copy()
        turned[..., 0] = (hue + round(turn * 256)) % 256
        other = np.asarray(Pillow.fromarray(turned, "HSV").convert("RGB"))
        part = (np.clip((28 - away) / 8, 0, 1) * np.clip((hsv[..., 1] - 60.0) / 30, 0, 1))[..., None]
        return _levels(pixels + part * (other.astype(np.float32) - pixels))

    return edit


def _ghost(amount: float, rng: np.random.Generator) -> Edit:
    """A second exposure of the picture over the first, moved."""
    angle = rng.uniform(0, 2 * math.pi)

    def edit(pixels: Pixels, scene: Scene) -> Pixels:
        far = 0.1 * max(pixels.shape[:2])
        moved = np.roll(pixels, (round(far * math.sin(angle)), round(far * math.cos(angle))), axis=(0, 1))
        return _levels(pixels + 0.4 * amount * (moved.astype(np.float32) - pixels))

    return edit


def _mosaic(amount: float, rng: np.random.Generator) -> Edit:
    """A region in coarse squares."""
    u, v = rng.uniform(*MIDDLE, 2)

    def edit(pixels: Pixels, scene: Scene) -> Pixels:
        from PIL import Image as Pillow

        height, width = pixels.shape[:2]
        side, square = 0.45 * max(height, width), max(2, round(0.04 * amount * max(height, width)))
        rows, columns = _window(v * height, side, height), _window(u * width, side, width)
        part = Pillow.fromarray(pixels[rows, columns])
        few = part.resize((max(1, part.width // square), max(1, part.height // square)), Pillow.Resampling.BOX)
        return _placed(pixels, np.asarray(few.resize(part.size, Pillow.Resampling.NEAREST)), rows, columns)

    return edit


def _tear(amount: float, rng: np.random.Generator) -> Edit:
    """Bands of the picture moved sideways, as where tiles do not meet."""
    bands = int(rng.integers(3, 6))
    edges = np.sort(rng.uniform(0.15, 0.85, bands * 2))
    ways = rng.choice((-1, 1), bands) * rng.uniform(0.7, 1.0, bands) * 0.09 * amount

    def edit(pixels: Pixels, scene: Scene) -> Pixels:
        height, width = pixels.shape[:2]
        torn = np.array(pixels)
        for (top, bottom), way in zip((edges * height).astype(int).reshape(-1, 2), ways, strict=True):
            torn[top:bottom] = np.roll(pixels[top:bottom], round(way * width), axis=1)
        return torn

    return edit


def _grain(amount: float, rng: np.random.Generator) -> Edit:
    """Mottled noise in every colour, fine and coarse: a render that was never finished."""
    seed = int(rng.integers(2**32))

    def edit(pixels: Pixels, scene: Scene) -> Pixels:
        from PIL import Image as Pillow

        drawn = np.random.default_rng(seed)
        height, width = pixels.shape[:2]
        noise = drawn.normal(0, 22 * amount, (height, width, 3)).astype(np.float32)
        blots = drawn.normal(0, 22 * amount, (height // 6 + 1, width // 6 + 1, 3)).astype(np.float32)
        for k in range(3):
            noise[..., k] += np.asarray(Pillow.fromarray(blots[..., k]).resize((width, height), 2))
        return _levels(pixels + noise)

    return edit


# In the order of a real picture, between the aspects of faults.FAULTS; see mix.ORDER.
DRIFTS: Mapping[str, Fault] = {
    "smear": Fault("smear_mark", _smear),
    "swap": Fault("swap_mark", _swap),
    "swirl": Fault("swirl", _swirl),
    "intruder": Fault("intrude", _intruder),
    "garment": Fault("recolour_garment", _garment),
    "ghost": Fault("double_expose", _ghost),
    "mosaic": Fault("pixelate", _mosaic),
    "tear": Fault("tear", _tear),
    "grain": Fault("add_grain", _grain),
}


def _mark_box(scene: Scene) -> tuple[slice, slice]:
    """Rows and columns of the mark, with a rim into which it can be smeared."""
    assert scene.mark is not None  # noqa: S101 - without a mark the aspect is not offered
    height, width = scene.mark.shape[:2]
    rim = max(2, height // 8)
    left, top = scene.corner
    tall, wide = scene.pixels.shape[:2]
    return slice(max(0, top - rim), min(tall, top + height + rim)), slice(
        max(0, left - rim), min(wide, left + width + rim)
    )


def _window(middle: float, side: float, size: int) -> slice:
    first = max(0, min(round(middle - side / 2), size - 1))
    return slice(first, max(first + 1, min(size, round(middle + side / 2))))


def _placed(pixels: Pixels, part: NDArray[np.generic], rows: slice, columns: slice) -> Pixels:
    changed = np.array(pixels)
    changed[rows, columns] = _levels(part.astype(np.float32))
    return changed


def _levels(values: NDArray[np.floating]) -> Pixels:
    return np.asarray(np.clip(values + 0.5, 0, 255), dtype=np.uint8)
