"""What hangs on a pipeline during one call, and is gone after it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from continuity.generators.diffusers import library, recording
from continuity.generators.diffusers.calls import CALLBACKS
from continuity.generators.diffusers.clean import Tap
from continuity.generators.diffusers.clock import Clock, Mark
from continuity.generators.diffusers.preview import Previews
from continuity.interfaces import Watch
from continuity.media import Image
from continuity.records import Cost, Json

BAR = "_progress_bar_config"


class StoppedByWatch(Exception):
    """The watch said no."""


class NotANumber(Exception):
    """The VAE decoded values that are no numbers."""


def seeded(stack: ExitStack, device: Any, seeds: Sequence[int]) -> Any:
    """One CPU generator for each candidate.

    What ignores it and draws from torch's global state, as a few schedulers do, is seeded as well, and that state
    is the caller's again after the call.
    """
    torch = library.torch()
    devices = [device] if device.type == "cuda" else []
    stack.enter_context(torch.random.fork_rng(devices=devices))
    torch.random.default_generator.manual_seed(seeds[0])
    for one in devices:
        with torch.cuda.device(one):
            torch.cuda.manual_seed(seeds[0])
    made = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    return made[0] if len(made) == 1 else made


def _dtype(model: Any) -> Any:
    """The type of a model's first parameter; ``model.dtype`` walks through all of its modules to say it."""
    first = next(model.parameters(), None) if hasattr(model, "parameters") else None
    return None if first is None else first.dtype


