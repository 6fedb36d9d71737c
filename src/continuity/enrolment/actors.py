"""What is asked of a photograph before it may stand for an actor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from continuity.errors import EnrolmentError
from continuity.interfaces import Backends
from continuity.media import Image
from continuity.records import Face

CLEAR = 7.0  # logit of presence below which a face is covered, averted or smeared; docs/decisions/0017
RIVAL = 0.5  # a second face of at least this share of the largest one's size leaves open who is meant


def features(
    actor: str, images: Sequence[Image], backends: Backends, warnings: list[str]
) -> dict[str, NDArray[np.float32]]:
    """One embedding a photograph (n x d float32) and how surely each shows a whole face (n float32: logits of
    presence), with what is questionable added to ``warnings``.

    Raises:
        EnrolmentError: a photograph with no face, with several faces of like size, or with one too small to measure.
    """
    seen = [(image, *_the_face(actor, image, backends, warnings)) for image in images]
    rows = np.stack([backends.faces.embed(image.pixels, face) for image, face, _ in seen]).astype(np.float32)
    if len(rows) > 1:
        apart = backends.faces.distance(rows, rows)
        np.fill_diagonal(apart, np.inf)
        for image, nearest in zip(images, apart.min(axis=1), strict=True):
            if nearest > backends.faces.far:
                warnings.append(
                    f"actor {actor}: {_name(image)} is {nearest:.2f} ({backends.faces.unit}) from its nearest sibling, "
                    f"over {backends.faces.far:g}: is it the same person?"
                )
    return {f"actor/{actor}": rows, f"presence/{actor}": np.array([presence for *_, presence in seen], np.float32)}


def _the_face(actor: str, image: Image, backends: Backends, warnings: list[str]) -> tuple[Face, float]:
    faces = backends.faces.detect(image.pixels)
    if not faces:
        raise EnrolmentError(f"actor {actor}: one clear face was wanted in {_name(image)}, none was found")
    largest = faces[0]
    smallest = backends.faces.smallest
    if largest.size < smallest:
        raise EnrolmentError(
            f"actor {actor}: a face of at least {smallest:g} px was wanted in {_name(image)}, "
            f"it is {largest.size:.0f} px: use a larger picture"
        )
    rivals = [f for f in faces[1:] if f.size >= RIVAL * largest.size]
    if rivals:
        raise EnrolmentError(
            f"actor {actor}: one clear face was wanted in {_name(image)}, "
            f"{1 + len(rivals)} of like size were found: crop it to the actor"
        )
    presence = backends.presence(image.pixels, largest)
    if presence < CLEAR:
        warnings.append(
            f"actor {actor}: the face in {_name(image)} is covered, turned away or unclear (presence {presence:.1f}, "
            f"{CLEAR:g} is wanted): faces in frames that look so cannot be measured"
        )
    if len(faces) > 1:
        warnings.append(f"actor {actor}: {_name(image)} shows {len(faces)} faces, the largest was taken")
    return largest, presence


def _name(image: Image) -> str:
    return image.path.name if image.path else "a picture from memory"
