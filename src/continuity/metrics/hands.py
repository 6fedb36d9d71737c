"""Hand defects: how far a hand in the frame is from what hands are, in number, build and fingers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from continuity import joining
from continuity.identity import Identity
from continuity.interfaces import Backends, Observed
from continuity.records import (
    Expect,
    FrameMeasurement,
    Hand,
    Instrument,
    Json,
    Measurement,
    Outline,
    Shape,
    Skeleton,
    Status,
    expectation,
)
from continuity.vision import hands

VERSION = 1  # raised when golden values move
SUSPECT = 0.4  # suspicion from which a hand is suspect
SMALLEST = 64.0  # px of the longer side of a hand that can be measured
IN_FRAME = 0.7  # share of the 21 points that must lie in the frame
NO_WRIST = 0.1  # evidence of a wrist below which a frame without a hand or a face shows none
PORTRAIT = 0.3  # the same where faces are in sight: the body model then guesses wrists below the frame
BODIES = 2  # people whose wrists are looked for
EXTRA = 0.6  # suspicion of one hand more than the faces can have; each further one adds 0.2
SURE = 0.9  # score from which a hand is counted


@dataclass(frozen=True, slots=True)
class HandDefects:
    """The worst suspicion over all hands in the frame, in [0, 1]: 0 is a plausible hand, from about 0.4 it is suspect.

    Per hand the larger of: how far its build is beyond what hands reach (lengths, backward bends, crossed fingers),
    and the length of a sixth finger, in fingers, that is left over in the pixels. For the frame: hands too many for
    the faces in sight.

    A hand is not measurable where it is under 64 px, cut off by the frame, where its surroundings look like skin and
    something is left over (nothing left over clears it all the same), or where the five fingers of the model do not lie
    on the hand. A frame with such a hand and no suspect one is not measurable. Without a hand, it is absent only where
    the pose model sees no wrist in the frame. A finger that is fused with its neighbour is not seen.

    Args:
        expect: what the shot expects of hands.
    """

    key: ClassVar[str] = "hands"
    unit: ClassVar[str] = "suspicion"
    cost: ClassVar[float] = 50.0
    previewable: ClassVar[bool] = False

    expect: Expect = Expect.IF_PRESENT

    def __post_init__(self) -> None:
        object.__setattr__(self, "expect", expectation(self.key, self.expect))

    def instrument(self, backends: Backends) -> Instrument:
        """What measures.

        Raises:
            MissingWeights: a model file is not on this machine.
            MissingDependency: the hand model's runtime or a system library is not installed.
        """
        return Instrument(
            metric=type(self).__name__,
            version=VERSION,
            models=tuple(dict.fromkeys((*backends.hand_models, *backends.faces.models, *backends.people_models))),
            detector=backends.faces.detector,
            join=joining.RULE,
        )

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Measures every hand in the frame."""
        if not seen.hands:
            return _without(seen)
        looks = [_look(seen, n) for n in range(len(seen.hands))]
        faces, sure = len(seen.faces), sum(hand.score >= SURE for hand in seen.hands)
        extra = sure - 2 * faces if faces else 0
        crowd = min(1.0, EXTRA + 0.2 * (extra - 1)) if extra > 0 else 0.0
        evidence: dict[str, Json] = {"hands": [look.evidence for look in looks], "faces": faces, "extra_hands": crowd}
        shapes = tuple(shape for look in looks for shape in look.shapes)
        worst = max(looks, key=lambda look: look.value)
        value, note = worst.value, worst.note if worst.value > 0 else ""
        if crowd > value:
            value, note = crowd, f"{sure} hands for {faces} face{'s' if faces > 1 else ''}"
        blind = next((look for look in looks if look.blind), None)
        if blind and value < SUSPECT:
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE, note=blind.blind, evidence=evidence, shapes=shapes,
                index=seen.index, seconds=seen.seconds,
            )  # fmt: skip
        return FrameMeasurement(
            status=Status.MEASURED, value=value, note=note, evidence=evidence, shapes=shapes,
            index=seen.index, seconds=seen.seconds,
        )  # fmt: skip

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """The upper 95 % quantile of the frames (:func:`continuity.joining.quantile`)."""
        return joining.quantile(self, frames)


@dataclass(frozen=True, slots=True)
class _Look:
    """What one hand came to: its suspicion and why, or why it cannot be measured (``blind``)."""

    value: float
    note: str
    blind: str
    evidence: dict[str, Json]
    shapes: tuple[Shape, ...]


def _look(seen: Observed, number: int) -> _Look:
    hand: Hand = seen.hands[number]
    name = f"hand {number + 1}"
    size, height, width = hands.size(hand), *seen.pixels.shape[:2]
    skeleton = Skeleton(label=name, points=hand.points, links=hands.LINKS)
    facts: dict[str, Json] = {"side": hand.side, "score": round(hand.score, 3), "size_px": round(size, 1)}
    if size < SMALLEST:
        why = f"{name} is {size:.0f} px, at least {SMALLEST:.0f} px can be measured"
        return _Look(0.0, "", why, {**facts, "answer": "not measurable"}, (skeleton,))
    if (share := hands.inside(hand, height, width)) < IN_FRAME:
        why = f"{name} is cut off: {share:.0%} of its points lie in the frame"
        return _Look(0.0, "", why, {**facts, "answer": "not measurable"}, (skeleton,))
    odd = hands.oddities(hand)
    left = hands.leftover(seen.pixels, hand, [h for n, h in enumerate(seen.hands) if n != number])
    build = max(odd.values(), default=0.0)
    value, note = build, f"{name}: {max(odd, key=lambda k: odd[k])}" if odd else ""
    blind = ""
    if left.length >= SUSPECT and not left.clear:
        blind = f"{name}: something is left over beside its fingers, but the surroundings look like skin"
    elif left.length > value:
        value, note = left.length, f"{name}: {left.length:.2f} of a finger is left over beside its five"
    if not left.fits and not blind:
        blind = f"{name}: the five fingers that the model found do not lie on the hand"
    answer = "suspect" if value >= SUSPECT else "not measurable" if blind else "plausible"
    facts |= {
        "answer": answer,
        "build": {k: round(v, 3) for k, v in odd.items()},
        "leftover": round(left.length, 3),
        "covered": round(left.covered, 3),
        "leak": round(left.leak, 3),
    }
    drawn = (Outline(label=f"{name}: left over", points=left.outline),) if left.length >= SUSPECT else ()
    return _Look(value, note, blind, facts, (skeleton, *drawn))


def _without(seen: Observed) -> FrameMeasurement:
    """Why there is no hand: no wrist is in the frame, or one is whose hand was not found."""
    wrists, faces = seen.wrists, len(seen.faces)
    evidence: dict[str, Json] = {"wrists": round(wrists, 3), "faces": faces}
    least = PORTRAIT if faces else NO_WRIST
    if wrists < least and faces <= BODIES:
        status, note = Status.ABSENT, f"no hand, and no wrist in the frame (evidence {wrists:.2f})"
    elif wrists >= least:
        status, note = Status.NOT_MEASURABLE, f"a wrist may be in the frame (evidence {wrists:.2f}), no hand was found"
    else:
        status = Status.NOT_MEASURABLE
        note = f"no hand was found, and among {faces} people the wrists of {BODIES} at most are looked for"
    return FrameMeasurement(status=status, note=note, evidence=evidence, index=seen.index, seconds=seen.seconds)
