"""Hand defects: how far a hand in the frame is from what hands are, in number, build and shape."""

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
    Shape,
    Skeleton,
    Status,
    expectation,
)
from continuity.vision import hands

VERSION = 6  # raised when golden values move
SUSPECT = 0.4  # suspicion from which a hand is suspect
SMALLEST = 48.0  # px of the longer side of a hand that can be measured
IN_FRAME = 0.7  # share of the 21 points that must lie in the frame
NO_WRIST = 0.1  # evidence of a wrist below which a frame without a hand or a face shows none
PORTRAIT = 0.3  # the same below faces: the landmark model then knows where the body is
MALFORMED = 0.95  # what the shape model says: from here suspect, below hands.CLEAR plausible
EXTRA = 0.6  # suspicion of one hand more than the faces can have; each further one adds 0.2
SURE = 0.9  # score from which a hand is counted


@dataclass(frozen=True, slots=True)
class HandDefects:
    """The worst suspicion over all hands in the frame, in [0, 1]: 0 is a plausible hand, from 0.4 it is suspect.

    Per hand what the shape model says of its picture: extra, missing, short, fused, doubled, bent, overlong and melted
    fingers, a second thumb, a wrist bent aside. For the frame: hands too many for the faces in sight.

    A hand is not measurable where it is under 48 px, cut off by the frame, where the shape model is in doubt, or
    where the points found on it are none of a hand: on clasped hands and lapels they often are not. A frame with
    such a hand and no suspect one is not measurable; beside a suspect one it counts as the worst. Without a hand,
    it is absent only where the pose model, looking below each face and for bodies without one, sees no wrist in the
    frame.

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
        if blind:  # the worst of the two is not known: it counts as the worst there is
            value, note = 1.0, f"{note}; {blind.blind}"
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
    size, height, width = hands.size(hand), *seen.size
    skeleton = Skeleton(label=name, points=hand.points, links=hands.LINKS)
    facts: dict[str, Json] = {"side": hand.side, "score": round(hand.score, 3), "size_px": round(size, 1)}
    if size < SMALLEST:
        why = f"{name} is {size:.0f} px, at least {SMALLEST:.0f} px can be measured"
        return _Look(0.0, "", why, {**facts, "answer": "not measurable"}, (skeleton,))
    if (share := hands.inside(hand, height, width)) < IN_FRAME:
        why = f"{name} is cut off: {share:.0%} of its points lie in the frame"
        return _Look(0.0, "", why, {**facts, "answer": "not measurable"}, (skeleton,))
    odd, probability = hands.oddities(hand), seen.malformed(hand)
    value = suspicion(probability)
    note = f"{name}: its shape is none of a hand" if value >= SUSPECT else ""
    blind = f"{name}: whether its shape is one of a hand is not clear" if hands.CLEAR <= probability < MALFORMED else ""
    if max(odd.values(), default=0.0) >= SUSPECT and not note:
        blind = f"{name}: the points found on it are none of a hand: {max(odd, key=lambda k: odd[k])}"
    answer = "suspect" if value >= SUSPECT else "not measurable" if blind else "plausible"
    facts |= {"answer": answer, "build": {k: round(v, 3) for k, v in odd.items()}, "malformed": round(probability, 3)}
    return _Look(value, note, blind, facts, (skeleton,))


def suspicion(probability: float) -> float:
    """What the shape model says as a suspicion: 0.4 where it starts to convict, in a straight line on each side."""
    if probability < MALFORMED:
        return (SUSPECT - 0.01) * probability / MALFORMED
    return SUSPECT + (1 - SUSPECT) * (probability - MALFORMED) / (1 - MALFORMED)


def _without(seen: Observed) -> FrameMeasurement:
    """Why there is no hand: no wrist is in the frame, or one is whose hand was not found."""
    wrists, faces = seen.wrists, len(seen.faces)
    evidence: dict[str, Json] = {"wrists": round(wrists, 3), "faces": faces}
    if wrists < (PORTRAIT if faces else NO_WRIST):
        status, note = Status.ABSENT, f"no hand, and no wrist in the frame (evidence {wrists:.2f})"
    else:
        status = Status.NOT_MEASURABLE
        note = f"a wrist may be in the frame (evidence {wrists:.2f}), no hand was found"
    return FrameMeasurement(status=status, note=note, evidence=evidence, index=seen.index, seconds=seen.seconds)
