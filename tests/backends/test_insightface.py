"""The InsightFace backend: what is no pack, what is not allowed, and the real pack where the footage has it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.backends import insightface_faces
from continuity.backends.insightface_faces import InsightFaces
from continuity.errors import MissingDependency, MissingWeights, ModelError, UsageError
from continuity.interfaces import FaceBackend
from continuity.records import Box, Face


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("somebody wants the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module")
def pack(footage: Path) -> Path:
    folder = footage / "models" / "insightface_eval"
    if not folder.is_dir():
        pytest.skip("the footage has no InsightFace pack")
    return folder


@pytest.fixture(scope="module")
def faces(pack: Path) -> InsightFaces:
    return InsightFaces(pack, allow_noncommercial=True)


def onnx_model(path: Path, shape: list[int | str], outputs: int) -> None:
    """A model that hands its input on, of the outer form by which the library tells one kind from another."""
    from onnx import TensorProto, helper, save

    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    exits = [helper.make_tensor_value_info(f"y{n}", TensorProto.FLOAT, shape) for n in range(outputs)]
    nodes = [helper.make_node("Identity", ["x"], [f"y{n}"]) for n in range(outputs)]
    graph = helper.make_graph(nodes, "g", [entry], exits)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


@pytest.mark.parametrize("name", ["none", "buffalo_l", "a\0b", "~nosuchuser/pack", "file.onnx"])
def test_what_is_no_folder_of_models_is_a_sentence_and_no_download(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("file.onnx").touch()
    with pytest.raises(MissingWeights, match="InsightFace pack"):
        InsightFaces(name, allow_noncommercial=True)
    assert not (tmp_path / ".insightface").exists()


def test_a_folder_too_high_names_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "buffalo").mkdir()
    (tmp_path / "buffalo" / "det.onnx").touch()
    with pytest.raises(MissingWeights, match=r"is it .*buffalo"):
        InsightFaces(tmp_path, allow_noncommercial=True)


def test_a_pack_needs_both_models(tmp_path: Path) -> None:
    onnx_model(tmp_path / "w600k.onnx", [1, 3, 112, 112], 1)
    alone = InsightFaces(tmp_path, allow_noncommercial=True)
    with pytest.raises(MissingWeights, match=r"a face detector was wanted .* w600k.onnx"):
        alone.models  # noqa: B018
    (tmp_path / "w600k.onnx").unlink()
    onnx_model(tmp_path / "det.onnx", [1, 3, "h", "w"], 9)
    with pytest.raises(MissingWeights, match=r"a face recogniser was wanted .* det.onnx"):
        InsightFaces(tmp_path, allow_noncommercial=True).space  # noqa: B018


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x07" * 200])
def test_a_damaged_model_is_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "det.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"det\.onnx of the InsightFace pack cannot be loaded"):
        InsightFaces(tmp_path, allow_noncommercial=True).detector  # noqa: B018


def test_a_model_that_fails_is_a_sentence(tmp_path: Path, astronaut: np.ndarray) -> None:
    onnx_model(tmp_path / "det.onnx", [1, 3, "h", "w"], 9)  # its outputs have the wrong shape
    onnx_model(tmp_path / "rec.onnx", [1, 3, 112, 112], 1)
    broken = InsightFaces(tmp_path, allow_noncommercial=True)
    with pytest.raises(ModelError, match=r"det\.onnx failed"):
        broken.detect(astronaut)


def test_a_pack_for_non_commercial_use_is_asked_for_by_name(tmp_path: Path) -> None:
    onnx_model(tmp_path / "det.onnx", [1, 3, "h", "w"], 9)
    with pytest.raises(UsageError, match="allow_noncommercial=True"):
        InsightFaces(tmp_path)


@pytest.mark.parametrize("licence", ["", "{}", json.dumps({"license_version": 1, "grant": "commercial"})])
def test_a_licence_that_cannot_be_trusted_is_not_taken_for_the_public_terms(licence: str, tmp_path: Path) -> None:
    onnx_model(tmp_path / "det.onnx", [1, 3, "h", "w"], 9)
    (tmp_path / "MODEL.LICENSE").write_text(licence)
    for allowed in (False, True):
        with pytest.raises((UsageError, MissingDependency), match=r"cannot be (relied on|checked)"):
            InsightFaces(tmp_path, allow_noncommercial=allowed)


def test_without_the_package_the_pip_line_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "det.onnx").touch()
    monkeypatch.setitem(sys.modules, "insightface.model_zoo.model_license", None)
    with pytest.raises(MissingDependency, match=r"pip install 'continuity-gate\[insightface\]'"):
        InsightFaces(tmp_path, allow_noncommercial=True)


def test_the_real_pack_keeps_the_contract(faces: InsightFaces, astronaut: np.ndarray) -> None:
    assert isinstance(faces, FaceBackend)
    assert [m.role for m in faces.models] == ["face-detection", "face-embedding"]
    assert all(len(m.digest) == 64 and not m.commercial and "non-commercial" in m.licence for m in faces.models)
    assert faces.space.startswith("insightface-")
    (face,) = faces.detect(astronaut)
    assert 170 < face.box.left < face.box.right < 285
    assert len(face.points) == 5
    assert face.points[0][0] < face.points[1][0], "eyes from left to right on the screen, as the other backend has them"
    one = faces.embed(astronaut, face)
    assert (one.dtype, one.ndim) == (np.float32, 1)
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(one, faces.embed(astronaut, face)), "the same pixels give the same numbers"
    flipped = np.ascontiguousarray(astronaut[:, ::-1])
    pair = faces.distance(np.stack([one, -one, one]), np.stack([one, faces.embed(flipped, faces.detect(flipped)[0])]))
    assert pair.shape == (3, 2)
    assert pair[:, 0] == pytest.approx([0, 2, 0], abs=1e-5)
    assert 0 < pair[0, 1] < 0.5


def test_the_colours_are_not_swapped(faces: InsightFaces, pack: Path, astronaut: np.ndarray) -> None:
    from insightface.app import FaceAnalysis

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs: Any = FaceAnalysis(name=str(pack), providers=["CPUExecutionProvider"])
        theirs.prepare(0)
        (found,) = theirs.get(np.ascontiguousarray(astronaut[..., ::-1]))
    (face,) = faces.detect(astronaut)
    ours = faces.embed(astronaut, face)
    assert float(ours @ found.normed_embedding) > 0.9999


@pytest.mark.parametrize("shape", [(1, 1), (3, 4000), (5000, 2), (64, 64)])
def test_pictures_of_any_shape(faces: InsightFaces, shape: tuple[int, int]) -> None:
    assert faces.detect(np.zeros((*shape, 3), np.uint8)) == ()


def test_faces_are_ordered_by_size_and_lie_inside(faces: InsightFaces, astronaut: np.ndarray) -> None:
    small = np.asarray(Pil.fromarray(astronaut).resize((256, 256)))
    both = np.zeros((512, 768, 3), np.uint8)
    both[:, :512], both[:256, 512:] = astronaut, small
    large, little = faces.detect(both)
    assert large.size > little.size
    (cut,) = faces.detect(np.ascontiguousarray(astronaut[100:, :]))
    assert cut.box.top >= 0


def test_a_face_of_another_detector_is_refused(faces: InsightFaces, astronaut: np.ndarray) -> None:
    with pytest.raises(UsageError, match="5 points"):
        faces.embed(astronaut, Face(box=Box(170, 60, 280, 180), score=1.0))


def test_it_prints_and_warns_nothing(pack: Path, astronaut: np.ndarray, tmp_path: Path) -> None:
    Pil.fromarray(astronaut).save(tmp_path / "a.png")
    code = (
        "import sys, numpy as np; from PIL import Image\n"
        "from continuity.backends.insightface_faces import InsightFaces\n"
        "faces = InsightFaces(sys.argv[1], allow_noncommercial=True)\n"
        "a = np.asarray(Image.open(sys.argv[2]))\n"
        "faces.embed(a, faces.detect(a)[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, pack, tmp_path / "a.png"], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_forked_child_loads_its_own(faces: InsightFaces, monkeypatch: pytest.MonkeyPatch) -> None:
    here = faces._parts()
    assert faces._parts() is here
    loaded: list[Path] = []
    monkeypatch.setattr(insightface_faces, "_load", lambda folder: loaded.append(folder) or here)
    monkeypatch.setattr(insightface_faces.os, "getpid", lambda: -1)
    faces._parts()
    assert len(loaded) == 1
    faces._loaded = None


def test_both_face_backends_agree_on_who_is_who(faces: InsightFaces, backends: ct.LocalBackends, footage: Path) -> None:
    """20 pairs, each backend at its own ``far``. Over 28,680 pairs of 60 people they part on 0.9 %."""
    people = sorted(p for p in (footage / "faces" / "lfw").iterdir() if p.is_dir())[::16][:10]
    found = []
    for person in people:
        for file in sorted(person.glob("*.jpg"))[:2]:
            pixels = np.asarray(Pil.open(file).convert("RGB"))
            seen = []
            for backend in (faces, backends.faces):
                middle = min(backend.detect(pixels), key=lambda f: float(np.hypot(*np.subtract(f.box.centre, 75))))
                seen.append(backend.embed(pixels, middle))
            found.append(seen)
    pairs = [(2 * n, 2 * n + 1) for n in range(10)] + [(2 * n, (2 * n + 2) % 20) for n in range(10)]
    told = np.array(
        [
            [b.distance(found[i][k][None], found[j][k][None])[0, 0] <= b.far for i, j in pairs]
            for k, b in enumerate((faces, backends.faces))
        ]
    )
    assert (told[0] != told[1]).sum() <= 1
    for one in told:
        assert one[:10].sum() >= 9
        assert one[10:].sum() <= 1


def test_a_gate_measures_with_it(
    faces: InsightFaces, backends: ct.LocalBackends, astronaut: np.ndarray, tmp_path: Path
) -> None:
    class Both(ct.LocalBackends):
        faces = None

    both = Both()
    Both.faces = faces  # type: ignore[assignment]
    Pil.fromarray(astronaut).save(tmp_path / "a.png")
    who = ct.enrol(tmp_path / "who", actors={"collins": [tmp_path / "a.png"]}, backends=both)
    gate = ct.Gate([ct.FaceDistance("collins")], identity=who, tolerances={"face:collins": 0.5}, backends=both)
    report = gate.inspect(ct.Image.from_array(np.clip(astronaut * 0.7, 0, 255).astype(np.uint8)))
    assert report.verdict is ct.Verdict.PASS
    assert report["face:collins"].value < 0.2  # type: ignore[operator]
    assert any(not m.commercial for m in report.models)
    with pytest.raises(ct.errors.EnrolmentError):
        ct.Gate([ct.FaceDistance("collins")], identity=who, backends=backends).check()
