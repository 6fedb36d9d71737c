"""From an amount to an operation: how far each aspect of a candidate is off, and in which direction.

Amounts are shares in [0, 1]: 0 leaves the picture as it is, up to :data:`HARMLESS` is what any two renders of one look
differ by, 1 is a fault that nobody overlooks. The direction is drawn, the amount alone says how far it goes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from continuity.generators.simulator import operations as op
from continuity.generators.simulator.face import DIRECTIONS, WEIGHTS, warp_face
from continuity.interfaces import Pixels
from continuity.records import Box

HARMLESS = 0.1


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame, and where in it the parts lie that can be changed."""

    pixels: Pixels
    face: Box | None = None
    mark: Pixels | None = None  # H x W x 4
    corner: tuple[int, int] = (0, 0)  # of the mark: left, top


Edit = Callable[[Pixels, Scene], Pixels]


@dataclass(frozen=True, slots=True)
class Fault:
    """An aspect that can go wrong: the operation that does it, and what draws one of a given amount."""

    operation: str
    draw: Callable[[float, np.random.Generator], Edit]


def _mark(amount: float, rng: np.random.Generator) -> Edit:
    arc = rng.choice((-1, 1)) * 0.45 * amount
    stretch = (1 + 0.5 * amount) ** rng.choice((-1, 1))
    colour = rng.uniform(0, 255, 3)

    def edit(pixels: Pixels, scene: Scene) -> Pixels:
        assert scene.mark is not None  # noqa: S101 - without a mark the aspect is not offered
        height, width = scene.mark.shape[:2]
        bent = op.recolour(op.bend(scene.mark, arc, stretch), colour, 0.6 * amount)
        return op.composite(pixels, bent, scene.corner[0] - width // 2, scene.corner[1] - height // 2)

    return edit


def _face(amount: float, rng: np.random.Generator) -> Edit:
    signs = (*DIRECTIONS[rng.integers(len(DIRECTIONS))], *rng.choice((-1, 1), 2))
    mixture = amount * rng.uniform(0.8, 1.05, 4) * signs * WEIGHTS

    def edit(pixels: Pixels, scene: Scene) -> Pixels:
        assert scene.face is not None  # noqa: S101 - without a face the aspect is not offered
        return warp_face(pixels, scene.face, [float(share) for share in mixture])

    return edit


def _frame(amount: float, rng: np.random.Generator) -> Edit:
    zoom = 1 + 0.5 * amount
    right, down = rng.uniform(0.4, 1, 2) * rng.choice((-1, 1), 2)

    def edit(pixels: Pixels, scene: Scene) -> Pixels:
        height, width = pixels.shape[:2]
        if scene.face is None:
            return op.reframe(pixels, zoom, right, down)
        box = scene.face  # stays in the picture, or no other aspect of it could be judged
        x = _towards(box.left - box.width / 4, box.right + box.width / 4, width, zoom, right)
        y = _towards(box.top - box.height / 4, box.bottom + box.height / 4, height, zoom, down)
        return op.reframe(pixels, zoom, x, y)

    return edit


def _towards(near: float, far: float, size: int, zoom: float, wish: float) -> float:
    """Where a window lies (-1 to 1) that holds ``near`` to ``far``: as close as can be to where it was wished."""
    free = size - size / zoom
    if free <= 0:
        return wish
    first, last = max(0.0, far - size / zoom), min(free, near)
    start = (first + last) / 2 if first > last else min(max(free * (1 + wish) / 2, first), last)
    return min(1.0, max(-1.0, 2 * start / free - 1))


def _light(amount: float, rng: np.random.Generator) -> Edit:
    angle = rng.uniform(0, 2 * math.pi)
    stops = 2.2 * amount
    return lambda pixels, scene: op.relight(pixels, stops * math.cos(angle), stops * math.sin(angle))


# Looks that a grade slips into, at amount 1: slope (log), offset and power (log) of R, G, B, saturation (log).
_LOOKS: tuple[tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float], float], ...] = (
    ((0.12, 0.01, -0.18), (0.01, 0.0, -0.01), (0.0, 0.0, 0.0), 0.1),  # warm
    ((-0.2, -0.02, 0.12), (-0.01, 0.0, 0.02), (0.0, 0.0, 0.0), -0.1),  # cold
    ((-0.11, 0.07, -0.13), (0.0, 0.01, 0.0), (0.0, 0.0, 0.0), 0.0),  # green
    ((0.04, -0.15, 0.03), (0.0, 0.0, 0.01), (0.0, 0.0, 0.0), 0.0),  # magenta
    ((-0.12, -0.12, -0.12), (0.0, 0.0, 0.0), (0.4, 0.4, 0.4), 0.0),  # dark
    ((0.06, 0.06, 0.06), (0.03, 0.03, 0.03), (-0.35, -0.35, -0.35), -0.1),  # bright
    ((-0.3, -0.3, -0.3), (0.16, 0.16, 0.16), (0.0, 0.0, 0.0), -0.6),  # faded
    ((0.22, 0.22, 0.22), (-0.1, -0.1, -0.1), (0.1, 0.1, 0.1), 0.45),  # harsh
)


def _grade(amount: float, rng: np.random.Generator) -> Edit:
    slope, offset, power, saturation = _LOOKS[rng.integers(len(_LOOKS))]
    uneven = amount * rng.uniform(0.85, 1.15, 3)
    slopes, offsets, powers = (np.multiply(change, uneven) for change in (slope, offset, power))
    cdl = {"slope": np.exp(slopes), "offset": offsets, "power": np.exp(powers)}
    colour = math.exp(saturation * amount)
    return lambda pixels, scene: op.regrade(pixels, **cdl, saturation=colour)


def _blur(amount: float, rng: np.random.Generator) -> Edit:
    def edit(pixels: Pixels, scene: Scene) -> Pixels:
        return op.blur(pixels, 0.006 * amount * max(pixels.shape[:2]))

    return edit


# In the order of a real picture: what is in front of the lens, the lens's framing, the light, the grade, the encoder.
FAULTS: Mapping[str, Fault] = {
    "mark": Fault("deform_mark", _mark),
    "face": Fault("warp_face", _face),
    "frame": Fault("reframe", _frame),
    "light": Fault("relight", _light),
    "grade": Fault("regrade", _grade),
    "blur": Fault("blur", _blur),
}
