"""The examples as they stand, on the tiny pipelines."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

import continuity as ct

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


def example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "suffix"), [("diffusers_image", ".png"), ("diffusers_video", ".mkv")])
def test_an_example_keeps_a_render_and_says_where_none_is(name: str, suffix: str, tmp_path: Path) -> None:
    arguments = ["--steps", "2", "--candidates", "3", "--out"]
    assert example(name).main([*arguments, str(tmp_path / "kept"), "--limit", "1000"]) == 0
    media = ct.open_media(tmp_path / "kept" / f"sc042_010{suffix}")
    assert isinstance(media, ct.Image if suffix == ".png" else ct.Clip)
    assert example(name).main([*arguments, str(tmp_path / "none"), "--limit", "0.0001"]) == 4
    with ct.Ledger.open(tmp_path / "none" / "show.db") as ledger:
        rows = list(ledger.candidates())
    assert len(rows) == 3
