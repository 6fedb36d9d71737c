"""One registry of loaded models: each file once per process, provider and thread count, used by one thread at a time.

A forked child does not use its parent's sessions (the process id is part of the key); workers are better spawned.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from continuity.errors import ContinuityError, ModelError, UsageError
from continuity.records import ModelCard
from continuity.weights import path_of, weight_file

T = TypeVar("T")


@dataclass(slots=True)
class _Session:
    model: Any
    lock: threading.RLock = field(default_factory=threading.RLock)


_sessions: dict[tuple[str, str, int, int], _Session] = {}
_opening = threading.RLock()


def threads() -> int:
    """Threads that one model may use: ``CONTINUITY_THREADS``, else 1, so that workers do not fight.

    Raises:
        UsageError: the variable is no whole number from 1 up.
    """
    text = os.environ.get("CONTINUITY_THREADS", "1")
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"CONTINUITY_THREADS is a whole number from 1 up, got {text!r}")
    return int(text)


@contextmanager
def session(role: str, load: Callable[[Path, int], T], provider: str = "cpu") -> Iterator[T]:
    """The model of a role, loaded on first use and held by one thread at a time.

    Raises:
        MissingWeights: the file is not on this machine.
        ModelError: the file cannot be loaded, or the model failed on its input.
    """
    count = threads()
    key = (weight_file(role).sha256, provider, count, os.getpid())
    found = _sessions.get(key)
    if found is None:
        with _opening:
            found = _sessions.get(key)
            if found is None:
                found = _sessions[key] = _Session(_loaded(role, load, count))
    with found.lock:
        try:
            yield found.model
        except ContinuityError:
            raise
        except Exception as cause:  # native code raises anything
            raise ModelError(f"the model {role} failed: {type(cause).__name__}: {cause}") from cause


def card(role: str) -> ModelCard:
    """What a report says of the model of a role.

    Raises:
        MissingWeights: the file is not on this machine.
    """
    path_of(role)
    file = weight_file(role)
    return ModelCard(role=role, name=file.file, digest=file.sha256, licence=file.licence, commercial=file.commercial)


def close() -> None:
    """Forgets every session, and closes the models of this process that can be closed."""
    with _opening:
        for (_, _, _, pid), held in _sessions.items():
            shut = getattr(held.model, "close", None)
            if pid == os.getpid() and callable(shut):
                with held.lock, suppress(Exception):  # native code raises anything; it is forgotten all the same
                    shut()
        _sessions.clear()


def _loaded(role: str, load: Callable[[Path, int], T], count: int) -> T:
    path = path_of(role)
    try:
        return load(path, count)
    except ContinuityError:
        raise
    except Exception as cause:
        raise ModelError(
            f"the model file {path} of {role} cannot be loaded: {type(cause).__name__}: {cause}"
        ) from cause


atexit.register(close)
