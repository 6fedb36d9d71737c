"""What a run needs, checked before the first render."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from continuity.cli.aborting import aborts_of
from continuity.cli.gates import gate_for
from continuity.cli.loading import Loader
from continuity.cli.proposing import proposer_of
from continuity.cli.repairing import repairs_of
from continuity.cli.shot_file import ShotFile
from continuity.cli.words import plain
from continuity.errors import LedgerError, UsageError
from continuity.gate import Gate
from continuity.interfaces import Generator, Proposer, Repair, Watch
from continuity.ledger import Ledger, MediaStore
from continuity.metrics import OFF
from continuity.records import Budget
from continuity.shot import Shot
from continuity.shot.mending import checked

log = logging.getLogger(__name__)

DEFAULT_CANDIDATES = 100  # where nobody sets a limit: a night must end


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What the command line or the environment says in place of the file; None or empty where it says nothing."""

    identity: Path | None = None
    tolerances: Path | None = None
    ledger: Path | None = None
    limits: Mapping[str, float] = field(default_factory=dict)  # of the budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that one shot needs."""

    file: ShotFile
    gate: Gate
    loader: Loader
    ledger: Path
    budget: Budget

    def generator(self) -> Generator:
        """Made when it is first asked for, at the latest: a pipe takes its time and its memory."""
        return self.loader.generator(self.file, self.gate.check()[0])

    def proposer(self, generator: Generator) -> Proposer | None:
        """What the file asks for, or the generator itself where it proposes too."""
        return proposer_of(self.file, generator)

    def aborts(self) -> Watch | None:
        """What looks into each render, where the file asks for it."""
        return aborts_of(self.file, self.gate)

    def repairs(self) -> tuple[Repair, ...]:
        """What may be made of a candidate that fails, where the file asks for it and the metric is not off."""
        return tuple(one for one in repairs_of(self.file) if not self._idle(one))

    def left_out(self) -> list[str]:
        """A sentence for each repair of the file that has nothing to mend, since its metric is off."""
        idle = [one for one in repairs_of(self.file) if self._idle(one)]
        return [f"{type(one).__name__} is left out: {', '.join(one.keys)} is off under [expect]" for one in idle]

    def _idle(self, repair: Repair) -> bool:
        return bool(repair.keys) and all(self.file.expects.get(key) == OFF for key in repair.keys)

    def shot(self, opened: Ledger, proposer: Proposer | None = None) -> Shot:
        """The shot in its open ledger."""
        return Shot(
            self.file.name,
            gate=self.gate,
            ledger=opened,
            prompt=self.file.prompt,
            proposer=proposer,
            repairs=self.repairs(),
            stop=self.file.stop,
            measure_fully=self.file.measure_fully,
            keep_features=self.file.keep_features,
        )

    def so_far(self) -> int | None:
        """Candidates of this shot in the ledger, over all revisions; None where there is no ledger yet.

        Raises:
            LedgerError, StorageFull: the ledger could not be opened, or its disk is nearly full.
        """
        if not self.ledger.exists():
            if not self.ledger.parent.is_dir():
                where = plain(str(self.ledger.parent))
                raise LedgerError(f"a ledger was wanted in {where!r}, there is no such folder: make it")
            MediaStore.beside(self.ledger).check_space()
            return None
        with Ledger.open(self.ledger, create=False) as opened:
            opened.check_space()
            return sum(shot.totals.candidates for shot in opened.shots() if shot.name == self.file.name)


class Planner:
    """Plans shots, each gate and each generator made once for as many as say the same of it."""

    def __init__(self, typed: Typed) -> None:
        self._typed = typed
        self._loader = Loader()
        self._gates: dict[str, Gate] = {}

    def plan(self, file: ShotFile) -> Plan:
        """Checks everything that can be checked without rendering: identity, limits, weights, generator, budget.

        Raises:
            ContinuityError: whatever is missing or wrong, in one sentence.
        """
        typed, where = self._typed, file.where
        identity, ledger = typed.identity or file.identity, typed.ledger or file.ledger
        if identity is None:
            raise UsageError(f'{where}: write identity = "FOLDER" in it, or give --identity FOLDER')
        if ledger is None:
            raise UsageError(f'{where}: write ledger = "show.db" in it, or give --ledger show.db')
        limits: dict[str, Any] = {**file.budget, **typed.limits} or {"candidates": DEFAULT_CANDIDATES}
        budget = Budget(**limits, rates=file.rates)
        plan = Plan(
            file=file,
            gate=self._gate(file, identity, typed.tolerances or file.tolerances),
            loader=self._loader,
            ledger=ledger.absolute(),
            budget=budget,
        )
        proposer_of(file, self._loader.check(file, plan.gate.check()[0]))
        plan.aborts()
        checked(plan.repairs(), list(plan.gate.instruments))
        for said in plan.left_out():
            log.warning("%s: %s", where, said)
        return plan

    def _gate(self, file: ShotFile, identity: Path, tolerances: Path | None) -> Gate:
        key = repr((identity.absolute(), tolerances, sorted(file.limits.items()), sorted(file.expects.items())))
        if key not in self._gates:
            self._gates[key] = gate_for(identity, tolerances=tolerances, limits=file.limits, expects=file.expects)
        return self._gates[key]
