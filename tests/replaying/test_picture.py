"""The picture of a difference that a replay saves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import continuity as ct
from continuity.replaying import Against, PixelDifference, difference_picture
from continuity.replaying.picture import CAPTION, GAP
from continuity.testing import PatternGenerator

SIDE = 64


def base(seed: int) -> np.ndarray:
    ramp = np.linspace(20, 200, SIDE, dtype=np.uint8)
    return np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (SIDE, SIDE, 3)))


def spotted(seed: int, by: int = 7) -> np.ndarray:
    picture = base(seed).copy()
    picture[8:24, 40:48] += np.uint8(by)
    return picture


def moving(seed: int) -> ct.Clip:
    return ct.Clip.from_arrays([base(seed)] * 3, 24)


def moving_spot(seed: int) -> ct.Clip:
    return ct.Clip.from_arrays([base(seed), base(seed), spotted(seed)], 24)


@pytest.fixture
def replayed(tmp_path: Path, bright_gate: ct.Gate) -> Callable[..., ct.Replay]:
    """Records what one function renders, under this limit, and replays it with another."""

    def made(first: Callable[[int], object], second: Callable[[int], object]) -> ct.Replay:
        with ct.Ledger.open(tmp_path / "show.db") as ledger:
            ct.Shot("s", gate=bright_gate, ledger=ledger).run(
                ct.FunctionGenerator(first), budget=ct.Budget(candidates=1)
            )
            return ct.replay(ledger, 1, ct.FunctionGenerator(second), bright_gate)

    return made


def panels(picture: ct.Image) -> list[np.ndarray]:
    return [picture.pixels[CAPTION : CAPTION + SIDE, GAP + k * (SIDE + GAP) :][:, :SIDE] for k in range(3)]


def test_replay_shows_recorded_replayed_and_difference(replayed: Callable[..., ct.Replay]) -> None:
    picture = difference_picture(replayed(base, spotted))
    assert picture is not None
    assert picture.size == (3 * SIDE + 4 * GAP, SIDE + CAPTION + GAP)
    then, now, difference = panels(picture)
    np.testing.assert_array_equal(then, base(0))
    np.testing.assert_array_equal(now, spotted(0))
    assert set(np.unique(difference)) == {0, 7 * 32}
    assert difference[8:24, 40:48].min() == 7 * 32
    assert picture.pixels[:CAPTION].max() > 150, "the panels are captioned"


def test_replay_multiplies_a_difference_only_as_far_as_it_is_not_cut_off(replayed: Callable[..., ct.Replay]) -> None:
    picture = difference_picture(replayed(base, lambda seed: spotted(seed, by=40)))
    assert picture is not None
    assert panels(picture)[2].max() == 40 * 4


def test_replay_shows_the_frame_that_differs_most(replayed: Callable[..., ct.Replay]) -> None:
    found = replayed(moving, moving_spot)
    assert found.pixels is not None
    assert found.pixels.frame == 2
    picture = difference_picture(found)
    assert picture is not None
    np.testing.assert_array_equal(panels(picture)[1], spotted(0))


def test_replay_has_no_picture_where_nothing_differs_or_can_be_laid_over(replayed: Callable[..., ct.Replay]) -> None:
    assert difference_picture(replayed(base, base)) is None


def test_replay_has_no_picture_for_other_sizes(replayed: Callable[..., ct.Replay]) -> None:
    found = replayed(base, lambda seed: base(seed)[:32])
    assert found.outcome is ct.ReplayOutcome.DIFFERENT
    assert difference_picture(found) is None


def test_replay_shows_thumbnails_where_nothing_else_is_stored(tmp_path: Path) -> None:
    from continuity.testing import FakeBackends, FakeMetric

    far = [FakeMetric("a", 900.0), FakeMetric("b", 900.0)]
    judge = ct.Gate(
        far,
        identity=ct.Identity(name="nobody", enrolled=()),
        tolerances={"a": 1.0, "b": 1.0},
        backends=FakeBackends(),
    )
    with ct.Ledger.open(tmp_path / "show.db") as ledger:
        ct.Shot("s", gate=judge, ledger=ledger, measure_fully=1).run(
            PatternGenerator(size=600), budget=ct.Budget(candidates=1)
        )
        level = ledger.recipe(1).seed % 256

        def other(seed: int) -> np.ndarray:
            return np.full((600, 600, 3), 255 - level, dtype=np.uint8)

        found = ct.replay(ledger, 1, ct.FunctionGenerator(other), judge)
    assert found.pixels is not None
    assert found.pixels.against is Against.THUMBNAIL
    picture = difference_picture(found)
    assert picture is not None
    assert picture.size == (3 * 256 + 4 * GAP, 256 + CAPTION + GAP)


def test_replay_never_calls_a_thumbnail_equal() -> None:
    assert not PixelDifference(against=Against.THUMBNAIL, largest=0.0).equal
    assert PixelDifference(against=Against.MEDIA, largest=0.0).equal
    assert not PixelDifference(against=Against.DIGEST, largest=None).within(255)
