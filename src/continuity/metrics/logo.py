"""Logo drift: how far a mark in a frame is from its artwork, and in which way."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from continuity import joining
from continuity.enrolment.logo import SPACE
from continuity.errors import EnrolmentError, UsageError
from continuity.identity import Identity
from continuity.interfaces import Backends, Floats, Observed
from continuity.records import (
    Expect,
    FrameMeasurement,
    Heat,
    Instrument,
    Json,
    Measurement,
    Outline,
    Status,
    expectation,
)
from continuity.records.shapes import Point
from continuity.vision import mark_copies, mark_drift, mark_traces, marks

VERSION = 6  # raised when golden values move
SMALLEST = 24.0  # px of the mark's longer side that can be measured
NOTHING = 0.5  # below it nothing of that shape is there
TRACES = 0.002  # share of the frame in the mark's own colours that may still be the mark
NOTICED = 0.15  # residual from which a kind is spoken of
AWAY = 0.5  # of the mark's length: how far a corner is from its place where a move is unmistakable
FULL = 40.0  # CIELAB units at which the drawn residual is full


@dataclass(frozen=True, slots=True)
class LogoDrift:
    """Residual of a mark against its artwork: the largest of six ways in which it can be off.

    Each is 0 for the artwork composited in any place, light and mild perspective, and 1 where the drift is
    unmistakable: deformed by 2 % of the root of its box in bending, or 25 % in stretch beyond an 18 degree tilt;
    recoloured by 20 CIELAB units that no light explains; 6 % missing, where the plate shows; 8 % altered, where other
    parts or letters show; 25 % hidden, where something else shows; blurred by 4 % of that root. What fits worse in
    places than elsewhere raises the one that explains it best. Range 0 to 2; what a sound composite leaves is measured
    in ``benchmarks/logo.py``. The mark is looked for from about a 27th of the frame's longer side up to all of it,
    turned up to 15 degrees.

    A mark counts as found when its colours and shape, part of it, or its edges alone explain the place; how far it is
    off has no say in that, so a badly drifted mark fails instead of being inconclusive. Nothing of its shape and none
    of its own colours in the frame is absent. Something in between, a mark under 24 px, and a black, white or grey mark
    that was not found are not measurable: this metric's own failure proves nothing.

    Args:
        logo: name of an enrolled logo.
        expect: what the shot expects of it.
        place: where the layout has it, if it has to stay there: left edge, top edge and width as shares of the frame's
            width, height and width. The largest way of a corner from there then counts as a seventh way to be off: 1
            at half the mark's length. Left out, it may be anywhere.

    Raises:
        UsageError: an expectation that is none, or a place that is not inside the frame.
    """

    unit: ClassVar[str] = "residual"
    cost: ClassVar[float] = 90.0
    previewable: ClassVar[bool] = False

    logo: str
    expect: Expect = Expect.REQUIRED
    place: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "expect", expectation(self.key, self.expect))
        if self.place is not None and not _inside(self.place):
            raise UsageError(
                f"{self.key}: place is left edge, top edge and width as shares of the frame from 0 to 1, "
                f"got {self.place!r}"
            )

    @property
    def key(self) -> str:
        """``logo:`` and the name."""
        return f"logo:{self.logo}"

    def instrument(self, backends: Backends) -> Instrument:
        """What measures: arithmetic, no model."""
        where = f",place {self.place}" if self.place is not None else ""
        return Instrument(metric=type(self).__name__, version=VERSION, join=joining.RULE + where)

    def ready(self, identity: Identity, backends: Backends) -> None:
        """Makes sure that the logo is enrolled.

        Raises:
            EnrolmentError: it is not, or in another version.
        """
        self._artwork(identity)

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Finds the mark and compares it.

        Raises:
            EnrolmentError: the logo is not enrolled, or in another version.
        """
        mark = _prepared(self._artwork(identity))
        pyramid = marks.Pyramid(seen.pixels)
        copies, likeliest = mark_copies.copies(pyramid, mark)
        if likeliest is None:
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE, note=f"the frame is too small to look for {self.logo}: {_size(seen)}"
            )
        found, drift = self._judged(copies, mark, seen) if copies else likeliest
        box = marks.corners(mark, found.pose)
        outline = tuple((float(x), float(y)) for x, y in box)
        long = float(np.linalg.norm(box - np.roll(box, 1, axis=0), axis=1).max())
        evidence: dict[str, Json] = {
            "correlation": round(found.correlation, 3),
            "coarse": round(found.coarse, 3),
            "better_part": round(found.upper, 3),
            "explained": round(drift.explained, 3),
        }
        if len(copies) > 1:
            evidence["copies"] = len(copies)
        if not copies:
            return self._without(found.correlation, seen, mark, evidence, outline)
        evidence |= {"px": round(long, 1), "corners": [[round(x, 1), round(y, 1)] for x, y in outline]}
        shape = Outline(label=self.key, points=outline)
        if long < SMALLEST:
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE,
                note=f"{self.logo} is {long:.0f} px, at least {SMALLEST:.0f} px can be measured",
                evidence=evidence,
                shapes=(shape,),
            )
        kinds = asdict(drift.kinds)
        if self.place is not None:
            away = _away(self.place, box, mark, seen) / long
            kinds["moved"] = min(2.0, away / AWAY)
            evidence["moved"] = round(away, 3)
        kind, value = max(kinds.items(), key=lambda one: one[1])
        evidence |= {
            "kind": kind if value >= NOTICED else "intact",
            "kinds": {name: round(amount, 3) for name, amount in kinds.items()},
            "bent": round(drift.bent, 4),
            "stretch": round(drift.stretch, 3),
            "blur_px": round(drift.blur, 2),
            "colour": round(drift.colour, 2),
            "missing": round(drift.missing, 3),
            "altered": round(drift.altered, 3),
            "hidden": round(drift.hidden, 3),
            "torn": round(drift.torn, 3),
        }
        heat = Heat(
            label=f"residual of {self.logo}",
            points=(outline[0], outline[1], outline[2], outline[3]),
            values=tuple(tuple(round(min(1.0, float(v) / FULL), 3) for v in row) for row in drift.grid),
        )
        return FrameMeasurement(
            status=Status.MEASURED,
            value=value,
            note=_words(self.logo, drift, kinds),
            evidence=evidence,
            shapes=(shape, heat),
            index=seen.index,
            seconds=seen.seconds,
        )

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """The upper 95 % quantile of the frames (:func:`continuity.joining.quantile`)."""
        return joining.quantile(self, frames)

    def _judged(self, copies: list[mark_copies.Copy], mark: marks.Mark, seen: Observed) -> mark_copies.Copy:
        """Which copy counts: the one nearest its place; without a place the worst one, or the best one where none may
        be there."""
        if self.place is not None:
            place = self.place
            return min(copies, key=lambda one: _away(place, marks.corners(mark, one[0].pose), mark, seen))
        choose = min if self.expect is Expect.NOT_EXPECTED else max
        return choose(copies, key=lambda one: one[1].kinds.worst[1])

    def _artwork(self, identity: Identity) -> Floats:
        if not identity.has("logo", self.logo):
            known = ", ".join(identity.logos) or "none"
            raise EnrolmentError(
                f"logo {self.logo!r} was wanted, identity {identity.name!r} has {known}: "
                f"enrol --logo {self.logo}=ARTWORK"
            )
        try:
            return identity.features(SPACE)[f"logo/{self.logo}"]
        except KeyError:
            again = identity.folder or "DIR"
            raise EnrolmentError(
                f"the artwork of logo {self.logo!r} was wanted, identity {identity.name!r} lists it without: "
                f"run `continuity enrol {again} --refresh`"
            ) from None

    def _without(
        self,
        correlation: float,
        seen: Observed,
        mark: marks.Mark,
        evidence: dict[str, Json],
        outline: tuple[Point, ...],
    ) -> FrameMeasurement:
        """Why the mark was not found: it is not there, or this metric cannot tell."""
        traces = mark_traces.traces(mark, seen.lab)
        evidence["own_colours"] = None if traces is None else round(traces, 4)
        if correlation < NOTHING and traces is not None and traces < TRACES:
            return FrameMeasurement(
                status=Status.ABSENT,
                note=f"{self.logo} is missing: neither its shape ({correlation:.2f}) nor its colours are there",
                evidence=evidence,
            )
        why = f"what fits its shape best ({correlation:.2f} of 1) is not it in its edges or its colours"
        more = "it has no colour of its own to look for" if traces is None else "its colours are in the frame"
        if correlation >= NOTHING:
            more += "; that may be the mark, badly changed"
        return FrameMeasurement(
            status=Status.NOT_MEASURABLE,
            note=f"{self.logo} was not found: {why}, and {more}",
            evidence=evidence,
            shapes=(Outline(label=f"{self.key}?", points=outline),) if correlation >= NOTHING else (),
        )


