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
"""Darkens a photograph; the name of the function says how far."""
import pathlib
import time

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
PHOTOGRAPH = np.asarray(Image.open(HERE / "photograph.png").convert("RGB"))
LOG = HERE / "seeds.txt"


def dark(seed):
    print("rendering", seed)
    with LOG.open("a") as log:
        log.write(f"{seed}\\\\n")
    return (PHOTOGRAPH * 0.3).astype("uint8")


def third(seed):
    dark(seed)
    return PHOTOGRAPH if len(LOG.read_text().split()) >= 3 else dark_only(seed)


def dark_only(seed):
    return (PHOTOGRAPH * 0.3).astype("uint8")


def empty(seed):
    return np.full((256, 256, 3), 90, dtype="uint8")


def tiny(seed):
    return np.asarray(Image.fromarray(PHOTOGRAPH).resize((96, 96)))


def broken(seed):
    raise RuntimeError("CUDA out of memory")


def slow(seed):
    (HERE / "rendering").touch()
    time.sleep(1)
    return dark_only(seed)


def gain(seed, level):
    return (PHOTOGRAPH * level).astype("uint8")


class Own:
    settings = {"level": 0.3}

    def __init__(self, level=0.3):
        self.level = level

    def render(self, recipe, watch=None):
        raise NotImplementedError


