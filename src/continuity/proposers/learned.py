"""Draws call arguments where candidates of the whole campaign were accepted."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Self

from continuity.errors import UsageError
from continuity.proposers.ranges import WANTED, Places, chance_of, checked, drawn, split
from continuity.records import Json, Origin, Proposal, State, Trial

WHO = "learned"
PARTS = 8  # of a range: an acceptance rate is learned for each
LATEST = 2000  # trials that are learned from: what a proposal costs does not grow for ever
FAILS = (State.REJECTED, State.ABORTED, State.FAILED)


class LearnedVariations:
    """Draws call arguments of the generator where candidates were accepted, in this shot and in the shots before it:
    Thompson sampling (Thompson 1933; Chapelle and Li 2011, "An empirical evaluation of Thompson sampling").

    A range is cut into eight parts; of a list each value is one. For each part the share of candidates that are
    accepted has a Beta distribution, which begins as one accepted candidate at the mean share of the argument. One
    number is drawn from each of them, the part with the largest is taken, and a value is drawn evenly in it. Each
    argument learns by itself: what only pays together is found late or never. A share ``explore`` of candidates, by a
    coin, has all arguments drawn evenly, as :class:`Variations` would.

    A candidate is accepted or not: how far off it was does not count, since at 1 good in 20 the nearest miss of a shot
    is luck, and following it costs renders (decision 0040). An aborted render and one that failed are not accepted: who
    left them out would favour what never gets as far as being judged. What nobody could judge teaches nothing, nor
    does a value that is none of these. A person's word outranks the verdict. The shot hands over how candidates of
    other shots with the same generator, identity, instruments and limits ended, whatever their prompts, start pictures,
    masks and control clips; every other argument that the generator is given makes it another one. Where shots want
    different values it costs a few per cent; one shot that wants another value than all others before it takes about
    twice as many as with new seeds.

    A proposal follows from the history, those other candidates, the shot's name, the index and the settings: a run goes
    on where the ledger says. Nothing that is proposed changes a limit or a verdict. Every proposal is of origin
    ``learned``, the first ones too: a promise about random candidates does not cover them. What is drawn moves from
    shot to shot while the stream keeps its digest, and may move to where the gate is blind: what a tuning or an audit
    shows is of the candidates that were drawn until then, and no promise for later shots. Go on with the audit.

    Args:
        vary: name of an argument -> a list of plain JSON values, or ``{"low": a, "high": b}``, with ``"log": True`` in
            its logarithm, with ``"whole": True`` whole numbers, both ends included.
        explore: share of candidates whose arguments are drawn evenly, above 0 and up to 1.
        seed: another number gives other draws.

    Raises:
        UsageError: nothing to vary, a value that is no plain JSON, ``seed`` (the shot draws it), a number out of range.
    """

    def __init__(
        self, vary: Mapping[str, Sequence[Json] | Mapping[str, Json]], *, explore: float = 0.1, seed: int = 0
    ) -> None:
        if not isinstance(vary, Mapping) or not vary:
            raise UsageError(f"{WHO}: name of an argument -> {WANTED} was wanted, got {vary!r}")
        if type(explore) not in (int, float) or not 0 < explore <= 1:
            raise UsageError(f"{WHO}: explore is a number above 0 and up to 1, got {explore!r}")
        if type(seed) is not int or seed < 0:
            raise UsageError(f"{WHO}: seed is a whole number from 0 up, got {seed!r}")
        self._vary = {name: checked(name, values, who=WHO) for name, values in vary.items()}
        self._parts = {name: split(values, PARTS) for name, values in self._vary.items()}
        self._places = {name: Places(self._vary[name], parts) for name, parts in self._parts.items()}
        self._explore, self._seed = float(explore), seed
        self._past: Sequence[Trial] = ()
        self._shot: tuple[str, ...] = ()

    @property
    def settings(self) -> Mapping[str, Json]:
        """All three arguments."""
        return {"vary": self._vary, "explore": self._explore, "seed": self._seed}

    def begin(self, past: Sequence[Trial], shot: str) -> Self:
        """The proposer for one candidate of a shot, which also knows how candidates of other shots ended, the latest
        first."""
        made = copy.copy(self)
        made._past, made._shot = past, (shot,)
        return made

    def propose(self, history: Sequence[Trial], index: int) -> Proposal:
        """The arguments of candidate ``index`` as changes, origin ``learned``."""
        own = history[-LATEST:]
        told = [*own, *islice(self._past, LATEST - len(own))]
        # Name and seeds tell shots apart: with the index alone every shot of a campaign would make the same draws.
        which: list[Json] = [self._seed, index, *self._shot, *(trial.seed for trial in (*history[:1], *self._past[:1]))]
        even = chance_of(which, "explore") < self._explore
        changes = {
            name: drawn(values if even else self._part(name, told, which), chance_of(which, name))
            for name, values in self._vary.items()
        }
        return Proposal(changes=changes, origin=Origin.LEARNED)

    def _part(self, name: str, told: Sequence[Trial], which: Json) -> Any:
        """The part of an argument with the largest draw from its acceptance rate."""
        from scipy.special import betaincinv

        parts, places = self._parts[name], self._places[name]
        accepted, failed = [0] * len(parts), [0] * len(parts)
        for trial in told:
            counts = accepted if trial.state is State.ACCEPTED else failed if trial.state in FAILS else None
            if counts is not None and name in trial.changes:
                place = places.of(trial.changes[name])
                if place is not None:
                    counts[place] += 1
        mean = (sum(accepted) + 0.5) / (sum(accepted) + sum(failed) + 1)
        draws = [
            float(betaincinv(1 + hits, 1 / mean - 1 + misses, chance_of(which, name, k)))
            for k, (hits, misses) in enumerate(zip(accepted, failed, strict=True))
        ]
        # Where all were accepted all draws are 1: a tie is broken by chance, or the first part would win it always.
        return parts[max(range(len(parts)), key=lambda k: (draws[k], chance_of(which, name, k, "tie")))]

    def __repr__(self) -> str:
        return f"LearnedVariations({self._vary!r}, explore={self._explore}, seed={self._seed})"
