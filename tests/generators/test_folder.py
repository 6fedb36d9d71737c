from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from continuity.errors import BudgetSpent, RenderFailed, UsageError
from continuity.generators import FolderGenerator
from continuity.interfaces import Generator, Proposer
from continuity.records import Json, Recipe, State, Trial


def picture(path: Path, level: int = 90) -> None:
    Pil.fromarray(np.full((8, 12, 3), level, dtype=np.uint8)).save(path, "PNG")


def trial(index: int, changes: dict[str, Json], state: State = State.REJECTED) -> Trial:
    return Trial(index=index, seed=index, changes=changes, state=state, worst_excess=None)


def play(takes: FolderGenerator, history: list[Trial]) -> list[str]:
    """What a run would hand out from here to the end."""
    names: list[str] = []
    while True:
        try:
            changes = takes.propose(history, len(history)).changes
        except BudgetSpent:
            return names
        names.append(str(changes["file"]))
        history.append(trial(len(history), dict(changes)))


def test_natural_order_without_folders_and_hidden_files(tmp_path: Path) -> None:
    for name in ("take10.png", "take9.png", "Take2.png", "take9b.png", ".hidden.png", "readme"):
        picture(tmp_path / name)
    (tmp_path / "take1.png").mkdir()
    takes = FolderGenerator(tmp_path, "*.png")
    assert isinstance(takes, Generator)
    assert isinstance(takes, Proposer)
    assert play(takes, []) == ["Take2.png", "take9.png", "take9b.png", "take10.png"]


def test_a_render_is_the_file_untouched(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 33)
    takes = FolderGenerator(tmp_path)
    rendered = takes.render(Recipe(prompt="p", seed=5, changes={"file": "a.png"}))
    rendered.media.save(tmp_path / "copy.png")
    assert (tmp_path / "copy.png").read_bytes() == (tmp_path / "a.png").read_bytes()
    assert rendered.recipe.inputs == {"file": rendered.media.digest}
    assert rendered.recipe.details["file"] == "a.png"
    assert rendered.cost.render > 0


def test_exhausted_says_so_and_names_the_folder(tmp_path: Path) -> None:
    takes = FolderGenerator(tmp_path, "*.png")
    with pytest.raises(BudgetSpent, match=r"no file matches '\*\.png'") as empty:
        takes.propose((), 0)
    assert empty.value.limit == "proposals"
    picture(tmp_path / "a.png")
    with pytest.raises(BudgetSpent, match=r"all 1 files .* have been judged: render more"):
        takes.propose([trial(0, {"file": "a.png"})], 1)


def test_resumed_from_a_new_object_at_every_place(tmp_path: Path) -> None:
    for k in range(7):
        picture(tmp_path / f"{k}.png")
    for stop in range(8):
        history = [trial(k, {"file": f"{k}.png"}) for k in range(stop)]
        assert play(FolderGenerator(tmp_path), history) == [f"{k}.png" for k in range(stop, 7)]


def test_lost_candidates_are_handed_out_again_and_failed_ones_are_not(tmp_path: Path) -> None:
    for k in range(4):
        picture(tmp_path / f"{k}.png")
    states = [State.LOST, State.FAILED, State.LOST, State.ASKED]
    history = [trial(k, {"file": f"{k}.png"}, state) for k, state in enumerate(states)]
    assert play(FolderGenerator(tmp_path), history) == ["0.png", "2.png"]


def test_files_that_come_later_are_judged_wherever_they_sort(tmp_path: Path) -> None:
    for name in ("b.png", "d.png"):
        picture(tmp_path / name)
    history: list[Trial] = []
    assert play(FolderGenerator(tmp_path), history) == ["b.png", "d.png"]
    history.append(trial(2, {}, State.FAILED))  # the ask that found nothing left
    for name in ("a.png", "c.png", "e.png"):
        picture(tmp_path / name)
    late = play(FolderGenerator(tmp_path), history)
    assert {"a.png", "c.png", "e.png"} <= set(late)
    assert len(late) == len(set(late))


def test_candidates_of_another_generator_before_it_hide_no_file(tmp_path: Path) -> None:
    for k in range(3):
        picture(tmp_path / f"{k}.png")
    history = [trial(k, {}) for k in range(2)]
    assert sorted(play(FolderGenerator(tmp_path), history)) == ["0.png", "1.png", "2.png"]


