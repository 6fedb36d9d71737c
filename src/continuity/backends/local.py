"""The models of this machine, as one implementation of :class:`continuity.interfaces.Backends`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from continuity.backends import hand_shape, hands, local_features, mesh, people
from continuity.backends.dlib_faces import DlibFaces
from continuity.backends.mobilenet import MobileNetLook
from continuity.backends.sessions import card
from continuity.errors import UsageError
from continuity.installs import check_installs
from continuity.interfaces import Body, FaceBackend, Keypoints, LookBackend
from continuity.records import Face, Hand, ModelCard

FACES = {"dlib": DlibFaces}
LOOKS = {"mobilenet": MobileNetLook}


class LocalBackends:
    """Models from the weights folder, loaded on first use and shared by everything in this process.

    Args:
        face: the face backend: ``dlib``, or one of your own such as ``InsightFaces(pack)``.
        look: the look backend: ``mobilenet``, a stand-in, or one of your own such as ``ClipLook("ViT-B-32", path)``.

    Raises:
        UsageError: there is no such backend.
        ConflictingInstall: two installed packages overwrite each other.
    """

    def __init__(self, face: str | FaceBackend = "dlib", look: str | LookBackend = "mobilenet") -> None:
        if isinstance(face, str) and face not in FACES:
            raise UsageError(f"a face backend of {', '.join(FACES)} was wanted, or an InsightFaces, got {face!r}")
        if isinstance(look, str) and look not in LOOKS:
            raise UsageError(f"a look backend of {', '.join(LOOKS)} was wanted, or a ClipLook, got {look!r}")
        check_installs()
        self._face, self._look = face, look

    @cached_property
    def faces(self) -> FaceBackend:
        """The face backend."""
        return FACES[self._face]() if isinstance(self._face, str) else self._face

    @cached_property
    def look(self) -> LookBackend:
        """The look backend."""
        return LOOKS[self._look]() if isinstance(self._look, str) else self._look

    def hands(self, pixels: NDArray[np.uint8], faces: Sequence[Face]) -> tuple[Hand, ...]:
        """All hands that the hand model finds, the highest score first."""
        return hands.find(pixels, faces)

    def malformed(self, pixels: NDArray[np.uint8], hand: Hand, others: Sequence[Hand]) -> float:
        """How surely, in [0, 1], a hand is malformed by its look."""
        return hand_shape.malformed(pixels, hand, others)

    def wrists(self, pixels: NDArray[np.uint8], faces: Sequence[Face]) -> float:
        """Evidence in [0, 1] that a wrist is in the picture and in sight."""
        return people.wrists(pixels, faces)

    @cached_property
    def hand_models(self) -> tuple[ModelCard, ...]:
        """Hand landmarker and hand shape. Raises MissingDependency where a system library of MediaPipe's is missing."""
        hands.ready()
        return (card(hands.ROLE), *hand_shape.cards())

    def mesh(self, pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32] | None:
        """468 face mesh points (x, y) in pixels, or None where the model sees no face in the box."""
        return mesh.points(pixels, face)

    def presence(self, pixels: NDArray[np.uint8], face: Face) -> float:
        """How surely the mesh model sees a whole face in the box, as a logit."""
        return mesh.presence(pixels, face)

    def people(self, pixels: NDArray[np.uint8]) -> float:
        """Evidence in [0, 1] that a person is in the picture."""
        return people.evidence(pixels)

    def body(self, pixels: NDArray[np.uint8], face: Face) -> Body | None:
        """The body below a face, or None where the pose model sees none there."""
        return people.body(pixels, face)

    def bodies(self, pixels: NDArray[np.uint8], faces: Sequence[Face]) -> tuple[Body, ...]:
        """All bodies: those below ``faces``, and those that are found beside them."""
        return people.bodies(pixels, faces)

    def keypoints(self, pixels: NDArray[np.uint8]) -> Keypoints:
        """Local features of a picture, the strongest first."""
        return local_features.find(pixels)

    keypoint_detector = local_features.NAME

    @cached_property
    def mesh_models(self) -> tuple[ModelCard, ...]:
        """The face mesh."""
        return (card(mesh.ROLE),)

    @cached_property
    def people_models(self) -> tuple[ModelCard, ...]:
        """Pose detector and pose landmarks."""
        return (card(people.DETECTOR), card(people.LANDMARKS))
