from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.cli.aborts import lines
from continuity.testing import FakeBackends, FakeMetric, PatternGenerator

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def show(tmp_path: Path) -> Path:
    """One shot of flat pictures, brightness by seed, of which one in two is accepted and each preview tells all."""
    gate = ct.Gate(
        [FakeMetric("bright", previewable=True)],
        identity=ct.Identity(name="nobody", enrolled=()),
        tolerances={"bright": 128.0},
        backends=FakeBackends(),
    )
    watch = ct.PreviewAbort(gate.metrics, identity=gate.identity, backends=FakeBackends(), at=(0.5,))
    path = tmp_path / "show.db"
    with ct.Ledger.open(path) as ledger:
        shot = ct.Shot("sc010", gate=gate, ledger=ledger, stop=ct.BestOf(60, futility=None))
        shot.run(PatternGenerator(), budget=ct.Budget(candidates=90), aborts=watch)
    return path


def test_bound_accepts_and_savings_are_printed(show: Path, run: Run) -> None:
    code, out, err = run("ledger", "aborts", show)
    assert (code, err) == (0, "")
    assert "PatternGenerator, 4 steps, pool " in out
    assert "in force: at most 10% of acceptable candidates lost with 95% confidence; today at most" in out
    assert "90 candidates watched in" in out
    assert "would have been lost (share at most" in out


def test_json_adds_up(show: Path, run: Run) -> None:
    _, out, _ = run("ledger", "aborts", show, "--json")
    (found,) = [json.loads(line) for line in out.splitlines()]
    assert (found["format"], found["generator"], found["in_force"]) == (1, "PatternGenerator", True)
    assert found["accepts"] >= 29
    assert 0.05 < found["lost_at_most"] <= 0.1
    assert found["watched"] == 90
    assert found["saved"] == pytest.approx(found["aborted"] / 2)
    assert found["renders"] + found["saved"] == pytest.approx(90)
    assert 0 < found["predicted"] < found["let_through"]
    assert found["would_save"] == pytest.approx(found["would_abort"] / 2)
    assert found["lost"] <= found["predicted_accepts"]
    with ct.Ledger.open(show, create=False) as ledger:
        states = [row.state for row in ledger.candidates()]
    assert found["aborted"] == states.count(ct.State.ABORTED) > 0


def test_shadow_mode_is_said(tmp_path: Path, run: Run) -> None:
    from continuity.aborts import Savings
    from continuity.aborts.learning import Promise

    one = Savings(
        pool="ab" * 16, stream="s", steps=30, promise=Promise(), in_force=False, accepts=1, lost_at_most=0.95,
        watched=5, renders=5.0, let_through=5, aborted=0, saved=0.0, predicted=0, would_abort=0, would_save=0.0,
        predicted_accepts=0, lost=0, lost_upper=1.0,
    )  # fmt: skip
    said = lines(one)
    assert said[0].startswith("shadow mode, nothing is stopped")
    assert "at most 95.0%, from 1 accepted candidate that" in said[0]
    assert "(-)" in said[2]


def test_a_ledger_without_watched_renders(tmp_path: Path, run: Run) -> None:
    ct.Ledger.open(tmp_path / "empty.db").close()
    code, out, _ = run("ledger", "aborts", tmp_path / "empty.db")
    assert code == 0
    assert "no render was watched yet" in out
    assert run("ledger", "aborts", tmp_path / "none.db")[0] == 2


@pytest.fixture
def shot(tmp_path: Path) -> Callable[[str], Path]:
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    pixels = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], np.uint8(90)), axis=-1)
    Pil.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / "ramp.png")
    ct.enrol(tmp_path / "mara", grade=[tmp_path / "ramp.png"], name="mara")

    def write(text: str) -> Path:
        path = tmp_path / "shot.toml"
        path.write_text(
            'format = 1\nname = "sc010"\nidentity = "mara"\nledger = "show.db"\nbatch = 1\n'
            'generator = { kind = "simulator", source = "ramp.png", size = 64 }\nbudget = { candidates = 2 }\n' + text
        )
        return path

    return write


def test_a_shot_file_asks_for_aborts(shot: Callable[[str], Path], tmp_path: Path, run: Run) -> None:
    path = shot("[aborts]\nat = [0.5]\nmax_lost = 0.2\n")
    code, out, _ = run("run", path, "--dry-run", "--json")
    assert code == 0
    described: Any = json.loads(out)["aborts"]
    assert (described["at"], described["max_lost"], list(described["instruments"])) == ([0.5], 0.2, ["grade"])
    assert run("run", path)[0] in (0, 4)
    with ct.Ledger.open(tmp_path / "show.db", create=False) as ledger:
        watched = ledger.watched()
        assert watched
        assert [(p.step, p.steps) for p in watched[0].previews.items] == [(10, 20)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[aborts]\nmax_los = 0.1", "max_lost"), ("[aborts]\nmax_lost = 2", "max_lost: a share above 0"),
        ("[aborts]\nat = ['x']", "a number was wanted"), ("[aborts]\nlearn = 'all'", "learn is"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_any_render(
    shot: Callable[[str], Path], tmp_path: Path, run: Run, text: str, said: str
) -> None:
    code, _, err = run("run", shot(text))
    assert code == 2
    assert said in err
    assert "[aborts]" in err
    assert not (tmp_path / "show.db").exists()


def test_a_batch_is_never_aborted(shot: Callable[[str], Path], run: Run) -> None:
    path = shot("[aborts]\n")
    path.write_text(path.read_text().replace("batch = 1", "batch = 4"))
    code, _, err = run("run", path)
    assert code == 2
    assert "a batch is never aborted" in err


def test_optuna_in_a_shot_file(shot: Callable[[str], Path], tmp_path: Path, run: Run) -> None:
    pytest.importorskip("optuna")
    path = shot('[proposer]\nkind = "optuna"\nstartup = 2\nvary = { grade = { low = 0.0, high = 1.0 } }\n')
    assert run("run", path)[0] in (0, 4)
    with ct.Ledger.open(tmp_path / "show.db", create=False) as ledger:
        assert {row.origin for row in ledger.candidates()} == {ct.Origin.LEARNED}
    bad = shot('[proposer]\nkind = "optuna"\norder = "grid"\nvary = { grade = [0.0] }\n')
    assert "[proposer]" in run("run", bad)[2]
