"""Pairs of faces: whatever a CSV or a folder holds is read or refused with a sentence, and the figures are right."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import faces
from continuity.errors import MediaError
from faces import accepted_at, bootstrapped, cross_validated, drawn, people_of, read, worst_of

BODY = "a/1.png,b/1.png,0\na/1.png,a/2.png,1\n"
HEAD = "path_a,path_b,same\n"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Three people, two pictures each, no face in any; one more with a single picture, and what systems leave."""
    for name in ("a/1", "a/2", "b/1", "b/2", "ü c/1", "ü c/2", "single/1", "a/thumbs/1"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 60), (len(name) * 20, 90, 40)).save(tmp_path / f"{name}.png")
    (tmp_path / "none").mkdir()
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "a" / "._1.png").write_bytes(b"\0")
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        HEAD + BODY,
        "\ufeff" + HEAD + BODY,
        (HEAD + BODY).replace("\n", "\r\n"),
        BODY,
        "\n" + HEAD + "\n" + BODY.replace("\n", "\n\n") + " , \n",
        (HEAD + BODY).replace(",", ";"),
        (HEAD + BODY).replace(",", "\t"),
        "id,Path_A, Path_B ,SAME\n" + "".join(f"7,{line}\n" for line in BODY.split()),
        HEAD + "a/1.png, b/1.png, False\na/1.png, a/2.png, TRUE\n",
        HEAD + 'a/1.png,b/1.png,no\n"a/1.png","a/2.png","yes"\n',
        HEAD + BODY.replace("a/1.png", "{folder}/a/1.png").replace(",0", ",0.0").replace(",1\n", ",1.0\n"),
    ],
)
def test_pairs_however_they_are_written(text: str, people: Path) -> None:
    (people / "pairs.csv").write_bytes(text.replace("{folder}", str(people)).encode())
    assert [(p.a, p.b, p.same) for p in read(people / "pairs.csv")] == [
        (people / "a/1.png", people / "b/1.png", False),
        (people / "a/1.png", people / "a/2.png", True),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "pairs of one person and of two were wanted in .*, got 0 and 0"),
        (HEAD.encode(), "got 0 and 0"),
        (HEAD.encode() + b"a/1.png,a/2.png,1\n", "got 1 and 0"),
        (HEAD.encode() + b"a/1.png,b/2.png,0\n", "got 0 and 1"),
        (HEAD.encode() + b"a/1.png,b/2.png,maybe\n", "line 2: path_a,path_b,same .* got 'a/1.png,b/2.png,maybe'"),
        (HEAD.encode() + b"\na/1.png,b/2.png\n", "line 3: .* got 'a/1.png,b/2.png'"),
        (HEAD.encode() + b"x.png,y.png,0\nx.png,z.png,1\n", r"none of the pictures that .* names is there.*x\.png"),
        ((HEAD + BODY).encode("utf-16"), "a CSV file .UTF-8. of path_a,path_b,same was wanted"),
    ],
)
def test_what_is_no_list_of_pairs_is_refused_with_a_sentence(content: bytes, said: str, people: Path) -> None:
    (people / "pairs.csv").write_bytes(content)
    with pytest.raises(MediaError, match=said):
        read(people / "pairs.csv")


def test_pairs_are_drawn_of_pictures_alone_and_read_back(people: Path) -> None:
    pairs = drawn(people, 4, 0, people / "new" / "pairs.csv")
    assert read(people / "new" / "pairs.csv") == pairs
    assert all((p.a.parent == p.b.parent) is p.same for p in pairs)
    assert not any(".DS_Store" in str(p.a) or "._" in p.a.name or "thumbs" in str(p) for p in pairs)
    assert sum(p.same for p in pairs) == 3  # there are no more of one person
    with pytest.raises(MediaError, match="folders of at least two people"):
        drawn(people / "a", 4, 0, None)
    with pytest.raises(MediaError, match="folders of at least two people"):
        drawn(people / "nowhere", 4, 0, None)


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["faces.py", *arguments])
    faces.main()


