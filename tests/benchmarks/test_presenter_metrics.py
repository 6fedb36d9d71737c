"""The two example metrics: the contract, what they cannot measure, what they must not notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageFilter

import continuity as ct
from continuity.errors import EnrolmentError
from continuity.interfaces import Backends, Observed
from continuity.observed import ObservedFrame
from continuity.records import Status
from continuity.testing import MetricContract
from presenter import MarkDrift, TieColour
from presenter.drawing import frame
from presenter.oracle import SET

ENROLLED = (1, 2, 3)


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory, backends: ct.LocalBackends) -> ct.Identity:
    folder = tmp_path_factory.mktemp("presenter")
    files = [folder / f"{seed}.png" for seed in ENROLLED]
    for seed, file in zip(ENROLLED, files, strict=True):
        Pil.fromarray(frame(seed, "red", SET)).save(file)
    return ct.enrol(folder / "identity", look=files, backends=backends)


@pytest.fixture
def see(enrolled: ct.Identity, backends: Backends) -> Callable[[np.ndarray], Observed]:
    return lambda pixels: ObservedFrame(pixels, index=0, seconds=None, identity=enrolled, backends=backends)


class Contract(MetricContract):
    @pytest.fixture
    def identity(self, enrolled: ct.Identity) -> ct.Identity:
        return enrolled

    @pytest.fixture
    def noise_floor(self) -> float:
        return 1e-4

    @pytest.fixture
    def original(self, see: Callable[[np.ndarray], Observed]) -> Observed:
        return see(frame(ENROLLED[0], "red", SET))


class TestTieColour(Contract):
    @pytest.fixture
    def metric(self) -> TieColour:
        return TieColour()

    @pytest.fixture
    def degraded(self, see: Callable[[np.ndarray], Observed]) -> Sequence[Observed]:
        red, purple = (frame(ENROLLED[0], tie, SET).astype(float) for tie in ("red", "purple"))
        return [see((red + share * (purple - red)).round().astype(np.uint8)) for share in (0.2, 0.4, 0.6, 0.8, 1.0)]


class TestMarkDrift(Contract):
    @pytest.fixture
    def metric(self) -> MarkDrift:
        return MarkDrift()

    @pytest.fixture
    def degraded(self, see: Callable[[np.ndarray], Observed]) -> Sequence[Observed]:
        picture = Pil.fromarray(frame(ENROLLED[0], "red", SET))
        return [see(np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)))) for radius in (0.5, 1, 2, 3, 4)]


METRICS = [TieColour(), MarkDrift()]


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.key)
def test_what_varies_in_drawn_frames_is_small_and_what_is_wrong_is_not(
    metric: TieColour | MarkDrift, see: Callable[[np.ndarray], Observed], enrolled: ct.Identity
) -> None:
    def value(pixels: np.ndarray) -> float:
        found = metric.frame(see(pixels), enrolled).value
        assert found is not None
        return found

    right = [value(frame(seed, "red", SET)) for seed in range(100, 140)]
    wrong = [
        value(frame(seed, "gold", SET) if metric.key == "tie" else frame(seed, "red", SET, mark=False))
        for seed in range(100, 140)
    ]
    assert max(right) < 0.5 * min(wrong)


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.key)
def test_one_colour_and_tiny_frames_are_not_measurable(
    metric: TieColour | MarkDrift, see: Callable[[np.ndarray], Observed], enrolled: ct.Identity
) -> None:
    for pixels in (
        np.full((64, 64, 3), 128, np.uint8),
        np.zeros((256, 128, 3), np.uint8),
        frame(1, "red", SET)[::4, ::4],
    ):
        found = metric.frame(see(np.ascontiguousarray(pixels)), enrolled)
        assert found.status is Status.NOT_MEASURABLE
        assert found.note


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.key)
def test_a_larger_copy_of_the_frame_measures_about_the_same(
    metric: TieColour | MarkDrift, see: Callable[[np.ndarray], Observed], enrolled: ct.Identity
) -> None:
    picture = Pil.fromarray(frame(50, "red", SET))
    small, large = (
        metric.frame(see(np.asarray(picture.resize((side, side), Pil.Resampling.BICUBIC))), enrolled).value
        for side in (64, 512)
    )
    assert small is not None
    assert large is not None
    assert abs(small - large) < 4


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.key)
def test_without_enrolled_pictures_it_says_so_before_the_first_frame(
    metric: TieColour | MarkDrift, nobody: ct.Identity, backends: Backends
) -> None:
    with pytest.raises(EnrolmentError, match="of the look"):
        metric.ready(nobody, backends)


def test_an_enrolled_look_without_a_tie_is_refused(tmp_path: Path, backends: ct.LocalBackends) -> None:
    Pil.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(tmp_path / "grey.png")
    grey = ct.enrol(tmp_path / "grey", look=[tmp_path / "grey.png"], backends=backends)
    with pytest.raises(EnrolmentError, match="shows a tie"):
        TieColour().ready(grey, backends)
