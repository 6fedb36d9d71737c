"""One decoded frame, and everything the models say of it, computed once and only when somebody asks.

The only way a metric meets a model. Implements :class:`continuity.interfaces.Observed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from continuity.errors import EnrolmentError, MediaError
from continuity.identity import Identity
from continuity.interfaces import Backends, Body, Floats, Keypoints, Pixels
from continuity.records import Face, Hand
from continuity.vision import matching
from continuity.vision.colour import lab_of, reduced

# Face mesh points with skin and neither hair nor beard around them: forehead, then the cheeks on either side.
FOREHEAD = (10, 151, 9, 108, 337, 69, 299, 67, 297)
CHEEKS = (50, 101, 118, 117, 205, 36, 187, 280, 330, 347, 346, 425, 266, 411, 123)
PATCH = 0.02  # half side of the patch around a point, over the longer side of the face box


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameFeatures:
    """What models said of one frame so far: nothing of it depends on an identity. None is what nobody asked for.

    Attributes:
        index, seconds, held: as the frame has them.
        size: height and width in pixels.
        faces: all faces, the largest first.
        embeddings: d float32, by the number of the face.
        skins: median CIELAB (3 float32) of cheeks and forehead by the number of the face, None where no mesh fits.
        presences: how surely a face is seen whole, a logit, by its number.
        people, wrists: evidence in [0, 1].
        look: look embedding, d float32.
        hands: all hands, the highest score first.
        malformed: in [0, 1], by the number of the hand.
        reduced: the frame at no more than 256 px on its longer side, uint8 sRGB: colours are measured on it.
    """

    index: int
    seconds: float | None
    size: tuple[int, int]
    faces: tuple[Face, ...] | None = None
    embeddings: Mapping[int, Floats] = field(default_factory=dict)
    skins: Mapping[int, Floats | None] = field(default_factory=dict)
    presences: Mapping[int, float] = field(default_factory=dict)
    people: float | None = None
    wrists: float | None = None
    look: Floats | None = None
    hands: tuple[Hand, ...] | None = None
    malformed: Mapping[int, float] = field(default_factory=dict)
    reduced: Pixels | None = None
    held: tuple[float, ...] = ()


class ObservedFrame:
    """A frame and its lazily memoised faces, embeddings, assignment of actors, and colours.

    Args:
        pixels: H x W x 3 uint8 sRGB; None for a frame that is recalled.
        index: number of the frame in its source.
        seconds: time of the frame; None for a still.
        held: later times at which it is sampled again.
        identity: whose actors are looked for.
        backends: the models.
    """

    def __init__(
        self,
        pixels: Pixels | None,
        *,
        index: int,
        seconds: float | None,
        held: tuple[float, ...] = (),
        identity: Identity,
        backends: Backends,
    ) -> None:
        self._pixels = pixels
        self.size: tuple[int, int] = (0, 0) if pixels is None else (pixels.shape[0], pixels.shape[1])
        self.index = index
        self.seconds = seconds
        self.held = held
        self._identity = identity
        self._backends = backends
        self._embeddings: dict[Face, Floats] = {}
        self._skins: dict[Face, Floats | None] = {}
        self._presences: dict[Face, float] = {}
        self._bodies: dict[Face, Body | None] = {}
        self._malformed: dict[Hand, float] = {}

    @classmethod
    def recalled(cls, features: FrameFeatures, *, identity: Identity, backends: Backends) -> ObservedFrame:
        """A frame of which only the features are there: they answer as the pixels did, against any identity."""
        index, seconds, held = features.index, features.seconds, features.held
        seen = cls(None, index=index, seconds=seconds, held=held, identity=identity, backends=backends)
        seen.size = features.size
        known = {name: getattr(features, name) for name in ("faces", "people", "wrists", "look", "hands", "reduced")}
        vars(seen).update({name: value for name, value in known.items() if value is not None})  # where they are cached
        faces, hands = features.faces or (), features.hands or ()
        seen._embeddings = {faces[number]: row for number, row in features.embeddings.items()}
        seen._skins = {faces[number]: skin for number, skin in features.skins.items()}
        seen._presences = {faces[number]: value for number, value in features.presences.items()}
        seen._malformed = {hands[number]: value for number, value in features.malformed.items()}
        return seen

    def complete(self) -> None:
        """Asks for what the metrics that were measured would ask against another identity: faces are given to other
        actors, and where the grade is looked at their skin may count."""
        known = vars(self)
        if "faces" not in known:
            return
        self.people  # noqa: B018 - a person without the face of an actor
        for face in self.faces:
            self.embedding(face)
            self.presence(face)
            if "reduced" in known:
                self.skin(face)

    @property
    def features(self) -> FrameFeatures:
        """What was asked of the models so far."""
        known = vars(self)
        faces: tuple[Face, ...] = known.get("faces", ())
        hands: tuple[Hand, ...] = known.get("hands", ())
        return FrameFeatures(
            index=self.index,
            seconds=self.seconds,
            held=self.held,
            size=self.size,
            faces=known.get("faces"),
            embeddings={n: self._embeddings[face] for n, face in enumerate(faces) if face in self._embeddings},
            skins={n: self._skins[face] for n, face in enumerate(faces) if face in self._skins},
            presences={n: self._presences[face] for n, face in enumerate(faces) if face in self._presences},
            people=known.get("people"),
            wrists=known.get("wrists"),
            look=known.get("look"),
            hands=known.get("hands"),
            malformed={n: self._malformed[hand] for n, hand in enumerate(hands) if hand in self._malformed},
            reduced=known.get("reduced"),
        )

    @property
    def pixels(self) -> Pixels:
        """The measuring copy.

        Raises:
            MediaError: the frame is recalled, and what was asked for is not among its features.
        """
        if self._pixels is None:
            raise MediaError(f"the pixels of frame {self.index} were wanted, only features are stored: open its media")
        return self._pixels

    @cached_property
    def reduced(self) -> Pixels:
        """The frame at no more than 256 px on its longer side: h x w x 3 uint8 sRGB."""
        return reduced(self.pixels)

    @cached_property
    def lab(self) -> Floats:
        """CIELAB (D65), at most 256 px on the longer side: h x w x 3 float32."""
        return lab_of(self.reduced)

    @cached_property
    def faces(self) -> tuple[Face, ...]:
        """All faces, the largest first."""
        return self._backends.faces.detect(self.pixels)

    @cached_property
    def people(self) -> float:
        """Evidence in [0, 1] that a person is there."""
        return self._backends.people(self.pixels)

    @property
    def smallest_face(self) -> float:
        """The smallest face, in pixels of its shorter side, that can be measured."""
        return self._backends.faces.smallest

    def embedding(self, face: Face) -> Floats:
        """The embedding of one of :attr:`faces`."""
        if face not in self._embeddings:
            self._embeddings[face] = self._backends.faces.embed(self.pixels, face)
        return self._embeddings[face]

    def distances(self, face: Face, actor: str) -> Floats:
        """Distances of a face to the n enrolled references of an actor and, where n > 1, to their weighted mean: n + 1.

        Raises:
            EnrolmentError: the actor was not enrolled with this face backend.
        """
        backend = self._backends.faces
        known = self._identity.features(backend.space)
        references = matching.references(known, actor, self._identity.name)
        template = matching.with_mean(references, known.get(f"presence/{actor}"))
        return backend.distance(template, self.embedding(face)[None])[:, 0]

    @cached_property
    def look(self) -> Floats:
        """The look embedding of the whole frame: d float32 of unit length."""
        return np.asarray(self._backends.look.embed([self.pixels])[0], dtype=np.float32)

    @property
    def look_note(self) -> str:
        """What the look backend says of itself, such as that it is a stand-in."""
        return "; ".join(dict.fromkeys(m.note for m in self._backends.look.models if m.note))

    def look_distances(self, part: str) -> Floats:
        """1 - cosine (n, at least 0) of the frame to the n enrolled rows of ``look`` or ``look_text``.

        Raises:
            EnrolmentError: no such part was enrolled with this look backend.
        """
        return np.asarray(np.maximum(1 - self._look_rows(part) @ self.look, 0), dtype=np.float32)

    def _look_rows(self, part: str) -> Floats:
        rows = self._identity.features(self._backends.look.space).get(part)
        if rows is None:
            raise EnrolmentError(f"{part} was wanted, identity {self._identity.name!r} has none: enrol it")
        return np.asarray(rows, dtype=np.float32)

    @cached_property
    def hands(self) -> tuple[Hand, ...]:
        """All hands, the highest score first."""
        return self._backends.hands(self.pixels, self.faces)

    def malformed(self, hand: Hand) -> float:
        """How surely, in [0, 1], one of :attr:`hands` is malformed by its look."""
        if hand not in self._malformed:
            others = [h for h in self.hands if h is not hand]
            self._malformed[hand] = self._backends.malformed(self.pixels, hand, others)
        return self._malformed[hand]

    @cached_property
    def wrists(self) -> float:
        """Evidence in [0, 1] that a wrist is in the frame and in sight."""
        return self._backends.wrists(self.pixels, self.faces)

    def face_of(self, actor: str) -> Face | None:
        """The face given to an enrolled actor; None where there are too few faces, or the actor is not enrolled."""
        return self._assignment.get(actor)

    def skin(self, face: Face) -> Floats | None:
        """Median CIELAB (3 numbers, float32) of cheeks and forehead, or None where the mesh does not fit."""
        if face not in self._skins:
            self._skins[face] = self._skin(face)
        return self._skins[face]

    def presence(self, face: Face) -> float:
        """How surely one of :attr:`faces` is seen whole, as a logit: covered and averted ones have little."""
        if face not in self._presences:
            self._presences[face] = self._backends.presence(self.pixels, face)
        return self._presences[face]

    def body(self, face: Face) -> Body | None:
        """The body below one of :attr:`faces`, or None where the pose model sees none there."""
        if face not in self._bodies:
            self._bodies[face] = self._backends.body(self.pixels, face)
        return self._bodies[face]

    @cached_property
    def bodies(self) -> tuple[Body, ...]:
        """All bodies, with a face and without."""
        return self._backends.bodies(self.pixels, self.faces)

    @cached_property
    def keypoints(self) -> Keypoints:
        """Local features of the frame, the strongest first."""
        return self._backends.keypoints(self.pixels)

    @property
    def keypoint_detector(self) -> str:
        """Names what found :attr:`keypoints`."""
        return self._backends.keypoint_detector

    def look_distances_of(self, pictures: Sequence[Pixels], part: str) -> Floats:
        """1 - cosine (m x n, at least 0) of m pictures, made of the frame, to n enrolled rows.

        Raises:
            EnrolmentError: no such part was enrolled with this look backend.
        """
        rows = np.concatenate([self._backends.look.embed([one]) for one in pictures])
        return np.asarray(np.maximum(1 - rows @ self._look_rows(part).T, 0), dtype=np.float32)

    @cached_property
    def _assignment(self) -> dict[str, Face]:
        actors = self._identity.actors
        if not actors or not self.faces:
            return {}
        if len(actors) == len(self.faces) == 1:  # nothing to choose: spare the embedding until somebody asks for it
            return {actors[0]: self.faces[0]}
        costs = np.array([[matching.to_template(self.distances(f, a)) for f in self.faces] for a in actors])
        return {actors[row]: self.faces[column] for row, column in matching.assign(costs)}

    def _skin(self, face: Face) -> Floats | None:
        points = self._backends.mesh(self.pixels, face)
        if points is None:
            return None
        height, width = self.size
        half = max(1, round(PATCH * max(face.box.width, face.box.height)))
        offsets = np.arange(-half, half + 1)
        chosen = np.round(points[list(FOREHEAD + CHEEKS)]).astype(int)
        inside = ((chosen >= half) & (chosen < np.array([width, height]) - half)).all(axis=1)
        if inside.sum() < len(chosen) / 2:
            return None
        xs = chosen[inside, 0, None, None] + offsets[None, None, :]
        ys = chosen[inside, 1, None, None] + offsets[None, :, None]
        patches = self.pixels[ys, xs].astype(np.float32).mean(axis=(1, 2))
        return np.asarray(np.median(lab_of(patches / 255), axis=0), dtype=np.float32)