def test_where_no_picture_has_a_face_every_pair_is_wrong(
    people: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (people / "pairs.csv").write_text(HEAD + BODY + "a/2.png,nowhere.png,1\n")
    run(["--pairs", str(people / "pairs.csv"), "--json", str(people / "rows.json")], monkeypatch)
    (row,) = json.loads((people / "rows.json").read_text())
    assert row["backend"] == "dlib"
    assert (row["n"], row["misses"], row["auc"], row["accuracy"]) == (3, 3, None, 0.0)
    assert (row["tar_at_far_0.01"], row["tar_at_far_0.001"], row["worst_identity"]) == (0.0, 0.0, None)
    printed = capsys.readouterr()
    assert "no pair has a face in both" in printed.err and "nowhere.png" in printed.err and "nan" not in printed.out


@pytest.mark.parametrize(
    "arguments", [["--pairs", "nowhere.csv"], ["--clips", "nowhere"], ["--make-pairs", "nowhere"], []]
)
def test_nothing_to_measure_is_a_sentence(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(arguments, monkeypatch)
    assert stopped.value.code == 2
    assert "wanted" in capsys.readouterr().err


def simulated() -> tuple[Any, Any]:
    random = np.random.default_rng(3)
    same = random.random(900) < 0.5
    distances = np.where(same, random.normal(0.3, 0.1, 900), random.normal(0.55, 0.1, 900))
    distances[::50] = np.nan
    return distances, same


def test_the_accepted_share_is_the_largest_that_keeps_the_false_ones_down() -> None:
    distances, same = simulated()
    for far in (0.01, 0.001, 0.2):
        limits = [-1.0, *distances[np.isfinite(distances)]]
        allowed = [t for t in limits if (distances[~same] <= t).mean() <= far]
        assert accepted_at(distances, same, far) == max((distances[same] <= t).mean() for t in allowed)


def test_the_limit_of_a_pair_is_chosen_without_it() -> None:
    distances, same = simulated()
    limits = cross_validated(distances, same, 0)
    kept = np.isfinite(distances)
    best = max(((distances[kept] <= t) == same[kept]).mean() for t in distances[kept])
    got = ((distances[kept] <= limits[kept]) == same[kept]).mean()
    assert best - 0.02 < got <= best
    moved = distances.copy()
    moved[7] = 99.0
    assert cross_validated(moved, same, 0)[7] == limits[7]
    assert np.isnan(cross_validated(np.full(3, np.nan), np.array([True, False, True]), 0)).all()


def test_few_pairs_and_people_all_apart() -> None:
    distances, same = np.array([0.1, 0.2, 0.8, 0.9]), np.array([True, True, False, False])
    people = [{"a"}, {"b"}, {"a", "b"}, {"b", "c"}]
    assert worst_of(people, np.ones(4, bool)) == (None, None)
    low, high = bootstrapped(distances, same, people, 0)
    assert 0 < low < 0.5 and high == 1.0
    assert bootstrapped(np.full(4, np.nan), same, people, 0) == (0.0, 1.0)


def test_people_of_a_folder_each_and_of_one_folder(tmp_path: Path) -> None:
    for name in ("p/mine.jpg", "p/clip one.MP4", "q/reference.png", "q/a.png", "q/in/b.webm", "r/x.png", "s.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for number in range(3):
        (tmp_path / "p" / "frames").mkdir(exist_ok=True)
        (tmp_path / "p" / "frames" / f"f.{number}.png").write_bytes(b"x")
    (tmp_path / "s.reference.jpg").write_bytes(b"x")
    found = {
        name: (reference and reference.name, [c.name for c in clips]) for name, reference, clips in people_of(tmp_path)
    }
    assert found == {
        "p": ("mine.jpg", ["clip one.MP4", "frames"]),
        "q": ("reference.png", ["b.webm"]),
        "s": ("s.reference.jpg", ["s.mp4"]),
    }
