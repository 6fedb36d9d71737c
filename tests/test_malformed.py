"""Two thousand malformed inputs: a sentence and the right exit code for each, no traceback, no pass.

The quick suite tries every tenth of each kind; ``make test-all`` tries them all.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.cli import main
from continuity.errors import ContinuityError
from continuity.testing import FakeBackends, FakeMetric

WORDS = ("Traceback", "Error:", "Exception")
EVERY = [pytest.param(10, id="every tenth"), pytest.param(1, id="all", marks=pytest.mark.slow)]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process, with the models warm."""

    def command(*arguments: object) -> tuple[int, str, str]:
        code = main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return command


def encoded(kind: str, seed: int) -> bytes:
    """A valid small picture of noise: no pass without the actor, whatever a mutation leaves of it."""
    pixels = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    picture, stream = Pil.fromarray(pixels), io.BytesIO()
    if kind == "gif":
        frames = [Pil.fromarray(np.roll(pixels, k, axis=0)) for k in range(3)]
        frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    else:
        picture.convert("P" if kind == "palette" else "RGB").save(stream, {"palette": "PNG"}.get(kind, kind.upper()))
    return stream.getvalue()


def mutated(source: bytes, chance: random.Random) -> bytes:
    """Cut, flipped, filled, repeated or swapped for something else."""
    raw = bytearray(source)
    match chance.randrange(6):
        case 0:
            return bytes(raw[: chance.randrange(len(raw))])
        case 1:
            for _ in range(chance.randrange(1, 30)):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
        case 2:
            start = chance.randrange(len(raw))
            raw[start : start + chance.randrange(1, 200)] = b"\xff" * chance.randrange(1, 400)
        case 3:
            raw[4:4] = raw[: chance.randrange(1, 64)]
        case 4:
            raw[12 : 12 + 12] = chance.randbytes(12)  # sizes live near the head
        case 5:
            return chance.choice([b"", b"\0", b"no picture", b"\x89PNG\r\n\x1a\n", chance.randbytes(500), b"GIF89a"])
    return bytes(raw)


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff", "gif", "palette", "bmp"])
def test_mutated_pictures(kind: str, every: int, enrolled: ct.Identity, tmp_path: Path, run: Run) -> None:
    chance = random.Random(kind)
    paths = []
    for number in range(0, 150, every):
        path = tmp_path / f"{number:03d}.{'png' if kind == 'palette' else kind}"
        path.write_bytes(mutated(encoded(kind, number), chance))
        paths.append(path)
    check_scores(run, enrolled, paths)


