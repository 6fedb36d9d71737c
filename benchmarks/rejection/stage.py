"""What is rendered and judged: the simulator's stage, and what is true of its candidates."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from skimage import data

import continuity as ct
from continuity.backends import LocalBackends
from continuity.enrolment import enrol
from continuity.generators import Simulator
from continuity.generators.simulator import Mix
from continuity.generators.simulator.faults import HARMLESS
from continuity.generators.simulator.mix import REPAIRABLE
from continuity.interfaces import Generator, Repair
from continuity.ledger.seeds import draw
from continuity.media import Image, Media
from continuity.metrics import metrics_for
from continuity.records import Json, Recipe
from continuity.vision.colour import lab_of

from .pool import Pool, Pooled
from .remembered import Remembered

ACTOR, LOGO = "collins", "acme"
CROP = (slice(0, 360), slice(40, 400))  # of the astronaut: the upper half of the body
MARK_AT = (10, 280, 130, 340)  # in the crop: left, top, right, bottom
PLACE = (10 / 360, 280 / 360, 120 / 360)  # the same as shares: left, top, width
SIZE = 256
RIM = 8  # px around the box of the mark: as far as a harmless framing moves it, or smearing reaches
STEPS, SECONDS_PER_STEP = 20, 0.55
LIMITS_FROM = 200  # acceptable candidates of a stream of their own
BOUND_FROM = 40
RESIDUE = 1.25  # CIELAB units: all candidates are framed alike; chosen on trial candidates


@dataclass(frozen=True, slots=True)
class Cell:
    """What a stream is made of."""

    generator: str
    share: float
    repairable: float
    learnable: float = 0.0

    @property
    def name(self) -> str:
        """For files and messages."""
        learnable = f"-learnable{self.learnable:g}" if self.learnable else ""
        return f"{self.generator}-share{self.share:g}-repairable{self.repairable:g}{learnable}"


class Stage(Protocol):
    """Everything that a strategy needs, and the truth, which none of them is told."""

    prompt: str
    vary: Mapping[str, Any]  # what a proposer may learn
    abort_at: tuple[float, ...]  # after which shares of the steps a preview is looked at
    abort_by: tuple[str, ...]  # keys of the metrics that look
    let_through: float  # share of candidates that is rendered to its end whatever they see
    backends: LocalBackends

    @property
    def gate(self) -> ct.Gate:
        """What judges."""

    def measure_for_limits(self, part: slice) -> None:
        """Measures some of the candidates that limits come from, so that workers can share them."""

    def generator(self, cell: Cell) -> Generator:
        """What renders a stream."""

    def repairs(self) -> tuple[Repair, ...]:
        """What has a closed form here."""

    def good(self, cell: Cell, seed: int, changes: Mapping[str, Json], media: Media) -> bool:
        """The truth about a candidate, repaired or not."""

    def acceptable(self, cell: Cell, seed: int, changes: Mapping[str, Json]) -> bool:
        """The truth about a render, whether or not it was let finish."""


class SimulatorStage:
    """An astronaut, a mark, and everything that may happen to them."""

    prompt = "Collins before a flag, the mark at the lower left"
    vary: Mapping[str, Any] = {"dial": {"low": 0.0, "high": 1.0}}
    abort_at: tuple[float, ...] = (0.5,)  # sooner the blur leaves little to see: chosen in a play on trial candidates
    abort_by: tuple[str, ...] = ("look", "light")  # not the grade, which is mended
    let_through = 0.05
    steps, step_seconds = STEPS, SECONDS_PER_STEP

    def __init__(self, folder: Path, pool: Pool) -> None:
        self._folder, self.backends = folder, LocalBackends()
        crop = np.ascontiguousarray(data.astronaut()[CROP])  # type: ignore[no-untyped-call]
        artwork = drawn_mark()
        self._made: dict[tuple[float, Mix], Simulator] = {}
        self._remembered: dict[Cell, Remembered] = {}
        self._source: dict[str, Any] = {
            "source": crop,
            "size": SIZE,
            "face": self.backends.faces.detect(crop)[0].box,
            "mark": np.asarray(artwork),
            "mark_at": MARK_AT,
            "steps": STEPS,
            "seconds_per_render": STEPS * SECONDS_PER_STEP,
            "device": "cuda",
        }
        identity = self._identity(folder / "identity", artwork)
        self.metrics = [Pooled(metric, pool) for metric in metrics_for(identity, {"hands": "off", "light": "required"})]
        anything = {metric.key: 1e6 for metric in self.metrics}
        self._loose = ct.Gate(self.metrics, identity=identity, tolerances=anything, backends=self.backends)
        self._loose.check()

    @cached_property
    def gate(self) -> ct.Gate:
        """What judges, under limits that another stream gave."""
        limits = self._folder / "limits.toml"
        if not limits.exists():
            self._limits().save(limits)
        tolerances = ct.Tolerances.open(limits)
        return ct.Gate(self.metrics, identity=self._loose.identity, tolerances=tolerances, backends=self.backends)

    def generator(self, cell: Cell) -> Remembered:
        """The simulator of a stream; what it rendered lately is shown again to the next strategy."""
        if cell not in self._remembered:
            mix = Mix(repairable=cell.repairable, learnable=cell.learnable)
            self._remembered[cell] = Remembered(self._simulator(cell.share, mix), STEPS, STEPS * SECONDS_PER_STEP)
        return self._remembered[cell]

    def repairs(self) -> tuple[Repair, ...]:
        """What has a closed form here."""
        return ct.GradeRepair(residue=RESIDUE), ct.LogoRepair(LOGO, PLACE, replaces=True)

    def good(self, cell: Cell, seed: int, changes: Mapping[str, Json], media: Media) -> bool:
        """Whether a candidate is acceptable by its recipe, repaired or not; see docs/decisions/0026."""
        simulator = self.generator(cell)
        truth = simulator.made.truth(seed, changes)
        faults = [a for a, said in truth.items() if a != "acceptable" and not said["acceptable"]]
        pixels = _pixels(media)
        as_rendered = np.array_equal(pixels, _pixels(simulator.render(Recipe(seed=seed, changes=changes)).media))
        if as_rendered or any(fault not in REPAIRABLE for fault in faults):
            return not faults
        without = _pixels(
            simulator.render(Recipe(seed=seed, changes={**changes, **dict.fromkeys(REPAIRABLE, 0)})).media
        )
        return all(off <= bound for off, bound in zip(_apart(pixels, without), self._harmless, strict=True))

    def acceptable(self, cell: Cell, seed: int, changes: Mapping[str, Json]) -> bool:
        """Whether a recipe says so."""
        return bool(self.generator(cell).made.truth(seed, changes)["acceptable"])

    def _simulator(self, share: float, mix: Mix) -> Simulator:
        if (share, mix) not in self._made:
            self._made[share, mix] = Simulator(acceptable=share, mix=mix, **self._source)
        return self._made[share, mix]

    def _identity(self, folder: Path, artwork: Pillow.Image) -> ct.Identity:
        if not (folder / "identity.toml").exists():
            with tempfile.TemporaryDirectory() as made:
                approved, mark = Path(made) / "approved.png", Path(made) / "acme.png"
                artwork.save(mark)
                nothing = dict.fromkeys(("face", "frame", "light", "grade", "blur", "mark"), 0)
                sure = self._simulator(1.0, Mix())
                sure.render(Recipe(seed=0, changes=nothing)).media.save(approved)
                enrol(
                    folder, actors={ACTOR: [approved]}, grade=[approved], look=[approved], logos={LOGO: mark},
                    name=ACTOR, backends=self.backends,
                )  # fmt: skip
        return ct.Identity.open(folder)

    def measure_for_limits(self, part: slice) -> None:
        """Measures candidates of the stream that limits come from, some of them, so that workers can share them."""
        for index in range(LIMITS_FROM)[part]:
            self._of_limits(index)

    def _of_limits(self, index: int) -> Mapping[str, float | None]:
        sure = self._simulator(1.0, Mix())
        found = self._loose.measure(sure.render(Recipe(seed=draw("limits", 1, index)[0])).media)
        return {item.key: item.value for item in found}

    def _limits(self) -> ct.Tolerances:
        """The largest value of each metric over acceptable candidates of a stream of their own."""
        found = [self._of_limits(index) for index in range(LIMITS_FROM)]
        rows = []
        for key, instrument in self._loose.instruments.items():
            values = [value for one in found if (value := one[key]) is not None]
            if len(values) < LIMITS_FROM * 0.95:
                raise RuntimeError(f"{key} measures only {len(values)} of {LIMITS_FROM} acceptable candidates")
            most = max(values)
            rows.append(
                ct.Tolerance(
                    key=key, limit=most, scale=max(most - float(np.median(values)), 1e-6), instrument=instrument.digest,
                    identity=self._loose.identity.digest, calibrated=True,
                    evidence=f"largest of {len(values)} acceptable candidates",
                )
            )  # fmt: skip
        return ct.Tolerances(tuple(rows))

    @cached_property
    def _harmless(self) -> tuple[float, float]:
        """How far harmless amounts of grade and light move the picture, and one of the mark its box, at most."""
        sure, even = self._simulator(1.0, Mix()), {"grade": 0, "light": 0, "mark": 0}
        tone, mark = [], []
        for index in range(BOUND_FROM):
            seed = draw("limits", 1, index)[0]
            base, graded, bent = (
                _pixels(sure.render(Recipe(seed=seed, changes={**even, **changed})).media)
                for changed in ({}, {"grade": HARMLESS, "light": HARMLESS}, {"mark": HARMLESS})
            )
            tone.append(_apart(graded, base)[0])
            mark.append(_apart(bent, base)[1])
        return max(tone), max(mark)


def _pixels(media: Media) -> NDArray[np.uint8]:
    assert isinstance(media, Image)
    return media.pixels


def _apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> tuple[float, float]:
    """Root mean square CIELAB difference (dE of 1976) around the box of the mark, and in it with a rim."""
    squares = ((lab_of(one / np.float32(255)) - lab_of(other / np.float32(255))) ** 2).sum(axis=-1)
    scale = SIZE / (CROP[0].stop - CROP[0].start)
    left, top, right, bottom = (round(edge * scale) for edge in MARK_AT)
    inside = np.zeros(squares.shape, dtype=bool)
    inside[max(0, top - RIM) : bottom + RIM, max(0, left - RIM) : right + RIM] = True
    return float(np.sqrt(squares[~inside].mean())), float(np.sqrt(squares[inside].mean()))


def drawn_mark() -> Pillow.Image:
    """A mark as a designer would deliver it."""
    mark = Pillow.new("RGBA", (240, 120))
    pen = ImageDraw.Draw(mark)
    pen.rounded_rectangle((0, 0, 239, 119), 24, fill=(20, 40, 120, 255))
    pen.ellipse((16, 20, 96, 100), fill=(250, 190, 30, 255))
    pen.text((112, 34), LOGO.upper(), fill=(255, 255, 255, 255), font=ImageFont.load_default(44))
    return mark
