"""Features of a candidate as the bytes of one .npz, and back: what the models said of each frame, exactly."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from continuity.errors import FormatError
from continuity.interfaces import Floats, Pixels
from continuity.media.frames import SLOW
from continuity.observed import FrameFeatures
from continuity.records import Box, Face, Hand
from continuity.vision.colour import SIDE

FORMAT = 3  # 1 knew of no cuts, 2 of no frames that are held
LARGEST = 2**28  # bytes unpacked: a clip of ten minutes, looked at twice a second, has as many
LONGEST = 2**16  # numbers of an embedding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """What models said of the sampled frames of one candidate.

    Attributes:
        media: digest of the media they were taken of.
        instruments: digests of the instruments that looked at the frames then: no other may read them.
        frame_count: frames of the source, ``missing``: those of its numbers that were not there.
        notes: what was assumed of the source.
        cuts: numbers of the frames that a new shot begins with.
        frames: the features of each sampled frame, in order of time.
    """

    media: str
    instruments: frozenset[str]
    frame_count: int
    missing: int
    notes: tuple[str, ...]
    frames: tuple[FrameFeatures, ...]
    cuts: tuple[int, ...] = ()


def packed(features: Features) -> bytes:
    """The features as a compressed .npz: ``json`` with all that is short, one row of ``embeddings`` and of ``looks``
    for each frame that has some, and ``reduced`` pictures.

    Raises:
        ValueError, TypeError: a number is not finite or none, rows differ in length, or all of it is too large.
    """
    text = {
        "format": FORMAT,
        "media": features.media,
        "instruments": sorted(features.instruments),
        "frame_count": features.frame_count,
        "missing": features.missing,
        "notes": list(features.notes),
        "cuts": list(features.cuts),
        "frames": [_frame_to_json(one) for one in features.frames],
    }
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "json": np.frombuffer(json.dumps(text, allow_nan=False).encode(), dtype=np.uint8)
    }
    for number, one in enumerate(features.frames):
        if one.embeddings:
            arrays[f"embeddings_{number}"] = np.stack(list(one.embeddings.values())).astype(np.float32)
        if one.look is not None:
            arrays[f"look_{number}"] = np.asarray(one.look, dtype=np.float32)
        if one.reduced is not None:
            arrays[f"reduced_{number}"] = one.reduced
    if sum(array.nbytes for array in arrays.values()) > LARGEST:
        raise ValueError(f"they have more than {LARGEST >> 20} MiB")
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def unpacked(content: bytes) -> Features:
    """What :func:`packed` made the bytes of. Nothing in them is run, and nothing larger than it may be is unpacked.

    Raises:
        FormatError: they are something else, damaged, or of a newer format.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
                raise ValueError(f"it unpacks to more than {LARGEST >> 20} MiB")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            text = json.loads(_array(arrays["json"], np.uint8, 1).tobytes(), parse_constant=_refuse)
            if text["format"] not in (1, 2, FORMAT):
                raise ValueError(f"format {FORMAT} was wanted, got {text['format']!r}")
            if text["format"] < FORMAT and not _even(text["frames"]):
                raise ValueError(f"format {text['format']} counts frames alike that do not stand equally long")
            return Features(
                media=str(text["media"]),
                instruments=frozenset(map(str, text["instruments"])),
                frame_count=_count(text["frame_count"], least=1),
                missing=_count(text["missing"]),
                notes=tuple(map(str, text["notes"])),
                frames=tuple(_frame(row, arrays, number) for number, row in enumerate(_some(text["frames"]))),
                # Nobody looked for cuts under format 1, and its instruments say so: no gate that does reads it.
                cuts=_ascending(text["cuts"]) if text["format"] > 1 else (),
            )
    except (
        Exception
    ) as cause:  # a damaged archive raises whatever comes up: zlib.error, KeyError, EOFError, MemoryError
        raise FormatError(f"no stored features ({type(cause).__name__}: {cause})") from None


