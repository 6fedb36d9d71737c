"""``continuity tune`` from a file of labels to a page, a tolerance file and plots, with the real models."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory, backends: ct.LocalBackends) -> Path:
    """An identity of a grade alone, and 90 small pictures of it: 68 slightly off, the others visibly."""
    from skimage import data

    folder = tmp_path_factory.mktemp("graded")
    rng = np.random.default_rng(1)
    source = Pil.fromarray(data.astronaut()).resize((96, 96))
    source.save(folder / "reference.png")
    ct.enrol(folder / "identity", grade=[folder / "reference.png"], backends=backends)
    rows = []
    for i in range(90):
        bad = i % 4 == 3
        shift = np.array([1, 0, -1]) * (rng.uniform(45, 70) if bad else rng.uniform(0, 20))
        pixels = np.clip(np.asarray(source, dtype=np.float64) + shift, 0, 255).astype(np.uint8)
        pixels[0, 0] = i  # the same bytes would be the same candidate
        Pil.fromarray(pixels).save(folder / f"{i}.png")
        rows.append((f"{i}.png", "reject" if bad else "accept", f"sc{i:03}"))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "shot"), *rows])
    return folder


def tune(run: Run, folder: Path, *more: object) -> tuple[int, str, str]:
    return run("tune", folder / "labels.csv", "--identity", folder / "identity", "--limit", "grade=200",
               "--expect", "hands=off", *more)  # fmt: skip


def test_one_page_a_file_and_plots(run: Run, graded: Path, tmp_path: Path) -> None:
    code, out, err = tune(
        run, graded, "--drawn", "accepted-stream", "--stream", "abc", "--max-bad-share", "0.1",
        "-o", tmp_path / "grade.toml", "--plots", tmp_path / "plots",
    )  # fmt: skip
    assert code == 0, err
    for words in ("at most 10 % of the shots kept are bad", "accepted-stream", "stream abc", "Power:", "Sizes:",
                  "tested first", "shipped", "Not covered:"):  # fmt: skip
        assert words in out
    tuned = ct.Tolerances.open(tmp_path / "grade.toml")
    assert tuned["grade"].calibrated
    assert tuned["grade"].limit < 40
    plots = sorted(p.name for p in (tmp_path / "plots").iterdir())
    assert plots == ["det.svg", "histogram-1-grade.svg", "strictness.svg"]
    assert f"limit {tuned['grade'].limit:.3g}" in (tmp_path / "plots" / plots[1]).read_text()

    # the file is what `score` takes; no stream is known there
    code, out, _ = run("score", graded / "3.png", "--identity", graded / "identity", "--tolerances",
                       tmp_path / "grade.toml", "--expect", "hands=off")  # fmt: skip
    assert code == 1
    assert "promise not established for this stream" in out
    assert "uncalibrated" not in out

    code, _, err = tune(run, graded, "--drawn", "accepted-stream", "--max-bad-share", "0.11")
    assert code == 2
    assert "--reuse" in err
    code, out, _ = tune(run, graded, "--drawn", "accepted-stream", "--max-bad-share", "0.11", "--reuse", "--json")
    assert code == 0
    row = json.loads(out)
    assert row["promise"]["use"] == 2
    assert row["shipped_step"]["limits"] == [one["limit"] for one in row["tolerances"]]
    assert row["tuning_curve"][row["shipped"]]["limits"] == row["shipped_step"]["limits"]
    assert "curve" not in row


def test_a_promise_that_cannot_be_made_ends_with_3(run: Run, graded: Path, tmp_path: Path) -> None:
    code, out, err = tune(run, graded, "--drawn", "accepted-stream", "--max-bad-share", "0.01")
    assert (code, out) == (3, "")
    assert "299" in err
    code, _, err = tune(run, graded, "--drawn", "other mix", "--base-rate", "1:50")
    assert code == 3
    assert "shots with a rejected candidate" in err


def test_labels_of_another_mix(run: Run, graded: Path, tmp_path: Path) -> None:
    shutil.copy(graded / "labels.csv", graded / "mixed.csv")
    code, out, err = run(
        "tune", graded / "mixed.csv", "--identity", graded / "identity", "--limit", "grade=200", "--drawn", "other mix",
        "--base-rate", "1:1", "--max-bad-share", "0.3",
    )  # fmt: skip
    assert code == 0, err
    print(out)
    assert "other mix at a base rate of 50 % good candidates" in out
    assert "bad of those that pass" in out
    assert "Not covered" not in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "how they were drawn"),
        (("--drawn", "accepted-stream", "-o", "/nowhere/at/all.toml"), "-o FILE.toml"),
        (("--drawn", "other mix", "--base-rate", "much"), "--base-rate"),
        (("--drawn", "accepted-stream", "--max-bad-share", "2"), "max_bad_share"),
    ],
)
def test_wrong_options_are_sentences(run: Run, graded: Path, options: tuple[str, ...], said: str) -> None:
    code, out, err = tune(run, graded, *options)
    assert (code, out) == (2, "")
    assert said in err


def test_collect_lists_what_waits(run: Run, graded: Path, tmp_path: Path) -> None:
    lines = (graded / "labels.csv").read_text().splitlines()
    waiting = [line.replace("accept", "").replace("reject", "") for line in lines[1:9]]
    (graded / "some.csv").write_text("\n".join([lines[0], *waiting, *lines[9:]]) + "\n")
    arguments = ("tune", graded / "some.csv", "--identity", graded / "identity", "--limit", "grade=30", "--collect")
    code, out, _ = run(*arguments)
    assert code == 0
    assert "0.png" in out
    assert "\n3.png" not in out  # the gate does not accept it
    assert "149" in out
    code, out, _ = run(*arguments, "--json")
    assert {json.loads(line)["shot"] for line in out.splitlines()} == {f"sc00{i}" for i in (0, 1, 2, 4, 5, 6)}


def test_collect_where_everything_is_judged(run: Run, graded: Path) -> None:
    code, out, err = run("tune", graded / "labels.csv", "--identity", graded / "identity", "--collect")
    assert (code, err) == (0, "")
    assert "nothing that the gate accepted waits for a person" in out
