from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct

Run = Callable[..., tuple[int, str, str]]
Shot = Callable[..., Path]

RENDERER = """
import pathlib

import numpy as np
from PIL import Image

PHOTOGRAPH = np.asarray(Image.open(pathlib.Path(__file__).parent / "photograph.png").convert("RGB"))


def render(seed, level=0.3, add=0):
    print("rendering", seed)
    noise = np.random.default_rng(seed).integers(0, 9, PHOTOGRAPH.shape)
    return (PHOTOGRAPH * level + noise + add).astype("uint8")


def broken(seed):
    raise RuntimeError("CUDA out of memory")
"""


@pytest.fixture
def shot(tmp_path: Path, astronaut: np.ndarray, enrolled: ct.Identity) -> Shot:
    """Writes a shot file beside its render module; the module has a name of its own in each test."""
    module = f"replayed_{abs(hash(tmp_path.name))}"
    (tmp_path / f"{module}.py").write_text(RENDERER)
    Pil.fromarray(astronaut[::2, ::2]).save(tmp_path / "photograph.png")

    def write(
        function: str = "render", settings: str = "{}", name: str = "sc010", identity: bool = True, more: str = ""
    ) -> Path:
        path = tmp_path / "SHOT.toml"
        path.write_text(
            f'format = 1\nname = "{name}"\nledger = "show.db"\nmeasure_fully = 1.0\n'
            + (f'identity = "{enrolled.folder}"\n' if identity else "")
            + f'[generator]\nkind = "function"\nfunction = "{module}:{function}"\nsettings = {settings}\n'
            + f"[budget]\ncandidates = 1\n{more}"
        )
        return path

    return write


@pytest.fixture
def show(shot: Shot, run: Run) -> Path:
    """A ledger with one discarded candidate whose full media are not there."""
    code, _, err = run("run", shot())
    assert code == 4, err
    return shot().parent / "show.db"


STRICT = '[limits]\n"face:collins" = 0.001\n'  # so that the face fails too, beside the grade


@pytest.fixture
def thumbnail(shot: Shot, run: Run) -> Path:
    """A ledger with one candidate that fails on two metrics, so that no more than a thumbnail is stored."""
    code, _, err = run("run", shot(more=STRICT))
    assert code == 4, err
    assert not (shot().parent / "show.media" / "full").exists()
    return shot().parent / "show.db"


def test_replay_of_a_discarded_candidate(show: Path, shot: Shot, run: Run) -> None:
    before = show.read_bytes()
    code, out, err = run("replay", show, 1, "--shot-file", shot())
    assert code == 0, err
    assert out.startswith("identical: every pixel is equal\n")
    assert "verdict fail, as recorded" in out
    assert "rendering" in err, "what the function prints goes to stderr"
    assert "rendering" not in out
    face = next(line for line in out.splitlines() if line.startswith("face:collins"))
    assert face.split()[1] == face.split()[2]
    assert "not as it was" not in out
    assert show.read_bytes() == before


def test_what_was_accepted_from_its_thumbnail_is_kept_and_exported(thumbnail: Path, shot: Shot, run: Run) -> None:
    out_folder = thumbnail.parent / "out"
    code, _, err = run("decide", thumbnail, 1, "accept", "--role", "supervisor")
    assert (code, "only a thumbnail of #1 is stored" in err) == (0, True)
    again = f"continuity replay {thumbnail} 1 --shot-file SHOT.toml --keep"
    assert again in err
    code, _, err = run("export", thumbnail, "-o", out_folder)
    assert (code, again in err, "where it comes out the same" in err) == (2, True, True)
    code, out, err = run("replay", thumbnail, 1, "--shot-file", shot(more=STRICT), "--keep")
    assert code == 0, err
    assert "its media are stored: `continuity export` finds them" in out
    code, out, err = run("export", thumbnail, "-o", out_folder)
    assert (code, "show_sc010_render_v001.png" in out) == (0, True), err
    with ct.Ledger.open(thumbnail, create=False) as ledger:
        (exported,) = out_folder.glob("*.png")
        assert (ct.open_media(exported).pixels == ledger.media.open(ledger.candidate(1).media).pixels).all()
    before = thumbnail.read_bytes()
    code, out, err = run("replay", thumbnail, 1, "--shot-file", shot(more=STRICT), "--keep", "--json")
    told = json.loads(out)
    assert (code, told["keeping"]["stored"]) == (0, False), err
    assert "nothing to do" in told["keeping"]["reason"]
    assert thumbnail.read_bytes() == before


