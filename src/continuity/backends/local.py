"""The models of this machine, as one implementation of :class:`continuity.interfaces.Backends`."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from continuity.backends import mesh, people
from continuity.backends.dlib_faces import DlibFaces
from continuity.backends.installs import check_installs
from continuity.backends.sessions import card
from continuity.errors import UsageError
from continuity.interfaces import FaceBackend
from continuity.records import Face, ModelCard

FACES = {"dlib": DlibFaces}


class LocalBackends:
    """Models from the weights folder, loaded on first use and shared by everything in this process.

    Args:
        face: the face backend.

    Raises:
        UsageError: there is no such backend.
        ConflictingInstall: two installed packages overwrite each other.
    """

    def __init__(self, face: str = "dlib") -> None:
        if face not in FACES:
            raise UsageError(f"a face backend of {', '.join(FACES)} was wanted, got {face!r}")
        check_installs()
        self._face = face

    @cached_property
    def faces(self) -> FaceBackend:
        """The face backend."""
        return FACES[self._face]()

    def mesh(self, pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32] | None:
        """468 face mesh points (x, y) in pixels, or None where the model sees no face in the box."""
        return mesh.points(pixels, face)

    def people(self, pixels: NDArray[np.uint8]) -> float:
        """Evidence in [0, 1] that a person is in the picture."""
        return people.evidence(pixels)

    @cached_property
    def mesh_models(self) -> tuple[ModelCard, ...]:
        """The face mesh."""
        return (card(mesh.ROLE),)

    @cached_property
    def people_models(self) -> tuple[ModelCard, ...]:
        """Pose detector and pose landmarks."""
        return (card(people.DETECTOR), card(people.LANDMARKS))
