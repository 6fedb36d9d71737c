"""Grade drift: how far the colours of a frame are from those of the references.

Two views of one frame. Its histogram holds every pixel, so it moves with the grade and with what is in the picture; the
skin of an enrolled actor moves with the grade and with the light on the face. A grade moves both, content mostly one:
the smaller of the two, on one scale, is the drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

from continuity import joining
from continuity.enrolment.grade import QUANTILES, SKIN, references, skin_of
from continuity.identity import Identity
from continuity.interfaces import Backends, Floats, Observed
from continuity.records import (
    Expect,
    FrameMeasurement,
    Instrument,
    Json,
    Measurement,
    Rectangle,
    Shape,
    Status,
    Wheel,
    expectation,
)
from continuity.vision.colour import GradeChange, quantiles, skin_distance, wasserstein

VERSION = 1  # raised when golden values move
SKIN_WEIGHT = 1.5  # units of histogram drift that one unit of skin drift is worth: both then spread alike over footage
DIGITS = 3  # of the evidence; the value is not rounded
NOTICED = 0.5  # CIELAB units: what is less is not spoken of


@dataclass(frozen=True, slots=True)
class GradeDrift:
    """Drift of the grade from the nearest of the enrolled references, in CIELAB units; 0 is an enrolled picture.

    The Wasserstein-1 distance of each of L*, a*, b* (at most 256 px on the longer side), root of the sum of squares;
    where the face of an enrolled actor is found here and in the references, 1.5 times the distance of the skin
    (cheeks and forehead, lightness at half weight) if that is smaller. Range: 0 to about 150. Content matters: the
    drift of another shot under the same grade is not 0. Never absent: every frame has colours.

    A change that spares the skin, such as a key on the background, is seen as content: the evidence holds both views.

    Args:
        expect: what the shot expects of the grade.
    """

    key: ClassVar[str] = "grade"
    unit: ClassVar[str] = "Lab W1"
    cost: ClassVar[float] = 5.0
    previewable: ClassVar[bool] = True

    expect: Expect = Expect.REQUIRED

    def __post_init__(self) -> None:
        object.__setattr__(self, "expect", expectation(self.key, self.expect))

    def instrument(self, backends: Backends) -> Instrument:
        """What measures: the face models take part wherever an actor is enrolled.

        Raises:
            MissingWeights: a face model is not on this machine, even if only the grade is enrolled.
        """
        return Instrument(
            metric=type(self).__name__,
            version=VERSION,
            models=tuple(dict.fromkeys((*backends.faces.models, *backends.mesh_models))),
            detector=backends.faces.detector,
            join=joining.RULE,
        )

    def ready(self, identity: Identity, backends: Backends) -> None:
        """Makes sure that a grade is enrolled.

        Raises:
            EnrolmentError: none is, or not in this feature space.
        """
        references(identity)

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Measures one frame of any content, one flat colour included.

        Raises:
            EnrolmentError: no grade is enrolled, or not in this feature space.
        """
        known = references(identity)
        here = quantiles(seen.lab)
        channels = wasserstein(known[QUANTILES], here)
        histograms = np.sqrt(np.square(channels).sum(axis=-1))
        nearest = int(histograms.argmin())
        change = GradeChange.between(known[QUANTILES][nearest], here)
        value, rule, note = float(histograms[nearest]), "histogram", change.words(NOTICED)
        skins: dict[str, Json] = {}
        before, after = known[QUANTILES][nearest].mean(axis=1), here.mean(axis=1)
        shapes: list[Shape] = [
            Wheel(
                label=self.key,
                reference=(float(before[1]), float(before[2])),
                found=(float(after[1]), float(after[2])),
            )
        ]
        for actor, (drift, of_skin) in _skins(seen, identity, known).items():
            parts = {"drift": drift, "L": of_skin.exposure, "a": of_skin.tint, "b": of_skin.warmth}
            skins[actor] = _rounded(parts)
            if face := seen.face_of(actor):
                shapes.append(Rectangle(label=f"skin:{actor}", box=face.box))
            if SKIN_WEIGHT * drift < value:
                words = of_skin.words(NOTICED)
                value, rule, note = SKIN_WEIGHT * drift, f"skin:{actor}", words and f"skin of {actor}: {words}"
        evidence: dict[str, Json] = {
            "rule": rule,
            "histogram": round(float(histograms[nearest]), DIGITS),
            "histogram_channels": _rounded(dict(zip("Lab", channels[nearest], strict=True))),
            "reference": _source(identity, nearest),
            **_rounded(asdict(change)),
            "change": change.words(NOTICED),
            "skin": skins,
        }
        return FrameMeasurement(
            status=Status.MEASURED,
            value=value,
            note=note,
            evidence=evidence,
            shapes=tuple(shapes),
            index=seen.index,
            seconds=seen.seconds,
        )

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """The upper 95 % quantile of the frames (:func:`continuity.joining.quantile`)."""
        return joining.quantile(self, frames)


def _source(identity: Identity, number: int) -> str:
    """The file name of a grade reference; its number, from 0, where the identity does not list it."""
    listed = [r.source for e in identity.enrolled if e.kind == "grade" for r in e.references]
    return listed[number] if number < len(listed) else str(number)


def _rounded(numbers: Mapping[str, float]) -> dict[str, Json]:
    return {name: round(float(number), DIGITS) for name, number in numbers.items()}


def _skins(seen: Observed, identity: Identity, known: Mapping[str, Floats]) -> dict[str, tuple[float, GradeChange]]:
    """Drift of each actor's skin from the nearest reference, and what it is made of, where both show the skin."""
    found = {}
    for actor in identity.actors:
        enrolled = known.get(f"{SKIN}{actor}")
        patch = None if enrolled is None else skin_of(seen, actor)
        if enrolled is not None and patch is not None:
            apart = skin_distance(enrolled, patch)
            nearest = int(apart.argmin())
            found[actor] = float(apart[nearest]), GradeChange.of_colours(enrolled[nearest], patch)
    return found
