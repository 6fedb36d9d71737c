"""Media that were discarded come back by a replay, as those of their candidate or not at all."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import continuity as ct
from continuity.errors import LedgerError
from continuity.ledger import Attempt
from continuity.records import Decision, State
from continuity.replaying import Keeping
from continuity.replaying.comparing import media_difference
from continuity.testing import FakeBackends, FakeMetric, PatternGenerator

NOBODY = ct.Identity(name="nobody", enrolled=())
DISCARDS = ct.Gate(  # two metrics fail by far: no more than a thumbnail is stored
    [FakeMetric("m0", 1000.0), FakeMetric("m1", 1000.0)],
    identity=NOBODY,
    tolerances={"m0": 1.0, "m1": 1.0},
    backends=FakeBackends(),
)


def picture(seed: int, add: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(8, 200, (40, 56, 3)).astype(np.uint8) + np.uint8(add)


def discarded(ledger: ct.Ledger, generator: object) -> int:
    """The one candidate of a shot, accepted by a person from its thumbnail."""
    ct.Shot("sc010", gate=DISCARDS, ledger=ledger, measure_fully=1.0).run(
        generator,  # type: ignore[arg-type]
        budget=ct.Budget(candidates=1),
    )
    (row,) = ledger.candidates()
    ledger.decide(Decision(candidate=row.id, accept=True, role="supervisor"))
    row = ledger.candidate(row.id)
    assert row.kept and row.thumbnail and row.digest and not row.media
    return row.id


@pytest.mark.parametrize("generator", [PatternGenerator(), ct.FunctionGenerator(picture)])
def test_identical_media_become_those_of_the_candidate(generator: object, tmp_path: Path) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        number = discarded(ledger, generator)
        before, rows = ledger.candidate(number), list(ledger.export())
        found = ct.replay(ledger, number, generator)  # type: ignore[arg-type]
        assert found.media is not None
        assert ledger.candidate(number) == before, "a replay alone writes nothing"
        kept = found.keep(ledger)
        assert kept.stored and kept.media.startswith("full/") and "export" in kept.reason
        after = ledger.candidate(number)
        assert after.media == kept.media
        assert (after.thumbnail, after.digest, after.verdict) == (before.thumbnail, before.digest, before.verdict)
        changed = [(a, b) for a, b in zip(rows, ledger.export(), strict=True) if a != b]
        assert [{k for k in a if a[k] != b[k]} for a, b in changed] == [{"media"}], "one empty place is filled"
        assert media_difference(ledger.media.open(after.media), found.media).largest == 0
        again = found.keep(ledger)
        assert again == Keeping(media=kept.media, stored=False, reason=again.reason)
        assert "nothing to do" in again.reason


def test_media_that_were_lost_from_the_store_come_back(tmp_path: Path) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        number = discarded(ledger, ct.FunctionGenerator(picture))
        found = ct.replay(ledger, number, ct.FunctionGenerator(picture))
        where = ledger.media.path(found.keep(ledger).media)
        whole = where.read_bytes()
        where.unlink()
        assert found.keep(ledger).stored
        assert where.read_bytes() == whole


def clip(seed: int) -> ct.Clip:
    return ct.Clip.from_arrays([picture(seed * 10 + n) for n in range(3)], rate=24000 / 1001)


@pytest.mark.parametrize("render", [lambda seed: ct.Image.from_array(picture(seed)), clip])
@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("damage", ["half", "empty", "another"])
def test_what_is_not_the_candidate_s_is_never_taken_for_it(
    render: Callable[[int], ct.Media], forgotten: bool, damage: str, tmp_path: Path
) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        number = discarded(ledger, ct.FunctionGenerator(render))
        found = ct.replay(ledger, number, ct.FunctionGenerator(render))
        kept = found.keep(ledger)
        where = ledger.media.path(kept.media)
        whole = where.read_bytes()
        if damage == "another":
            render(5).save(where)
        else:
            where.write_bytes(whole[: len(whole) // 2] if damage == "half" else b"")
        if forgotten:
            with closing(sqlite3.connect(ledger.path)) as database, database:
                database.execute("update attempts set media = ''")
        again = found.keep(ledger)
        assert (again.stored, again.media) == (True, kept.media)
        assert where.read_bytes() == whole
        assert ledger.candidate(number).media == kept.media
        assert not found.keep(ledger).stored, "what is whole is left alone"


def test_a_damaged_file_that_a_replay_cannot_mend_is_said(tmp_path: Path) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        number = discarded(ledger, ct.FunctionGenerator(picture))
        kept = ct.replay(ledger, number, ct.FunctionGenerator(picture)).keep(ledger)
        where = ledger.media.path(kept.media)
        other = ct.replay(ledger, number, ct.FunctionGenerator(lambda seed: picture(seed, 1)))
        assert other.keep(ledger).media == kept.media, "whole, and it stays so"
        where.write_bytes(half := where.read_bytes()[:500])
        said = other.keep(ledger)
        assert (said.media, said.stored, "damaged" in said.reason) == ("", False, True)
        assert where.read_bytes() == half


def test_a_folder_of_frames_comes_back_whole(tmp_path: Path) -> None:
    (frames := tmp_path / "frames").mkdir()
    for n in range(3):
        ct.Image.from_array(picture(n)).save(frames / f"f.{n:04}.png")
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        render = ct.FunctionGenerator(lambda seed: ct.open_media(frames, fps=12))
        number = discarded(ledger, render)
        found = ct.replay(ledger, number, render)
        where = ledger.media.path(found.keep(ledger).media)
        ct.Image.from_array(picture(9)).save(where / "f.0001.png")
        where.with_name(where.name + ".told").write_text("{")
        assert found.keep(ledger).stored
        assert [p.read_bytes() for p in sorted(where.iterdir())] == [p.read_bytes() for p in sorted(frames.iterdir())]
        assert ledger.media.open(ledger.candidate(number).media).rate == 12  # type: ignore[union-attr]
        assert sorted(p.name for p in where.parent.iterdir()) == [where.name, where.name + ".told"], "nothing is left"


def test_media_of_another_suffix_are_refused(tmp_path: Path) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        number = discarded(ledger, ct.FunctionGenerator(picture))
        found = ct.replay(ledger, number, ct.FunctionGenerator(picture))
        recorded = found.keep(ledger).media
        ledger.media.path(recorded).unlink()
        with closing(sqlite3.connect(ledger.path)) as database, database:
            database.execute("update attempts set media = replace(media, '.png', '.jpg')")
        assert found.media is not None
        with pytest.raises(LedgerError, match=r"\.jpg', media for .*\.png' were to be .*nothing is changed"):
            ledger.restore(number, found.media)
        assert not ledger.media.path(recorded).exists()
        assert not found.keep(ledger).media


def test_what_is_not_identical_is_not_stored(tmp_path: Path) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        number = discarded(ledger, ct.FunctionGenerator(picture))
        close = ct.replay(ledger, number, ct.FunctionGenerator(lambda seed: picture(seed, 1)))
        assert close.outcome is ct.ReplayOutcome.CLOSE, "as far as a thumbnail shows"

        def broken(seed: int) -> np.ndarray:
            raise RuntimeError("CUDA out of memory")

        for found in (close, ct.replay(ledger, number, ct.FunctionGenerator(broken))):
            kept = found.keep(ledger)
            assert (kept.stored, kept.media) == (False, "")
            assert "nothing is stored" in kept.reason and "digest" in kept.reason
        assert not ledger.candidate(number).media
        assert not (ledger.media.root / "full").exists()


def test_a_render_does_not_stand_for_what_a_repair_made_of_it(tmp_path: Path) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        render = ct.Image.from_array(picture(1))
        shot = ledger.shot("sc010", {})
        stream = ledger.stream({})
        ticket = ledger.ask(shot, stream=stream, budget=ct.Budget(candidates=1), prompt="", measure_fully=1.0)
        passes = ct.Gate([FakeMetric("m", 0.0)], identity=NOBODY, tolerances={"m": 1.0}, backends=FakeBackends())
        mended = passes.inspect(ct.Image.from_array(picture(2)))
        attempt = Attempt(repair="logo", fitted=(), stream=stream, cost=ct.Cost(), report=mended)
        ledger.tell(
            ticket,
            State.ACCEPTED,
            report=DISCARDS.inspect(render),
            media=ledger.media.put(render, full=False),
            attempts=[attempt],
        )
        found = ct.replay(ledger, ticket.candidate, ct.FunctionGenerator(lambda seed: picture(1)))
        assert found.outcome is ct.ReplayOutcome.IDENTICAL
        kept = found.keep(ledger)
        assert not kept.stored and "logo" in kept.reason
        assert not ledger.candidate(ticket.candidate).media


def test_a_store_that_cannot_be_written_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        number = discarded(ledger, ct.FunctionGenerator(picture))
        found = ct.replay(ledger, number, ct.FunctionGenerator(picture))
        (ledger.media.root / "full").write_text("a file where a folder was wanted")
        with pytest.raises(LedgerError, match=r"media cannot be stored in .*check its rights"):
            found.keep(ledger)
        assert not ledger.candidate(number).media


def test_the_ledger_takes_no_media_of_another_digest(tmp_path: Path) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        number = discarded(ledger, ct.FunctionGenerator(picture))
        other = ct.Image.from_array(picture(99))
        for candidate in (number, number + 1):
            with pytest.raises(LedgerError, match="nothing is changed"):
                ledger.restore(candidate, other)
        assert not ledger.candidate(number).media
        assert not (ledger.media.root / "full").exists()


def test_a_ledger_that_is_only_read_is_not_written(tmp_path: Path) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        number = discarded(ledger, ct.FunctionGenerator(picture))
    with ct.Ledger.open(tmp_path / "show.db", create=False) as ledger:
        found = ct.replay(ledger, number, ct.FunctionGenerator(picture))
        with pytest.raises(LedgerError, match="for reading only: open it with"):
            found.keep(ledger)
        assert not (ledger.media.root / "full").exists()


KILLED = """
import os, signal, sys
import numpy as np
import continuity as ct
from continuity.ledger import telling

telling.restore = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
def picture(seed):
    return np.random.default_rng(seed).integers(8, 200, (40, 56, 3)).astype(np.uint8)
with ct.Ledger.open(sys.argv[1]) as ledger:
    ct.replay(ledger, int(sys.argv[2]), ct.FunctionGenerator(picture)).keep(ledger)
"""


def test_killed_between_media_and_row(tmp_path: Path) -> None:
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        number = discarded(ledger, ct.FunctionGenerator(picture))
        done = subprocess.run([sys.executable, "-c", KILLED, str(ledger.path), str(number)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert not ledger.candidate(number).media
        assert len(list((ledger.media.root / "full").rglob("*.png"))) == 1, "written before the row that names it"
        kept = ct.replay(ledger, number, ct.FunctionGenerator(picture)).keep(ledger)
        assert kept.stored
        assert (ledger.media.open(kept.media).pixels == picture(ledger.candidate(number).seed)).all()
