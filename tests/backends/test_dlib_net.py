"""dlib's embedding network on onnxruntime against dlib's own runtime, and files that are something else."""

from __future__ import annotations

import numpy as np
import pytest

import continuity as ct
from continuity.backends import dlib_faces, dlib_net, onnx
from continuity.errors import ModelError
from continuity.weights import path_of


def test_it_gives_the_numbers_of_dlibs_own_runtime(backends: ct.LocalBackends, astronaut: np.ndarray) -> None:
    import dlib

    file = path_of(dlib_faces.EMBEDDING)
    square = dlib_faces.upright(astronaut, backends.faces.detect(astronaut)[0])
    chips = [*dlib_faces.views(square).transpose(0, 2, 3, 1).astype(np.uint8)]
    chips.append(np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8))
    chips.append(np.zeros((150, 150, 3), np.uint8))
    theirs = dlib.face_recognition_model_v1(str(file))
    session = onnx.opened(dlib_net.to_onnx(file.read_bytes()), 1)
    batch = np.stack(chips).transpose(0, 3, 1, 2).astype(np.float32)
    (ours,) = session.run([dlib_net.OUTPUT], {dlib_net.INPUT: batch})
    expected = [theirs.compute_face_descriptor(np.ascontiguousarray(chip)) for chip in chips]
    np.testing.assert_allclose(ours, np.array(expected), atol=2e-6)


@pytest.mark.parametrize("length", [0, 300, 20_000, 5_000_000])
def test_a_truncated_file_is_no_network(length: int) -> None:
    weights = path_of(dlib_faces.EMBEDDING).read_bytes()[:length]
    with pytest.raises(ModelError, match="the file does not read as one"):
        dlib_net.to_onnx(weights)


@pytest.mark.parametrize(
    "junk", [b"con_4", b"con_4" + bytes(range(256)), b"relu_" * 9, b"fc_2\x01\x01\x01\x01\x01\x02"]
)
def test_what_only_looks_like_one_is_refused(junk: bytes) -> None:
    with pytest.raises(ModelError):
        dlib_net.to_onnx(junk)


def test_an_embedding_is_a_unit_vector_and_a_mirrored_face_is_the_same_person(
    backends: ct.LocalBackends, astronaut: np.ndarray
) -> None:
    faces = backends.faces
    mirrored = np.ascontiguousarray(astronaut[:, ::-1])
    ours, theirs = (faces.embed(p, faces.detect(p)[0]) for p in (astronaut, mirrored))
    assert np.linalg.norm(ours) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(ours - theirs) < 0.12
