from __future__ import annotations

import json
import sqlite3
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


@pytest.fixture
def priced(tmp_path: Path) -> Path:
    """A ledger with costs of every kind, a candidate nobody could judge, and two revisions of one shot."""
    from continuity.interfaces import Observed
    from continuity.testing import FakeBackends, FakeMetric

    def brightness(seen: Observed) -> float | ct.FrameMeasurement:
        dark = ct.FrameMeasurement(status=ct.Status.NOT_MEASURABLE, note="it was too dark")
        return float(seen.pixels.mean()) if seen.pixels.any() else dark

    nobody = ct.Identity(name="nobody", enrolled=())
    path = tmp_path / "priced.db"

    def gate(limit: float) -> ct.Gate:
        metric = FakeMetric("bright", measures=brightness)
        return ct.Gate([metric], identity=nobody, tolerances={"bright": limit}, backends=FakeBackends())

    cost = ct.Cost(render=10, decode=2, preview=1, device="cuda:H100")
    with ct.Ledger.open(path) as ledger:
        old = ct.Shot("sc010", gate=gate(10), ledger=ledger)
        old.tell(old.ask(), flat(200), cost)
        new = ct.Shot("sc010", gate=gate(64), ledger=ledger)
        new.tell(new.ask(), flat(30), cost)
        none = ct.Shot("all", gate=gate(64), ledger=ledger)
        half = ct.Cost(render=4, device="cpu", steps_run=5, steps_planned=10)
        none.tell(none.ask(), error=ct.Aborted("stopped", cost=half))
        none.tell(none.ask(), flat(0), cost)
    return path


def test_the_price_of_a_shot(priced: Path, rates: Path, run: Run) -> None:
    code, out, err = run("ledger", "ratio", priced, "--rates", rates, "--json")
    assert (code, err) == (0, "")
    one, none, bill = map(json.loads, out.splitlines())
    assert (one["shot"], one["kept"], one["candidates"], one["generation_ratio"]) == ("sc010", 1, 2, 2.0)
    assert (none["shot"], none["kept"], none["renders"], none["per_kept"]) == ("all", 0, 1.5, None)
    assert (bill["generation_ratio"], bill["renders_per_kept"], bill["kept"]) == (4.0, 3.5, 1)
    kinds = {"render": 34, "decode": 6, "preview": 3, "repair": 0}
    assert {kind: bill["seconds_by_kind"][kind] for kind in kinds} == kinds
    assert bill["cost_by_kind"]["render"] == 60.0, "30 seconds on the GPU; 4 on the CPU have no price"
    assert bill["cost"] == pytest.approx(sum(bill["cost_by_kind"].values()))
    assert bill["per_kept"]["cost"] == bill["cost"]
    assert (none["states"].get("inconclusive"), none["inconclusive"]) == (1, {"bright": 1})
    assert one["inconclusive"] == {}


def test_the_price_of_a_shot_in_words(priced: Path, rates: Path, run: Run) -> None:
    _, out, _ = run("ledger", "ratio", priced, "--rates", rates)
    seconds, prices = out.split("\n\n")[:2]
    header, first, second, every, each = seconds.splitlines()
    kinds = "render decode preview score"
    assert header.split() == f"shot kept candidates renders {kinds} seconds inconclusive".split()
    assert first.split()[:7] == ["sc010", "yes", "2", "2.0", "20.0", "4.0", "2.0"]
    assert second.split()[:5] == ["all", "-", "2", "1.5", "14.0"]
    assert second.rstrip().endswith("1 (bright 1)")
    assert every.split()[:5] == ["all", "1", "4", "3.5", "34.0"]
    assert each.split()[:6] == ["per", "shot", "kept", "4.0", "3.5", "34.0"]
    assert prices.splitlines()[0].split() == ["shot", "render", "decode", "preview", "score", "CHF"]
    assert prices.splitlines()[-1].split()[:4] == ["per", "shot", "kept", "60.00"]
    assert "generation ratio 4.0 candidates per shot kept, 3.5 full renders" in out
    _, out, _ = run("ledger", "ratio", priced)
    assert "CHF" not in out and "EUR" not in out
    assert "a kept shot took 43 s" in out


