from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import continuity as ct

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(dressed: ct.Identity) -> Path:
    """The astronaut in her suit, a cup and a studio."""
    assert dressed.folder is not None
    return dressed.folder


def test_what_is_enrolled_and_what_is_measured_is_shown(folder: Path, dressed: ct.Identity, run: Run) -> None:
    code, out, err = run("identity", folder)
    assert (code, err) == (0, "")
    assert out.startswith(f"collins  identity {dressed.digest}, {folder}\n")
    lines = [line.split() for line in out.splitlines()]
    digest = dressed.enrolled[0].references[0].digest[:16]
    assert ["actor", "collins", "astronaut.png", "512", "x", "512", digest] in lines
    assert any(line[:6] == ["product", "cup", "coffee.png", "600", "x", "400"] for line in lines)
    for space in dressed.stored_features:
        assert any(line[:1] == [space] for line in lines)
    gate = ct.Gate.for_identity(dressed)
    for metric in gate.metrics:
        limit = f"{gate.tolerances[metric.key].limit:.3g}"
        (shown,) = (
            line for line in lines if line[:1] == [metric.key] and f"[{gate.instruments[metric.key].digest}]" in line
        )
        assert shown[1:3] == [str(metric.expect), limit] and "provisional" in shown
    assert f"not checked: {', '.join(gate.not_checked)}\n" in out
    assert "grade" in gate.not_checked and "lip sync" in gate.not_checked
    assert "Apache-2.0" in out


def test_as_json(folder: Path, dressed: ct.Identity, run: Run) -> None:
    code, out, err = run("identity", folder, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["format"], told["digest"], told["actors"], told["exit_code"]) == (1, dressed.digest, ["collins"], 0)
    (actor,) = (one for one in told["enrolled"] if one["kind"] == "actor")
    (reference,) = actor["references"]
    assert (reference["source"], reference["size"]) == ("astronaut.png", [512, 512])
    assert (folder / reference["path"]).is_file()
    assert set(told["features"]) == set(dressed.stored_features)
    face = next(one for one in told["metrics"] if one["key"] == "face:collins")
    gate = ct.Gate.for_identity(dressed)
    assert face["limit"] == gate.tolerances["face:collins"].limit
    assert face["evidence"] and face["calibrated"] is False
    assert told["not_checked"] == list(gate.not_checked)


def test_limits_and_expectations_that_would_apply(folder: Path, run: Run, tmp_path: Path) -> None:
    limits = tmp_path / "mara.toml"
    ct.Tolerances((ct.Tolerance(key="face:collins", limit=0.123, scale=0.1),)).save(limits)
    code, out, _ = run("identity", folder, "--tolerances", limits, "--expect", "set:studio=off")
    assert code == 0
    face = next(line.split() for line in out.splitlines() if line.startswith("face:collins"))
    assert face[2] == "0.123" and "typed by hand" in " ".join(face)
    assert "set:studio" not in out
    assert ", set, " in out[out.index("not checked") :]


def test_the_references_are_drawn(folder: Path, run: Run, tmp_path: Path) -> None:
    code, out, err = run("identity", folder, "--draw", tmp_path / "who.png")
    assert (code, err) == (0, "")
    assert f"drawn: {tmp_path / 'who.png'}" in out
    assert ct.open_media(tmp_path / "who.png").size[0] > 1000
    code, out, _ = run("identity", folder, "--draw", tmp_path / "again.png", "--json")
    assert json.loads(out)["drawn"] == str(tmp_path / "again.png")


def test_drawing_writes_over_nothing(folder: Path, dressed: ct.Identity, run: Run, tmp_path: Path) -> None:
    shutil.copytree(folder, other := tmp_path / "who")
    photograph = tmp_path / "photograph.png"
    photograph.write_bytes(reference := (other / dressed.enrolled[0].references[0].path).read_bytes())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    inside = other / dressed.enrolled[0].references[0].path
    for target, said in ((inside, "outside"), (inside.with_name("new.png"), "outside"), (photograph, "there already")):
        code, out, err = run("identity", other, "--draw", target)
        assert (code, out) == (2, "")
        assert said in err and "Traceback" not in err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert photograph.read_bytes() == reference
    said = " ".join(run("identity", "--help")[1].split())
    assert "as a new file outside of DIR" in said and "refuses a file that is there already" in said


def test_what_lacks_features_is_shown_with_what_to_do(folder: Path, run: Run, tmp_path: Path) -> None:
    """As where another face backend is here now than the one that it was enrolled with."""
    shutil.copytree(folder, other := tmp_path / "other")
    text = (other / "identity.toml").read_text()
    assert "dlib-" in text
    (other / "identity.toml").write_text(text.replace('"dlib-', '"another-'))
    code, out, err = run("identity", other)
    assert code == 2
    assert "astronaut.png" in out and "another-" in out and "not checked: " in out
    assert next(line.split() for line in out.splitlines() if line.startswith("face:collins"))[2] == "-"
    assert "--refresh" in err and "Traceback" not in err
    code, out, _ = run("identity", other, "--json")
    told = json.loads(out)
    assert (code, told["exit_code"], "--refresh" in told["error"]) == (2, 2, True)
    assert {one["limit"] for one in told["metrics"]} == {None}


def test_without_its_models_it_is_shown_too(folder: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "continuity", "identity", str(folder)],
        env={**os.environ, "CONTINUITY_WEIGHTS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "astronaut.png" in done.stdout) == (5, True)
    assert "continuity weights pull" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "continuity enrol nowhere"),
        (["."], "identity.toml"),
        (["who", "--tolerances", "none.toml"], "none.toml"),
        (["who", "--expect", "face:collins=requird"], "did you mean 'required'?"),
        (["who", "--expect", "face:mara=off"], "face:mara"),
        (["who", "--draw", "who.jpg"], "who.png"),
        (["who", "--draw", "nowhere/who.png"], "nowhere/who.png"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(
    words: list[str], said: str, folder: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "who").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    code, out, err = run("identity", *words)
    assert (code, out) == (2, "")
    assert said in err and "Traceback" not in err
