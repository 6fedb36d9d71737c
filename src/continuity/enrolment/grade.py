"""What the references of a grade leave behind: regions, distribution of colours, the skin of enrolled actors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from continuity.errors import EnrolmentError
from continuity.identity import Identity
from continuity.interfaces import Observed
from continuity.vision.colour import quantiles
from continuity.vision.regions import reference_patches

VERSION = 2  # raised when the golden values of vision.colour or vision.regions, or what is stored here, change
QUANTILES = "grade/quantiles"
PATCHES = "grade/patches"
SKIN = "grade/skin/"
SPACE = f"grade-{VERSION}"  # of no model: a skin colour is a colour, whichever mesh placed the patches


def features(observed: Sequence[Observed], identity_actors: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """The features of grade references, all in CIELAB (D65) and float32.

    ``grade/quantiles``: n x 3 x BINS, one distribution per channel and reference, as ``vision.colour.quantiles`` gives
    it for every second pixel of every second row. ``grade/patches``: n x 196 x 3 x 49, regions of each reference, as
    ``vision.regions.reference_patches`` gives them: a picture of 48 px. ``grade/skin/<actor>``: m x 3, the skin of that
    actor in the m references where the face was found and the mesh fits; not there at all where m is 0.
    """
    if not observed:
        return {}
    found = {
        QUANTILES: np.stack([quantiles(seen.lab[::2, ::2]) for seen in observed]),
        PATCHES: np.stack([reference_patches(seen.lab) for seen in observed]),
    }
    for actor in identity_actors:
        patches = [patch for seen in observed if (patch := skin_of(seen, actor)) is not None]
        if patches:
            found[f"{SKIN}{actor}"] = np.stack(patches)
    return found


def skin_of(seen: Observed, actor: str) -> NDArray[np.float32] | None:
    """Median CIELAB (3) of an actor's cheeks and forehead; None where there is no face or the mesh does not fit it."""
    face = seen.face_of(actor)
    return None if face is None else seen.skin(face)


def references(identity: Identity) -> Mapping[str, NDArray[np.float32]]:
    """The features of the enrolled grade, as :func:`features` names them.

    Raises:
        EnrolmentError: no grade is enrolled, or only in another version.
    """
    if not identity.has("grade"):
        folder = identity.folder or "DIR"
        raise EnrolmentError(
            f"a grade was wanted, identity {identity.name!r} has none: run `continuity enrol {folder} --grade PICTURES`"
        )
    return identity.features(SPACE)