def proposed(folder: str, worker: str) -> list[str]:
    takes = FolderGenerator(folder)
    return [str(takes.propose((), index).changes["file"]) for index in range(int(worker), 12, 4)]


def test_four_processes_never_take_the_same_file(tmp_path: Path) -> None:
    for k in range(12):
        (tmp_path / f"{k}.png").touch()
    code = f"import runpy, sys; proposed = runpy.run_path({__file__!r})['proposed']; print(*proposed(*sys.argv[1:]))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    workers = [subprocess.Popen([*command, str(w)], stdout=subprocess.PIPE, text=True) for w in range(4)]
    shares = [worker.communicate(timeout=60)[0].split() for worker in workers]
    assert sorted(itertools.chain.from_iterable(shares)) == sorted(f"{k}.png" for k in range(12))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"not a picture", b"\x00" * 5000])
def test_broken_files_are_failed_candidates(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(RenderFailed, match=r"a\.png") as failed:
        FolderGenerator(tmp_path).render(Recipe(seed=1, changes={"file": "a.png"}))
    assert failed.value.cost is not None
    assert failed.value.recipe is not None


def test_a_picture_cut_short_fails_though_its_header_is_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    Pil.fromarray(rng.integers(0, 255, (200, 200, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RenderFailed):
        FolderGenerator(tmp_path).render(Recipe(changes={"file": "a.png"}))


def test_links_pipes_and_vanished_files_fail_and_do_not_hang(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    takes = FolderGenerator(tmp_path)
    names = play(takes, [])
    assert names == ["gone.png", "loop.png", "pipe.png"]
    for name in names:
        with pytest.raises(RenderFailed):
            takes.render(Recipe(changes={"file": name}))


HOSTILE = ["ta\nke.png", "täke 💥.png", "-rf.png", "a;rm -rf.png", "%s{0}.png", "'\".png", "9" * 200 + ".png"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_go_through(tmp_path: Path, name: str) -> None:
    picture(tmp_path / name)
    takes = FolderGenerator(tmp_path)
    changes = takes.propose((), 0).changes
    assert takes.render(Recipe(changes=changes)).media.path == tmp_path / name


def test_a_name_that_is_not_utf8_survives_json(tmp_path: Path) -> None:
    odd = os.fsdecode(b"take\xff\xfe.png")
    try:
        picture(tmp_path / odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    takes = FolderGenerator(tmp_path)
    changes = json.loads(json.dumps(dict(takes.propose((), 0).changes)))
    changes["file"].encode("utf-8")
    assert takes.render(Recipe(changes=changes)).media.path == tmp_path / odd
    assert play(takes, [trial(0, changes)]) == []


@pytest.mark.parametrize("changes", [{}, {"file": None}, {"file": 3}, {"file": "a.png", "strength": 1}])
def test_recipes_that_name_no_file_fail_with_a_sentence(tmp_path: Path, changes: dict[str, Json]) -> None:
    picture(tmp_path / "a.png")
    with pytest.raises(RenderFailed, match="was wanted"):
        FolderGenerator(tmp_path).render(Recipe(changes=changes))


@pytest.mark.parametrize("name", ["../secret.png", "sub/../../secret.png", "/etc/passwd", "", ".", "..", "secret.jpg"])
def test_a_recipe_cannot_reach_outside(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "secret.png")
    picture(tmp_path / "secret.jpg")
    inner = tmp_path / "inner"
    inner.mkdir()
    picture(inner / "a.png")
    (inner / "secret.jpg").write_bytes((tmp_path / "secret.jpg").read_bytes())
    with pytest.raises(RenderFailed, match="was wanted"):
        FolderGenerator(inner, "*.png").render(Recipe(changes={"file": name}))


@pytest.mark.parametrize("folder", ["missing", "file", "nul\0l"])
def test_no_such_folder(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="a folder of renders was wanted"):
        FolderGenerator(str(tmp_path / folder))


@pytest.mark.parametrize("pattern", ["", "sub/*.png"])
def test_patterns_are_of_names(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(UsageError, match="pattern"):
        FolderGenerator(tmp_path, pattern)
