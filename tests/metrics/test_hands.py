"""Hand defects: drawn hands hold the version, photographs pass, made sixth fingers do not."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageDraw, ImageFilter

import continuity as ct
from continuity.backends import hands as model
from continuity.backends import people
from continuity.errors import UsageError
from continuity.interfaces import Backends, Metric, Observed
from continuity.metrics.hands import SUSPECT, HandDefects
from continuity.records import Box, Expect, Face, FrameMeasurement, Hand, Outline, Skeleton, Status
from continuity.testing import FakeBackends, FakeObserved, MetricContract

_path = Path(__file__).parents[1] / "vision" / "test_hands.py"
_spec = importlib.util.spec_from_file_location("drawn_hands", _path)
assert _spec is not None
assert _spec.loader is not None
drawn = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(drawn)


@dataclass
class Seen(FakeObserved):
    wrists: float = 0.0


def observed(sixth: float = 0.0) -> Seen:
    hand = drawn.drawn_hand()
    return Seen(drawn.picture_of(hand, sixth), hands=(hand,))


def measured(pixels: np.ndarray) -> FrameMeasurement:
    found = model.find(pixels)
    faces = ct.LocalBackends().faces.detect(pixels)
    seen = Seen(pixels, hands=found, faces=faces, wrists=0.0 if found else people.wrists(pixels))
    return HandDefects().frame(seen, ct.Identity(name="nobody", enrolled=()))


def photographs(folder: Path, step: int, scale: int = 1) -> list[np.ndarray]:
    pictures = [Pil.open(p).convert("RGB") for p in sorted(folder.iterdir())[::step]]
    return [np.asarray(p.resize((p.width * scale, p.height * scale), Pil.Resampling.BICUBIC)) for p in pictures]


class TestHandDefects(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return HandDefects()

    @pytest.fixture
    def backends(self) -> Backends:  # type: ignore[override]
        return FakeBackends()

    @pytest.fixture
    def identity(self, nobody: ct.Identity) -> ct.Identity:
        return nobody

    @pytest.fixture
    def noise_floor(self) -> float:
        return 0.15

    @pytest.fixture
    def original(self) -> Observed:
        return observed()

    @pytest.fixture
    def degraded(self) -> Sequence[Observed]:
        return [observed(length) for length in (0.6, 0.8, 1.0)]


def test_golden_values_hold_the_version(nobody: ct.Identity) -> None:
    """When one of these moves, raise VERSION in metrics/hands.py and make the shipped limit anew."""
    values = [HandDefects().frame(observed(length), nobody).value for length in (0.0, 0.6, 0.8, 1.0)]
    assert values == pytest.approx(GOLDEN, abs=0.02)


GOLDEN = (0.0, 0.59, 0.7703, 0.9507)


def test_expectations(nobody: ct.Identity) -> None:
    assert HandDefects().expect is Expect.IF_PRESENT
    assert HandDefects(expect="required").expect is Expect.REQUIRED  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="if_present"):
        HandDefects(expect="maybe")  # type: ignore[arg-type]


def test_a_sixth_finger_is_said_and_drawn(nobody: ct.Identity) -> None:
    found = HandDefects().frame(observed(1.0), nobody)
    assert found.value is not None
    assert found.value >= SUSPECT
    assert "left over" in found.note
    skeleton, outline = found.shapes
    assert isinstance(skeleton, Skeleton)
    assert len(skeleton.points) == 21
    assert isinstance(outline, Outline)


def test_small_and_cut_off_hands_are_not_measurable(nobody: ct.Identity) -> None:
    hand = drawn.drawn_hand()
    small = replace(hand, points=tuple((x / 4, y / 4) for x, y in hand.points))
    found = HandDefects().frame(Seen(drawn.picture_of(hand)[::4, ::4].copy(), hands=(small,)), nobody)
    assert found.status is Status.NOT_MEASURABLE
    assert "64 px" in found.note
    moved = replace(hand, points=tuple((x - 170, y) for x, y in hand.points))
    found = HandDefects().frame(Seen(drawn.picture_of(hand), hands=(moved,)), nobody)
    assert found.status is Status.NOT_MEASURABLE
    assert "cut off" in found.note
    both = HandDefects().frame(Seen(observed(1.0).pixels, hands=(hand, small)), nobody)
    assert both.status is Status.MEASURED  # one suspect hand is enough to fail
    mixed = HandDefects().frame(Seen(observed().pixels, hands=(hand, small)), nobody)
    assert mixed.status is Status.NOT_MEASURABLE


def test_a_third_hand_for_one_face_is_suspect(nobody: ct.Identity) -> None:
    hand = drawn.drawn_hand()
    tile = drawn.picture_of(hand)
    row: tuple[Hand, ...] = tuple(
        replace(hand, points=tuple((x + 320 * n, y) for x, y in hand.points)) for n in range(3)
    )
    pixels, face = np.concatenate([tile] * 3, axis=1), Face(box=Box(0, 0, 90, 90), score=1.0)
    found = HandDefects().frame(Seen(pixels, hands=row, faces=(face,)), nobody)
    assert found.value == pytest.approx(0.6)
    assert "3 hands for 1 face" in found.note
    for hands, faces in ((row[:2], (face,)), (row, (face, face)), (row, ())):
        value = HandDefects().frame(Seen(pixels, hands=hands, faces=faces), nobody).value
        assert value is not None
        assert value < SUSPECT


def test_absent_is_said_only_where_no_wrist_is(nobody: ct.Identity, astronaut: np.ndarray) -> None:
    from skimage import data

    assert measured(np.ascontiguousarray(data.coffee())).status is Status.ABSENT
    head = measured(np.ascontiguousarray(astronaut[:230, 100:340]))
    assert head.status is Status.ABSENT
    gloves = measured(astronaut)  # arms in the frame, hands behind the helmet
    assert gloves.status is Status.NOT_MEASURABLE
    assert "wrist" in gloves.note
    unclear = HandDefects().frame(Seen(np.zeros((300, 300, 3), np.uint8), wrists=0.2), nobody)
    assert unclear.status is Status.NOT_MEASURABLE
    crowd = tuple(Face(box=Box(90 * n, 0, 90 * n + 80, 80), score=1.0) for n in range(3))
    found = HandDefects().frame(Seen(np.zeros((300, 300, 3), np.uint8), faces=crowd), nobody)
    assert found.status is Status.NOT_MEASURABLE


def test_normal_hands_are_not_failed(footage: Path) -> None:
    pictures = [p for k in "12345" for p in photographs(footage / f"hands/epsrc_fingers/{k}", 6)]
    pictures += [p for k in range(10) for p in photographs(footage / f"hands/sign_digits/{k}", 40, scale=3)]
    found = [measured(p) for p in pictures]
    values = [f.value for f in found if f.value is not None]
    assert len(values) >= 0.6 * len(found)
    assert np.mean(np.array(values) >= SUSPECT) <= 0.03


def test_open_hands_pass_and_with_a_sixth_finger_most_do_not(footage: Path) -> None:
    pictures = photographs(footage / "hands/sign_digits/5", 16, scale=3)
    before = [measured(p) for p in pictures]
    assert all(f.status is Status.MEASURED and f.value is not None and f.value < SUSPECT for f in before)
    after = [measured(sixth(p, model.find(p)[0])) for p in pictures]
    passed = [f.value is not None and f.value < SUSPECT for f in after]
    suspect = [f.value is not None and f.value >= SUSPECT for f in after]
    assert np.mean(passed) <= 0.15
    assert np.mean(suspect) >= 0.7


def sixth(pixels: np.ndarray, hand: Hand) -> np.ndarray:
    """The picture with the ring finger copied beyond the little finger."""
    points = np.array(hand.points)
    start, ring, little = points[13], points[16] - points[13], points[20] - points[17]
    root = points[17] + 0.25 * (points[0] - points[17]) + 0.35 * (points[17] - points[13])
    turns = [np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]]) for a in (0.7, -0.7)]
    way = max((turn @ little for turn in turns), key=lambda v: float(v @ (points[17] - points[5])))
    way, along = way / np.linalg.norm(way), ring / np.linalg.norm(ring)
    cos, sin = float(along @ way), float(along[0] * way[1] - along[1] * way[0])
    back = np.array([[cos, sin], [-sin, cos]])
    shift = start - back @ root
    picture = Pil.fromarray(pixels)
    affine = (cos, sin, float(shift[0]), -sin, cos, float(shift[1]))
    moved = picture.transform(picture.size, Pil.Transform.AFFINE, affine, Pil.Resampling.BILINEAR)
    mask = Pil.new("L", picture.size)
    width = 0.13 * float(np.linalg.norm(points[9] - points[0]))
    tip = root + way * (float(np.linalg.norm(ring)) + 0.45 * width)
    draw = ImageDraw.Draw(mask)
    draw.line([*map(float, root), *map(float, tip)], fill=255, width=round(2 * width))
    for x, y in (root, tip):
        draw.ellipse([x - width, y - width, x + width, y + width], fill=255)
    return np.asarray(Pil.composite(moved, picture, mask.filter(ImageFilter.GaussianBlur(1))))
