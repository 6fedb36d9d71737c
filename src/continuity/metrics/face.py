"""Face distance: how far the face of an actor in a frame is from the enrolled photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, cast

from continuity import joining
from continuity.enrolment.actors import CLEAR
from continuity.errors import EnrolmentError
from continuity.identity import Identity
from continuity.interfaces import Backends, Observed
from continuity.records import Expect, FrameMeasurement, Instrument, Json, Measurement, Rectangle, Status, expectation
from continuity.vision import matching, tracks

VERSION = 3  # raised when golden values move
NOBODY = 0.3  # evidence of a person below which nobody is there; 219 frames of people have .52 and more


@dataclass(frozen=True, slots=True)
class FaceDistance:
    """Distance of an actor's face to the enrolled references, in the unit of the face backend.

    The smallest of the distances to the references and to their mean. 0 is an enrolled picture (noise floor 0.02: the
    same pixels give the same numbers). With the dlib backend (Euclidean, unit vectors) two photographs of one person
    lie at .2 to .35, two people rarely under .36; 2 is the end of the scale.

    Enrolled actors and the faces in the frame are matched jointly. A face under about 50 px is not measurable, nor
    one that the face mesh does not see whole: its eyes or half of it covered, turned to its profile, smeared or no
    human one. A covered mouth or forehead mostly passes for whole, and is measured. Without a face, the actor is absent
    only where a person detector shows nobody; else it is not measurable. In a clip, two people who swap faces where
    they stand are found: the face in the actor's place counts from there on.

    Args:
        actor: name of an enrolled actor.
        expect: what the shot expects of the actor.
    """

    unit: ClassVar[str] = "face distance"
    cost: ClassVar[float] = 85.0
    previewable: ClassVar[bool] = False

    actor: str
    expect: Expect = Expect.REQUIRED

    def __post_init__(self) -> None:
        object.__setattr__(self, "expect", expectation(self.key, self.expect))

    @property
    def key(self) -> str:
        """``face:`` and the actor."""
        return f"face:{self.actor}"

    def instrument(self, backends: Backends) -> Instrument:
        """What measures.

        Raises:
            MissingWeights: a model file is not on this machine.
        """
        return Instrument(
            metric=type(self).__name__,
            version=VERSION,
            models=(*backends.faces.models, *backends.mesh_models, *backends.people_models),
            detector=backends.faces.detector,
            join=f"{joining.RULE},swaps,unclear",
        )

    def ready(self, identity: Identity, backends: Backends) -> None:
        """Makes sure that the actor is enrolled, and with this face backend.

        Raises:
            EnrolmentError: the actor is not.
        """
        if not identity.has("actor", self.actor):
            known = ", ".join(identity.actors) or "nobody"
            raise EnrolmentError(
                f"actor {self.actor!r} was wanted, identity {identity.name!r} has {known}: "
                f"enrol --actor {self.actor}=PICTURES"
            )
        matching.references(identity.features(backends.faces.space), self.actor, identity.name)

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Measures the face that was matched to the actor."""
        face = seen.face_of(self.actor)
        if face is None:
            return self._without(seen, identity)
        others = tuple(Rectangle(label=f"face {n}", box=f.box) for n, f in enumerate(seen.faces, 1) if f != face)
        shapes = (Rectangle(label=self.key, box=face.box), *others)
        facts: dict[str, Json] = {"face_px": round(face.size, 1), "detector_score": round(face.score, 3)}
        facts["other_faces"] = len(others)
        if face.size < seen.smallest_face:
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE,
                note=f"the face is {face.size:.0f} px, at least {seen.smallest_face:.0f} px can be measured",
                evidence=facts,
                shapes=shapes,
            )
        presence = seen.presence(face)
        facts["presence"] = round(presence, 2)
        if presence < CLEAR:
            return FrameMeasurement(
                status=Status.NOT_MEASURABLE,
                note=f"the face is covered, turned away or unclear (presence {presence:.1f}, {CLEAR:g} is wanted)",
                evidence=facts,
                shapes=shapes,
            )
        distances = seen.distances(face, self.actor)
        facts["distances"] = [round(float(d), 4) for d in distances]
        if others:  # the matching has embedded them already
            beside = [seen.distances(f, self.actor) for f in seen.faces if f != face]
            facts["distances_of_others"] = [round(matching.to_template(d), 4) for d in beside]
        value = matching.to_template(distances)
        return FrameMeasurement(status=Status.MEASURED, value=value, evidence=facts, shapes=shapes)

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """The upper 95 % quantile of the frames, those after a swap with the face that took the actor's place.

        A run of faces that are there but not seen whole is not measurable, however long the clip is: somebody else may
        have stood there.
        """
        measured = [f for f in frames if f.status is Status.MEASURED]
        places = tracks.who_stands_there([[s.box for s in f.shapes if isinstance(s, Rectangle)] for f in measured])
        swapped = {(f.index, f.seconds): _swapped(f, place) for f, place in zip(measured, places, strict=True) if place}
        joined = joining.quantile(self, [swapped.get((f.index, f.seconds), f) for f in frames])
        unclear = joining.unbroken(frames, _unclear)
        if not unclear or joined.status is not Status.MEASURED:
            return joined
        why = unclear[0]
        return replace(
            joined, status=Status.NOT_MEASURABLE, value=None, worst_frame=why.index, evidence=why.evidence,
            shapes=why.shapes, note=f"frames {why.index} to {unclear[-1].index}: {why.note}",
        )  # fmt: skip

    def _without(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """Why there is no face: nobody is there, or somebody whose face was not found."""
        people = seen.people
        evidence = {"people": round(people, 3), "faces": len(seen.faces)}
        if not seen.faces and people < NOBODY:
            return FrameMeasurement(
                status=Status.ABSENT, note=f"nobody is there (person evidence {people:.2f})", evidence=evidence
            )
        note = f"a person may be there (evidence {people:.2f}), but no face was found"
        if seen.faces:
            note = f"{len(seen.faces)} faces were found, and all of them belong to other enrolled actors"
        return FrameMeasurement(status=Status.NOT_MEASURABLE, note=note, evidence=evidence)


def _unclear(frame: FrameMeasurement) -> bool:
    return frame.status is Status.NOT_MEASURABLE and "presence" in frame.evidence


def _swapped(frame: FrameMeasurement, place: int) -> FrameMeasurement:
    """The frame as measured on the face that stands in the actor's place: the shape of that number."""
    beside = cast(Sequence[float], frame.evidence["distances_of_others"])
    return replace(
        frame,
        value=beside[place - 1],
        note="two people have swapped faces, or a cut has swapped them",
        shapes=(frame.shapes[place], *(s for n, s in enumerate(frame.shapes) if n != place)),
    )
