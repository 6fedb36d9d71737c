from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import continuity as ct
from continuity.errors import ContinuityError, MediaError, UsageError
from continuity.media import Image, open_media, write_atomic
from continuity.media.files import SourceFile, replacing


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(("given", "said"), [(None, "got None"), (3, "got 3"), ([], "got an object of list")])
@pytest.mark.parametrize(
    ("opening", "what"),
    [
        (ct.open_media, "a picture or a clip"),
        (ct.Image.open, "a picture"),
        (ct.Clip.open, "a picture or a clip"),
        (ct.Image.from_array(np.zeros((1, 1, 3), np.uint8)).save, "a file to save to"),
        (ct.Clip.from_arrays(np.zeros((2, 1, 1, 3), np.uint8), 24).save, "a file to save to"),
        (ct.Ledger.open, "a ledger"),
        (ct.Identity.open, "an identity folder"),
        (ct.enrol, "an identity folder"),
        (ct.Tolerances.open, "a tolerance file"),
        (ct.Labels.open, "a file of labels"),
        (ct.FolderGenerator, "a folder of renders"),
    ],
)
def test_what_is_no_path_is_a_sentence(
    opening: Callable[[object], object], what: str, given: object, said: str
) -> None:
    with pytest.raises(UsageError, match=f"^the path of {what} was wanted, {said}.* pathlib.Path$"):
        opening(given)


def test_paths_are_taken_as_text_bytes_and_paths(tmp_path: Path) -> None:
    Image.from_array(np.zeros((1, 1, 3), np.uint8)).save(str(tmp_path / "a.png"))
    for given in (tmp_path / "a.png", str(tmp_path / "a.png"), os.fsencode(tmp_path / "a.png")):
        assert open_media(given).path == tmp_path / "a.png"  # type: ignore[arg-type]


def test_write_atomic_creates_and_replaces(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    write_atomic(target, b"first")
    write_atomic(target, b"second")
    assert target.read_bytes() == b"second"
    assert listing(tmp_path) == ["a.bin"]


def test_bytes_are_durable_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def noted_sync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        steps.append("folder" if stat.S_ISDIR(status.st_mode) else f"file of {status.st_size}")
        sync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    write_atomic(tmp_path / "a.bin", b"12345")
    assert steps == ["file of 5", "rename", "folder"]


def test_a_written_file_has_ordinary_permissions(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        write_atomic(tmp_path / "a.bin", b"x")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "a.bin").stat().st_mode) == 0o644


def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(MediaError, match="no room here"), replacing(target) as file:
        file.write(b"half of the new")
        raise OSError(errno.ENOSPC, "no room here")
    with pytest.raises(KeyboardInterrupt), replacing(target) as file:
        file.write(b"half of the new")
        raise KeyboardInterrupt
    assert target.read_bytes() == b"old"
    assert listing(tmp_path) == ["a.bin"]


def test_a_full_disk_is_a_sentence_with_the_cause_attached(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="No space left") as caught, replacing(tmp_path / "a.bin"):
        Path("/dev/full").write_bytes(b"x")
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert listing(tmp_path) == []


@pytest.mark.parametrize("name", ["missing/a.bin", "folder", "n" * 300, "nul\0.bin"])
def test_a_target_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(MediaError, match="cannot write"):
        write_atomic(tmp_path / name, b"x")
    assert listing(tmp_path) == ["folder"]


def test_a_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    write_atomic(tmp_path / ("n" * 255), b"x")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"x"


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    import hashlib

    content = os.urandom((1 << 20) + 17)
    path = tmp_path / "a"
    path.write_bytes(content)
    assert SourceFile(path).digest == "b2-" + hashlib.blake2b(content, digest_size=32).hexdigest()


@pytest.mark.parametrize(
    "look",
    [SourceFile.read, lambda s: s.digest, lambda s: s.copy(s.path.with_name("b.bin"))],
    ids=["read", "digest", "copy"],
)
def test_a_file_that_changed_after_it_was_opened_is_refused(
    tmp_path: Path, look: Callable[[SourceFile], object]
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"one")
    source = SourceFile(path)
    source.open().close()
    path.write_bytes(b"another")
    with pytest.raises(MediaError, match="changed since it was first opened"):
        look(source)
    assert not (tmp_path / "b.bin").exists()


def test_a_change_that_keeps_size_and_time_is_found_by_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"one")
    source = SourceFile(path)
    assert source.digest
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(MediaError, match="changed"):
        source.copy(tmp_path / "b.bin")
    assert not (tmp_path / "b.bin").exists()


def test_special_files_are_refused_at_once(tmp_path: Path) -> None:
    fifo, sock = tmp_path / "fifo.png", tmp_path / "socket.png"
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(sock))
        for path in (fifo, sock, Path("/dev/zero"), Path("/dev/tty0") if Path("/dev/tty0").exists() else fifo):
            with pytest.raises(MediaError, match="pipe, socket or device"):
                open_media(path)


@pytest.mark.parametrize(
    "name",
    [
        "new\nline.png",
        "nul\0.png",
        "bell\a.png",
        "ü.png",
        "-rf.png",
        "http://host/a.png",
        "a.png:ads",
        "%s%n.png",
        "x" * 300,
    ],
)
def test_hostile_names_are_named_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError) as caught:
        open_media(tmp_path / name)
    assert "\n" not in str(caught.value) and "\a" not in str(caught.value)
    assert "cannot read" in str(caught.value)


def test_an_undecodable_name_can_be_read_and_printed(tmp_path: Path) -> None:
    import numpy as np

    source = tmp_path / "a.png"
    Image.from_array(np.full((4, 4, 3), 9, np.uint8)).save(source)
    odd = os.fsencode(tmp_path) + b"/\xff\xfe.png"
    path = source.rename(Path(os.fsdecode(odd)))
    assert open_media(path).size == (4, 4)
    path.write_bytes(b"broken")
    with pytest.raises(MediaError) as caught:
        open_media(path)
    str(caught.value).encode()


def test_errors_of_this_package_pass_through_untouched(tmp_path: Path) -> None:
    with pytest.raises(ContinuityError, match=r"^as it is$"), replacing(tmp_path / "a"):
        raise MediaError("as it is")
