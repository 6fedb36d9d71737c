from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.errors import EnrolmentError, MediaError, UsageError
from continuity.report.enrolled import CELL, MARGIN, MOST, PICTURE, reference_sheet


def plain_identity(folder: Path, levels: range) -> ct.Identity:
    """A grade of pictures of one colour each: nothing has to be found in them."""
    for level in levels:
        Pil.new("RGB", (64, 48), (level, 90, 30)).save(folder / f"{level}.png")
    return ct.enrol(folder / "who", grade=[folder / f"{level}.png" for level in levels])


def test_every_reference_is_drawn(tmp_path: Path) -> None:
    identity = plain_identity(tmp_path, range(100, 106))
    drawn = np.asarray(Pil.open(reference_sheet(identity, tmp_path / "who.png")))
    for level in range(100, 106):
        assert (drawn == (level, 90, 30)).all(axis=2).sum() == 64 * 48, "as large as it is, not blown up"


def test_a_large_reference_is_made_smaller(tmp_path: Path) -> None:
    Pil.new("RGB", (1200, 600), (120, 90, 30)).save(tmp_path / "wide.png")
    identity = ct.enrol(tmp_path / "who", grade=[tmp_path / "wide.png"])
    drawn = np.asarray(Pil.open(reference_sheet(identity, str(tmp_path / "who.png"))))
    rows, columns = np.nonzero((drawn == (120, 90, 30)).all(axis=2))
    assert (np.ptp(columns) + 1, np.ptp(rows) + 1, columns.min()) == (CELL, PICTURE // 2, MARGIN)


def test_what_is_gone_or_not_drawn_is_said_and_the_others_are_drawn(tmp_path: Path) -> None:
    identity = plain_identity(tmp_path, range(100, 102))
    gone, there = identity.enrolled[0].references
    identity.reference_file(gone).unlink()
    drawn = np.asarray(Pil.open(reference_sheet(identity, tmp_path / "who.png")))
    level = int(there.source.removesuffix(".png"))
    assert (drawn == (level, 90, 30)).all(axis=2).sum() == 64 * 48
    many = replace(identity, enrolled=(replace(identity.enrolled[0], references=(there,) * (MOST + 5)),))
    drawn = np.asarray(Pil.open(reference_sheet(many, tmp_path / "many.png")))
    assert (drawn == (level, 90, 30)).all(axis=2).sum() == MOST * 64 * 48


def test_nothing_is_written_over(tmp_path: Path) -> None:
    identity = plain_identity(tmp_path, range(100, 101))
    assert identity.folder is not None
    (tmp_path / "link").symlink_to(identity.folder)
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nothing.png")
    (reference,) = identity.enrolled[0].references
    own = identity.reference_file(reference)
    before = own.read_bytes()
    for inside in (
        own,
        identity.folder / "new.png",
        tmp_path / "link" / "new.png",
        tmp_path / "who" / "x" / ".." / "a.png",
    ):
        with pytest.raises(UsageError, match="outside of its folder"):
            reference_sheet(identity, inside)
    for there in (tmp_path / "100.png", tmp_path / "dangling.png"):
        with pytest.raises(UsageError, match="is there already: name another"):
            reference_sheet(identity, there)
    assert own.read_bytes() == before == (tmp_path / "100.png").read_bytes()
    assert not (identity.folder / "new.png").exists() and (tmp_path / "dangling.png").is_symlink()


def test_the_sheet_is_for_its_owner_alone(tmp_path: Path) -> None:
    drawn = reference_sheet(plain_identity(tmp_path, range(100, 101)), tmp_path / "who.png")
    assert drawn.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_drawn_is_a_sentence(tmp_path: Path) -> None:
    identity = plain_identity(tmp_path, range(100, 101))
    with pytest.raises(MediaError, match=r"a picture of an identity is a PNG, .* name it who\.png"):
        reference_sheet(identity, tmp_path / "who.jpg")
    with pytest.raises(MediaError, match="folder exists"):
        reference_sheet(identity, tmp_path / "nowhere" / "who.png")
    with pytest.raises(UsageError, match="got None"):
        reference_sheet(identity, None)  # type: ignore[arg-type]
    with pytest.raises(EnrolmentError, match="has no folder"):
        reference_sheet(replace(identity, folder=None), tmp_path / "who.png")
