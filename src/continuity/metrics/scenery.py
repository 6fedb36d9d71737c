"""Set drift: how far the room behind the people is from its photographs, by local features and by its look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from continuity import joining
from continuity.enrolment.scenery import LITTLE, background, check, one_colour, references
from continuity.identity import Identity
from continuity.interfaces import Backends, Observed
from continuity.records import Expect, FrameMeasurement, Instrument, Json, Measurement, Outline, Status, expectation
from continuity.vision.homography import projected
from continuity.vision.local_match import agreed

VERSION = 1  # raised when golden values move
FEW, MANY = 8, 60  # agreeing features that begin to confirm a place, and that confirm it
SHARE = 0.5  # of the look distance that geometry can take away: a confirmed room may still have been repainted
DIGITS = 3


@dataclass(frozen=True, slots=True)
class SetDrift:
    """Drift of the room: the look distance of the background, less up to half of it where geometry confirms the place.

    People are masked out of frame and photographs by the pose model and filled from around them. 1 - cosine of the look
    backend to the nearest photograph; local features of the background that agree on one homography (8 begin to count,
    60 count in full) show that it is the same place from another angle or in other light. 0 is an enrolled picture;
    range 0 to 2. Never absent: every frame has a background; where people leave less than 15 % of the frame, it is not
    measurable.

    Args:
        name: name of an enrolled set.
        expect: what the shot expects of it.
    """

    unit: ClassVar[str] = "1 - cosine"
    cost: ClassVar[float] = 75.0
    previewable: ClassVar[bool] = False

    name: str
    expect: Expect = Expect.REQUIRED

    def __post_init__(self) -> None:
        object.__setattr__(self, "expect", expectation(self.key, self.expect))

    @property
    def key(self) -> str:
        """``set:`` and the name."""
        return f"set:{self.name}"

    def instrument(self, backends: Backends) -> Instrument:
        """What measures.

        Raises:
            MissingWeights, MissingDependency: a model or OpenCV is not on this machine.
        """
        models = (*backends.look.models, *backends.faces.models, *backends.people_models)
        return Instrument(
            metric=type(self).__name__,
            version=VERSION,
            models=tuple(dict.fromkeys(models)),
            detector=f"{backends.faces.detector},{backends.keypoint_detector}",
            join=joining.RULE,
        )

    def ready(self, identity: Identity, backends: Backends) -> None:
        """Makes sure that the set is enrolled, with this look backend and these local features.

        Raises:
            EnrolmentError: it is not.
        """
        check(identity, "set", self.name, backends)

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Measures the background of one frame.

        Raises:
            EnrolmentError: the set is not enrolled, or not with these backends.
        """
        known = references(identity, "set", self.name, seen.keypoint_detector)
        pixels, points, free = background(seen)
        evidence: dict[str, Json] = {"free": round(free, DIGITS), "bodies": len(seen.bodies)}
        if free < LITTLE:
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE,
                note=f"people leave {free:.0%} of the frame, at least {LITTLE:.0%} can be measured",
                evidence=evidence,
            )
        if one_colour(points, seen.lab):
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE, note="the frame is of one colour: no place is seen", evidence=evidence
            )
        apart = seen.look_distances_of([pixels], f"set/{self.name}")[0]
        agreements = [agreed(reference, points) for reference, _, _ in known]
        values = [
            float(distance) * (1 - SHARE * _confirmed(one.voters))
            for distance, one in zip(apart, agreements, strict=True)
        ]
        nearest = min(range(len(values)), key=values.__getitem__)
        found, (reference, _, (wide, tall)) = agreements[nearest], known[nearest]
        evidence |= {
            "reference": identity.source(f"set/{self.name}", nearest),
            "look": round(float(apart[nearest]), DIGITS),
            "agreeing": found.voters,
            "matches": found.matches,
        }
        shapes: tuple[Outline, ...] = ()
        if found.pose is not None and found.voters >= FEW:
            corners = projected(found.pose, np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float64))
            shapes = (Outline(label=self.key, points=tuple((float(x), float(y)) for x, y in _clipped(corners, seen))),)
        return FrameMeasurement(
            status=Status.MEASURED,
            value=values[nearest],
            note="" if shapes or not len(reference.places) else "no local features of the set agree: its look alone",
            evidence=evidence,
            shapes=shapes,
            index=seen.index,
            seconds=seen.seconds,
        )

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """The upper 95 % quantile of the frames (:func:`continuity.joining.quantile`)."""
        return joining.quantile(self, frames)


def _confirmed(voters: int) -> float:
    """How surely, in [0, 1], so many agreeing features show the same place."""
    return float(np.clip((voters - FEW) / (MANY - FEW), 0, 1))


def _clipped(corners: NDArray[np.float64], seen: Observed) -> NDArray[np.float64]:
    """Corners as far as the frame shows them, with a margin so that an edge is seen."""
    height, width = seen.pixels.shape[:2]
    return np.asarray(np.clip(corners, 2, (width - 3, height - 3)))
