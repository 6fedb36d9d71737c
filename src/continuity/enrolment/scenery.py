"""What photographs of a product or of a set leave behind: local features, a small picture, and their look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from continuity.errors import EnrolmentError
from continuity.identity import Identity
from continuity.interfaces import Backends, Body, Keypoints, Observed, Pixels
from continuity.vision.colour import lab_of
from continuity.vision.garments import mask_in
from continuity.vision.geometry import Window

VERSION = 1  # raised when what is stored here, or how it is computed, changes
GRID = 320  # px of the longer side of a picture without its people
SIDE = 160  # px of the small picture's longer side
MIDDLE = 0.7  # of each side: the part of a photograph that shows a product without its surroundings
PERSON = 0.4  # of a body's mask that hides the background
LITTLE = 0.15  # of a frame: less background cannot be told
FLAT = 6.0  # Lab within which a frame is of one colour, such as a fade to black
FEWEST = 12  # local features below which a photograph shows too little


def space(detector: str) -> str:
    """Names the feature space of the local features."""
    return f"local-{VERSION}-{detector}"


def small(pixels: Pixels) -> Pixels:
    """The picture at most SIDE on its longer side."""
    size = _size(pixels.shape[1], pixels.shape[0], SIDE)
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


def background(seen: Observed) -> tuple[Pixels, Keypoints, float]:
    """A frame without its people: the small picture with them filled from around, the local features that are not on
    them, and the share of the frame that is free of them."""
    height, width = seen.pixels.shape[:2]
    picture = np.asarray(Image.fromarray(seen.pixels).resize(_size(width, height, GRID), Image.Resampling.BOX))
    hidden: NDArray[np.bool_] = np.zeros(picture.shape[:2], bool)
    tall, wide = picture.shape[:2]
    scale = picture.shape[1] / width
    for body in seen.bodies:
        hidden |= _hidden(body, hidden.shape, scale)
    free = float(1 - hidden.mean())
    points = seen.keypoints
    if hidden.any() and free > 0:
        down = np.clip((points.places[:, 1] * scale).astype(int), 0, tall - 1)
        across = np.clip((points.places[:, 0] * scale).astype(int), 0, wide - 1)
        kept = ~hidden[down, across]
        points = Keypoints(points.places[kept], points.descriptors[kept])
        picture = _filled(picture, hidden)
    return picture, points, free


def _hidden(body: Body, shape: tuple[int, ...], scale: float) -> NDArray[np.bool_]:
    """Which pixels of the small picture a body hides, grown by a fortieth of its size."""
    from scipy import ndimage

    side = max(shape)
    window = Window(side / 2 / scale, side / 2 / scale, side / scale)
    mask = mask_in(body, window, side)[: shape[0], : shape[1]] > PERSON
    grown = max(1, round(0.006 * body.side * scale))
    return np.asarray(ndimage.binary_dilation(mask, iterations=grown), np.bool_)


def _filled(picture: Pixels, hidden: NDArray[np.bool_]) -> Pixels:
    """The picture with what is hidden taken from the nearest free pixels, softly."""
    from scipy import ndimage

    rows, columns = ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
    near = picture[rows, columns].astype(np.float32)
    soft = ndimage.gaussian_filter(near, (6, 6, 0))
    return np.where(hidden[..., None], soft, picture).astype(np.uint8)


def _size(width: int, height: int, side: int) -> tuple[int, int]:
    scale = min(1.0, side / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def product(
    name: str, observed: Sequence[tuple[str, Observed]], backends: Backends, warnings: list[str]
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """What :func:`local` makes of photographs of an object, and the look of each and of its middle: 2 n x d."""
    pictures = [(file, seen.pixels, seen.keypoints) for file, seen in observed]
    rows = [backends.look.embed([part]) for _, seen in observed for part in (seen.pixels, middle(seen.pixels))]
    return local(f"product/{name}", pictures, warnings), np.concatenate(rows).astype(np.float32)


def place(
    name: str, observed: Sequence[tuple[str, Observed]], backends: Backends, warnings: list[str]
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """What :func:`local` makes of photographs of a place without their people, and the look of each: n x d.

    Raises:
        EnrolmentError: people leave too little of a photograph.
    """
    pictures, rows = [], []
    for file, seen in observed:
        picture, points, free = background(seen)
        if free < LITTLE:
            raise EnrolmentError(
                f"set {name}: a picture of the place was wanted, people leave {free:.0%} of {file}: "
                "use one with more of the place"
            )
        pictures.append((file, seen.pixels, points))
        rows.append(backends.look.embed([picture]))
    return local(f"set/{name}", pictures, warnings), np.concatenate(rows).astype(np.float32)


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


def check(identity: Identity, kind: str, name: str, backends: Backends) -> None:
    """Makes sure that a product or set is enrolled, with this look backend and these local features.

    Raises:
        EnrolmentError: it is not.
    """
    references(identity, kind, name, backends.keypoint_detector)
    if f"{kind}/{name}" not in identity.features(backends.look.space):
        raise EnrolmentError(
            f"the look of {kind} {name!r} was wanted, identity {identity.name!r} lists it without: "
            f"run `continuity enrol {identity.folder or 'DIR'} --refresh`"
        )


def one_colour(points: Keypoints, lab: NDArray[np.float32]) -> bool:
    """Whether a frame (H x W x 3 CIELAB) shows nothing: no local features, and hardly a difference in any channel."""
    return not len(points.places) and float(np.ptp(lab.reshape(-1, 3), axis=0).max()) < FLAT


def _pictures(
    stored: Mapping[str, NDArray[np.float32]], key: str
) -> list[tuple[Keypoints, NDArray[np.float32], tuple[float, float]]]:
    found: list[tuple[Keypoints, NDArray[np.float32], tuple[float, float]]] = []
    while (prefix := f"{key}/{len(found)}") + "/size" in stored:
        points = Keypoints(stored[f"{prefix}/places"], stored[f"{prefix}/descriptors"])
        width, height = stored[f"{prefix}/size"].tolist()
        found.append((points, stored[f"{prefix}/lab"], (width, height)))
    return found
