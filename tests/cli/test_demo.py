from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import continuity as ct
from continuity.cli.demo import ready

Run = Callable[..., tuple[int, str, str]]


def test_it_runs_end_to_end(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "out"
    code, out, err = run("demo", folder)
    assert code == 0, err
    with ct.Ledger.open(folder / "demo.db", create=False) as ledger:
        rows = list(ledger.candidates())
        bill = ledger.bill()
    assert rows[-1].kept
    assert bill.kept == 1
    assert f"generation ratio {len(rows)}" in out
    discarded = [line for line in out.splitlines() if line.lstrip().startswith("#") and "rejected" in line]
    assert len(discarded) == len(rows) - 1
    assert all(" over " in line for line in discarded), "each says what it failed on"
    for name in ("kept.png", "contact-sheet.png", "demo.db"):
        assert (folder / name).is_file()
        assert str(folder / name) in out
    with ct.Ledger.open(folder / "demo.db", create=False) as ledger:
        stored = ledger.media.path(rows[-1].media)
        assert (folder / "kept.png").read_bytes() == stored.read_bytes()

    report = run("score", folder / "kept.png", "--identity", folder / "identity", "--json")
    assert report[0] == 0
    assert json.loads(report[1])["verdict"] == "pass"


def test_it_replaces_what_an_earlier_demo_wrote_and_nothing_else(tmp_path: Path) -> None:
    ready(tmp_path / "out")
    (tmp_path / "out" / "identity").mkdir()
    for name in ("identity/identity.toml", "demo.db", "demo.db-wal", "kept.png", "mine.txt"):
        (tmp_path / "out" / name).write_text("old")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "demo.media").symlink_to(tmp_path / "elsewhere")
    ready(tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [".continuity-demo", "mine.txt"]
    assert (tmp_path / "elsewhere").is_dir()


@pytest.mark.parametrize("name", ["full", "file"])
def test_it_writes_into_nobody_elses_folder(name: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "show.db").write_text("precious")
    (tmp_path / "file").write_text("precious")
    code, out, err = run("demo", tmp_path / name)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert (tmp_path / "full" / "show.db").read_text() == "precious"
