"""What a repair cannot write is declined, and what was noted of a still stays noted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

import continuity as ct
from continuity.media.written import lost, still_of
from continuity.records import Declined, Repaired
from continuity.testing import FakeBackends, FakeMetric
from continuity.vision.cdl import CDL

Pixels = NDArray[np.uint8]


def cut_out(folder: Path, pixels: Pixels) -> ct.Image:
    alpha = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    alpha[:4] = 0
    Pillow.fromarray(np.concatenate([pixels, alpha], axis=2)).save(folder / "cut.png")
    return ct.Image.open(folder / "cut.png")


def test_a_still_with_transparent_parts_is_declined(gate: ct.Gate, cold: Pixels, tmp_path: Path) -> None:
    media = cut_out(tmp_path, cold)
    found = ct.GradeRepair().repair(media, gate.inspect(media), gate.identity)
    assert isinstance(found, Declined) and "transparent parts" in found.reason
    with pytest.raises(ct.UsageError, match="transparent parts"):
        ct.Correction(cdl=CDL()).of_media(media)


def test_a_mark_on_what_was_cut_out_is_declined(cold: Pixels, tmp_path: Path) -> None:
    logo = FakeMetric("logo:acme", measures=lambda seen: 1.0)
    nobody = ct.Identity(name="nobody", enrolled=())
    gate = ct.Gate([logo], identity=nobody, tolerances={"logo:acme": 0.3}, backends=FakeBackends())
    media = cut_out(tmp_path, cold)
    found = ct.LogoRepair("acme").repair(media, gate.inspect(media), nobody)
    assert isinstance(found, Declined) and "transparent parts" in found.reason


def test_a_scene_linear_still_is_declined(
    gate: ct.Gate, cold: Pixels, tmp_path: Path, exr: Callable[..., Path]
) -> None:
    media = ct.open_media(exr(tmp_path / "shot.exr", cold), colorspace="lin_rec709_scene")
    found = ct.GradeRepair().repair(media, gate.inspect(media), gate.identity)
    assert isinstance(found, Declined) and "scene-linear" in found.reason
    with pytest.raises(ct.UsageError, match="scene-linear"):
        ct.Correction(cdl=CDL()).of_media(media)


def test_the_notes_of_a_still_are_carried_over(gate: ct.Gate, cold: Pixels) -> None:
    media = ct.Image.from_array(cold, notes=("CMYK without a profile",))
    found = ct.GradeRepair().repair(media, gate.inspect(media), gate.identity)
    assert isinstance(found, Repaired) and found.media.notes == media.notes
    assert not lost(media)


def test_sixteen_bits_are_noted_once() -> None:
    deep = ct.Image.from_deep(np.full((4, 4, 3), 999, np.uint16), notes=("one thing",))
    again = still_of(np.full((4, 4, 3), 999, np.uint16), deep)
    assert again.notes == deep.notes and len(deep.notes) == 2
