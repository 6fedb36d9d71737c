"""Learns from how far off candidates were which arguments to try next."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

from continuity.errors import UsageError
from continuity.installs import require
from continuity.proposers.ranges import DIGITS, WANTED, checked, text_of
from continuity.records import Json, Origin, Proposal, State, Trial

WHO = "optuna"
EXTRA = "'continuity-gate[optuna]'"
LATEST = 1000  # trials that are learned from: what a proposal costs does not grow for ever


class OptunaProposer:
    """Chooses call arguments of the generator, for each shot anew, by Optuna's tree-structured Parzen estimator
    (Bergstra et al. 2011; Watanabe 2023): any argument, adapter scale, prompt or path, from lists or ranges as
    :class:`Variations` has them.

    What it makes small is the worst normalised excess of a candidate: at 0 or below it is accepted. Where that says
    little of the arguments it follows luck, and :class:`LearnedVariations` is the one to take. A candidate that was
    aborted counts as pruned, and so does one that passed and a person rejected; one that failed, or that could not be
    judged, teaches nothing. All it learns from is the history of the shot, so that a run goes on where the ledger says,
    without a storage of its own; a proposal follows from that history, the shot's name, the index and the settings
    alone. So every shot draws its own arguments, and the same ones when it is run again.

    Every proposal is of origin ``learned``, the first ones too: a promise about random candidates does not cover them,
    and a learned stream needs an audit of its own. With it a shot measures every candidate with every metric.

    Args:
        vary: name of an argument -> a list of plain JSON values, or ``{"low": a, "high": b}``, with ``"log": True`` in
            its logarithm, with ``"whole": True`` whole numbers, both ends included.
        startup: so many candidates are drawn at random before anything is learned.
        seed: another number gives other draws.

    Raises:
        UsageError: nothing to vary, a value that is no plain JSON, ``seed`` (the shot draws it).
        MissingDependency: Optuna is not installed.
    """

    learns = True

    def __init__(
        self, vary: Mapping[str, Sequence[Json] | Mapping[str, Json]], *, startup: int = 10, seed: int = 0
    ) -> None:
        if not isinstance(vary, Mapping) or not vary:
            raise UsageError(f"{WHO}: name of an argument -> {WANTED} was wanted, got {vary!r}")
        for name, number, least in (("startup", startup, 1), ("seed", seed, 0)):
            if type(number) is not int or number < least:
                raise UsageError(f"{WHO}: {name} is a whole number from {least} up, got {number!r}")
        self._vary = {name: checked(name, values, who=WHO) for name, values in vary.items()}
        self._startup, self._seed = startup, seed
        self._optuna = _optuna()
        self._space = {name: self._distribution(values) for name, values in self._vary.items()}
        self._shot: tuple[str, ...] = ()

    @property
    def settings(self) -> Mapping[str, Json]:
        """All arguments, and the version of Optuna, which draws."""
        version = str(self._optuna.__version__)
        return {"vary": self._vary, "startup": self._startup, "seed": self._seed, "optuna": version}

    def begin(self, past: Sequence[Trial], shot: str) -> Self:
        """The proposer for one candidate of a shot: its name is drawn from too; ``past`` teaches nothing here."""
        made = copy.copy(self)
        made._shot = (shot,)
        return made

    def propose(self, history: Sequence[Trial], index: int) -> Proposal:
        """The arguments of candidate ``index`` as changes, origin ``learned``."""
        optuna = self._optuna
        # With the index alone all shots of a show made the same draws; of a revision the name is that of the last one.
        shot = [*self._shot, *(trial.seed for trial in history[:1])]
        text = json.dumps([self._seed, index, *shot])
        seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest())
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=self._startup, multivariate=True)
        study = optuna.create_study(sampler=sampler)
        study.add_trials([one for trial in history[-LATEST:] if (one := self._known(trial)) is not None])
        asked = study.ask(self._space)
        changes = {name: self._value(name, asked.params[name]) for name in self._vary}
        return Proposal(changes=changes, origin=Origin.LEARNED)

    def _known(self, trial: Trial) -> Any | None:
        """A candidate as Optuna sees it; None where it is of another search, still runs, or was lost."""
        states = self._optuna.trial.TrialState
        excess = trial.worst_excess
        vetoed = trial.state is State.REJECTED and excess is not None and excess <= 0  # by a person: no number says so
        if (
            trial.state in (State.ACCEPTED, State.REJECTED)
            and excess is not None
            and math.isfinite(excess)
            and not vetoed
        ):
            state, value = states.COMPLETE, excess
        elif trial.state is State.ABORTED or vetoed:
            state, value = states.PRUNED, None
        elif trial.state in (State.INCONCLUSIVE, State.FAILED):
            state, value = states.FAIL, None
        else:
            return None
        chosen = {name: self._inverse(name, trial.changes.get(name)) for name in self._vary}
        if any(one is None for one in chosen.values()):
            return None
        return self._optuna.trial.create_trial(state=state, value=value, params=chosen, distributions=self._space)

    def _distribution(self, values: Any) -> Any:
        made = self._optuna.distributions
        if isinstance(values, list):
            return made.CategoricalDistribution(
                tuple(range(len(values)))
            )  # a value may be a table: its place stands for it
        if values["whole"]:
            return made.IntDistribution(int(values["low"]), int(values["high"]), log=values["log"])
        return made.FloatDistribution(values["low"], values["high"], log=values["log"])

    def _value(self, name: str, drawn: Any) -> Json:
        values = self._vary[name]
        if isinstance(values, list):
            found: Json = values[drawn]
            return found
        if values["whole"]:
            return int(drawn)
        rounded = float(f"{drawn:.{DIGITS}g}")
        return float(min(max(rounded, values["low"]), values["high"]))

    def _inverse(self, name: str, value: Json) -> Any | None:
        """What Optuna drew for a value; None where it is none of this search."""
        values = self._vary[name]
        if isinstance(values, list):
            texts = [text_of(one) for one in values]
            text = text_of(value)
            return texts.index(text) if text in texts else None
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if number and values["low"] <= value <= values["high"] else None

    def __repr__(self) -> str:
        return f"OptunaProposer({self._vary!r})"


def _optuna() -> Any:
    optuna = require("optuna", EXTRA)
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # a study is made for every proposal, and each says so
    return optuna
