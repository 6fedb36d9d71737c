"""The store of features: whole or not there, of these media or not used, erased with its identity."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import continuity as ct
from continuity.ledger import Features, FeatureStore
from continuity.ledger.packing import unpacked
from continuity.observed import FrameFeatures
from continuity.records import Box, Face

MARA, OTHER = "0123456789abcdef", "fedcba9876543210"


def features(media: str = "b2-1", level: float = 0.5) -> Features:
    seen = FrameFeatures(index=0, seconds=None, size=(8, 8), people=level, look=np.full(4, level, np.float32))
    return Features(media=media, instruments=frozenset(), frame_count=1, missing=0, notes=(), frames=(seen,))


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore.beside(tmp_path / "show.db")


def test_a_candidate_is_found_by_its_number_and_its_media(store: FeatureStore) -> None:
    assert not store.has(7)
    assert store.open(7, "b2-1") is None
    assert not store.root.exists()
    size = store.put(7, MARA, features())
    assert store.kept()[MARA].candidates == (7,)
    assert store.kept()[MARA].size == size
    found = store.open(7, "b2-1")
    assert found is not None
    assert found.frames[0].people == 0.5
    assert store.open(7, "b2-2") is None  # other media: somebody began another show.db beside it
    assert store.open(8, "b2-1") is None
    store.put(7, MARA, features(level=0.25))
    again = store.open(7, "b2-1")
    assert again is not None
    assert again.frames[0].people == 0.25


def test_only_the_owner_may_look(store: FeatureStore) -> None:
    store.put(1, MARA, features())
    assert store.root.stat().st_mode & 0o077 == 0
    assert (store.root / MARA).stat().st_mode & 0o077 == 0


def test_forgetting_erases_all_of_one_identity(store: FeatureStore) -> None:
    for number in (1, 2):
        store.put(number, MARA, features())
    store.put(3, OTHER, features())
    half = store.root / MARA / ".continuity-00.tmp"
    half.write_bytes(b"half an embedding")
    gone = store.forget(MARA)
    assert gone.candidates == (1, 2)
    assert gone.size > 17
    assert not (store.root / MARA).exists()
    assert list(store.kept()) == [OTHER]
    assert store.forget(MARA).candidates == ()
    store.put(1, MARA, features())  # a run that goes on
    assert store.has(1)


@pytest.mark.parametrize("name", ["", "..", "../../etc", "mara", MARA.upper(), MARA + "0", MARA + "\n", "/" + MARA])
def test_what_is_no_digest_reaches_nothing(store: FeatureStore, name: str) -> None:
    store.put(1, MARA, features())
    with pytest.raises(ct.UsageError, match="16 hexadecimal"):
        store.forget(name)
    with pytest.raises(ct.UsageError):
        store.put(1, name, features())
    assert store.has(1)


def test_a_link_is_not_followed_when_erasing(store: FeatureStore, tmp_path: Path) -> None:
    store.put(1, MARA, features())
    elsewhere = tmp_path / "elsewhere"
    (store.root / MARA).rename(elsewhere)
    (store.root / MARA).symlink_to(elsewhere)
    with pytest.raises(ct.LedgerError, match="not all erased"):
        store.forget(MARA)
    assert (elsewhere / "1.npz").exists()


def test_what_is_not_a_file_of_features_is_not_there(store: FeatureStore, caplog: pytest.LogCaptureFixture) -> None:
    store.put(1, MARA, features())
    path = store.root / MARA / "1.npz"
    path.write_bytes(path.read_bytes()[:-40])
    assert store.open(1, "b2-1") is None
    assert "not used" in caplog.text
    assert "Traceback" not in caplog.text
    path.write_bytes(b"")
    assert store.open(1, "b2-1") is None
    path.unlink()
    os.mkfifo(path)  # reading it would wait for ever
    assert store.open(1, "b2-1") is None
    path.unlink()
    path.symlink_to("/dev/zero")
    assert store.open(1, "b2-1") is None
    path.unlink()
    path.mkdir()
    assert store.open(1, "b2-1") is None
    with path.with_name("2.npz").open("wb") as file:
        file.truncate(2**29)
    assert store.open(2, "b2-1") is None
    (store.root / "notes.txt").write_text("no identity")
    (store.root / MARA / "x.npz").write_bytes(b"")
    assert list(store.kept()) == [MARA]
    assert store.kept()[MARA].candidates == (2,)


def test_a_store_that_cannot_be_written_is_a_sentence(store: FeatureStore) -> None:
    store.root.write_text("a file where the folder should be")
    with pytest.raises(ct.LedgerError, match="cannot be stored"):
        store.put(1, MARA, features())
    assert store.kept() == {}
    assert not store.has(1)


@pytest.mark.parametrize(
    "changes",
    [
        {"people": float("nan")},
        {"people": "much"},
        {"faces": (Face(box=Box(0, 0, 1, 1), score=0.5),) * 2,
         "embeddings": {0: np.zeros(3, np.float32), 1: np.zeros(4, np.float32)}},
    ],
)  # fmt: skip
def test_what_a_model_should_not_say_is_a_sentence(store: FeatureStore, changes: dict[str, Any]) -> None:
    odd = replace(features(), frames=(replace(features().frames[0], **changes),))
    with pytest.raises(ct.LedgerError, match="candidate 4 cannot be stored"):
        store.put(4, MARA, odd)
    assert not store.has(4)


def test_a_writer_that_is_killed_leaves_whole_files(store: FeatureStore) -> None:
    writing = (
        "import sys, itertools, pathlib, numpy as np\n"
        "from continuity.ledger import Features, FeatureStore\n"
        "from continuity.observed import FrameFeatures\n"
        "store = FeatureStore(pathlib.Path(sys.argv[1]))\n"
        "for n in itertools.count(1):\n"
        "    seen = FrameFeatures(index=0, seconds=None, size=(8, 8), look=np.random.rand(60000).astype(np.float32))\n"
        f"    store.put(1 + n % 9, {MARA!r}, Features(media='m', instruments=frozenset(), frame_count=1, missing=0,\n"
        "        notes=(), frames=(seen,)))\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", writing, str(store.root)])
    try:
        until = time.monotonic() + 30
        while not store.has(9) and time.monotonic() < until and worker.poll() is None:
            time.sleep(0.01)
        assert store.has(9)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    files = list((store.root / MARA).glob("*.npz"))
    assert len(files) >= 8
    for path in files:
        assert unpacked(path.read_bytes()).media == "m"
    store.forget(MARA)
    assert list(store.root.iterdir()) == []