number = 3
'''.replace("\\\\n", "\\n")


@pytest.fixture
def shot(tmp_path: Path, astronaut: np.ndarray, enrolled: ct.Identity) -> Callable[..., Path]:
    """Writes a shot file beside its render module; the module has a name of its own in each test."""
    module = f"renderer_{abs(hash(tmp_path.name))}"
    (tmp_path / f"{module}.py").write_text(RENDERER)
    Pil.fromarray(astronaut).save(tmp_path / "photograph.png")

    def write(
        function: str = "dark", more: str = "[budget]\ncandidates = 2\n", generator: str = "", top: str = ""
    ) -> Path:
        made = generator or f'kind = "function"\nfunction = "{module}:{function}"'
        path = tmp_path / "SHOT.toml"
        path.write_text(
            f'format = 1\nname = "sc010"\nidentity = "{enrolled.folder}"\nledger = "show.db"\n{top}\n'
            f"[generator]\n{made}\n{more}"
        )
        return path

    return write


def seeds(shot_file: Path) -> list[str]:
    return (shot_file.parent / "seeds.txt").read_text().split()


def test_it_keeps_the_first_within_tolerance(shot: Callable[..., Path], run: Run) -> None:
    file = shot("third", "[budget]\ncandidates = 9\n")
    code, out, err = run("run", file)
    assert code == 0, err
    assert "kept candidate 3" in out
    assert "3 candidates in all, 3 rendered now" in out
    assert "grade (2)" in out
    kept = Path(next(line for line in out.splitlines() if line.endswith(".png")))
    assert kept.is_file()
    lines = [line for line in err.splitlines() if line.startswith("#")]
    assert ["rejected" in lines[0], "rejected" in lines[1], "accepted" in lines[2]] == [True] * 3
    assert "grade" in lines[0]
    assert "rendering" in err, "what the function prints goes to stderr"
    assert "rendering" not in out

    code, out, err = run("run", file)
    assert code == 0
    assert "kept candidate 3" in out
    assert "0 rendered now" in out
    assert len(seeds(file)) == 3


def test_the_budget_belongs_to_the_shot_over_all_runs(shot: Callable[..., Path], run: Run) -> None:
    file = shot("dark")
    code, out, _ = run("run", file)
    assert code == 4
    assert "nothing kept" in out
    assert "closest: candidate" in out
    code, out, _ = run("run", file, "--candidates", "3")
    assert code == 4
    assert "3 candidates in all, 1 rendered now" in out
    assert len(set(seeds(file))) == 3


def test_argument_then_environment_then_file(
    shot: Callable[..., Path], run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = shot("dark", "[budget]\ncandidates = 2\n")
    planned = ("run", file, "--dry-run", "--json")

    def limits(*words: object) -> tuple[object, object]:
        code, out, err = run(*planned, *words)
        assert code == 0, err
        told = json.loads(out)
        return told["budget"]["candidates"], Path(told["ledger"]).name

    assert limits() == (2, "show.db")
    monkeypatch.setenv("CONTINUITY_CANDIDATES", "5")
    monkeypatch.setenv("CONTINUITY_LEDGER", str(tmp_path / "night.db"))
    assert limits() == (5, "night.db")
    assert limits("--candidates", "7", "--ledger", tmp_path / "day.db") == (7, "day.db")


def test_without_any_limit_it_stops_at_100(shot: Callable[..., Path], run: Run) -> None:
    _, out, _ = run("run", shot("dark", ""), "--dry-run", "--json")
    assert json.loads(out)["budget"] == {"candidates": 100}
    _, out, _ = run("run", shot("dark", ""), "--dry-run", "--json", "--seconds", "60")
    assert json.loads(out)["budget"] == {"seconds": 60.0}


def test_a_dry_run_renders_and_writes_nothing(shot: Callable[..., Path], run: Run) -> None:
    file = shot("dark", "[budget]\ncandidates = 2\ncost = 20\n[rates]\nper_second = { cuda = 0.001 }\n")
    before = sorted(p.name for p in file.parent.iterdir() if p.name != "__pycache__")
    code, out, _ = run("run", file, "--dry-run")
    assert code == 0
    for said in (
        "sc010",
        "collins",
        "face:collins",
        "not calibrated",
        "2 candidates, 20 EUR",
        "there is none yet",
        "face-embedding",
    ):
        assert said in out
    assert sorted(p.name for p in file.parent.iterdir() if p.name != "__pycache__") == before
    run("run", file)
    assert "has 2 candidates of this shot so far" in run("run", file, "--dry-run")[1]


def test_a_repair_whose_metric_is_off_is_left_out_with_a_note(shot: Callable[..., Path], run: Run) -> None:
    file = shot("dark", "[budget]\ncandidates = 1\n[repairs]\ngrade = true\n[expect]\ngrade = 'off'\n")
    code, out, err = run("run", file, "--dry-run")
    assert code == 0, err
    assert "face:collins required" in out
    assert "grade off" in out
    assert "repairs" not in out
    assert "GradeRepair is left out: grade is off under [expect]" in err
    told = json.loads(run("run", file, "--dry-run", "--json")[1])
    assert (told["repairs"], told["expects"]["grade"], told["expects"]["hands"]) == ([], "off", "if_measurable")
    assert run("run", file)[0] == 0, "a dark face is the right one"


def test_json_is_one_object(shot: Callable[..., Path], run: Run) -> None:
    code, out, _ = run("run", shot("dark"), "--json")
    told = json.loads(out)
    assert (code, told["exit_code"], told["stopped_by"]) == (4, 4, "candidates")
    assert told["kept"] is None
    assert told["closest"]["report"]["verdict"] == "fail"
    assert told["failing"]["grade"] == 2
    assert told["cost"]["render"] > 0


@pytest.mark.parametrize(
    ("function", "more", "code", "said"),
    [
        ("broken", "", 1, "3 renders in a row failed"),
        ("broken", "[stop]\nfailures = 1\n", 1, "1 renders in a row failed"),
        ("tiny", "[stop]\ninconclusive = 2\n[limits]\ngrade = 1000\n", 3, "could not be judged"),
    ],
)
def test_it_stops_where_nothing_makes_sense(
    function: str, more: str, code: int, said: str, shot: Callable[..., Path], run: Run
) -> None:
    got, out, err = run("run", shot(function, more))
    assert (got, "nothing kept" in out) == (code, True), err
    assert said in out


def test_a_folder_of_renders(shot: Callable[..., Path], run: Run, astronaut: np.ndarray) -> None:
    file = shot(generator='kind = "folder"\nfolder = "renders"', more="")
    renders = file.parent / "renders"
    renders.mkdir()
    Pil.fromarray((astronaut * 0.3).astype(np.uint8)).save(renders / "take9.png")
    (renders / "take10.png").write_bytes(b"no picture")
    code, out, err = run("run", file)
    assert code == 1, err
    assert "2 candidates in all" in out
    Pil.fromarray(astronaut).save(renders / "take11.png")
    code, out, err = run("run", file)
    assert code == 0, err
    assert "3 candidates in all, 1 rendered now" in out


def test_a_simulator(shot: Callable[..., Path], run: Run) -> None:
    simulator = (
        'kind = "simulator"\nsource = "photograph.png"\nface = true\nacceptable = 1\naspects = ["grade", "face"]'
    )
    code, out, err = run("run", shot(generator=f"{simulator}\nseverity = [0.8, 1.0]", more=""))
    assert code == 0, err
    assert "1 candidate in all" in out


@pytest.mark.parametrize(
    ("generator", "said"),
    [
        ('kind = "funktion"', "did you mean 'function'?"),
        ("", "kind"),
        ('kind = "function"', "a function needs 'function'"),
        ('kind = "function"\nfunction = "renderer"', '"module:name" was wanted'),
        ('kind = "function"\nfunction = "no_such_module:render"', "'no_such_module' was wanted in"),
        ('kind = "function"\nfunction = "MODULE:drak"', "did you mean 'dark'?"),
        ('kind = "function"\nfunction = "MODULE:number"', "is no function and no generator"),
        ('kind = "function"\nfunction = "MODULE:dark"\nsteps = "4"', "steps"),
        ('kind = "function"\nfunction = "MODULE:dark"\nstep = 4', "did you mean 'steps'?"),
        ('kind = "function"\nfunction = "wrong_syntax:render"', "SyntaxError"),
        ('kind = "function"\nfunction = "needs_more:render"', "needs the package 'no_such_package'"),
        ('kind = "function"\nfunction = "MODULE:Own"\nsettings = { depth = 1 }', "cannot be made"),
        ('kind = "folder"\nfolder = "nowhere"', "nowhere"),
        ('kind = "simulator"\nsource = "nowhere.png"', "nowhere.png"),
        ('kind = "simulator"\nsource = "photograph.png"\nacceptable = 2', "acceptable"),
        ('kind = "simulator"\nsource = 3', "source = 3"),
        ('kind = "plugin"\nname = "none-such"', "none-such"),
    ],
)
def test_a_wrong_generator_is_a_sentence(generator: str, said: str, shot: Callable[..., Path], run: Run) -> None:
    file = shot()
    (file.parent / "wrong_syntax.py").write_text("def render(:\n")
    (file.parent / "needs_more.py").write_text("import no_such_package\n")
    module = next(file.parent.glob("renderer_*.py")).stem
    shot(generator=generator.replace("MODULE", module) or "# nothing")
    code, out, err = run("run", file, "--dry-run")
    assert code in (2, 5), err
    assert out == ""
    assert said in err
    assert not (file.parent / "show.db").exists()


def test_keyword_arguments_from_the_file(shot: Callable[..., Path], run: Run) -> None:
    module = next(shot().parent.glob("renderer_*.py")).stem
    kind = f'kind = "function"\nfunction = "{module}:gain"'
    file = shot(generator=f"{kind}\nsettings = {{ level = 1.0 }}")
    code, _, err = run("run", file)
    assert code == 0, err


@pytest.mark.parametrize(
    ("proposer", "said"),
    [
        ('kind = "variation"', "did you mean 'variations'?"),
        ("vary = { level = [1] }", "no kind ''"),
        ('kind = "variations"', "variations needs 'vary'"),
        ('kind = "variations"\nvary = 3', "a table was wanted"),
        ('kind = "variations"\nvary = { level = 3 }', "a list of values"),
        ('kind = "variations"\nvary = { level = { low = 1, high = 2 } }', "order = 'random'"),
        ('kind = "variations"\nvary = { level = [1979-05-27] }', "no plain JSON"),
        ('kind = "variations"\nvary = { level = [1] }\nrepeat = 2', "did you mean 'repeats'?"),
        ('kind = "seeds"\nvary = { level = [1] }', "there is no key 'vary'"),
        ('kind = "plugin"\nname = "none-such"', "none-such"),
    ],
)
def test_a_wrong_proposer_is_a_sentence(proposer: str, said: str, shot: Callable[..., Path], run: Run) -> None:
    code, out, err = run("run", shot(more=f"[proposer]\n{proposer}\n"), "--dry-run")
    assert (code, out) == (2, ""), err
    assert said in err


def test_variations_from_the_file(shot: Callable[..., Path], run: Run) -> None:
    module = next(shot().parent.glob("renderer_*.py")).stem
    vary = '[proposer]\nkind = "variations"\nvary = { level = [0.3, 0.5, 1.0] }\n'
    file = shot(generator=f'kind = "function"\nfunction = "{module}:gain"', more=vary)
    code, out, err = run("run", file)
    assert code == 0, err
    assert "kept candidate 3" in out
    with ct.Ledger.open(file.parent / "show.db") as ledger:
        assert [ledger.recipe(row.id).changes for row in ledger.candidates()] == [
            {"level": 0.3},
            {"level": 0.5},
            {"level": 1.0},
        ]


def test_a_folder_is_its_own_proposer(shot: Callable[..., Path], run: Run) -> None:
    file = shot(generator='kind = "folder"\nfolder = "."', more='[proposer]\nkind = "seeds"\n')
    code, _, err = run("run", file, "--dry-run")
    assert code == 2
    assert "leave [proposer] out" in err


def test_the_best_of_several(shot: Callable[..., Path], run: Run) -> None:
    module = next(shot().parent.glob("renderer_*.py")).stem
    more = (
        '[proposer]\nkind = "variations"\nvary = { level = [0.98, 1.0, 0.99] }\n'
        '[stop]\nk = 3\n[limits]\ngrade = 100\n"face:collins" = 2.0\n'
    )
    file = shot(generator=f'kind = "function"\nfunction = "{module}:gain"', more=more)
    code, out, err = run("run", file)
    assert code == 0, err
    assert "kept candidate 2" in out
    assert "3 candidates in all" in out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("ledger = ", "#"), "write ledger ="),
        (("identity = ", "#"), "write identity ="),
        (('ledger = "show.db"', 'ledger = "none/show.db"'), "none"),
        (('ledger = "show.db"', 'ledger = "photograph.png"'), "photograph.png"),
        (("[budget]", "[limits]\nhat = 1.0\n[budget]"), "hat"),
        (("[budget]", "[expect]\ngrade = 'maybe'\n[budget]"), "expectation"),
        (("candidates = 2", "candidates = 0"), "above 0"),
        (("candidates = 2", "cost = 2"), "rates"),
    ],
)
def test_a_wrong_shot_is_a_sentence_before_anything_is_rendered(
    change: tuple[str, str], said: str, shot: Callable[..., Path], run: Run
) -> None:
    file = shot()
    file.write_text(file.read_text().replace(*change))
    for words in (["--dry-run"], []):
        code, out, err = run("run", file, *words)
        assert (code, out) == (2, ""), err
        assert said in err
    assert not (file.parent / "seeds.txt").exists()


def test_ctrl_c_stops_after_the_running_candidate(
    shot: Callable[..., Path], started: Callable[..., subprocess.Popen[str]]
) -> None:
    file = shot("slow", "[budget]\ncandidates = 50\n")
    running = started(file, "rendering")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "1 candidate in all, 1 rendered now" in out
    assert "stopping after the running candidate" in err
    assert "Traceback" not in err
    with ct.Ledger.open(file.parent / "show.db") as ledger:
        assert [row.state for row in ledger.candidates()] == [ct.State.REJECTED]
