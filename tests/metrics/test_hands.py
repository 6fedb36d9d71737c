"""Hand defects: drawn hands hold the version, photographs pass, doubt is no pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import drawn_hands as drawn
import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.backends import hand_shape
from continuity.backends import hands as model
from continuity.errors import UsageError
from continuity.interfaces import Backends, Metric, Observed
from continuity.metrics.hands import MALFORMED, SUSPECT, HandDefects, suspicion
from continuity.observed import ObservedFrame
from continuity.records import Box, Expect, Face, FrameMeasurement, Hand, Skeleton, Status
from continuity.testing import FakeBackends, FakeObserved, MetricContract
from continuity.vision.hands import CLEAR


@dataclass
class Seen(FakeObserved):
    """One frame of which a model says this."""

    shape: float = 0.0

    def malformed(self, hand: Hand) -> float:
        return self.shape


def observed(shape: float = 0.0) -> Seen:
    hand = drawn.drawn_hand()
    return Seen(drawn.picture_of(hand), hands=(hand,), shape=shape)


def measured(pixels: np.ndarray, backends: ct.LocalBackends) -> FrameMeasurement:
    nobody = ct.Identity(name="nobody", enrolled=())
    seen = ObservedFrame(pixels, index=0, seconds=None, identity=nobody, backends=backends)
    return HandDefects().frame(seen, nobody)


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
        return [observed(shape) for shape in (MALFORMED, 0.99, 1.0)]


def test_golden_values_hold_the_version(nobody: ct.Identity) -> None:
    """When one of these moves, raise VERSION in metrics/hands.py and make the shipped limit anew."""
    seen = [observed(0.0), observed(CLEAR - 0.01), observed(MALFORMED), observed(1.0)]
    values = [HandDefects().frame(s, nobody).value for s in seen]
    assert values == pytest.approx(GOLDEN, abs=0.005)
    (probability,) = (hand_shape.malformed(s.pixels, s.hands[0]) for s in seen[:1])
    assert probability == pytest.approx(DRAWN, abs=0.02)


GOLDEN = (0.0, 0.0985, 0.4, 1.0)
DRAWN = 0.066


def test_expectations(nobody: ct.Identity) -> None:
    assert HandDefects().expect is Expect.IF_PRESENT
    assert HandDefects(expect="required").expect is Expect.REQUIRED  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="if_present"):
        HandDefects(expect="maybe")  # type: ignore[arg-type]


def test_a_malformed_hand_is_said_and_drawn(nobody: ct.Identity) -> None:
    found = HandDefects().frame(observed(0.99), nobody)
    assert found.value is not None
    assert found.value >= SUSPECT
    assert "shape" in found.note
    (skeleton,) = found.shapes
    assert isinstance(skeleton, Skeleton)
    assert len(skeleton.points) == 21


def test_points_that_are_none_of_a_hand_convict_nobody(nobody: ct.Identity) -> None:
    stretched = drawn.changed(drawn.drawn_hand(), {12: (130.0, -50.0)})
    found = HandDefects().frame(replace(observed(), hands=(stretched,)), nobody)
    assert found.status is Status.NOT_MEASURABLE
    assert "middle too long" in found.note


def test_doubt_is_not_measurable_and_suspicion_rises(nobody: ct.Identity) -> None:
    for shape in (CLEAR, (CLEAR + MALFORMED) / 2, MALFORMED - 1e-6):
        found = HandDefects().frame(observed(shape), nobody)
        assert found.status is Status.NOT_MEASURABLE
        assert "not clear" in found.note
    values = [suspicion(p) for p in np.linspace(0, 1, 201)]
    assert values == sorted(values)
    assert values[0] == 0
    assert values[-1] == 1
    assert suspicion(MALFORMED - 1e-9) < SUSPECT <= suspicion(MALFORMED)


def test_small_and_cut_off_hands_are_not_measurable(nobody: ct.Identity) -> None:
    hand = drawn.drawn_hand()
    small = replace(hand, points=tuple((x / 6, y / 6) for x, y in hand.points))
    found = HandDefects().frame(Seen(drawn.picture_of(hand)[::6, ::6].copy(), hands=(small,)), nobody)
    assert found.status is Status.NOT_MEASURABLE
    assert "48 px" in found.note
    moved = replace(hand, points=tuple((x - 170, y) for x, y in hand.points))
    found = HandDefects().frame(Seen(drawn.picture_of(hand), hands=(moved,)), nobody)
    assert found.status is Status.NOT_MEASURABLE
    assert "cut off" in found.note
    both = HandDefects().frame(Seen(observed().pixels, hands=(hand, small), shape=1.0), nobody)
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


def test_absent_is_said_only_where_no_wrist_is(
    nobody: ct.Identity, astronaut: np.ndarray, backends: ct.LocalBackends
) -> None:
    from skimage import data

    assert measured(np.ascontiguousarray(data.coffee()), backends).status is Status.ABSENT
    head = measured(np.ascontiguousarray(astronaut[:230, 100:340]), backends)
    assert head.status is Status.ABSENT
    gloves = measured(astronaut, backends)  # arms in the frame, hands behind the helmet
    assert gloves.status is Status.NOT_MEASURABLE
    assert "wrist" in gloves.note
    unclear = HandDefects().frame(Seen(np.zeros((300, 300, 3), np.uint8), wrists=0.2), nobody)
    assert unclear.status is Status.NOT_MEASURABLE
    below = (Face(box=Box(90, 0, 170, 80), score=1.0),)
    found = HandDefects().frame(Seen(np.zeros((300, 300, 3), np.uint8), wrists=0.2, faces=below), nobody)
    assert found.status is Status.ABSENT


def test_normal_hands_are_not_failed(footage: Path, backends: ct.LocalBackends) -> None:
    pictures = [p for k in "12345" for p in photographs(footage / f"hands/epsrc_fingers/{k}", 5)]
    values = [f.value for f in (measured(p, backends) for p in pictures) if f.value is not None]
    assert len(values) >= 0.6 * len(pictures)
    assert np.mean(np.array(values) >= SUSPECT) <= 0.05


def test_close_crops_of_hands_are_found(footage: Path) -> None:
    pictures = [p for k in range(10) for p in photographs(footage / f"hands/sign_digits/{k}", 40, scale=3)]
    assert np.mean([bool(model.find(p)) for p in pictures]) >= 0.95
