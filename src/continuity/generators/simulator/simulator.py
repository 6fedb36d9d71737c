"""A generator whose mistakes are known: real footage, changed by real pixel operations."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from continuity.errors import Aborted, MediaError, RenderFailed, UsageError
from continuity.generators.simulator.faults import FAULTS, HARMLESS, Scene
from continuity.generators.simulator.mix import DIAL, LEAST, ORDER, Mix
from continuity.generators.simulator.operations import blur
from continuity.generators.simulator.sources import Edges, FaceFinder, Source, footage, mark_of, sources_of
from continuity.interfaces import Pixels, Watch
from continuity.media import Clip, Image, Media
from continuity.records import Cost, Json, Recipe, Rendered

ANOTHER_FAULT = 0.25  # chance of each further aspect to fail beside the first
_SOURCE, _FAULTS, _DIRECTION = 0, 1, 2  # independent streams of random numbers under one seed


class Simulator:
    """Makes candidates from real footage by real pixel operations, some acceptable, some not, and records the truth.

    Every candidate differs a little from the source in every aspect. One that is not acceptable goes clearly beyond
    that in at least one of ``aspects``, drawn by its seed:

    ========  ===============  ===============================================================================
    aspect    operation        at amount 1
    ========  ===============  ===============================================================================
    mark      ``deform_mark``  the mark bent by 0.45 of its height, stretched by half, 60 % another colour
    face      ``warp_face``    other proportions: eyes, nose, mouth, cheeks, jaw
    frame     ``reframe``      a window of two thirds of the picture, off its middle; the face stays in it
    light     ``relight``      a gain of 2.2 stops from the middle of the picture to its edge
    grade     ``regrade``      one of eight looks (ASC CDL): warm, cold, green, magenta, dark, bright, faded, harsh
    blur      ``blur``         Gaussian, sigma 0.6 % of the longer side
    ========  ===============  ===============================================================================

    ``recipe.details["truth"]`` of a candidate has an entry for each aspect, ``{"acceptable": bool, "operation": str,
    "amount": float in [0, 1]}``, and ``"acceptable"`` for all of them. An amount up to 0.1 is acceptable.
    ``recipe.changes`` may set amounts by aspect, such as ``{"grade": 0.5}``; the rest stays as the seed has it.

    The same seed and changes give the same pixels in every process and thread (with one version of numpy and Pillow).

    Args:
        source: a path, :class:`Image`, :class:`Clip` or H x W x 3 uint8 sRGB array; or a list of them, of which each
            candidate starts from one. Candidates of a clip are clips, changed alike in every frame.
        acceptable: probability of a candidate to be acceptable, in [0, 1].
        aspects: those that may fail; by default face, grade and mark, as far as they are there. Of the others nothing
            but harmless variation is seen unless they are named.
        size: longer side of a candidate in pixels; smaller sources keep their size.
        severity: the least and the greatest amount of a fault; the least above 0.1.
        face: where the face is in the source: a box (left, top, right, bottom) in pixels from brows to chin, or what
            finds it, such as ``LocalBackends().faces.detect``. Without it there is no aspect ``face``.
        mark: a logo to composite first, H x W x 4 uint8, straight alpha. Without it there is no aspect ``mark``.
        mark_at: its place in the source, (left, top, right, bottom) in pixels.
        steps: how often a watch may look into a render.
        seconds_per_render: what a whole render is said to have cost, for demonstrations of a bill; the details then
            say that it is simulated. None records the seconds that it took.
        device: where these simulated seconds are said to have been spent, such as ``cuda``.
        salt: another number gives other candidates for the same seeds.
        mix: draws the faults of a failure from more kinds, a stated share of them repairable, instead of from
            ``aspects``; see :class:`~continuity.generators.simulator.mix.Mix`.

    Raises:
        MediaError: a source cannot be read.
        UsageError: an argument cannot be used; the message says which.
    """

    version = 1  # raised when the same settings and seed give other pixels: part of the stream

    def __init__(
        self,
        source: Source | Sequence[Source],
        *,
        acceptable: float = 0.125,
        aspects: Sequence[str] | None = None,
        size: int = 512,
        severity: tuple[float, float] = (0.8, 1.0),
        face: Edges | FaceFinder | None = None,
        mark: Pixels | None = None,
        mark_at: Edges | None = None,
        steps: int = 20,
        seconds_per_render: float | None = None,
        device: str = "cpu",
        salt: int = 0,
        mix: Mix | None = None,
    ) -> None:
        missing = {*(("face",) if face is None else ()), *(("mark", "smear", "swap") if mark is None else ())}
        able = [a for a in (FAULTS if mix is None else ORDER) if a not in missing]
        if mix is not None and (aspects is not None or not isinstance(mix, Mix)):
            raise UsageError(
                f"mix= is a Mix, and it draws the faults itself, without aspects=; got {mix!r}, {aspects!r}"
            )
        _check(acceptable, severity, size, steps, salt)
        if seconds_per_render is not None and not (_is_number(seconds_per_render, 0, math.inf) and seconds_per_render):
            raise UsageError(f"seconds_per_render is a number of seconds above 0, got {seconds_per_render!r}")
        if device != "cpu" and seconds_per_render is None:
            raise UsageError(
                f"the simulator runs on the CPU: device={device!r} needs seconds_per_render to simulate a bill"
            )
        self._able, self._mix = tuple(able), mix
        self._aspects = _checked_aspects(aspects, able)
        self._acceptable, self._severity, self._salt = float(acceptable), severity, salt
        self._size, self._steps, self._seconds, self._device = size, steps, seconds_per_render, device
        placed = mark_of(mark, mark_at)
        self._footage = tuple(footage(one, size, face, placed) for one in sources_of(source))

    @property
    def settings(self) -> Mapping[str, Json]:
        """Everything that changes pixels or costs; the footage by its digests."""
        mixed = {} if self._mix is None else {"mix": self._mix.settings}
        return {
            **mixed,
            "acceptable": self._acceptable,
            "aspects": list(self._aspects),
            "device": self._device,
            "footage": [one.digest for one in self._footage],
            "salt": self._salt,
            "seconds_per_render": self._seconds,
            "severity": list(self._severity),
            "size": self._size,
            "steps": self._steps,
        }

    def truth(self, seed: int, changes: Mapping[str, Json] | None = None) -> dict[str, Any]:
        """What :meth:`render` will record as the truth of a seed, without touching a pixel.

        Raises:
            UsageError: a change is no amount in [0, 1] of an aspect that this simulator has.
        """
        amounts = self._amounts(seed, changes or {})
        truth = {
            aspect: {"acceptable": amount <= HARMLESS, "operation": ORDER[aspect].operation, "amount": amount}
            for aspect, amount in amounts.items()
        }
        return {"acceptable": all(amount <= HARMLESS for amount in amounts.values()), **truth}

    def render(self, recipe: Recipe, watch: Watch | None = None) -> Rendered:
        """Renders the candidate of ``recipe.seed`` and ``recipe.changes``; the prompt changes nothing.

        A watch sees the final picture behind a blur that lifts from step to step.

        Raises:
            RenderFailed: the changes are none that this simulator knows.
            Aborted: the watch said no; the cost has the steps that were run.
        """
        clock = _Clock(watch, self._steps, self._seconds, self._device)
        try:
            truth = self.truth(recipe.seed, recipe.changes)
            chosen = self._footage[int(self._random(recipe.seed, _SOURCE).integers(len(self._footage)))]
            edits = [
                ORDER[aspect].draw(amount, self._random(recipe.seed, _DIRECTION, k))
                for k, (aspect, amount) in enumerate(self._amounts(recipe.seed, recipe.changes).items())
                if amount or aspect in FAULTS  # a mark is there even where nothing is wrong with it
            ]
            frames = [_edited(scene, edits) for scene in chosen.scenes]
            media: Media = Image.from_array(frames[0]) if chosen.rate is None else Clip.from_arrays(frames, chosen.rate)
        except (UsageError, MediaError) as cause:
            raise RenderFailed(f"the simulator could not render: {cause}", cost=clock.cost(0), recipe=recipe) from cause
        recipe = replace(
            recipe,
            details={
                **recipe.details,
                "generator": "Simulator",
                "truth": truth,
                "cost": "measured" if self._seconds is None else "simulated",
                "versions": _versions(),
            },
            inputs={**recipe.inputs, "source": chosen.source},
        )
        for step in range(1, self._steps + 1):
            if not clock.look(step, frames[0]):
                reason = f"the render was stopped at step {step} of {self._steps}"
                raise Aborted(reason, cost=clock.cost(step), recipe=recipe)
        return Rendered(media=media, cost=clock.cost(self._steps), recipe=recipe)

    def _amounts(self, seed: int, changes: Mapping[str, Json]) -> dict[str, float]:
        """How far each aspect is off: the draw of the seed, then what the recipe changes."""
        able = self._able if self._mix is None else (*self._able, DIAL)
        unknown = [key for key in changes if key not in able]
        if unknown:
            raise UsageError(f"a recipe may change {', '.join(able)}, got {', '.join(map(repr, unknown))}")
        random = self._random(seed, _FAULTS)
        if self._mix is not None:
            chance = self._mix.chance(self._acceptable, changes)
            return _changed(self._mix.amounts(random, chance, self._able, self._severity), changes)
        acceptable = random.random() < self._acceptable
        first = self._aspects[int(random.integers(len(self._aspects)))]
        amounts: dict[str, float] = {}
        for aspect in FAULTS:  # the same draws whichever aspects there are, so that one more moves none of the others
            further, low, high = random.random() < ANOTHER_FAULT, random.random(), random.random()
            if aspect not in self._able:
                continue
            fails = not acceptable and (aspect == first or (further and aspect in self._aspects))
            least, most = self._severity if fails else (LEAST * HARMLESS, HARMLESS)
            amounts[aspect] = round(least + (most - least) * (high if fails else low), 4)
        return _changed(amounts, changes)

    def _random(self, seed: int, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self._salt, seed % 2**64, *stream])

    def __repr__(self) -> str:
        return (
            f"Simulator({len(self._footage)} source(s), {self._acceptable:.3g} acceptable, {', '.join(self._aspects)})"
        )


@dataclass(slots=True)
class _Clock:
    """What a render cost: its own time apart from the time spent in the watch and on its previews."""

    watch: Watch | None
    steps: int
    simulated: float | None
    device: str
    began: float = field(default_factory=time.perf_counter)
    watched: float = 0.0
    previewed: float = 0.0

    def look(self, step: int, pixels: Pixels) -> bool:
        """Whether the render goes on."""
        if self.watch is None:
            return True
        began = time.perf_counter()
        try:
            return self.watch.look(step, self.steps, self._preview(step, pixels))
        finally:
            self.watched += time.perf_counter() - began

    def _preview(self, step: int, pixels: Pixels) -> Callable[[], Image]:
        def preview() -> Image:
            began = time.perf_counter()
            image = Image.from_array(blur(pixels, (1 - step / self.steps) * max(pixels.shape[:2]) / 16))
            self.previewed += time.perf_counter() - began
            return image

        return preview

    def cost(self, step: int) -> Cost:
        """The cost so far, after ``step`` steps."""
        own = time.perf_counter() - self.began - self.watched
        return Cost(
            render=own if self.simulated is None else self.simulated * step / self.steps,
            preview=self.previewed,
            score=max(0.0, self.watched - self.previewed),
            device=self.device,
            steps_run=step,
            steps_planned=self.steps,
        )


def _changed(amounts: dict[str, float], changes: Mapping[str, Json]) -> dict[str, float]:
    """The amounts of a seed with those that the recipe sets."""
    for aspect, value in changes.items():
        if aspect not in amounts:
            continue  # the dial, which is no amount
        if not _is_number(value, 0, 1):
            raise UsageError(f"an amount is a number in [0, 1], got {aspect} = {value!r}")
        amounts[aspect] = float(value)  # type: ignore[arg-type]  # a number, as just checked
    return amounts


def _edited(scene: Scene, edits: Sequence[Callable[[Pixels, Scene], Pixels]]) -> Pixels:
    pixels = scene.pixels
    for edit in edits:
        pixels = edit(pixels, scene)
    return pixels


def _versions() -> dict[str, Json]:
    import PIL
    import scipy

    return {
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "python": platform.python_version(),
        "scipy": scipy.__version__,
    }


def _checked_aspects(aspects: Sequence[str] | None, able: Sequence[str]) -> tuple[str, ...]:
    if aspects is None:
        return tuple(a for a in ("mark", "face", "grade") if a in able)
    if isinstance(aspects, str) or not aspects:
        raise UsageError(f"aspects= lists what may fail, one or more of {', '.join(FAULTS)}; got {aspects!r}")
    for aspect in aspects:
        if aspect not in FAULTS:
            raise UsageError(f"the simulator has no aspect {aspect!r}; there are {', '.join(FAULTS)}")
        if aspect not in able:
            raise UsageError(f"the aspect {aspect!r} can only fail where there is one: give {aspect}=")
    return tuple(a for a in FAULTS if a in aspects)


def _check(acceptable: Any, severity: Any, size: Any, steps: Any, salt: Any) -> None:
    if not _is_number(acceptable, 0, 1):
        raise UsageError(f"acceptable is a share in [0, 1], got {acceptable!r}")
    pair = isinstance(severity, tuple | list) and len(severity) == 2
    if not pair or not all(_is_number(s, 0, 1) for s in severity) or not HARMLESS < severity[0] <= severity[1]:
        raise UsageError(
            f"severity is (least, greatest) amount of a fault, above {HARMLESS} and up to 1, got {severity!r}"
        )
    for name, value, least in (("size", size, 32), ("steps", steps, 1), ("salt", salt, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UsageError(f"{name} is a whole number from {least} up, got {value!r}")


def _is_number(value: Any, least: float, most: float) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and least <= value <= most
    )
