"""Features as bytes: exactly what was put in comes out, and of anything else a sentence."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import continuity as ct
from continuity.errors import FormatError
from continuity.ledger import Features
from continuity.ledger.packing import packed, unpacked
from continuity.observed import FrameFeatures
from continuity.records import Box, Face, Hand

FACE = Face(box=Box(0.1, 1 / 3, 40.7, 50.0), score=0.987654321, points=((1.5, 2.25), (1 / 7, 9.0)))
OTHER = Face(box=Box(60.0, 1.0, 90.0, 30.0), score=0.5)
HAND = Hand(points=((1.0, 2.0), (3.0, 1 / 3)), depths=(0.0, -1 / 9), side="Left", score=0.75)
RNG = np.random.default_rng(0)


def full() -> Features:
    seen = FrameFeatures(
        index=3,
        seconds=0.1,
        size=(720, 1280),
        faces=(FACE, OTHER),
        embeddings={1: RNG.normal(size=128).astype(np.float32)},
        skins={0: np.array([61.25, 14.1, 17.3], np.float32), 1: None},
        people=0.9,
        wrists=1 / 3,
        look=RNG.normal(size=576).astype(np.float32),
        hands=(HAND,),
        presences={0: 17.25, 1: -3.5},
        malformed={0: 0.123456789},
        reduced=RNG.integers(0, 256, (144, 256, 3), dtype=np.uint8),
    )
    unasked = FrameFeatures(index=9, seconds=None, size=(8, 8), held=(0.1, 0.7))
    nobody = FrameFeatures(index=12, seconds=0.4, size=(8, 8), faces=(), hands=())
    return Features(
        media="b2-00",
        instruments=frozenset({"a" * 16, "b" * 16}),
        frame_count=40,
        missing=2,
        notes=("untagged colour",),
        frames=(seen, unasked, nobody),
        cuts=(5, 11),
    )


def rewritten(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> bytes:
    """The bytes of ``full`` with the text and the arrays changed."""
    with np.load(io.BytesIO(packed(full()))) as found:
        arrays = dict(found)
    text = json.loads(arrays.pop("json").tobytes())
    change(text, arrays)
    stream = io.BytesIO()
    np.savez(stream, json=np.frombuffer(json.dumps(text).encode(), np.uint8), **arrays)
    return stream.getvalue()


def test_what_was_put_in_comes_out_to_the_last_bit() -> None:
    before = full()
    after = unpacked(packed(before))
    assert (after.media, after.instruments, after.notes) == (before.media, before.instruments, before.notes)
    assert (after.frame_count, after.missing, len(after.frames), after.cuts) == (40, 2, 3, (5, 11))
    for one, other in zip(before.frames, after.frames, strict=True):
        plain = ("index", "seconds", "held", "size", "faces", "presences", "people", "wrists", "hands", "malformed")
        for name in plain:
            assert getattr(one, name) == getattr(other, name), name
        for mine, its in ((one.embeddings, other.embeddings), (one.skins, other.skins)):
            assert list(mine) == list(its)
            assert all(np.array_equal(mine[n], its[n]) if mine[n] is not None else its[n] is None for n in mine)
        for mine, its in ((one.look, other.look), (one.reduced, other.reduced)):
            assert (mine is None and its is None) or (np.array_equal(mine, its) and mine.dtype == its.dtype)


def test_format_1_knew_of_no_cuts() -> None:
    after = unpacked(rewritten(lambda text, _: text.update(format=1) or text.pop("cuts")))
    assert after.cuts == ()
    assert len(after.frames) == 3


def test_what_was_stored_before_presences_were_kept_is_read_without() -> None:
    after = unpacked(rewritten(lambda text, _: [frame.pop("presences") for frame in text["frames"]]))
    assert [frame.presences for frame in after.frames] == [{}] * 3
    assert after.frames[0].malformed == unpacked(packed(full())).frames[0].malformed


@pytest.mark.parametrize("cuts", [[11, 5], [5, 5], [-1], ["5"], [2.5], None])
def test_cuts_that_are_none(cuts: Any) -> None:
    with pytest.raises(FormatError):
        unpacked(rewritten(lambda text, _: text.update(cuts=cuts)))


def test_numbers_of_a_model_may_be_array_scalars() -> None:
    box = Box(*np.array([0.1, 0.2, 9.7, 9.9], np.float32))
    seen = FrameFeatures(index=0, seconds=None, size=(9, 9), faces=(Face(box=box, score=np.float32(0.3)),))
    before = Features(media="m", instruments=frozenset(), frame_count=1, missing=0, notes=(), frames=(seen,))
    assert unpacked(packed(before)).frames[0].faces == seen.faces


def test_a_file_that_was_cut_or_flipped_is_refused_or_whole() -> None:
    content = packed(full())
    for length in range(0, len(content), 997):
        with pytest.raises(ct.FormatError):
            unpacked(content[:length])
    dice = random.Random(0)
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(dice.randint(1, 4)):
            changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        try:
            unpacked(bytes(changed))
        except ct.FormatError as cause:
            assert len(str(cause)) < 500


def change_frame(**changes: object) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda text, arrays: text["frames"][0].update(changes)


def change_array(name: str, array: object) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda text, arrays: arrays.update({name: array})


@pytest.mark.parametrize(
    "change",
    [
        lambda text, arrays: text.update(format=4),
        lambda text, arrays: text.update(frames=[]),
        lambda text, arrays: text.update(frame_count=0),
        lambda text, arrays: text.update(missing=-1),
        lambda text, arrays: text.pop("media"),
        lambda text, arrays: text.update(frames=[None]),
        lambda text, arrays: arrays.pop("look_0"),
        change_frame(people=float("nan")),
        change_frame(people="0.5"),
        change_frame(people=1e999),
        change_frame(size=[0, 5]),
        change_frame(size=[5]),
        change_frame(index=1.5),
        change_frame(faces=None),  # and yet one of them is embedded
        change_frame(embedded=[2]),
        change_frame(embedded=[-1]),
        change_frame(embedded=[0, 1]),  # two, but one row
        change_frame(skins=[[0, [1.0, 2.0]]]),
        change_frame(malformed=[[1, 0.5]]),
        change_frame(presences=[[7, 0.5]]),
        change_frame(presences=[[0, "much"]]),
        change_array("embeddings_0", np.zeros((1, 128), np.float64)),
        change_array("embeddings_0", np.full((1, 128), np.nan, np.float32)),
        change_array("embeddings_0", np.zeros((1, 0), np.float32)),
        change_array("look_0", np.zeros((2, 4), np.float32)),
        change_array("look_0", np.array([{}, {}], dtype=object)),  # a pickle
        change_array("reduced_0", np.zeros((20, 20), np.uint8)),
        change_array("reduced_0", np.zeros((20, 20, 4), np.uint8)),
        change_array("reduced_0", np.zeros((2000, 20, 3), np.uint8)),
    ],
)
def test_what_cannot_be_is_refused(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    unpacked(rewritten(lambda text, arrays: None))
    with pytest.raises(ct.FormatError, match="no stored features"):
        unpacked(rewritten(change))


def test_nothing_is_unpickled_and_nothing_huge_is_unpacked() -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("it was unpickled",))

    trapped = rewritten(change_array("look_0", np.array([Trap()], dtype=object)))
    with pytest.raises(ct.FormatError):
        unpacked(trapped)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("json.npy", b"\0" * (2**28 + 1))
    with pytest.raises(ct.FormatError, match="MiB"):
        unpacked(stream.getvalue())
    for content in (b"", b"PK", b"\x80\x04.", packed(full())[::-1]):
        with pytest.raises(ct.FormatError):
            unpacked(content)


def test_frames_that_do_not_stand_equally_long_are_not_read_from_before_they_counted_so() -> None:
    times = {9: 0.5, 12: 4.0}

    def older(text: dict[str, Any], _: dict[str, Any]) -> None:
        text.update(format=2)
        for row in text["frames"]:
            row["seconds"] = times.get(row["index"], 0.0)

    with pytest.raises(FormatError, match="do not stand equally long"):
        unpacked(rewritten(older))
    times[12] = 12 * 0.5 / 9
    assert len(unpacked(rewritten(older)).frames) == 3
