"""One decoded frame, and everything the models say of it, computed once and only when somebody asks.

The only way a metric meets a model. Implements :class:`continuity.interfaces.Observed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from continuity.errors import EnrolmentError
from continuity.identity import Identity
from continuity.interfaces import Backends, Body, Floats, Keypoints, Pixels
from continuity.records import Face, Hand
from continuity.vision import matching
from continuity.vision.colour import lab_of, reduced_lab

# Face mesh points with skin and neither hair nor beard around them: forehead, then the cheeks on either side.
FOREHEAD = (10, 151, 9, 108, 337, 69, 299, 67, 297)
CHEEKS = (50, 101, 118, 117, 205, 36, 187, 280, 330, 347, 346, 425, 266, 411, 123)
PATCH = 0.02  # half side of the patch around a point, over the longer side of the face box


class ObservedFrame:
    """A frame and its lazily memoised faces, embeddings, assignment of actors, and colours.

    Args:
        pixels: H x W x 3 uint8 sRGB.
        index: number of the frame in its source.
        seconds: time of the frame; None for a still.
        identity: whose actors are looked for.
        backends: the models.
    """

    def __init__(
        self, pixels: Pixels, *, index: int, seconds: float | None, identity: Identity, backends: Backends
    ) -> None:
        self.pixels = pixels
        self.index = index
        self.seconds = seconds
        self._identity = identity
        self._backends = backends
        self._embeddings: dict[Face, Floats] = {}
        self._skins: dict[Face, Floats | None] = {}
        self._bodies: dict[Face, Body | None] = {}

    @cached_property
    def lab(self) -> Floats:
        """CIELAB (D65), at most 256 px on the longer side: h x w x 3 float32."""
        return reduced_lab(self.pixels)

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
        """Distances of a face to the n enrolled references of an actor and, where n > 1, to their mean: n + 1.

        Raises:
            EnrolmentError: the actor was not enrolled with this face backend.
        """
        backend = self._backends.faces
        references = matching.references(self._identity.features(backend.space), actor, self._identity.name)
        return backend.distance(matching.with_mean(references), self.embedding(face)[None])[:, 0]

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
        return self._backends.hands(self.pixels)

    def malformed(self, hand: Hand) -> float:
        """How surely, in [0, 1], one of :attr:`hands` is malformed by its look."""
        return self._backends.malformed(self.pixels, hand, [h for h in self.hands if h is not hand])

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
        height, width = self.pixels.shape[:2]
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
