from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from continuity.errors import LedgerError, MediaError, StorageFull
from continuity.ledger import Ledger
from continuity.records import InputMedium


def files(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def test_bytes_and_files_lie_under_their_digest(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "control.MP4"
    file.write_bytes(os.urandom(3 * 2**20 + 7))
    video, mask = InputMedium.of_file(file), InputMedium.of_bytes(b"mask", ".png")
    for medium in (video, mask):
        ledger.media.put_input(medium)
    assert files(ledger.media.root) == sorted(
        f"inputs/{m.digest[:2]}/{m.digest}{suffix}" for m, suffix in ((video, ".MP4"), (mask, ".png"))
    )
    for medium in (video, mask):
        found = ledger.media.input(medium.digest)
        assert (found.digest, found.suffix, found.read()) == (medium.digest, medium.suffix, medium.read())


def test_a_file_is_copied_so_that_a_later_change_does_not_matter(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "start.png"
    file.write_bytes(b"one")
    medium = InputMedium.of_file(file)
    ledger.media.put_input(medium)
    with file.open("r+b") as opened:
        opened.write(b"two")
    assert ledger.media.input(medium.digest).read() == b"one"


def test_what_is_there_is_neither_read_nor_written_again(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "start.png"
    file.write_bytes(b"one")
    medium = InputMedium.of_file(file)
    ledger.media.put_input(medium)
    (stored,) = (p for p in ledger.media.root.rglob("*") if p.is_file())
    before = stored.stat()
    file.unlink()
    ledger.media.put_input(medium)
    ledger.media.put_input(InputMedium.of_bytes(b"one", ".bin"))  # the same bytes under another suffix
    assert files(ledger.media.root) == [stored.relative_to(ledger.media.root).as_posix()]
    assert (stored.stat().st_mtime_ns, stored.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_an_empty_input_and_one_without_suffix_are_inputs(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.touch()
    ledger.media.put_input(InputMedium.of_file(file))
    found = ledger.media.input(hashlib.sha256().hexdigest())
    assert (found.suffix, found.read()) == ("", b"")


def test_a_file_that_changed_since_is_not_stored(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "start.png"
    file.write_bytes(b"one")
    medium = InputMedium.of_file(file)
    file.write_bytes(b"another")
    with pytest.raises(MediaError, match="changed since"):
        ledger.media.put_input(medium)
    file.unlink()
    with pytest.raises(MediaError, match="cannot read"):
        ledger.media.put_input(medium)
    assert files(ledger.media.root) == []


def test_what_is_missing_or_damaged_is_refused_by_its_digest(ledger: Ledger) -> None:
    medium = InputMedium.of_bytes(b"mask", ".png")
    with pytest.raises(MediaError, match=medium.digest):
        ledger.media.input(medium.digest)
    ledger.media.put_input(medium)
    (stored,) = (p for p in ledger.media.root.rglob("*") if p.is_file())
    stored.write_bytes(b"masc")
    with pytest.raises(MediaError, match=rf"{medium.digest} is damaged"):
        ledger.media.input(medium.digest)


@pytest.mark.parametrize("digest", ["", "ab", "../" * 20, "*" * 64, "A" * 64, "a" * 65, "a" * 64 + "\n"])
def test_hostile_digests_open_nothing(ledger: Ledger, digest: str) -> None:
    with pytest.raises(MediaError, match="64 hexadecimal"):
        ledger.media.input(digest)
    with pytest.raises(MediaError, match="64 hexadecimal"):
        ledger.media.put_input(InputMedium(digest=digest, suffix=".png", data=b""))


@pytest.mark.parametrize("suffix", ["/../../x", ".a/b", "png", ".\0", "." + "x" * 40, ".p\nq"])
def test_hostile_suffixes_are_refused(ledger: Ledger, suffix: str) -> None:
    with pytest.raises(MediaError, match="suffix"):
        ledger.media.put_input(InputMedium.of_bytes(b"mask", suffix))
    assert files(ledger.media.root) == []


def test_a_full_disk_leaves_nothing_half_written(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        ledger.media.put_input(InputMedium.of_bytes(b"mask", ".png"))
    assert files(ledger.media.root) == []


def test_a_folder_that_cannot_be_written_is_a_sentence(ledger: Ledger) -> None:
    ledger.media.root.mkdir()
    (ledger.media.root / "inputs").write_text("in the way")
    with pytest.raises((LedgerError, MediaError), match=r"inputs|stored"):
        ledger.media.put_input(InputMedium.of_bytes(b"mask", ".png"))
