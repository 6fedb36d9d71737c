from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from continuity.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables as wide as they like, whatever the terminal or the test runner says."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process, with the models warm: exit code, stdout, stderr."""

    def command(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return command


@pytest.fixture
def started() -> Callable[..., subprocess.Popen[str]]:
    """``started(file, begun, *words)``: ``continuity run`` as a process, once ``begun`` lies beside the file."""

    def start(path: Path, begun: str, *words: str) -> subprocess.Popen[str]:
        running = subprocess.Popen(
            [sys.executable, "-m", "continuity", "run", str(path), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as in a terminal
        )
        waited = time.monotonic()
        while not (path.parent / begun).exists() and time.monotonic() - waited < 60:
            time.sleep(0.02)
        return running

    return start
