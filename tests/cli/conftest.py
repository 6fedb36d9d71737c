from __future__ import annotations

from collections.abc import Callable

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
