from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Run = Callable[..., tuple[int, str, str]]


def test_a_copy_replaces_an_earlier_one(tmp_path: Path, run: Run) -> None:
    for _ in range(2):
        code, out, err = run("comfyui", tmp_path)
        assert (code, err) == (0, "")
        assert out.strip() == str(tmp_path / "continuity-gate")
    names = {file.name for file in (tmp_path / "continuity-gate").iterdir()}
    assert names == {"__init__.py", "client.py", "nodes.py", "interpreter.txt"}


def test_what_is_no_copy_is_left_alone(tmp_path: Path, run: Run) -> None:
    (tmp_path / "continuity-gate").mkdir()
    (tmp_path / "continuity-gate" / "mine.py").write_text("")
    code, out, err = run("comfyui", tmp_path)
    assert (code, out) == (2, "")
    assert "move it away" in err


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path, run: Run) -> None:
    code, _, err = run("comfyui", tmp_path / "nowhere")
    assert code == 2
    assert "is no folder" in err
