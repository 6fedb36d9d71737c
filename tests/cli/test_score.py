from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.cli.score import media_files

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def renders(tmp_path: Path, astronaut: np.ndarray) -> Path:
    """One render that passes, one whose grade is off, one that is damaged, and a text file."""
    folder = tmp_path / "renders"
    (folder / "night").mkdir(parents=True)
    Pil.fromarray(astronaut).save(folder / "take1.png")
    cold = np.clip(astronaut * np.array([0.45, 0.8, 1.6]), 0, 255).astype(np.uint8)
    Pil.fromarray(cold).save(folder / "take2.png")
    (folder / "night" / "take10.png").write_bytes((folder / "take1.png").read_bytes()[:5000])
    (folder / "notes.txt").write_text("no picture")
    return folder


def rows(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_one_file_is_shown_in_full(renders: Path, enrolled: ct.Identity, run: Run) -> None:
    code, out, err = run("score", renders / "take1.png", "--identity", enrolled.folder)
    assert (code, err) == (0, "")
    assert out.startswith("pass ")
    for said in (
        "face:collins",
        "grade",
        "limit",
        "uncalibrated",
        "face-embedding",
        "CC0",
        "not checked: ",
        "lip sync",
    ):
        assert said in out


def test_a_folder_is_one_row_a_file_and_a_damaged_one_stops_nothing(
    renders: Path, enrolled: ct.Identity, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    code, out, err = run("score", renders, "--identity", enrolled.folder)
    assert code == 2, "unreadable outranks fail, fail outranks pass"
    lines = [line for line in out.splitlines() if "take" in line]
    assert [next(n for n in ("take1.", "take2.", "take10.") if n in line) for line in lines] == [
        "take10.",
        "take1.",
        "take2.",
    ]
    assert ["not scored" in line or "pass" in line or "fail" in line for line in lines] == [True] * 3
    assert "grade" in lines[2]
    assert "3 files: 1 pass, 1 fail, 1 not scored" in out
    assert "left out, neither pictures nor clips by their names: 1 file" in err


def test_json_is_one_object_a_line_and_nothing_else(renders: Path, enrolled: ct.Identity) -> None:
    assert enrolled.folder is not None
    done = subprocess.run(
        [sys.executable, "-m", "continuity", "score", renders, "--identity", enrolled.folder, "--json"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    damaged, accepted, cold = rows(done.stdout)
    assert damaged["exit_code"] == 2
    assert damaged["format"] == 1
    assert "take10.png" in str(damaged["error"])
    assert "verdict" not in damaged
    assert (accepted["verdict"], accepted["exit_code"]) == ("pass", 0)
    assert (cold["verdict"], cold["exit_code"]) == ("fail", 1)
    assert accepted["file"] == str(renders / "take1.png")
    report = {k: v for k, v in accepted.items() if k not in ("file", "exit_code")}
    assert ct.report_from_json(report).verdict is ct.Verdict.PASS


def test_a_limit_typed_by_hand_wins_over_the_file(
    renders: Path, enrolled: ct.Identity, run: Run, tmp_path: Path
) -> None:
    limits = tmp_path / "limits.toml"
    tolerances = [
        ct.Tolerance(key="grade", limit=1e-6, scale=1.0),
        ct.Tolerance(key="face:collins", limit=0.4, scale=0.1),
    ]
    ct.Tolerances(tuple(tolerances)).save(limits)
    score = ("score", renders / "take2.png", "--identity", enrolled.folder, "--tolerances", limits, "--json")
    code, out, _ = run(*score, "--limit", "grade=1000")
    assert code == 0
    found = {f["key"]: f["limit"] for f in rows(out)[0]["findings"]}  # type: ignore[attr-defined]
    assert found == {"grade": 1000.0, "face:collins": 0.4, "hands": 0.4}
    assert run(*score)[0] == 1


def test_what_a_shot_expects(tmp_path: Path, enrolled: ct.Identity, run: Run) -> None:
    from skimage import data

    Pil.fromarray(data.coffee()).save(tmp_path / "empty.png")  # nobody in it
    score = ("score", tmp_path / "empty.png", "--identity", enrolled.folder, "--limit", "grade=1000", "--json")
    code, out, _ = run(*score)
    assert code == 1
    assert "required but absent" in out
    assert run(*score, "--expect", "face:collins=if_present")[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--limit", "hat=1"], "hat"),
        (["--limit", "grade"], "KEY=VALUE"),
        (["--limit", "grade=wide"], "finite number"),
        (["--limit", "grade=nan"], "finite number"),
        (["--limit", "grade=-1"], "at least 0"),
        (["--expect", "hat=required"], "hat"),
        (["--expect", "grade=maybe"], "expectation"),
        (["--tolerances", "none.toml"], "none.toml"),
    ],
)
def test_wrong_settings_are_a_sentence(
    words: list[str], said: str, renders: Path, enrolled: ct.Identity, run: Run
) -> None:
    code, out, err = run("score", renders, "--identity", enrolled.folder, *words)
    assert (code, out) == (2, "")
    assert said in err


def test_an_identity_is_needed(renders: Path, enrolled: ct.Identity, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("score", renders)[0] == 2
    code, _, err = run("score", renders, "--identity", renders)
    assert code == 2
    assert "identity.toml" in err
    monkeypatch.setenv("CONTINUITY_IDENTITY", str(enrolled.folder))
    assert run("score", renders / "take1.png")[0] == 0


def test_missing_weights_stop_it_before_any_file(renders: Path, enrolled: ct.Identity, tmp_path: Path) -> None:
    assert enrolled.folder is not None
    done = subprocess.run(
        [sys.executable, "-m", "continuity", "score", renders, "--identity", enrolled.folder],
        capture_output=True,
        text=True,
        env={**os.environ, "CONTINUITY_WEIGHTS": str(tmp_path / "nothing")},
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert "continuity weights pull" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_of_numbered_frames_is_a_clip_where_asked(
    tmp_path: Path, astronaut: np.ndarray, enrolled: ct.Identity, run: Run
) -> None:
    for number in (8, 9, 10):
        Pil.fromarray(astronaut).save(tmp_path / f"frame.{number:04d}.png", compress_level=1)
    score = ("score", tmp_path, "--identity", enrolled.folder, "--json")
    code, out, _ = run(*score)
    assert (code, len(rows(out))) == (0, 3)
    code, out, _ = run(*score, "--clip")
    assert code == 0
    (clip,) = rows(out)
    assert (clip["frame_count"], clip["frames"]) == (3, 3)


def test_a_clip_is_shown_with_its_worst_frame(
    tmp_path: Path, astronaut: np.ndarray, enrolled: ct.Identity, run: Run
) -> None:
    for number in range(4):
        shown = astronaut if number != 2 else np.clip(astronaut * 0.4, 0, 255).astype(np.uint8)
        Pil.fromarray(shown).save(tmp_path / f"frame.{number:04d}.png", compress_level=1)
    code, out, _ = run("score", tmp_path, "--clip", "--identity", enrolled.folder)
    assert code == 1
    assert "worst at frame 2" in out


def test_files_are_found_in_natural_order_and_hidden_ones_left_alone(tmp_path: Path) -> None:
    for name in ("take10.png", "take9.JPG", ".take1.png", "grade.dpx", "notes.txt", "clip.mov"):
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    found, left_out = media_files([tmp_path])
    assert [p.name for p in found] == ["clip.mov", "grade.dpx", "take9.JPG", "take10.png"]
    assert left_out == 1
    assert media_files([tmp_path], folders_are_clips=True) == ([tmp_path], 0)
    assert media_files([tmp_path / "notes.txt", tmp_path / "none"])[0] == [tmp_path / "notes.txt", tmp_path / "none"]


def test_a_failure_inside_stops_no_other_file(
    renders: Path, enrolled: ct.Identity, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ct.Gate.inspect

    def inspect(gate: ct.Gate, media: ct.Image, **options: bool) -> ct.Report:
        if media.path and media.path.name == "take1.png":
            raise ZeroDivisionError("by zero")
        return real(gate, media, **options)

    monkeypatch.setattr(ct.Gate, "inspect", inspect)
    code, out, err = run("score", renders, "--identity", enrolled.folder, "--json")
    assert code == 70
    assert [row["exit_code"] for row in rows(out)] == [2, 70, 1]
    assert "Traceback" not in out + err


def test_ctrl_c_shows_what_was_measured_before(
    renders: Path, enrolled: ct.Identity, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ct.Gate.inspect

    def inspect(gate: ct.Gate, media: ct.Image, **options: bool) -> ct.Report:
        if media.path and media.path.name == "take2.png":
            raise KeyboardInterrupt
        return real(gate, media, **options)

    monkeypatch.setattr(ct.Gate, "inspect", inspect)
    code, out, _ = run("score", renders, "--identity", enrolled.folder)
    assert code == 130
    assert "2 files: 1 pass, 1 not scored" in out


def test_a_terminal_gets_colours_and_a_pipe_does_not(renders: Path, enrolled: ct.Identity, run: Run) -> None:
    score = ("score", renders / "take1.png", "--identity", enrolled.folder)
    assert "\x1b[" not in run(*score)[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORCE_COLOR", "1")
        assert "\x1b[" in run(*score)[1]
        patch.setenv("NO_COLOR", "1")
        assert "\x1b[32m" not in run(*score)[1]


def test_evidence_that_is_no_json_stops_no_other_file(
    renders: Path, enrolled: ct.Identity, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ct.FaceDistance.frame

    def frame(metric: ct.FaceDistance, seen: object, identity: ct.Identity) -> object:
        found = real(metric, seen, identity)  # type: ignore[arg-type]
        return replace(found, evidence={"odd": float("nan")} if (found.value or 0) < 0.01 else found.evidence)

    monkeypatch.setattr(ct.FaceDistance, "frame", frame)
    code, out, err = run("score", renders, "--identity", enrolled.folder, "--json")
    assert len(rows(out)) == 3
    assert "NaN" not in out
    assert code in (2, 70)
    assert "Traceback" not in err


def test_what_was_seen_is_drawn(renders: Path, enrolled: ct.Identity, run: Run) -> None:
    Pil.open(renders / "take2.png").save(renders / "night" / "take1.jpg")  # the name of another one
    folder = renders / "made" / "drawn"
    score = ("score", renders, "--identity", enrolled.folder, "--draw", folder, "--json")
    code, out, _ = run(*score)
    assert code == 2, "take10 is damaged"
    told = {Path(str(row["file"])).name: row.get("drawn") for row in rows(out)}
    assert told["take10.png"] is None
    written = {name: Path(paths[0]) for name, paths in told.items() if isinstance(paths, list)}
    assert set(written) == {"take1.png", "take1.jpg", "take2.png"}
    assert (
        {p.name for p in folder.iterdir()}
        == {"take1.png", "take1-2.png", "take2.png"}
        == {p.name for p in written.values()}
    )
    with Pil.open(written["take2.png"]) as picture:
        assert (picture.format, picture.width) == ("PNG", 1024)
        assert picture.height > 1024

    again = run(*score)[1]
    assert {Path(str(row["file"])).name: row.get("drawn") for row in rows(again)} == told, (
        "neither measured nor doubled"
    )


def test_a_render_is_never_drawn_over(renders: Path, enrolled: ct.Identity, run: Run) -> None:
    before = (renders / "take1.png").read_bytes()
    code, out, _ = run("score", renders / "take1.png", "--identity", enrolled.folder, "--draw", renders)
    assert code == 0
    assert (renders / "take1.png").read_bytes() == before
    assert "take1-2.png" in out
    with Pil.open(renders / "take1-2.png") as picture:
        assert picture.height > picture.width


def test_of_a_clip_the_worst_frame_is_drawn(
    tmp_path: Path, astronaut: np.ndarray, enrolled: ct.Identity, run: Run
) -> None:
    clip = tmp_path / "sc010"
    clip.mkdir()
    for number in range(4):
        shown = astronaut if number != 2 else np.clip(astronaut * 0.4, 0, 255).astype(np.uint8)
        Pil.fromarray(shown).save(clip / f"frame.{number:04d}.png", compress_level=1)
    code, out, _ = run("score", clip, "--clip", "--identity", enrolled.folder, "--draw", tmp_path / "drawn")
    assert code == 1
    assert [p.name for p in (tmp_path / "drawn").iterdir()] == ["sc010.grade.png"]
    assert "sc010.grade.png" in out


def test_a_drawing_that_cannot_be_written_is_told_and_the_verdict_stands(
    renders: Path, enrolled: ct.Identity, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import continuity.media

    def full(path: Path, content: bytes) -> None:
        raise ct.errors.MediaError(f"cannot write {path}: no space left")

    monkeypatch.setattr(continuity.media, "write_atomic", full)
    score = ("score", renders / "take1.png", "--identity", enrolled.folder, "--draw", tmp_path / "drawn")
    code, out, _ = run(*score, "--json")
    (row,) = rows(out)
    assert (code, row["exit_code"], row["verdict"]) == (2, 2, "pass")
    assert "no space left" in str(row["draw_error"])
    assert "not drawn: cannot write" in run(*score)[1]
    (tmp_path / "a file").touch()
    code, out, err = run(*score[:-1], tmp_path / "a file" / "x")
    assert (code, out) == (2, "")
    assert "a folder for drawings was wanted" in err


def test_an_exr_in_a_stated_space(
    tmp_path: Path, astronaut: np.ndarray, exr: Callable[..., Path], enrolled: ct.Identity, run: Run
) -> None:
    exr(tmp_path / "bare.exr", astronaut)
    exr(tmp_path / "said.exr", astronaut, colorInteropID="lin_rec709_scene")
    score = ("score", tmp_path, "--identity", enrolled.folder, "--json")
    code, out, _ = run(*score)
    bare, said = rows(out)
    assert code == 2 and "--colorspace" in str(bare["error"]) and (said["verdict"], said["exit_code"]) == ("pass", 0)
    code, out, _ = run(*score, "--colorspace", "lin_rec709_scene")
    given, _ = rows(out)
    assert code == 0 and given["verdict"] == "pass"
    assert any("Linear Rec.709 (sRGB) (said by the caller)" in note for note in given["measurement_warnings"])  # type: ignore[attr-defined]
    code, out, _ = run("score", tmp_path / "bare.exr", *score[2:], "--colorspace", "lin_nonsense")
    assert code == 2 and "no configuration knows" in str(rows(out)[0]["error"])


def test_a_sequence_named_by_a_pattern(
    tmp_path: Path, astronaut: np.ndarray, exr: Callable[..., Path], enrolled: ct.Identity, run: Run
) -> None:
    for number in (1001, 1002, 1003):
        exr(tmp_path / f"shot.{number}.exr", astronaut[::2, ::2], colorInteropID="lin_rec709_scene")
    score = ("score", tmp_path / "shot.####.exr", "--identity", enrolled.folder, "--json")
    code, out, _ = run(*score, "--fps", "23.976")
    (row,) = rows(out)
    assert code in (0, 1) and row["file"] == str(tmp_path / "shot.####.exr")
    assert not any("a second assumed" in note for note in row["measurement_warnings"])  # type: ignore[attr-defined]
    (tmp_path / "shot.1002.exr").rename(tmp_path / "shot.1004.exr")
    (tmp_path / "shot.1003.exr").rename(tmp_path / "shot.1005.exr")
    code, out, _ = run(*score)
    assert code == 2 and "frame 1002 is missing (shot.1002.exr)" in str(rows(out)[0]["error"])


@pytest.mark.parametrize("fps", ["0", "-1", "fast", "1/0", "nan", "24/1001/2"])
def test_a_rate_that_is_none(tmp_path: Path, enrolled: ct.Identity, run: Run, fps: str) -> None:
    code, out, err = run("score", tmp_path, "--identity", enrolled.folder, f"--fps={fps}")
    assert code == 2 and "frame rate" in err and not out
