"""Tiny pipelines, built once: what a test does to one, the next test would see."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from continuity.generators.diffusers import library
from continuity.testing.pipelines import tiny_pipeline


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    torch = library.torch()
    library.diffusers()  # torchvision first, in whatever order tests are picked
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Any]:
    """A pipeline by name, the same for all tests: for those that prove that they leave it as it was."""
    return functools.cache(tiny_pipeline)


@pytest.fixture
def sd() -> Any:
    """A Stable Diffusion pipeline of one's own."""
    return tiny_pipeline("sd")
