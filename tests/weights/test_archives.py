from __future__ import annotations

import bz2
import io
import random
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from continuity.errors import DownloadError
from continuity.weights.archives import RemoteFile, RemoteZip, bunzipped, member_of

NAME = "m/nose.dat"
NOSE = random.Random(3).randbytes(50_000)


def written(folder: Path, content: bytes, file: str = "a.whl") -> Path:
    path = folder / file
    path.write_bytes(content)
    return path


class Far:
    """Bytes behind a range request, and what was asked of them."""

    def __init__(self, content: bytes) -> None:
        self.content, self.asked = content, list[tuple[int, int]]()

    def get(self, start: int | None, stop: int) -> tuple[bytes, int]:
        start, stop = (max(0, len(self.content) - stop), len(self.content)) if start is None else (start, stop)
        self.asked.append((start, stop))
        return self.content[start:stop], len(self.content)

    def member(self, name: str = NAME, size: int = len(NOSE)) -> bytes:
        remote = RemoteFile.opened(self.get)
        assert remote is not None
        return b"".join(RemoteZip(remote).member(name, size))


@pytest.mark.parametrize("file", ["a.whl", "a.tar.gz", "a.tar.gz.part"])
def test_one_member_is_read_and_no_path_is_written(made: Any, tmp_path: Path, file: str) -> None:
    members = {"../../evil": b"e", "/etc/evil": b"e", "m/nose.dat.bak": b"b", NAME: NOSE, "x/" + NAME: b"x"}
    path = written(tmp_path, (made.zipped if file == "a.whl" else made.tarred)(members), file)
    assert b"".join(member_of(path, NAME, len(NOSE))) == NOSE
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["zipped", "tarred"])
@pytest.mark.parametrize(
    ("name", "size", "says"),
    [
        ("nose.dat", len(NOSE), "no member nose.dat"),
        ("./" + NAME, len(NOSE), "no member"),
        ("m", len(NOSE), "no member m"),
        (NAME, len(NOSE) - 1, "50000 bytes instead of 49999"),
        (NAME, len(NOSE) + 1, "50000 bytes instead of 50001"),
    ],
)
def test_another_name_or_size_is_refused(made: Any, tmp_path: Path, kind: str, name: str, size: int, says: str) -> None:
    path = written(tmp_path, getattr(made, kind)({NAME: NOSE}), "a.whl" if kind == "zipped" else "a.tar.gz")
    with pytest.raises(DownloadError, match=says):
        list(member_of(path, name, size))


@pytest.mark.parametrize("link", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE])
def test_a_link_or_device_is_no_file(tmp_path: Path, link: bytes) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo(NAME)
        info.type, info.linkname = link, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(DownloadError, match="is not a file"):
        list(member_of(written(tmp_path, stream.getvalue(), "a.tar.gz"), NAME, 0))


@pytest.mark.parametrize("file", ["a.whl", "a.tar.gz"])
def test_damage_anywhere_is_a_reason_and_no_traceback(made: Any, tmp_path: Path, file: str) -> None:
    whole = (made.zipped if file == "a.whl" else made.tarred)({"before": NOSE[:999], NAME: NOSE})
    dice = random.Random(5)
    outcomes = list[str]()
    for turn in range(150):
        content = bytearray(whole)
        for _ in range(turn % 5 + 1):
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        if turn % 3 == 0:
            content = content[: dice.randrange(len(content))]
        path = written(tmp_path, bytes(content), file)
        try:
            outcomes.append(str(b"".join(member_of(path, NAME, len(NOSE))) == NOSE))
        except DownloadError:
            outcomes.append("refused")
    assert outcomes.count("refused") > 20


