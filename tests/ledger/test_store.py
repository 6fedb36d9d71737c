from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as Pillow

from continuity.errors import LedgerError, MediaError, StorageFull
from continuity.ledger import Ledger, MediaStore
from continuity.media import Clip, Image, open_media
from continuity.records import State

if TYPE_CHECKING:
    from conftest import Loop


def picture(level: int = 90, size: tuple[int, int] = (300, 600)) -> Image:
    pixels = np.full((*size, 3), level, dtype=np.uint8)
    pixels[: size[0] // 2] = 200
    return Image.from_array(pixels)


def files(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("ledger", "store"),
    [("show.db", "show.media"), ("a.b.db", "a.b.media"), ("show", "show.media"), ("x.media", "x.media.media")],
)
def test_it_lies_beside_its_ledger(tmp_path: Path, ledger: str, store: str) -> None:
    with Ledger.open(tmp_path / ledger) as opened:
        assert opened.media.root == tmp_path / store
        assert not opened.media.root.exists()


def test_a_thumbnail_always_and_the_source_when_wanted(ledger: Ledger) -> None:
    media = picture()
    small = ledger.media.put(media, full=False)
    assert small.full is None and small.digest == media.digest
    assert small.thumbnail == f"thumbnails/{media.digest[3:4]}/{media.digest}.jpg"
    with Pillow.open(ledger.media.root / small.thumbnail) as shown:
        assert shown.size == (256, 128)
    whole = ledger.media.put(media, full=True)
    assert whole.full == f"full/{media.digest[3:4]}/{media.digest}.png"
    again = ledger.media.open(whole.full)
    assert isinstance(again, Image) and np.array_equal(again.pixels, media.pixels)
    assert files(ledger.media.root) == sorted([whole.full, whole.thumbnail])


def test_the_source_is_stored_untouched(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "in.jpg"
    Pillow.fromarray(picture().pixels).save(file, quality=40)
    stored = ledger.media.put(open_media(file), full=True)
    assert stored.full is not None and stored.full.endswith(".jpg")
    assert (ledger.media.root / stored.full).read_bytes() == file.read_bytes()


def test_what_is_there_is_not_written_again(ledger: Ledger) -> None:
    stored = ledger.media.put(picture(), full=True)
    assert stored.full is not None
    before = {p: (ledger.media.root / p).stat().st_ino for p in (stored.thumbnail, stored.full)}
    assert ledger.media.put(picture(), full=True) == stored
    assert {p: (ledger.media.root / p).stat().st_ino for p in before} == before


def test_a_clip_shows_its_middle(ledger: Ledger) -> None:
    frames = [np.full((32, 48, 3), level, dtype=np.uint8) for level in (0, 10, 120, 240, 250)]
    clip = Clip.from_arrays(frames, Fraction(24))
    stored = ledger.media.put(clip, full=True)
    with Pillow.open(ledger.media.root / stored.thumbnail) as shown:
        assert abs(int(np.asarray(shown).mean()) - 120) < 4
    assert stored.full is not None
    again = ledger.media.open(stored.full)
    assert isinstance(again, Clip) and again.frame_count == 5


def test_a_folder_of_frames_is_stored_as_a_folder(ledger: Ledger, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(1, 4):
        Pillow.fromarray(np.full((16, 16, 3), number * 50, dtype=np.uint8)).save(folder / f"sc.{number:04}.png")
    for _ in range(2):
        stored = ledger.media.put(open_media(folder), full=True)
    assert stored.full is not None
    assert files(ledger.media.root / stored.full) == files(folder)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../show.db",
        "thumbnails/../../show.db",
        "full/../..",
        "..",
        "full/link/secret.png",
        "a\0b",
        ".",
    ],
)
def test_a_path_that_leads_out_is_not_opened(ledger: Ledger, tmp_path: Path, path: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    picture().save(outside / "secret.png")
    (ledger.media.root / "full").mkdir(parents=True)
    (ledger.media.root / "full" / "link").symlink_to(outside)
    if path == ".":
        with pytest.raises((LedgerError, MediaError)):
            ledger.media.open(path)
        return
    with pytest.raises(LedgerError, match="is not opened"):
        ledger.media.open(path)


def test_a_store_may_be_a_link_to_a_larger_disk(ledger: Ledger, tmp_path: Path) -> None:
    elsewhere = tmp_path / "large disk"
    elsewhere.mkdir()
    ledger.media.root.symlink_to(elsewhere)
    stored = ledger.media.put(picture(), full=True)
    assert stored.full is not None
    assert ledger.media.open(stored.full).digest.startswith("b2-")


def test_media_that_were_removed_are_a_sentence(ledger: Ledger) -> None:
    stored = ledger.media.put(picture(), full=True)
    shutil.rmtree(ledger.media.root)
    assert stored.full is not None
    with pytest.raises(MediaError):
        ledger.media.open(stored.full)


def test_a_nearly_full_disk_is_said_before_the_next_render(ledger: Ledger) -> None:
    free = shutil.disk_usage(ledger.path.parent).free
    ledger.check_space(0)
    ledger.media.put(picture(), full=False)
    ledger.check_space(free // 2)
    with pytest.raises(StorageFull, match=r"MiB free space were wanted.*MiB are left"):
        ledger.check_space(free * 2)


def test_a_folder_that_cannot_be_made_is_a_sentence(ledger: Ledger) -> None:
    ledger.media.root.write_bytes(b"a file where the folder should be")
    with pytest.raises(LedgerError, match="cannot be stored"):
        ledger.media.put(picture(), full=True)


def test_a_damaged_picture_stores_nothing(ledger: Ledger, tmp_path: Path) -> None:
    sink = BytesIO()
    Pillow.fromarray(picture().pixels).save(sink, "PNG")
    broken = tmp_path / "broken.png"
    broken.write_bytes(sink.getvalue()[: len(sink.getvalue()) // 2])
    with pytest.raises(MediaError):
        ledger.media.put(Image.open(broken), full=True)
    assert files(ledger.media.root) == []


def test_a_full_disk_leaves_no_half_file(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    mount = f'mount -t tmpfs -o size=300k none {tmp_path} && exec "$@"'
    alone = ("unshare", "-Urm", "sh", "-c", mount, "sh")
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets no ordinary user mount a small disk")
    output, errors = start("store", tmp_path / "show.db", before=alone).communicate(timeout=60)
    lines = output.splitlines()
    assert lines[-1].startswith("StorageFull the disk is full"), errors
    assert lines[0] == "left 0"


def test_stored_media_are_named_in_the_row(loop: Loop) -> None:
    ticket = loop.ask()
    stored = loop.ledger.media.put(picture(), full=True)
    loop.ledger.tell(ticket, State.FAILED, error="not judged", media=stored)
    row = loop.ledger.candidate(ticket.candidate)
    assert (row.thumbnail, row.media, row.digest) == (stored.thumbnail, stored.full, stored.digest)
    assert MediaStore.beside(loop.ledger.path).open(row.media).frame_count == 1


def test_what_only_the_caller_said_is_stored_beside(ledger: Ledger, tmp_path: Path, exr: Callable[..., Path]) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in (1001, 1002):
        exr(frames / f"a.{number}.exr", np.full((8, 8, 3), number % 200, np.uint8))
    still = open_media(frames / "a.1001.exr", colorspace="ACEScg")
    clip = open_media(frames / "a.####.exr", colorspace="lin_rec709_scene", fps=25)
    for media in (still, clip):
        stored = ledger.media.put(media, full=True)
        assert stored.full is not None and ledger.media.open(stored.full).digest == media.digest
        beside = ledger.media.root / (stored.full + ".told")
        assert beside.is_file()
    for damaged in (b"", b"[]", b'{"format": 2}', b'{"format": 1, "fps": "1/0"}', b'{"format": 1, "fps": []}', b"\xff"):
        beside.write_bytes(damaged)
        with pytest.raises(LedgerError, match="told' cannot be read"):
            ledger.media.open(stored.full)


def clip(level: int, count: int = 5, rate: Fraction | float = 24) -> Clip:
    frames = np.random.default_rng(level).integers(0, 256, (count, 16, 24, 3), dtype=np.uint8)
    return Clip.from_arrays(frames, rate)


def deep(low: int = 0) -> Image:
    """A still of 16 bits; ``low`` changes the bits that its 8 do not show."""
    return Image.from_deep(np.full((6, 8, 3), 100 * 257, np.uint16) + np.uint16(low))


@pytest.mark.parametrize("media", [picture(), deep(), clip(1), clip(2, 1), clip(3, 2, 30), clip(4, 3, 59.94)])
def test_what_is_stored_is_opened_as_what_it_was(ledger: Ledger, media: Image | Clip) -> None:
    stored = ledger.media.put(media, full=True)
    assert stored.full is not None and ledger.media.holds(stored.full, media.digest)
    assert ledger.media.open_as(stored.full, media.digest).frame_count == media.frame_count


@pytest.mark.parametrize(
    ("media", "other"),
    [(picture(), picture(91)), (deep(), deep(1)), (clip(1), clip(2)), (clip(1), clip(1, 4)), (clip(1), clip(1, 5, 25))],
    ids=["still", "low bits", "clip", "a frame less", "rate"],
)
def test_other_media_at_the_place_are_not_opened(ledger: Ledger, media: Image | Clip, other: Image | Clip) -> None:
    mine, others = (ledger.media.put(one, full=True).full for one in (media, other))
    assert mine is not None and others is not None
    whole = ledger.media.path(mine).read_bytes()
    for there in (ledger.media.path(others).read_bytes(), whole[: len(whole) // 2], b""):
        ledger.media.path(mine).write_bytes(there)
        assert not ledger.media.holds(mine, media.digest)
        with pytest.raises(MediaError):
            ledger.media.open_as(mine, media.digest)
    if isinstance(media, Image) and media.deep is not None:
        assert np.array_equal(media.pixels, other.pixels if isinstance(other, Image) else None), "told by 16 bits alone"


def test_a_file_with_other_bytes_or_a_replaced_frame_is_not_opened(ledger: Ledger, tmp_path: Path) -> None:
    (frames := tmp_path / "frames").mkdir()
    for number in range(3):
        picture(number).save(frames / f"f.{number:04}.png")
    clip(1).save(tmp_path / "clip.mkv")
    for media in (open_media(frames, fps=12), open_media(frames / "f.0000.png"), open_media(tmp_path / "clip.mkv")):
        stored = ledger.media.put(media, full=True).full
        assert stored is not None and ledger.media.holds(stored, media.digest)
        there = ledger.media.path(stored)
        if there.is_dir():
            picture(9).save(there / "f.0001.png")
        else:
            there.write_bytes(there.read_bytes() + b"0")
        assert not ledger.media.holds(stored, media.digest)
        with pytest.raises(MediaError, match="is not what was stored"):
            ledger.media.open_as(stored, media.digest)
    assert not ledger.media.holds("full/0/b2-0.png", "b2-0"), "nothing lies there"
    with pytest.raises(LedgerError, match="a path inside"):
        ledger.media.holds("../show.db", "b2-0")


@pytest.mark.parametrize("rate", [*(Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)), 12.5, 24, 60])
def test_a_clip_at_a_rate_of_broadcast_is_taken_for_itself(ledger: Ledger, rate: Fraction | float) -> None:
    stored = ledger.media.put(media := clip(1, 5, rate), full=True).full
    assert stored is not None and ledger.media.holds(stored, media.digest)


def test_a_clip_whose_rate_its_file_does_not_hold_is_not_taken_for_itself(ledger: Ledger) -> None:
    stored = ledger.media.put(media := clip(1, 5, 3.14159), full=True).full
    assert stored is not None and not ledger.media.holds(stored, media.digest)
