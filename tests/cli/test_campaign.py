from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct

Run = Callable[..., tuple[int, str, str]]

RENDERER = '''
"""Renders a photograph, darker or not; LOG has the prompt of every render, and MADE every making of a renderer."""
import pathlib
import time

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
PHOTOGRAPH = np.asarray(Image.open(HERE / "photograph.png").convert("RGB"))


def note(name, text):
    with (HERE / name).open("a") as log:
        log.write(text + "\\n")


def gain(seed, prompt, level=0.3):
    note("log.txt", prompt)
    if prompt == "slow":
        time.sleep(1)
    if prompt == "asleep":
        time.sleep(60)
    if prompt == "broken":
        raise RuntimeError("no memory left")
    return (PHOTOGRAPH * level).astype("uint8")


class Made:
    settings = {}

    def __init__(self):
        note("made.txt", "made")

    def render(self, recipe, watch=None):
        raise SystemExit(3)


class Quits(Made):
    def __init__(self):
        raise SystemExit(3)
'''


@pytest.fixture
def campaign(tmp_path: Path, astronaut: np.ndarray, enrolled: ct.Identity) -> Callable[..., Path]:
    """Writes a campaign beside its render module; ``MODULE`` in a text is the name of the module."""
    module = f"campaign_{abs(hash(tmp_path.name))}"
    (tmp_path / f"{module}.py").write_text(RENDERER)
    Pil.fromarray(astronaut).save(tmp_path / "photograph.png")

    def write(shots: str, name: str = "campaign.toml", top: str = "[budget]\ncandidates = 2\n") -> Path:
        path = tmp_path / name
        common = (
            f'format = 1\nidentity = "{enrolled.folder}"\nledger = "show.db"\n'
            f'generator = {{ kind = "function", function = "MODULE:gain" }}\n{top}\n'
        )
        path.parent.mkdir(exist_ok=True)
        path.write_text((common + shots).replace("MODULE", module))
        return path

    return write


KEPT = '[[shots]]\nname = "sc010"\nprompt = "first"\ngenerator = { settings = { level = 1.0 } }\n'
NONE = '[[shots]]\nname = "sc020"\nprompt = "second"\n'
BROKEN = '[[shots]]\nname = "sc030"\nprompt = "broken"\nstop = { failures = 1 }\n'
LAST = KEPT.replace("sc010", "sc040").replace("first", "last")
RATES = "[budget]\ncandidates = 2\n[rates]\ncurrency = 'CHF'\nper_second = { cpu = 10.0 }\n"


def log(path: Path) -> list[str]:
    return (path.parent / "log.txt").read_text().split()


def test_it_runs_in_order_goes_on_and_ends_with_a_bill(campaign: Callable[..., Path], run: Run) -> None:
    path = campaign(KEPT + NONE + BROKEN + LAST, top=RATES)
    code, out, err = run("run", path)
    assert code == 1, "failures (1) come before a spent budget (4)"
    assert log(path) == ["first", "second", "second", "broken", "last"]
    for place in ("shot 1 of 4: sc010", "shot 2 of 4: sc020", "shot 3 of 4: sc030", "shot 4 of 4: sc040"):
        assert place in err
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert rows["sc010"].split()[1:4] == ["#1", "1", "1.0"]
    assert rows["sc020"].split()[1:4] == ["-", "2", "2.0"]
    assert "candidates" in rows["sc020"]
    assert "2 of 2: grade; nearest" in rows["sc020"]
    assert "failures" in rows["sc030"]
    assert "accepted" in rows["sc040"]
    assert rows["all"].split()[1:4] == ["2", "5", "5.0"]
    assert out.count("CHF") >= 6
    assert "generation ratio 2.5 candidates per shot kept" in out

    code, out, err = run("run", path)
    assert log(path)[5:] == ["broken"], "what is kept is passed over, what is spent stays spent"
    assert "shot 1 of 4: sc010 has kept candidate 1, passed over" in err
    assert code == 1


def test_json_is_a_line_a_shot_and_the_bill(campaign: Callable[..., Path], run: Run) -> None:
    path = campaign(KEPT + NONE, top=RATES)
    code, out, _ = run("run", path, "--json")
    first, second, bill = map(json.loads, out.splitlines())
    assert (code, bill["exit_code"]) == (4, 4)
    assert (first["shot"], first["exit_code"], first["kept"]["candidate"]) == ("sc010", 0, 1)
    assert (second["shot"], second["stopped_by"], second["kept"]) == ("sc020", "candidates", None)
    assert second["fails_most"].startswith("2 of 2: ")
    assert (bill["shots"], bill["kept"], bill["candidates"], bill["generation_ratio"]) == (2, 1, 3, 3.0)
    assert bill["currency"] == "CHF"
    assert bill["cost"] == pytest.approx(10 * bill["seconds"])
    _, out, _ = run("run", path, "--json")
    again = json.loads(out.splitlines()[0])
    assert (again["kept"]["candidate"], again["rendered"], again["candidates"]) == (1, 0, 1)
    assert set(again) == set(first)


