from __future__ import annotations

import os
from pathlib import Path

import pytest

from continuity.errors import UsageError
from continuity.exporting.workshop import ABANDONED, require_target, sweep, workshop


def test_one_that_is_in_use_is_not_swept(tmp_path: Path) -> None:
    with workshop(tmp_path) as one:
        (one / "frame.png").write_text("mine")
        with workshop(tmp_path) as other:
            assert one != other and (one / "frame.png").exists()
        assert not other.exists()
    assert not list(tmp_path.iterdir())


def test_only_what_is_left_is_swept(tmp_path: Path) -> None:
    names = (".continuity-old.tmp", ".continuity-new.tmp", ".continuity-notes", "mine.tmp")
    for name in names:
        (tmp_path / name).write_text("x")
        if "new" not in name:
            os.utime(tmp_path / name, (0, 0))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".continuity-link.tmp").symlink_to(tmp_path / "elsewhere")
    sweep(tmp_path)
    assert ABANDONED > 60
    left = {".continuity-new.tmp", ".continuity-notes", "mine.tmp", ".continuity-link.tmp", "elsewhere"}
    assert {one.name for one in tmp_path.iterdir()} == left


def test_where_a_ledger_cannot_have_a_folder_beside_it(tmp_path: Path) -> None:
    with workshop(tmp_path / "gone") as work:
        assert work.is_dir() and not work.is_relative_to(tmp_path)
    assert not work.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_nobody_may_write_into(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="nobody may write"):
        require_target(tmp_path / "out")
