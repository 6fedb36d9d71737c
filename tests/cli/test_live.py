from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import continuity as ct
from continuity.cli.live import View, line, spent
from continuity.testing import PatternGenerator


def flat(level: int) -> ct.Image:
    return ct.Image.from_array(np.full((16, 16, 3), level, np.uint8))


def text_of(view: View) -> str:
    screen = Console(file=io.StringIO(), width=120, markup=False)
    screen.print(view.board())
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_the_board_counts(tmp_path: Path, bright_gate: ct.Gate, capfd: pytest.CaptureFixture[str]) -> None:
    rates = ct.Rates(currency="CHF", per_second={"cuda": 0.5})
    budget = ct.Budget(candidates=9, gpu_seconds=100, cost=20, rates=rates)
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shot = ct.Shot("sc010 [bold]", gate=bright_gate, ledger=ledger, measure_fully=1.0)
        shot.tell(shot.ask(), flat(250), ct.Cost(render=4, device="cuda"))  # by an earlier run
        with View(ledger, "sc010 [bold]", budget) as view:
            assert "nothing told yet" in text_of(view)
            for level in (200, 70, 90):
                view.tell(shot.tell(shot.ask(), flat(level), ct.Cost(render=10, device="cuda")))
            view.tell(shot.tell(shot.ask(), error="out of\x1b memory"))
            shown = text_of(view)
    assert "sc010 [bold]" in shown
    assert "3 rejected" in shown
    assert "1 failed" in shown
    assert "bright 3" in shown, "by failing metric"
    assert "#3  bright 70.0, over 64 levels" in shown, "the closest so far"
    assert "5 of 9 candidates" in shown, "of the shot over all runs"
    assert "34.0 of 100 GPU seconds" in shown
    assert "17.00 of 20.00 CHF" in shown
    out, err = capfd.readouterr()
    assert out == ""
    assert [row.split()[:2] for row in err.splitlines()] == [
        ["#2", "rejected"],
        ["#3", "rejected"],
        ["#4", "rejected"],
        ["#5", "failed"],
    ]
    assert "\x1b" not in err, "no colours for a pipe, and nothing that an error message brought along"


def test_a_terminal_gets_a_board_that_goes_away(
    tmp_path: Path, bright_gate: ct.Gate, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shot = ct.Shot("sc010", gate=bright_gate, ledger=ledger)
        with View(ledger, "sc010", ct.Budget(candidates=2)) as view:
            shot.run(PatternGenerator(), budget=ct.Budget(candidates=2), on_told=view.tell)
    err = capfd.readouterr().err
    assert "rendering and measuring" in err
    assert err.count("\x1b[?25l") == err.count("\x1b[?25h") == 1, "the cursor comes back"


def test_the_board_says_where_in_a_campaign_it_is(tmp_path: Path) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shown = text_of(View(ledger, "sc010", ct.Budget(), "shot 3 of 20"))
        assert shown.index("shot 3 of 20") < shown.index("sc010")


def test_a_line_says_what_failed(tmp_path: Path, bright_gate: ct.Gate) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shot = ct.Shot("sc010", gate=bright_gate, ledger=ledger)
        told = shot.tell(shot.ask(), flat(200), ct.Cost(render=75))
        assert line(told).plain == "#1    rejected      bright 200, over 64 levels  (1 min 15 s)"


def test_what_was_spent_without_limits_and_rates() -> None:
    from continuity.ledger import Totals

    assert (
        spent(Totals(candidates=1234, seconds={("cpu", "render"): 90.0}), ct.Budget()) == "1,234 candidates, 1 min 30 s"
    )
