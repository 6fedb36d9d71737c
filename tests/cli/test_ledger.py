from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import continuity as ct
from continuity.testing import PatternGenerator

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def show(tmp_path: Path, bright_gate: ct.Gate) -> Path:
    """Two shots: one that kept a candidate, one that did not and had failed renders."""
    path = tmp_path / "show.db"
    with ct.Ledger.open(path) as ledger:
        kept = ct.Shot("sc010", gate=bright_gate, ledger=ledger)
        for level, seconds in ((200, 2.0), (30, 3.0)):
            kept.tell(kept.ask(), flat(level), ct.Cost(render=seconds, device="cuda:H100"))
        none = ct.Shot("sc020 [bold]", gate=bright_gate, ledger=ledger)
        none.run(PatternGenerator(fails=lambda recipe: True), budget=ct.Budget(candidates=2))
    return path


def flat(level: int) -> ct.Image:
    import numpy as np

    return ct.Image.from_array(np.full((64, 48, 3), level, dtype=np.uint8))


@pytest.fixture
def rates(tmp_path: Path) -> Path:
    path = tmp_path / "rates.toml"
    path.write_text("format = 1\n[rates]\ncurrency = 'CHF'\nper_second = { cuda = 2.0 }\n")
    return path


def test_the_shots_and_the_bill(show: Path, rates: Path, run: Run) -> None:
    code, out, err = run("ledger", "show", show, "--rates", rates)
    assert (code, err) == (0, "")
    first, second = (line for line in out.splitlines() if line.startswith("sc0"))
    assert first.split()[:6] == ["sc010", "#2", "2", "1", "1", "0"]
    assert "bright (1)" in first
    assert "[bold]" in second
    assert "CHF" in first
    assert "4 candidates of 2 shots, 1 kept" in out
    assert "generation ratio 4.0 candidates per shot kept" in out


def test_without_rates_there_is_no_price(show: Path, run: Run) -> None:
    _, out, _ = run("ledger", "show", show)
    assert "cost" not in out
    assert "EUR" not in out


def test_the_candidates_of_a_shot(show: Path, run: Run) -> None:
    code, out, _ = run("ledger", "show", show, "--shot", "sc010")
    assert code == 0
    lines = [line for line in out.splitlines() if line.startswith("#")]
    assert ["rejected" in lines[0], "accepted kept" in lines[1]] == [True, True]
    assert "bright 200, over 64 levels" in lines[0]
    assert "kept #2: " in out
    assert Path(out.split("kept #2: ")[1].strip()).is_file()


def test_json_has_the_numbers(show: Path, rates: Path, run: Run) -> None:
    _, out, _ = run("ledger", "show", show, "--rates", rates, "--json")
    first, second, bill = map(json.loads, out.splitlines())
    assert (first["shot"], first["kept"], first["states"]) == ("sc010", 2, {"rejected": 1, "accepted": 1})
    assert first["gpu_seconds"] == 5.0
    assert first["cost"] == pytest.approx(10.0, abs=0.5)
    assert (second["kept"], second["states"], second["failing"]) == (None, {"failed": 2}, {})
    assert (bill["candidates"], bill["kept"], bill["generation_ratio"]) == (4, 1, 4.0)
    _, out, _ = run("ledger", "show", show, "--shot", "sc010", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["id"], row["state"], row["kept"]) for row in rows] == [(1, "rejected", False), (2, "accepted", True)]


def test_export_has_every_row(show: Path, run: Run) -> None:
    code, out, err = run("ledger", "export", show)
    assert (code, err) == (0, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert sum(row["table"] == "candidates" for row in rows) == 4
    assert all(row["format"] for row in rows)


def test_looking_writes_nothing(show: Path, run: Run) -> None:
    before = {p.name: p.read_bytes() for p in show.parent.iterdir() if p.is_file()}
    run("ledger", "show", show)
    run("ledger", "export", show)
    assert {p.name: p.read_bytes() for p in show.parent.iterdir() if p.is_file()} == before


def test_an_empty_ledger_says_so(tmp_path: Path, run: Run) -> None:
    ct.Ledger.open(tmp_path / "new.db").close()
    assert run("ledger", "show", tmp_path / "new.db") == (0, "no shot yet\n", "")


@pytest.mark.parametrize("name", ["none.db", "folder", "text.db"])
def test_what_is_no_ledger_is_a_sentence(name: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("no ledger at all, only text")
    for command in ("show", "export"):
        code, out, err = run("ledger", command, tmp_path / name)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
    assert not (tmp_path / "none.db").exists()


def test_a_mistyped_shot_is_named(show: Path, run: Run) -> None:
    code, _, err = run("ledger", "show", show, "--shot", "sc011")
    assert code == 2
    assert "did you mean 'sc010'?" in err
    code, _, err = run("sheet", show, "--shot", "sc011")
    assert code == 2


def test_a_sheet_of_a_shot(show: Path, tmp_path: Path, run: Run) -> None:
    from PIL import Image as Pil

    target = tmp_path / "sheet.png"
    code, out, err = run("sheet", show, "--shot", "sc010", "-o", target)
    assert (code, out, err) == (0, f"{target}\n", "")
    with Pil.open(target) as picture:
        assert picture.width == 1920
    code, _, err = run("sheet", show, "--shot", "sc010", "-o", tmp_path / "none" / "sheet.png")
    assert code == 2
