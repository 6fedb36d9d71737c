"""``kind = "diffusers"``, proposers, stop rules and batches in a shot file, with pipelines as diffusers makes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct

Run = Callable[..., tuple[int, str, str]]

MODULE = '''
"""Makes tiny pipelines; made.txt has a line for each."""
import pathlib
import weakref

from continuity.testing.pipelines import tiny_pipeline

HERE = pathlib.Path(__file__).parent


def note(text):
    with (HERE / "made.txt").open("a") as log:
        log.write(text + "\\n")


def made(name):
    note(name)
    pipe = tiny_pipeline(name)
    weakref.finalize(pipe, note, f"{name}-gone").atexit = False
    return pipe


def pipe():
    return made("sd")


def named(name="sd"):
    return made(name)


def number():
    return 3


def no_weights():
    raise OSError("no file named model.safetensors")


def no_package():
    import no_such_package


def quits():
    raise SystemExit("no licence")


'''

SMALL = "arguments = { num_inference_steps = 2, height = 32, width = 32, guidance_scale = 3.0 }"


@pytest.fixture
def shot(tmp_path: Path, enrolled: ct.Identity) -> Callable[..., Path]:
    """Writes a shot file beside a module of pipelines; what they render is noise, which never passes."""
    pytest.importorskip("diffusers")
    module = f"pipes_{abs(hash(tmp_path.name))}"
    (tmp_path / f"{module}.py").write_text(MODULE)

    def write(generator: str, more: str = "[budget]\ncandidates = 2\n", top: str = "") -> Path:
        path = tmp_path / "SHOT.toml"
        path.write_text(
            f'format = 1\nname = "sc010"\nprompt = "at the bar"\nidentity = "{enrolled.folder}"\nledger = "show.db"\n'
            f'{top}\n[generator]\nkind = "diffusers"\n{generator.replace("MODULE", module)}\n{more}'
        )
        return path

    return write


def recipes(path: Path) -> list[ct.Recipe]:
    with ct.Ledger.open(path.parent / "show.db", create=False) as ledger:
        return [ledger.recipe(row.id) for row in ledger.candidates()]


def test_a_pipe_from_a_function(shot: Callable[..., Path], run: Run) -> None:
    path = shot(f'function = "MODULE:pipe"\n{SMALL}')
    code, out, err = run("run", path)
    assert code == 4, err
    assert "2 candidates in all, 2 rendered now" in out
    for recipe in recipes(path):
        assert recipe.details["generator"] == "DiffusersGenerator"
        assert recipe.details["arguments"]["num_inference_steps"] == 2  # type: ignore[index, call-overload]
    assert (path.parent / "made.txt").read_text().split()[:1] == ["sd"]


def test_variations_change_arguments_and_the_prompt(shot: Callable[..., Path], run: Run) -> None:
    vary = (
        '[proposer]\nkind = "variations"\nrepeats = 1\n'
        '[proposer.vary]\nprompt = ["{prompt}", "{prompt}, overcast"]\nguidance_scale = [1.5, 3]\n'
        "[stop]\ninconclusive = 9\n"
    )
    path = shot(f'function = "MODULE:pipe"\n{SMALL}', vary)
    code, out, err = run("run", path)
    assert code == 1, err
    assert "all 4 combinations have been rendered 1 time" in out
    assert [dict(recipe.changes) for recipe in recipes(path)] == [
        {"prompt": prompt, "guidance_scale": scale}
        for prompt in ("at the bar", "at the bar, overcast")
        for scale in (1.5, 3)
    ]
    assert [recipe.details["arguments"]["prompt"] for recipe in recipes(path)][::2] == [  # type: ignore[index, call-overload]
        "at the bar",
        "at the bar, overcast",
    ]


def test_pictures_and_files_go_in_by_path(shot: Callable[..., Path], run: Run, astronaut: np.ndarray) -> None:
    arguments = "arguments = { num_inference_steps = 4, strength = 0.5 }"
    path = shot(
        'function = "MODULE:named"\nsettings = { name = "sd_img2img" }\n'
        f'{arguments}\ninputs = {{ image = "start.png" }}\nfiles = {{ "adapter:mara" = "mara.safetensors" }}',
        '[proposer]\nkind = "variations"\nvary = { image = ["start.png", "other.png"] }\n[budget]\ncandidates = 2\n',
    )
    for name, level in (("start.png", 1.0), ("other.png", 0.5)):
        small = Pil.fromarray((astronaut * level).astype(np.uint8)).resize((32, 32))
        small.save(path.parent / name)
    (path.parent / "mara.safetensors").write_bytes(b"weights")
    code, _, err = run("run", path)
    assert code == 4, err
    one, two = recipes(path)
    assert set(one.inputs) == {"image", "adapter:mara"}
    assert one.inputs["image"] != two.inputs["image"]
    assert one.inputs["adapter:mara"] == two.inputs["adapter:mara"]
    (path.parent / "other.png").unlink()
    code, _, err = run("run", path, "--dry-run")
    assert code == 2
    assert "image: a file was wanted at" in err


def test_a_batch_is_one_call(shot: Callable[..., Path], run: Run) -> None:
    path = shot(f'function = "MODULE:pipe"\n{SMALL}', "[budget]\ncandidates = 3\n", top="batch = 2")
    code, _, err = run("run", path)
    assert code == 4, err
    batches = [recipe.details["batch"] for recipe in recipes(path)]
    assert batches == [{"size": 2, "index": 0}, {"size": 2, "index": 1}, {"size": 1, "index": 0}]


def test_a_dry_run_says_what_would_be_done(shot: Callable[..., Path], run: Run) -> None:
    path = shot(f'function = "MODULE:pipe"\n{SMALL}', '[stop]\nrule = "best"\nk = 3\n[budget]\ncandidates = 9\n')
    code, out, err = run("run", path, "--dry-run")
    assert code == 0, err
    assert "DiffusersGenerator(StableDiffusionPipeline)" in out
    assert "the best of 3 accepted, or 9 candidates" in out


@pytest.mark.parametrize(
    ("generator", "code", "said"),
    [
        (SMALL, 2, "a diffusers needs 'function'"),
        ('function = "MODULE:number"', 2, "returned int and no diffusers pipe"),
        ('function = "MODULE:pip"', 2, "did you mean 'pipe'?"),
        ('function = "MODULE:no_weights"', 2, "no file named model.safetensors"),
        ('function = "MODULE:no_package"', 5, "no_such_package"),
        ('function = "MODULE:quits"', 2, ":quits cannot be made (SystemExit: no licence)"),
        ('function = "MODULE:pipe"\nsettings = { model = "x" }', 2, "unexpected keyword"),
        ('function = "MODULE:pipe"\narguments = { num_inference_step = 2 }', 2, "num_inference_steps"),
        ('function = "MODULE:pipe"\narguments = 3', 2, "a table was wanted"),
        ('function = "MODULE:pipe"\nargument = {}', 2, "did you mean 'arguments'?"),
        ('function = "MODULE:pipe"\ninputs = { image = "none.png" }', 2, "image: a file was wanted at"),
        ('function = "MODULE:pipe"\ninputs = { image = 3 }', 2, "image = 3"),
        ('function = "MODULE:pipe"\ninputs = { image = ["a.png", 3] }', 2, "a file was wanted at"),
        ('function = "MODULE:pipe"\nfiles = { "adapter:a" = "none.safetensors" }', 2, "a file was wanted at"),
        ('function = "MODULE:pipe"\nfiles = { a = 3 }', 2, "SHOT.toml [generator] files: a = 3"),
        ('function = "MODULE:pipe"\ninputs = { prompt = "SHOT.toml" }\narguments = { prompt = "x" }', 2, "in inputs"),
        ('function = "MODULE:pipe"\nrate = "24"', 2, "a number was wanted"),
    ],
)
def test_a_wrong_pipe_is_a_sentence(generator: str, code: int, said: str, shot: Callable[..., Path], run: Run) -> None:
    got, out, err = run("run", shot(generator), "--dry-run")
    assert (got, out) == (code, ""), err
    assert said in err
    assert err.count("SHOT.toml [generator]") == 1


@pytest.mark.parametrize("function", ["MODULE:pipe", "whole:pipe"])
def test_a_pipe_under_kind_function_is_told_apart(function: str, shot: Callable[..., Path], run: Run) -> None:
    path = shot(f'function = "{function}"')
    (path.parent / "whole.py").write_text(
        "from continuity.testing.pipelines import tiny_pipeline\npipe = tiny_pipeline('sd')\n"
    )
    path.write_text(path.read_text().replace('"diffusers"', '"function"'))
    code, _, err = run("run", path, "--dry-run")
    assert code == 2
    assert 'write kind = "diffusers"' in err


def test_a_campaign_loads_a_pipe_once_and_goes_on_after_one_that_fails(shot: Callable[..., Path], run: Run) -> None:
    path = shot(f'function = "MODULE:named"\n{SMALL}', "[budget]\ncandidates = 1\n")
    text = path.read_text().replace('name = "sc010"\n', "", 1)
    steps = "[shots.generator.arguments]\nnum_inference_steps = 3\n"
    other = '[shots.generator]\nsettings = { name = "sdxl" }\n'
    broken = next(line for line in text.splitlines() if line.startswith("function")).replace("named", "no_weights")
    shots = {"a": "", "b": steps, "x": f"[shots.generator]\n{broken}\n", "c": other, "d": other}
    path.write_text(text + "".join(f'[[shots]]\nname = "{name}"\n{own}' for name, own in shots.items()))
    code, out, err = run("run", path, "--json")
    assert code == 2, err
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row.get("candidates") for row in rows] == [1, 1, None, 1, 1, 4]
    assert "no file named model.safetensors" in rows[2]["error"]
    assert (path.parent / "made.txt").read_text().split()[:3] == ["sd", "sd-gone", "sdxl"], "one at a time"
    names = [recipe.details["pipeline"]["class"] for recipe in recipes(path)]  # type: ignore[index, call-overload]
    assert [str(name).rsplit(".")[-1] for name in names] == ["StableDiffusionPipeline"] * 2 + [
        "StableDiffusionXLPipeline"
    ] * 2
    steps_taken = [recipe.details["arguments"]["num_inference_steps"] for recipe in recipes(path)]  # type: ignore[index, call-overload]
    assert steps_taken == [2, 3, 2, 2]
