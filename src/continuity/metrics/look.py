"""Look distance: how far a frame is from the brand look, as pictures show it and as words describe it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from continuity import joining
from continuity.enrolment.look import PICTURES, TEXTS
from continuity.errors import EnrolmentError
from continuity.identity import Identity
from continuity.interfaces import Backends, Floats, Observed
from continuity.records import Expect, FrameMeasurement, Instrument, Json, Measurement, Status, expectation

VERSION = 1  # raised when golden values move
DIGITS = 4  # of the evidence; the value is not rounded


@dataclass(frozen=True, slots=True)
class _Look:
    """What both ways of measuring a look share: the model, and that every frame has one."""

    unit: ClassVar[str] = "1 - cosine"
    cost: ClassVar[float] = 6.0
    previewable: ClassVar[bool] = True
    key: ClassVar[str]
    part: ClassVar[str]  # of the features of the look
    wanted: ClassVar[str]  # what has to be enrolled, and the option that enrols it
    flag: ClassVar[str]

    expect: Expect = Expect.REQUIRED

    def __post_init__(self) -> None:
        object.__setattr__(self, "expect", expectation(self.key, self.expect))

    def instrument(self, backends: Backends) -> Instrument:
        """What measures. The feature space stands for the preparation of the pictures, as a detector does for faces.

        Raises:
            MissingWeights, MissingDependency: the look model is not on this machine.
        """
        return Instrument(
            metric=type(self).__name__,
            version=VERSION,
            models=backends.look.models,
            detector=backends.look.space,
            join=joining.RULE,
        )

    def ready(self, identity: Identity, backends: Backends) -> None:
        """Makes sure that what it measures against is enrolled, and with this look backend.

        Raises:
            EnrolmentError: it is not.
        """
        if not identity.has("look"):
            raise _lacking(identity, "a look was", self.flag)
        if self.part not in identity.features(backends.look.space):
            raise _lacking(identity, self.wanted, self.flag)

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Measures one frame of any content, one flat colour included.

        Raises:
            EnrolmentError: nothing is enrolled, or not with this look backend.
        """
        distances = seen.look_distances(self.part)
        value, facts = self._value(distances, identity)
        evidence: dict[str, Json] = {
            "cosine": round(1 - value, DIGITS),
            **facts,
            "distances": [round(float(d), DIGITS) for d in np.ravel(distances)],
        }
        if seen.look_note:
            evidence["backend"] = seen.look_note
        return FrameMeasurement(
            status=Status.MEASURED,
            value=value,
            note=seen.look_note,
            evidence=evidence,
            index=seen.index,
            seconds=seen.seconds,
        )

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """The upper 95 % quantile of the frames (:func:`continuity.joining.quantile`)."""
        return joining.quantile(self, frames)

    def _value(self, distances: Floats, identity: Identity) -> tuple[float, dict[str, Json]]:
        """The value of a frame from its distances to all that is enrolled, and what to say of it."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class LookDistance(_Look):
    """1 - cosine between a frame and the nearest of the look references, in the feature space of the look backend.

    0 is an enrolled picture (noise floor 1e-5), 1 a picture that shares nothing with it; range 0 to 2. Two look
    backends are two instruments: a limit of one says nothing to the other. Never absent: every frame has a look.

    Args:
        expect: what the shot expects of the look.
    """

    key: ClassVar[str] = "look"
    part: ClassVar[str] = PICTURES
    wanted: ClassVar[str] = "pictures of the look were"
    flag: ClassVar[str] = "--look PICTURES"

    def _value(self, distances: Floats, identity: Identity) -> tuple[float, dict[str, Json]]:
        nearest = int(distances.argmin())
        return float(distances[nearest]), {"reference": identity.source("look", nearest)}


@dataclass(frozen=True, slots=True)
class LookTextDistance(_Look):
    """1 - cosine between a frame and the brand look in words, for a look backend that reads text (OpenCLIP).

    The mean over the texts: each says something that must hold, so a frame that meets one of them does not make up for
    the others. A picture and the best words for it never come near 0 (CLIP models: .6 to .8), so the limit is its own.

    Args:
        expect: what the shot expects of the look in words.
    """

    key: ClassVar[str] = "look_text"
    part: ClassVar[str] = TEXTS
    wanted: ClassVar[str] = "the look in words was"
    flag: ClassVar[str] = "--look-text TEXT"

    def ready(self, identity: Identity, backends: Backends) -> None:
        """Makes sure that texts are enrolled, and that the look backend reads text.

        Raises:
            EnrolmentError: they are not, or it does not.
        """
        if not backends.look.reads_text:
            names = ", ".join(m.name for m in backends.look.models) or backends.look.space
            raise EnrolmentError(
                f"look_text needs a look backend that reads text, {names} does not: "
                "use OpenCLIP with a checkpoint, or leave look_text (and --look-text) out"
            )
        _Look.ready(self, identity, backends)

    def _value(self, distances: Floats, identity: Identity) -> tuple[float, dict[str, Json]]:
        furthest = identity.texts[int(distances.argmax())]
        return float(distances.mean()), {"texts": list(identity.texts), "furthest": furthest}


def _lacking(identity: Identity, wanted: str, flag: str) -> EnrolmentError:
    folder = identity.folder or "DIR"
    return EnrolmentError(
        f"{wanted} wanted, identity {identity.name!r} has none: run `continuity enrol {folder} {flag}`"
    )
