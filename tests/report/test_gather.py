from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import continuity as ct
from continuity.report import Tile, sheet_of, told_tile
from continuity.testing import PatternGenerator


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[ct.Ledger]:
    with ct.Ledger.open(tmp_path / "show.db") as opened:
        yield opened


def flat(level: int) -> ct.Image:
    return ct.Image.from_array(np.full((600, 400, 3), level, np.uint8))


def told(ledger: ct.Ledger, gate: ct.Gate, levels: list[int]) -> list[ct.Told]:
    shot = ct.Shot("sc010", gate=gate, ledger=ledger)
    return [shot.tell(shot.ask(), flat(level)) for level in levels]


def level_of(tile: Tile | None) -> int:
    assert tile is not None
    assert tile.picture is not None
    return round(float(np.asarray(tile.picture).mean()))


def test_kept_and_discarded_in_order(ledger: ct.Ledger, bright_gate: ct.Gate) -> None:
    told(ledger, bright_gate, [200, 70, 255, 30])
    sheet = sheet_of(ledger, ledger.shots()[0])
    assert sheet.title == "sc010"
    assert sheet.subtitle == "4 candidates · candidate 4 kept"
    assert level_of(sheet.kept) == 30
    assert sheet.kept is not None
    assert sheet.kept.title == "Kept: candidate 4"
    assert [level_of(tile) for tile in sheet.discarded] == pytest.approx([200, 70, 255], abs=2)
    assert [tile.title for tile in sheet.discarded] == ["#1", "#2", "#3"]
    assert sheet.discarded[0].report is not None
    assert sheet.left_out == 0
    assert "not calibrated" in sheet.footer


def test_of_many_the_nearest_are_shown(ledger: ct.Ledger, bright_gate: ct.Gate) -> None:
    told(ledger, bright_gate, [200, 70, 255, 90, 150])
    sheet = sheet_of(ledger, ledger.shots()[0], most=2)
    assert sheet.kept is None
    assert "none kept" in sheet.subtitle
    assert [tile.title for tile in sheet.discarded] == ["#2", "#4"]
    assert sheet.left_out == 3


def test_failed_renders_have_no_picture_and_say_why(ledger: ct.Ledger, bright_gate: ct.Gate) -> None:
    shot = ct.Shot("sc010", gate=bright_gate, ledger=ledger)
    shot.run(PatternGenerator(fails=lambda recipe: True), budget=ct.Budget(candidates=1))
    (tile,) = sheet_of(ledger, ledger.shots()[0]).discarded
    assert tile.picture is None
    assert "told to fail" in tile.note


def test_files_that_are_gone_say_so(ledger: ct.Ledger, bright_gate: ct.Gate) -> None:
    one = told(ledger, bright_gate, [30])[0]
    row = ledger.candidate(one.candidate)
    ledger.media.path(row.media).unlink()
    kept = sheet_of(ledger, ledger.shots()[0]).kept
    assert kept is not None
    assert kept.picture is None
    assert Path(row.media).name in kept.note


def test_tiles_that_are_ready_are_taken(ledger: ct.Ledger, bright_gate: ct.Gate) -> None:
    one = told(ledger, bright_gate, [200])[0]
    ready = replace(told_tile(one.row, one.report, one.media), note="mine")
    assert sheet_of(ledger, ledger.shots()[0], ready={one.candidate: ready}).discarded == [ready]


def test_references_come_from_the_identity(ledger: ct.Ledger, bright_gate: ct.Gate, enrolled: ct.Identity) -> None:
    told(ledger, bright_gate, [30])
    sheet = sheet_of(ledger, ledger.shots()[0], identity=enrolled)
    assert [tile.title for tile in sheet.references] == ["Reference: collins"]
    assert sheet.references[0].picture is not None
    assert sheet.subtitle.startswith("collins · ")


def test_a_clip_shows_its_middle_frame_without_boxes(ledger: ct.Ledger, bright_gate: ct.Gate) -> None:
    frames = [np.full((60, 40, 3), level, np.uint8) for level in (0, 50, 100)]
    shot = ct.Shot("sc010", gate=bright_gate, ledger=ledger)
    one = shot.tell(shot.ask(), ct.Clip.from_arrays(frames, 24))
    tile = told_tile(one.row, one.report, one.media)
    assert level_of(tile) == 50
    assert tile.boxes == ()