@pytest.mark.parametrize("every", EVERY)
def test_mutated_clips(every: int, enrolled: ct.Identity, tmp_path: Path, run: Run) -> None:
    import av

    source = tmp_path / "source.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(10):
            pixels = np.random.default_rng(number).integers(0, 255, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    chance = random.Random(7)
    paths = []
    for number in range(0, 200, every):
        path = tmp_path / f"clip{number:03d}.mp4"
        path.write_bytes(mutated(source.read_bytes(), chance))
        paths.append(path)
    check_scores(run, enrolled, paths)


def check_scores(run: Run, identity: ct.Identity, paths: list[Path]) -> None:
    code, out, err = run("score", *paths, "--identity", identity.folder, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) == len(paths)
    assert all(row.get("verdict") != "pass" for row in rows)
    assert all(row.get("verdict") or len(row["error"]) > 20 for row in rows)
    assert code in (1, 2, 3)
    assert "Traceback" not in err


HOSTILE_TOML = [
    "",
    "\0",
    "[",
    "format = 1",
    "format = 2",
    "format = 'one'",
    "format = 99999999999999999999",
    "= 1",
    'a = "\\x"',
    "format = 1\nname = 3",
    "format = 1\nname = ''",
    "format = 1\ntolerance = 'a'",
    "format = 1\nactor = 'a'",
    "\ufeff",
    "format = 1\n[[tolerance]]\nkey = 'face:collins'\nlimit = nan\nscale = 1",
    "format = nan",
    "format = 1\n[[tolerance]]\nkey = 'face:collins'\nlimit = 1e999\nscale = 1",
    "format = 1\n" + "[a]\n" * 50,
    "format = 1\n[[tolerance]]\nkey = 'hat'\nlimit = 1\nscale = 1",
    "format = 1\n[[actor]]\nname='../../x'\nreference=[]",
    "format = 1\nname='a'\n[[actor]]\nname='x'\n[[actor.reference]]\npath='/etc/passwd'\ndigest=''\nsource=''",
    "format = 1\nname='a'\n[[features]]\nspace='x'\npath='../../../etc/passwd'\ndigest=''",
]


def toml_cases(valid: str, count: int, seed: str) -> Iterator[bytes]:
    """Files that are wrong on purpose, then mutations of a right one."""
    yield from (text.encode() for text in HOSTILE_TOML)
    chance = random.Random(seed)
    for _ in range(count - len(HOSTILE_TOML)):
        yield mutated(valid.encode(), chance)


@pytest.mark.parametrize("every", EVERY)
def test_wrong_tolerance_files(every: int, enrolled: ct.Identity, tmp_path: Path, run: Run) -> None:
    noise = tmp_path / "noise.png"
    noise.write_bytes(encoded("png", 1))
    valid = "format = 1\n[[tolerance]]\nkey = 'face:collins'\nlimit = 0.55\nscale = 0.1\n"
    for number, text in enumerate(toml_cases(valid, 300, "tolerances")):
        if number % every == 0:
            path = tmp_path / "limits.toml"
            path.write_bytes(text)
            code, out, err = run("score", noise, "--identity", enrolled.folder, "--tolerances", path, "--json")
            assert code in (1, 2, 3), (text, err)
            assert '"pass"' not in out.split('"findings"')[0]
            assert "Traceback" not in err


@pytest.mark.parametrize("every", EVERY)
def test_wrong_identity_files(every: int, enrolled: ct.Identity, tmp_path: Path) -> None:
    import shutil

    assert enrolled.folder is not None
    folder = Path(shutil.copytree(enrolled.folder, tmp_path / "who"))
    valid = (folder / "identity.toml").read_text()
    for number, text in enumerate(toml_cases(valid, 200, "identity")):
        if number % every == 0:
            (folder / "identity.toml").write_bytes(text)
            try:
                opened = ct.Identity.open(folder)
            except ContinuityError as error:
                assert error.exit_code == 2
                assert len(str(error)) > 20
            else:
                assert opened.digest


@pytest.mark.parametrize("every", EVERY)
def test_wrong_shot_files(every: int, enrolled: ct.Identity, tmp_path: Path, run: Run) -> None:
    noise = tmp_path / "noise.png"
    noise.write_bytes(encoded("png", 1))
    folder = tmp_path / "renders"
    folder.mkdir()
    (folder / "1.png").write_bytes(encoded("png", 1))
    valid = (
        f"format = 1\nname = 'sc010'\nidentity = '{enrolled.folder}'\nledger = 'show.db'\n"
        "[generator]\nkind = 'folder'\nfolder = 'renders'\n[budget]\ncandidates = 2\n"
    )
    for number, text in enumerate(toml_cases(valid, 250, "shot")):
        if number % every == 0:
            path = tmp_path / "SHOT.toml"
            path.write_bytes(text)
            code, _, err = run("run", path, "--dry-run")
            assert code in (0, 2), (text, err)
            assert code == 0 or len(err) > 20
            assert "Traceback" not in err


HOSTILE_NAMES = [
    "-rf.png",
    "--json.png",
    "a\nb.png",
    "[bold red]x.png",
    "\x1b[31mred.png",
    "ü–😀.png",
    "a" * 200 + ".png",
    " .png",
    "'; drop table shots; --.png",
    "%s%n.png",
    "$(id).png",
    "con.png",
    "..png",
    "{0}.png",
    "\udcff.png",
]


def test_hostile_names(enrolled: ct.Identity, tmp_path: Path, run: Run) -> None:
    for name in HOSTILE_NAMES:
        (tmp_path / name).write_bytes(encoded("png", 3))
        code, out, err = run("score", "--identity", enrolled.folder, "--json", "--", tmp_path / name)
        assert code in (1, 3), (name, err)
        assert len(out.splitlines()) == 1
        code, out, err = run("score", "--identity", enrolled.folder, "--", tmp_path / name)
        assert code in (1, 3), (name, err)
        assert "\x1b[31mred" not in out


def test_what_is_no_file(enrolled: ct.Identity, tmp_path: Path, run: Run) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    for name in ("pipe.png", "loop.png", "none.png", "folder"):
        code, _, err = run("score", tmp_path / name, "--identity", enrolled.folder)
        assert code == 2, (name, err)
    assert run("score", "/dev/zero", "--identity", enrolled.folder)[0] == 2
    assert run("score", tmp_path / "a\0b.png", "--identity", enrolled.folder)[0] == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), None, "1", [1.0], np.nan, np.zeros(3)])
def test_senseless_measurements_never_pass(value: object) -> None:
    gate = ct.Gate(
        [FakeMetric("m", lambda seen: value)],  # type: ignore[arg-type,return-value]
        identity=ct.Identity(name="nobody", enrolled=()),
        tolerances={"m": 1e9},
        backends=FakeBackends(),
    )
    image = ct.Image.from_array(np.zeros((4, 4, 3), dtype=np.uint8))
    if isinstance(value, str):
        assert gate.inspect(image)["m"].value == 1.0
    else:
        assert gate.inspect(image).verdict is ct.Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.full((4, 4, 3), np.nan),
        np.zeros((4, 4, 3), np.int64),
        np.zeros((1, 4, 4, 3), np.uint8),
        np.array("text"),
        None,
        "text",
        3,
    ],
    ids=str,
)
def test_arrays_that_are_no_pictures(array: object) -> None:
    with pytest.raises(ct.MediaError):
        ct.Image.from_array(array)  # type: ignore[arg-type]
