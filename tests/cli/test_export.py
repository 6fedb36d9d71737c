from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import continuity as ct
from continuity.exporting import TEMPLATE

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def show(tmp_path: Path, bright_gate: ct.Gate, flat: Callable[[int], ct.Image]) -> Path:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        for name, level in (("sc010_010", 30), ("sc010_020", 200)):
            shot = ct.Shot(name, gate=bright_gate, ledger=ledger, prompt="SECRETPROMPT")
            shot.tell(shot.ask(), flat(level))
    return tmp_path / "show.db"


def test_what_is_written_and_what_is_not(show: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out"
    code, said, err = run("export", show, "-o", out)
    assert (code, said) == (0, f"{out}/show_sc010_010_render_v001.png\n{out}/show_v001.otio\n")
    assert "sc010_020: nothing is kept" in err
    code, said, _ = run("export", show, "-o", out, "--shot", "sc010_010")
    assert (code, said.count("was there already")) == (0, 2)


def test_check(show: Path, tmp_path: Path, run: Run) -> None:
    code, said, _ = run("export", show, "-o", tmp_path / "out", "--check")
    assert code == 0
    assert "show_sc010_010_render_v001.png: 0 fields would leave" in said
    assert "metadata.continuity.standing: gate-accepted, unreviewed" in said
    assert "SECRETPROMPT" not in said
    assert "hid inside the coded pictures" in said
    assert not (tmp_path / "out").exists()
    code, said, _ = run("export", show, "-o", tmp_path / "out", "--check", "--with-recipe")
    assert "parameters: SECRETPROMPT" in said


def test_refusals(show: Path, tmp_path: Path, run: Run) -> None:
    for words, said in (
        (("--shot", "none"), "has no shot 'none'"),
        (("--name", "{seed}"), "a field 'seed'"),
        (("--rate", "0/0"), "frames a second"),
        (("--rate", "nan"), "frames a second"),
        (("--rate", "-5"), "frames a second"),
    ):
        code, out, err = run("export", show, "-o", tmp_path / "out", *words)
        assert (code, out) == (2, "")
        assert said in err
    code, _, err = run("export", show, "-o", show)
    assert (code, "a folder for the hand-off was wanted" in err) == (2, True)
    for path in (tmp_path / "show.media").rglob("*.png"):
        path.unlink()
    code, out, err = run("export", show, "-o", tmp_path / "out")
    assert (code, "error: sc010_010:" in err) == (2, True)


def test_nothing_to_hand_over(show: Path, tmp_path: Path, run: Run) -> None:
    for more in ((), ("--check",)):
        code, said, err = run("export", show, "-o", tmp_path / "out", "--shot", "sc010_020", *more)
        assert (code, said) == (1, "")
        assert "nothing was handed over" in err
    assert not (tmp_path / "out").exists()


def test_the_template_is_one() -> None:
    module = importlib.import_module("continuity.cli.export")
    assert module.TEMPLATE == TEMPLATE  # written twice, so that --help loads no library


def test_without_the_library(show: Path, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['opentimelineio'] = None\n"
        "from continuity.cli import main\n"
        f"sys.exit(main(['export', {str(show)!r}, '-o', {str(tmp_path / 'out')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (5, "")
    assert "pip install 'continuity-gate[editorial]'" in done.stderr
    assert not (tmp_path / "out").exists()
