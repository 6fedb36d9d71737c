"""What a photograph of somebody dressed leaves behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.enrolment import wardrobe
from continuity.errors import EnrolmentError


def test_features_of_the_suit(dressed: ct.Identity) -> None:
    found = wardrobe.references(dressed, "collins")
    assert sorted(found) == ["palettes", "shares", "skin", "textures"]
    assert found["palettes"].shape == (1, wardrobe.KINDS, 4, 4)
    assert found["shares"][0, 0] == 1
    hues = found["palettes"][0, 0]
    assert any(a > 25 and b > 25 for _, a, b, _ in hues)  # orange
    assert found["skin"][0, 0] > 40


def test_a_wardrobe_without_its_actor_is_refused(tmp_path: Path, astronaut: np.ndarray) -> None:
    Pil.fromarray(astronaut).save(tmp_path / "a.png")
    with pytest.raises(EnrolmentError, match="--actor mara=PICTURES as well"):
        ct.enrol(tmp_path / "id", wardrobe={"mara": [tmp_path / "a.png"]})


def test_a_picture_without_clothes_is_refused_by_name(
    tmp_path: Path, astronaut: np.ndarray, coffee: np.ndarray, backends: ct.LocalBackends
) -> None:
    for name, pixels in (("whole", astronaut), ("head", astronaut[40:195, 150:300]), ("cup", coffee)):
        Pil.fromarray(pixels).save(tmp_path / f"{name}.png")
    actors = {"mara": [tmp_path / "whole.png"]}
    for name, why in (("head", "square faces of clothes"), ("cup", "no face was found")):
        with pytest.raises(EnrolmentError, match=f"{name}.png.*{why}|{why}.*{name}.png"):
            ct.enrol(tmp_path / "id", actors=actors, wardrobe={"mara": [tmp_path / f"{name}.png"]}, backends=backends)
    assert not (tmp_path / "id").exists()


def test_refreshing_computes_the_same_features(dressed: ct.Identity, backends: ct.LocalBackends) -> None:
    from continuity.enrolment import refresh

    assert dressed.folder is not None
    again = refresh(dressed.folder, backends=backends)
    assert again.digest == dressed.digest
    for space, features in dressed.stored_features.items():
        for key, values in features.items():
            np.testing.assert_array_equal(values, again.features(space)[key])
