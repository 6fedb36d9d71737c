"""What the references of a look leave behind, and what enrolment says of those that do not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.enrolment.look import features
from continuity.errors import EnrolmentError
from continuity.records import ModelCard
from continuity.testing import FakeBackends


class Reader:
    """A look backend whose embeddings are known: a picture's is its first pixel, a text's counts r, g and b."""

    space = "reader"
    models: tuple[ModelCard, ...] = ()
    reads_text = True

    def embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        rows = np.stack([p[0, 0].astype(np.float32) + 1 for p in pictures])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.array([[t.count(c) + 0.1 for c in "rgb"] for t in texts], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@dataclass
class Reading(FakeBackends):
    look: Reader = field(default_factory=Reader)


Flat = Callable[..., ct.Image]


@pytest.fixture
def flat(tmp_path: Path) -> Flat:
    def make(name: str, *colour: int) -> ct.Image:
        Pil.fromarray(np.full((8, 8, 3), colour, np.uint8)).save(tmp_path / f"{name}.png")
        image = ct.open_media(tmp_path / f"{name}.png")
        assert isinstance(image, ct.Image)
        return image

    return make


def test_pictures_and_texts_become_rows(flat: Flat) -> None:
    found = features([flat("red", 250, 0, 0), flat("blue", 0, 0, 250)], ["gg"], Reading(), [])
    assert sorted(found) == ["look", "look_text"]
    assert found["look"].shape == (2, 3)
    assert found["look_text"].shape == (1, 3)
    assert all(rows.dtype == np.float32 for rows in found.values())
    assert found["look"].argmax(axis=1).tolist() == [0, 2]
    assert found["look_text"].argmax() == 1


def test_either_may_be_missing(flat: Flat) -> None:
    assert list(features([], ["green"], Reading(), [])) == ["look_text"]
    assert list(features([flat("red", 250, 0, 0)], [], Reading(), [])) == ["look"]


def test_words_need_a_backend_that_reads(backends: ct.LocalBackends, flat: Flat) -> None:
    with pytest.raises(EnrolmentError, match=r"--look-text 'a red car' .* mobilenetv2-7.onnx does not: leave"):
        features([flat("red", 250, 0, 0)], ["a red car"], backends, [])
    for text in ("", "  \n"):
        with pytest.raises(EnrolmentError, match="a few words were wanted"):
            features([], ["green", text], Reading(), [])


def test_a_reference_far_from_all_its_siblings_is_questioned(flat: Flat) -> None:
    warnings: list[str] = []
    near = [flat(f"near{n}", 200, 10 * n, 40) for n in range(3)]
    features([*near, flat("far", 10, 20, 250)], [], Reading(), warnings)
    assert len(warnings) == 1
    assert "look: far.png is 0." in warnings[0]
    assert "does it belong to the look?" in warnings[0]


def test_nobody_is_questioned_without_reason(flat: Flat) -> None:
    warnings: list[str] = []
    features([flat("a", 250, 0, 0), flat("b", 0, 0, 250)], [], Reading(), warnings)  # two: which is the stray?
    features([flat("a", 250, 0, 0), flat("b", 0, 0, 250), flat("c", 0, 250, 0)], [], Reading(), warnings)
    twins = [flat(f"t{n}", 200, 0, 0) for n in range(3)]
    features([*twins, flat("almost", 200, 20, 0)], [], Reading(), warnings)
    assert warnings == []


def test_it_survives_the_folder(tmp_path: Path, flat: Flat, backends: ct.LocalBackends, astronaut: np.ndarray) -> None:
    Pil.fromarray(astronaut).save(tmp_path / "astronaut.png")
    identity = ct.enrol(tmp_path / "brand", look=[tmp_path / "astronaut.png"], backends=backends)
    rows = identity.features(backends.look.space)["look"]
    assert np.array_equal(rows, backends.look.embed([astronaut]))
    words = ct.enrol(tmp_path / "words", look_texts=["red", "blue"], backends=Reading())
    assert words.texts == ("red", "blue")
    assert words.features("reader")["look_text"].shape == (2, 3)


def test_a_stray_among_products_is_found(footage: Path, backends: ct.LocalBackends) -> None:
    """Evaluation photographs: 8 sets of one product, as they are and with one photograph of another product."""
    sets = [[ct.open_media(f) for f in sorted(folder.glob("*.jpg"))] for folder in sorted(footage.glob("products/*/"))]
    falsely, found, tried = 0, 0, 0
    for number, images in enumerate(sets):
        other = sets[(number + 1) % len(sets)][0]
        warnings: list[str] = []
        features(images, [], backends, warnings)
        falsely += len(warnings)
        warnings = []
        features([*images, other], [], backends, warnings)
        tried += 1
        found += any(f"look: {other.path.name} is " in w for w in warnings)
    assert tried == 8
    assert falsely <= 3
    assert found >= 5
