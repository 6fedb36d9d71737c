from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.cli.enrol import artwork, by_name, files, spread
from continuity.errors import UsageError

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def refs(tmp_path: Path, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures of one person in refs/, seen from the folder above."""
    folder = tmp_path / "refs"
    folder.mkdir()
    Pil.fromarray(astronaut).save(folder / "a.png")
    Pil.fromarray(astronaut).save(folder / "b.jpg", quality=90)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("DIR --grade a b c", "DIR --grade a --grade b --grade c"),
        ("DIR --actor m=a b --name x", "DIR --actor m=a --actor b --name x"),
        ("DIR --actor=m=a b --grade c d", "DIR --actor=m=a --actor b --grade c --grade d"),
        ("--actor m=a --replace DIR", "--actor m=a --replace DIR"),
        ("--name x DIR --grade a -- -b", "--name x DIR --grade a -- -b"),
        ("DIR --grade a - b", "DIR --grade a --grade - --grade b"),
        ("DIR --look a b --look-text c --logo n=d", "DIR --look a --look b --look-text c --logo n=d"),
        ("DIR --actor m=a --actor n=b c", "DIR --actor m=a --actor n=b --actor c"),
    ],
)
def test_one_option_takes_what_the_shell_made_of_a_pattern(typed: str, told: str) -> None:
    assert spread(typed.split()) == told.split()


def test_a_word_without_a_name_belongs_to_the_actor_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("odd=name.png").touch()
    words = ["mara=a.png", "b.png", "odd=name.png", "ben=c.png", "mara=refs/x=1.png"]
    assert by_name(words) == {"mara": ["a.png", "b.png", "odd=name.png", "refs/x=1.png"], "ben": ["c.png"]}


@pytest.mark.parametrize("word", ["a.png", "=a.png", "refs/mara=a.png", "mara="])
def test_the_first_word_needs_a_name(word: str) -> None:
    with pytest.raises(UsageError, match="--actor NAME=PICTURES was wanted"):
        by_name([word])


def test_patterns_folders_and_files(refs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (refs / ".hidden.png").touch()
    (refs / "x[1].png").touch()
    names = ["a.png", "b.jpg", "x[1].png"]
    assert [p.name for p in files(["refs/*"])] == names
    assert [p.name for p in files(["refs"])] == names
    assert [p.name for p in files([str(refs / "**" / "*.png")])] == ["a.png", "x[1].png"]
    assert [p.name for p in files(["refs/x[1].png"])] == ["x[1].png"], "a name that looks like a pattern"
    monkeypatch.setenv("HOME", str(refs))
    assert [p.name for p in files(["~/a.png"])] == ["a.png"]


@pytest.mark.parametrize("pattern", ["none.png", "refs/*.tif", "a\0b", "~nosuchuser/a.png"])
def test_a_pattern_that_matches_nothing_is_named(pattern: str, refs: Path) -> None:
    with pytest.raises(UsageError):
        files([pattern])


def test_enrolling_and_refreshing(refs: Path, run: Run) -> None:
    code, out, err = run("enrol", "who", "--actor", "collins=refs/*.png", "refs/b.jpg", "--grade", "refs/a.png")
    assert code == 0, err
    assert "collins" in out
    assert "a.png, b.jpg" in out or "b.jpg, a.png" in out
    identity = ct.Identity.open("who")
    assert (identity.name, identity.actors, identity.has("grade")) == ("who", ("collins",), True)
    assert identity.digest in out

    code, out, err = run("enrol", "who", "--refresh", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["format"], told["digest"]) == (1, identity.digest)


def test_an_identity_is_not_written_over_unasked(refs: Path, run: Run) -> None:
    enrol = ("enrol", "who", "--grade", "refs/a.png")
    assert run(*enrol)[0] == 0
    code, out, err = run(*enrol)
    assert (code, out) == (2, "")
    assert "--replace" in err
    assert run(*enrol, "--replace", "--name", "mara")[0] == 0
    assert ct.Identity.open("who").name == "mara"


def test_a_warning_goes_to_stderr(refs: Path, run: Run) -> None:
    (refs / "same.png").write_bytes((refs / "a.png").read_bytes())
    code, out, err = run("enrol", "who", "--actor", "collins=refs/*.png")
    assert code == 0
    assert "warning: " in err
    assert "counts once" in err
    assert "counts once" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["who"], "nothing to enrol"),
        (["--grade", "refs/a.png", "who"], "DIR"),
        (["who", "--refresh", "--grade", "refs/a.png"], "--refresh"),
        (["who", "--refresh"], "identity"),
        (["who", "--actor", "refs/a.png"], "NAME=PICTURES"),
        (["who", "--grade", "none.png"], "no file"),
        (["who", "--look", "none.png"], "no file"),
        (["who", "--logo", "refs/a.png"], "--logo NAME=ARTWORK"),
        (["who", "--logo", "acme=none.svg"], "no file"),
        (["who", "--refresh", "--logo", "acme=refs/a.png"], "--refresh"),
        (["who", "--refresh", "--look-text", "soft light"], "--refresh"),
    ],
)
def test_what_cannot_be_enrolled_is_a_sentence(words: list[str], said: str, refs: Path, run: Run) -> None:
    code, out, err = run("enrol", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert not Path("who").exists()


def test_each_mark_has_one_file(refs: Path) -> None:
    (refs / "only").mkdir()
    (refs / "only" / "logo.svg").touch()
    assert artwork(["acme=refs/a.png", "beta=refs/only"]) == {
        "acme": Path("refs/a.png"),
        "beta": Path("refs/only/logo.svg"),
    }
    for words, said in ((["acme=refs/*"], "2 files"), (["acme=refs/a.png", "acme=refs/b.jpg"], "a second one")):
        with pytest.raises(UsageError, match=f"one file of artwork was wanted, got .*{said}"):
            artwork(words)


def test_a_mark_is_enrolled(refs: Path, run: Run) -> None:
    mark = np.zeros((96, 160, 4), np.uint8)
    mark[16:80, 16:144] = (200, 30, 40, 255)
    mark[32:64, 40:80] = (250, 240, 230, 255)
    Pil.fromarray(mark).save("acme.png")
    code, out, err = run("enrol", "brand", "--logo", "acme=acme.png", "--json")
    assert code == 0, err
    assert json.loads(out)["enrolled"] == [{"kind": "logo", "name": "acme", "references": ["acme.png"]}]
    assert ct.Identity.open("brand").logos == ("acme",)


def test_a_look_is_enrolled(refs: Path, run: Run) -> None:
    code, out, err = run("enrol", "brand", "--look", "refs/a.png", "refs/b.jpg")
    assert code == 0, err
    assert "look" in out
    assert ct.Identity.open("brand").has("look")


def test_enrolling_an_exr(refs: Path, astronaut: np.ndarray, exr: Callable[..., Path], run: Run) -> None:
    exr(refs / "plate.exr", astronaut)
    enrol = ("enrol", "who", "--actor", "collins=refs/plate.exr", "--grade", "refs/plate.exr")
    code, _, err = run(*enrol)
    assert code == 2 and "does not say which colour space" in err
    code, _, err = run(*enrol, "--colorspace", "lin_rec709_scene")
    assert code == 0, err
    identity = ct.Identity.open("who")
    (reference,) = identity.enrolled[0].references
    assert (reference.source, reference.colorspace) == ("plate.exr", "Linear Rec.709 (sRGB)")
    code, out, err = run("enrol", "who", "--refresh", "--json")
    assert code == 0 and json.loads(out)["digest"] == identity.digest, err
    code, _, err = run("enrol", "other", *enrol[2:], "--colorspace", "ACEScg")
    assert code == 0 and ct.Identity.open("other").digest != identity.digest, err


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("refs/a.png", "--actor mara=refs/a.png"),
        ("ma/ra=refs/a.png", "'ma/ra' is no name, write it as --actor mara=refs/a.png"),
        ("=refs/a.png", "nothing stands before the ="),
        ("mara=", "nothing stands after the ="),
    ],
)
def test_what_is_proposed_instead_is_right(word: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        by_name([word])
    assert str(caught.value).endswith(said)