def test_the_help_shows_a_file_of_rates(run: Run, tmp_path: Path) -> None:
    from continuity.cli.shot_file import read_rates

    _, out, _ = run("ledger", "ratio", "--help")
    lines = [line.strip() for line in out.splitlines()]
    first = lines.index("format = 1")
    (tmp_path / "rates.toml").write_text("\n".join(lines[first : first + 4]))
    assert read_rates(tmp_path / "rates.toml").price("cuda:NVIDIA H100 80GB") == 0.0011


def test_an_empty_ledger_has_no_price(tmp_path: Path, run: Run) -> None:
    ct.Ledger.open(tmp_path / "new.db").close()
    assert run("ledger", "ratio", tmp_path / "new.db") == (0, "no shot yet\n", "")
    _, out, _ = run("ledger", "ratio", tmp_path / "new.db", "--json")
    assert json.loads(out)["generation_ratio"] is None


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
    run("ledger", "ratio", show)
    assert {p.name: p.read_bytes() for p in show.parent.iterdir() if p.is_file()} == before


def test_features_are_listed_and_forgotten(tmp_path: Path, bright_gate: ct.Gate, run: Run) -> None:
    path, digest = tmp_path / "show.db", bright_gate.identity.digest
    with ct.Ledger.open(path) as ledger:
        shot = ct.Shot("sc010", gate=bright_gate, ledger=ledger, keep_features=True, stop=ct.BestOf(9))
        for level in (200, 30):
            shot.tell(shot.ask(), flat(level))
    before = path.read_bytes()
    code, out, err = run("ledger", "forget", path)
    assert (code, err) == (0, "")
    assert out == f"stored of identity {digest} (nobody): features of 2 candidates, 0.0 MiB\n"
    assert run("ledger", "forget", path, "f" * 16)[1].splitlines() == [
        f"erased of identity {'f' * 16}: features of 0 candidates, 0.0 MiB",
        out.strip(),
    ]
    code, out, err = run("ledger", "forget", path, digest)
    assert (code, out) == (0, f"erased of identity {digest}: features of 2 candidates, 0.0 MiB\n")
    assert list((tmp_path / "show.features").iterdir()) == []
    assert run("ledger", "forget", path)[1] == "no features are stored\n"
    assert path.read_bytes() == before


def test_forgetting_what_is_no_identity_is_a_sentence(show: Path, tmp_path: Path, run: Run) -> None:
    code, out, err = run("ledger", "forget", show, tmp_path / "nowhere")
    assert (code, out) == (2, "")
    assert "an identity folder" in err


def test_forgetting_an_identity_by_its_folder(
    tmp_path: Path, enrolled: ct.Identity, backends: ct.LocalBackends, run: Run
) -> None:
    grade = ct.Gate.for_identity(enrolled, expects={"hands": "off", "face:collins": "off"}, backends=backends)
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shot = ct.Shot("sc010", gate=grade, ledger=ledger, keep_features=True)
        shot.tell(shot.ask(), flat(120))
        assert ledger.features.kept()
    code, out, err = run("ledger", "forget", tmp_path / "show.db", enrolled.folder)
    assert (code, err) == (0, "")
    assert f"erased of identity {enrolled.digest}: features of 1 candidate," in out


def test_an_empty_ledger_says_so(tmp_path: Path, run: Run) -> None:
    ct.Ledger.open(tmp_path / "new.db").close()
    assert run("ledger", "show", tmp_path / "new.db") == (0, "no shot yet\n", "")


@pytest.mark.parametrize("name", ["none.db", "folder", "text.db"])
def test_what_is_no_ledger_is_a_sentence(name: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("no ledger at all, only text")
    for command in ("show", "export", "ratio"):
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


def test_a_lost_render_is_a_whole_one_in_the_row_of_its_shot(show: Path, run: Run) -> None:
    with sqlite3.connect(show) as database:
        database.execute("update candidates set state = 'lost' where id = 3")
    _, out, _ = run("ledger", "show", show, "--json")
    *shots, bill = map(json.loads, out.splitlines())
    assert sum(one["renders"] for one in shots) == bill["renders"]
    _, out, _ = run("ledger", "show", show)
    row = next(line for line in out.splitlines() if line.startswith("sc020"))
    assert f"{shots[1]['renders']:.1f}" in row.split()
