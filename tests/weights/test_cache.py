from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from continuity.errors import DownloadError, MissingWeights, UsageError
from continuity.weights import cache, cache_folder, entries, path_of, verify
from continuity.weights.entries import WeightFile

CONTENT = b"a nose is a nose" * 100


@pytest.fixture
def weight(made: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WeightFile:
    """A catalogue of one file and an empty folder for it."""
    nose: WeightFile = made.weight_of(CONTENT, official="https://nobody.invalid/nose.dat")
    monkeypatch.setattr(entries, "catalogue", lambda: (nose,))
    monkeypatch.setenv("CONTINUITY_WEIGHTS", str(tmp_path / "weights"))
    return nose


def stored(weight: WeightFile, content: bytes = CONTENT) -> Path:
    path = cache_folder() / weight.stored_as
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_folder_is_the_one_named_else_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache" / "continuity" / "weights"
    monkeypatch.setenv("CONTINUITY_WEIGHTS", "")
    assert cache_folder() == tmp_path / "cache" / "continuity" / "weights"
    monkeypatch.setenv("CONTINUITY_WEIGHTS", "~/here")
    assert cache_folder() == Path.home() / "here"
    monkeypatch.setenv("CONTINUITY_WEIGHTS", "here")
    assert cache_folder() == Path.cwd() / "here"


def test_a_missing_file_names_the_folder_and_the_one_command(weight: WeightFile) -> None:
    with pytest.raises(MissingWeights) as failure:
        path_of("nose")
    assert str(cache_folder()) in str(failure.value)
    assert str(failure.value).endswith("continuity weights pull nose")
    assert failure.value.exit_code == 5
    assert not cache_folder().exists(), "looking creates nothing"


def test_a_file_that_is_here_is_found(weight: WeightFile) -> None:
    path = stored(weight)
    assert path_of("nose") == path
    assert [(check.state, check.path, check.why) for check in verify()] == [("present", path, "")]
    with pytest.raises(UsageError):
        path_of("ear")


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "0 bytes instead of 1600"), (CONTENT[:-1], "1599 bytes"), (b"x" * len(CONTENT), "sha256")],
)
def test_another_file_is_refused_and_says_why(weight: WeightFile, content: bytes, says: str) -> None:
    stored(weight, content)
    with pytest.raises(MissingWeights, match=says) as failure:
        path_of("nose")
    assert "continuity weights pull nose" in str(failure.value)
    assert [check.state for check in verify()] == ["damaged"]


def test_a_change_after_the_first_look_is_seen(weight: WeightFile) -> None:
    path = stored(weight)
    path_of("nose")
    path.write_bytes(b"x" * len(CONTENT))
    with pytest.raises(MissingWeights, match="sha256"):
        path_of("nose")


def test_the_digest_is_computed_once_per_state(weight: WeightFile, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(weight)
    read: list[Path] = []
    digest = cache.sha256_of

    def counted(path: Path) -> str:
        read.append(path)
        return digest(path)

    monkeypatch.setattr(cache, "sha256_of", counted)
    for _ in range(3):
        path_of("nose")
    assert len(read) == 1
    os.utime(path, ns=(1, 1))
    path_of("nose")
    assert len(read) == 2
    verify(["nose"])
    assert len(read) == 3, "verify reads the bytes again"


def test_a_copied_folder_works_where_it_lands(
    weight: WeightFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stored(weight)
    shutil.copytree(cache_folder(), tmp_path / "elsewhere")
    shutil.rmtree(cache_folder())
    monkeypatch.setenv("CONTINUITY_WEIGHTS", str(tmp_path / "elsewhere"))
    assert path_of("nose").parent == tmp_path / "elsewhere"


@pytest.mark.parametrize("obstacle", ["folder", "broken link", "file as folder", "loop"])
def test_what_is_no_file_is_no_weights(weight: WeightFile, obstacle: str) -> None:
    path = cache_folder() / weight.stored_as
    if obstacle == "file as folder":
        path.parent.write_text("I am a file")
    else:
        path.parent.mkdir()
        if obstacle == "folder":
            path.mkdir()
        else:
            path.symlink_to(path if obstacle == "loop" else path.parent / "nowhere")
    with pytest.raises(MissingWeights, match="continuity weights pull nose"):
        path_of("nose")


@pytest.mark.parametrize(
    ("chunks", "says"),
    [
        ([], "has 0 bytes"),
        ([CONTENT[:-1]], "1599 bytes"),
        ([CONTENT, b"x"], "longer"),
        ([b"x" * len(CONTENT)], "sha256"),
    ],
)
def test_only_the_right_bytes_get_the_name(weight: WeightFile, chunks: list[bytes], says: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=says):
        cache.place(weight, chunks, tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_an_interruption_while_writing_leaves_nothing(weight: WeightFile, tmp_path: Path) -> None:
    def chunks() -> Any:
        yield CONTENT[:100]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.place(weight, chunks(), tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_a_damaged_file_is_replaced_whole(weight: WeightFile) -> None:
    path = stored(weight, b"old")
    with pytest.raises(DownloadError):
        cache.place(weight, [b"new"], cache_folder())
    assert path.read_bytes() == b"old"
    cache.place(weight, [CONTENT[:7], CONTENT[7:]], cache_folder())
    assert path.read_bytes() == CONTENT
    assert list(cache_folder().iterdir()) == [path]