def test_what_is_not_identical_is_not_kept(thumbnail: Path, shot: Shot, run: Run) -> None:
    before = thumbnail.read_bytes()
    for settings, code in (("{ level = 0.9 }", 1), ("{ add = 1 }", 3)):
        got, out, err = run("replay", thumbnail, 1, "--shot-file", shot(settings=settings, more=STRICT), "--keep")
        assert (got, "nothing is stored: " in out) == (code, True), err
    words = ("replay", thumbnail, 1, "--shot-file", shot(settings="{ add = 1 }", more=STRICT))
    assert run(*words)[0] == 0, "without --keep close is as wanted"
    code, out, _ = run(*words, "--keep", "--json")
    assert (code, json.loads(out)["exit_code"], json.loads(out)["outcome"]) == (3, 3, "close")
    assert "were to be kept and are not stored" in " ".join(run("replay", "--help")[1].split())
    assert thumbnail.read_bytes() == before
    assert not (thumbnail.parent / "show.media" / "full").exists()


def test_room_is_asked_for_before_a_render_that_is_to_be_kept(
    thumbnail: Path, shot: Shot, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("replay", thumbnail, 1, "--shot-file", shot(identity=False), "--keep")
    assert run(*words)[0] == 0
    (lost,) = (thumbnail.parent / "show.media" / "full").rglob("*.png")
    lost.unlink()  # the ledger names it still
    monkeypatch.setattr("continuity.ledger.store.shutil.disk_usage", lambda path: SimpleNamespace(free=0))
    code, out, err = run(*words)
    assert (code, out, "free space were wanted" in err, "rendering" in err) == (2, "", True, False)
    monkeypatch.undo()
    assert (run(*words)[0], lost.is_file()) == (0, True)


def test_keeping_in_a_store_that_cannot_be_written(thumbnail: Path, shot: Shot, run: Run) -> None:
    (thumbnail.parent / "show.media" / "full").write_text("in the way")
    saved = thumbnail.parent / "saved"
    words = ("replay", thumbnail, 1, "--shot-file", shot(identity=False), "--keep", "-o", saved)
    code, out, err = run(*words)
    assert (code, out.splitlines()[0]) == (2, "identical: every pixel is equal"), "what was found out is not lost"
    assert "media cannot be stored in" in err and "Traceback" not in err
    assert [p.name for p in saved.iterdir()] == ["candidate-1-replayed.png"], "nor is the render"
    code, out, _ = run(*words, "--json")
    assert (code, json.loads(out)["exit_code"], json.loads(out)["keeping"]) == (2, 2, None)


def test_replay_with_other_settings_lists_them_and_saves_what_differs(
    show: Path, shot: Shot, run: Run, tmp_path: Path
) -> None:
    saved = tmp_path / "out" / "deep"
    code, out, err = run("replay", show, 1, "--shot-file", shot(settings="{ level = 0.9 }"), "-o", saved)
    assert code == 1, err
    assert out.startswith("different: ")
    assert "not as it was in the settings" in out
    named = next(line for line in out.splitlines() if line.startswith("generator.settings.arguments.level"))
    assert named.split()[1:] == ["-", "0.9"]
    assert str(saved / "candidate-1-replayed.png") in out
    replayed = ct.open_media(saved / "candidate-1-replayed.png")
    assert replayed.size == (256, 256)
    assert str(saved / "candidate-1-difference.png") in out
    assert ct.open_media(saved / "candidate-1-difference.png").size[0] > 3 * 256


def test_replay_within_a_tolerance(show: Path, shot: Shot, run: Run) -> None:
    file = shot(settings="{ add = 1 }")
    code, out, err = run("replay", show, 1, "--shot-file", file)
    assert (code, out.split(":")[0]) == (0, "close"), err
    far = shot(settings="{ add = 20 }")
    assert run("replay", show, 1, "--shot-file", far)[0] == 1
    assert run("replay", show, 1, "--shot-file", far, "--within", 25)[0] == 0


def test_replay_as_json(show: Path, shot: Shot, run: Run) -> None:
    code, out, _ = run("replay", show, 1, "--shot-file", shot(settings="{ level = 0.9 }"), "--json")
    told = json.loads(out)
    assert (code, told["exit_code"], told["outcome"]) == (1, 1, "different")
    assert told["saved"] == []
    assert {m["key"] for m in told["measurements"]} == {"face:collins", "grade", "hands"}
    assert all(m["same_instrument"] for m in told["measurements"])
    assert told["settings"][0]["name"] == "generator.settings.arguments.level"


def test_replay_without_an_identity_compares_pixels(show: Path, shot: Shot, run: Run) -> None:
    code, out, err = run("replay", show, 1, "--shot-file", shot(identity=False))
    assert code == 0, err
    assert "nothing is measured" in err
    assert "verdict fail recorded, none now" in out


def test_replay_of_a_failed_candidate(shot: Shot, run: Run) -> None:
    file = shot("broken")
    run("run", file)
    code, out, err = run("replay", file.parent / "show.db", 1, "--shot-file", file)
    assert code == 0, err
    assert "it fails in the same way" in out
    assert "CUDA out of memory" in out
    saved = file.parent / "none"
    assert run("replay", file.parent / "show.db", 1, "--shot-file", file, "-o", saved)[0] == 0
    assert not list(saved.iterdir())


def test_replay_with_the_file_of_another_shot_says_so(show: Path, shot: Shot, run: Run) -> None:
    code, _, err = run("replay", show, 1, "--shot-file", shot(name="sc020"))
    assert code == 0
    assert "candidate 1 is of sc010, the file is of sc020" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show.db", "7"), "7"),
        (("show.db", "seven"), "seven"),
        (("none.db", "1"), "none.db"),
        (("photograph.png", "1"), "photograph.png"),
        (("show.db", "1", "--within", "300"), "from 0 to 255"),
        (("show.db", "1", "--within", "nan"), "from 0 to 255"),
        (("show.db", "1", "-o", "photograph.png"), "photograph.png"),
        (("show.db", "1", "--identity", "nowhere"), "nowhere"),
    ],
)
def test_replay_of_what_cannot_be_is_a_sentence(
    words: tuple[str, ...], said: str, show: Path, shot: Shot, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(show.parent)
    code, out, err = run("replay", *words, "--shot-file", shot())
    assert (code, out) == (2, ""), err
    assert said in err
    assert "Traceback" not in err


def test_replay_needs_a_shot_file(show: Path, run: Run) -> None:
    code, _, err = run("replay", show, 1)
    assert code == 2
    assert "--shot-file" in err


def test_replay_takes_the_shot_of_a_campaign(show: Path, shot: Shot, run: Run) -> None:
    own = shot().read_text()
    campaign = show.parent / "campaign.toml"
    common = own.replace('name = "sc010"\n', "")
    other = '[[shots]]\nname = "sc005"\ngenerator = { settings = { level = 0.9 } }\n'
    campaign.write_text(f'{common}{other}[[shots]]\nname = "sc010"\nledger = "x.db"\n[[shots]]\nname = "sc010"\n')
    code, out, err = run("replay", show, 1, "--shot-file", campaign)
    assert (code, out.split(":")[0]) == (0, "identical"), err
    assert "the file is of" not in err
    campaign.write_text(f"{common}{other}" + other.replace("sc005", "sc011"))
    code, out, err = run("replay", show, 1, "--shot-file", campaign)
    assert (code, out) == (2, "")
    assert "the candidate is of 'sc010'" in err
    assert "did you mean 'sc011'?" in err


@pytest.mark.parametrize("number", ["99", "99999999999999999999999"])
def test_replay_of_a_candidate_that_is_not_there(number: str, show: Path, shot: Shot, run: Run) -> None:
    code, out, err = run("replay", show, number, "--shot-file", shot())
    assert (code, out) == (2, "")
    assert f"there is no candidate {number} in this ledger" in err
