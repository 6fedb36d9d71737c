"""Hands as 21 points: what no hand can do.

Points are in MediaPipe's order: wrist, then four of each finger from root to tip, thumb first. Lengths are relative to
the palm (mean distance from the wrist to the four knuckles, depth included), so they do not depend on the size in the
picture. Limits of the geometry lie at or beyond the 99.9 % quantile of 1,700 ordinary hands in all poses of the signed
digits 0 to 9, fists, side views and poorly fitted ones among them: they convict the grossly wrong alone.
"""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from continuity.records import Hand

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
CLEAR = 0.25  # what the shape model says of a hand below which it is plausible, and needs no further look
STRAIGHT = 50.0  # degrees in any joint up to which a finger counts as stretched
LENGTH_RAMP, BEND_RAMP = 0.5, 90.0  # beyond the limit, where suspicion reaches 1

Floats = NDArray[np.float64]


def size(hand: Hand) -> float:
    """The longer side of the box around the points, in pixels."""
    return float(np.ptp(np.array(hand.points), axis=0).max())


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
