"""What a photograph of somebody dressed leaves behind: colours and pattern of each garment, and the skin they were
seen with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from continuity.errors import EnrolmentError
from continuity.identity import Identity
from continuity.interfaces import Observed
from continuity.vision import fabric, garments

VERSION = 1  # raised when the golden values of vision.garments or vision.fabric, or what is stored here, change
SPACE = f"wardrobe-{VERSION}"
PALETTES, TEXTURES, SHARES, SKIN = "palettes", "textures", "shares", "skin"
KINDS = len(garments.NAMES)
SMALL = 0.03  # square faces below which a garment is not told of


def parts(worn: garments.Worn) -> dict[str, NDArray[np.float32]]:
    """``palettes``: KINDS x COLOURS x 4, ``textures``: KINDS x 3, ``shares``: KINDS, of the clothes; 0 where not worn.

    The first row is all clothes together, the others are the garments that are told apart.
    """
    masks = [worn.labels > 0, *(worn.labels == label for label in range(2, KINDS + 1))]
    total = max(1, int(masks[0].sum()))
    seen = [mask.sum() >= SMALL * garments.FACE**2 for mask in masks]
    bands = len(fabric.BANDS) - 1
    return {
        PALETTES: np.stack(
            [fabric.palette(worn.lab[m] if s else worn.lab[:0, 0]) for m, s in zip(masks, seen, strict=True)]
        ),
        TEXTURES: np.stack(
            [
                fabric.texture(worn.lab, m) if s else np.zeros(bands, np.float32)
                for m, s in zip(masks, seen, strict=True)
            ]
        ),
        SHARES: np.array([m.sum() / total if s else 0 for m, s in zip(masks, seen, strict=True)], np.float32),
    }


def features(actor: str, observed: Sequence[tuple[str, Observed]]) -> dict[str, NDArray[np.float32]]:
    """``wardrobe/<actor>/<part>``: the :func:`parts` of n photographs, stacked; ``skin`` is n x 3 CIELAB, 0 if unseen.

    Args:
        actor: whose clothes.
        observed: file name and frame of each photograph.

    Raises:
        EnrolmentError: a photograph where the actor's clothes are not seen.
    """
    rows: dict[str, list[NDArray[np.float32]]] = {}
    for name, seen in observed:
        face = seen.face_of(actor)
        body = None if face is None else seen.body(face)
        if face is None or body is None:
            what = "face" if face is None else "body below the face"
            raise EnrolmentError(
                f"wardrobe {actor}: the actor dressed was wanted in {name}, no {what} was found: use a clearer picture"
            )
        skin = seen.skin(face)
        worn = garments.worn(seen.pixels, face, body, skin, tuple(f for f in seen.faces if f is not face))
        if worn.area < garments.LEAST:
            raise EnrolmentError(
                f"wardrobe {actor}: at least {garments.LEAST:g} square faces of clothes were wanted in {name}, "
                f"{worn.area:.2f} are seen: use a picture that shows more below the face"
            )
        row = {**parts(worn), SKIN: np.zeros(3, np.float32) if skin is None else skin}
        for part, values in row.items():
            rows.setdefault(part, []).append(values)
    return {f"wardrobe/{actor}/{part}": np.stack(values) for part, values in rows.items()}


def references(identity: Identity, actor: str) -> Mapping[str, NDArray[np.float32]]:
    """The features of an actor's wardrobe, by part.

    Raises:
        EnrolmentError: no wardrobe of that actor is enrolled, or only in another version.
    """
    if not identity.has("wardrobe", actor):
        known = ", ".join(identity.wardrobes) or "none"
        raise EnrolmentError(
            f"the wardrobe of {actor!r} was wanted, identity {identity.name!r} has {known}: "
            f"enrol --wardrobe {actor}=PICTURES"
        )
    stored = identity.features(SPACE)
    prefix = f"wardrobe/{actor}/"
    found = {key.removeprefix(prefix): value for key, value in stored.items() if key.startswith(prefix)}
    if not found:
        raise EnrolmentError(
            f"the wardrobe of {actor!r} was wanted, identity {identity.name!r} lists it without features: "
            f"run `continuity enrol {identity.folder or 'DIR'} --refresh`"
        )
    return found
