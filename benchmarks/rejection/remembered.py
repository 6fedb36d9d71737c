"""A simulator that shows again what it rendered lately: strategies that go side by side ask for the same pictures."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace

from continuity.errors import Aborted
from continuity.generators import Simulator
from continuity.generators.simulator.operations import blur
from continuity.interfaces import Watch
from continuity.media import Image
from continuity.records import Cost, Json, Recipe, Rendered

HELD = 1000  # renders; more than a shot has candidates


class Remembered:
    """The renders, costs and previews of a :class:`Simulator` of stills, each of them rendered once.

    Args:
        made: what renders.
        steps: that it plans.
        seconds: that a render is said to take.
    """

    version = 1

    def __init__(self, made: Simulator, steps: int, seconds: float) -> None:
        self.made, self._steps, self._seconds = made, steps, seconds
        self._held: OrderedDict[tuple[object, ...], Rendered] = OrderedDict()

    @property
    def settings(self) -> Mapping[str, Json]:
        """Of the simulator."""
        return self.made.settings

    def render(self, recipe: Recipe, watch: Watch | None = None) -> Rendered:
        """As :meth:`Simulator.render`.

        Raises:
            Aborted: the watch said no.
            RenderFailed: as the simulator says.
        """
        key = (recipe.seed, *sorted(recipe.changes.items()))
        held = self._held.get(key) or self.made.render(recipe)
        self._held[key] = held
        self._held.move_to_end(key)
        if len(self._held) > HELD:
            self._held.popitem(last=False)
        recipe = replace(
            recipe,
            details={**recipe.details, **held.recipe.details},
            inputs={**recipe.inputs, **held.recipe.inputs},
        )
        if watch is None:
            return replace(held, recipe=recipe)
        assert isinstance(held.media, Image)
        preview = _Preview(held.media, self._steps)
        for step in range(1, self._steps + 1):
            if not watch.look(step, self._steps, preview.at(step)):
                cost = replace(self._cost(held, preview), render=self._seconds * step / self._steps, steps_run=step)
                raise Aborted(f"the render was stopped at step {step} of {self._steps}", cost=cost, recipe=recipe)
        return replace(held, recipe=recipe, cost=self._cost(held, preview))

    def _cost(self, held: Rendered, preview: _Preview) -> Cost:
        return replace(held.cost, preview=preview.seconds)  # what a watch measures is on the bill of the pool


class _Preview:
    """What the simulator shows of a render under way, and how long that took."""

    def __init__(self, image: Image, steps: int) -> None:
        self._pixels, self._steps, self.seconds = image.pixels, steps, 0.0

    def at(self, step: int) -> Callable[[], Image]:
        def shown() -> Image:
            began = time.perf_counter()
            side = max(self._pixels.shape[:2])
            image = Image.from_array(blur(self._pixels, (1 - step / self._steps) * side / 16))
            self.seconds += time.perf_counter() - began
            return image

        return shown
