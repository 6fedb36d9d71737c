from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import continuity as ct

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def show(tmp_path: Path, bright_gate: ct.Gate, flat: Callable[[int], ct.Image]) -> Path:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shot = ct.Shot("sc010", gate=bright_gate, ledger=ledger)
        for level in (200, 30):
            shot.tell(shot.ask(), flat(level), ct.Cost(render=3.0, device="cuda"))
    return tmp_path / "show.db"


def test_pages_and_bill(show: Path, tmp_path: Path, run: Run) -> None:
    rates = tmp_path / "rates.toml"
    rates.write_text("format = 1\n[rates]\ncurrency = 'CHF'\nper_second = { cuda = 2.0 }\n")
    target = tmp_path / "out"
    code, out, err = run("report", show, "-o", target, "--rates", rates, "--shot", "sc010")
    assert (code, out, err) == (0, f"{target / 'index.html'}\n", "")
    assert {p.name for p in target.iterdir()} == {
        ".continuity-report", "index.html", "shot-1-sc010.html", "bill.csv", "media", "report.css", "report.js",
    }  # fmt: skip
    assert "CHF" in (target / "index.html").read_text(encoding="utf-8")


def test_budget_of_a_campaign_and_more_files(show: Path, tmp_path: Path, run: Run) -> None:
    campaign = tmp_path / "campaign.toml"
    campaign.write_text(
        "format = 1\n[rates]\ncurrency = 'CHF'\nper_second = { cuda = 2.0 }\n[budget]\ncandidates = 4\n"
        "[generator]\nkind = 'simulator'\nsource = 'a.png'\n[[shots]]\nname = 'sc010'\n[[shots]]\nname = 'sc020'\n"
    )
    target = tmp_path / "out"
    code, _, err = run("report", show, "-o", target, "--budget", campaign, "--pdf", "--parquet")
    assert (code, err) == (0, "")
    assert {"bill.pdf", "measurements.parquet"} <= {p.name for p in target.iterdir()}
    text = " ".join(re.sub("<[^>]*>", " ", (target / "index.html").read_text(encoding="utf-8")).split())
    assert "takes 4 2 50 %" in text
    assert "CHF" in text
    code, _, err = run("report", show, "-o", target, "--budget", tmp_path / "none.toml")
    assert (code, "none.toml" in err) == (2, True)


def test_what_cannot_be_reported(show: Path, tmp_path: Path, run: Run) -> None:
    for words, said in (
        (("report", tmp_path / "none.db"), "none.db"),
        (("report", show, "--shot", "sc01"), "has no shot 'sc01'"),
        (("report", show, "-o", show), "a folder for the report was wanted"),
        (("report", show, "--identity", tmp_path), "identity"),
    ):
        code, out, err = run(*words)
        assert (code, out) == (2, "")
        assert said in err
        assert "Traceback" not in err