def test_a_gzip_bomb_stops_early(made: Any, tmp_path: Path) -> None:
    """200 MB of zeros in 1 MB: refused by what was unpacked, without holding it."""
    info = tarfile.TarInfo("filler")
    info.size = 200 * 2**20
    path = written(tmp_path, made.gzipped(info.tobuf() + bytes(info.size)), "a.tar.gz")
    tracemalloc.start()
    with pytest.raises(DownloadError, match="far more than it should"):
        list(member_of(path, NAME, len(NOSE)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 2**20


def test_a_zip_member_that_lies_about_its_size_is_cut_off(made: Any, tmp_path: Path) -> None:
    """The directory says 50 kB, the deflate stream has 50 MB."""
    content = bytearray(made.zipped({NAME: bytes(50 * 2**20)}))
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = len(NOSE).to_bytes(4, "little")
    path = written(tmp_path, bytes(content))
    try:
        found = b"".join(member_of(path, NAME, len(NOSE)))
    except DownloadError:
        found = b""
    assert len(found) <= len(NOSE)


def test_an_encrypted_member_or_unknown_compression_is_refused(made: Any, tmp_path: Path) -> None:
    for offset, value in ((8, 1), (10, 77)):
        content = bytearray(made.zipped({NAME: NOSE}))
        content[content.rindex(b"PK\x01\x02") + offset] = value
        with pytest.raises(DownloadError, match="damaged"):
            list(member_of(written(tmp_path, bytes(content)), NAME, len(NOSE)))


@pytest.mark.parametrize("content", [b"", b"nonsense", bz2.compress(NOSE)[:-5]])
def test_bz2_that_is_damaged_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DownloadError, match="damaged"):
        list(bunzipped(written(tmp_path, content)))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_far_zip_gives_one_member_for_few_bytes(made: Any, compression: int) -> None:
    dice = random.Random(7)
    fill = {f"fill/{number}": dice.randbytes(20_000) for number in range(40)}
    far = Far(made.zipped({**fill, NAME: NOSE, "last": dice.randbytes(300_000)}, compression))
    assert far.member() == NOSE
    assert len(far.asked) == 2, "the end with the directory, and the member"
    assert sum(stop - start for start, stop in far.asked) < 2 * len(NOSE) + 65_536 < len(far.content) / 4


def test_a_far_zip_with_a_large_directory_or_smaller_than_a_tail_works(made: Any) -> None:
    large = Far(made.zipped({**{f"{'long' * 20}{number}": b"" for number in range(2000)}, NAME: NOSE}))
    assert large.member() == NOSE
    assert Far(made.zipped({NAME: NOSE[:5]})).member(size=5) == NOSE[:5]


def test_a_far_zip_is_held_to_its_word(made: Any) -> None:
    far = Far(made.zipped({NAME: NOSE}))
    with pytest.raises(DownloadError, match="no member ear"):
        far.member("ear")
    with pytest.raises(DownloadError, match="50000 bytes instead of 1"):
        far.member(size=1)
    content = bytearray(far.content)
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 20 : directory + 24] = (2**31).to_bytes(4, "little")
    with pytest.raises(DownloadError, match="longer packed"):
        Far(bytes(content)).member()
    content = bytearray(far.content)
    content[directory + 42 : directory + 46] = (2**31).to_bytes(4, "little")
    with pytest.raises(DownloadError):
        Far(bytes(content)).member()


def test_damage_in_a_far_zip_is_a_reason(made: Any) -> None:
    whole = made.zipped({"before": NOSE[:999], NAME: NOSE})
    dice = random.Random(11)
    refused = 0
    for _ in range(150):
        content = bytearray(whole)
        content[dice.randrange(len(content) - 150, len(content))] ^= 1 << dice.randrange(8)
        try:
            Far(bytes(content)).member()
        except DownloadError:
            refused += 1
    assert refused > 50


def test_a_server_that_stops_serving_ranges_is_a_reason(made: Any) -> None:
    far = Far(made.zipped({"fill": random.Random(1).randbytes(200_000), NAME: NOSE, "last": NOSE * 3}))
    answers = iter([far.get(None, 65_536)])
    remote = RemoteFile.opened(lambda start, stop: next(answers, None))
    assert remote is not None
    with pytest.raises(DownloadError, match="stopped serving ranges"):
        list(RemoteZip(remote).member(NAME, len(NOSE)))
    assert RemoteFile.opened(lambda start, stop: None) is None
