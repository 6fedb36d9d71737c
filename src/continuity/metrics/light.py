"""Light drift: how far the light over a frame has moved from that of the references, for what both show.

A lamp that was moved or dimmed makes one side of a scene lighter and the other darker. :class:`GradeDrift` leaves that
alone, since a grade is the same all over a picture; here it is what counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from continuity import joining
from continuity.enrolment.grade import PATCHES, references
from continuity.identity import Identity
from continuity.interfaces import Backends, Observed
from continuity.records import Expect, FrameMeasurement, Instrument, Json, Measurement, Status, expectation
from continuity.vision.lighting import Falloff, falloff
from continuity.vision.regions import centres, frame_patches, paired

VERSION = 2  # raised when golden values move
SEEN_AGAIN = 0.27  # trust in pairs below which they may be of another scene: those of one shot have .30 at least
ALIKE = 0.8  # share of the best trust from which a reference shows as much of the frame as the best one does
LOCAL = 0.1  # share of the weight that does not follow the fit from which it is a light of its own, where it agrees
AGREED = 0.5  # of neighbours from which it does: hard shadows have .67 to .98, other content up to .4
DOUBT = 0.15  # share from which nothing is known, where it does not: acceptable pictures have .07, closer ones .13
NOTICED = 0.3  # stops that are spoken of
DIGITS = 4  # of the evidence; the value is not rounded


@dataclass(frozen=True, slots=True)
class LightDrift:
    """Change of the light's fall-off over the picture, in stops from its middle to its edge; 0 is an enrolled picture.

    Regions of a grade reference that are seen again in the frame gained or lost light; what follows their place is
    the light, what follows their colour is the grade and does not count (:mod:`continuity.vision.lighting`). An even
    change of exposure is a grade. Where a tenth of what is seen again gained or lost more than that, and together, the
    value is what it gained beside the rest: the stops of a hard shadow. One on less than that is not seen. Of several
    references those count that show as much of the frame as the best, and of them the nearest. Range: 0 to about 6.
    Never absent; not measurable where too little of any reference is seen again, or too much of it changed here and
    there.

    :func:`continuity.metrics.metrics_for` gives it only where the shot asks for it, and no limit ships.

    Args:
        expect: what the shot expects of the light.
    """

    key: ClassVar[str] = "light"
    unit: ClassVar[str] = "stops"
    cost: ClassVar[float] = 8.0
    previewable: ClassVar[bool] = True

    expect: Expect = Expect.REQUIRED

    def __post_init__(self) -> None:
        object.__setattr__(self, "expect", expectation(self.key, self.expect))

    def instrument(self, backends: Backends) -> Instrument:
        """What measures: no model."""
        return Instrument(metric=type(self).__name__, version=VERSION, join=joining.RULE)

    def ready(self, identity: Identity, backends: Backends) -> None:
        """Makes sure that a grade is enrolled, whose pictures are the reference of the light too.

        Raises:
            EnrolmentError: none is, or not in this feature space.
        """
        references(identity)

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Measures one frame.

        Raises:
            EnrolmentError: no grade is enrolled, or not in this feature space.
        """
        patches = frame_patches(seen.lab)
        pairs = [paired(one, patches) for one in references(identity)[PATCHES]]
        most = max(one.trust for one in pairs)
        if most < SEEN_AGAIN:
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE,
                note="too little of the grade references is seen again to compare their light",
                evidence={"trust": round(most, DIGITS)},
                index=seen.index,
                seconds=seen.seconds,
            )
        places = centres(*seen.pixels.shape[:2])
        found = {n: falloff(one, places) for n, one in enumerate(pairs) if one.trust >= ALIKE * most}
        nearest = min(found, key=lambda n: (_doubtful(found[n]), _value(found[n])))
        view, unclear = found[nearest], _doubtful(found[nearest])
        evidence: dict[str, Json] = {
            "reference": identity.source("grade", nearest),
            "across": round(view.across, DIGITS),
            "down": round(view.down, DIGITS),
            "scatter": round(view.scatter, DIGITS),
            "aside": round(view.aside, DIGITS),
            "gained": round(view.gained, DIGITS),
            "agreed": round(view.agreed, DIGITS),
            "trust": round(pairs[nearest].trust, DIGITS),
        }
        return FrameMeasurement(
            status=Status.NOT_MEASURABLE if unclear else Status.MEASURED,
            value=None if unclear else _value(view),
            note=_doubt(view) if unclear else _words(view),
            evidence=evidence,
            index=seen.index,
            seconds=seen.seconds,
        )

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """The upper 95 % quantile of the frames (:func:`continuity.joining.quantile`)."""
        return joining.quantile(self, frames)


def _local(view: Falloff) -> bool:
    """Whether a part of the picture has a light of its own, that says more than the fit to the rest."""
    return view.aside > LOCAL and view.agreed >= AGREED and abs(view.gained) > view.size


def _doubtful(view: Falloff) -> bool:
    """Whether so much does not follow the fit, and by more than the fit says, that nothing is known of the light."""
    return view.aside > DOUBT and abs(view.gained) > view.size and not _local(view)


def _value(view: Falloff) -> float:
    return abs(view.gained) if _local(view) else view.size


def _doubt(view: Falloff) -> str:
    return (
        f"{view.aside:.0%} of what is seen again changed by another {abs(view.gained):.1f} stops here and there: "
        "what the light did cannot be told"
    )


def _words(view: Falloff) -> str:
    """Where to it became lighter, and what did beside that; empty where nobody would notice."""
    sides = [(view.across, "right" if view.across > 0 else "left"), (view.down, "bottom" if view.down > 0 else "top")]
    told = sorted(((abs(stops), side) for stops, side in sides if abs(stops) >= NOTICED), reverse=True)
    said = ", ".join(f"to the {side} by {stops:.1f} stops" for stops, side in told)
    notes = [f"the light moved: lighter {said}"] if said else []
    if _local(view):
        way = "lighter" if view.gained > 0 else "darker"
        rest = "than that" if said else "than the rest"
        notes.append(f"{view.aside:.0%} of what is seen again became {abs(view.gained):.1f} stops {way} {rest}")
    return "; ".join(notes)
