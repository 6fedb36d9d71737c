"""Footage to make candidates from: read, reduced and looked through for faces once, before the first candidate."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from continuity.errors import UsageError
from continuity.generators.simulator.faults import Scene
from continuity.interfaces import Pixels
from continuity.media import Clip, Image, Media, Sampling, open_media
from continuity.records import Box, Face

Source: TypeAlias = "Media | Pixels | str | os.PathLike[str]"
Edges: TypeAlias = "Box | Sequence[float]"  # left, top, right, bottom in pixels
FaceFinder: TypeAlias = "Callable[[Pixels], Box | Face | Sequence[Face] | None]"

SMALLEST_FACE = 16  # pixels of a candidate: below, a face is too few pixels to have proportions
MOST_PIXELS = 400_000_000  # of a source once reduced: it is held in memory, three bytes each


@dataclass(frozen=True, slots=True)
class Footage:
    """One source, ready to be changed."""

    scenes: tuple[Scene, ...]
    rate: Fraction | None  # of a clip, frames a second
    source: str  # digest of the medium
    digest: str  # over what candidates are made from


def sources_of(source: Source | Sequence[Source]) -> list[Source]:
    """One source or several as a list."""
    several = list(source) if isinstance(source, list | tuple) else [source]
    if not several:
        raise UsageError("a simulator needs at least one picture or clip to start from, got an empty list")
    return several  # type: ignore[return-value]  # each is checked where it is read


def footage(source: Source, size: int, face: Edges | FaceFinder | None, mark: Mark | None) -> Footage:
    """Reads a source and reduces it to ``size`` pixels on its longer side; smaller ones keep their size.

    Raises:
        MediaError: it cannot be read.
        UsageError: it is no picture or clip, too long to be held in memory, or the face is not in it.
    """
    media = _media(source)
    frames = media.frames(Sampling(at_least=media.frame_count))
    digest = hashlib.blake2b(digest_size=16)
    scenes: list[Scene] = []
    box: Box | None = None
    for frame in frames:
        box = _face(frame.pixels, face, before=box)
        scene = _scene(frame.pixels, size, box, mark)
        digest.update(repr((scene.pixels.shape, scene.face, scene.corner)).encode() + scene.pixels.tobytes())
        digest.update(b"" if scene.mark is None else scene.mark.tobytes())
        scenes.append(scene)
        if scene.pixels[..., 0].size * media.frame_count > MOST_PIXELS:
            raise UsageError(
                f"a clip of {media.frame_count} frames is too long to simulate from at {size} px: "
                "cut it, or make candidates smaller"
            )
    rate = media.rate if isinstance(media, Clip) else None
    return Footage(tuple(scenes), rate, media.digest, digest.hexdigest())


@dataclass(frozen=True, slots=True)
class Mark:
    """A logo and where it sits in the source, in pixels."""

    pixels: Pixels  # H x W x 4
    box: Box


def mark_of(pixels: Any, at: Edges | None) -> Mark | None:
    """The mark to composite into every frame, checked.

    Raises:
        UsageError: not H x W x 4 uint8, wholly transparent, or without a place.
    """
    if pixels is None and at is None:
        return None
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 4:
        got = f"{pixels.dtype} of shape {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise UsageError(f"a mark is an H x W x 4 uint8 array (RGB and alpha), got {got}")
    if not pixels.size or not pixels[..., 3].any():
        raise UsageError("a mark has to show something, got one that is empty or wholly transparent")
    if at is None:
        raise UsageError("a mark needs its place: give mark_at=(left, top, right, bottom) in pixels of the source")
    return Mark(np.array(pixels), _box(at, "mark_at"))


def _media(source: object) -> Media:
    if isinstance(source, Image | Clip):
        return source
    if isinstance(source, str | os.PathLike):
        return open_media(source)
    if isinstance(source, np.ndarray):
        return Image.from_array(source)
    raise UsageError(f"a simulator starts from paths, media or H x W x 3 uint8 arrays, got {type(source).__name__}")


def _scene(pixels: Pixels, size: int, box: Box | None, mark: Mark | None) -> Scene:
    """A frame reduced to ``size`` pixels, with the face in ``box`` and the mark where they are then."""
    from PIL import Image as Pillow

    height, width = pixels.shape[:2]
    scale = min(1.0, size / max(width, height))
    to = (max(1, round(width * scale)), max(1, round(height * scale)))
    if scale < 1:
        picture = Pillow.fromarray(pixels).resize(to, Pillow.Resampling.LANCZOS, reducing_gap=3.0)
        pixels = np.asarray(picture)
    scene = Scene(pixels)
    if box is not None:
        box = _inside(box, width, height, "face")
        box = Box(*(edge * to[k % 2] / (width, height)[k % 2] for k, edge in enumerate(_edges(box))))
        if min(box.width, box.height) < SMALLEST_FACE:
            raise UsageError(
                f"the face is {box.width:.0f} x {box.height:.0f} px in a candidate of {to[0]} x {to[1]}: "
                f"at least {SMALLEST_FACE} px are needed; make candidates larger, or leave the face out"
            )
        scene = replace(scene, face=box)
    if mark is not None:
        place = _inside(mark.box, width, height, "mark")
        wide, high = (max(4, round(side * scale)) for side in (place.width, place.height))
        small = Pillow.fromarray(mark.pixels).resize((wide, high), Pillow.Resampling.LANCZOS)
        corner = (round(place.left * scale), round(place.top * scale))
        scene = replace(scene, mark=np.asarray(small), corner=corner)
    return scene


def _face(pixels: Pixels, face: Edges | FaceFinder | None, before: Box | None) -> Box | None:
    if face is None or isinstance(face, Box):
        return face
    if not callable(face):
        return _box(face, "face")
    found = face(pixels)
    if isinstance(found, Sequence):
        found = found[0] if found else None
    if isinstance(found, Face):
        found = found.box
    if found is None:
        found = before  # one frame in which the detector fails: the face is about where it was
    if found is None:
        raise UsageError(
            "no face was found in the source: give face=(left, top, right, bottom) in pixels, or leave it out"
        )
    if not isinstance(found, Box):
        raise UsageError(f"face= has to give a Box, a Face, several faces or None, got {type(found).__name__}")
    return found


def _box(edges: Edges, what: str) -> Box:
    if isinstance(edges, Box):
        return edges
    try:
        left, top, right, bottom = (float(edge) for edge in edges)
    except (TypeError, ValueError) as cause:
        raise UsageError(
            f"{what} is a box (left, top, right, bottom) in pixels of the source, got {edges!r}"
        ) from cause
    return Box(left, top, right, bottom)


def _inside(box: Box, width: int, height: int, what: str) -> Box:
    """The box, if it has an area and its middle is in the picture; detectors let boxes reach over the edge."""
    x, y = box.centre
    if not (box.width > 0 and box.height > 0 and 0 <= x < width and 0 <= y < height):
        edges = tuple(round(edge, 1) for edge in _edges(box))
        raise UsageError(
            f"the {what} box (left, top, right, bottom) {edges} is not in the picture of {width} x {height} px"
        )
    return box


def _edges(box: Box) -> Iterator[float]:
    yield from (box.left, box.top, box.right, box.bottom)
