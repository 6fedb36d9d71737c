"""The hand model: what it finds, what it writes where, and what is said where it cannot run."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from continuity.backends import hands, people, sessions
from continuity.errors import MissingDependency
from continuity.records import Hand


def test_a_hand_is_found_in_pixels_of_the_picture(footage: Path) -> None:
    picture = Pil.open(sorted((footage / "hands/epsrc_fingers/5").iterdir())[0]).convert("RGB")
    (hand,) = hands.find(np.asarray(picture))
    assert len(hand.points) == len(hand.depths) == 21
    assert hand.side in ("left", "right")
    assert 0.5 < hand.score <= 1
    assert all(0 <= x < picture.width and 0 <= y < picture.height for x, y in hand.points)
    assert hand.points[12][1] < hand.points[0][1]  # it is raised
    (double,) = hands.find(np.asarray(picture.resize((1280, 960))))
    assert np.array(double.points) / 2 == pytest.approx(np.array(hand.points), abs=6)


def test_two_hands_are_two_and_a_strided_view_is_taken(footage: Path) -> None:
    picture = np.asarray(Pil.open(sorted((footage / "hands/epsrc_fingers/5").iterdir())[0]).convert("RGB"))
    pair = np.concatenate([picture, picture[:, ::-1]], axis=1)
    assert len(hands.find(pair)) == 2
    assert len(hands.find(pair[:, ::-1])) == 2


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (700, 3), (64, 64)])
def test_no_hands_in_what_has_none(shape: tuple[int, int]) -> None:
    assert hands.find(np.zeros((*shape, 3), np.uint8)) == ()
    assert hands.find(np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)) == ()


def test_a_hand_found_twice_counts_once() -> None:
    points = tuple((float(10 * n % 70), float(7 * n)) for n in range(21))
    one = Hand(points=points, depths=(0.0,) * 21, side="left", score=0.9)
    near = Hand(points=tuple((x + 9, y) for x, y in points), depths=(0.0,) * 21, side="right", score=0.8)
    far = Hand(points=tuple((x + 150, y) for x, y in points), depths=(0.0,) * 21, side="right", score=0.7)
    assert hands._distinct([one, near, far]) == (one, far)


def test_nothing_reaches_the_terminal(astronaut: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "picture.npy", astronaut)
    code = (
        "import sys, numpy as np; from continuity.backends import hands; "
        "print(len(hands.find(np.load(sys.argv[1]))), len(hands.find(np.zeros((9, 9, 3), np.uint8))))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "picture.npy")], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert len(ran.stdout.split()) == 2


def test_sessions_close_what_can_be_closed() -> None:
    class Task:
        closed = 0

        def close(self) -> None:
            self.closed += 1
            raise RuntimeError("closing fails")

    task = Task()
    with sessions.session("face-detector", lambda path, threads: task, provider="test-closing"):
        pass
    sessions.close()
    assert task.closed == 1
    sessions.close()
    assert task.closed == 1


@pytest.mark.parametrize(
    ("library", "package"), [("libEGL.so.1", "libegl1"), ("libGLESv2.so.2", "libgles2"), ("libGL.so.1", "libgl1")]
)
def test_a_missing_system_library_names_its_debian_package(library: str, package: str) -> None:
    message = f"{library}: cannot open shared object file: No such file or directory"
    assert f"apt-get install {package}" in (hands.lacking(message) or "")


def test_the_loader_failing_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(ctypes, "CDLL", broken)
    if sys.platform == "linux":
        with pytest.raises(MissingDependency, match="apt-get install libegl1"):
            hands.ready()
    monkeypatch.undo()
    hands.ready()

    def absent(module: str, distribution: str) -> None:
        raise MissingDependency("libGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(hands, "require", absent)
    with pytest.raises(MissingDependency, match="apt-get install libgl1"):
        hands._load(Path("hand_landmarker.task"), 1)
    monkeypatch.setattr(hands, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="pip install mediapipe"):
        hands.ready()


def test_other_messages_are_left_alone_and_unknown_libraries_named() -> None:
    assert hands.lacking("bad magic number") is None
    assert "libodd.so.3" in (hands.lacking("libodd.so.3: cannot open shared object file: x") or "")


def test_wrists_are_seen_where_they_are(astronaut: np.ndarray) -> None:
    from skimage import data

    assert people.wrists(astronaut) > 0.5
    assert people.wrists(np.ascontiguousarray(astronaut[:230, 100:340])) < 0.3  # head and collar alone
    assert people.wrists(np.ascontiguousarray(data.coffee())) < 0.1
    assert people.wrists(np.zeros((1, 1, 3), np.uint8)) < 0.1


def test_below_a_face_wrists_outside_the_frame_are_none(astronaut: np.ndarray) -> None:
    from skimage import data

    from continuity.backends.blazeface import detect

    whole, head = astronaut, np.ascontiguousarray(astronaut[:230, 100:340])
    for pixels, least, most in ((whole, 0.5, 1.0), (head, 0.0, 0.3)):
        faces = detect(pixels)
        assert len(faces) == 1
        assert least <= people.wrists(pixels, faces) <= most
    assert people.wrists(np.ascontiguousarray(data.coffee()), ()) < 0.1


def test_a_hand_that_fills_the_picture_is_found_where_it_is(footage: Path) -> None:
    picture = Pil.open(sorted((footage / "hands/epsrc_fingers/5").iterdir())[0]).convert("RGB")
    (hand,) = hands.find(np.asarray(picture))
    points = np.array(hand.points)
    box = (*(points.min(axis=0) - 4).astype(int), *(points.max(axis=0) + 4).astype(int))
    close = picture.crop(tuple(int(v) for v in box))
    found = hands.find(np.asarray(close))
    assert found
    assert np.array(found[0].points) + box[:2] == pytest.approx(points, abs=0.1 * max(close.size))


def test_beside_a_face_one_further_look_is_enough(astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    from continuity.backends.blazeface import detect

    looks: list[int] = []
    look = hands._look

    def counted(pixels: np.ndarray, margin: int, factor: int) -> list[Hand]:
        looks.append(margin)
        return look(pixels, margin, factor)

    monkeypatch.setattr(hands, "_look", counted)
    head = np.ascontiguousarray(astronaut[:230, 100:340])
    assert hands.find(head, detect(head)) == hands.find(head) == ()
    assert looks == [0, 96, 0, 96, 240]
