"""What photographs of a product or of a set leave behind: local features, a small picture, and their look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from continuity.errors import EnrolmentError
from continuity.identity import Identity
from continuity.interfaces import Backends, Keypoints, Pixels
from continuity.vision.colour import lab_of

VERSION = 1  # raised when what is stored here, or how it is computed, changes
SIDE = 160  # px of the small picture's longer side
MIDDLE = 0.7  # of each side: the part of a photograph that shows a product without its surroundings
FEWEST = 12  # local features below which a photograph shows too little


def space(detector: str) -> str:
    """Names the feature space of the local features."""
    return f"local-{VERSION}-{detector}"


def small(pixels: Pixels) -> Pixels:
    """The picture at most SIDE on its longer side."""
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def middle(pixels: Pixels, share: float = MIDDLE, at: tuple[float, float] = (0.5, 0.5)) -> Pixels:
    """A part of the picture: ``share`` of each side, about ``at`` (x, y in [0, 1]) as far as the edges allow."""
    height, width = pixels.shape[:2]
    tall, wide = max(1, round(height * share)), max(1, round(width * share))
    top = int(np.clip(at[1] * height - tall / 2, 0, height - tall))
    left = int(np.clip(at[0] * width - wide / 2, 0, width - wide))
    return np.ascontiguousarray(pixels[top : top + tall, left : left + wide])


def local(
    key: str, pictures: Sequence[tuple[str, Pixels, Keypoints]], warnings: list[str]
) -> dict[str, NDArray[np.float32]]:
    """For each picture ``<key>/<number>/places``, ``/descriptors``, ``/lab`` (the small picture) and ``/size`` (width
    and height in pixels, in which the places are). One with few local features is added to ``warnings``."""
    found: dict[str, NDArray[np.float32]] = {}
    for number, (name, pixels, points) in enumerate(pictures):
        if len(points.places) < FEWEST:
            warnings.append(
                f"{key.replace('/', ' ')}: {name} has {len(points.places)} local features, {FEWEST} would tell where "
                "it lies: it is compared by its look alone"
            )
        found |= {
            f"{key}/{number}/places": points.places,
            f"{key}/{number}/descriptors": points.descriptors,
            f"{key}/{number}/lab": lab_of(small(pixels)),
            f"{key}/{number}/size": np.array(pixels.shape[1::-1], np.float32),
        }
    return found


def looks(pictures: Sequence[Pixels], backends: Backends) -> NDArray[np.float32]:
    """The look of each picture and of its middle: 2 n x d."""
    rows = [backends.look.embed([one]) for p in pictures for one in (p, middle(p))]
    return np.concatenate(rows).astype(np.float32)


def references(
    identity: Identity, kind: str, name: str, detector: str
) -> tuple[tuple[Keypoints, NDArray[np.float32], tuple[float, float]], ...]:
    """Local features, small picture (CIELAB) and size of each enrolled picture.

    Raises:
        EnrolmentError: nothing of this kind and name is enrolled, or not with this detector.
    """
    if not identity.has(kind, name):
        known = ", ".join(identity.names(kind)) or "none"
        raise EnrolmentError(
            f"{kind} {name!r} was wanted, identity {identity.name!r} has {known}: enrol --{kind} {name}=PICTURES"
        )
    stored = identity.features(space(detector))
    return tuple(_pictures(stored, f"{kind}/{name}"))


def _pictures(
    stored: Mapping[str, NDArray[np.float32]], key: str
) -> list[tuple[Keypoints, NDArray[np.float32], tuple[float, float]]]:
    found = []
    while (prefix := f"{key}/{len(found)}") + "/size" in stored:
        points = Keypoints(stored[f"{prefix}/places"], stored[f"{prefix}/descriptors"])
        width, height = stored[f"{prefix}/size"].tolist()
        found.append((points, stored[f"{prefix}/lab"], (width, height)))
    return found


def source(identity: Identity, kind: str, name: str, number: int) -> str:
    """The file name of an enrolled picture; its number, from 0, where the identity does not list it."""
    listed = [r.source for e in identity.enrolled if e.kind == kind and e.name == name for r in e.references]
    return listed[number] if number < len(listed) else str(number)