def _even(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether frames come at an even rate of two a second or more: only so they count as they did before format 3."""
    known = [(row["index"], row["seconds"]) for row in rows if row["seconds"]]
    spans = [seconds / index for index, seconds in known if index]
    return not spans or (max(spans) <= 1.1 * min(spans) and max(spans) <= 1 / SLOW)


def _frame_to_json(one: FrameFeatures) -> dict[str, Any]:
    faces, hands = one.faces, one.hands
    return {
        "index": int(one.index),
        "seconds": None if one.seconds is None else float(one.seconds),
        "held": [float(at) for at in one.held],
        "size": [int(side) for side in one.size],
        "faces": None if faces is None else [_face_to_json(face) for face in faces],
        "embedded": list(one.embeddings),
        "skins": [[n, None if skin is None else [float(v) for v in skin]] for n, skin in one.skins.items()],
        "presences": [[n, float(value)] for n, value in one.presences.items()],
        "people": None if one.people is None else float(one.people),
        "wrists": None if one.wrists is None else float(one.wrists),
        "hands": None if hands is None else [_hand_to_json(hand) for hand in hands],
        "malformed": [[n, float(value)] for n, value in one.malformed.items()],
        "look": one.look is not None,
        "reduced": one.reduced is not None,
    }


def _face_to_json(face: Face) -> dict[str, Any]:
    box = (face.box.left, face.box.top, face.box.right, face.box.bottom)
    return {"box": [float(v) for v in box], "score": float(face.score), "points": _points_to_json(face.points)}


def _hand_to_json(hand: Hand) -> dict[str, Any]:
    return {
        "points": _points_to_json(hand.points),
        "depths": [float(v) for v in hand.depths],
        "side": hand.side,
        "score": float(hand.score),
    }


def _points_to_json(points: Iterable[tuple[float, float]]) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in points]


def _frame(row: Mapping[str, Any], arrays: Mapping[str, Any], number: int) -> FrameFeatures:
    faces = None if row["faces"] is None else tuple(map(_face, row["faces"]))
    hands = None if row["hands"] is None else tuple(map(_hand, row["hands"]))
    embedded = [_number_of(n, faces) for n in row["embedded"]]
    rows = _array(arrays[f"embeddings_{number}"], np.float32, 2) if embedded else np.zeros((0, 1), np.float32)
    skins = {_number_of(n, faces): None if skin is None else _skin(skin) for n, skin in row["skins"]}
    height, width = row["size"]
    return FrameFeatures(
        index=_count(row["index"]),
        seconds=None if row["seconds"] is None else _real(row["seconds"]),
        held=tuple(map(_real, row.get("held", ()))),
        size=(_count(height, least=1), _count(width, least=1)),
        faces=faces,
        embeddings=dict(zip(embedded, rows, strict=True)),
        skins=skins,
        # What was stored without them was measured by other instruments of the face, which no gate reads now.
        presences={_number_of(n, faces): _real(value) for n, value in row.get("presences", ())},
        people=None if row["people"] is None else _real(row["people"]),
        wrists=None if row["wrists"] is None else _real(row["wrists"]),
        look=_array(arrays[f"look_{number}"], np.float32, 1) if row["look"] else None,
        hands=hands,
        malformed={_number_of(n, hands): _real(value) for n, value in row["malformed"]},
        reduced=_picture(arrays[f"reduced_{number}"]) if row["reduced"] else None,
    )


def _face(row: Mapping[str, Any]) -> Face:
    left, top, right, bottom = map(_real, row["box"])
    return Face(box=Box(left, top, right, bottom), score=_real(row["score"]), points=_points(row["points"]))


def _hand(row: Mapping[str, Any]) -> Hand:
    points, depths = _points(row["points"]), tuple(map(_real, row["depths"]))
    return Hand(points=points, depths=depths, side=str(row["side"]), score=_real(row["score"]))


def _points(rows: Iterable[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((_real(x), _real(y)) for x, y in rows)


def _skin(row: Sequence[float]) -> Floats:
    light, a, b = map(_real, row)
    return np.array([light, a, b], dtype=np.float32)


def _picture(array: Any) -> Pixels:
    found = _array(array, np.uint8, 3)
    if found.shape[2] != 3 or max(found.shape) > SIDE:
        raise ValueError(f"a picture of at most {SIDE} px was wanted, got shape {found.shape}")
    pixels: Pixels = found
    return pixels


def _array(array: Any, dtype: type[np.generic], dimensions: int) -> Any:
    """The array, if it is of this type and so many dimensions, holds something, and all of it is finite."""
    if array.dtype != dtype or array.ndim != dimensions or not array.size:
        raise ValueError(f"{dtype.__name__} in {dimensions} dimensions was wanted, got {array.dtype} {array.shape}")
    if dtype is np.float32 and (array.shape[-1] > LONGEST or not np.isfinite(array).all()):
        raise ValueError("finite numbers were wanted")
    return array


def _some(rows: Sequence[Any]) -> Sequence[Any]:
    if not rows:
        raise ValueError("at least one frame was wanted")
    return rows


def _number_of(number: Any, among: Sequence[object] | None) -> int:
    if _count(number) >= len(among or ()):
        raise ValueError(f"one of {len(among or ())} was wanted, got number {number}")
    return int(number)


def _ascending(numbers: Sequence[Any]) -> tuple[int, ...]:
    found = tuple(map(_count, numbers))
    if list(found) != sorted(set(found)):
        raise ValueError(f"numbers of frames in order were wanted, got {numbers}")
    return found


def _count(number: Any, least: int = 0) -> int:
    if type(number) is not int or number < least:
        raise ValueError(f"a whole number from {least} up was wanted, got {number!r}")
    return number


def _real(number: Any) -> float:
    if type(number) not in (int, float) or not math.isfinite(number):
        raise ValueError(f"a finite number was wanted, got {number!r}")
    return float(number)


def _refuse(word: str) -> float:
    raise ValueError(f"a finite number was wanted, got {word}")