def _inside(place: tuple[float, float, float]) -> bool:
    return len(place) == 3 and 0 <= place[0] < 1 and 0 <= place[1] < 1 and 0 < place[2] <= 1


def _away(place: tuple[float, float, float], box: NDArray[np.float64], mark: marks.Mark, seen: Observed) -> float:
    """The largest way of a corner, in pixels, from where the layout has it."""
    height, width = seen.pixels.shape[:2]
    wide = place[2] * width
    tall = wide * mark.half[1] / mark.half[0]
    left, top = place[0] * width, place[1] * height
    wanted = np.array([[left, top], [left + wide, top], [left + wide, top + tall], [left, top + tall]])
    return float(np.linalg.norm(box - wanted, axis=1).max())


def _size(seen: Observed) -> str:
    height, width = seen.pixels.shape[:2]
    return f"{width} x {height} px"


def _words(name: str, drift: mark_drift.Drift, kinds: Mapping[str, float]) -> str:
    """What is wrong, the worst first; empty where nothing is."""
    said = {
        "deformed": f"deformed (bent by {drift.bent:.1%} of its length, axes {drift.stretch:.2f} : 1)",
        "recoloured": f"recoloured (by {drift.colour:.0f} CIELAB units)",
        "missing": f"missing a part ({drift.missing:.0%})",
        "altered": f"altered (other letters or parts in {drift.altered:.0%} of it)",
        "hidden": f"partly hidden ({drift.hidden:.0%})",
        "blurred": f"blurred (by {drift.blur:.1f} px)",
        "moved": f"moved (by {kinds.get('moved', 0) * AWAY:.0%} of its length)",
    }
    parts = [said[kind] for kind, amount in sorted(kinds.items(), key=lambda one: -one[1]) if amount >= NOTICED]
    return f"{name} is {', '.join(parts)}" if parts else ""


_lock = threading.Lock()
_marks: dict[int, tuple[Floats, marks.Mark]] = {}  # by id; the array is held, so that its id stays its own


def _prepared(artwork: Floats) -> marks.Mark:
    """The artwork made ready, kept for the next frames."""
    with _lock:
        known = _marks.get(id(artwork))
        if known is None:
            if len(_marks) >= 16:
                _marks.clear()
            known = _marks[id(artwork)] = artwork, marks.Mark(artwork)
        return known[1]
