"""Look distance: 0 on what was enrolled, rising as another picture fades in; words with a limit of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.errors import EnrolmentError, MissingWeights, UsageError
from continuity.interfaces import EnrolledMetric
from continuity.metrics.look import LookDistance, LookTextDistance
from continuity.observed import ObservedFrame
from continuity.records import ModelCard
from continuity.testing import FakeBackends, MetricContract

NOTE = "stand-in: ImageNet features, not CLIP"


@pytest.fixture(scope="module")
def coffee() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(np.asarray(Pil.fromarray(data.coffee()).resize((512, 512))))


@pytest.fixture(scope="module")
def brand(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray, backends: ct.LocalBackends) -> ct.Identity:
    """A look of two pictures: the astronaut, and a cat."""
    from skimage import data

    folder = tmp_path_factory.mktemp("look")
    for name, pixels in (("astronaut", astronaut), ("cat", data.chelsea())):
        Pil.fromarray(pixels).save(folder / f"{name}.png")
    return ct.enrol(folder / "brand", look=[folder / "astronaut.png", folder / "cat.png"], backends=backends)


def seen_as(pixels: np.ndarray, identity: ct.Identity, backends: ct.Backends, index: int = 3) -> ObservedFrame:
    return ObservedFrame(np.ascontiguousarray(pixels), index=index, seconds=0.125, identity=identity, backends=backends)


def blended(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    return np.rint(one * (1 - share) + other * share).astype(np.uint8)


class TestLookDistance(MetricContract):
    @pytest.fixture
    def metric(self) -> LookDistance:
        return LookDistance()

    @pytest.fixture
    def identity(self, brand: ct.Identity) -> ct.Identity:
        return brand

    @pytest.fixture
    def original(self, brand: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray) -> ObservedFrame:
        return seen_as(astronaut, brand, backends)

    @pytest.fixture
    def degraded(
        self, brand: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray, coffee: np.ndarray
    ) -> list[ObservedFrame]:
        return [seen_as(blended(astronaut, coffee, k), brand, backends) for k in (0.1, 0.25, 0.5, 0.75, 1.0)]

    @pytest.fixture
    def noise_floor(self) -> float:
        return 1e-5


def test_evidence_names_the_nearest_reference_and_the_stand_in(
    brand: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray, coffee: np.ndarray
) -> None:
    from skimage import data

    for pixels, name in ((astronaut, "astronaut.png"), (data.chelsea(), "cat.png")):
        found = LookDistance().frame(seen_as(pixels, brand, backends), brand)
        assert found.value == pytest.approx(0, abs=1e-5)
        assert found.evidence["reference"] == name
        assert found.evidence["cosine"] == 1
        assert found.evidence["backend"] == found.note == NOTE
        assert len(found.evidence["distances"]) == 2
        assert (found.index, found.seconds) == (3, 0.125)
    far = LookDistance().frame(seen_as(coffee, brand, backends), brand)
    assert far.value > 0.4
    assert far.value == pytest.approx(min(far.evidence["distances"]), abs=1e-3)
    assert far.evidence["cosine"] == pytest.approx(1 - far.value, abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1, 3), (33, 1000, 3), (64, 64, 3)])
def test_a_frame_without_a_picture_in_it_is_far_and_never_absent(
    brand: ct.Identity, backends: ct.LocalBackends, shape: tuple[int, int, int]
) -> None:
    for level in (0, 255):
        found = LookDistance().frame(seen_as(np.full(shape, level, np.uint8), brand, backends), brand)
        assert found.status is ct.Status.MEASURED
        assert 0.3 < found.value <= 2


def test_a_grade_moves_it_less_than_another_picture(
    brand: ct.Identity, backends: ct.LocalBackends, astronaut: np.ndarray, coffee: np.ndarray
) -> None:
    warm = np.clip(astronaut * np.array([1.15, 1, 0.8]), 0, 255).astype(np.uint8)
    graded, other = (LookDistance().frame(seen_as(p, brand, backends), brand).value for p in (warm, coffee))
    assert 0 < graded < other / 4


def test_the_instrument_follows_the_backend(backends: ct.LocalBackends) -> None:
    ours, fake = LookDistance().instrument(backends), LookDistance().instrument(Words())
    assert ours.models == backends.look.models
    assert ours.models[0].note == NOTE
    assert ours.digest != fake.digest != LookTextDistance().instrument(Words()).digest
    other = Words()
    other.look.space = "words with another preparation"
    assert LookDistance().instrument(other).digest != fake.digest


def test_what_was_not_enrolled_is_named_before_the_first_frame(
    brand: ct.Identity, enrolled: ct.Identity, backends: ct.LocalBackends, tmp_path: Path
) -> None:
    LookDistance().ready(brand, backends)
    with pytest.raises(EnrolmentError, match=r"a look was wanted.*continuity enrol .* --look PICTURES"):
        LookDistance().ready(enrolled, backends)
    with pytest.raises(EnrolmentError, match="--refresh"):
        LookDistance().ready(brand, Words())
    with pytest.raises(EnrolmentError, match=r"mobilenetv2-7.onnx does not: .*--look-text"):
        LookTextDistance().ready(brand, backends)
    words = ct.enrol(tmp_path / "words", look_texts=["red"], backends=Words())
    LookTextDistance().ready(words, Words())
    with pytest.raises(EnrolmentError, match=r"pictures of the look were wanted.*--look PICTURES"):
        LookDistance().ready(words, Words())
    with pytest.raises(EnrolmentError, match="look was wanted"):
        LookDistance().frame(seen_as(np.zeros((4, 4, 3), np.uint8), words, Words()), words)
    with pytest.raises(EnrolmentError, match=r"--look-text TEXT"):
        LookTextDistance().ready(enrolled, Words())


def test_a_missing_model_is_missing_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUITY_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingWeights, match="pull look-standin"):
        LookDistance().instrument(ct.LocalBackends())


@pytest.mark.parametrize("metric", [LookDistance, LookTextDistance])
def test_expectations(metric: type[LookDistance] | type[LookTextDistance]) -> None:
    assert isinstance(metric(), EnrolledMetric)
    assert metric().expect is ct.Expect.REQUIRED
    assert metric(expect="if_present").expect is ct.Expect.IF_PRESENT
    with pytest.raises(UsageError, match=r"look.*: expect is one of"):
        metric(expect="always")


class WordLook:
    """Pictures and words in one known space: red, green and blue."""

    space = "words"
    models = (ModelCard(role="look", name="words", digest="0" * 64, licence="none", commercial=True),)
    reads_text = True

    def embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        rows = np.stack([p.reshape(-1, 3).mean(axis=0) for p in pictures]).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([[t == "red", t == "green", t == "blue"] for t in texts], dtype=np.float32)


class Words(FakeBackends):
    def __init__(self) -> None:
        self.look = WordLook()


@pytest.fixture
def words(tmp_path: Path) -> ct.Identity:
    return ct.enrol(tmp_path / "brand", look_texts=["red", "green"], backends=Words())


def measured_words(words: ct.Identity, *colour: int) -> ct.FrameMeasurement:
    return LookTextDistance().frame(seen_as(np.full((6, 6, 3), colour, np.uint8), words, Words()), words)


def test_words_are_all_meant(words: ct.Identity) -> None:
    one, both, none = (measured_words(words, *c) for c in ((200, 0, 0), (150, 150, 0), (0, 0, 200)))
    assert one.value == pytest.approx(0.5)  # red is met, green is not
    assert both.value == pytest.approx(1 - 2**-0.5, abs=1e-6)
    assert none.value == pytest.approx(1)
    assert one.evidence == {
        "cosine": 0.5,
        "texts": ["red", "green"],
        "furthest": "green",
        "distances": [0.0, 1.0],
    }
    assert one.note == ""


def test_words_join_as_pictures_do(words: ct.Identity) -> None:
    frames = [replace(measured_words(words, *c), index=n) for n, c in enumerate(((150, 150, 0), (0, 0, 200)))]
    joined = LookTextDistance().join(frames)
    assert (joined.key, joined.unit, joined.worst_frame) == ("look_text", "1 - cosine", 1)
    assert joined.value == pytest.approx(1)
    assert LookDistance().key == "look"


def test_a_clip_checkpoint_measures_pictures_and_words(tmp_path: Path, astronaut: np.ndarray) -> None:
    """End to end with a tiny OpenCLIP model of random weights: enrol, open, measure."""
    import json

    import torch

    from continuity.backends.clip import ClipLook
    from continuity.backends.clip_checkpoint import open_clip

    open_clip = open_clip()
    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    (tmp_path / "continuity-look.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "continuity-look.json")
    torch.manual_seed(1)
    net = open_clip.create_model("continuity-look")
    torch.save(net.state_dict(), tmp_path / "look.pt")
    Pil.fromarray(astronaut).save(tmp_path / "astronaut.png")
    look = ClipLook("continuity-look", tmp_path / "look.pt", licence="MIT", commercial=True)
    backends = ct.LocalBackends(look=look)
    identity = ct.enrol(
        tmp_path / "brand", look=[tmp_path / "astronaut.png"], look_texts=["an astronaut"], backends=backends
    )
    assert set(identity.features(look.space)) == {"look", "look_text"}
    seen = seen_as(astronaut, identity, backends)
    for metric in (LookDistance(), LookTextDistance()):
        metric.ready(identity, backends)
        assert metric.instrument(backends).models[0].licence == "MIT"
    assert LookDistance().frame(seen, identity).value == pytest.approx(0, abs=1e-5)
    cosine = float(look.embed([astronaut])[0] @ look.embed_texts(["an astronaut"])[0])
    found = LookTextDistance().frame(seen, identity)
    assert found.value == pytest.approx(1 - cosine, abs=1e-5)
    assert found.evidence["cosine"] == pytest.approx(cosine, abs=1e-3)
    assert "backend" not in found.evidence
    with pytest.raises(UsageError, match="a look backend of mobilenet was wanted, or a ClipLook, got 'clip'"):
        ct.LocalBackends(look="clip")
