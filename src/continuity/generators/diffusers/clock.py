"""Seconds of a render: between CUDA events where there is CUDA, on the wall clock else."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from continuity.generators.diffusers import library


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on the wall clock, and in the queue of the device."""

    wall: float
    event: Any = None


class Clock:
    """Marks moments of one call; ``device`` is where the pipeline computes."""

    def __init__(self, device: Any) -> None:
        self._torch = library.torch()
        self._device = device

    @property
    def device(self) -> str:
        """The device as costs name it: ``cuda:NVIDIA H100``, ``cpu``."""
        kind = str(self._device.type)
        return f"cuda:{self._torch.cuda.get_device_name(self._device)}" if kind == "cuda" else kind

    def mark(self) -> Mark:
        """Now. Work that is still queued on the device lies before it."""
        event = None
        if self._device.type == "cuda":
            try:
                event = self._torch.cuda.Event(enable_timing=True)
                event.record(self._torch.cuda.current_stream(self._device))
            except RuntimeError:  # a device that has failed still costs the seconds it was held
                event = None
        return Mark(time.perf_counter(), event)

    def wait(self) -> None:
        """Until the device has done what is queued: what is timed on the wall next is then its own."""
        if self._device.type == "cuda":
            self._torch.cuda.synchronize(self._device)

    def between(self, begin: Mark, end: Mark) -> float:
        """Seconds between two marks; waits until the device has reached the second one."""
        if begin.event is not None and end.event is not None:
            try:
                end.event.synchronize()
                return max(0.0, float(begin.event.elapsed_time(end.event)) / 1000)
            except RuntimeError:
                pass
        return end.wall - begin.wall
