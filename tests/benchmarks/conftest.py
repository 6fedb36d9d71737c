"""Benchmarks import their neighbours by folder, as a script does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = str(Path(__file__).parents[2] / "benchmarks")
if FOLDER not in sys.path:
    sys.path.append(FOLDER)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    from continuity.generators.diffusers import library

    torch = library.torch()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