class Attached:
    """A context around one call: the VAE's ``decode`` is timed and its output checked, the progress bar is off unless
    the user set it up, and with a watch a callback runs after every step. Afterwards the pipeline, its VAE and its
    scheduler have the attributes that they had; after a failure offloaded models go back, too.

    Args:
        pipe: the pipeline.
        device: where it computes.
        items: how many candidates the call renders.
        previews: decodes what a watch looks at.
    """

    def __init__(self, pipe: Any, device: Any, items: int, previews: Previews) -> None:
        self._pipe, self._items, self._pictures = pipe, items, previews
        self._clock = Clock(device)
        self._began = self._clock.mark()
        self._vae = getattr(pipe, "vae", None)
        self._decodes: list[tuple[Mark, Mark]] = []
        self._finite: list[bool] = []
        self._previewing = self._denoised = False
        self._previews = self._watched = 0.0
        self._run: int | None = 0
        self._planned: int | None = None
        self.schedule: dict[str, Json] = {}  # timesteps and sigmas, once the call is over

    def __enter__(self) -> Attached:
        self._run = None  # not known, unless a watch counts the steps
        scheduler = getattr(self._pipe, "scheduler", None)
        self._scheduler = (scheduler, dict(vars(scheduler))) if scheduler is not None else None
        self._quiet = not hasattr(self._pipe, BAR)
        if self._quiet:
            self._pipe.set_progress_bar_config(disable=True)
        if self._vae is not None and hasattr(self._vae, "decode"):
            self._dtype = _dtype(self._vae)
            self._own_decode = vars(self._vae).get("decode")
            self._vae.decode = self._timed(self._vae.decode)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._count_steps(failed=kind is not None)
        self.schedule = recording.schedule(self._pipe)
        if self._vae is not None and hasattr(self._vae, "decode"):
            del self._vae.decode
            if self._own_decode is not None:
                self._vae.decode = self._own_decode
            if kind is not None and self._dtype is not None and _dtype(self._vae) != self._dtype:
                self._vae.to(self._dtype)  # an interrupted pipeline leaves the VAE as it was cast for decoding
        if self._quiet and hasattr(self._pipe, BAR):
            delattr(self._pipe, BAR)
        if self._scheduler is not None:
            scheduler, before = self._scheduler
            vars(scheduler).clear()
            vars(scheduler).update(before)
        if kind is not None and hasattr(self._pipe, "maybe_free_model_hooks"):
            self._pipe.maybe_free_model_hooks()

    def watching(self, watch: Watch, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that let a watch look. Without them the call is the user's to the last byte."""
        own = arguments.get(CALLBACKS[0])
        wanted = getattr(own, "tensor_inputs", None) or arguments.get(CALLBACKS[1]) or ["latents"]
        self._run = 0
        scheduler = getattr(self._pipe, "scheduler", None)
        tap = Tap(scheduler) if hasattr(scheduler, "step") else None  # off with the attributes put back by __exit__

        def stepped(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            changed = tensors
            if own is not None:
                changed = own(pipe, index, timestep, {name: tensors[name] for name in wanted}) or {}
            latents = changed.get("latents", tensors["latents"])
            self._run = (self._run or 0) + 1
            self._planned = max(getattr(pipe, "num_timesteps", None) or self._planned or 0, self._run)
            began = time.perf_counter()
            try:
                go_on = watch.look(self._run, self._planned, self._previewer(tap, latents, arguments))
            finally:
                self._watched += time.perf_counter() - began
            if not go_on:
                raise StoppedByWatch
            return changed

        return {CALLBACKS[0]: stepped, CALLBACKS[1]: [*dict.fromkeys([*wanted, "latents"])]}

    def cost(self) -> Cost:
        """What one item has cost up to now: its part of the call, from where this object was made."""
        now = self._clock.mark()
        decode = sum(self._clock.between(begin, end) for begin, end in self._decodes)
        render = max(0.0, self._clock.between(self._began, now) - decode - self._watched)
        return Cost(
            render=render / self._items,
            decode=decode / self._items,
            preview=self._previews / self._items,
            score=max(0.0, self._watched - self._previews) / self._items,
            device=self._clock.device,
            steps_run=self._run,
            steps_planned=self._planned,
        )

    @property
    def broken(self) -> list[bool]:
        """For each item, whether something that was decoded for it is no number; items lie first in every batch."""
        rows = self._finite
        each, left = divmod(len(rows), self._items)
        if left:
            return [not all(rows)] * self._items
        return [not all(rows[k * each : (k + 1) * each]) for k in range(self._items)]

    def _previewer(self, tap: Tap | None, latents: Any, arguments: Mapping[str, Any]) -> Callable[[], Image]:
        def decoded() -> Image:
            waiting = time.perf_counter()
            self._clock.wait()  # for the render, which is what this time belongs to
            began = time.perf_counter()
            self._watched -= began - waiting
            self._previewing = True
            try:
                clean = tap.clean() if tap is not None else None  # where it is not known, what there is, noise and all
                shown = latents if clean is None else clean
                return self._pictures.picture(self._pipe, shown, arguments)  # ends on the CPU: wall clock is enough
            finally:
                self._previewing = False
                self._previews += time.perf_counter() - began

        return decoded

    def _timed(self, decode: Callable[..., Any]) -> Callable[..., Any]:
        torch = library.torch()

        @functools.wraps(decode)  # pipelines inspect signatures
        def timed(*args: Any, **more: Any) -> Any:
            if self._previewing:
                return decode(*args, **more)
            begin, self._denoised = self._clock.mark(), True
            result = decode(*args, **more)
            self._decodes.append((begin, self._clock.mark()))
            pixels = result[0]
            if isinstance(pixels, torch.Tensor) and pixels.ndim:
                ends = torch.stack([torch.stack((row.amax(), row.amin())) for row in pixels])  # both pass a NaN on
                finite = torch.isfinite(ends).all(1).tolist()
                self._finite += finite
                if not all(finite):
                    if self._items == 1:
                        raise NotANumber
                    pixels.nan_to_num_()  # the others of the batch go on
            return result

        return timed

    def plan(self, steps: int | None) -> None:
        """How many steps the call asks for; the pipeline says how many it makes of them."""
        self._planned = steps

    def _count_steps(self, *, failed: bool) -> None:
        """How far the call came: to its end, or by the scheduler's own count where nobody watched and it keeps one."""
        scheduler, before = self._scheduler or (None, {})
        begun = scheduler is not None and vars(scheduler).get("timesteps") is not before.get("timesteps")
        if begun:
            self._planned = getattr(self._pipe, "_num_timesteps", None) or self._planned
        if not failed or self._denoised:
            self._run = self._planned
        elif self._run is None and not begun:
            self._run = 0
        elif self._run is None and (step := getattr(scheduler, "step_index", None)) is not None:
            self._run = max(0, step - (getattr(scheduler, "begin_index", None) or 0))
