"""Local features that agree on where a picture lies."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.interfaces import Keypoints
from continuity.vision.homography import projected
from continuity.vision.local_match import LEAST, agreed, matched


def test_a_turned_and_smaller_picture_is_found_where_it_lies(coffee: np.ndarray, backends: ct.LocalBackends) -> None:
    frame = np.full((500, 700, 3), 90, np.uint8)
    frame[100:400, 300:500] = np.asarray(Pil.fromarray(np.rot90(coffee)).resize((200, 300)))
    found = agreed(backends.keypoints(coffee), backends.keypoints(frame))
    assert found.pose is not None
    assert found.voters > 40
    corners = projected(found.pose, np.array([[0.0, 0.0], [600.0, 0.0], [600.0, 400.0], [0.0, 400.0]]))
    np.testing.assert_allclose(corners, [[300, 400], [300, 100], [500, 100], [500, 400]], atol=3)


def test_another_picture_does_not_agree(coffee: np.ndarray, astronaut: np.ndarray, backends: ct.LocalBackends) -> None:
    found = agreed(backends.keypoints(coffee), backends.keypoints(astronaut))
    assert found.voters < 12


def test_the_same_features_give_the_same_answer(coffee: np.ndarray, backends: ct.LocalBackends) -> None:
    one, two = backends.keypoints(coffee), backends.keypoints(coffee)
    np.testing.assert_array_equal(one.places, two.places)
    np.testing.assert_array_equal(one.descriptors, two.descriptors)
    assert np.allclose(np.linalg.norm(one.descriptors, axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("count", [0, 1, LEAST - 1])
def test_few_features_agree_on_nothing(count: int) -> None:
    few = Keypoints(np.zeros((count, 4), np.float32), np.zeros((count, 128), np.float32))
    assert matched(few, few).shape[1] == 2
    assert agreed(few, few).pose is None


def test_features_in_one_place_make_no_pose() -> None:
    descriptors = np.eye(40, 128, dtype=np.float32)
    same = Keypoints(np.tile(np.array([[5, 5, 3, 0]], np.float32), (40, 1)), descriptors)
    found = agreed(same, same)
    assert found.pose is None or np.isfinite(found.pose).all()


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 300, 3), (64, 64, 3)])
def test_pictures_without_features_give_none(shape: tuple[int, int, int], backends: ct.LocalBackends) -> None:
    assert len(backends.keypoints(np.zeros(shape, np.uint8)).places) == 0
