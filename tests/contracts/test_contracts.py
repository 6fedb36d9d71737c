"""Every contract on every shipped implementation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageFilter

import continuity as ct
from continuity.generators.simulator.operations import relight
from continuity.interfaces import Backends, Generator, Metric, Observed, Proposer, Repair, Watch
from continuity.media import Media
from continuity.observed import ObservedFrame
from continuity.records import Declined, Json, Recipe, Repaired
from continuity.testing import (
    BackendsContract,
    FakeBackends,
    FakeMetric,
    FakeObserved,
    GeneratorContract,
    MetricContract,
    PatternGenerator,
    ProposerContract,
    RepairContract,
    WatchContract,
)


class TestLocalBackends(BackendsContract):
    @pytest.fixture
    def portrait(self, astronaut: np.ndarray) -> np.ndarray:
        return astronaut

    @pytest.fixture
    def scene(self) -> np.ndarray:
        from skimage import data

        return np.ascontiguousarray(data.coffee())


class TestFakeBackends(BackendsContract):
    @pytest.fixture
    def backends(self) -> Backends:  # type: ignore[override]
        return FakeBackends()

    @pytest.fixture
    def portrait(self) -> np.ndarray:
        return np.full((32, 32, 3), 90, dtype=np.uint8)

    @pytest.fixture
    def scene(self) -> np.ndarray:
        return np.zeros((32, 32, 3), dtype=np.uint8)


class RealMetric(MetricContract):
    noise = 0.0

    @pytest.fixture
    def identity(self, enrolled: ct.Identity) -> ct.Identity:
        return enrolled

    @pytest.fixture
    def noise_floor(self) -> float:
        return self.noise

    @pytest.fixture
    def see(self, identity: ct.Identity, backends: Backends) -> Callable[[np.ndarray], Observed]:
        return lambda pixels: ObservedFrame(pixels, index=0, seconds=None, identity=identity, backends=backends)

    @pytest.fixture
    def original(self, see: Callable[[np.ndarray], Observed], astronaut: np.ndarray) -> Observed:
        return see(astronaut)


class TestFaceDistance(RealMetric):
    noise = 0.02

    @pytest.fixture
    def metric(self) -> Metric:
        return ct.FaceDistance("collins")

    @pytest.fixture
    def degraded(self, see: Callable[[np.ndarray], Observed], astronaut: np.ndarray) -> Sequence[Observed]:
        soft = [Pil.fromarray(astronaut).filter(ImageFilter.GaussianBlur(r)) for r in (0.7, 1.4, 2.5)]
        return [see(np.ascontiguousarray(s)) for s in soft]


class TestGradeDrift(RealMetric):
    noise = 0.05

    @pytest.fixture
    def metric(self) -> Metric:
        return ct.GradeDrift()

    @pytest.fixture
    def degraded(self, see: Callable[[np.ndarray], Observed], astronaut: np.ndarray) -> Sequence[Observed]:
        gains = [np.array([1 - k, 1, 1 + k]) for k in (0.05, 0.1, 0.2)]
        return [see((astronaut * g).clip(0, 255).astype(np.uint8)) for g in gains]


class TestLightDrift(RealMetric):
    noise = 0.0

    @pytest.fixture
    def metric(self) -> Metric:
        return ct.LightDrift()

    @pytest.fixture
    def degraded(self, see: Callable[[np.ndarray], Observed], astronaut: np.ndarray) -> Sequence[Observed]:
        return [see(relight(astronaut, stops, stops / 2)) for stops in (0.2, 0.5, 1.0)]


class Dressed(RealMetric):
    @pytest.fixture
    def identity(self, dressed: ct.Identity) -> ct.Identity:
        return dressed


class TestWardrobeDrift(Dressed):
    noise = 0.01

    @pytest.fixture
    def metric(self) -> Metric:
        return ct.WardrobeDrift("collins")

    @pytest.fixture
    def degraded(self, see: Callable[[np.ndarray], Observed], astronaut: np.ndarray) -> Sequence[Observed]:
        return [see(mixed(astronaut, k, top=190)) for k in (0.3, 0.6, 1.0)]


class TestProductDrift(Dressed):
    noise = 0.02

    @pytest.fixture
    def metric(self) -> Metric:
        return ct.ProductDrift("cup")

    @pytest.fixture
    def original(self, see: Callable[[np.ndarray], Observed], coffee: np.ndarray) -> Observed:
        return see(coffee)

    @pytest.fixture
    def degraded(self, see: Callable[[np.ndarray], Observed], coffee: np.ndarray) -> Sequence[Observed]:
        return [see(mixed(coffee, k)) for k in (0.3, 0.6, 1.0)]


class TestSetDrift(Dressed):
    noise = 0.01

    @pytest.fixture
    def metric(self) -> Metric:
        return ct.SetDrift("studio")

    @pytest.fixture
    def degraded(self, see: Callable[[np.ndarray], Observed], astronaut: np.ndarray) -> Sequence[Observed]:
        soft = [Pil.fromarray(astronaut).filter(ImageFilter.GaussianBlur(r)) for r in (2, 5, 12)]
        return [see(np.ascontiguousarray(s)) for s in soft]


def mixed(pixels: np.ndarray, share: float, top: int = 0) -> np.ndarray:
    """Red and blue exchanged to a share, from a row on."""
    made = pixels.astype(np.float32)
    made[top:] = (1 - share) * made[top:] + share * made[top:, :, ::-1]
    return made.round().astype(np.uint8)


class TestFakeMetric(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return FakeMetric("bright")

    @pytest.fixture
    def backends(self) -> Backends:  # type: ignore[override]
        return FakeBackends()

    @pytest.fixture
    def identity(self, nobody: ct.Identity) -> ct.Identity:
        return nobody

    @pytest.fixture
    def noise_floor(self) -> float:
        return 0.0

    @pytest.fixture
    def original(self) -> Observed:
        return FakeObserved(np.zeros((8, 8, 3), dtype=np.uint8))

    @pytest.fixture
    def degraded(self) -> Sequence[Observed]:
        return [FakeObserved(np.full((8, 8, 3), level, dtype=np.uint8)) for level in (5, 50, 250)]


class TestPatternGenerator(GeneratorContract):
    @pytest.fixture
    def generator(self) -> Generator:
        return PatternGenerator()


class TestFunctionGenerator(GeneratorContract):
    @pytest.fixture
    def generator(self) -> Generator:
        def render(seed: int, prompt: str) -> np.ndarray:
            return np.random.default_rng(seed).integers(0, 255, (16, 16, 3), dtype=np.uint8)

        return ct.FunctionGenerator(render)


class TestSimulator(GeneratorContract):
    @pytest.fixture
    def generator(self, astronaut: np.ndarray) -> Generator:
        return ct.Simulator(ct.Image.from_array(astronaut), size=128)


class TestDiffusersGenerator(GeneratorContract):
    @pytest.fixture
    def generator(self) -> Generator:
        from continuity.testing.pipelines import tiny_pipeline

        return ct.DiffusersGenerator(tiny_pipeline("sd"), num_inference_steps=3)


class TestFolderGenerator(GeneratorContract):
    @pytest.fixture
    def generator(self, tmp_path: Path, astronaut: np.ndarray) -> Generator:
        Pil.fromarray(astronaut[:64, :64]).save(tmp_path / "take1.png")
        return ct.FolderGenerator(tmp_path)

    def recipe(self, seed: int) -> Recipe:
        return Recipe(prompt="a prompt", seed=seed, changes={"file": "take1.png"})


class TestFolderProposer(ProposerContract):
    @pytest.fixture
    def proposer(self, tmp_path: Path, astronaut: np.ndarray) -> Proposer:
        for number in range(3):
            Pil.fromarray(astronaut[:64, :64]).save(tmp_path / f"take{number}.png")
        return ct.FolderGenerator(tmp_path)


class TestSeeds(ProposerContract):
    @pytest.fixture
    def proposer(self) -> Proposer:
        return ct.Seeds()


class TestVariations(ProposerContract):
    @pytest.fixture(params=["grid", "random", "an ending grid"])
    def proposer(self, request: pytest.FixtureRequest) -> Proposer:
        vary: dict[str, list[Json]] = {"guidance_scale": [4, 6.5], "prompt": ["one", "two"]}
        if request.param == "random":
            scale: dict[str, Json] = {"low": 3, "high": 9}
            return ct.Variations({**vary, "guidance_scale": scale}, order="random")
        return ct.Variations(vary, repeats=1 if request.param == "an ending grid" else None)


class TestLearnedVariations(ProposerContract):
    @pytest.fixture(params=["alone", "in a campaign"])
    def proposer(self, request: pytest.FixtureRequest) -> Proposer:
        scale: dict[str, Json] = {"low": 3, "high": 9}
        made = ct.LearnedVariations({"guidance_scale": scale, "prompt": ["one", "two"]})
        if request.param == "alone":
            return made
        changes: dict[str, Json] = {"guidance_scale": 3.5}
        return made.begin([ct.Trial(index=0, seed=1, changes=changes, state=ct.State.REJECTED, worst_excess=None)], "s")


class TestNearbySeeds(ProposerContract):
    @pytest.fixture
    def proposer(self) -> Proposer:
        return ct.NearbySeeds(startup=2, explore=0.0, tries=2)


class TestOptuna(ProposerContract):
    @pytest.fixture
    def proposer(self) -> Proposer:
        pytest.importorskip("optuna")
        scale: dict[str, Json] = {"low": 3, "high": 9}
        return ct.OptunaProposer({"guidance_scale": scale, "prompt": ["one", "two"]}, startup=2)


class TestPreviewAbort(WatchContract):
    @pytest.fixture(params=["of a shot", "of a render"])
    def watch(self, nobody: ct.Identity, request: pytest.FixtureRequest) -> Watch:
        metrics = [FakeMetric("bright", previewable=True)]
        made = ct.PreviewAbort(metrics, identity=nobody, backends=FakeBackends())
        return made if request.param == "of a shot" else made.begin((), 0.5)


class TestWatch(WatchContract):
    """The contract itself is held to a small watch that learns nothing."""

    @pytest.fixture
    def watch(self) -> Watch:
        class Bright:
            settings: Mapping[str, Json] = {"limit": 64}

            def look(self, step: int, steps: int, preview: Callable[[], ct.Image]) -> bool:
                return bool(preview().pixels.mean() <= 64)

        return Bright()


class TestRepair(RepairContract):
    """The contract itself, held to a small one; those that ship are in tests/repairs."""

    @pytest.fixture
    def repair(self) -> Repair:
        class Darken:
            keys: Sequence[str] = ("bright",)
            settings: Mapping[str, Json] = {}

            def repair(self, media: Media, report: ct.Report, identity: ct.Identity) -> Repaired | Declined:
                if report.verdict is ct.Verdict.PASS:
                    return Declined(reason="nothing fails")
                pixels = next(iter(media.frames(ct.Sampling()))).pixels // 4
                return Repaired(media=ct.Image.from_array(pixels), cost=ct.Cost(repair=0.001), settings={"gain": 0.25})

        return Darken()

    @pytest.fixture(params=[10, 200])
    def media(self, request: pytest.FixtureRequest, flat: Callable[[int], ct.Image]) -> Media:
        return flat(request.param)

    @pytest.fixture
    def report(self, bright_gate: ct.Gate, media: Media) -> ct.Report:
        return bright_gate.inspect(media)

    @pytest.fixture
    def identity(self, nobody: ct.Identity) -> ct.Identity:
        return nobody
