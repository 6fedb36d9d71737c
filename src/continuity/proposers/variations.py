"""Call arguments that change from candidate to candidate: a grid of values, or random draws."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Literal

from continuity.errors import BudgetSpent, UsageError
from continuity.proposers.ranges import WANTED, chance_of, checked, drawn
from continuity.records import Json, Origin, Proposal, State, Trial

WHO = "variations"


class Variations:
    """Changes call arguments of the generator, also ``prompt``; each candidate has a new seed all the same.

    ``order="grid"`` goes through every combination of the lists, the last argument fastest. Without ``repeats`` it
    begins again with new seeds when it is through, since a shot ends by its budget and not by the size of a grid. With
    ``repeats`` every combination is rendered that often, candidates that were lost not counted, and then there is
    nothing left to propose.

    ``order="random"`` draws each argument on its own, from a list or a range. A draw follows from the index of the
    candidate and the settings alone (BLAKE2b as a counter-based generator), so another worker, or another day, draws
    the same; and candidates are independent draws, so that a generation ratio counted so far says something about the
    renders to come. In a grid they are not.

    Args:
        vary: name of an argument -> a list of plain JSON values (a table such as ``{"mara": 0.8}`` is one), or a range
            ``{"low": a, "high": b}``, drawn evenly; with ``"log": True`` evenly in its logarithm, with
            ``"whole": True`` a whole number, both ends included.
        order: ``grid`` or ``random``.
        repeats: how often each combination of a grid is rendered; None is without end.

    Raises:
        UsageError: nothing to vary, a value that is no plain JSON, a range in a grid, ``seed`` (the shot draws it).
    """

    def __init__(
        self,
        vary: Mapping[str, Sequence[Json] | Mapping[str, Json]],
        *,
        order: Literal["grid", "random"] = "grid",
        repeats: int | None = None,
    ) -> None:
        if order not in ("grid", "random"):
            raise UsageError(f"variations: order is 'grid' or 'random', got {order!r}")
        if repeats is not None and (type(repeats) is not int or repeats < 1 or order == "random"):
            raise UsageError(f"variations: repeats is a whole number from 1 up and counts in a grid, got {repeats!r}")
        if not isinstance(vary, Mapping) or not vary:
            raise UsageError(f"variations: name of an argument -> {WANTED} was wanted, got {vary!r}")
        self._vary = {name: checked(name, values, who=WHO, grid=order == "grid") for name, values in vary.items()}
        self._order, self._repeats = order, repeats
        self._text = json.dumps(self.settings, sort_keys=True)  # what draws depend on besides the index

    @property
    def settings(self) -> Mapping[str, Json]:
        """All three arguments as plain JSON."""
        return {"vary": self._vary, "order": self._order, "repeats": self._repeats}

    @property
    def combinations(self) -> int | None:
        """How many combinations a grid has; None for random draws."""
        if self._order == "random":
            return None
        return math.prod(len(values) for values in self._vary.values())

    def propose(self, history: Sequence[Trial], index: int) -> Proposal:
        """The arguments of candidate ``index`` as changes, origin ``random``: nothing was learned.

        Raises:
            BudgetSpent: every combination has been rendered ``repeats`` times.
        """
        size = self.combinations
        if size is None:
            changes = {name: drawn(values, chance_of(self._text, name, index)) for name, values in self._vary.items()}
        elif self._repeats is None or index < size * self._repeats:
            changes = self._combination(index % size)
        else:
            changes = self._missing(history, size, self._repeats)
        return Proposal(changes=changes, origin=Origin.RANDOM)

    def _combination(self, number: int) -> dict[str, Json]:
        """The combination of that number: its digits, in a number system with a base for each argument."""
        chosen: dict[str, Json] = {}
        for name, values in reversed(self._vary.items()):
            number, place = divmod(number, len(values))
            chosen[name] = values[place]
        return {name: chosen[name] for name in self._vary}

    def _missing(self, history: Sequence[Trial], size: int, repeats: int) -> dict[str, Json]:
        """What was asked for under an index of the grid but lost, or never because the shot began with another
        proposer."""
        done: dict[str, int] = {}
        for trial in history:
            if trial.state is not State.LOST:
                key = _key(trial.changes)
                done[key] = done.get(key, 0) + 1
        for number in range(size):
            changes = self._combination(number)
            if done.get(_key(changes), 0) < repeats:
                return changes
        raise BudgetSpent(
            f"all {size} combinations have been rendered {repeats} {'time' if repeats == 1 else 'times'}: add values, "
            "raise repeats, or leave it out to go on with new seeds"
        )

    def __repr__(self) -> str:
        more = "" if self._repeats is None else f", repeats={self._repeats}"
        return f"Variations({self._vary!r}, order={self._order!r}{more})"


def _key(changes: Mapping[str, Json]) -> str:
    return json.dumps(changes, sort_keys=True)
