"""Fakes that behave, for tests of code around the gate. None of them measures anything real."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from continuity import joining
from continuity.errors import Aborted, RenderFailed, UsageError
from continuity.identity import Identity
from continuity.interfaces import Backends, Body, Floats, Keypoints, Observed, Pixels, Watch
from continuity.media import Image
from continuity.records import (
    Box,
    Cost,
    Expect,
    Face,
    FrameMeasurement,
    Hand,
    Instrument,
    Json,
    Measurement,
    ModelCard,
    Recipe,
    Rendered,
    Status,
)

_NO_KEYPOINTS = Keypoints(np.zeros((0, 4), np.float32), np.zeros((0, 1), np.float32))


@dataclass(frozen=True)
class FakeMetric:
    """Measures what it is told to: a number, a frame measurement, or what a function makes of the frame.

    By default the mean brightness in [0, 255], so that a picture decides its own verdict.
    """

    key: str = "fake"
    measures: float | FrameMeasurement | Callable[[Observed], float | FrameMeasurement] = field(
        default=lambda seen: float(seen.pixels.mean())
    )
    unit: str = "levels"
    cost: float = 1.0
    expect: Expect = Expect.REQUIRED
    previewable: bool = False
    version: int = 1

    def instrument(self, backends: Backends) -> Instrument:
        """An instrument without models."""
        return Instrument(metric=f"Fake {self.key}", version=self.version, join=joining.RULE)

    def frame(self, seen: Observed, identity: Identity) -> FrameMeasurement:
        """The number or the frame measurement."""
        found = self.measures(seen) if callable(self.measures) else self.measures
        if isinstance(found, FrameMeasurement):
            return found
        return FrameMeasurement(status=Status.MEASURED, value=float(found))

    def join(self, frames: Sequence[FrameMeasurement]) -> Measurement:
        """By the default rule."""
        return joining.quantile(self, frames)


@dataclass(frozen=True)
class PatternGenerator:
    """Flat pictures whose brightness follows from the seed; fails or aborts where it is told to."""

    size: int = 16
    fails: Callable[[Recipe], bool] = lambda recipe: False
    seconds: float = 0.0
    steps: int = 4

    @property
    def settings(self) -> Mapping[str, Json]:
        """The size."""
        return {"size": self.size}

    def render(self, recipe: Recipe, watch: Watch | None = None) -> Rendered:
        """A picture of brightness ``seed % 256``."""
        began = time.perf_counter()
        time.sleep(self.seconds)
        image = Image.from_array(np.full((self.size, self.size, 3), recipe.seed % 256, dtype=np.uint8))
        cost = Cost(render=time.perf_counter() - began, steps_run=self.steps, steps_planned=self.steps)
        recipe = replace(recipe, details={**recipe.details, "pattern": recipe.seed % 256})
        if self.fails(recipe):
            raise RenderFailed("the pattern generator was told to fail", cost=cost, recipe=recipe)
        for step in range(1, self.steps + 1):
            if watch is not None and not watch.look(step, self.steps, lambda: image):
                stopped = replace(cost, steps_run=step)
                raise Aborted(f"stopped at step {step} of {self.steps}", cost=stopped, recipe=recipe)
        return Rendered(media=image, cost=cost, recipe=recipe)


class _FakeFaces:
    """A face backend for flat pictures: one face in the middle, embedded as the mean colour in [0, 1]."""

    space = "fake-faces-1"
    models: tuple[ModelCard, ...] = ()
    detector = "fake"
    unit = "Euclidean"
    smallest = 8.0
    far = 0.6

    def detect(self, pixels: Pixels) -> tuple[Face, ...]:
        height, width = pixels.shape[:2]
        if not pixels.any():
            return ()  # black: nobody
        return (Face(box=Box(width / 4, height / 4, width * 3 / 4, height * 3 / 4), score=1.0),)

    def embed(self, pixels: Pixels, face: Face) -> Floats:
        return np.asarray(pixels.reshape(-1, 3).mean(axis=0) / 255, dtype=np.float32)

    def distance(self, a: Floats, b: Floats) -> Floats:
        return np.asarray(np.linalg.norm(a[:, None] - b[None], axis=-1), dtype=np.float32)


class _FakeLook:
    """A look backend: the mean colour, as a unit vector."""

    space = "fake-look-1"
    models: tuple[ModelCard, ...] = ()
    reads_text = False

    def embed(self, pictures: Sequence[Pixels]) -> Floats:
        rows = np.stack([p.reshape(-1, 3).mean(axis=0) + 1 for p in pictures])
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        raise UsageError("the fake look backend reads no text")


class FakeBackends:
    """Backends without models: a face in every picture that is not black, no mesh, people where there is a face."""

    faces = _FakeFaces()
    mesh_models: tuple[ModelCard, ...] = ()
    people_models: tuple[ModelCard, ...] = ()

    look = _FakeLook()
    hand_models: tuple[ModelCard, ...] = ()

    def hands(self, pixels: Pixels, faces: Sequence[Face]) -> tuple[Hand, ...]:
        """No hands."""
        return ()

    def malformed(self, pixels: Pixels, hand: Hand, others: Sequence[Hand]) -> float:
        """No hand is."""
        return 0.0

    def wrists(self, pixels: Pixels, faces: Sequence[Face]) -> float:
        """No wrist."""
        return 0.0

    def mesh(self, pixels: Pixels, face: Face) -> Floats | None:
        """No mesh."""
        return None

    def presence(self, pixels: Pixels, face: Face) -> float:
        """Every face is whole."""
        return 20.0

    def people(self, pixels: Pixels) -> float:
        """1 for any picture that is not black."""
        return float(bool(pixels.any()))

    def body(self, pixels: Pixels, face: Face) -> Body | None:
        """No body."""
        return None

    def bodies(self, pixels: Pixels, faces: Sequence[Face]) -> tuple[Body, ...]:
        """No bodies."""
        return ()

    keypoint_detector = "fake"

    def keypoints(self, pixels: Pixels) -> Keypoints:
        """No local features."""
        return _NO_KEYPOINTS


@dataclass
class FakeObserved:
    """One frame without models, for testing a metric that looks at pixels alone."""

    pixels: Pixels
    index: int = 0
    seconds: float | None = None
    faces: tuple[Face, ...] = ()
    people: float = 0.0
    hands: tuple[Hand, ...] = ()
    wrists: float = 0.0
    bodies: tuple[Body, ...] = ()
    keypoints: Keypoints = field(default_factory=lambda: _NO_KEYPOINTS)

    @property
    def look(self) -> Floats:
        """The mean colour, as a unit vector."""
        return np.asarray(_FakeLook().embed([self.pixels])[0])

    look_note = ""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def look_distances(self, part: str) -> Floats:
        """1 - cosine to the mean colour of a grey picture."""
        return np.array([1 - float(self.look.sum() / np.sqrt(3))], dtype=np.float32)

    @property
    def lab(self) -> Floats:
        """Real CIELAB of the frame."""
        from continuity.vision.colour import reduced_lab

        return reduced_lab(self.pixels)

    def embedding(self, face: Face) -> Floats:
        """Zeros."""
        return np.zeros(1, dtype=np.float32)

    @property
    def smallest_face(self) -> float:
        """8 px."""
        return 8.0

    def malformed(self, hand: Hand) -> float:
        """No hand is."""
        return 0.0

    def distances(self, face: Face, actor: str) -> Floats:
        """Zero."""
        return np.zeros(1, dtype=np.float32)

    def presence(self, face: Face) -> float:
        """Every face is whole."""
        return 20.0

    def face_of(self, actor: str) -> Face | None:
        """The largest face."""
        return self.faces[0] if self.faces else None

    def skin(self, face: Face) -> Floats | None:
        """No skin."""
        return None

    def body(self, face: Face) -> Body | None:
        """No body."""
        return None

    keypoint_detector = "fake"

    def look_distances_of(self, pictures: Sequence[Pixels], part: str) -> Floats:
        """1 - cosine to the mean colour of a grey picture."""
        return np.asarray(1 - _FakeLook().embed(pictures).sum(axis=1, keepdims=True) / np.sqrt(3), dtype=np.float32)
