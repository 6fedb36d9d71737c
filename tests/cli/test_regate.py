"""``continuity regate`` and ``continuity forecast`` on a ledger of real pictures and the real grade metric."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct

Run = Callable[..., tuple[int, str, str]]
SHIFTS = (4, 30, 60, 9, 45)  # of red against blue, in levels; the limit lies between 9 and 30


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory, backends: ct.LocalBackends) -> Path:
    """A folder with a ledger of two shots, the identity they were judged by, and another grade of it."""
    from skimage import data

    folder = tmp_path_factory.mktemp("show")
    source = Pil.fromarray(data.astronaut()).resize((96, 96))
    source.save(folder / "reference.png")
    ct.enrol(folder / "identity", grade=[folder / "reference.png"], backends=backends)
    shifted(source, 30).save(folder / "warmer.png")
    ct.enrol(folder / "warmer", grade=[folder / "warmer.png"], backends=backends)
    limits = ct.Tolerances((ct.Tolerance(key="grade", limit=8.0, scale=4.0),))
    gate = ct.Gate.for_identity(ct.Identity.open(folder / "identity"), tolerances=limits, backends=backends)
    with ct.Ledger.open(folder / "show.db") as ledger:
        for name in ("sc010", "sc020"):
            shot = ct.Shot(name, gate=gate, ledger=ledger, stop=ct.BestOf(99), measure_fully=1.0)
            for shift in SHIFTS:
                picture = ct.Image.from_array(np.asarray(shifted(source, shift)))
                shot.tell(shot.ask(), picture, ct.Cost(render=30.0, device="cuda:x"))
            shot.keep()
    return folder


def shifted(source: Pil.Image, shift: int) -> Pil.Image:
    pixels = np.asarray(source, dtype=np.int16) + np.array([shift, 0, -shift], dtype=np.int16)
    return Pil.fromarray(pixels.clip(0, 255).astype(np.uint8))


def write(path: Path, limit: float) -> Path:
    ct.Tolerances((ct.Tolerance(key="grade", limit=limit, scale=4.0),)).save(path)
    return path


def test_a_looser_limit_from_stored_measurements(run: Run, show: Path, tmp_path: Path) -> None:
    before = (show / "show.db").read_bytes()
    code, out, err = run("regate", show / "show.db", "--tolerances", write(tmp_path / "new.toml", 22.0))
    assert code == 0, err
    assert "of 10 rendered candidates pass now" in out
    assert "measurements" in out
    assert "kept, but" not in out
    code, out, _ = run("regate", show / "show.db", "--limit", "grade=22", "--shot", "sc020", "--json")
    *rows, whole = map(json.loads, out.splitlines())
    assert {row["shot"] for row in rows} == {"sc020"}
    assert {row["source"] for row in rows} == {"measurements"}
    now = {row["index"]: row["now"] for row in rows}
    assert (now[0], now[1], now[2]) == ("pass", "pass", "fail")
    assert whole["sources"] == {"measurements": 5, "features": 0, "media": 0, "cannot be judged": 0}
    assert whole["newly_passing"] == [
        row["candidate"] for row in rows if row["now"] == "pass" and row["before"] != "accepted"
    ]
    assert (show / "show.db").read_bytes() == before


def test_a_stricter_limit_names_the_kept(run: Run, show: Path) -> None:
    code, out, _ = run("regate", show / "show.db", "--limit", "grade=0.01")
    assert code == 0
    assert out.startswith("0 of 10 rendered candidates pass now")
    assert "kept, but #1 of sc010 is fail now (grade)" in out
    assert "accepted before, not now:" in out


def test_another_identity_measures_stored_media_again_under_the_same_limits(run: Run, show: Path) -> None:
    code, out, err = run("regate", show / "show.db", "--identity", show / "warmer", "--shot", "sc010", "--json")
    assert code == 0, err
    *rows, whole = map(json.loads, out.splitlines())
    sources = {row["index"]: row["source"] for row in rows}
    assert sources[0] == "media"
    assert whole["sources"]["measurements"] == 0
    now = {row["index"]: row["now"] for row in rows}
    assert now[0] == "fail"  # what was close to the old grade is not close to the new one
    assert now[1] == "pass"  # and the other way round: a single failing metric, so its full media were stored
    code, out, _ = run("regate", show / "show.db", "--identity", show / "identity", "--json")
    assert json.loads(out.splitlines()[-1])["sources"]["measurements"] == 10  # the same identity: nothing to measure


def test_stored_features_stand_in_for_media_that_are_gone(
    run: Run, show: Path, tmp_path: Path, backends: ct.LocalBackends
) -> None:
    limits = ct.Tolerances((ct.Tolerance(key="grade", limit=8.0, scale=4.0),))
    identity = ct.Identity.open(show / "identity")
    gate = ct.Gate.for_identity(identity, tolerances=limits, expects={"hands": "off"}, backends=backends)
    with ct.Ledger.open(tmp_path / "show.db") as ledger, Pil.open(show / "reference.png") as source:
        shot = ct.Shot("sc010", gate=gate, ledger=ledger, keep_features=True, stop=ct.BestOf(99), measure_fully=1.0)
        for shift in SHIFTS:
            shot.tell(shot.ask(), ct.Image.from_array(np.asarray(shifted(source, shift))))
    command = ("regate", tmp_path / "show.db", "--identity", show / "warmer")

    def judged() -> list[dict[str, Any]]:
        code, out, err = run(*command, "--json")
        assert code == 0, err
        return [json.loads(line) for line in out.splitlines()[:-1]]

    aside = (tmp_path / "show.features").rename(tmp_path / "aside")
    by_media = judged()
    aside.rename(tmp_path / "show.features")
    shutil.rmtree(tmp_path / "show.media" / "full")
    by_features = judged()
    assert {one["source"] for one in by_media} == {"media"}
    assert {one["source"] for one in by_features} == {"features"}
    assert [(one["now"], one["worst_excess"]) for one in by_features] == [
        (one["now"], pytest.approx(one["worst_excess"], abs=1e-6)) for one in by_media
    ]
    assert {one["now"] for one in by_features} == {"pass", "fail"}
    assert "features" in run(*command)[1]
    assert run("ledger", "forget", tmp_path / "show.db", show / "identity")[0] == 0
    assert {one["source"] for one in judged()} == {"cannot be judged"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--tolerances FILE"),
        (("--limit", "face:mara=1"), "grade"),
        (("--limit", "grade=nan"), "finite"),
        (("--limit", "grade=1", "--expect", "grade=if_present"), "--identity"),
        (("--limit", "grade=1", "--shot", "sc011"), "sc010"),
        (("--tolerances", "/nowhere.toml"), "tolerance file"),
        (("--identity", "/nowhere"), "identity"),
    ],
)
def test_wrong_options_are_sentences(run: Run, show: Path, options: tuple[str, ...], said: str) -> None:
    code, out, err = run("regate", show / "show.db", *options)
    assert (code, out) == (2, "")
    assert said in err


def test_a_forecast_and_two_bids(run: Run, show: Path, tmp_path: Path) -> None:
    (tmp_path / "rates.toml").write_text('format = 1\n[rates]\ncurrency = "CHF"\nper_second = { cuda = 0.01 }\n')
    rates = ("--rates", tmp_path / "rates.toml")
    code, out, err = run("forecast", show / "show.db", "--budget", 20, *rates)
    assert code == 0, err
    for words in (
        "sc010",
        "a new shot",
        "2 of 5",
        "CHF",
        "a campaign of 2 new shots",
        "rests on 10 candidates of 2 shots",
    ):
        assert words in out, words
    ours, theirs = write(tmp_path / "ours.toml", 8.0), write(tmp_path / "theirs.toml", 25.0)
    code, out, err = run("forecast", show / "show.db", "--tolerances", ours, "--tolerances", theirs, *rates)
    assert code == 0, err
    assert "limit, and the share that fails it alone" in out
    assert "8, 60%" in out
    code, out, _ = run("forecast", show / "show.db", "--tolerances", ours, "--tolerances", theirs, "--json")
    mine, other = map(json.loads, out.splitlines())
    assert mine["tolerances"] == str(ours)
    assert mine["new_shot"]["candidates"]["median"] > other["new_shot"]["candidates"]["median"]
    assert mine["new_shot"]["seconds"]["median"] > other["new_shot"]["seconds"]["median"]
    assert mine["rests_on"]["candidates"] == 10


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--budget", "0"), "budget"),
        (("--chance", "1"), "chance"),
        (("--limit", "face:mara=1"), "grade"),
        (("--tolerances", "a.toml") * 3, "twice"),
        (("--shot", "sc011"), "sc010"),
        (("--rates", "/nowhere.toml"), "cannot be read"),
    ],
)
def test_wrong_forecasts_are_sentences(run: Run, show: Path, options: tuple[str, ...], said: str) -> None:
    code, out, err = run("forecast", show / "show.db", *options)
    assert (code, out) == (2, "")
    assert said in err


def test_an_empty_ledger(run: Run, tmp_path: Path) -> None:
    ct.Ledger.open(tmp_path / "empty.db").close()
    code, out, _ = run("regate", tmp_path / "empty.db", "--limit", "grade=1")
    assert code == 0
    assert out.startswith("0 of 0 rendered candidates pass now")
    code, _, err = run("forecast", tmp_path / "empty.db")
    assert code == 2
    assert "pilot" in err
