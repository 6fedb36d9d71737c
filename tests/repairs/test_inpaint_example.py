"""The example of a repair of one's own, on a tiny pipeline with random weights."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import continuity as ct
from continuity.interfaces import Observed
from continuity.records import Box, Declined, FrameMeasurement, Rectangle, Repaired, Status
from continuity.testing import FakeBackends, FakeMetric, RepairContract

pytest.importorskip("diffusers")
FILE = Path(__file__).parents[2] / "docs" / "examples" / "inpaint_repair.py"
BOX = Box(20, 24, 32, 34)


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("inpaint_repair", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["inpaint_repair"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["inpaint_repair"]


@pytest.fixture(scope="module")
def pipe(example: ModuleType) -> object:
    import torch

    torch.set_num_threads(1)
    made = example.pipeline(None)
    made.set_progress_bar_config(disable=True)
    return made


def blot(seen: Observed) -> FrameMeasurement:
    """Fails where the middle of the box is pure red."""
    wrong = float((seen.pixels[26:32, 22:30] == (255, 0, 0)).all(axis=-1).mean())
    return FrameMeasurement(status=Status.MEASURED, value=wrong, shapes=(Rectangle(label="hands", box=BOX),))


@pytest.fixture(scope="module")
def gate() -> ct.Gate:
    nobody = ct.Identity(name="nobody", enrolled=())
    return ct.Gate([FakeMetric("hands", blot)], identity=nobody, tolerances={"hands": 0.1}, backends=FakeBackends())


def picture(red: bool) -> ct.Image:
    pixels = np.random.default_rng(0).integers(60, 200, (70, 92, 3), dtype=np.uint8)
    if red:
        pixels[24:34, 20:32] = (255, 0, 0)
    return ct.Image.from_array(pixels)


class TestContract(RepairContract):
    @pytest.fixture
    def repair(self, example: ModuleType, pipe: object) -> object:
        return example.InpaintRepair(pipe, keys=("hands",), steps=2)

    @pytest.fixture(params=[True, False])
    def media(self, request: pytest.FixtureRequest) -> ct.Image:
        return picture(request.param)

    @pytest.fixture
    def report(self, gate: ct.Gate, media: ct.Image) -> ct.Report:
        return gate.inspect(media)

    @pytest.fixture
    def identity(self, gate: ct.Gate) -> ct.Identity:
        return gate.identity


def test_only_what_was_framed_is_painted_and_its_seconds_are_on_the_bill(
    example: ModuleType, pipe: object, gate: ct.Gate, tmp_path: Path
) -> None:
    repair = example.InpaintRepair(pipe, keys=("hands",), prompt="a hand", steps=2)
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        shot = ct.Shot("s", gate=gate, ledger=ledger, repairs=[repair])
        before = picture(red=True)
        told = shot.tell(shot.ask(), before)
        assert (told.row.state, told.row.repair, told.row.fitted) == ("accepted", "InpaintRepair", ("hands",))
        assert told.row.cost.repair > 0
        assert told.media is not None
        after = next(iter(told.media.frames())).pixels
    assert np.array_equal(after[50:], before.pixels[50:]) and np.array_equal(after[:, 50:], before.pixels[:, 50:])
    assert not np.array_equal(after[24:34, 20:32], before.pixels[24:34, 20:32])


def test_it_paints_the_same_again(example: ModuleType, pipe: object, gate: ct.Gate) -> None:
    repair, media = example.InpaintRepair(pipe, keys=("hands",), steps=2), picture(red=True)
    one, two = (repair.repair(media, gate.inspect(media), gate.identity) for _ in range(2))
    assert isinstance(one, Repaired) and isinstance(two, Repaired)
    assert one.media.digest == two.media.digest


def test_clips_and_half_a_picture_are_declined(
    example: ModuleType, pipe: object, gate: ct.Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    repair, media = example.InpaintRepair(pipe, keys=("hands",), steps=2), picture(red=True)
    clip = ct.Clip.from_arrays([media.pixels] * 2, 24)
    found = repair.repair(clip, gate.inspect(clip), gate.identity)
    assert isinstance(found, Declined) and "flicker" in found.reason
    monkeypatch.setattr(example, "MOST", 0.01)
    found = repair.repair(media, gate.inspect(media), gate.identity)
    assert isinstance(found, Declined) and "at most 1%" in found.reason
