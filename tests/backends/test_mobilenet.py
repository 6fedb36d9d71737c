"""The look stand-in: features of the right layer, of unit length, that tell scenes apart and say what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

from continuity.backends import mobilenet, onnx, sessions
from continuity.backends.mobilenet import MobileNetLook
from continuity.errors import MissingDependency, MissingWeights, ModelError, UsageError
from continuity.interfaces import LookBackend
from continuity.weights import path_of


@pytest.fixture(scope="module")
def look() -> MobileNetLook:
    return MobileNetLook()


def test_it_fits_the_seam_and_says_that_it_is_a_stand_in(look: MobileNetLook) -> None:
    assert isinstance(look, LookBackend)
    assert not look.reads_text
    (card,) = look.models
    assert (card.role, card.note, card.commercial) == (
        "look-standin",
        "stand-in: ImageNet features, not CLIP",
        True,
    )
    assert len(card.digest) == 64
    assert look.space == MobileNetLook().space
    assert look.provider in {onnx.CUDA, onnx.CPU}
    with pytest.raises(UsageError, match="reads no text"):
        look.embed_texts(["a red car"])


def test_the_layer_is_the_one_before_the_classes(astronaut: np.ndarray) -> None:
    """The classes of the untouched model follow from it by the last layer's weights alone."""
    import onnxruntime

    plain = onnxruntime.InferenceSession(str(path_of(mobilenet.ROLE)), providers=[onnx.CPU])
    picture = {"data": mobilenet.prepared(astronaut)}
    with sessions.session(mobilenet.ROLE, mobilenet._load, "onnx") as model:
        classes, pooled = model.run(None, picture)
    assert np.allclose(classes, plain.run(None, picture)[0], atol=1e-4)
    assert pooled.shape == (1, 1280, 1, 1)
    assert pooled.min() == 0
    assert len(model.get_outputs()) == 1 + len(plain.get_outputs())


def test_unit_length_repeatable_and_the_picture_is_left_alone(look: MobileNetLook, astronaut: np.ndarray) -> None:
    before = astronaut.copy()
    found = look.embed([astronaut, astronaut[:, ::-1], astronaut])
    assert (found.dtype, found.shape) == (np.float32, (3, 1280))
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(found[0], found[2])
    assert np.array_equal(look.embed([astronaut])[0], found[0])
    assert np.array_equal(astronaut, before)
    assert look.embed([]).shape == (0, 1280)


def test_the_same_picture_is_near_and_another_far(look: MobileNetLook, astronaut: np.ndarray) -> None:
    from skimage import data

    smaller = np.asarray(Pil.fromarray(astronaut).resize((300, 300)))
    one, same, other = look.embed([astronaut, smaller, data.coffee()])
    assert 1 - one @ same < 0.02
    assert 1 - one @ other > 0.4


def test_the_whole_frame_is_seen(look: MobileNetLook, astronaut: np.ndarray) -> None:
    wide = np.concatenate([astronaut, astronaut], axis=1)
    hidden = wide.copy()
    hidden[:, :256] = 0  # all of it outside of the square in the middle
    plain, covered = look.embed([wide, hidden])
    assert 1 - plain @ covered > 0.02


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 2000, 3), (2000, 3, 3), (224, 224, 3)])
def test_any_size_and_any_flat_colour_is_embedded(look: MobileNetLook, shape: tuple[int, int, int]) -> None:
    for level in (0, 128, 255):
        assert np.isfinite(look.embed([np.full(shape, level, np.uint8)])).all()


def test_more_threads_give_the_same_look(
    look: MobileNetLook, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = look.embed([astronaut])
    monkeypatch.setenv("CONTINUITY_THREADS", "2")
    assert np.abs(look.embed([astronaut]) - one).max() < 1e-5
    assert onnx.options(2).intra_op_num_threads == 2


def test_what_cannot_work_is_a_sentence(
    look: MobileNetLook, astronaut: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look.embed([astronaut])
    monkeypatch.setattr(mobilenet, "LAYER", "no such layer")
    with pytest.raises(ModelError, match=r"the model look-standin failed: .*no such layer"):
        look.embed([astronaut])
    sessions.close()
    with pytest.raises(ModelError, match=r"look-standin cannot be loaded: .*no such layer"):
        look.embed([astronaut])
    sessions.close()
    monkeypatch.undo()
    monkeypatch.setenv("CONTINUITY_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingWeights, match="continuity weights pull look-standin"):
        _ = MobileNetLook().space
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingDependency, match="pip install onnxruntime"):
        onnx.providers()


def test_cuda_is_tried_first_where_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    build = ["TensorrtExecutionProvider", "CPUExecutionProvider", "CUDAExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: build)
    assert onnx.providers() == ("CUDAExecutionProvider", "CPUExecutionProvider")


@pytest.mark.parametrize("length", [1, 127, 128, 300, 20_000])
def test_an_output_is_added_as_protobuf_writes_it(length: int) -> None:
    """The bytes are read back with an independent reader, for names on either side of where lengths grow."""

    def fields(message: bytes) -> dict[int, bytes]:
        found, at = {}, 0
        while at < len(message):
            tag, size, shift, at = message[at], 0, 0, at + 1
            assert tag & 7 == 2
            while True:
                byte, at = message[at], at + 1
                size, shift = size | (byte & 127) << shift, shift + 7
                if byte < 128:
                    break
            found[tag >> 3], at = message[at : at + size], at + size
        return found

    written: Any = onnx.with_output(b"", "n" * length)
    assert fields(fields(fields(written)[7])[12]) == {1: b"n" * length}


def test_the_same_product_is_nearer_than_others(look: MobileNetLook, footage: Path) -> None:
    """Evaluation photographs: one object in several scenes, 8 objects."""
    files = sorted((footage / "products").glob("*/*.jpg"))
    rows = look.embed([np.asarray(Pil.open(f).convert("RGB")) for f in files])
    apart = 1 - rows @ rows.T
    names = np.array([f.parent.name for f in files])
    same = names[:, None] == names
    np.fill_diagonal(apart, np.inf)
    nearest = names[apart.argmin(axis=1)]
    assert len(files) >= 40
    assert (nearest == names).mean() >= 0.95
    triplets = [
        apart[i, j] < apart[i, k]
        for i in range(len(files))
        for j in np.flatnonzero(same[i])
        if i != j
        for k in np.flatnonzero(~same[i])
    ]
    assert np.mean(triplets) > 0.95
