"""Enrolment: photographs -> Identity. Embeds, checks, warns; writes a folder whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from continuity.enrolment import actors as actor_part
from continuity.enrolment import grade as grade_part
from continuity.enrolment import logo as logo_part
from continuity.enrolment import look as look_part
from continuity.enrolment import scenery as scenery_part
from continuity.enrolment import wardrobe as wardrobe_part
from continuity.enrolment.writing import write
from continuity.errors import EnrolmentError
from continuity.identity import Enrolled, Identity, Reference
from continuity.interfaces import Backends
from continuity.media import Image, open_media, path_of
from continuity.observed import ObservedFrame

Paths: TypeAlias = "Iterable[str | os.PathLike[str]]"
Features: TypeAlias = "dict[str, dict[str, NDArray[np.float32]]]"

_NAME = re.compile(r"\w[\w.-]{0,63}")

__all__ = ["enrol", "refresh"]


def enrol(
    folder: str | os.PathLike[str],
    *,
    actors: Mapping[str, Paths] | None = None,
    grade: Paths = (),
    look: Paths = (),
    look_texts: Sequence[str] = (),
    logos: Mapping[str, str | os.PathLike[str]] | None = None,
    wardrobe: Mapping[str, Paths] | None = None,
    products: Mapping[str, Paths] | None = None,
    sets: Mapping[str, Paths] | None = None,
    name: str = "",
    backends: Backends | None = None,
    replace_existing: bool = False,
    colorspace: str | None = None,
) -> Identity:
    """Enrols actors and a grade from photographs and writes the identity folder.

    Args:
        folder: where the identity is written, whole or not at all; its parent must exist.
        actors: name -> photographs of that one person, each with exactly one clear face.
        grade: pictures that carry the grade.
        look: pictures that carry the brand look.
        look_texts: the brand look in words, for a look backend that reads text.
        logos: name -> artwork of that logo, PNG with alpha or SVG.
        wardrobe: name of an actor who is enrolled as well -> photographs of what that actor wears.
        products: name -> photographs of one object, each filled by it, from several sides if it has several.
        sets: name -> photographs of one room or place; people in them are masked out.
        name: name of the identity; the folder's name if empty.
        backends: the models; the local ones if None.
        replace_existing: write over an identity that is already there.
        colorspace: of OpenEXR pictures, by a name of OpenColorIO; left out, what they say themselves.

    The same pictures give the same folder, byte for byte.

    Raises:
        EnrolmentError: nothing to enrol, a bad name, a picture with no face, several faces or a tiny one,
            or an identity that is already there.
        MediaError: a picture that cannot be read.
        MissingWeights: a model file is not on this machine.
        MissingDependency: what reads OpenEXR is not installed.
    """
    target = path_of(folder, "an identity folder")
    named = [each for those in (actors, wardrobe, products, sets) for each in (those or {}).values()]
    for given in (*named, grade, look, look_texts):
        if isinstance(given, str | os.PathLike):
            raise EnrolmentError(f"a list was wanted, got {os.fspath(given)!r} alone: put it in a list")
    people = {actor: tuple(paths) for actor, paths in (actors or {}).items()}
    marks = dict(logos or {})
    clothes = {actor: tuple(paths) for actor, paths in (wardrobe or {}).items()}
    graded, looks, texts = tuple(grade), tuple(look), tuple(look_texts)
    objects = {thing: tuple(paths) for thing, paths in (products or {}).items()}
    rooms = {room: tuple(paths) for room, paths in (sets or {}).items()}
    for actor in clothes:
        if actor not in people:
            raise EnrolmentError(
                f"the wardrobe of {actor!r} was wanted without the actor: give --actor {actor}=PICTURES as well"
            )
    if not (people or graded or looks or texts or marks or objects or rooms):
        raise EnrolmentError(
            "nothing to enrol: give --actor NAME=PICTURES, --grade PICTURES, --look PICTURES, --logo NAME=ARTWORK, "
            "--product NAME=PICTURES or --set NAME=PICTURES"
        )
    for one in (name or target.resolve().name, *people, *marks, *objects, *rooms):
        if not _NAME.fullmatch(one):
            raise EnrolmentError(f"a name of letters, digits, '_', '-' and '.' was wanted, got {one!r}")
    if target.exists() and not replace_existing and (not target.is_dir() or any(target.iterdir())):
        raise EnrolmentError(f"{target} is already there: enrol into a new folder, or say --replace")
    if not target.resolve().parent.is_dir():
        raise EnrolmentError(f"the folder {target.resolve().parent} was wanted to hold the identity, it is not there")

    warnings: list[str] = []
    chosen = [_chosen("actor", actor, paths, warnings, colorspace) for actor, paths in sorted(people.items())]
    chosen += [_chosen("grade", "", graded, warnings, colorspace)] if graded else []
    chosen += [_chosen("look", "", looks, warnings, colorspace)] if looks else [("look", "", ())] if texts else []
    chosen += [("logo", mark, (logo_part.Artwork.open(path),)) for mark, path in sorted(marks.items())]
    chosen += [_chosen("wardrobe", actor, paths, warnings, colorspace) for actor, paths in sorted(clothes.items())]
    chosen += [_chosen("product", thing, paths, warnings, colorspace) for thing, paths in sorted(objects.items())]
    chosen += [_chosen("set", room, paths, warnings, colorspace) for room, paths in sorted(rooms.items())]
    identity = Identity(
        name=name or target.resolve().name,
        enrolled=tuple(
            Enrolled(
                kind=kind,
                name=who,
                references=tuple(_reference(i) for i in images),
                texts=texts if kind == "look" else (),
            )
            for kind, who, images in chosen
        ),
    )
    features = _features(identity, chosen, backends or _local(), warnings)
    identity = replace(identity, warnings=tuple(warnings), stored_features=features)
    pictures = {_hex(i): i for _, _, images in chosen for i in images}
    write(target, identity, pictures)
    return Identity.open(target)


def refresh(folder: str | os.PathLike[str], *, backends: Backends | None = None) -> Identity:
    """Computes the features of an enrolled identity anew, for the models that are there now, and keeps the others.

    Raises:
        EnrolmentError: as :func:`enrol`.
    """
    identity = _whole_or_references(folder)
    warnings: list[str] = []
    chosen = [
        (e.kind, e.name, tuple(_reopened(e.kind, identity.reference_file(r), r.colorspace) for r in e.references))
        for e in identity.enrolled
    ]
    fresh = _features(identity, chosen, backends or _local(), warnings)
    identity = replace(identity, warnings=tuple(warnings), stored_features={**identity.stored_features, **fresh})
    write(Path(folder), identity, {_hex(i): i for _, _, images in chosen for i in images})
    return Identity.open(folder)


def _whole_or_references(folder: str | os.PathLike[str]) -> Identity:
    """The identity, without its features where they are damaged: they are what is computed anew."""
    try:
        return Identity.open(folder)
    except EnrolmentError:
        return Identity.open(folder, features=False)


Chosen: TypeAlias = "tuple[str, str, tuple[Image | logo_part.Artwork, ...]]"


def _local() -> Backends:
    from continuity.backends import LocalBackends

    return LocalBackends()


def _reopened(kind: str, path: Path, colorspace: str) -> Image | logo_part.Artwork:
    return logo_part.Artwork.open(path) if kind == "logo" else _picture(path, colorspace or None)


def _reference(image: Image | logo_part.Artwork) -> Reference:
    told = image.told.get("colorspace", "") if isinstance(image, Image) else ""
    name = _hex(image)
    return Reference(path=f"references/{name}{image.suffix}", digest=name, source=_source(image), colorspace=told)


def _hex(image: Image | logo_part.Artwork) -> str:
    """The digest of the file, by which it is found changed when the identity is opened."""
    return (image.file_digest if isinstance(image, Image) else image.digest).split("-", 1)[-1]


def _source(image: Image | logo_part.Artwork) -> str:
    return image.path.name if image.path else image.digest


def _picture(path: str | os.PathLike[str], colorspace: str | None) -> Image:
    media = open_media(path, colorspace=colorspace)
    if not isinstance(media, Image):
        raise EnrolmentError(
            f"a picture was wanted as a reference, {os.fspath(path)!r} is a clip: export a frame of it"
        )
    return media


def _chosen(
    kind: str, name: str, paths: Sequence[str | os.PathLike[str]], warnings: list[str], colorspace: str | None
) -> Chosen:
    """The pictures of one aspect, each once, in order of digest so that the order of arguments does not matter."""
    what = f"{kind} {name}".strip()
    if not paths:
        raise EnrolmentError(f"{what}: at least one picture was wanted, got none")
    images: dict[str, Image] = {}
    for path in paths:
        image = _picture(path, colorspace)
        twin = images.setdefault(image.digest, image)
        if twin is not image:
            warnings.append(f"{what}: {_source(image)} is the same file as {_source(twin)} and counts once")
    return kind, name, tuple(images[d] for d in sorted(images))


def _features(identity: Identity, chosen: Sequence[Chosen], backends: Backends, warnings: list[str]) -> Features:
    """What the feature spaces make of the pictures; actors first, since the grade looks at their skin."""
    features: Features = {}
    pictures = [(kind, name, tuple(i for i in images if isinstance(i, Image))) for kind, name, images in chosen]
    people = [(name, images) for kind, name, images in pictures if kind == "actor"]
    for name, images in people:
        features.setdefault(backends.faces.space, {}).update(actor_part.features(name, images, backends, warnings))
    known = replace(identity, stored_features=features)
    for kind, name, images in pictures:
        if kind == "grade":
            seen = [ObservedFrame(i.pixels, index=0, seconds=None, identity=known, backends=backends) for i in images]
            features[grade_part.SPACE] = grade_part.features(seen, known.actors)
        if kind == "wardrobe":
            seen = [ObservedFrame(i.pixels, index=0, seconds=None, identity=known, backends=backends) for i in images]
            dressed = [(_source(i), one) for i, one in zip(images, seen, strict=True)]
            features.setdefault(wardrobe_part.SPACE, {}).update(wardrobe_part.features(name, dressed))
        if kind in ("product", "set"):
            seen = [ObservedFrame(i.pixels, index=0, seconds=None, identity=known, backends=backends) for i in images]
            of = scenery_part.product if kind == "product" else scenery_part.place
            local, rows = of(name, [(_source(i), one) for i, one in zip(images, seen, strict=True)], backends, warnings)
            features.setdefault(scenery_part.space(backends.keypoint_detector), {}).update(local)
            features.setdefault(backends.look.space, {})[f"{kind}/{name}"] = rows
        if kind == "look":
            made = look_part.features(images, identity.texts, backends, warnings)
            features.setdefault(backends.look.space, {}).update(made)
    marks = {name: art for _, name, arts in chosen for art in arts if isinstance(art, logo_part.Artwork)}
    if marks:
        features[logo_part.SPACE] = logo_part.features(marks)
    return features
