"""GradeRepair: what it brings back, what it declines, and that it leaves the given media alone."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

import continuity as ct
from continuity.records import Declined, Repaired
from continuity.repairs.grade.repair import LIMITS, harm, pressed
from continuity.testing import RepairContract
from continuity.vision.cdl import CDL

Pixels = NDArray[np.uint8]


class TestContract(RepairContract):
    @pytest.fixture
    def repair(self) -> ct.GradeRepair:
        return ct.GradeRepair()

    @pytest.fixture(params=["cold", "true"])
    def media(self, request: pytest.FixtureRequest) -> ct.Image:
        return ct.Image.from_array(request.getfixturevalue(request.param))

    @pytest.fixture
    def report(self, gate: ct.Gate, media: ct.Image) -> ct.Report:
        return gate.inspect(media)


def made(gate: ct.Gate, media: ct.Image | ct.Clip, repair: ct.GradeRepair | None = None) -> Repaired:
    found = (repair or ct.GradeRepair()).repair(media, gate.inspect(media), gate.identity)
    assert isinstance(found, Repaired), found
    return found


def declined(gate: ct.Gate, pixels: Pixels) -> str:
    media = ct.Image.from_array(pixels)
    found = ct.GradeRepair().repair(media, gate.inspect(media), gate.identity)
    assert isinstance(found, Declined)
    return found.reason


def test_a_cold_grade_is_taken_back_and_the_gate_passes_it(gate: ct.Gate, true: Pixels, cold: Pixels) -> None:
    assert gate.inspect(ct.Image.from_array(cold)).verdict == "fail"
    found = made(gate, ct.Image.from_array(cold))
    assert gate.inspect(found.media).verdict == "pass"
    pixels = next(iter(found.media.frames())).pixels
    assert np.abs(pixels.astype(int) - true).mean() < 3 < 10 < np.abs(cold.astype(int) - true).mean()
    assert ct.Correction.of(found.settings).of_pixels(cold).tolist() == pixels.tolist()
    assert found.settings["space"] == "display-referred Rec.709"


def test_what_was_pressed_into_black_and_white_is_lost(gate: ct.Gate, true: Pixels) -> None:
    harsh = np.clip((true.astype(float) - 127) * 4 + 127, 0, 255).astype(np.uint8)
    assert ((harsh == 0) | (harsh == 255)).mean() > 0.2
    reason = declined(gate, harsh)
    assert "at black or white" in reason


def test_what_lies_at_an_end_in_the_references_too_is_not_lost(gate: ct.Gate, true: Pixels) -> None:
    bare = np.zeros_like(true)
    assert "100% of the values" in pressed([bare], gate.identity)
    assert pressed([true], gate.identity) == ""


def test_content_that_the_reference_does_not_show_bends_nothing(gate: ct.Gate, true: Pixels, cold: Pixels) -> None:
    other = cold.copy()
    other[:, 200:] = (220, 30, 30)  # a red wall over three eighths of the picture
    found = made(gate, ct.Image.from_array(other))
    pixels = next(iter(found.media.frames())).pixels
    assert np.abs(pixels[:, :190].astype(int) - true[:, :190]).mean() < 4


def test_a_clip_gets_one_cdl(gate: ct.Gate, true: Pixels, cold: Pixels) -> None:
    clip = ct.Clip.from_arrays([np.roll(cold, 3 * n, axis=1) for n in range(5)], Fraction(24))
    found = made(gate, clip)
    assert isinstance(found.media, ct.Clip) and found.media.frame_count == 5 and found.media.rate == 24
    correction = ct.Correction.of(found.settings)
    for before, after in zip(clip.frames(), found.media.frames(), strict=True):
        assert np.array_equal(correction.of_pixels(before.pixels), after.pixels)
    assert gate.inspect(found.media).verdict == "pass"


def test_sixteen_bits_stay_sixteen_bits(gate: ct.Gate, cold: Pixels) -> None:
    deep = ct.Image.from_deep(cold.astype(np.uint16) * 257 + 100)
    found = made(gate, deep)
    assert isinstance(found.media, ct.Image)
    after = found.media.deep
    assert after is not None and len(np.unique(after)) > 256
    assert (after % 257 != 0).any()


def test_in_acescct_of_an_ocio_config(gate: ct.Gate, true: Pixels, cold: Pixels) -> None:
    pytest.importorskip("PyOpenColorIO")
    found = made(gate, ct.Image.from_array(cold), ct.GradeRepair(config="ocio://default"))
    assert found.settings["space"] == "ACEScct" and found.settings["config"] == "ocio://default"
    assert gate.inspect(found.media).verdict == "pass"
    assert np.abs(next(iter(found.media.frames())).pixels.astype(int) - true).mean() < 4


def test_black_and_white_is_declined(gate: ct.Gate, true: Pixels) -> None:
    grey = np.repeat(true.mean(axis=-1, keepdims=True), 3, axis=-1).astype(np.uint8)
    assert "black and white" in declined(gate, grey)


def test_a_look_beyond_the_limits_is_declined(gate: ct.Gate, true: Pixels) -> None:
    faint = np.asarray(128 + (true.astype(float) - 128) * 0.25, np.uint8)
    said = declined(gate, faint)
    assert "render it again" in said and ("within the limits" in said or "levels apart" in said)


def test_a_closer_shot_is_taken_back_too(gate: ct.Gate, true: Pixels, cold: Pixels) -> None:
    close = np.s_[20:170, 60:260]  # five eighths as wide and as high
    found = made(gate, ct.Image.from_array(np.ascontiguousarray(cold[close])))
    pixels = next(iter(found.media.frames())).pixels.astype(int)
    assert np.abs(pixels - true[close]).mean() < 5 < 10 < np.abs(cold[close].astype(int) - true[close]).mean()


def test_nothing_seen_again_is_declined(gate: ct.Gate) -> None:
    ramp = np.linspace(0, 40, 320, dtype=np.uint8)[None, :, None].repeat(240, 0).repeat(3, 2)
    assert "seen again" in declined(gate, ramp)


def test_what_passes_is_declined(gate: ct.Gate, true: Pixels) -> None:
    assert "nothing to mend" in declined(gate, true)


def test_what_it_does_stays_within_the_limits(gate: ct.Gate, true: Pixels) -> None:
    strong = np.asarray(255 * (true / 255 * [0.55, 0.8, 1.0] + [0.0, 0.02, 0.05]).clip(0, 1) ** 1.5, np.uint8)
    cdl = made(gate, ct.Image.from_array(strong)).settings
    for name, (low, high) in LIMITS.items():
        assert ((low <= np.array(cdl[name])) & (np.array(cdl[name]) <= high)).all(), name


def test_clipping_and_bands_are_counted(true: Pixels) -> None:
    assert harm(ct.Correction(cdl=CDL()), [true]) == ""
    assert "clipped" in harm(ct.Correction(cdl=CDL(slope=(2.0, 2.0, 2.0))), [true])
    assert "levels apart" in harm(ct.Correction(cdl=CDL(slope=(3.6,) * 3, offset=(-1.3,) * 3)), [true // 16 + 120])


def test_a_config_that_is_none_is_refused_before_any_render() -> None:
    pytest.importorskip("PyOpenColorIO")
    with pytest.raises(ct.UsageError, match="there is no file"):
        ct.GradeRepair(config="/nowhere/show.ocio")


def test_what_may_stay_apart_is_an_argument(gate: ct.Gate, true: Pixels, cold: Pixels) -> None:
    apart = made(gate, ct.Image.from_array(cold)).settings["apart"]
    assert isinstance(apart, dict)
    after = apart["after"]
    assert isinstance(after, float)
    media = ct.Image.from_array(cold)
    found = ct.GradeRepair(residue=after / 2).repair(media, gate.inspect(media), gate.identity)
    assert isinstance(found, Declined) and f"{after / 2:g} may" in found.reason
    assert ct.GradeRepair(residue=after * 2).settings["residue"] == after * 2


@pytest.mark.parametrize("residue", [0, -1.0, math.nan, math.inf, True, "3.5", None])
def test_a_residue_is_a_number_above_zero(residue: object) -> None:
    with pytest.raises(ct.UsageError, match="residue= is a number of CIELAB units above 0"):
        ct.GradeRepair(residue=residue)  # type: ignore[arg-type]