def test_a_shot_file_over_what_is_common_and_inline_keys_over_both(
    campaign: Callable[..., Path], run: Run, astronaut: np.ndarray
) -> None:
    path = campaign('[[shots]]\nfile = "two/sc020.toml"\nbudget = { candidates = 1 }\nlimits = { grade = 7.5 }\n')
    beneath = path.parent / "two" / "sc020.toml"
    beneath.parent.mkdir()
    Pil.fromarray((astronaut * 0.3).astype(np.uint8)).save(beneath.parent / "take1.png")
    beneath.write_text(
        'format = 1\nname = "sc020"\nledger = "own.db"\nbudget = { candidates = 9, seconds = 60 }\n'
        'limits = { grade = 3.0, "face:collins" = 0.4 }\n'
        'generator = { kind = "folder", folder = ".", pattern = "*.png" }'
    )
    code, out, err = run("run", path, "--dry-run", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["shot"] == "sc020"
    assert told["ledger"] == str(beneath.parent / "own.db"), "paths are relative to the file they are written in"
    assert told["settings"]["folder"] == str(beneath.parent)
    assert told["budget"] == {"candidates": 1, "seconds": 60}
    assert (told["limits"]["grade"]["limit"], told["limits"]["face:collins"]["limit"]) == (7.5, 0.4)


def test_what_is_the_same_is_made_once(campaign: Callable[..., Path], run: Run) -> None:
    made = 'generator = { kind = "function", function = "MODULE:Made" }\n'
    path = campaign("".join(f'[[shots]]\nname = "sc{k}"\n{made}' for k in range(3)) + NONE)
    assert run("run", path, "--dry-run")[0] == 0
    assert (path.parent / "made.txt").read_text().split() == ["made"]


def test_a_dry_run_checks_all_and_renders_nothing(campaign: Callable[..., Path], run: Run) -> None:
    path = campaign(KEPT + NONE)
    before = sorted(p.name for p in path.parent.iterdir() if p.name != "__pycache__")
    code, out, _ = run("run", path, "--dry-run")
    assert code == 0
    assert "the first accepted, or 2 candidates" in out
    assert "everything needed for 2 shots is there" in out
    assert sorted(p.name for p in path.parent.iterdir() if p.name != "__pycache__") == before


@pytest.mark.parametrize("words", [["--dry-run"], []])
def test_what_is_wrong_anywhere_is_said_of_every_shot_before_the_first_render(
    words: list[str], campaign: Callable[..., Path], run: Run
) -> None:
    wrong = (
        '[[shots]]\nname = "sc020"\ngenerator = { function = "MODULE:gian" }\n'
        '[[shots]]\nname = "sc030"\nlimits = { hat = 1.0 }\n'
        '[[shots]]\nname = "sc010"\n'
        '[[shots]]\nname = "sc050"\nledger = "nowhere/show.db"\n'
    )
    path = campaign(KEPT + wrong)
    code, out, err = run("run", path, *words)
    assert (code, out) == (2, "")
    for said in ("4 of 5 shots cannot run", "did you mean 'gain'?", "hat", "shot 1 is called 'sc010' too", "nowhere"):
        assert said in err
    assert "[[shots]] 2 (sc020)" in err
    assert not (path.parent / "log.txt").exists()
    assert not (path.parent / "show.db").exists()


def test_a_missing_package_ends_with_5(campaign: Callable[..., Path], run: Run) -> None:
    path = campaign(KEPT + '[[shots]]\nname = "x"\ngenerator = { function = "needs_more:render" }\n')
    (path.parent / "needs_more.py").write_text("import no_such_package\n")
    code, _, err = run("run", path)
    assert code == 5
    assert "no_such_package" in err


@pytest.mark.parametrize(
    ("shots", "said"),
    [
        ("shots = []\n", "at least one [[shots]]"),
        ("shots = 3\n", "a list was wanted"),
        ("shots = [3]\n", "a table was wanted"),
        ("[[shots]]\nprompt = 'x'\n", "'name' must be given"),
        ("[[shots]]\nname = ' '\n", "a shot needs a name"),
        ("[[shots]]\nname = 'a'\nformat = 1\n", "there is no key 'format'"),
        ("[[shots]]\nname = 'a'\nprom = 'x'\n", "did you mean 'prompt'?"),
        ("[[shots]]\nname = 'a'\nbudget = 3\n", "a table was wanted"),
        ("[[shots]]\nname = 'a'\nbudget = { candidate = 3 }\n", "did you mean 'candidates'?"),
        ("[[shots]]\nname = 'a'\nidentity = 3\n", "text was wanted"),
        ("[[shots]]\nname = 'a'\nrates = { currency = 'USD' }\n[[shots]]\nname = 'b'\n", "write [rates] at its top"),
        ("[[shots]]\nfile = 'none.toml'\n", "none.toml cannot be read"),
        ("[[shots]]\nfile = 3\n", "text was wanted"),
        ("[[shots]]\nfile = 'campaign.toml'\n", "there is no key 'shots'"),
        ("[[shots]]\nname = 'a'\n[stops]\nfailures = 1\n", "did you mean"),
    ],
)
def test_a_wrong_campaign_is_a_sentence(shots: str, said: str, campaign: Callable[..., Path], run: Run) -> None:
    top = shots if shots.startswith("shots") else ""
    path = campaign("" if top else shots, top=top)
    for words in (["--dry-run"], []):
        code, out, err = run("run", path, *words)
        assert (code, out) == (2, ""), err
        assert said in err
        assert "campaign.toml" in err or "none.toml" in err


@pytest.mark.parametrize(
    ("kind", "function", "said"),
    [
        ("function", "MODULE:Quits", "the generator cannot be made (SystemExit: 3)"),
        ("function", "quitting:render", "quitting:render cannot be imported (SystemExit: 4)"),
        ("diffusers", "MODULE:Quits", "Quits cannot be made (SystemExit: 3)"),
    ],
)
def test_what_wants_to_end_the_process_while_it_is_checked_is_said_of_its_shot(
    kind: str, function: str, said: str, campaign: Callable[..., Path], run: Run
) -> None:
    if kind == "diffusers":
        pytest.importorskip("diffusers")
    wrong = f'[[shots]]\nname = "sc020"\ngenerator = {{ kind = "{kind}", function = "{function}" }}\n'
    path = campaign(KEPT + wrong)
    (path.parent / "quitting.py").write_text("raise SystemExit(4)\n")
    code, out, err = run("run", path)
    assert (code, out) == (2, ""), err
    assert "1 of 2 shots cannot run" in err
    assert "[[shots]] 2 (sc020)" in err
    assert said in err


PIPES = """
from continuity.testing.pipelines import tiny_pipeline


def pipe():
    return tiny_pipeline("sd")


def quits():
    raise SystemExit("no licence")
"""


def test_a_pipe_that_ends_the_process_ends_its_shot_alone(campaign: Callable[..., Path], run: Run) -> None:
    pytest.importorskip("diffusers")
    small = "arguments = { num_inference_steps = 1, height = 32, width = 32 }"
    shots = (
        f'[[shots]]\nname = "a"\ngenerator = {{ kind = "diffusers", function = "MODULE_pipes:pipe", {small} }}\n'
        '[[shots]]\nname = "b"\ngenerator = { kind = "diffusers", function = "MODULE_pipes:quits" }\n'
    )
    path = campaign(shots + KEPT, top="[budget]\ncandidates = 1\n")
    module = next(path.parent.glob("campaign_*.py"))
    module.with_name(f"{module.stem}_pipes.py").write_text(PIPES)
    code, out, err = run("run", path)
    assert code == 2, err
    assert f"shot 2 of 3: b: {path} [[shots]] 2 (b) [generator]: the pipe of {module.stem}_pipes:quits cannot" in err
    assert "not begun" not in out
    assert "2 candidates of 3 shots, 1 kept" in out


def test_a_rule_takes_the_place_of_the_common_one(campaign: Callable[..., Path], run: Run) -> None:
    top = '[budget]\ncandidates = 2\n[stop]\nrule = "best"\nk = 3\n'
    shots = '[[shots]]\nname = "a"\nstop = { rule = "first" }\n[[shots]]\nname = "b"\nstop = { k = 2 }\n' + NONE
    code, out, err = run("run", campaign(shots, top=top), "--dry-run", "--json")
    assert code == 0, err
    first, two, three = (json.loads(line)["stop"] for line in out.splitlines())
    assert first.startswith("FirstAccepted(")
    assert two.startswith("BestOf(k=2")
    assert three.startswith("BestOf(k=3")


def test_ctrl_c_stops_the_campaign_and_shows_the_bill(
    campaign: Callable[..., Path], started: Callable[..., subprocess.Popen[str]]
) -> None:
    path = campaign('[[shots]]\nname = "sc010"\nprompt = "slow"\n' + NONE)
    running = started(path, "log.txt")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert log(path) == ["slow"]
    assert "interrupted" in out
    assert "not begun" in out
    assert "of 2 shots" in out
    assert "Traceback" not in err


def test_a_second_ctrl_c_is_told_as_json_too(
    campaign: Callable[..., Path], started: Callable[..., subprocess.Popen[str]]
) -> None:
    path = campaign('[[shots]]\nname = "sc010"\nprompt = "asleep"\n' + NONE)
    running = started(path, "log.txt", "--json")
    assert running.stderr is not None
    running.send_signal(signal.SIGINT)
    while "press again" not in running.stderr.readline():
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    shot, bill = map(json.loads, out.splitlines())
    assert (shot["shot"], shot["exit_code"], bill["exit_code"]) == ("sc010", 130, 130)
    assert "interrupted" in shot["error"]
    assert (bill["shots"], bill["candidates"]) == (2, 1)
    assert "Traceback" not in err
