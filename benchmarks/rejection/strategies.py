"""The strategies: one loop of the library, called in different ways."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import continuity as ct
from continuity.records import State
from continuity.shot import StoppedBy, Told

from .pool import Pool
from .stage import Cell, Stage

KEPT_SHARE = 0.95  # of shots, by rendering a fixed number
HOPELESS = 1e-4  # chance of a shot to hold nothing acceptable in its whole budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What is switched on. ``fixed`` renders a number that is known beforehand and takes the best."""

    says: str
    fixed: bool = False
    early: bool = False
    aborts: bool = False
    repair: bool = False
    learning: bool = False
    regate: bool = False

    @property
    def in_order(self) -> bool:
        """Whether a shot depends on the shots before it."""
        return self.aborts or self.regate or self.learning


STRATEGIES: Mapping[str, Strategy] = {
    "fixed": Strategy(says="render what keeps 95 % of shots, take the best", fixed=True),
    "first": Strategy(says="stop at the first within tolerance"),
    "ordered": Strategy(says="cheap metrics first, stop measuring at the first fail", early=True),
    "aborts": Strategy(says="stop renders whose preview is beyond a learned limit", aborts=True),
    "repair": Strategy(says="mend what has a closed form", repair=True),
    "learning": Strategy(says="a proposer that learns from the whole campaign what is accepted", learning=True),
    "regate": Strategy(says="judge first what earlier shots discarded", regate=True),
    "all": Strategy(says="all of them", early=True, aborts=True, repair=True, learning=True, regate=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What became of one shot. ``bad`` is None where none was kept."""

    shot: str
    candidates: int
    renders: float  # full-render-equivalents
    seconds: float
    scoring: float
    inconclusive: int
    aborted: int
    kept: bool
    repaired: bool
    bad: bool | None
    acceptable: int = 0  # candidates that were acceptable as they are, or would have been; by truth
    lost: int = 0  # of them, aborted

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))


def budget_of(strategy: Strategy, share: float) -> int:
    """How many candidates a shot may take: what keeps 95 % of shots, or more than any shot should need."""
    missed = 1 - KEPT_SHARE if strategy.fixed else HOPELESS
    return math.ceil(math.log(missed) / math.log1p(-share))


def campaign(
    stage: Stage,
    pool: Pool,
    cell: Cell,
    strategy: Strategy,
    shots: range,
    ledger: Path,
    stopped: Callable[[], bool],
    *,
    early: bool = False,
) -> Iterator[Shot]:
    """The shots of a campaign in order, each as it ends; a new ledger is written at ``ledger``.

    With ``early`` every strategy stops measuring at the first fail: renders and what is kept are the same, as verdicts
    are, and scoring is what ``ordered`` takes.
    """
    generator, gate = stage.generator(cell), stage.gate
    budget = ct.Budget(candidates=budget_of(strategy, cell.share))
    patience: dict[str, Any] = {
        "failures": 10**6,
        "inconclusive": 10**6,
    }  # a candidate that cannot be judged costs a render, no more
    stop = (
        ct.BestOf(budget.candidates or 1, futility=None, **patience) if strategy.fixed else ct.FirstAccepted(**patience)
    )
    aborts = ct.PreviewAbort(
        [metric for metric in gate.metrics if metric.key in stage.abort_by],
        identity=gate.identity, backends=stage.backends, at=stage.abort_at, learn="metric",
        let_through=stage.let_through,
    ) if strategy.aborts else None  # fmt: skip
    learning = strategy.learning and (cell.learnable or not strategy.early)  # `all` learns where there is something
    with ct.Ledger.open(ledger) as rows:
        used: set[int] = set()
        for number in shots:
            if stopped():
                return
            name = f"s{number:04}"
            shot = ct.Shot(
                name, gate=gate, ledger=rows, prompt=stage.prompt, stop=stop,
                proposer=ct.LearnedVariations(stage.vary) if learning else None,
                repairs=stage.repairs() if strategy.repair else (),
                measure_fully=0.1 if strategy.early else 0.0 if early else 1.0,
            )  # fmt: skip
            charged, told = pool.charged, list[Told]()
            kept = _from_before(shot, rows, used) if strategy.regate else None
            outcome = None
            if kept is None:
                outcome = shot.run(generator, budget=budget, aborts=aborts, on_told=told.append)
                if outcome.stopped_by is StoppedBy.INTERRUPTED:
                    return
                kept = outcome.kept
            yield _shot(name, stage, cell, rows, told, kept, pool.charged - charged)


def _from_before(shot: ct.Shot, ledger: ct.Ledger, used: set[int]) -> Told | None:
    """A candidate of an earlier shot that no shot kept and that passes here: all shots ask for the same picture."""
    for one in ct.regate(ledger, shot.gate).passing:
        if one.kept or one.candidate in used or not one.media:
            continue
        used.add(one.candidate)
        ticket = shot.ask()
        told = shot.tell(
            ticket,
            ledger.media.open(one.media),
            ct.Cost(steps_run=0, steps_planned=1),
            recipe=ledger.recipe(one.candidate),
        )
        if told.row.state is State.ACCEPTED:
            return told
    return None


def _shot(
    name: str, stage: Stage, cell: Cell, ledger: ct.Ledger, told: list[Told], kept: Told | None, scoring: float
) -> Shot:
    renders = sum(one.row.cost.render_equivalents for one in told)
    spent = sum(sum(one.row.cost.seconds.values()) - one.row.cost.score for one in told)
    states = [one.row.state for one in told]
    recipes = [ledger.recipe(one.candidate) for one in told]
    fine = [stage.acceptable(cell, one.seed, one.changes) for one in recipes]
    lost = sum(one and state is State.ABORTED for one, state in zip(fine, states, strict=True))
    bad = None
    repaired = False
    if kept is not None:
        recipe = ledger.recipe(kept.candidate)
        media = kept.media
        assert media is not None
        repaired = bool(kept.row.repair)
        bad = not stage.good(cell, recipe.seed, recipe.changes, media)
    return Shot(
        shot=name,
        candidates=len(told),
        renders=renders,
        seconds=spent + scoring,
        scoring=scoring,
        inconclusive=states.count(State.INCONCLUSIVE),
        aborted=states.count(State.ABORTED),
        kept=kept is not None,
        repaired=repaired,
        bad=bad,
        acceptable=sum(fine),
        lost=lost,
    )
