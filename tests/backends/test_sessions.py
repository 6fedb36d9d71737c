"""The registry of loaded models: once per process, one thread at a time, foreign errors translated."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import continuity as ct
from continuity.backends import sessions
from continuity.backends.sessions import session
from continuity.errors import ModelError, UsageError


def test_a_model_is_loaded_once_and_used_by_one_thread_at_a_time() -> None:
    loads: list[Path] = []
    inside = threading.Semaphore(1)

    def load(path: Path, threads: int) -> object:
        loads.append(path)
        return object()

    def use(_: int) -> int:
        with session("face-detector", load, provider="test-once") as model:
            assert inside.acquire(blocking=False), "two threads hold one model"
            inside.release()
            return id(model)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(use, range(64)))) == 1
    assert len(loads) == 1


def test_foreign_errors_become_sentences() -> None:
    def broken(path: Path, threads: int) -> object:
        raise RuntimeError("bad magic")

    loading = pytest.raises(ModelError, match="face-detector cannot be loaded: RuntimeError: bad magic")
    with loading, session("face-detector", broken, provider="test-broken"):
        pass
    running = pytest.raises(ModelError, match="the model face-detector failed")
    with running, session("face-detector", lambda path, threads: 1, provider="test-failing"):
        raise ValueError("shape")


@pytest.mark.parametrize("text", ["0", "-1", "two", "", "1.5"])
def test_threads_are_counted(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CONTINUITY_THREADS", text)
    with pytest.raises(UsageError, match="CONTINUITY_THREADS"):
        sessions.threads()


def test_more_threads_give_the_same_faces(monkeypatch: pytest.MonkeyPatch, astronaut: np.ndarray) -> None:
    one = ct.LocalBackends().faces.detect(astronaut)
    monkeypatch.setenv("CONTINUITY_THREADS", "2")
    two = ct.LocalBackends().faces.detect(astronaut)
    assert one[0].box.left == pytest.approx(two[0].box.left, abs=0.01)


def test_threads_share_backends(backends: ct.LocalBackends, astronaut: np.ndarray) -> None:
    face = backends.faces.detect(astronaut)[0]
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda _: backends.faces.embed(astronaut, face), range(4)))
    assert all(np.array_equal(rows[0], row) for row in rows)
